//! A device with a screen: its code is read from it by a camera, and it does what is ordered.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use orchestrion_protocol::release::{Digest, blob_path};
use orchestrion_rig::films::{Film, is_like, picture, pixel_of};
use orchestrion_rig::signal::sine;
use orchestrion_rig::wav::{self, SampleFormat};
use orchestrion_rig::x_server::XServer;
use serde_json::{Value, json};

use super::room::{Room, connected};
use super::server::{PATIENCE, Server};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const RED: [u8; 3] = [200, 30, 30];
const GREEN: [u8; 3] = [30, 180, 30];
const BLUE: [u8; 3] = [30, 30, 200];
const BLACK: [u8; 3] = [0, 0, 0];

/// The program that shows, which lies beside the device's own.
fn shower() -> Option<std::path::PathBuf> {
    let path = super::device().with_file_name("orchestrion-media");
    let can = path.is_file() && XServer::available();
    if !can {
        eprintln!("SKIPPED: it needs Xvfb, and {} (`cargo build --features media`)", path.display());
    }
    can.then_some(path)
}

/// Waits until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What a camera reads.
fn read(screen: &XServer) -> Option<String> {
    let light = |x: usize, y: usize| screen.pixel(x as u32, y as u32).unwrap().into_iter().max().unwrap();
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(WIDTH as usize, HEIGHT as usize, light);
    image.detect_grids().first().and_then(|grid| grid.decode().ok()).map(|(_, text)| text)
}

fn see(screen: &XServer, colour: [u8; 3]) {
    until(&format!("{colour:?}"), || is_like(screen.pixel(20, 20).unwrap(), colour));
}

#[test]
fn a_code_is_read_from_the_screen_which_then_shows_what_is_ordered_and_is_seen_from_afar() {
    let Some(shower) = shower() else { return };
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let server = Server::new();
    let mut room = Room::new(60.0);
    room.setup.env.push(("ORCHESTRION_MEDIA".into(), shower.display().to_string()));
    let films = room.path().join("films");
    fs::create_dir(&films).unwrap();
    let more = format!(
        "name = \"Front window\"\n[screen]\nshow = [{films:?}]\nsink = \"x11\"\ndisplay = \"{}\"\n",
        screen.display()
    );
    let device = room.run(&server.base, &more);
    let status = device.wait_for(PATIENCE, |status| status["server"]["code"].is_string()).unwrap();
    let code = status["server"]["code"].as_str().unwrap().to_owned();
    device.wait_for(PATIENCE, |status| status["screen"]["is_splash"] == true).unwrap();
    let wanted = format!("{}/#code={code}", server.base);
    until("the code", || read(&screen).as_ref() == Some(&wanted));
    if let Some(folder) = std::env::var_os("ORCHESTRION_SCREENSHOTS") {
        screen.screenshot(&Path::new(&folder).join("pairing.png")).unwrap();
    }
    server.admin(&["device", "accept", &code, "--place", "leeds-1"]);
    let id = connected(&device);
    until("the code to go", || read(&screen).is_none());

    picture(&films.join("a.png"), (64, 36), [RED; 4]).unwrap();
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.png").unwrap();
    see(&screen, RED);
    let out = room.path().join("seen.jpg");
    server.admin(&["device", "snapshot", &id, out.to_str().unwrap()]);
    assert!(is_like(pixel_of(&out, (50, 50)).unwrap(), RED));

    let done = server.command(&id, "screen", &json!({"on": false}));
    assert_eq!(done["state"], "done", "{done}");
    see(&screen, BLACK);
    let status = device.wait_for(PATIENCE, |status| status["screen"]["is_off"] == true).unwrap();
    assert!(status["screen"]["is_fault"].is_null() && status["screen"]["problem"].is_null(), "{status}");

    // A file of its store; more than that a server cannot name.
    let menu = room.path().join("menu.png");
    picture(&menu, (64, 36), [GREEN; 4]).unwrap();
    let blob = keep(&room, &fs::read(&menu).unwrap());
    let refused = server.command(&id, "show_now", &json!({"blob": blob, "for_s": 2}));
    assert!(refused["reason"].as_str().unwrap().contains("switched off"), "{refused}");
    let done = server.command(&id, "screen", &json!({"on": true}));
    assert_eq!(done["state"], "done", "{done}");
    see(&screen, RED);
    let done = server.command(&id, "show_now", &json!({"blob": blob, "for_s": 2}));
    assert_eq!(done["state"], "done", "{done}");
    see(&screen, GREEN);
    see(&screen, RED);
    // What is no picture is given up, however long it was to be shown.
    let text = keep(&room, b"This is no picture.");
    server.command(&id, "show_now", &json!({"blob": text, "for_s": 3600}));
    let given_up = format!("the screen: {text}: ");
    until("the log to name what is no picture", || room.setup.log().contains(&given_up));
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "a.png").unwrap();
    assert!(device.terminate().unwrap().success());
}

/// Puts a file into the device's store.
fn keep(room: &Room, bytes: &[u8]) -> Digest {
    let blob = Digest::of(bytes);
    let path = room.setup.state_dir().join("store").join(blob_path(&blob));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    blob
}

#[test]
fn a_device_without_a_screen_refuses_what_needs_one_in_words() {
    let server = Server::new();
    let room = Room::new(60.0);
    let token = server.admin(&["device", "token", "t", "--place", "leeds-1"]);
    let device = room.run(&server.base, &format!("token = {}", token["token"]));
    let id = connected(&device);
    let blob = keep(&room, b"This is no picture.");
    for (order, params) in [
        ("snapshot", Value::Null),
        ("screen", json!({"on": false})),
        ("show_now", json!({"blob": blob, "for_s": 60})),
    ] {
        let failed = server.command(&id, order, &params);
        let reason = failed["reason"].as_str().unwrap();
        assert!(failed["state"] == "failed" && reason.contains("no screen"), "{failed}");
    }
    let out = room.path().join("seen.jpg");
    let told = Command::new(env!("CARGO_BIN_EXE_orchestrion-server"))
        .arg("--config")
        .arg(&server.config)
        .args(["admin", "device", "snapshot", &id])
        .arg(&out)
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.code() == Some(1) && words.contains("no screen") && !out.exists(), "{words}");
    assert!(device.terminate().unwrap().success());
}

/// A program in a folder of its own with this film and this picture in the loop that its daypart names.
fn write_program(folder: &Path, (film, menu): ([u8; 3], [u8; 3]), song_s: f64) {
    fs::create_dir_all(folder.join("films")).unwrap();
    let of = Film { width: 320, height: 180, rate: 25, frames: 25, colour: film, has_sound: false };
    of.write(&folder.join("films/ad.mp4"), "libx264").unwrap();
    picture(&folder.join("menu.png"), (64, 36), [menu; 4]).unwrap();
    let tone = sine(330.0, 0.3, 0.0, 16_000, (song_s * 16_000.0) as usize);
    wav::write(&folder.join("song.wav"), &tone, 1, 16_000, SampleFormat::Int16).unwrap();
    let always = json!([{"days": ["daily"], "from": "00:00", "to": "24:00"}]);
    let program = json!({
        "v": 1, "place": {"id": "leeds-1"}, "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
        "hours": {"sound": always}, "clockless": {"allowed": true}, "fallback": "all",
        "dayparts": [{"id": "day", "days": ["daily"], "from": "00:00", "to": "24:00", "playlists": [{"id": "all"}],
                      "volume": {"set": 55}, "crossfade_s": 0, "screen_loop": "window"}],
        "library": {
            "recordings": [{"id": "song", "title": "Song", "files": ["song.wav"]},
                           {"id": "ad", "title": "The film", "files": ["films/ad.mp4"]},
                           {"id": "menu", "title": "The menu", "files": ["menu.png"]}],
            "playlists": [{"id": "all", "recordings": ["song"]}],
            "loops": [{"id": "window", "items": [{"recording": "ad"}, {"recording": "menu", "hold_s": 1}]}],
        },
    });
    fs::write(folder.join("program.json"), program.to_string()).unwrap();
}

#[test]
fn what_is_published_for_screens_is_fetched_and_shown_until_something_else_is() {
    let Some(shower) = shower() else { return };
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let mut server = Server::new();
    let mut room = Room::new(5.0);
    room.setup.env.push(("ORCHESTRION_MEDIA".into(), shower.display().to_string()));
    let first = room.path().join("first");
    write_program(&first, (RED, GREEN), 4.0);
    let published = server.admin(&["publish", "leeds-1", first.to_str().unwrap()]);
    assert_eq!(published["blobs"], 3, "{published}");

    let token = server.admin(&["device", "token", "t", "--place", "leeds-1"]);
    let toml =
        format!("token = {}\n[screen]\nsink = \"x11\"\ndisplay = \"{}\"\n", token["token"], screen.display());
    let device = room.run(&server.base, &toml);
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "The film").unwrap();
    see(&screen, RED);
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "The menu").unwrap();
    see(&screen, GREEN);
    let status = device.wait_for(PATIENCE, |status| status["release"]["held"]["number"] == 1).unwrap();
    assert_eq!(status["screen"]["items"], 2, "{status}");
    assert!(status["screen"]["problem"].is_null() && status["screen"]["bad"].is_null(), "{status}");
    // Once around, so that each was there for its whole time.
    see(&screen, RED);
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "The menu").unwrap();

    // The next release has another film; it comes with the song after the one that plays.
    let second = room.path().join("second");
    write_program(&second, (BLUE, GREEN), 4.0);
    let published = server.admin(&["publish", "leeds-1", second.to_str().unwrap()]);
    assert_eq!(published["blobs_new"], 1, "the song and the menu are there: {published}");
    see(&screen, BLUE);
    device.wait_for(PATIENCE, |status| status["release"]["held"]["number"] == 2).unwrap();
    // Twice around: what is seen is told a little later, so that the first may be those of the release before.
    for shows in ["The film", "The menu", "The film", "The menu"] {
        device.wait_for(PATIENCE, |status| status["screen"]["shows"] == shows).unwrap();
    }

    // What was shown is told the server once, however often the device starts.
    assert!(device.terminate().unwrap().success());
    let device = room.run(&server.base, &toml);
    let rows = || -> Vec<Value> {
        let text = server.get("/api/v1/plays?format=jsonl");
        let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.filter(|row| row["kind"] == "film" || row["kind"] == "picture").collect()
    };
    // The menu is the same in both releases, and a row for each.
    let begin = Instant::now();
    while rows().len() < 4 {
        assert!(begin.elapsed() < PATIENCE, "no more was told than {:?}", rows());
        std::thread::sleep(Duration::from_millis(50));
    }
    let keys: Vec<_> = rows().iter().map(|row| (row["run"].clone(), row["seq"].clone())).collect();
    assert!(keys.iter().all(|key| keys.iter().filter(|other| *other == key).count() == 1), "{keys:?}");
    let is_seen = |row: &&Value| row["visible_ms"].as_u64() > Some(900);
    assert!(rows().iter().filter(is_seen).count() >= 3, "{:?}", rows());
    for row in rows() {
        assert!(row["recording"] == "ad" || row["recording"] == "menu", "{row}");
        assert!(row["visible_ms"].is_u64() && row["showings"].as_u64() > Some(0), "{row}");
        assert!(row["frames_presented"].as_u64() <= row["frames_expected"].as_u64(), "{row}");
        assert_eq!((row["daypart"].as_str(), row["blob"].is_string()), (Some("day"), true), "{row}");
    }
    let hours: Value = serde_json::from_str(&server.get("/api/v1/plays/hours")).unwrap();
    let films = hours.as_array().unwrap().iter().filter(|hour| hour["kind"] == "film");
    let shown: u64 = films.map(|hour| hour["plays"].as_u64().unwrap()).sum();
    let told = rows();
    let told = told.iter().filter(|row| row["kind"] == "film").map(|row| row["showings"].as_u64().unwrap());
    assert_eq!(shown, told.sum::<u64>(), "{hours}");

    // Without the server and after a restart it is shown from the store.
    server.kill();
    assert!(device.terminate().unwrap().success());
    let device = room.run(&server.base, &toml);
    see(&screen, BLUE);
    device.wait_for(PATIENCE, |status| status["screen"]["shows"] == "The menu").unwrap();
    see(&screen, GREEN);
    assert!(device.terminate().unwrap().success());
}
