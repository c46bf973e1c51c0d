//! A server that lies does nothing to the music.

use std::time::{Duration, Instant};

use orchestrion_protocol::fleet::{Ended, Heartbeat};
use orchestrion_protocol::release::SecretKey;

use super::liar::{Liar, Lie, command, key};
use super::room::{Room, SOON, entry, is_playing, music_goes_on};
use super::server::PATIENCE;

#[test]
fn a_server_that_answers_with_pages_without_end_in_halves_or_not_at_all_leaves_the_music_playing() {
    for lie in [Lie::Html, Lie::Endless, Lie::Cut, Lie::Silent] {
        let liar = Liar::new(lie.clone());
        let room = Room::new(60.0);
        let device = room.run(&liar.url, "");
        liar.heartbeat();
        music_goes_on(&device);
        if !matches!(lie, Lie::Silent) {
            let problem = device.wait_for(SOON, |status| status["server"]["problem"].is_string());
            problem.unwrap_or_else(|error| panic!("{lie:?}: {error}"));
        }
        let begin = Instant::now();
        assert!(device.terminate().unwrap().success(), "{lie:?}");
        assert!(begin.elapsed() < Duration::from_secs(4), "{lie:?}: {:?}", begin.elapsed());
        let log = room.setup.log();
        assert!(!log.contains("panicked") && !log.contains("does not stop"), "{lie:?}: {log}");
    }
}

/// Waits for a heartbeat that tells as much of its commands.
fn until(liar: &Liar, what: &str, enough: impl Fn(&Heartbeat) -> bool) -> Heartbeat {
    let begin = Instant::now();
    loop {
        let heartbeat = liar.heartbeat();
        if enough(&heartbeat) {
            return heartbeat;
        }
        assert!(begin.elapsed() < PATIENCE, "never {what}: {:?}", heartbeat.results);
    }
}

#[test]
fn a_command_that_somebody_else_signed_is_refused_and_reported() {
    let stranger = SecretKey::from_chance(&[9; 32]);
    let mut changed = command(2, "skip", &key());
    changed.text = changed.text.replace("skip", "stop");
    let liar = Liar::new(Lie::Commands(vec![command(1, "stop", &stranger), changed]));
    let room = Room::new(60.0);
    let device = room.run(&liar.url, "");
    let told = until(&liar, "refused", |heartbeat| heartbeat.results.len() >= 2);
    assert!(told.results.iter().all(|result| result.ended == Ended::Refused), "{:?}", told.results);
    assert_eq!(told.cursor.number, 0, "what is not believed moves nothing");
    music_goes_on(&device);
}

#[test]
fn a_command_that_is_played_back_again_and_again_is_done_once() {
    let liar = Liar::new(Lie::Commands(vec![command(1, "skip", &key())]));
    let room = Room::new(60.0);
    let device = room.run(&liar.url, "");
    let first = entry(&device.wait_for(SOON, is_playing).unwrap());
    until(&liar, "done", |heartbeat| heartbeat.results.iter().any(|result| result.ended == Ended::Done));
    // Once its result was told it is not known any more, and refused by its number.
    until(&liar, "refused", |heartbeat| {
        heartbeat.results.iter().any(|result| result.ended == Ended::Refused)
    });
    let log = room.setup.log();
    assert_eq!(log.lines().filter(|line| line.contains("command 1 by nobody: skip")).count(), 1, "{log}");
    music_goes_on(&device);
    let now = entry(&device.wait_for(SOON, is_playing).unwrap());
    assert!(now == first || now == first + 1, "from {first} to {now}");
}
