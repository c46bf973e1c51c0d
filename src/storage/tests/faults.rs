//! Damage, full disks and power cuts.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;

use super::*;

/// A small generator whose numbers are the same everywhere (splitmix64), so that a seed can be replayed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// A state folder after three runs, with 300 plays and 500 entries in it.
fn used(state_dir: &Path) {
    for run in 1..=3 {
        let (mut database, _) = restore(state_dir, None, "a", now(0)).unwrap();
        let ids: Vec<u64> = (0..500).collect();
        let plays = (1..=100).flat_map(|seq| [open(run, seq), close(run, seq, 5)]);
        write(&mut database, plays.chain([Command::SaveQueue(Ticket(1), queue(&ids))])).unwrap();
    }
}

fn damaged_by(how: impl FnOnce(&Path)) -> (tempfile::TempDir, Database, Restored) {
    let dir = tempfile::tempdir().unwrap();
    used(dir.path());
    how(&database_path(dir.path()));
    let (database, restored) = restore(dir.path(), None, "a", now(0)).unwrap();
    (dir, database, restored)
}

#[test]
fn a_damaged_file_is_put_aside_and_no_run_number_is_used_again() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 7] = [
        ("garbage", |path| fs::write(path, vec![0xa5; 50_000]).unwrap()),
        ("short garbage", |path| fs::write(path, "x").unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("zeros", |path| fs::write(path, vec![0; 8192]).unwrap()),
        ("truncated", |path| {
            let file = fs::File::options().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2 / 4096 * 4096).unwrap();
        }),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
            fs::write(path.join("kept"), "").unwrap();
        }),
        ("another program's database", |path| {
            fs::remove_file(path).unwrap();
            rusqlite::Connection::open(path)
                .unwrap()
                .execute_batch("CREATE TABLE plays (a); PRAGMA user_version = 1")
                .unwrap();
        }),
    ];
    for (name, harm) in harms {
        let (dir, mut database, restored) = damaged_by(harm);
        let damage = restored.damage.expect(name);
        assert!(damage.contains("state.sqlite.damaged-1"), "{name}: {damage}");
        assert!(dir.path().join("state.sqlite.damaged-1").exists(), "{name}");
        assert_eq!((restored.run, restored.queue), (4, QueueSnapshot::default()), "{name}");
        write(&mut database, [open(4, 1)]).unwrap();
        assert_eq!(plays(dir.path()).len(), 1, "{name}");
        drop(database);
        assert_eq!(restore(dir.path(), None, "a", now(0)).unwrap().1.damage, None, "{name}");
    }
}

#[test]
fn a_deleted_database_is_a_new_one_with_the_next_run_number() {
    let (_dir, _, restored) = damaged_by(|path| fs::remove_file(path).unwrap());
    assert_eq!((restored.run, restored.damage), (4, None));
}

#[test]
fn damaged_files_do_not_fill_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    for n in 1..=10 {
        drop(restore(dir.path(), None, "a", now(0)).unwrap());
        fs::write(database_path(dir.path()), format!("garbage {n}")).unwrap();
    }
    let mut aside: Vec<String> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("damaged"))
        .collect();
    aside.sort();
    let last = |n| format!("state.sqlite.damaged-{n}");
    assert_eq!(aside, [last(6), last(7), last(8), last(9)]);
}

#[test]
fn flipped_bits_never_keep_the_device_from_starting_nor_take_its_run_number_back() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_101);
    let mut chance = Chance(seed);
    let dir = tempfile::tempdir().unwrap();
    used(dir.path());
    let whole = fs::read(database_path(dir.path())).unwrap();
    let mut noticed = 0;
    for round in 0..150 {
        let file = fs::File::options().write(true).open(database_path(dir.path())).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(&whole, 0).unwrap();
        let region = if round % 2 == 0 { 4096 } else { whole.len() as u64 };
        for _ in 0..=chance.below(20) {
            let at = chance.below(region);
            file.write_all_at(&[whole[at as usize] ^ (1 << chance.below(8))], at).unwrap();
        }
        let (mut database, restored) = restore(dir.path(), None, "a", now(0))
            .unwrap_or_else(|error| panic!("seed {seed} round {round}: {error}"));
        assert!(restored.run > 3, "seed {seed} round {round}: run {}", restored.run);
        noticed += usize::from(restored.damage.is_some());
        let commands = [open(restored.run, 1), Command::SaveQueue(Ticket(1), queue(&[1, 2, 600]))];
        write(&mut database, commands).unwrap_or_else(|error| panic!("seed {seed} round {round}: {error}"));
        drop(database);
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", database_path(dir.path()).display()));
        }
    }
    assert!(noticed > 20, "of 150 only {noticed} were noticed");
}

#[test]
fn a_header_that_forbids_writing_is_damage_and_no_disk_that_is_read_only() {
    let dir = tempfile::tempdir().unwrap();
    used(dir.path());
    let file = fs::File::options().write(true).open(database_path(dir.path())).unwrap();
    file.write_all_at(&[0x82], 18).unwrap();
    let (mut database, restored) = restore(dir.path(), None, "a", now(0)).unwrap();
    assert!(restored.damage.is_some_and(|damage| damage.contains("its header")));
    write(&mut database, [open(restored.run, 1)]).unwrap();
}

#[test]
fn a_file_that_is_damaged_while_the_device_runs_is_made_anew_with_all_that_is_known() {
    let dir = tempfile::tempdir().unwrap();
    used(dir.path());
    let (mut database, restored) = restore(dir.path(), None, "a", now(0)).unwrap();
    let run = restored.run;
    let commands = [
        open(run, 1),
        close(run, 1, 9),
        open(run, 2),
        Command::SaveSettings(Ticket(3), settings(33)),
        Command::Checkpoint(checkpoint(8, Some((key(run, 2), 7)))),
    ];
    write(&mut database, commands).unwrap();
    database.tidy();
    let file = fs::File::options().write(true).open(database_path(dir.path())).unwrap();
    for page in 1..file.metadata().unwrap().len() / 4096 {
        file.write_all_at(&[0x5a; 4096], page * 4096).unwrap();
    }
    // What SQLite has in its cache may still be good; in the end it has to look at the disk.
    database.connection().execute_batch("PRAGMA shrink_memory").unwrap();
    write(&mut database, [close(run, 2, 50), open(run, 3)]).unwrap();
    assert!(dir.path().join("state.sqlite.damaged-1").exists());
    let expected = vec![(key(run, 2), Some(("finished".to_owned(), 50))), (key(run, 3), None)];
    assert_eq!(ends(dir.path()), expected);
    drop(database);
    let (_, after) = restore(dir.path(), None, "a", now(0)).unwrap();
    assert_eq!((after.run, after.damage), (run + 1, None));
    assert_eq!((after.queue, after.settings), (restored.queue, Some(settings(33))));
    assert_eq!(after.checkpoint, Some(checkpoint(8, Some((key(run, 2), 7)))));
}

/// Lets the database not grow any more.
pub(super) fn fill_disk(database: &Database) {
    let pages: i64 = database.connection().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    database.connection().pragma_update(None, "max_page_count", pages).unwrap();
}

pub(super) fn make_room(database: &Database) {
    database.connection().pragma_update(None, "max_page_count", 1_000_000).unwrap();
}

#[test]
fn a_full_disk_takes_all_or_nothing_and_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    write(&mut database, [open(1, 1)]).unwrap();
    fill_disk(&database);
    let ids: Vec<u64> = (0..5000).collect();
    let commands = || [close(1, 1, 5), open(1, 2), Command::SaveQueue(Ticket(1), queue(&ids))];
    for _ in 0..3 {
        let words = write(&mut database, commands()).unwrap_err();
        assert!(words.contains("full"), "{words}");
        assert_eq!(ends(dir.path()), [(key(1, 1), None)]);
    }
    make_room(&database);
    write(&mut database, commands()).unwrap();
    assert_eq!(ends(dir.path()), [(key(1, 1), Some(("finished".into(), 5))), (key(1, 2), None)]);
    drop(database);
    assert_eq!(restore(dir.path(), None, "a", now(0)).unwrap().1.queue, queue(&ids));
}

#[test]
fn after_a_power_cut_at_any_commit_each_play_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (mut database, _) = restore(&state, None, "a", now(0)).unwrap();
    let steps = [
        open(1, 1),
        Command::Checkpoint(checkpoint(100, Some((key(1, 1), 90)))),
        open(1, 2),
        close(1, 1, 180),
        Command::Checkpoint(checkpoint(200, Some((key(1, 2), 20)))),
        close(1, 2, 33),
    ];
    type Ends = Vec<(u64, &'static str, u64)>;
    let expected: [Ends; 6] = [
        vec![(1, "lost", 0)],
        vec![(1, "lost", 90)],
        vec![(1, "lost", 90), (2, "lost", 0)],
        vec![(1, "finished", 180), (2, "lost", 0)],
        vec![(1, "finished", 180), (2, "lost", 20)],
        vec![(1, "finished", 180), (2, "finished", 33)],
    ];
    for (n, (step, expected)) in steps.into_iter().zip(expected).enumerate() {
        write(&mut database, [step]).unwrap();
        for (boot, lost) in [("a", "crash"), ("b", "power")] {
            let copy = dir.path().join(format!("{n}{boot}"));
            copy_files(&state, &copy);
            let (_, restored) = restore(&copy, None, boot, now(0)).unwrap();
            assert_eq!((restored.run, restored.damage), (2, None));
            let expected: Vec<_> = expected
                .iter()
                .map(|(seq, how, heard)| {
                    (key(1, *seq), Some((if *how == "lost" { lost } else { how }.to_owned(), *heard)))
                })
                .collect();
            assert_eq!(ends(&copy), expected, "step {n}, boot {boot}");
        }
    }
}

#[test]
fn a_power_cut_in_the_middle_of_a_commit_leaves_the_state_before_or_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let (mut database, _) = restore(&state, None, "a", now(0)).unwrap();
    write(&mut database, [open(1, 1)]).unwrap();
    let log = state.join("state.sqlite-wal");
    let before = fs::metadata(&log).unwrap().len();
    write(&mut database, [close(1, 1, 5), Command::SaveQueue(Ticket(1), queue(&[1, 2, 3]))]).unwrap();
    let after = fs::metadata(&log).unwrap().len();
    let mut seen = [0, 0];
    for len in (before..after).step_by(512).chain([after]) {
        let copy = dir.path().join(len.to_string());
        copy_files(&state, &copy);
        fs::File::options().write(true).open(copy.join("state.sqlite-wal")).unwrap().set_len(len).unwrap();
        let (_, restored) = restore(&copy, None, "b", now(0)).unwrap();
        let closed = ends(&copy)[0].1.as_ref().unwrap().0 == "finished";
        assert_eq!(closed, !restored.queue.entries.is_empty(), "all or nothing at {len}");
        seen[usize::from(closed)] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

/// A device as the world should see it: every play that was confirmed, once, with the end that holds.
#[derive(Default)]
struct Model {
    /// What `App` has sent and nobody has confirmed, in order.
    unconfirmed: Vec<Command>,
    /// What is on the disk.
    rows: BTreeMap<PlayKey, Option<(String, u64)>>,
    checkpoint: Option<Checkpoint>,
}

impl Model {
    fn wrote(&mut self, commands: &[Command]) {
        for command in commands {
            match command {
                Command::OpenPlay(_, start) => drop(self.rows.entry(start.key).or_insert(None)),
                Command::ClosePlay(_, end) => {
                    if let Some(row @ None) = self.rows.get_mut(&end.key) {
                        *row = Some((end.how.as_str().to_owned(), end.heard_ms));
                    }
                }
                Command::Checkpoint(checkpoint) => self.checkpoint = Some(*checkpoint),
                Command::SaveQueue(..)
                | Command::SaveSettings(..)
                | Command::Remember(..)
                | Command::RememberPieces(..)
                | Command::CompleteTimes(..) => {}
                Command::All(commands) => self.wrote(commands),
            }
        }
    }

    fn killed(&mut self, how: &str) {
        self.unconfirmed.clear();
        let known = self.checkpoint.and_then(|checkpoint| checkpoint.play);
        for (key, row) in self.rows.iter_mut().filter(|(_, row)| row.is_none()) {
            let heard_ms = known.filter(|play| play.key == *key).map_or(0, |play| play.heard_ms);
            *row = Some((how.to_owned(), heard_ms));
        }
    }
}

/// Random openings, closings, checkpoints, transactions, deaths of the thread (everything unconfirmed is sent again),
/// full disks, crashes and power cuts.
fn live(seed: u64) {
    let mut chance = Chance(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut state = dir.path().join("0");
    let (mut database, mut restored) = restore(&state, None, "boot0", now(0)).unwrap();
    let (mut boot, mut seq, mut ticket) = (0, 0, 0);
    let mut pending = Pending::default();
    let mut model = Model::default();
    for step in 0..120 {
        let run = restored.run;
        let mut send = |command: Command, model: &mut Model| {
            pending.add(command.clone());
            model.unconfirmed.push(command);
        };
        ticket += 1;
        match chance.below(10) {
            0 | 1 => {
                seq += 1;
                send(Command::OpenPlay(Ticket(ticket), Box::new(start(run, seq))), &mut model);
            }
            2 | 3 if seq > 0 => {
                let end = end(run, 1 + chance.below(seq), chance.below(1000));
                send(Command::ClosePlay(Ticket(ticket), end), &mut model);
            }
            4 | 5 if seq > 0 => {
                let play = Some((key(run, 1 + chance.below(seq)), chance.below(1000)));
                send(Command::Checkpoint(checkpoint(chance.below(100_000), play)), &mut model);
            }
            6 | 7 => {
                database.write(&pending).unwrap();
                pending.written();
                let written = std::mem::take(&mut model.unconfirmed);
                model.wrote(&written);
            }
            8 => {
                // The thread dies, before its transaction or after it but before it could confirm.
                if chance.below(2) == 0 {
                    database.write(&pending).unwrap();
                    let written = model.unconfirmed.clone();
                    model.wrote(&written);
                    pending.written();
                }
                database.settle();
                model.unconfirmed.iter().cloned().for_each(|command| pending.add(command));
            }
            9 if chance.below(2) == 0 => {
                let same_boot = chance.below(2) == 0;
                boot += u64::from(!same_boot);
                let copy = dir.path().join(format!("{}", step + 1));
                copy_files(&state, &copy);
                model.killed(if same_boot { "crash" } else { "power" });
                (database, restored) = restore(&copy, None, &format!("boot{boot}"), now(0)).unwrap();
                (state, pending, seq) = (copy, Pending::default(), 0);
                assert!(restored.run > run, "seed {seed} step {step}");
            }
            _ => {
                fill_disk(&database);
                let _ = database.write(&pending).map(|()| {
                    let written = std::mem::take(&mut model.unconfirmed);
                    model.wrote(&written);
                    pending.written();
                });
                make_room(&database);
            }
        }
        assert_eq!(
            ends(&state),
            model.rows.clone().into_iter().collect::<Vec<_>>(),
            "seed {seed} step {step}"
        );
    }
}

#[test]
fn whatever_happens_no_play_is_lost_or_counted_twice() {
    let seeds =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).map_or(1..=25, |seed| seed..=seed);
    seeds.for_each(live);
}

/// A file system of 2 MB that is taken away again.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(dir.path())
            .status()
            .unwrap();
        assert!(mounted.success());
        Self(dir)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn on_a_disk_that_is_full_the_device_starts_and_counts_its_run_once_there_is_room() {
    let disk = SmallDisk::mount();
    let state = disk.0.path().join("state");
    let (mut database, _) = restore(&state, None, "a", now(0)).unwrap();
    write(&mut database, [open(1, 1), Command::SaveQueue(Ticket(1), queue(&[3, 1, 2]))]).unwrap();
    // A power cut leaves the write-ahead log and its index.
    std::mem::forget(database);
    let ballast = disk.0.path().join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while std::io::Write::write(&mut file, &[0; 512]).is_ok_and(|len| len > 0) {}
    drop(file);
    let (mut database, restored) = restore(&state, None, "b", now(0)).unwrap();
    assert_eq!((restored.run, &restored.damage, &restored.queue), (2, &None, &queue(&[3, 1, 2])));
    let plays = || (1..=200).map(|seq| open(2, seq));
    let words = write(&mut database, plays()).unwrap_err();
    assert!(words.contains("disk"), "{words}");
    fs::remove_file(ballast).unwrap();
    write(&mut database, plays()).unwrap();
    assert_eq!(ends(&state).len(), 201);
    assert_eq!(ends(&state)[0].1.as_ref().unwrap().0, "power");
    drop(database);
    assert_eq!(restore(&state, None, "b", now(0)).unwrap().1.run, 3);
}
