//! The service as `App` sees it: what is sent, what is confirmed, and how it bears a disk that refuses.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};

use super::super::service::Retry;
use super::faults::{fill_disk, make_room};
use super::*;
use crate::app::Event as AppEvent;
use crate::service::{Event as ServiceEvent, Service};

const PATIENCE: Duration = Duration::from_secs(20);

struct Device {
    dir: tempfile::TempDir,
    storage: Arc<Storage>,
    handle: Handle,
    events: Receiver<AppEvent>,
    sender: crossbeam_channel::Sender<AppEvent>,
}

fn device() -> Device {
    let dir = tempfile::tempdir().unwrap();
    let (database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    let (sender, events) = bounded(64);
    let retry = Retry { first: Duration::from_millis(5), max: Duration::from_millis(20) };
    let (storage, handle) = Storage::with_retry(database, sender.clone(), retry);
    Device { dir, storage, handle, events, sender }
}

impl Device {
    fn start(&self) -> JoinHandle<Result<(), String>> {
        let storage = Arc::clone(&self.storage);
        thread::spawn(move || storage.run())
    }

    fn stop(&self, thread: JoinHandle<Result<(), String>>) {
        self.storage.stop();
        thread.join().unwrap().unwrap();
    }

    fn next(&self) -> AppEvent {
        self.events.recv_timeout(PATIENCE).expect("an event in time")
    }

    /// Waits until `ticket` is confirmed; gives what else was reported before.
    fn kept(&self, ticket: u64) -> Vec<Event> {
        let mut others = Vec::new();
        loop {
            match self.next() {
                AppEvent::Storage(Event::Kept(kept)) if kept >= Ticket(ticket) => return others,
                AppEvent::Storage(Event::Kept(_)) => {}
                AppEvent::Storage(other) => others.push(other),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn what_was_sent_before_the_thread_began_is_written_and_the_highest_ticket_confirmed_once() {
    let device = device();
    for seq in 1..=100 {
        device.handle.send(open(1, seq)).unwrap();
        device.handle.send(Command::Checkpoint(checkpoint(seq, None))).unwrap();
    }
    let thread = device.start();
    match device.next() {
        AppEvent::Storage(Event::Kept(ticket)) => assert_eq!(ticket, Ticket(100), "one transaction"),
        other => panic!("{other:?}"),
    }
    device.stop(thread);
    assert_eq!(plays(device.dir.path()).len(), 100);
}

#[test]
fn a_checkpoint_alone_is_written_without_a_word() {
    let device = device();
    let thread = device.start();
    device.handle.send(Command::Checkpoint(checkpoint(7, None))).unwrap();
    device.stop(thread);
    assert!(device.events.is_empty());
    let path = device.dir.path().to_owned();
    drop(device.storage);
    assert_eq!(restore(&path, None, "a", now(0)).unwrap().1.checkpoint, Some(checkpoint(7, None)));
}

#[test]
fn what_is_still_in_the_channel_at_the_stop_is_written() {
    let device = device();
    for seq in 1..=500 {
        device.handle.send(open(1, seq)).unwrap();
    }
    device.storage.stop();
    device.storage.run().unwrap();
    assert_eq!(plays(device.dir.path()).len(), 500);
}

#[test]
fn a_channel_that_is_full_says_so_and_does_not_block() {
    let device = device();
    for seq in 1..=COMMANDS_LEN_MAX as u64 {
        device.handle.send(open(1, seq)).unwrap();
    }
    assert_eq!(device.handle.send(open(1, 9999)), Err(Full));
}

#[test]
fn a_disk_that_refuses_is_reported_once_and_nothing_is_lost_until_it_takes_again() {
    let device = device();
    device.storage.with_database(fill_disk);
    let ids: Vec<u64> = (0..5000).collect();
    let thread = device.start();
    device.handle.send(Command::SaveQueue(Ticket(1), queue(&ids))).unwrap();
    match device.next() {
        AppEvent::Storage(Event::Refused(words)) => assert!(words.contains("full"), "{words}"),
        other => panic!("{other:?}"),
    }
    for seq in 2..=200 {
        device.handle.send(open(1, seq)).unwrap();
    }
    thread::sleep(Duration::from_millis(100));
    assert!(device.events.is_empty(), "it is said once");
    device.stop(thread);
    assert!(plays(device.dir.path()).is_empty());
    device.storage.with_database(make_room);
    device.storage.start_over();
    let thread = device.start();
    assert_eq!(device.kept(200), [Event::Recovered]);
    device.stop(thread);
    assert_eq!(plays(device.dir.path()).len(), 199);
}

#[test]
fn a_thread_that_died_goes_on_with_what_it_had() {
    let device = device();
    for seq in 1..=3 {
        device.handle.send(open(1, seq)).unwrap();
    }
    device.storage.die_in_the_middle_of_a_transaction();
    let thread = device.start();
    device.kept(3);
    // `App` does not know that and sends everything again.
    for seq in 1..=4 {
        device.handle.send(open(1, seq)).unwrap();
    }
    device.kept(4);
    device.stop(thread);
    let expected: Vec<_> = (1..=4).map(|seq| (key(1, seq), None)).collect();
    assert_eq!(ends(device.dir.path()), expected);
}

#[test]
fn a_stop_ends_it_even_while_nobody_takes_its_events() {
    let device = device();
    while device
        .sender
        .try_send(AppEvent::Service(ServiceEvent::Restarted { service: crate::service::Name::Storage }))
        .is_ok()
    {}
    let thread = device.start();
    device.handle.send(open(1, 1)).unwrap();
    thread::sleep(Duration::from_millis(50));
    // It would wait for ever for room among the events.
    device.stop(thread);
    assert_eq!(plays(device.dir.path()).len(), 1);
}
