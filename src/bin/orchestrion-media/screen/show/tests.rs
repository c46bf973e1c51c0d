//! What is shown when, in virtual time.

use std::path::Path;

use super::*;

fn item(id: u32) -> Item {
    Item::new(id, Path::new(&format!("/films/{id}.mp4")), 0, 2000)
}

fn items(count: u32) -> Vec<Item> {
    (1..=count).map(item).collect()
}

/// Follows the orders, and writes down what happens.
#[derive(Default)]
struct Stage {
    show: Show,
    now: u64,
    /// What is being prepared, or prepared.
    beside: Vec<(Turn, u32)>,
    on_screen: Option<(Turn, u32)>,
    log: Vec<String>,
}

impl Stage {
    fn with(items: Vec<Item>) -> Self {
        let mut stage = Self::default();
        stage.tell(|show, now, orders| show.show(now, items, orders));
        stage
    }

    fn tell(&mut self, what: impl FnOnce(&mut Show, u64, &mut Vec<Order>)) -> &mut Self {
        let mut orders = Vec::new();
        what(&mut self.show, self.now, &mut orders);
        for order in orders {
            match order {
                Order::Prepare { turn, item } => self.beside.push((turn, item.id)),
                Order::Take { turn, at_once } => {
                    let at = self.beside.iter().position(|(ours, _)| *ours == turn);
                    let taken = self.beside.remove(at.expect("only what was prepared is taken"));
                    if at_once {
                        self.log.push("at once".into());
                    }
                    self.on_screen = Some(taken);
                }
                Order::Drop { turn } => self.beside.retain(|(ours, _)| *ours != turn),
                Order::Tell(Event::Shown { id, .. }) => self.log.push(format!("shown {id}")),
                Order::Tell(Event::Failed { id, passed_over_ms, .. }) => {
                    self.log.push(format!("failed {id} for {passed_over_ms}"));
                }
                Order::Tell(Event::Nothing) => self.log.push("nothing".into()),
                Order::Tell(_) => {}
            }
        }
        assert!(self.beside.len() <= 1, "one beside the running: {:?}", self.beside);
        self
    }

    fn ready(&mut self, kind: Kind) -> &mut Self {
        let (turn, _) = *self.beside.last().expect("something is prepared");
        self.tell(|show, now, orders| show.prepared(now, turn, kind, orders))
    }

    fn end(&mut self) -> &mut Self {
        let (turn, _) = self.on_screen.expect("something runs");
        self.tell(|show, now, orders| show.ended(now, turn, orders))
    }

    fn fail_next(&mut self) -> &mut Self {
        let (turn, _) = *self.beside.last().expect("something is prepared");
        self.tell(|show, now, orders| show.failed(now, turn, "no film", orders))
    }

    /// Goes to the next deadline.
    fn sleep(&mut self) -> &mut Self {
        self.now = self.show.deadline().expect("something to wait for").max(self.now);
        self.tell(Show::wake)
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

#[test]
fn films_go_round_and_the_next_is_always_prepared_beside() {
    let mut stage = Stage::with(items(3));
    for turn in 0..7 {
        stage.ready(Kind::Film);
        assert_eq!(stage.said(), [format!("shown {}", turn % 3 + 1)]);
        assert_eq!(stage.beside.len(), 1, "the next is on its way while this one runs");
        assert_eq!(stage.said(), Vec::<String>::new());
        stage.end();
    }
}

#[test]
fn nothing_runs_or_is_prepared_any_more_when_the_screen_is_blank_and_a_loop_begins_on_it() {
    let mut stage = Stage::with(items(2));
    stage.ready(Kind::Film).ready(Kind::Film);
    stage.tell(Show::blank);
    assert!(stage.beside.is_empty() && stage.show.deadline().is_none() && !stage.show.is_moving());
    stage.said();
    stage.tell(|show, now, orders| show.show(now, items(1), orders));
    stage.ready(Kind::Picture);
    assert_eq!(stage.said(), ["shown 1"]);
}

#[test]
fn a_film_that_is_alone_is_prepared_again_beside_itself() {
    let mut stage = Stage::with(items(1));
    stage.ready(Kind::Film).ready(Kind::Film);
    assert_eq!(stage.said(), ["shown 1"]);
    stage.end();
    assert_eq!(stage.said(), ["shown 1"]);
}

#[test]
fn a_picture_is_held_for_its_time_and_one_that_is_alone_is_never_read_again() {
    let mut stage = Stage::with(items(2));
    stage.ready(Kind::Picture).ready(Kind::Picture);
    assert_eq!(stage.said(), ["shown 1"]);
    stage.sleep();
    assert_eq!((stage.now, stage.said()), (2000, vec!["at once".into(), "shown 2".into()]));

    let mut stage = Stage::with(items(1));
    stage.ready(Kind::Picture);
    for round in 1..5 {
        assert!(stage.beside.is_empty());
        stage.sleep();
        assert_eq!(stage.now, round * 2000);
    }
    assert_eq!(stage.said().len(), 5);
}

#[test]
fn when_the_next_is_not_ready_the_last_picture_stays_until_it_is() {
    let mut stage = Stage::with(items(2));
    stage.ready(Kind::Film).end();
    assert_eq!(stage.said(), ["shown 1"]);
    assert_eq!(stage.on_screen.unwrap().1, 1);
    stage.ready(Kind::Film);
    assert_eq!(stage.said(), ["shown 2"]);
}

#[test]
fn a_bad_item_is_tried_twice_and_then_passed_over_longer_each_time() {
    let mut stage = Stage::with(items(2));
    stage.ready(Kind::Film);
    let mut failures = Vec::new();
    // The first stays good, the second never is.
    for _ in 0..40 {
        if stage.beside[0].1 == 2 {
            stage.fail_next();
        }
        stage.ready(Kind::Film).end();
        stage.now += 10_000;
        failures.extend(stage.said().into_iter().filter(|said| said.starts_with("failed")));
    }
    assert_eq!(failures[..3], ["failed 2 for 0", "failed 2 for 30000", "failed 2 for 120000"]);
    assert!(failures.len() < 6, "{failures:?}");
}

#[test]
fn a_failure_is_forgotten_when_the_file_changes_or_plays() {
    let mut stage = Stage::with(items(1));
    stage.fail_next().fail_next();
    assert_eq!(stage.said(), ["failed 1 for 0", "failed 1 for 30000", "nothing"]);
    let changed = Item::new(1, Path::new("/films/1.mp4"), 77, 2000);
    stage.tell(|show, now, orders| show.show(now, vec![changed], orders));
    stage.fail_next();
    assert_eq!(stage.said(), ["failed 1 for 0"]);
    stage.ready(Kind::Film).end();
    stage.fail_next();
    assert_eq!(stage.said(), ["shown 1", "failed 1 for 0"]);
}

#[test]
fn when_all_are_bad_that_is_told_once_and_they_are_tried_again_later() {
    let mut stage = Stage::with(items(3));
    for _ in 0..6 {
        stage.fail_next();
    }
    let said = stage.said();
    assert_eq!(said.iter().filter(|said| *said == "nothing").count(), 1, "{said:?}");
    assert!(stage.beside.is_empty());
    stage.sleep();
    assert_eq!(stage.now, 30_000);
    stage.ready(Kind::Film);
    assert_eq!(stage.said(), ["shown 1"]);
}

#[test]
fn what_never_answers_and_what_stands_still_fails_in_time() {
    let mut stage = Stage::with(items(2));
    stage.sleep();
    assert_eq!((stage.now, stage.said()), (PREPARE_MS_MAX, vec!["failed 1 for 0".into()]));
    stage.ready(Kind::Film).ready(Kind::Film);
    assert_eq!(stage.said(), ["shown 2"]);
    stage.tell(|show, now, _| show.fed(now, false));
    stage.now += 2000;
    stage.tell(|show, now, _| show.fed(now, true)).tell(|show, now, _| show.fed(now, false));
    let hungry = stage.now;
    stage.sleep();
    assert_eq!(stage.now, hungry + STALL_MS_MAX);
    assert_eq!(stage.said(), ["failed 2 for 0", "shown 1"]);
    // Pictures have nothing to give.
    let mut stage = Stage::with(items(1));
    stage.ready(Kind::Picture).tell(|show, now, _| show.fed(now, false));
    stage.said();
    stage.now = 1_000_000;
    stage.tell(Show::wake);
    assert_eq!(stage.said(), ["shown 1"]);
}

#[test]
fn what_answers_too_late_is_not_heard() {
    let mut stage = Stage::with(items(2));
    let (late, _) = stage.beside[0];
    stage.sleep();
    stage.said();
    stage.tell(|show, now, orders| show.prepared(now, late, Kind::Film, orders));
    stage.tell(|show, now, orders| show.failed(now, late, "x", orders));
    stage.tell(|show, now, orders| show.ended(now, late, orders));
    assert_eq!((stage.said(), stage.on_screen), (vec![], None));
}

#[test]
fn a_new_loop_and_a_skip_take_the_screen_when_they_are_ready_and_not_before() {
    let mut stage = Stage::with(items(2));
    stage.ready(Kind::Film).ready(Kind::Film);
    stage.said();
    stage.tell(|show, now, orders| show.show(now, vec![item(9)], orders));
    assert_eq!((stage.said(), stage.on_screen.unwrap().1), (vec![], 1));
    stage.ready(Kind::Film);
    assert_eq!(stage.said(), ["at once", "shown 9"]);
    stage.ready(Kind::Film).tell(Show::skip);
    assert_eq!(stage.said(), ["at once", "shown 9"]);
    stage.tell(Show::skip);
    assert_eq!(stage.said(), Vec::<String>::new());
    stage.ready(Kind::Film);
    assert_eq!(stage.said(), ["at once", "shown 9"]);
    // No loop: what runs is not cut off, and its end leaves its last picture.
    stage.tell(|show, now, orders| show.show(now, vec![], orders)).end();
    assert_eq!((stage.said(), stage.beside.len()), (vec![], 0));
    assert_eq!(stage.show.deadline(), None);
}

#[test]
fn a_picture_that_is_due_waits_for_a_next_that_is_not_ready_without_turning() {
    let mut stage = Stage::with(items(2));
    stage.ready(Kind::Picture).sleep();
    assert_eq!((stage.now, stage.said()), (2000, vec!["shown 1".into()]));
    // Only the one that is being prepared has a deadline now.
    assert_eq!(stage.show.deadline(), Some(PREPARE_MS_MAX));
    stage.ready(Kind::Picture);
    assert_eq!(stage.said(), ["at once", "shown 2"]);
}

#[test]
fn a_picture_of_a_loop_before_gives_way_to_the_splash_when_the_new_loop_is_all_bad_and_never_to_darkness() {
    let mut stage = Stage::with(items(1));
    stage.ready(Kind::Picture);
    assert!(!stage.show.is_bare());
    stage.tell(|show, now, orders| show.show(now, vec![item(7)], orders));
    assert!(!stage.show.is_bare(), "it may be good");
    stage.fail_next();
    stage.fail_next();
    assert_eq!(stage.log.last().map(String::as_str), Some("nothing"), "{:?}", stage.log);
    assert!(stage.show.is_bare());
    stage.tell(|show, now, orders| show.blank(now, orders));
    assert!(!stage.show.is_bare(), "dark on purpose");
    stage.tell(|show, now, orders| show.show(now, Vec::new(), orders));
    assert!(stage.show.is_bare(), "an empty loop");
}
