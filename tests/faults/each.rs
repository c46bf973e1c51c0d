//! Every thread, every way to fail: noticed, ended or revived, and the music is back in time.

use std::time::Duration;

use orchestrion_rig::supervisor::Event;

use super::{BACK_MAX, House, PLAYING, STILL_MS_MAX};

/// After so long at work it fails.
const AFTER_MS: u64 = 1_000;
/// A hang is noticed after its limit, a look at each second, and on a machine under load some more; then the process has 2 s to end.
const NOTICED_MAX: Duration = Duration::from_millis(STILL_MS_MAX + 1_000 + 2_000 + 4_000);
/// What a thread that waits is called in the log, and how it can wait for ever.
const HANGS: [&str; 3] = ["loop", "lock", "channel"];

fn armed(who: &str, kind: &str) -> House {
    let house = House::new(PLAYING, &[("ORCHESTRION_FAULT", format!("{who}:{kind}:{AFTER_MS}"))]);
    house.wait_for(|event| *event == Event::Said("READY=1".into()));
    house
}

fn hangs_and_is_back(who: &str, called: &str) {
    for kind in HANGS {
        let house = armed(who, kind);
        let struck = house.wait_for_log("as a test wants it");
        let (ended, event) = house.wait_for(|event| matches!(event, Event::Ended(_) | Event::TimedOut));
        let Event::Ended(status) = event else { panic!("{who} {kind}: systemd noticed it, not the device") };
        let noticed = ended - struck;
        assert_eq!(status.code(), Some(1), "{who} {kind}: {}", house.place.setup.log());
        assert!(noticed < NOTICED_MAX, "{who} {kind}: noticed after {noticed:?}");
        let words = format!("the {called} hangs");
        assert!(house.place.setup.log().contains(&words), "{who} {kind}: {}", house.place.setup.log());
        let back = house.wait_for_music(ended);
        println!("{who} {kind}: ended after {noticed:?}, music {back:?} later");
        assert!(back < BACK_MAX, "{who} {kind}: music {back:?} after the end");
    }
}

fn dies_and_is_revived(who: &str) {
    let house = armed(who, "panic");
    let died = house.wait_for_log(&format!("the {who} service died: panicked: as a test wants it"));
    house.wait_for_log(&format!("the {who} service runs again"));
    let back = house.wait_for_music(died);
    println!("{who} panic: music {back:?} later");
    assert!(back < BACK_MAX, "{who}: music {back:?} after its death");
    let ended =
        house.supervisor.wait_for(Duration::from_millis(200), |event| matches!(event, Event::Ended(_)));
    assert!(ended.is_err(), "the process ended: {}", house.place.setup.log());
}

#[test]
fn storage_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("storage", "storage service");
}

#[test]
fn audio_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("audio", "audio service");
}

#[test]
fn a_library_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("library", "library service");
}

#[test]
fn measuring_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("measure", "measure service");
}

#[test]
fn a_download_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("download", "download service");
}

#[test]
fn a_web_thread_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("web", "web service");
}

#[test]
fn buttons_that_hang_are_named_and_the_music_is_back() {
    hangs_and_is_back("buttons", "buttons service");
}

#[test]
fn control_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("control", "control service");
}

#[test]
fn a_deciding_thread_that_hangs_is_named_and_the_music_is_back() {
    hangs_and_is_back("app", "deciding thread");
}

#[test]
fn any_service_that_dies_is_revived_and_the_music_goes_on() {
    for who in ["storage", "buttons", "audio", "library", "measure", "download", "web", "control"] {
        dies_and_is_revived(who);
    }
}

#[test]
fn a_deciding_thread_that_dies_ends_the_process_and_the_music_is_back() {
    let house = armed("app", "panic");
    let (ended, event) = house.wait_for(|event| matches!(event, Event::Ended(_) | Event::TimedOut));
    assert!(matches!(event, Event::Ended(status) if !status.success()), "{event:?}");
    let back = house.wait_for_music(ended);
    assert!(back < BACK_MAX, "music {back:?} after the end");
}
