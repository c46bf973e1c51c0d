//! How it ends, and what it does where there is no screen.

use std::time::{Duration, Instant};

use orchestrion::media::screen::message::{Command, Event, Item, Setup, Sink, Size};
use orchestrion::media::screen::{Fall, Player, Said};
use orchestrion_rig::films::Film;

use crate::stage::{PATIENCE, Stage, can_show, program};

const FILM: Film =
    Film { width: 160, height: 90, rate: 25, frames: 25, colour: [30, 30, 200], has_sound: false };

#[test]
fn a_dead_x_server_ends_the_process_and_nobody_waits() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    FILM.write(&stage.path("a.mp4"), "libx264").unwrap();
    stage.show(&["a.mp4"], 1000);
    stage.hear(|event| matches!(event, Event::Shown { .. }));
    stage.screen.kill();
    let fall = stage.fall();
    println!("{fall}");
    assert!(matches!(fall, Fall::Died { is_crash: false, .. }), "{fall}");
}

#[test]
fn without_a_screen_films_run_at_their_time_and_it_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("a.mp4");
    FILM.write(&film, "libx264").unwrap();
    let setup = Setup { sink: Sink::Kms, size: Size::new(64, 36), ..Setup::default() };
    let mut player = Player::start(program(), &setup).unwrap();
    player.send(&Command::Show { items: vec![Item::new(7, &film, 0, 1000)] }).unwrap();
    let (mut sink, mut presented, until) = (None, 0, Instant::now() + PATIENCE);
    while presented < 50 {
        match player.receive(until).unwrap().expect("it goes on") {
            Said::Event(Event::Opened { sink: opened, passed_over, size }) => {
                assert_eq!(size, Size { width: 64, height: 36 });
                println!("{passed_over:?}");
                sink = Some((opened, passed_over.len()));
            }
            Said::Event(Event::Health(health)) => presented = health.presented,
            Said::Event(Event::Failed { reason, .. }) => panic!("{reason}"),
            Said::Event(_) | Said::Snapshot { .. } | Said::Sound { .. } => {}
        }
    }
    // A machine with a screen at a connector shows on that.
    let (sink, passed_over) = sink.unwrap();
    assert!(sink == Sink::Null && passed_over == 1 || sink == Sink::Kms, "{sink:?}");
}

#[test]
fn the_first_frame_is_there_soon_and_its_end_is_told_when_it_is_killed() {
    if !can_show() {
        return;
    }
    let begun = Instant::now();
    let mut stage = Stage::new(Setup::default());
    let opened = begun.elapsed();
    FILM.write(&stage.path("a.mp4"), "libx264").unwrap();
    let begun = Instant::now();
    stage.show(&["a.mp4"], 1000);
    stage.see((320, 5), FILM.colour);
    println!("a server and a screen after {opened:?}, the first frame {:?} later", begun.elapsed());
    let process = stage.player.process_id().unwrap();
    let killed = std::process::Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
    assert!(killed.success());
    let fall = stage.fall();
    assert!(fall.to_string().contains("signal 9"), "{fall}");
    std::thread::yield_now();
    assert!(begun.elapsed() < PATIENCE + Duration::from_secs(1));
}
