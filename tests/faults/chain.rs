//! What the device says to who guards it, and what they do when it says nothing.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use orchestrion_rig::supervisor::{Event, Supervisor};

use super::{BACK_MAX, House, PLAYING, WAIT_MAX, supervise};
use crate::place::Place;

fn started(house: &House) -> u32 {
    let (_, event) = house.wait_for(|event| matches!(event, Event::Started(_)));
    let Event::Started(pid) = event else { unreachable!() };
    pid
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap().success());
}

fn moved(house: &House) -> String {
    std::fs::read_to_string(house.place.path().join("moved")).unwrap_or_default()
}

#[test]
fn it_says_that_it_is_ready_that_it_moves_and_that_it_stops() {
    let house = House::new(PLAYING, &[]);
    let pid = started(&house);
    house.wait_for(|event| *event == Event::Said("READY=1".into()));
    let (first, _) = house.wait_for(|event| *event == Event::Said("WATCHDOG=1".into()));
    let (second, _) = house.wait_for(|event| *event == Event::Said("WATCHDOG=1".into()));
    assert!(second - first < super::WATCHDOG / 2, "{:?} between its words", second - first);
    let said = moved(&house);
    assert!(said.starts_with("moved ") && said.ends_with('\n'), "{said:?}");
    let mode = std::fs::metadata(house.place.path().join("moved")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "the watchdog, another user, must read it");
    signal("TERM", pid);
    house.wait_for(|event| *event == Event::Said("STOPPING=1".into()));
    let (_, event) = house.wait_for(|event| matches!(event, Event::Ended(_)));
    assert!(matches!(event, Event::Ended(status) if status.success()), "{event:?}");
    assert!(moved(&house).starts_with("stopped "), "{:?}", moved(&house));
}

#[test]
fn one_that_is_stopped_as_a_whole_is_killed_and_the_music_is_back() {
    let house = House::new(PLAYING, &[]);
    let pid = started(&house);
    house.wait_for(|event| *event == Event::Said("WATCHDOG=1".into()));
    house.wait_for_music(Instant::now());
    let frozen = Instant::now();
    signal("STOP", pid);
    let (killed, _) = house.wait_for(|event| *event == Event::TimedOut);
    assert!(killed - frozen < super::WATCHDOG + Duration::from_secs(2), "killed after {:?}", killed - frozen);
    let back = house.wait_for_music(killed);
    assert!(back < BACK_MAX, "music {back:?} after it was killed");
    assert!(moved(&house).starts_with("moved "), "its end was in no order: {:?}", moved(&house));
}

#[test]
fn a_wrong_configuration_is_not_tried_again_and_no_watchdog_waits_for_it() {
    let place = Place::new();
    std::fs::write(place.path().join("orchestrion.toml"), "volum = 3\n").unwrap();
    let supervisor: Supervisor = supervise(&place, &[]);
    let (_, event) = supervisor.wait_for(WAIT_MAX, |event| matches!(event, Event::Ended(_))).unwrap();
    assert!(matches!(event, Event::Ended(status) if status.code() == Some(2)), "{event:?}");
    let again = supervisor.wait_for(Duration::from_secs(1), |event| matches!(event, Event::Started(_)));
    assert!(again.is_err());
    let moved = std::fs::read_to_string(place.path().join("moved")).unwrap();
    assert!(moved.starts_with("stopped "), "{moved:?}");
}
