//! Orders, places and limits of the queue.

use super::*;

fn queue_of(count: u64) -> Queue {
    let mut queue = Queue::new(&QueueSnapshot::default(), Repeat::Off, false, 7);
    queue.add((1..=count).map(song), Place::Last).unwrap();
    queue
}

fn song(n: u64) -> Arc<Path> {
    Path::new(&format!("/m/{n}.flac")).into()
}

fn order(queue: &Queue) -> Vec<u64> {
    queue.page(0, usize::MAX).iter().map(|id| id.0).collect()
}

fn after(queue: &Queue, id: u64) -> Option<u64> {
    queue.after(Some(EntryId(id)), false, |_| true).map(|id| id.0)
}

#[test]
fn entries_are_added_next_last_and_after() {
    let mut queue = queue_of(3);
    queue.set_current(EntryId(2));
    queue.add([song(4)], Place::Next).unwrap();
    queue.add([song(5), song(6)], Place::After(EntryId(1))).unwrap();
    queue.add([song(7)], Place::Last).unwrap();
    assert_eq!(order(&queue), [1, 5, 6, 2, 4, 3, 7]);
    assert_eq!(queue.add([song(8)], Place::After(EntryId(99))), Err(QueueError::Unknown(EntryId(99))));
    assert_eq!(queue.len(), 7);
}

#[test]
fn the_current_entry_is_neither_removed_nor_moved_and_an_unknown_one_changes_nothing() {
    let mut queue = queue_of(3);
    queue.set_current(EntryId(2));
    assert_eq!(queue.remove(EntryId(2)), Err(QueueError::Current(EntryId(2))));
    assert_eq!(queue.move_to(EntryId(2), Place::Last), Err(QueueError::Current(EntryId(2))));
    assert_eq!(queue.remove(EntryId(9)), Err(QueueError::Unknown(EntryId(9))));
    assert_eq!(queue.move_to(EntryId(1), Place::After(EntryId(9))), Err(QueueError::Unknown(EntryId(9))));
    assert_eq!(order(&queue), [1, 2, 3]);
    queue.move_to(EntryId(1), Place::Next).unwrap();
    assert_eq!(order(&queue), [2, 1, 3]);
    queue.remove(EntryId(1)).unwrap();
    queue.clear();
    assert_eq!(order(&queue), [2]);
}

#[test]
fn repeat_says_what_comes_at_the_end() {
    let mut queue = queue_of(3);
    assert_eq!((after(&queue, 1), after(&queue, 3)), (Some(2), None));
    queue.set_repeat(Repeat::All);
    assert_eq!(after(&queue, 3), Some(1));
    queue.set_repeat(Repeat::One);
    assert_eq!(after(&queue, 2), Some(2));
    assert_eq!(queue.after(Some(EntryId(2)), true, |_| true), Some(EntryId(3)));
    assert_eq!(queue.before(EntryId(1), |_| true), Some(EntryId(3)));
}

#[test]
fn what_is_not_allowed_is_passed_over_all_the_way_round() {
    let mut queue = queue_of(4);
    queue.set_repeat(Repeat::All);
    let only_two = |entry: &Entry| *entry.path == *song(2);
    assert_eq!(queue.after(Some(EntryId(3)), false, only_two), Some(EntryId(2)));
    assert_eq!(queue.after(Some(EntryId(2)), false, only_two), Some(EntryId(2)));
    assert_eq!(queue.after(Some(EntryId(2)), false, |_| false), None);
    assert_eq!(queue.before(EntryId(3), only_two), Some(EntryId(2)));
}

#[test]
fn shuffle_keeps_every_entry_once_and_goes_back_to_the_order_of_adding() {
    let mut queue = queue_of(50);
    queue.set_current(EntryId(20));
    queue.set_shuffle(true);
    let shuffled = order(&queue);
    assert_eq!(shuffled[0], 20);
    assert_ne!(shuffled, (1..=50).collect::<Vec<_>>());
    let mut sorted = shuffled.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..=50).collect::<Vec<_>>());
    queue.add([song(51)], Place::Last).unwrap();
    queue.set_shuffle(false);
    assert_eq!(order(&queue), (1..=51).collect::<Vec<_>>());
}

#[test]
fn the_same_seed_gives_the_same_order() {
    let shuffled = || {
        let mut queue = queue_of(30);
        queue.set_shuffle(true);
        order(&queue)
    };
    assert_eq!(shuffled(), shuffled());
}

#[test]
fn a_full_queue_says_what_found_no_room() {
    let mut queue = queue_of(QUEUE_LEN_MAX as u64 - 1);
    let outcome = queue.add([song(0), song(0), song(0)], Place::Next).unwrap();
    assert_eq!((outcome.added, outcome.no_room), (1, 2));
    assert_eq!(queue.len(), QUEUE_LEN_MAX);
}

#[test]
fn what_is_kept_comes_back_and_numbers_are_never_used_again() {
    let mut queue = queue_of(5);
    queue.set_current(EntryId(3));
    queue.set_shuffle(true);
    queue.remove(EntryId(5)).unwrap();
    let kept = queue.snapshot();
    let mut back = Queue::new(&kept, Repeat::Off, true, 7);
    assert_eq!((order(&back), back.current()), (order(&queue), Some(EntryId(3))));
    let outcome = back.add([song(9)], Place::Next).unwrap();
    assert_eq!(outcome.first, Some(EntryId(6)));
}

#[test]
fn a_damaged_snapshot_still_gives_each_entry_once() {
    let mut kept = queue_of(3).snapshot();
    kept.order = Arc::new(vec![EntryId(3), EntryId(3), EntryId(77)]);
    kept.current = Some(EntryId(77));
    let queue = Queue::new(&kept, Repeat::Off, false, 7);
    assert_eq!((order(&queue), queue.current()), (vec![3, 1, 2], None));
}
