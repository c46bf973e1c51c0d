//! What is done to the queue, and in which order it plays.

use super::*;

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
