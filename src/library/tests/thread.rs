//! The service as `App` sees it.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};

use super::*;
use crate::app::Event as AppEvent;
use crate::service::Service;

const PATIENCE: Duration = Duration::from_secs(20);

fn start(library: &Arc<Library>) -> JoinHandle<Result<(), String>> {
    let library = Arc::clone(library);
    std::thread::spawn(move || library.run())
}

fn next(events: &Receiver<AppEvent>) -> Event {
    match events.recv_timeout(PATIENCE).expect("an event in time") {
        AppEvent::Library(event) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_wish_is_answered_in_turn_and_ended_once() {
    let dir = folder(&["a/1.mp3", "b/2.mp3"]);
    let (sender, events) = bounded(64);
    let (library, handle) = Library::new(std::env::temp_dir(), sender);
    for (wish, name) in [(7, "a"), (8, "gone"), (9, "b")] {
        handle.send(Command::Expand { wish: WishId(wish), paths: vec![dir.path().join(name)] }).unwrap();
    }
    let thread = start(&library);
    let found = |wish, name: &str| Event::Found { wish: WishId(wish), songs: vec![dir.path().join(name)] };
    let ended = |wish| Event::Expanded { wish: WishId(wish), problems: vec![] };
    assert_eq!(next(&events), found(7, "a/1.mp3"));
    assert_eq!(next(&events), ended(7));
    assert!(matches!(next(&events), Event::Expanded { wish: WishId(8), problems } if problems.len() == 1));
    assert_eq!(next(&events), found(9, "b/2.mp3"));
    assert_eq!(next(&events), ended(9));
    library.stop();
    thread.join().unwrap().unwrap();
    assert!(events.is_empty());
}

#[test]
fn a_stop_interrupts_a_long_search_even_while_nobody_takes_its_events() {
    let names: Vec<String> = (0..1000).map(|n| format!("{n}.mp3")).collect();
    let dir = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (sender, events) = bounded(1);
    let (library, handle) = Library::new(std::env::temp_dir(), sender);
    handle.send(Command::Expand { wish: WishId(1), paths: vec![dir.path().to_owned(); 256] }).unwrap();
    let thread = start(&library);
    std::thread::sleep(Duration::from_millis(100));
    // Without the stop it waits for ever for somebody who takes the second event.
    library.stop();
    thread.join().unwrap().unwrap();
    assert!(matches!(next(&events), Event::Found { .. }));
    assert!(events.is_empty(), "nothing is called ended that was not");
}

#[test]
fn a_channel_that_is_full_says_so_and_does_not_block() {
    let (sender, _events) = bounded(1);
    let (_library, handle) = Library::new(std::env::temp_dir(), sender);
    let wish = |n| Command::Expand { wish: WishId(n), paths: vec![] };
    for n in 0..COMMANDS_LEN_MAX as u64 {
        handle.send(wish(n)).unwrap();
    }
    assert_eq!(handle.send(wish(99)), Err(Full));
}

#[test]
fn a_wish_that_the_thread_died_over_is_ended_by_the_next_one() {
    let (sender, events) = bounded(8);
    let (library, _handle) = Library::new(std::env::temp_dir(), sender);
    library.die_over(WishId(5));
    let thread = start(&library);
    assert!(matches!(next(&events), Event::Expanded { wish: WishId(5), problems } if problems.len() == 1));
    library.stop();
    thread.join().unwrap().unwrap();
}
