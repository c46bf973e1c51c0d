//! The queue in its tables.

use std::time::Instant;

use super::super::queue::SavedQueue;
use super::*;

fn rows(saved: &SavedQueue, wanted: &QueueSnapshot) -> usize {
    saved.change_to(wanted).rows()
}

fn save(database: &mut Database, wanted: &QueueSnapshot) {
    write(database, [Command::SaveQueue(Ticket(1), wanted.clone())]).unwrap();
    let there = SavedQueue::load(database.connection()).unwrap();
    assert_eq!(there.snapshot(), wanted);
}

#[test]
fn a_queue_of_twenty_thousand_is_saved_in_half_a_second_and_a_change_writes_few_rows() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    let mut order: Vec<u64> = (0..20_000).collect();
    let whole = queue(&order);
    let began = Instant::now();
    write(&mut database, [Command::SaveQueue(Ticket(1), whole.clone())]).unwrap();
    let took = began.elapsed();
    eprintln!("20,000 entries in {} ms", took.as_millis());
    assert!(took.as_millis() < 500, "{took:?}");

    let saved = SavedQueue::load(database.connection()).unwrap();
    assert_eq!(saved.snapshot(), &whole);
    assert_eq!(rows(&saved, &whole), 0);
    let skipped = QueueSnapshot { current: Some(EntryId(7)), ..whole.clone() };
    assert_eq!(rows(&saved, &skipped), 1);
    order.insert(1, 20_000);
    assert_eq!(rows(&saved, &queue(&order)), 3, "an entry, its place, and the next number");
    order.remove(1);
    order.swap(3, 19_000);
    assert_eq!(rows(&saved, &queue(&order)), 2, "two places");
    order.remove(500);
    assert_eq!(rows(&saved, &queue(&order)), 4, "an entry and its place less");
    let began = Instant::now();
    write(&mut database, [Command::SaveQueue(Ticket(1), queue(&order))]).unwrap();
    eprintln!("a small change in {} ms", began.elapsed().as_millis());
    order.reverse();
    let began = Instant::now();
    save(&mut database, &queue(&order));
    eprintln!("a new order (and reading it) in {} ms", began.elapsed().as_millis());
}

#[test]
fn whatever_becomes_of_a_queue_is_what_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    for order in [&[][..], &[5, 1, 3], &[3, 5, 1, 9], &[9], &[], &[1, 2, 3, 4, 5, 6], &[6, 1, 2, 4, 5, 30]] {
        save(&mut database, &queue(order));
        // What another thread would find.
        database.settle();
    }
}

#[test]
fn an_entry_whose_path_or_place_of_adding_changes_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    let mut wanted = queue(&[1, 2, 3]);
    save(&mut database, &wanted);
    let mut entries = wanted.entries.to_vec();
    entries.swap(0, 2);
    entries[1].path = Path::new("/elsewhere").into();
    wanted.entries = Arc::new(entries);
    save(&mut database, &wanted);
}

#[test]
fn a_snapshot_that_contradicts_itself_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    let mut wanted = queue(&[1, 2, 3]);
    wanted.order = Arc::new([2, 2, 9, 1].map(EntryId).to_vec());
    wanted.current = Some(EntryId(9));
    wanted.next_entry = 0;
    write(&mut database, [Command::SaveQueue(Ticket(1), wanted)]).unwrap();
    let there = SavedQueue::load(database.connection()).unwrap();
    let order: Vec<u64> = there.snapshot().order.iter().map(|id| id.0).collect();
    assert_eq!((order, there.snapshot().current, there.snapshot().next_entry), (vec![2, 1, 3], None, 4));
}
