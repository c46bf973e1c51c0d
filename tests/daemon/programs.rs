//! A device whose program decides what plays.

use super::*;

/// Every song of the folder `music`, at these hours (UTC).
fn program(hours: &Value) -> Value {
    json!({
        "v": 1,
        "place": {"id": "test"},
        "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
        "hours": {"sound": hours},
        "dayparts": [{"id": "always", "name": "All day", "days": ["daily"], "from": "00:00", "to": "24:00",
                      "playlists": [{"id": "all"}], "volume": {"set": 55}, "crossfade_s": 0}],
        "rotation": {"song": {"count": 1, "minutes": 0}},
        "clockless": {"allowed": true},
        "fallback": "all",
        "library": {"playlists": [{"id": "all", "folder": "music"}]},
    })
}

fn always() -> Value {
    json!([{"days": ["daily"], "from": "00:00", "to": "24:00"}])
}

fn place_with(program: &Value, songs_s: f64) -> Place {
    let place = Place::new();
    for name in ["1", "2", "3"] {
        place.song(&format!("music/{name}.wav"), songs_s);
    }
    write(&place, &program.to_string());
    place
}

fn write(place: &Place, text: &str) {
    std::fs::write(place.path().join("program.json"), text).unwrap();
}

fn run(place: &Place) -> Device {
    run_with(place, "clock = \"trusted\"")
}

fn run_with(place: &Place, more: &str) -> Device {
    place.setup.run(&format!("outputs = [\"null\"]\nprogram = \"program.json\"\n{more}\n")).unwrap()
}

#[test]
fn a_program_plays_its_folder_song_by_song_never_one_twice_in_a_row_and_says_why() {
    let place = place_with(&program(&always()), 1.0);
    let device = run(&place);
    device.wait_for(SOON, plays).unwrap();
    let seen = device.wait_for(RUN_MAX, |status| status["plays"].as_u64() >= Some(5)).unwrap();
    assert_eq!(seen["volume"], 55);
    assert!(seen["queue_len"].as_u64() <= Some(7), "what is to come is chosen song by song: {seen}");
    let told = String::from_utf8(place.ctl(&["program"]).stdout).unwrap();
    assert!(
        told.starts_with("test, in the time of UTC\n") && told.contains(" All day, volume 55\n"),
        "{told}"
    );
    let why = ok(&device, "why", json!({})).to_string();
    assert!(why.contains("All day") && why.contains("chosen from the playlist all"), "{why}");
    end(device, "TERM");
    let rows = place.plays();
    assert!(rows.windows(2).all(|two| two[0].path != two[1].path), "{rows:?}");

    // After a restart it goes on with the song that played.
    let last = rows.last().unwrap();
    let device = run(&place);
    device.wait_for(SOON, plays).unwrap();
    end(device, "TERM");
    let again = place.plays();
    let first = again.iter().find(|row| row.key.run == 2).unwrap();
    assert_eq!((first.continues, &first.path), (Some(last.key), &last.path));
}

#[test]
fn what_is_closed_says_until_when_and_refuses_to_play() {
    // Open for a minute that has passed, or is far: never the one of now.
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let far_h = (now_s / 3600 + 12) % 24;
    let hours =
        json!([{"days": ["daily"], "from": format!("{far_h:02}:00"), "to": format!("{far_h:02}:01")}]);
    let place = place_with(&program(&hours), 5.0);
    let device = run(&place);
    let closed = device
        .wait_for(SOON, |status| status["why"].as_str().is_some_and(|why| why.starts_with("closed until ")))
        .unwrap();
    assert_eq!(closed["state"], "closed");
    assert!(refused(&device, "play", json!({})).starts_with("closed until "));
    let why = ok(&device, "why", json!({})).to_string();
    assert!(why.contains("it is closed on"), "{why}");
    end(device, "TERM");
    assert!(place.plays().is_empty());
}

#[test]
fn a_program_that_became_wrong_is_refused_in_words_and_a_right_one_is_taken_over() {
    let place = place_with(&program(&always()), 20.0);
    let device = run(&place);
    let before = device.wait_for(SOON, plays).unwrap();
    write(&place, "{\"v\": 1, \"color\": \"blue\"}");
    ok(&device, "reload", json!({}));
    let told = |words: &str| {
        let told = |why: &Value| why.to_string().contains(words);
        device.wait_for(SOON, |_| told(&ok(&device, "why", json!({})))).unwrap()
    };
    let after = told("program.json is wrong: ");
    assert_eq!((entry(&after), &after["state"]), (entry(&before), &json!("playing")));
    let mut other = program(&always());
    other["dayparts"][0]["name"] = "Another day".into();
    write(&place, &other.to_string());
    ok(&device, "reload", json!({}));
    let after = told("Another day");
    assert_eq!((entry(&after), &after["plays"]), (entry(&before), &json!(1)), "what plays goes on");
    end(device, "TERM");
}

/// Six recordings, each of an artist of its own, none to come again before the five others.
fn far_apart() -> Value {
    let names = ["1", "2", "3", "4", "5", "6"];
    let recordings: Vec<Value> = names
        .iter()
        .map(|name| json!({"id": name, "files": [format!("music/{name}.wav")], "artists": [name]}))
        .collect();
    let mut program = program(&always());
    program["rotation"] = json!({"song": {"count": 5, "minutes": 600}, "artist": {"count": 1, "minutes": 0}});
    program["library"] = json!({"recordings": recordings, "playlists": [{"id": "all", "recordings": names}]});
    program["place"] = json!({"id": "leeds", "territory": "GB"});
    program
}

#[test]
fn what_was_heard_before_a_kill_stays_away_after_it_and_the_log_says_why_each_song_played() {
    let place = place_with(&far_apart(), 1.2);
    for name in ["4", "5", "6"] {
        place.song(&format!("music/{name}.wav"), 1.2);
    }
    for run_no in 1..=4u64 {
        let device = run(&place);
        let wanted = Some(2 + run_no % 3);
        // Some of it was heard: so the start after the kill knows where it was.
        let heard = |status: &Value| status["plays"].as_u64() >= wanted && position_ms(status) >= 150;
        device.wait_for(RUN_MAX, heard).unwrap();
        device.kill().unwrap();
    }
    let rows = place.plays();
    let heard: Vec<&str> = rows
        .iter()
        .filter(|row| row.continues.is_none())
        .map(|row| row.program.recording.as_deref().unwrap())
        .collect();
    assert!(heard.len() >= 8, "{heard:?}");
    for six in heard.windows(6) {
        let different: std::collections::HashSet<_> = six.iter().collect();
        assert_eq!(different.len(), 6, "{six:?} in {heard:?}");
    }
    let mut choices: Vec<u64> = rows.iter().filter_map(|row| row.program.choice).collect();
    assert!(choices.len() + 4 >= rows.len(), "only what was kept in the queue was not chosen in its run");
    choices.dedup();
    assert!(choices.windows(2).all(|two| two[0] < two[1]), "no draw is repeated: {choices:?}");
    for row in &rows {
        assert_eq!(row.clock.as_deref(), Some("trusted"));
        let program = &row.program;
        assert_eq!(
            (program.place.as_deref(), program.daypart.as_deref(), program.offset_s),
            (Some("leeds"), Some("always"), Some(0)),
            "{row:?}"
        );
    }
    let output = Command::new(&place.setup.program)
        .args(["plays", "--state-dir"])
        .arg(place.setup.state_dir())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines().count() == rows.len() && text.lines().all(|line| line.contains("[always")),
        "{text}"
    );
}

#[test]
fn a_program_that_is_broken_at_the_start_is_replaced_by_its_copy_and_without_one_it_says_why_it_is_silent() {
    let place = place_with(&program(&always()), 2.0);
    let device = run(&place);
    device.wait_for(SOON, plays).unwrap();
    end(device, "TERM");
    write(&place, "{\"v\": 1, \"colour\": \"blue\"}");
    let device = run(&place);
    let seen = device.wait_for(SOON, plays).unwrap();
    let why = seen["why"].as_str().unwrap();
    assert!(
        why.contains("program.json is wrong: ") && why.ends_with("the copy of the last good program plays")
    );
    assert!(place.setup.log().contains("the copy of the last good program plays"));
    end(device, "TERM");

    std::fs::remove_file(place.setup.state_dir().join("program.kept")).unwrap();
    let device = run(&place);
    let why =
        |status: &Value| status["why"].as_str().is_some_and(|why| why.contains("program.json is wrong: "));
    let silent = device.wait_for(SOON, |status| status["state"] == "closed" && why(status)).unwrap();
    assert!(silent["current"].is_null() || silent["position_ms"] == 0, "{silent}");
    write(&place, &program(&always()).to_string());
    ok(&device, "reload", json!({}));
    device.wait_for(SOON, |status| plays(status) && !why(status)).unwrap();
    end(device, "TERM");
}

#[test]
fn nothing_goes_by_a_clock_that_nobody_has_set_until_somebody_has_and_then_the_log_is_completed() {
    let mut text = program(&always());
    text["clockless"] = json!({"allowed": true, "volume_max": 20});
    let place = place_with(&text, 1.5);
    let file = "clock_file = \"synchronized\"";
    let device = run_with(&place, file);
    let seen = device.wait_for(SOON, |status| plays(status) && status["plays"].as_u64() >= Some(2)).unwrap();
    assert_eq!(seen["volume"], 20, "without a clock it is not louder than that: {seen}");
    std::fs::write(place.path().join("synchronized"), "").unwrap();
    device.wait_for(SOON, |status| status["volume"] == 55).unwrap();
    end(device, "TERM");
    let rows = place.plays();
    let untimed = rows.iter().filter(|row| row.clock.as_deref() == Some("later")).count();
    assert!(untimed >= 2, "{rows:?}");
    let walls: Vec<_> = rows.iter().map(|row| row.started_wall.unwrap()).collect();
    assert!(walls.windows(2).all(|two| two[0] < two[1]), "{walls:?}");
    let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    assert!(walls.iter().all(|wall| now_ms.abs_diff(wall.0.unsigned_abs().into()) < 60_000), "{walls:?}");
    assert!(rows.iter().all(|row| row.program.local_date.is_some()), "{rows:?}");

    // A program that wants silence without a clock is silent without one.
    std::fs::remove_file(place.path().join("synchronized")).unwrap();
    text["clockless"] = json!({"allowed": false});
    write(&place, &text.to_string());
    let device = run_with(&place, file);
    let is_told = |status: &Value| status["why"].as_str().is_some_and(|why| why.contains("what time it is"));
    device.wait_for(SOON, |status| status["state"] == "closed" && is_told(status)).unwrap();
    end(device, "TERM");
}
