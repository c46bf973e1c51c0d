//! Announcements and emergencies on a device.

use super::*;

/// A device with a song of 30 s and an announcement of 2 s beside it.
fn with_bell() -> (Place, Device, String) {
    let place = Place::new();
    place.song("music/1.wav", 30.0);
    let bell = place.song("bell.wav", 2.0).display().to_string();
    let device = place.run("crossfade_s = 0");
    device.wait_for(SOON, plays).unwrap();
    (place, device, bell)
}

fn said(status: &Value) -> Option<&str> {
    status["said"].as_str()
}

#[test]
fn an_announcement_is_said_over_the_song_which_goes_on_and_both_stand_in_the_log() {
    let (place, device, bell) = with_bell();
    let output = place.ctl(&["announce", &bell]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "it is being said, 2 s\n");
    let status = device.wait_for(SOON, |status| said(status) == Some("bell")).unwrap();
    assert_eq!(status["state"], "playing");
    device.wait_for(SOON, |status| said(status).is_none() && plays(status)).unwrap();
    end(device, "TERM");
    let rows = place.plays();
    let bell = rows.iter().find(|row| row.path.ends_with("bell.wav")).unwrap();
    let heard = bell.end.as_ref().unwrap();
    assert_eq!((heard.how.as_str(), heard.heard_ms), ("finished", 2000), "{rows:?}");
}

#[test]
fn what_cannot_be_announced_is_refused_with_the_reason() {
    let (place, device, _) = with_bell();
    let nothing = place.path().join("nothing.wav").display().to_string();
    let told = refused(&device, "announce", json!({"path": nothing}));
    assert!(told.contains("nothing.wav is not said: "), "{told}");
    let told = refused(&device, "announce", json!({"path": "bell.wav"}));
    assert!(told.contains("bell.wav"), "{told}");
    let told = refused(&device, "announce", json!({"path": nothing, "duck_db": 90}));
    assert!(told.contains("0 to 60 dB"), "{told}");
    assert_eq!(refused(&device, "hush", json!({})), "nothing is being said");
    assert_eq!(refused(&device, "emergency.end", json!({})), "there is no emergency");
    assert_eq!(place.ctl(&["emergency", "nothing.wav"]).status.code(), Some(2));
    end(device, "TERM");
}

#[test]
fn hush_ends_an_announcement_at_once() {
    let (place, device, bell) = with_bell();
    ok(&device, "announce", json!({"path": bell}));
    ok(&device, "hush", json!({}));
    device.wait_for(SOON, |status| said(status).is_none()).unwrap();
    end(device, "TERM");
    let rows = place.plays();
    let end = rows.iter().find(|row| row.path.ends_with("bell.wav")).unwrap().end.as_ref().unwrap();
    assert_eq!((end.how.as_str(), end.reason.as_str()), ("cut", "hushed"));
    assert!(end.heard_ms < 2000);
}

#[test]
fn an_emergency_survives_kill_9_and_ends_when_it_is_ended() {
    let (place, device, bell) = with_bell();
    assert!(place.ctl(&["emergency", &bell, "--for", "5m"]).status.success());
    let is_called = |status: &Value| said(status) == Some("EMERGENCY: bell");
    device.wait_for(SOON, is_called).unwrap();
    device.kill().unwrap();
    let device = place.run("crossfade_s = 0");
    device.wait_for(SOON, is_called).unwrap();
    // It is said again and again, and no press goes before it.
    ok(&device, "skip", json!({}));
    let rows_of_bell = || place.plays().iter().filter(|row| row.path.ends_with("bell.wav")).count();
    device.wait_for(RUN_MAX, |_| rows_of_bell() >= 3).unwrap();
    assert!(place.ctl(&["emergency", "end"]).status.success());
    device.wait_for(SOON, |status| said(status).is_none() && plays(status)).unwrap();
    end(device, "TERM");
}
