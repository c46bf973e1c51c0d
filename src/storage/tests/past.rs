//! What a start finds of the plays before it, and files of versions that knew no programs.

use super::*;
use rusqlite::Connection;

fn played(run: u64, seq: u64, recording: &str, wall: Option<i64>) -> Command {
    let start = PlayStart {
        started_wall: wall.map(Wall),
        continues: None,
        program: Some(Box::new(Programmed {
            choice: Some(Chosen {
                number: run * 100 + seq,
                playlist: Some("soft".into()),
                position: 3,
                loosened: vec![],
            }),
            ..programmed(recording)
        })),
        ..start(run, seq)
    };
    Command::OpenPlay(Ticket(seq), Box::new(start))
}

fn songs(past: &Past) -> Vec<(&str, i64)> {
    let song = |play: &'_ PastPlay| match &play.song {
        PastSong::Recording(recording) => recording.clone().leak() as &str,
        PastSong::File(path) => panic!("{path:?}"),
    };
    past.plays.iter().map(|play| (song(play), play.at_ms)).collect()
}

#[test]
fn a_start_finds_what_was_played_before_in_order_whatever_was_done_to_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "one", now(0)).unwrap();
    let commands = [played(1, 1, "a", Some(5_000)), played(1, 2, "b", None), played(1, 3, "c", Some(20_000))];
    write(&mut database, commands).unwrap();
    drop(database);
    // Another boot: how long it was off nobody knows. Plays begin 1000 ms apart, by the monotonic clock.
    let (mut database, _) = restore(dir.path(), None, "two", Now { wall: None, ..now(0) }).unwrap();
    let goes_on = PlayStart { continues: Some(key(1, 3)), started_wall: None, ..start(2, 2) };
    let commands =
        [played(2, 1, "d", None), Command::OpenPlay(Ticket(2), Box::new(goes_on)), played(2, 3, "e", None)];
    write(&mut database, commands).unwrap();
    drop(database);
    let (_, restored) = restore(dir.path(), None, "two", now(90)).unwrap();
    let past = restored.past;
    // In one boot they were a second apart, also where somebody has set the clock between.
    assert_eq!(songs(&past), [("a", 18_000), ("b", 19_000), ("c", 20_000), ("d", 20_000), ("e", 22_000)]);
    assert_eq!(past.plays[0].from, Some(("soft".into(), 3)));
    assert_eq!(past.choices, 204, "what was drawn is not drawn again");
    assert_eq!(past.offset_ms, Some(22_000 - 3_000), "in the same boot it goes on by the monotonic clock");
    let (_, restored) = restore(dir.path(), None, "three", now(90)).unwrap();
    assert_eq!((restored.past.offset_ms, restored.past.latest_wall), (None, Some(Wall(1_790_000_000_090))));
}

#[test]
fn between_boots_as_much_time_has_passed_as_the_time_of_day_says_and_never_less_than_none() {
    let dir = tempfile::tempdir().unwrap();
    for (boot, run, wall_ms) in
        [("one", 1, 50_000), ("two", 2, 80_000), ("three", 3, 1_000), ("four", 4, 4_000)]
    {
        let (mut database, _) = restore(dir.path(), None, boot, now(0)).unwrap();
        write(&mut database, [played(run, 1, &run.to_string(), Some(wall_ms))]).unwrap();
    }
    let (_, restored) = restore(dir.path(), None, "five", now(90)).unwrap();
    // After the last one the times are as the last one has them: it was set back by 79 s between the second and the third.
    assert_eq!(songs(&restored.past), [("1", -29_000), ("2", 1_000), ("3", 1_000), ("4", 4_000)]);
    assert_eq!(restored.past.last_wall, Some(Wall(4_000)));
}

#[test]
fn when_the_time_becomes_known_the_rows_of_this_boot_get_theirs_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let unknown = |ms| Now { wall: None, ..now(ms) };
    for (boot, run) in [("one", 1), ("two", 2), ("two", 3)] {
        let (mut database, restored) = restore(dir.path(), None, boot, unknown(10)).unwrap();
        assert_eq!(restored.run, run);
        write(&mut database, [played(run, 1, "a", None), played(run, 2, "b", Some(77))]).unwrap();
        if run == 3 {
            let zone = orchestrion_program::model::Zone {
                id: "Asia/Kathmandu".into(),
                tzdb: "2025b".into(),
                offset_s: 20_700,
                transitions: vec![],
                until_utc_ms: None,
            };
            // 2026-09-21T18:20Z is the day after in Kathmandu.
            let known = KnownTime { offset_ms: 1_790_014_800_000, zone: Some(Box::new(zone)) };
            write(&mut database, [Command::CompleteTimes(Ticket(9), known)]).unwrap();
        }
    }
    let rows = plays(dir.path());
    let walls: Vec<_> = rows.iter().map(|row| row.started_wall.map(|wall| wall.0)).collect();
    let filled = Some(1_790_014_801_000);
    assert_eq!(walls, [None, Some(77), filled, Some(77), filled, Some(77)]);
    let row = &rows[4];
    assert_eq!(
        (row.clock.as_deref(), row.program.local_date.as_deref(), row.program.offset_s),
        (Some("later"), Some("2026-09-22"), Some(20_700))
    );
}

#[test]
fn of_a_long_log_only_the_end_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "one", now(0)).unwrap();
    let len = PAST_LEN_MAX as u64 + 50;
    for half in [1..=len / 2, len / 2 + 1..=len] {
        write(&mut database, half.map(|seq| played(1, seq, &seq.to_string(), None))).unwrap();
    }
    drop(database);
    let (_, restored) = restore(dir.path(), None, "one", now(0)).unwrap();
    let past = songs(&restored.past);
    assert_eq!((past.len(), past[0].0, past.last().unwrap().0), (PAST_LEN_MAX, "51", &*len.to_string()));
}

#[test]
fn a_file_of_a_version_before_opens_and_its_plays_are_known_by_their_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = database_path(dir.path());
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema/1.sql")).unwrap();
    old.execute_batch(include_str!("../schema/2.sql")).unwrap();
    old.execute_batch(
        "INSERT INTO runs VALUES (1, 'one', 0, 1790000000000, '0.0.9');
         INSERT INTO plays (run, seq, path, size, modified_ms, started_mono_ms, started_wall_ms, start_offset_ms, output,
             chosen_by) VALUES (1, 1, CAST('/music/a.flac' AS BLOB), 1, 1, 7, 1790000000007, 0, 'hw', 'queue');
         PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(old);
    let before = plays(dir.path());
    assert_eq!(
        (before.len(), &before[0].program),
        (1, &PlayRowProgram::default()),
        "it can be read as it is"
    );
    let (mut database, restored) = restore(dir.path(), None, "two", now(0)).unwrap();
    let play = &restored.past.plays[0];
    assert_eq!((&play.song, play.at_ms), (&PastSong::File("/music/a.flac".into()), 1_790_000_000_007));
    assert_eq!(restored.damage, None);
    write(&mut database, [open(2, 1)]).unwrap();
    assert_eq!(plays(dir.path())[1].program.recording.as_deref(), Some("song"));
    // The version before writes to it all the same.
    let old = Connection::open(&path).unwrap();
    old.execute(
        "INSERT INTO plays (run, seq, path, size, modified_ms, started_mono_ms, start_offset_ms, output, chosen_by)
         VALUES (2, 2, x'2f61', 1, 1, 9, 0, 'hw', 'queue')",
        [],
    )
    .unwrap();
    assert_eq!(plays(dir.path()).len(), 3);
}
