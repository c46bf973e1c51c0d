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
    place.setup.run("outputs = [\"null\"]\nprogram = \"program.json\"\n").unwrap()
}

#[test]
fn a_program_plays_its_folder_song_by_song_never_one_twice_in_a_row_and_says_why() {
    let place = place_with(&program(&always()), 1.0);
    let device = run(&place);
    device.wait_for(SOON, plays).unwrap();
    let seen = device.wait_for(RUN_MAX, |status| status["plays"].as_u64() >= Some(5)).unwrap();
    assert_eq!(seen["volume"], 55);
    assert!(seen["queue_len"].as_u64() <= Some(7), "what is to come is chosen song by song: {seen}");
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
