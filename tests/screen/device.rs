//! The device and its screen: it starts the process that shows, starts it again when it dies, and the music goes on.

#[path = "../place/mod.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
pub mod place;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use orchestrion_rig::films::{Film, is_like, picture, pixel_of};
use orchestrion_rig::x_server::XServer;
use place::{Place, Subscriber};
use serde_json::{Value, json};

use crate::stage::{HEIGHT, PATIENCE, WIDTH, can_show, program};

pub const BLUE: [u8; 3] = [30, 30, 200];
const RED: [u8; 3] = [200, 30, 30];
const CORNER: (u32, u32) = (20, 20);
/// How often the process is killed.
const KILLS: u32 = 20;
/// Longest time between two kills, in milliseconds.
pub const KILL_EVERY_MS: u64 = 1200;
/// How far the music's place may be from the clock on a machine that others use. It is told about once a second.
const ADRIFT_MS_MAX: u64 = 2500;

/// A place with music, a film and a screen.
pub fn place_with_film(screen: &XServer) -> (Place, String) {
    let mut place = Place::new();
    place.setup.env.push(("ORCHESTRION_MEDIA".into(), program().display().to_string()));
    place.song("music/a.wav", 600.0);
    fs::create_dir(place.path().join("films")).unwrap();
    let film = Film { width: 320, height: 180, rate: 25, frames: 50, colour: BLUE, has_sound: false };
    film.write(&place.path().join("films/a.mp4"), "libx264").unwrap();
    let toml = format!("[screen]\nshow = [\"films\"]\nsink = \"x11\"\ndisplay = \"{}\"\n", screen.display());
    (place, toml)
}

pub fn see(screen: &XServer, what: impl Fn([u8; 3]) -> bool) -> Duration {
    let begun = Instant::now();
    while !what(screen.pixel(CORNER.0, CORNER.1).unwrap()) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", screen.pixel(CORNER.0, CORNER.1));
        std::thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed()
}

/// The process that shows, a child of the device.
pub fn shower(device: u32) -> Option<u32> {
    let tasks = fs::read_dir(format!("/proc/{device}/task")).ok()?;
    let lists = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: Vec<u32> =
        lists.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<_>>()).collect();
    children.into_iter().find(|child| {
        fs::read(format!("/proc/{child}/cmdline"))
            .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"screen"))
    })
}

/// Numbers from a seed (Knuth, The Art of Computer Programming, volume 2, section 3.3.4: the multiplier of MMIX).
pub struct Chance(u64);

impl Chance {
    pub fn new() -> Self {
        let seed = std::env::var("ORCHESTRION_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = seed.unwrap_or(now.as_nanos() as u64);
        println!("ORCHESTRION_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Where the music was at which moments, as it was told while somebody listened.
fn places(told: &[(Instant, Value)]) -> Vec<(Instant, u64)> {
    let times = told.iter().filter(|(_, told)| told["method"] == "TimeChanged");
    times.map(|(at, told)| (*at, told["params"]["position_ms"].as_u64().unwrap())).collect()
}

#[test]
fn the_picture_is_back_after_each_kill_of_its_process_and_the_music_does_not_notice() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    let device = place.run(&toml);
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
    see(&screen, |pixel| is_like(pixel, BLUE));
    device.wait_for(PATIENCE, |status| status["state"] == "playing").unwrap();
    let listener = Subscriber::of(&device);
    let mut chance = Chance::new();
    let mut darks = Vec::new();
    for kill in 1..=KILLS {
        std::thread::sleep(Duration::from_millis(chance.below(KILL_EVERY_MS)));
        let process = shower(device.pid()).expect("a process shows");
        assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
        // Its window goes with it.
        see(&screen, |pixel| !is_like(pixel, BLUE));
        darks.push(see(&screen, |pixel| is_like(pixel, BLUE)));
        let status = device.wait_for(PATIENCE, |status| status["screen"]["restarts"] == kill).unwrap();
        assert_eq!(status["state"], "playing", "{status}");
    }
    // The film is suspected by now, and the only one. That the other is no film is found out each time.
    fs::write(place.path().join("films/b.mp4"), "This is no film.").unwrap();
    device.wait_for(PATIENCE, |status| status["screen"]["items"] == 2).unwrap();
    let process = shower(device.pid()).expect("a process shows");
    assert!(Command::new("kill").args(["-9", &process.to_string()]).status().unwrap().success());
    see(&screen, |pixel| !is_like(pixel, BLUE));
    println!("beside a bad file: {:?}", see(&screen, |pixel| is_like(pixel, BLUE)));
    darks.sort();
    println!("without a picture: median {:?}, longest {:?}", darks[darks.len() / 2], darks[darks.len() - 1]);
    let status = device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
    assert_eq!(status["screen"]["is_fault"], true, "so many are a fault: {status}");
    let told = places(&listener.all_within(Duration::from_millis(2 * ADRIFT_MS_MAX)));
    let (begun, first) = told[0];
    assert!(told.len() > 10, "{told:?}");
    for pair in told.windows(2) {
        assert!(pair[1].1 > pair[0].1, "the music stood still: {told:?}");
    }
    for (at, position_ms) in &told {
        let adrift_ms = (at.duration_since(begun).as_millis() as u64).abs_diff(position_ms - first);
        assert!(adrift_ms < ADRIFT_MS_MAX, "{adrift_ms} ms: {told:?}");
    }
    assert!(device.terminate().unwrap().success());
    let songs = place.plays().into_iter().filter(|row| row.kind.as_deref() == Some("music")).count();
    assert_eq!(songs, 1, "one song, played in one piece");
}

#[test]
fn a_process_that_hangs_is_replaced() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    let device = place.run(&toml);
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
    let process = shower(device.pid()).expect("a process shows");
    assert!(Command::new("kill").args(["-STOP", &process.to_string()]).status().unwrap().success());
    device.wait_for(PATIENCE, |status| status["screen"]["restarts"] == 1).unwrap();
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
    assert_ne!(shower(device.pid()), Some(process));
    see(&screen, |pixel| is_like(pixel, BLUE));
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_process_that_always_dies_is_tried_seldom_and_a_fault_and_the_music_plays() {
    let mut place = Place::new();
    // As one whose libraries are broken.
    place.setup.env.push(("ORCHESTRION_MEDIA".into(), "/bin/false".into()));
    place.song("music/a.wav", 120.0);
    fs::create_dir(place.path().join("films")).unwrap();
    let device = place.run("[screen]\nshow = [\"films\"]\n");
    let status = device.wait_for(PATIENCE, |status| status["screen"]["restarts"] == 7).unwrap();
    assert_eq!(
        (&status["screen"]["is_fault"], &status["state"]),
        (&true.into(), &"playing".into()),
        "{status}"
    );
    assert_eq!(status["screen"]["problem"], "there are no films and no pictures to show", "{status}");
    fs::write(place.path().join("films/a.mp4"), "This is no film.").unwrap();
    let status = device.wait_for(PATIENCE, |status| status["screen"]["items"] == 1).unwrap();
    assert!(status["screen"]["problem"].as_str().unwrap().contains("it ended with 1"), "{status}");
    let told = Command::new(env!("CARGO_BIN_EXE_orchestrion"))
        .args(["ctl", "--socket"])
        .arg(place.setup.socket())
        .arg("status")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("WARNING: nothing, of 1 film or picture; not open"), "{told}");
    assert!(told.contains("it ended with 1"), "{told}");
    assert!(device.terminate().unwrap().success());
}

#[test]
fn bad_files_are_told_and_files_that_come_and_go_are_noticed() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    fs::write(place.path().join("films/b.mp4"), "This is no film.").unwrap();
    let device = place.run(&toml);
    let status = device.wait_for(PATIENCE, |status| status["screen"]["bad"][0].is_string()).unwrap();
    assert!(status["screen"]["bad"][0].as_str().unwrap().starts_with("b.mp4: "), "{status}");
    assert_eq!((&status["screen"]["sink"], &status["screen"]["size"]), (&"x11".into(), &"640x360".into()));
    let films = place.path().join("films");
    picture(&films.join("c.png"), (64, 36), [RED; 4]).unwrap();
    fs::remove_file(films.join("a.mp4")).unwrap();
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "c.png").unwrap();
    see(&screen, |pixel| is_like(pixel, RED));
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_snapshot_is_written_by_the_command_line_and_a_device_without_a_screen_says_so() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    let device = place.run(&toml);
    see(&screen, |pixel| is_like(pixel, BLUE));
    let out = place.path().join("seen.jpg");
    let ctl = |out: &std::path::Path| {
        Command::new(env!("CARGO_BIN_EXE_orchestrion"))
            .args(["ctl", "--socket"])
            .arg(place.setup.socket())
            .arg("snapshot")
            .arg(out)
            .output()
            .unwrap()
    };
    let done = ctl(&out);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let seen = pixel_of(&out, (10, 10)).unwrap();
    assert!(is_like(seen, BLUE), "{seen:?}");
    assert!(device.terminate().unwrap().success());

    let device = place.run("");
    let refused = ctl(&out);
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("[screen]"), "{words}");
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_device_with_nothing_to_show_says_so_on_its_screen_and_writes_the_song_over_what_comes() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    let (film, away) = (place.path().join("films/a.mp4"), place.path().join("a.mp4"));
    fs::rename(&film, &away).unwrap();
    let device = place.run(&format!("{toml}now_playing = true\n"));
    let status = device.wait_for(PATIENCE, |status| status["screen"]["is_splash"] == true).unwrap();
    assert_eq!(status["screen"]["problem"], "there are no films and no pictures to show", "{status}");
    see(&screen, |pixel| is_like(pixel, [20, 27, 38]));
    fs::rename(&away, &film).unwrap();
    let status = device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
    assert!(status["screen"]["is_splash"].is_null(), "{status}");
    see(&screen, |pixel| is_like(pixel, BLUE));
    // The strip lets a third of the film through.
    let begun = Instant::now();
    let is_strip = |pixel: [u8; 3]| pixel[0] < 25 && (40..100).contains(&pixel[2]);
    while !is_strip(screen.pixel(WIDTH - 4, HEIGHT - 10).unwrap()) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", screen.pixel(WIDTH - 4, HEIGHT - 10));
        std::thread::sleep(Duration::from_millis(10));
    }
    // A file that is not there is given up at once, and what is usual goes on.
    let path = place.path().join("none.png").display().to_string();
    device.ask("show_now", json!({"path": path, "for_s": 3600})).unwrap();
    let begun = Instant::now();
    while !place.setup.log().contains("none.png: No such file") {
        assert!(begun.elapsed() < PATIENCE, "{}", place.setup.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
    device.ask("stop", json!({})).unwrap();
    let begun = Instant::now();
    while !is_like(screen.pixel(WIDTH - 4, HEIGHT - 10).unwrap(), BLUE) {
        assert!(begun.elapsed() < PATIENCE, "the line stays although nothing plays");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(device.terminate().unwrap().success());
}

/// Every song of the folder `music` all day long; this loop on the screen, if any, at these hours, if they are its own.
pub fn rules(screen_loop: Option<&str>, screen_hours: Option<Value>) -> String {
    let always = json!([{"days": ["daily"], "from": "00:00", "to": "24:00"}]);
    let mut rules = json!({
        "v": 1,
        "place": {"id": "test"},
        "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
        "hours": {"sound": always},
        "dayparts": [{"id": "always", "days": ["daily"], "from": "00:00", "to": "24:00",
                      "playlists": [{"id": "all"}], "volume": {"set": 55}, "crossfade_s": 0}],
        "clockless": {"allowed": true},
        "fallback": "all",
        "library": {"playlists": [{"id": "all", "folder": "music"}]},
    });
    if let Some(screen_loop) = screen_loop {
        rules["dayparts"][0]["screen_loop"] = screen_loop.into();
    }
    if let Some(hours) = screen_hours {
        rules["hours"]["screen"] = hours;
    }
    rules.to_string()
}

#[test]
fn a_program_says_which_loop_is_shown_and_when_the_screen_is_dark() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    let menu = place.path().join("menu");
    fs::create_dir(&menu).unwrap();
    picture(&menu.join("m.png"), (64, 36), [RED; 4]).unwrap();
    let write = |text: &str| fs::write(place.path().join("program.json"), text).unwrap();
    write(&rules(Some("menu"), None));
    let more = "program = \"program.json\"\nclock = \"trusted\"\noutputs = [\"null\"]";
    let toml = format!("{more}\n{toml}background = \"#206080\"\n[screen.loops]\nmenu = [\"menu\"]\n");
    let device = place.setup.run(&toml).unwrap();
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "m.png").unwrap();
    see(&screen, |pixel| is_like(pixel, RED));
    let playing = device.wait_for(PATIENCE, |status| status["state"] == "playing").unwrap();

    write(&rules(Some("menu"), Some(json!([]))));
    device.ask("reload", json!({})).unwrap();
    let status = device.wait_for(PATIENCE, |status| status["screen"]["is_dark"] == true).unwrap();
    see(&screen, |pixel| is_like(pixel, [0x20, 0x60, 0x80]));
    assert!(status["screen"]["problem"].is_null() && status["screen"]["is_fault"].is_null(), "{status}");

    write(&rules(None, None));
    device.ask("reload", json!({})).unwrap();
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
    see(&screen, |pixel| is_like(pixel, BLUE));

    write(&rules(Some("lunch"), None));
    device.ask("reload", json!({})).unwrap();
    let status = device.wait_for(PATIENCE, |status| status["screen"]["problem"].is_string()).unwrap();
    assert!(status["screen"]["problem"].as_str().unwrap().contains("the loop lunch"), "{status}");
    see(&screen, |pixel| is_like(pixel, BLUE));
    assert_eq!(status["current"]["entry"], playing["current"]["entry"], "the music went on: {status}");
    assert!(device.terminate().unwrap().success());
}

#[test]
fn what_was_shown_is_in_the_play_log_with_its_frames_and_how_long_it_could_be_seen() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    picture(&place.path().join("films/b.png"), (64, 36), [RED; 4]).unwrap();
    let device = place.run(&format!("{toml}hold_s = 1\n"));
    for _ in 0..3 {
        device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.mp4").unwrap();
        device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "b.png").unwrap();
    }
    assert!(device.terminate().unwrap().success());
    let rows = place.plays();
    let of = |kind: &str| {
        let mut rows = rows.iter().filter(|row| row.kind.as_deref() == Some(kind));
        let row = rows.next().unwrap();
        assert!(rows.next().is_none(), "one row for each file");
        (row, row.end.as_ref().unwrap(), row.end.as_ref().unwrap().viewed.unwrap())
    };
    let (film, end, viewed) = of("film");
    assert!(
        film.path.ends_with("films/a.mp4") && film.output == "x11" && film.chosen_by == "loop",
        "{film:?}"
    );
    // Three times, or once more on a machine that is slow to say so; each time 50 frames in 2 s, of which it leaves some out.
    let whole = viewed.frames_expected / 50;
    assert!((3..=4).contains(&viewed.showings) && (3..=viewed.showings).contains(&whole), "{viewed:?}");
    assert!(viewed.frames_presented * 10 > viewed.frames_expected * 8, "{viewed:?}");
    // What follows a film is told when the film's last frame is given to the sink, up to 100 ms before it has been seen.
    assert!((whole * 1900 - 100..whole * 2000 + 3000).contains(&viewed.visible_ms), "{end:?}");
    assert_eq!(end.heard_ms, viewed.visible_ms, "{end:?}");
    assert_eq!(end.audible_ms, 0, "it has no sound");
    let (_, end, viewed) = of("picture");
    assert_eq!((viewed.frames_expected, viewed.frames_presented), (viewed.showings, viewed.showings));
    assert!((3..=4).contains(&viewed.showings) && (1900..6000).contains(&viewed.visible_ms), "{end:?}");
    let told = Command::new(env!("CARGO_BIN_EXE_orchestrion"))
        .args(["plays", "--state-dir"])
        .arg(place.setup.state_dir())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let line = told.lines().find(|line| line.contains("a.mp4")).unwrap();
    assert!(line.contains("visible") && line.contains(" ×, ") && line.contains(" frames)"), "{told}");
}

#[test]
fn an_emergency_is_seen_on_a_dark_screen_also_after_a_kill_until_it_is_ended() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    let exit = place.path().join("exit.png");
    picture(&exit, (64, 36), [RED; 4]).unwrap();
    place.song("leave.wav", 2.0);
    fs::write(place.path().join("program.json"), rules(None, Some(json!([])))).unwrap();
    let more = "program = \"program.json\"\nclock = \"trusted\"\noutputs = [\"null\"]";
    let toml = format!("{more}\n{toml}background = \"#206080\"\n");
    let device = place.setup.run(&toml).unwrap();
    device.wait_for(PATIENCE, |status| status["screen"]["is_dark"] == true).unwrap();
    see(&screen, |pixel| is_like(pixel, [0x20, 0x60, 0x80]));
    let told = Command::new(env!("CARGO_BIN_EXE_orchestrion"))
        .args(["ctl", "--socket"])
        .arg(place.setup.socket())
        .args(["emergency", "leave.wav", "--for", "1h", "--picture", "exit.png"])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    see(&screen, |pixel| is_like(pixel, RED));
    let status = device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "exit.png").unwrap();
    assert!(status["screen"]["is_dark"].is_null(), "{status}");
    assert!(Command::new("kill").args(["-9", &device.pid().to_string()]).status().unwrap().success());
    drop(device);
    see(&screen, |pixel| !is_like(pixel, RED));
    let device = place.setup.run(&toml).unwrap();
    see(&screen, |pixel| is_like(pixel, RED));
    device.ask("emergency.end", json!({})).unwrap();
    see(&screen, |pixel| is_like(pixel, [0x20, 0x60, 0x80]));
    assert!(device.terminate().unwrap().success());
    let rows = place.plays();
    let seen = rows.iter().rfind(|row| row.kind.as_deref() == Some("picture")).unwrap();
    assert_eq!(seen.chosen_by, "emergency", "{seen:?}");
}
