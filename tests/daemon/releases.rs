//! A device that gets releases from a server, over a real socket.

use orchestrion_protocol::release::{Digest, Manifest, OFFER_NAME, Offer, SecretKey, manifest_path};
use orchestrion_rig::http_server::{Act, HttpServer};

use super::*;

/// Longer than any song here, and a debug build on a busy machine.
pub(super) const LONG: Duration = Duration::from_secs(60);

/// A publisher's folder that is served, and a device's place.
pub(super) struct House {
    pub(super) place: Place,
    pub(super) server: HttpServer,
}

fn tone(place: &Place, name: &str, seconds: f64, hz: f64) {
    use orchestrion_rig::signal::sine;
    use orchestrion_rig::wav::{self, SampleFormat};
    let path = place.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    wav::write(
        &path,
        &sine(hz, 0.3, 0.0, 16_000, (seconds * 16_000.0) as usize),
        1,
        16_000,
        SampleFormat::Int16,
    )
    .unwrap();
}

impl House {
    pub(super) fn new() -> Self {
        let place = Place::new();
        let house = Self { place, server: HttpServer::start().unwrap() };
        house.release(&["keygen", "cafes"]);
        house.release(&["keygen", "thief"]);
        house.server.serve_folder(&house.place.path().join("www"));
        house
    }

    fn release(&self, words: &[&str]) -> String {
        let mut command = Command::new(&self.place.setup.program);
        let output = command.arg("release").args(words).current_dir(self.place.path()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes songs of so many seconds, and a program that plays them.
    pub(super) fn write(&self, folder: &str, songs: &[&str], seconds: f64) {
        let songs: Vec<(&str, f64)> = songs.iter().map(|name| (*name, seconds)).collect();
        self.write_with(folder, &songs, &[]);
    }

    /// The same with songs of so many seconds each, and with more that no playlist names.
    pub(super) fn write_with(&self, folder: &str, songs: &[(&str, f64)], more: &[(&str, f64)]) {
        let all: Vec<&(&str, f64)> = songs.iter().chain(more).collect();
        let recordings: Vec<Value> = all
            .iter()
            .map(|(name, _)| json!({"id": name, "title": name, "artists": [name], "files": [format!("{name}.wav")]}))
            .collect();
        for (nth, (name, seconds)) in all.into_iter().enumerate() {
            let number = name.bytes().fold(0, |sum, byte| sum + usize::from(byte)) + nth;
            tone(&self.place, &format!("{folder}/{name}.wav"), *seconds, 300.0 + number as f64);
        }
        let songs: Vec<&str> = songs.iter().map(|(name, _)| *name).collect();
        let program = json!({
            "v": 1,
            "place": {"id": "leeds-1"},
            "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
            "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
            "dayparts": [{"id": folder, "name": folder, "days": ["daily"], "from": "00:00", "to": "24:00",
                          "playlists": [{"id": "all"}], "volume": {"set": 55}, "crossfade_s": 1}],
            "rotation": {"song": {"count": 1, "minutes": 0}},
            "clockless": {"allowed": true},
            "fallback": "all",
            "library": {"recordings": recordings, "playlists": [{"id": "all", "recordings": songs}]},
        });
        std::fs::write(self.place.path().join(folder).join("program.json"), program.to_string()).unwrap();
    }

    pub(super) fn publish(&self, folder: &str) {
        self.release(&["build", folder, "--key", "cafes.key", "--out", "www"]);
    }

    fn config(&self, more: &str) -> String {
        format!(
            "outputs = [\"null\"]\nclock = \"trusted\"\n{}\n[release]\nservers = [\"{}\"]\nkeys = [\"cafes.pub\"]\n\
             place = \"leeds-1\"\n{more}",
            if more.contains("## music") { "music = [\"music\"]" } else { "" },
            self.server.url("")
        )
    }

    pub(super) fn run(&self, more: &str) -> Device {
        self.place.setup.run(&self.config(more)).unwrap()
    }

    /// The manifest that is offered.
    pub(super) fn manifest(&self) -> Manifest {
        let www = self.place.path().join("www");
        let offer = Offer::read(&std::fs::read(www.join(OFFER_NAME)).unwrap()).unwrap();
        Manifest::peek(&std::fs::read(www.join(manifest_path(&offer.manifest))).unwrap()).unwrap()
    }

    pub(super) fn blob(&self, name: &Digest) -> PathBuf {
        self.place.setup.state_dir().join("store").join(orchestrion_protocol::release::blob_path(name))
    }

    /// The release that the card holds, each file of which is right.
    pub(super) fn held_whole(&self) -> Option<u64> {
        let store = self.place.setup.state_dir().join("store");
        let manifest = std::fs::read(store.join("current/manifest.json")).ok()?;
        let manifest = Manifest::peek(&manifest).unwrap();
        for blob in &manifest.blobs {
            let bytes = std::fs::read(self.blob(&blob.sha256)).unwrap();
            assert_eq!(Digest::of(&bytes), blob.sha256, "a file of {} is wrong", manifest.edition);
        }
        Some(manifest.edition.number)
    }
}

pub(super) fn held(status: &Value) -> Option<u64> {
    status["release"]["held"]["number"].as_u64()
}

pub(super) fn title(status: &Value) -> &str {
    status["current"]["title"].as_str().unwrap_or_default()
}

pub(super) fn problem(status: &Value) -> &str {
    status["release"]["problem"].as_str().unwrap_or_default()
}

#[test]
fn a_fresh_device_fetches_its_release_and_plays_it_and_the_log_and_ctl_name_it() {
    let house = House::new();
    house.write("first", &["anna", "bert"], 4.0);
    house.publish("first");
    let device = house.run("");
    let seen = device.wait_for(LONG, |status| plays(status) && held(status) == Some(1)).unwrap();
    assert!(["anna", "bert"].contains(&title(&seen)), "{seen}");
    assert_eq!((&seen["volume"], &seen["release"]["damaged"]), (&json!(55), &json!(0)));
    let told = String::from_utf8(house.place.ctl(&["status"]).stdout).unwrap();
    assert!(told.contains("\nrelease    1, for 0:0") && told.contains("asked 0:0"), "{told}");
    let why = ok(&device, "why", json!({})).to_string();
    assert!(why.contains("it is release 1"), "{why}");
    assert!(house.place.ctl(&["update"]).status.success());
    end(device, "TERM");
    let rows = house.place.plays();
    assert!(rows.iter().all(|row| row.program.release.map(|release| release.number) == Some(1)), "{rows:?}");
    assert!(rows.iter().all(|row| row.program.recording.is_some()), "{rows:?}");

    // Without the server, and after a restart, it plays what it has, at once, and says what is wrong.
    house.server.everywhere(Some(Act::Nothing));
    let device = house.run("");
    device.wait_for(SOON, |status| plays(status) && held(status) == Some(1)).unwrap();
    let seen = device.wait_for(LONG, |status| !problem(status).is_empty()).unwrap();
    assert!(problem(&seen).contains("127.0.0.1"), "{seen}");
    end(device, "TERM");
}

#[test]
fn until_the_first_release_the_configured_music_plays_and_the_status_says_what_is_wrong() {
    let house = House::new();
    house.place.song("music/own.wav", 3.0);
    house.server.everywhere(Some(Act::Nothing));
    let device = house.run("## music");
    let seen = device.wait_for(LONG, |status| plays(status) && !problem(status).is_empty()).unwrap();
    assert_eq!((title(&seen), held(&seen)), ("own", None));
    let why = ok(&device, "why", json!({})).to_string();
    assert!(why.contains("no release is there yet, so the configured music plays"), "{why}");
    house.write("first", &["anna", "bert"], 4.0);
    house.publish("first");
    house.server.everywhere(None);
    ok(&device, "update", json!({}));
    let seen = device.wait_for(LONG, |status| plays(status) && title(status) != "own").unwrap();
    assert_eq!(held(&seen), Some(1));
    end(device, "TERM");
    let rows = house.place.plays();
    let first = rows.iter().position(|row| row.program.release.is_some()).unwrap();
    assert!(rows[..first].iter().all(|row| row.end.as_ref().unwrap().how == "finished"), "{rows:?}");
    assert!(rows[first..].iter().all(|row| row.program.release.is_some()), "the music is over: {rows:?}");
}

#[test]
fn the_led_says_that_no_server_can_be_reached_until_one_answers() {
    const LED: u32 = 18;
    let house = House::new();
    house.place.song("music/own.wav", 60.0);
    let pins = house.place.path().join("pins.sock");
    let chip = orchestrion_board::sim::SimChip::listen(&pins).unwrap();
    house.server.everywhere(Some(Act::Nothing));
    let more = format!("## music\n[board]\nchip = \"unix:{}\"\n[board.led]\nline = {LED}\n", pins.display());
    let device = house.run(&more);
    device.wait_for(LONG, |status| plays(status) && !problem(status).is_empty()).unwrap();
    let is_cut_off = || {
        // Lit for 1.8 s, dark for 0.2 s, twice; this machine may be late.
        let levels = chip.output(LED);
        let gaps = levels.windows(2).filter(|pair| {
            let lasted = pair[1].0.duration_since(pair[0].0);
            !pair[0].1 && pair[1].1 && (150..400).contains(&lasted.as_millis())
        });
        let spans = levels.windows(2).filter(|pair| {
            let lasted = pair[1].0.duration_since(pair[0].0);
            pair[0].1 && !pair[1].1 && (1500..2200).contains(&lasted.as_millis())
        });
        gaps.count() >= 2 && spans.count() >= 2
    };
    let deadline = Instant::now() + LONG;
    while !is_cut_off() {
        assert!(Instant::now() < deadline, "{:?}", chip.output(LED));
        std::thread::sleep(Duration::from_millis(100));
    }
    house.write("first", &["anna", "bert"], 4.0);
    house.publish("first");
    house.server.everywhere(None);
    ok(&device, "update", json!({}));
    device.wait_for(LONG, |status| held(status) == Some(1) && problem(status).is_empty()).unwrap();
    assert!(chip.wait_for_output(LED, true, SOON));
    end(device, "TERM");
}

#[test]
fn a_release_that_comes_in_the_middle_of_a_song_follows_it() {
    let house = House::new();
    house.write("first", &["anna", "bert"], 25.0);
    house.publish("first");
    let device = house.run("");
    device.wait_for(LONG, |status| plays(status) && held(status) == Some(1)).unwrap();
    house.write("second", &["carl", "dora"], 25.0);
    house.publish("second");
    ok(&device, "update", json!({}));
    let waits = |status: &Value| status["release"]["waits"].as_str().unwrap_or_default().to_owned();
    let seen = device.wait_for(LONG, |status| waits(status).contains("follows this song")).unwrap();
    assert_eq!((held(&seen), seen["release"]["offered"]["number"].as_u64()), (Some(1), Some(2)));
    let entry_before = entry(&seen);
    let seen = device.wait_for(LONG, |status| held(status) == Some(2)).unwrap();
    assert_eq!(entry(&seen), entry_before, "what plays goes on");
    let seen = device.wait_for(LONG, |status| plays(status) && entry(status) != entry_before).unwrap();
    assert!(["carl", "dora"].contains(&title(&seen)), "{seen}");
    end(device, "TERM");
    let rows = house.place.plays();
    let ends: Vec<&str> = rows.iter().map(|row| row.end.as_ref().unwrap().how.as_str()).collect();
    assert_eq!(ends[0], "finished", "{rows:?}");
    assert_eq!(house.held_whole(), Some(2));
}

#[test]
fn a_file_that_the_card_has_forgotten_is_found_not_played_and_fetched_again() {
    let house = House::new();
    house.write("first", &["anna", "bert", "carl"], 20.0);
    house.publish("first");
    let device = house.run("check_kb_s = 100000\n");
    let seen = device.wait_for(LONG, |status| plays(status) && held(status) == Some(1)).unwrap();
    let next = seen["next"]["path"].as_str().unwrap_or_default().to_owned();
    // One that neither plays nor comes next.
    let busy = [seen["current"]["path"].as_str().unwrap().to_owned(), next];
    let manifest = house.manifest();
    let victim =
        manifest.blobs.iter().find(|blob| !busy.iter().any(|path| path.ends_with(&blob.sha256.to_string())));
    let victim = house.blob(&victim.unwrap().sha256);
    let mut bytes = std::fs::read(&victim).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&victim, &bytes).unwrap();
    // The reading has a round a day; this is the next day.
    end(device, "TERM");
    house.server.everywhere(Some(Act::Nothing));
    let device = house.run("check_kb_s = 100000\n");
    let seen = device.wait_for(LONG, |status| status["release"]["damaged"] == 1).unwrap();
    assert!(plays(&seen) && !problem(&seen).is_empty() || seen["state"] == "playing", "{seen}");
    let why_not = device.ask("status", json!({})).unwrap();
    assert_eq!(held(&why_not), Some(1));
    house.server.everywhere(None);
    ok(&device, "update", json!({}));
    device.wait_for(LONG, |status| status["release"]["damaged"] == 0).unwrap();
    assert_eq!(house.held_whole(), Some(1));
    assert!(house.place.setup.log().contains("damaged on the disk"));
    end(device, "TERM");
}

#[test]
fn a_dead_server_a_login_page_a_wrong_key_and_another_place_are_named_and_the_old_release_plays_on() {
    let house = House::new();
    house.write("first", &["anna", "bert"], 6.0);
    house.publish("first");
    let device = house.run("");
    device.wait_for(LONG, |status| plays(status) && held(status) == Some(1)).unwrap();
    let page =
        Act::Answer("200 OK".into(), vec!["Content-Type: text/html".into()], b"<html>log in</html>".to_vec());
    for (act, words) in [(Act::Nothing, "cannot be reached"), (page, "login page")] {
        house.server.everywhere(Some(act));
        ok(&device, "update", json!({}));
        let seen = device.wait_for(LONG, |status| problem(status).contains(words)).unwrap();
        assert_eq!((seen["state"].as_str(), held(&seen)), (Some("playing"), Some(1)), "{seen}");
    }
    house.server.everywhere(None);
    // Somebody who has the server, but not the key.
    let www = house.place.path().join("www");
    let text = std::fs::read_to_string(house.place.path().join("thief.key")).unwrap();
    let thief: SecretKey = text.trim().parse().unwrap();
    let offer = |key: &SecretKey, change: &dyn Fn(&mut Manifest)| {
        let mut manifest = house.manifest();
        manifest.edition.number += 1;
        change(&mut manifest);
        let (bytes, offer) = manifest.seal(key, 0).unwrap();
        std::fs::write(www.join(manifest_path(&offer.manifest)), bytes).unwrap();
        house.server.put(&format!("/{OFFER_NAME}"), offer.bytes());
    };
    let text = std::fs::read_to_string(house.place.path().join("cafes.key")).unwrap();
    let ours: SecretKey = text.trim().parse().unwrap();
    offer(&thief, &|_| ());
    ok(&device, "update", json!({}));
    let seen = device.wait_for(LONG, |status| problem(status).contains("key")).unwrap();
    assert_eq!((seen["state"].as_str(), held(&seen)), (Some("playing"), Some(1)), "{seen}");
    offer(&ours, &|manifest| {
        manifest.place = "york-1".into();
        manifest.program.place.id = "york-1".into();
    });
    ok(&device, "update", json!({}));
    let seen = device.wait_for(LONG, |status| problem(status).contains("york-1")).unwrap();
    assert_eq!((seen["state"].as_str(), held(&seen)), (Some("playing"), Some(1)), "{seen}");
    end(device, "TERM");
    assert_eq!(house.held_whole(), Some(1));
}

#[test]
fn a_factory_release_plays_at_once_and_a_stick_brings_the_next_without_a_network() {
    let house = House::new();
    house.write("first", &["anna", "bert"], 4.0);
    house.publish("first");
    std::fs::rename(house.place.path().join("www"), house.place.path().join("factory")).unwrap();
    let config = |house: &House| {
        house
            .config("factory = \"factory\"\nstick = \"usb\"\n")
            .replace(&house.server.url(""), "http://127.0.0.1:9/")
    };
    let device = house.place.setup.run(&config(&house)).unwrap();
    let seen = device.wait_for(SOON, |status| plays(status) && held(status) == Some(1)).unwrap();
    assert_eq!(seen["release"]["is_factory"], true, "{seen}");
    // Somebody brings a stick.
    house.write("second", &["carl", "dora"], 4.0);
    house.release(&["build", "second", "--key", "cafes.key", "--out", "brought", "--number", "5"]);
    std::fs::rename(house.place.path().join("brought"), house.place.path().join("usb")).unwrap();
    let seen = device.wait_for(LONG, |status| held(status) == Some(5)).unwrap();
    assert!(seen["release"]["from"].as_str().is_some_and(|from| from.contains("usb")), "{seen}");
    // It may be pulled out: all was copied.
    std::fs::remove_dir_all(house.place.path().join("usb")).unwrap();
    device.wait_for(LONG, |status| plays(status) && ["carl", "dora"].contains(&title(status))).unwrap();
    assert_eq!(house.held_whole(), Some(5));
    end(device, "TERM");
}

#[test]
fn killed_at_any_moment_of_a_download_or_a_change_over_it_holds_the_one_or_the_other_whole() {
    use rand::{RngExt, SeedableRng};
    let kills: u64 = std::env::var("KILLS").ok().map_or(8, |text| text.parse().unwrap());
    let mut chance = rand_chacha::ChaCha8Rng::seed_from_u64(6);
    let house = House::new();
    house.write("r1", &["a1", "b1"], 1.5);
    house.publish("r1");
    let device = house.run("");
    device.wait_for(LONG, |status| plays(status) && held(status) == Some(1)).unwrap();
    device.kill().unwrap();
    let (mut last, mut news) = (1, 0);
    for number in 2..2 + kills {
        let songs = [format!("a{number}"), format!("b{number}")];
        let songs: Vec<&str> = songs.iter().map(String::as_str).collect();
        house.write(&format!("r{number}"), &songs, 1.5);
        house.publish(&format!("r{number}"));
        // So slow that the two files, of 48,044 bytes each, take 0.64 s.
        let device = house.run("rate_kb_s = 150\n");
        // At a moment of its own: some in the download, some at the switch, some after it.
        let moment = Instant::now() + Duration::from_millis(chance.random_range(0..1_200));
        let mut applied = last;
        while Instant::now() < moment {
            if let Ok(status) = device.ask("status", json!({})) {
                applied = held(&status).unwrap_or(applied).max(applied);
            }
        }
        device.kill().unwrap();
        let held = house.held_whole().unwrap();
        assert!(held >= applied, "release {applied} was said to be held, and it is {held}");
        assert!(held >= last && held <= number, "{held} after {last}, with {number} offered");
        news += u64::from(held == number);
        last = held;
    }
    println!("killed {kills} times: the new release was held {news} times, the old one {}", kills - news);
    let device = house.run("");
    device.wait_for(LONG, |status| plays(status) && held(status) == Some(1 + kills)).unwrap();
    end(device, "TERM");
}

#[test]
fn what_a_configuration_of_releases_lacks_is_said_at_the_start() {
    let place = Place::new();
    place.write_config("[release]\nservers = [\"http://127.0.0.1/\"]\nkeys = [\"nowhere.pub\"]\n");
    let config = place.path().join("orchestrion.toml").display().to_string();
    let status = place.run_to_end(&["run", "--config", &config]);
    assert_eq!(status.code(), Some(2));
    let log = place.setup.log();
    assert!(log.contains("nowhere.pub") && log.contains("keys"), "{log}");
    let device = place.run("");
    assert!(refused(&device, "update", json!({})).contains("[release]"));
    end(device, "TERM");
}
