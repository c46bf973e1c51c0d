//! The device as people meet it: the binary, its signals, its exit codes, its socket, `ctl`. Real time, no sound.

#![cfg(test)]

mod place;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

use orchestrion_rig::device::Device;
use place::{Place, Subscriber, entry, position_ms};
use serde_json::{Value, json};

/// How long anything asked for may take to show; only a failure waits for it.
const SOON: Duration = Duration::from_secs(5);
/// How long the end of the process may take.
const END_MAX: Duration = Duration::from_secs(2);
/// What a program that should end by itself may take; then it is ended.
const RUN_MAX: Duration = Duration::from_secs(30);

impl Place {
    /// Runs the program to its end. What it says goes to the log.
    fn run_to_end(&self, words: &[&str]) -> ExitStatus {
        let mut child = self.setup.command(words).unwrap().spawn().unwrap();
        let deadline = Instant::now() + RUN_MAX;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{words:?} does not end: {}", self.setup.log());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The folder with the songs.
    fn music(&self) -> PathBuf {
        self.path().join("music")
    }

    fn write_config(&self, text: &str) {
        std::fs::write(self.path().join("orchestrion.toml"), text).unwrap();
    }

    /// `orchestrion ctl` on the device of this place.
    fn ctl(&self, words: &[&str]) -> Output {
        let mut command = Command::new(&self.setup.program);
        command.arg("ctl").args(words).arg("--socket").arg(self.setup.socket()).output().unwrap()
    }

    fn log_lines(&self, word: &str) -> Vec<String> {
        self.setup.log().lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }
}

/// A device with five songs of 20 s that plays the first, without crossfades.
fn with_five_songs() -> (Place, Device, Vec<u64>) {
    let place = Place::new();
    for name in ["1", "2", "3", "4", "5"] {
        place.song(&format!("music/{name}.wav"), 20.0);
    }
    let device = place.run("crossfade_s = 0");
    device.wait_for(SOON, |status| plays(status) && status["queue_len"] == 5).unwrap();
    let entries = queue(&device);
    (place, device, entries)
}

fn plays(status: &Value) -> bool {
    status["state"] == "playing" && status["position_ms"].as_u64() > Some(0)
}

fn ok(device: &Device, method: &str, params: Value) -> Value {
    device.ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// The words with which something is refused.
fn refused(device: &Device, method: &str, params: Value) -> String {
    device.ask(method, params).expect_err(method).to_string()
}

fn status(device: &Device) -> Value {
    ok(device, "status", json!({}))
}

/// The entries in playing order.
fn queue(device: &Device) -> Vec<u64> {
    let page = ok(device, "queue.list", json!({}));
    page["entries"].as_array().unwrap().iter().map(|song| song["entry"].as_u64().unwrap()).collect()
}

fn wait_for_entry(device: &Device, wanted: u64) -> Value {
    device.wait_for(SOON, |status| plays(status) && entry(status) == wanted).unwrap()
}

/// Ends a device with a signal; it must do so in time and without complaint.
fn end(device: Device, signal: &str) {
    let asked = Instant::now();
    device.signal(signal).unwrap();
    let status = device.wait().unwrap();
    assert_eq!(status.code(), Some(0), "after SIG{signal}");
    assert!(asked.elapsed() < END_MAX, "SIG{signal} took {:?}", asked.elapsed());
}

#[test]
fn it_starts_answers_and_leaves_nothing_but_its_state() {
    let (place, device, _) = with_five_songs();
    let status = status(&device);
    assert_eq!((&status["output"]["name"], &status["output"]["audible"]), (&json!("null"), &json!(false)));
    assert_eq!((&status["run"], &status["plays"], &status["quarantined"]), (&json!(1), &json!(1), &json!(0)));
    let socket = std::fs::metadata(place.setup.socket()).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.mode() & 0o7777, 0o660);
    let children = format!("/proc/{0}/task/{0}/children", device.pid());
    assert_eq!(std::fs::read_to_string(children).unwrap_or_default(), "");

    end(device, "TERM");
    assert!(!place.setup.socket().exists(), "the socket stays behind");
    let state = std::fs::read_dir(place.setup.state_dir()).unwrap();
    let mut left: Vec<_> = state.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["lock", "state.run", "state.sqlite"]);
    assert_eq!(place.log_lines("error:"), Vec::<String>::new());
}

#[test]
fn a_second_one_in_the_same_state_folder_or_on_the_same_socket_is_refused_with_the_holders_pid() {
    let (place, device, _) = with_five_songs();
    let holder = format!("process {} ", device.pid());
    let config = place.path().join("orchestrion.toml").display().to_string();
    let elsewhere = |name: &str| place.path().join(name).display().to_string();
    // The last of an option counts nowhere; so these have places of their own.
    for (state, socket) in [
        (place.setup.state_dir().display().to_string(), elsewhere("other.sock")),
        (elsewhere("other"), place.setup.socket().display().to_string()),
    ] {
        let mut second = Command::new(&place.setup.program);
        second.args(["run", "--config", &config, "--state-dir", &state, "--socket", &socket]);
        let output = second.output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{words}");
        assert!(words.contains(&holder), "{holder:?} is not in {words}");
    }
    assert_eq!(status(&device)["state"], "playing", "the first one goes on");
    assert_eq!(status(&device)["run"], 1);
}

#[test]
fn a_signal_ends_it_in_good_order_and_the_next_start_goes_on_in_the_same_song() {
    for signal in ["TERM", "INT"] {
        let (place, device, entries) = with_five_songs();
        ok(&device, "play", json!({"entry": entries[2]}));
        wait_for_entry(&device, entries[2]);
        ok(&device, "seek", json!({"position_ms": 9000}));
        let before = device.wait_for(SOON, |status| position_ms(status) >= 9000).unwrap();
        end(device, signal);

        let device = place.run("crossfade_s = 0");
        let after = wait_for_entry(&device, entries[2]);
        let (before_ms, after_ms) = (position_ms(&before), position_ms(&after));
        assert!((before_ms..before_ms + 2000).contains(&after_ms), "from {before_ms} to {after_ms}");
        assert_eq!(after["run"], 2);
        end(device, "TERM");

        let rows = place.plays();
        let cut = rows.iter().find(|row| row.key.run == 1 && row.path.ends_with("3.wav")).unwrap();
        let cut_end = cut.end.as_ref().unwrap();
        assert_eq!((cut_end.how.as_str(), cut_end.reason.as_str()), ("cut", "shutdown"));
        let first = rows.iter().find(|row| row.key.run == 2).unwrap();
        assert_eq!((first.continues, first.path.as_path()), (Some(cut.key), cut.path.as_path()));
        assert!(first.start_offset_ms.abs_diff(before_ms) < 1000, "{first:?}");
        assert!(rows.iter().all(|row| row.end.is_some()), "{rows:?}");
    }
}

#[test]
fn starts_that_are_ended_at_once_keep_the_place_in_the_song() {
    let (place, device, entries) = with_five_songs();
    ok(&device, "play", json!({"entry": entries[1]}));
    wait_for_entry(&device, entries[1]);
    ok(&device, "seek", json!({"position_ms": 12_000}));
    device.wait_for(SOON, |status| position_ms(status) >= 12_000).unwrap();
    end(device, "TERM");
    for signal in ["TERM", "INT", "TERM", "INT"] {
        // It answers before the song is open.
        end(place.run("crossfade_s = 0"), signal);
    }
    let device = place.run("crossfade_s = 0");
    let after = wait_for_entry(&device, entries[1]);
    assert!((11_500..15_000).contains(&position_ms(&after)), "{after}");
    end(device, "TERM");
    let rows = place.plays();
    let last = rows.last().unwrap();
    assert!(last.continues.is_some(), "{last:?}");
}

#[test]
fn sighup_takes_over_what_changed() {
    let (place, device, _) = with_five_songs();
    std::fs::create_dir(place.path().join("more")).unwrap();
    place.song("more/6.wav", 20.0);
    ok(&device, "repeat", json!({"mode": "one"}));
    let before = status(&device);
    place.write_config("outputs = [\"null\"]\nmusic = [\"music\", \"more\"]\nvolume = 33\ncrossfade_s = 2.5");
    device.signal("HUP").unwrap();
    let after = device.wait_for(SOON, |status| status["queue_len"] == 6).unwrap();
    assert_eq!((&after["volume"], &after["crossfade_ms"]), (&json!(33), &json!(2500)));
    assert_eq!(after["repeat"], "one", "what did not change stays as people set it");
    assert_eq!(
        (&after["state"], &after["plays"], entry(&after)),
        (&json!("playing"), &json!(1), entry(&before))
    );
}

#[test]
fn sighup_with_a_broken_configuration_is_refused_in_one_line_and_the_music_goes_on() {
    let (place, device, _) = with_five_songs();
    let before = status(&device);
    place.write_config("outputs = [\"null\"]\nvolume = 20\nvolum = 3\n");
    let lines_before = place.setup.log().lines().count();
    device.signal("HUP").unwrap();
    let deadline = Instant::now() + SOON;
    while place.log_lines("volum").is_empty() {
        assert!(Instant::now() < deadline, "{}", place.setup.log());
        std::thread::sleep(Duration::from_millis(2));
    }
    let after = device.wait_for(SOON, |status| position_ms(status) > position_ms(&before)).unwrap();
    assert_eq!((&after["volume"], &after["state"]), (&before["volume"], &json!("playing")));
    let log = place.setup.log();
    let new: Vec<_> = log.lines().skip(lines_before).collect();
    assert_eq!(new.len(), 1, "{log}");
    assert!(
        ["error:", "orchestrion.toml", "line 3", "volum"].iter().all(|word| new[0].contains(word)),
        "{new:?}"
    );
}

#[test]
fn a_wrong_or_missing_configuration_exits_2_with_file_line_and_key() {
    let place = Place::new();
    let path = place.path().join("orchestrion.toml").display().to_string();
    for (text, line, key) in [
        ("music = []\n\nvolum = 3\n", "line 3", "volum"),
        ("volume = 3\nmusic = 7\n", "line 2", "music"),
        ("volume = = 3\n", "line 1", "volume"),
        ("music = []\nvolume = 101\n", "line 2", "volume"),
        ("\n\ncrossfade_s = 13\n", "line 3", "crossfade_s"),
        ("shuffle = true\nbuffer_frames = 1\n", "line 2", "buffer_frames"),
        ("music = []\nrepeat = \"sometimes\"\n", "line 2", "repeat"),
    ] {
        place.write_config(text);
        let before = place.setup.log().len();
        let status = place.run_to_end(&["run", "--config", &path]);
        let log = place.setup.log().split_off(before);
        assert_eq!(status.code(), Some(2), "{text:?}: {log}");
        assert!([path.as_str(), line, key].iter().all(|word| log.contains(word)), "{text:?}: {log}");
        assert_eq!(log.trim_end().lines().count(), 1, "{text:?}: {log}");
    }
    let missing = place.path().join("missing.toml").display().to_string();
    assert_eq!(place.run_to_end(&["run", "--config", &missing]).code(), Some(2));
    assert_eq!(place.log_lines(&missing).len(), 1);
    assert!(!place.setup.state_dir().exists(), "nothing is touched before the configuration is right");
}

#[test]
fn play_of_a_folder_with_nothing_playable_exits_1_and_says_so() {
    let place = Place::new();
    let music = place.music().display().to_string();
    assert_eq!(place.run_to_end(&["play", &music, "--output", "null"]).code(), Some(1));
    assert_eq!(place.log_lines("nothing could be played").len(), 1);
    assert_eq!(place.log_lines("holds no music").len(), 1);

    std::fs::write(place.path().join("music/text.mp3"), "no music").unwrap();
    assert_eq!(place.run_to_end(&["play", &music, "--output", "null"]).code(), Some(1));
    assert_eq!(place.log_lines("text.mp3").len(), 1);
    assert_eq!(place.plays(), []);

    let missing = place.path().join("missing").display().to_string();
    assert_eq!(place.run_to_end(&["play", &missing, "--output", "null"]).code(), Some(1));
    assert_eq!(place.log_lines(&missing).len(), 1);
}

#[test]
fn play_ends_with_the_last_song_and_has_logged_each_once() {
    for crossfade in ["0", "0.5"] {
        let place = Place::new();
        let songs = [("music/1.wav", 1.0), ("music/2.wav", 0.2), ("music/3.wav", 1.5), ("music/4.wav", 1.0)];
        let songs = songs.map(|(name, seconds)| place.song(name, seconds));
        let music = place.music().display().to_string();
        let words = ["play", &music, "--output", "null", "--crossfade", crossfade];
        assert_eq!(place.run_to_end(&words).code(), Some(0), "{}", place.setup.log());
        let rows = place.plays();
        let paths: Vec<&Path> = rows.iter().map(|row| row.path.as_path()).collect();
        assert_eq!(paths, songs.iter().map(AsRef::as_ref).collect::<Vec<&Path>>());
        for row in &rows {
            let end = row.end.as_ref().unwrap();
            assert_eq!((end.how.as_str(), end.reason.as_str()), ("finished", ""), "{row:?}");
            assert!(end.heard_ms.abs_diff(row.duration_ms.unwrap()) < 60, "{row:?}");
            assert_eq!((end.audible_ms, row.output.as_str()), (0, "null"), "nobody hears null");
        }
    }
}

#[test]
fn pause_holds_the_place_and_play_goes_on_from_it() {
    let (_place, device, _) = with_five_songs();
    ok(&device, "pause", json!({}));
    let held = device.wait_for(SOON, |status| status["state"] == "paused").unwrap();
    let subscriber = Subscriber::of(&device);
    // The fade is still heard; after it nothing moves any more.
    subscriber.all_within(Duration::from_millis(500));
    let held_ms = position_ms(&status(&device));
    assert!(held_ms - position_ms(&held) < 500, "{held_ms} {held}");
    let told = subscriber.all_within(Duration::from_millis(1500));
    assert!(told.is_empty(), "time passes in a pause: {told:?}");
    assert_eq!(position_ms(&status(&device)), held_ms);
    ok(&device, "toggle", json!({}));
    let on = device.wait_for(SOON, |status| plays(status) && position_ms(status) > held_ms).unwrap();
    assert!(position_ms(&on) - held_ms < 1000, "{on}");
    assert_eq!((&on["plays"], entry(&on)), (&json!(1), entry(&held)), "it is the same play");
    ok(&device, "toggle", json!({}));
    assert_eq!(status(&device)["state"], "paused");
}

#[test]
fn a_pause_that_is_taken_back_while_a_song_is_opened_lets_the_music_go() {
    let (_place, device, entries) = with_five_songs();
    for round in 0..20 {
        let wanted = entries[round % 5];
        ok(&device, if round % 2 == 0 { "stop" } else { "skip" }, json!({}));
        let mut wire = Wire::to(&device);
        wire.send(
            &json!({"jsonrpc": "2.0", "id": 1, "method": "play", "params": {"entry": wanted}}).to_string(),
        );
        wire.send(r#"{"jsonrpc":"2.0","id":2,"method":"pause"}"#);
        // Each a little later than the one before, from at once to after it has begun.
        std::thread::sleep(Duration::from_millis(4) * round as u32);
        wire.send(r#"{"jsonrpc":"2.0","id":3,"method":"play"}"#);
        for id in 1..=3 {
            assert_eq!(wire.receive(), json!({"jsonrpc": "2.0", "id": id, "result": "ok"}), "round {round}");
        }
        let begun = wait_for_entry(&device, wanted);
        device
            .wait_for(SOON, |status| position_ms(status) > position_ms(&begun))
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
}

#[test]
fn stop_gives_the_place_up_and_play_begins_the_song_anew() {
    let (_place, device, _) = with_five_songs();
    let first = entry(&device.wait_for(SOON, |status| position_ms(status) > 700).unwrap());
    ok(&device, "stop", json!({}));
    let stopped = device.wait_for(SOON, |status| status["state"] == "stopped").unwrap();
    assert_eq!((position_ms(&stopped), entry(&stopped)), (0, first));
    assert!(stopped["why"].as_str().unwrap().contains("stopped"), "{stopped}");
    assert!(refused(&device, "seek", json!({"position_ms": 1})).contains("nothing plays"));
    ok(&device, "play", json!({}));
    let again = wait_for_entry(&device, first);
    assert!(position_ms(&again) < 700 && again["plays"] == 2, "{again}");
}

#[test]
fn seek_goes_to_a_place_and_stays_one_play() {
    let (place, device, entries) = with_five_songs();
    ok(&device, "seek", json!({"position_ms": 15_000}));
    device.wait_for(SOON, |status| (15_000..16_000).contains(&position_ms(status))).unwrap();
    ok(&device, "seek", json!({"by_ms": -10_000}));
    device.wait_for(SOON, |status| (5000..7000).contains(&position_ms(status))).unwrap();
    ok(&device, "seek", json!({"by_ms": -60_000}));
    let start = device.wait_for(SOON, |status| (1..2000).contains(&position_ms(status))).unwrap();
    assert_eq!((&start["plays"], entry(&start)), (&json!(1), entries[0]));
    let words = refused(&device, "seek", json!({"position_ms": 20_000}));
    assert!(words.contains("20 s") && words.contains("skip"), "{words}");
    assert!(refused(&device, "seek", json!({})).contains("either"));
    assert!(refused(&device, "seek", json!({"position_ms": 1, "by_ms": 1})).contains("either"));
    end(device, "TERM");
    let rows = place.plays();
    let heard_ms = rows[0].end.as_ref().unwrap().heard_ms;
    assert!(rows.len() == 1 && heard_ms < 19_000, "what was jumped over was not heard: {rows:?}");
}

#[test]
fn skip_and_previous_walk_the_queue() {
    let (place, device, entries) = with_five_songs();
    ok(&device, "skip", json!({}));
    wait_for_entry(&device, entries[1]);
    ok(&device, "skip", json!({}));
    wait_for_entry(&device, entries[2]);
    ok(&device, "previous", json!({}));
    wait_for_entry(&device, entries[1]);
    ok(&device, "seek", json!({"position_ms": 5000}));
    device.wait_for(SOON, |status| position_ms(status) > 5000).unwrap();
    ok(&device, "previous", json!({}));
    let start = device.wait_for(SOON, |status| plays(status) && position_ms(status) < 5000).unwrap();
    assert_eq!(entry(&start), entries[1], "beyond its first seconds it is the start of the song");
    ok(&device, "play", json!({"entry": entries[4]}));
    wait_for_entry(&device, entries[4]);
    ok(&device, "skip", json!({}));
    wait_for_entry(&device, entries[0]);
    end(device, "TERM");
    let rows = place.plays();
    let hows: Vec<_> = rows.iter().map(|row| row.end.as_ref().unwrap().how.as_str()).collect();
    assert_eq!(hows.last(), Some(&"cut"));
    assert!(hows[..hows.len() - 1].iter().all(|how| *how == "skipped"), "{hows:?}");
    assert_eq!(rows.len(), 7);
}

#[test]
fn volume_mute_and_crossfade_are_kept_over_a_restart_and_limited() {
    let (place, device, _) = with_five_songs();
    assert_eq!(ok(&device, "volume", json!({"percent": 40})), json!({"volume": 40}));
    assert_eq!(ok(&device, "volume", json!({"by": -50})), json!({"volume": 0}));
    assert!(status(&device)["why"].as_str().unwrap().contains("volume is 0"));
    assert_eq!(ok(&device, "volume", json!({"by": 7})), json!({"volume": 7}));
    assert!(refused(&device, "volume", json!({"percent": 101})).contains("0 to 100"));
    assert!(refused(&device, "volume", json!({})).contains("either"));
    ok(&device, "mute", json!({"on": true}));
    assert!(status(&device)["why"].as_str().unwrap().contains("muted"));
    ok(&device, "crossfade", json!({"fade_ms": 3000}));
    assert!(refused(&device, "crossfade", json!({"fade_ms": 12_001})).contains("12000"));
    ok(&device, "repeat", json!({"mode": "one"}));
    assert!(refused(&device, "repeat", json!({"mode": "sometimes"})).contains("`one`"));
    end(device, "TERM");

    let device = place.run("crossfade_s = 0");
    let kept = status(&device);
    let kept = (&kept["volume"], &kept["muted"], &kept["crossfade_ms"], &kept["repeat"]);
    assert_eq!(kept, (&json!(7), &json!(true), &json!(3000), &json!("one")));
}

#[test]
fn the_queue_is_added_to_moved_removed_from_and_cleared() {
    let (place, device, entries) = with_five_songs();
    std::fs::create_dir(place.path().join("more")).unwrap();
    let new = [place.song("more/a.wav", 20.0), place.song("more/b.wav", 20.0)];
    let more = place.path().join("more").display().to_string();

    let added = ok(&device, "queue.add", json!({"paths": [&more], "at": {"after": entries[2]}}));
    assert_eq!((&added["added"], &added["problems"]), (&json!(2), &json!([])));
    let a = added["first"].as_u64().unwrap();
    let [e1, e2, e3, e4, e5] = entries[..] else { panic!("{entries:?}") };
    assert_eq!(queue(&device), [e1, e2, e3, a, a + 1, e4, e5]);
    let next = ok(&device, "queue.add", json!({"paths": [new[0]], "at": "next"}))["first"].as_u64().unwrap();
    assert_eq!(queue(&device), [e1, next, e2, e3, a, a + 1, e4, e5]);
    ok(&device, "queue.move", json!({"entry": e5, "at": "next"}));
    ok(&device, "queue.move", json!({"entry": next, "at": "last"}));
    ok(&device, "queue.remove", json!({"entry": e3}));
    let changed = [e1, e5, e2, a, a + 1, e4, next];
    assert_eq!(queue(&device), changed);
    device.wait_for(SOON, |status| status["next"]["entry"] == e5).unwrap();

    let page = ok(&device, "queue.list", json!({"offset": 5, "limit": 1}));
    assert_eq!((&page["total"], &page["current"], &page["offset"]), (&json!(7), &json!(e1), &json!(5)));
    assert_eq!((page["entries"].as_array().unwrap().len(), &page["entries"][0]["entry"]), (1, &json!(e4)));

    end(device, "TERM");
    let device = place.run("crossfade_s = 0");
    wait_for_entry(&device, e1);
    // The song that was removed is found again in the configured folder, and comes last.
    let kept = device.wait_for(SOON, |status| status["queue_len"] == 8).map(|_| queue(&device)).unwrap();
    assert_eq!(kept[..7], changed, "the order is kept over a restart");
    ok(&device, "queue.clear", json!({}));
    assert_eq!(queue(&device), [e1], "only what plays stays");
    assert!(plays(&status(&device)));
}

#[test]
fn what_cannot_be_done_to_the_queue_is_refused_and_changes_nothing() {
    let (place, device, entries) = with_five_songs();
    let before = status(&device);
    for method in ["play", "queue.remove", "queue.move"] {
        let mut params = json!({"entry": 4711});
        if method == "queue.move" {
            params["at"] = json!("last");
        }
        let words = refused(&device, method, params);
        assert!(words.contains("no entry 4711"), "{method}: {words}");
    }
    let words = refused(&device, "queue.move", json!({"entry": entries[3], "at": {"after": 4711}}));
    assert!(words.contains("no entry 4711"), "{words}");
    assert!(refused(&device, "queue.remove", json!({"entry": entries[0]})).contains("the current one"));
    let words = refused(&device, "queue.move", json!({"entry": entries[0], "at": "last"}));
    assert!(words.contains("the current one"), "{words}");

    let missing = place.path().join("no such song.flac").display().to_string();
    for method in ["queue.add", "play_now"] {
        assert!(refused(&device, method, json!({"paths": [&missing]})).contains(&missing), "{method}");
        assert!(refused(&device, method, json!({"paths": ["relative.mp3"]})).contains("relative.mp3"));
        assert!(refused(&device, method, json!({"paths": ["http://radio/a"]})).contains("http://radio/a"));
        assert!(refused(&device, method, json!({"paths": []})).contains("1 to 256"));
    }
    let good = place.song("good.wav", 20.0);
    let words = refused(&device, "queue.add", json!({"paths": [good], "at": {"after": 4711}}));
    assert!(words.contains("no entry 4711"), "{words}");
    let both = ok(&device, "queue.add", json!({"paths": [good, &missing]}));
    assert!(both["added"] == 1 && both["problems"][0].as_str().unwrap().contains(&missing), "{both}");

    assert_eq!(queue(&device)[..5], entries);
    let after = status(&device);
    assert_eq!((entry(&after), &after["plays"]), (entry(&before), &json!(1)));
}

#[test]
fn play_now_jumps_to_what_was_named_and_goes_on_behind_it() {
    let (place, device, entries) = with_five_songs();
    let song = place.song("now.wav", 20.0);
    let added = ok(&device, "play_now", json!({"paths": [song]}));
    let now = added["first"].as_u64().unwrap();
    let status = device.wait_for(SOON, |status| entry(status) == now && !status["next"].is_null()).unwrap();
    assert_eq!((&status["current"]["title"], &status["next"]["entry"]), (&json!("now"), &json!(entries[1])));
    assert_eq!(queue(&device)[..3], [entries[0], now, entries[1]]);
}

#[test]
fn shuffle_changes_the_order_and_back_and_loses_nothing() {
    let (_place, device, entries) = with_five_songs();
    ok(&device, "shuffle", json!({"on": true}));
    let shuffled = queue(&device);
    assert_eq!(shuffled[0], entries[0], "what plays goes on");
    let mut sorted = shuffled.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, entries);
    ok(&device, "skip", json!({}));
    wait_for_entry(&device, shuffled[1]);
    ok(&device, "shuffle", json!({"on": false}));
    assert_eq!(queue(&device), entries);
}

#[test]
fn repeat_begins_anew_repeats_one_or_ends() {
    let place = Place::new();
    place.song("music/1.wav", 0.8);
    place.song("music/2.wav", 0.8);
    let device = place.run("crossfade_s = 0\nrepeat = \"one\"");
    let one = device.wait_for(SOON, |status| status["plays"] == 3).unwrap();
    assert_eq!(one["current"]["title"], "1");
    ok(&device, "repeat", json!({"mode": "all"}));
    device.wait_for(SOON, |status| status["plays"] == 6).unwrap();
    ok(&device, "repeat", json!({"mode": "off"}));
    let over = device.wait_for(SOON, |status| status["state"] == "stopped").unwrap();
    assert!(over["why"].as_str().unwrap().contains("has ended"), "{over}");
    end(device, "TERM");
    let rows = place.plays();
    assert!(rows.iter().all(|row| row.end.as_ref().unwrap().how == "finished"), "{rows:?}");
    let titles: String = rows.iter().filter_map(|row| row.path.file_stem()?.to_str()).collect();
    assert!(titles.starts_with("11") && titles.contains("121") && titles.ends_with('2'), "{titles}");
}

#[test]
fn a_subscriber_is_told_changes_at_once_and_the_time_each_second() {
    let (_place, device, entries) = with_five_songs();
    let subscriber = Subscriber::of(&device);
    let told = subscriber.all_within(Duration::from_millis(3400));
    let times: Vec<_> = told.iter().filter(|(_, told)| told["method"] == "TimeChanged").collect();
    assert!((3..=4).contains(&times.len()), "{told:?}");
    for pair in times.windows(2) {
        let gap = pair[1].0 - pair[0].0;
        let by_ms = position_ms(&pair[1].1["params"]) - position_ms(&pair[0].1["params"]);
        assert!((700..1400).contains(&gap.as_millis()) && (700..1400).contains(&by_ms), "{gap:?} {by_ms} ms");
        assert_eq!(pair[1].1["params"]["entry"], entries[0]);
    }
    assert_eq!(told.len(), times.len(), "nothing but the time has changed: {told:?}");

    ok(&device, "volume", json!({"percent": 12}));
    let (_, told) = subscriber.next_until(Instant::now() + SOON).unwrap();
    assert_eq!((&told["method"], &told["params"]["volume"]), (&json!("StatusChanged"), &json!(12)));
    ok(&device, "skip", json!({}));
    let is_next = |(_, told): &(Instant, Value)| {
        told["method"] == "StatusChanged" && entry(&told["params"]) == entries[1]
    };
    let deadline = Instant::now() + SOON;
    assert!(std::iter::from_fn(|| subscriber.next_until(deadline)).any(|told| is_next(&told)));
}

/// One connection, line by line.
struct Wire(BufReader<UnixStream>);

impl Wire {
    fn to(device: &Device) -> Self {
        Self(BufReader::new(device.connect().unwrap()))
    }

    fn send(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }
}

#[test]
fn a_malformed_line_gets_its_error_and_the_connection_lives() {
    let (_place, device, _) = with_five_songs();
    let mut wire = Wire::to(&device);
    let too_long = "x".repeat(70_000);
    for (line, id, code) in [
        ("not JSON", Value::Null, -32700),
        ("[]", Value::Null, -32600),
        ("{}", Value::Null, -32600),
        (r#"{"jsonrpc":"1.0","id":5,"method":"status"}"#, json!(5), -32600),
        (r#"{"jsonrpc":"2.0","id":"a","method":"fly"}"#, json!("a"), -32601),
        (r#"{"jsonrpc":"2.0","id":7,"method":"volume","params":{"percnt":4}}"#, json!(7), -32602),
        (r#"{"jsonrpc":"2.0","id":8,"method":"queue.remove","params":{"entry":-1}}"#, json!(8), -32602),
        (r#"{"jsonrpc":"2.0","id":9,"method":"queue.remove","params":{"entry":4711}}"#, json!(9), -32001),
        ("\u{0}\u{1b}[2J", Value::Null, -32700),
        (&too_long, Value::Null, -32004),
    ] {
        wire.send(line);
        let answer = wire.receive();
        let short: String = line.chars().take(80).collect();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{short}: {answer}");
        wire.send(r#"{"jsonrpc":"2.0","id":1,"method":"status"}"#);
        assert_eq!(wire.receive()["result"]["state"], "playing", "after {short}");
    }
    // Nobody waits for these: no answer, right or wrong.
    wire.send(r#"{"jsonrpc":"2.0","method":"fly"}"#);
    wire.send(r#"{"jsonrpc":"2.0","method":"volume","params":{"percent":9}}"#);
    wire.send(r#"{"jsonrpc":"2.0","id":2,"method":"status"}"#);
    let answer = wire.receive();
    assert_eq!((&answer["id"], &answer["result"]["volume"]), (&json!(2), &json!(9)));
}

#[test]
fn ctl_tells_by_its_exit_code_how_it_went() {
    let (place, device, entries) = with_five_songs();
    let output = place.ctl(&["status", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&status["state"], entry(&status)), (&json!("playing"), entries[0]));
    assert_eq!(place.ctl(&["skip"]).status.code(), Some(0));
    wait_for_entry(&device, entries[1]);

    let output = place.ctl(&["play", "4711"]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.contains("no entry 4711"), "{words}");
    let missing = place.path().join("missing.mp3").display().to_string();
    let output = place.ctl(&["queue", "add", &missing]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && words.contains(&missing), "{words}");
    assert_eq!(place.ctl(&["volume", "101"]).status.code(), Some(2));
    assert_eq!(place.ctl(&["fly"]).status.code(), Some(2));

    let output = place.ctl(&["shutdown"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(device.wait().unwrap().code(), Some(0));
    let output = place.ctl(&["status"]);
    let words = String::from_utf8(output.stderr).unwrap();
    let socket = place.setup.socket().display().to_string();
    assert!(output.status.code() == Some(3) && words.contains(&socket), "{words}");
}
