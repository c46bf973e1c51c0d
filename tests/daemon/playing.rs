//! What the play controls do: pause, stop, seek, skip, volume.

use super::*;

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
    let toggled = Instant::now();
    ok(&device, "toggle", json!({}));
    let on = device.wait_for(SOON, |status| plays(status) && position_ms(status) > held_ms).unwrap();
    let passed_ms = toggled.elapsed().as_millis() as u64;
    assert!(position_ms(&on) - held_ms < passed_ms + 500, "it goes on where it was: {on}");
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
