//! Commands cut off, replayed, forged, late.

use orchestrion_protocol::fleet::{FLEET_VERSION, Line, OrderText, Word};
use orchestrion_protocol::release::SecretKey;

use super::*;

const NOW: i64 = 1_800_000_000_000;

fn key(n: u8) -> SecretKey {
    SecretKey::from_chance(&[n; 32])
}

fn ring(key: &SecretKey) -> Keyring {
    Keyring::pinned(vec![key.public()]).unwrap()
}

fn command(device: &str, epoch: u64, number: u64, method: &str) -> Command {
    Command {
        v: FLEET_VERSION,
        device: Word::cut(device),
        name: CommandRef { epoch, number },
        given_utc_ms: NOW - 1000,
        ends_utc_ms: NOW + 1000,
        by: Line::cut("ana"),
        order: OrderText::plain(method),
    }
}

fn sealed(number: u64, method: &str) -> Sealed {
    Command::seal(command("d-1", 1, number, method).text(), &key(1))
}

/// Counts what it does; may fail, or "lose its power" by never coming back, which a test tells by a panic.
#[derive(Default)]
struct Hands {
    done: Vec<String>,
    refuses: bool,
    /// What it begins ends when a test says so.
    is_slow: bool,
    ended: Option<Did>,
}

impl Doer for Hands {
    fn carry_out(&mut self, order: &Order) -> Option<Did> {
        self.done.push(format!("{order:?}"));
        if self.refuses {
            return Some(Err("the output is gone".to_owned()));
        }
        let is_long = self.is_slow && !order.is_question();
        (!is_long).then(|| Ok(order.is_question().then(|| "{}".to_owned())))
    }

    fn look(&mut self) -> Option<Did> {
        self.ended.take()
    }
}

fn workshop(folder: &std::path::Path) -> Workshop<FileLedger> {
    Workshop::open("d-1", ring(&key(1)), FileLedger::new(folder)).unwrap()
}

#[test]
fn commands_are_done_in_their_order_and_never_again_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ours, mut hands) = (workshop(dir.path()), Hands::default());
    ours.take(&[sealed(1, "skip"), sealed(2, "status")], NOW, &mut hands).unwrap();
    ours.take(&[sealed(1, "skip"), sealed(2, "status")], NOW, &mut hands).unwrap();
    assert_eq!(hands.done.len(), 2);
    let mut again = workshop(dir.path());
    assert_eq!(again.cursor(), CommandRef { epoch: 1, number: 1 }, "a question moves no number");
    again.take(&[sealed(1, "skip"), sealed(2, "status"), sealed(3, "pause")], NOW, &mut hands).unwrap();
    assert_eq!(hands.done.len(), 3);
    let results = again.results();
    assert_eq!(
        results.iter().map(|r| (r.name.number, r.ended)).collect::<Vec<_>>(),
        [(2, Ended::Done), (1, Ended::Done), (3, Ended::Done)]
    );
    assert_eq!(results[0].answer.as_deref(), Some("{}"));
    again.acknowledged(&results).unwrap();
    assert!(workshop(dir.path()).results().is_empty());
}

#[test]
fn what_was_cut_off_has_failed_and_is_not_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    struct Cut;
    impl Doer for Cut {
        fn carry_out(&mut self, _: &Order) -> Option<Did> {
            panic!("the power is gone (wanted by this test)")
        }
    }
    let cut = std::panic::catch_unwind(|| workshop(dir.path()).take(&[sealed(1, "skip")], NOW, &mut Cut));
    assert!(cut.is_err());
    let (mut again, mut hands) = (workshop(dir.path()), Hands::default());
    assert_eq!(again.results()[0].ended, Ended::Failed);
    assert!(again.results()[0].reason.contains("not known"));
    again.take(&[sealed(1, "skip")], NOW, &mut hands).unwrap();
    assert!(hands.done.is_empty());
    // A restart that was asked for is done when the process is back.
    let _ = std::panic::catch_unwind(|| workshop(dir.path()).take(&[sealed(2, "restart")], NOW, &mut Cut));
    assert_eq!(workshop(dir.path()).results().last().unwrap().ended, Ended::Done);
}

#[test]
fn what_is_foreign_forged_late_or_unknown_is_reported_and_not_done() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ours, mut hands) = (workshop(dir.path()), Hands::default());
    let foreign = Command::seal(command("d-2", 1, 1, "skip").text(), &key(1));
    let forged = Command::seal(command("d-1", 1, 2, "skip").text(), &key(2));
    let mut changed = sealed(3, "skip");
    changed.text = changed.text.replace("skip", "stop");
    ours.take(&[foreign, forged, changed], NOW, &mut hands).unwrap();
    let ended: Vec<_> = ours.results().iter().map(|r| (r.name.number, r.ended)).collect();
    assert_eq!(ended, [(1, Ended::Refused), (2, Ended::Refused), (3, Ended::Refused)]);
    assert_eq!(ours.cursor(), CommandRef::default(), "what is not believed moves nothing");
    ours.take(&[sealed(4, "skip")], NOW + 1000, &mut hands).unwrap();
    ours.take(&[sealed(5, "fly")], NOW, &mut hands).unwrap();
    let ended: Vec<_> = ours.results().iter().skip(3).map(|r| (r.name.number, r.ended)).collect();
    assert_eq!(ended, [(4, Ended::Expired), (5, Ended::Failed)]);
    assert!(hands.done.is_empty());
    hands.refuses = true;
    ours.take(&[sealed(6, "skip")], NOW, &mut hands).unwrap();
    assert_eq!(ours.results().last().unwrap().reason.as_str(), "the output is gone");
}

#[test]
fn a_server_from_a_backup_has_a_higher_epoch_and_is_heard() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ours, mut hands) = (workshop(dir.path()), Hands::default());
    ours.take(&[sealed(9, "skip")], NOW, &mut hands).unwrap();
    let newer = Command::seal(command("d-1", 2, 1, "skip").text(), &key(1));
    ours.take(&[newer, sealed(10, "skip")], NOW, &mut hands).unwrap();
    assert_eq!(hands.done.len(), 2, "the one of the old epoch is old");
    assert_eq!(ours.cursor(), CommandRef { epoch: 2, number: 1 });
}

#[test]
fn a_disk_that_refuses_begins_nothing() {
    let (mut ours, mut hands) = (workshop(std::path::Path::new("/proc/no-such-folder")), Hands::default());
    let error = ours.take(&[sealed(1, "skip")], NOW, &mut hands).unwrap_err().to_string();
    assert!(error.contains("commands.json"), "{error}");
    assert!(hands.done.is_empty());
}

#[test]
fn a_damaged_ledger_is_an_error_by_name_and_begins_nothing_old() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("commands.json"), b"{\"cursor\"").unwrap();
    let error = Workshop::open("d-1", ring(&key(1)), FileLedger::new(dir.path())).unwrap_err().to_string();
    assert!(error.contains("commands.json"), "{error}");
}

#[test]
fn results_that_nobody_hears_of_are_bounded() {
    let (mut ours, mut hands) =
        (Workshop::open("d-1", ring(&key(1)), MemoryLedger::default()).unwrap(), Hands::default());
    for number in 1..=RESULTS_KEPT_MAX as u64 + 20 {
        ours.take(&[sealed(number, "skip")], NOW, &mut hands).unwrap();
    }
    assert_eq!(ours.results().len(), RESULTS_MAX);
    assert_eq!(ours.results()[0].name.number, 21);
}

#[test]
fn a_question_is_answered_while_a_long_command_runs_and_the_next_one_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ours, mut hands) = (workshop(dir.path()), Hands { is_slow: true, ..Hands::default() });
    let all = [sealed(1, "skip"), sealed(2, "pause"), sealed(3, "status")];
    ours.take(&all, NOW, &mut hands).unwrap();
    let done = |hands: &Hands| hands.done.len();
    assert_eq!((done(&hands), ours.is_busy()), (2, true), "{:?}", hands.done);
    assert_eq!(ours.results().iter().map(|r| r.name.number).collect::<Vec<_>>(), [3]);
    // All of them come again, since the server has no result of the first two.
    ours.take(&all, NOW, &mut hands).unwrap();
    assert_eq!((done(&hands), ours.cursor().number), (2, 1));
    hands.ended = Some(Err("it did not begin".into()));
    ours.work(&mut hands).unwrap();
    assert_eq!((done(&hands), ours.cursor().number, ours.is_busy()), (3, 2, true));
    hands.ended = Some(Ok(None));
    ours.work(&mut hands).unwrap();
    let ended: Vec<_> = ours.results().iter().map(|r| (r.name.number, r.ended)).collect();
    assert_eq!(ended, [(3, Ended::Done), (1, Ended::Failed), (2, Ended::Done)]);
    assert!(!ours.is_busy());
}

#[test]
fn a_card_that_became_another_device_hears_the_numbers_of_its_new_name() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ours, mut hands) = (workshop(dir.path()), Hands::default());
    ours.take(&[sealed(9, "skip")], NOW, &mut hands).unwrap();
    let mut other = Workshop::open("d-2", ring(&key(1)), ours.into_ledger()).unwrap();
    assert!(other.results().is_empty(), "what the other one did is not told as its own");
    let first = Command::seal(command("d-2", 1, 1, "skip").text(), &key(1));
    other.take(&[first], NOW, &mut hands).unwrap();
    assert_eq!(hands.done.len(), 2);
}
