//! How it starts, ends, is configured, and who else may run.

use super::*;

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
    // A deck may still have it open for reading, so that SQLite does not tidy up.
    left.retain(|name| !name.starts_with("measurements.sqlite"));
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
fn what_changed_in_the_configuration_while_the_device_was_off_wins_and_the_rest_stays_as_people_set_it() {
    let (place, device, _) = with_five_songs();
    ok(&device, "volume", json!({"percent": 61}));
    ok(&device, "repeat", json!({"mode": "one"}));
    end(device, "TERM");

    let device = place.run("crossfade_s = 2.5");
    let after = status(&device);
    assert_eq!((&after["volume"], &after["repeat"]), (&json!(61), &json!("one")), "they were not touched");
    assert_eq!(after["crossfade_ms"], 2500, "the file says something else than before");
    end(device, "TERM");

    let device = place.run("crossfade_s = 2.5\nvolume = 33");
    let after = status(&device);
    assert_eq!((&after["volume"], &after["repeat"]), (&json!(33), &json!("one")));
    end(device, "TERM");

    let device = place.run("crossfade_s = 2.5\nvolume = 33");
    ok(&device, "volume", json!({"percent": 20}));
    end(device, "TERM");
    let device = place.run("crossfade_s = 2.5\nvolume = 33");
    assert_eq!(status(&device)["volume"], 20, "the file says what it said before");
    end(device, "TERM");
}
