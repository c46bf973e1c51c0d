//! What a start finds, counts and closes.

use std::fs;

use rusqlite::Connection;

use super::super::{migrate, open as opening};
use super::*;

#[test]
fn the_first_start_makes_a_private_folder_and_counts_from_one() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/state");
    let (_, restored) = restore(&state, None, "boot", now(5)).unwrap();
    assert_eq!(restored, Restored { run: 1, boot_id: "boot".into(), ..Restored::default() });
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o750);
}

#[test]
fn every_start_is_counted_with_its_boot_and_its_times() {
    let dir = tempfile::tempdir().unwrap();
    for run in 1..=3 {
        let wall = (run == 2).then_some(Wall(7));
        let (database, restored) =
            restore(dir.path(), None, "b\u{e9}", Now { monotonic: Mono(run), wall }).unwrap();
        assert_eq!(restored.run, run);
        let row: (String, i64, Option<i64>, String) = database
            .connection()
            .query_row(
                "SELECT boot_id, started_mono_ms, started_wall_ms, version FROM runs WHERE run = ?1",
                [run as i64],
                |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)),
            )
            .unwrap();
        assert_eq!(row, ("b\u{e9}".into(), run as i64, wall.map(|w| w.0), env!("CARGO_PKG_VERSION").into()));
    }
}

#[test]
fn all_that_was_written_is_there_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "boot", now(0)).unwrap();
    let mut wanted = queue(&[4, 2, 9, 1]);
    wanted.next_entry = 77;
    let commands = [
        Command::SaveQueue(Ticket(1), wanted.clone()),
        Command::SaveSettings(Ticket(2), settings(40)),
        open(1, 1),
        Command::Checkpoint(checkpoint(9, Some((key(1, 1), 4)))),
    ];
    write(&mut database, commands).unwrap();
    drop(database);
    let (_, restored) = restore(dir.path(), None, "boot", now(10)).unwrap();
    assert_eq!(restored.queue, wanted);
    assert_eq!(restored.settings, Some(settings(40)));
    assert_eq!(restored.checkpoint, Some(checkpoint(9, Some((key(1, 1), 4)))));
    assert_eq!(restored.unfinished, Some(key(1, 1)));
}

#[test]
fn what_is_remembered_in_pieces_comes_back_whole_though_only_what_changed_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, restored) = restore(dir.path(), None, "boot", now(0)).unwrap();
    assert_eq!(restored.pieces, PieceMemories::new());
    let pieces = |changed: &[(&str, Option<&str>)]| {
        let changed = changed.iter().map(|(name, text)| ((*name).to_owned(), text.map(str::to_owned)));
        Command::RememberPieces(Ticket(1), Remembered::Spots, changed.collect())
    };
    write(&mut database, [pieces(&[("", Some("1")), ("sa", Some("one")), ("sb", Some("two"))])]).unwrap();
    let together =
        Command::All(vec![pieces(&[("sa", Some("three"))]), pieces(&[("sb", None), ("", Some("2"))])]);
    write(&mut database, [together]).unwrap();
    drop(database);
    let (_, restored) = restore(dir.path(), None, "boot", now(10)).unwrap();
    let kept: Vec<_> = restored.pieces[&Remembered::Spots].iter().map(|(a, b)| (&**a, &**b)).collect();
    assert_eq!(kept, [("", "2"), ("sa", "three")]);
}

#[test]
fn a_play_comes_back_with_every_field() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "boot", now(0)).unwrap();
    let bare = PlayStart {
        title: None,
        started_wall: None,
        duration_ms: None,
        volume_db: Some(f32::NEG_INFINITY),
        continues: Some(key(1, 1)),
        chosen_by: ChosenBy::Resume,
        ..start(1, 2)
    };
    let viewed = Viewed { visible_ms: 400, showings: 3, frames_expected: 75, frames_presented: 74 };
    let closed = PlayEnd { viewed: Some(viewed), ..end(1, 1, 500) };
    let closed = Command::ClosePlay(Ticket(2), closed);
    let commands = [open(1, 1), closed, Command::OpenPlay(Ticket(3), Box::new(bare)), open(1, 3)];
    write(&mut database, commands).unwrap();
    let rows = plays(dir.path());
    let told = start(1, 1);
    assert_eq!(
        rows[0],
        PlayRow {
            key: key(1, 1),
            path: told.path.to_path_buf(),
            size: told.size,
            modified_ms: told.modified_ms,
            title: told.title,
            artist: None,
            album: told.album,
            started: told.started,
            started_wall: told.started_wall,
            duration_ms: told.duration_ms,
            start_offset_ms: told.start_offset_ms,
            output: told.output,
            volume_db: Some(-12.5),
            chosen_by: "queue".into(),
            continues: None,
            program: PlayRowProgram {
                place: Some("leeds".into()),
                recording: Some("song".into()),
                daypart: Some("morning".into()),
                playlist: Some("soft".into()),
                loosened: Some(r#"["weights","fallback"]"#.into()),
                choice: Some(41),
                local_date: Some("2026-09-22".into()),
                offset_s: Some(3600),
                spot: None,
                release: Some(Edition { epoch: 1, number: 7 }),
                scheduled: None,
            },
            clock: Some("trusted".into()),
            kind: Some("music".into()),
            end: Some(PlayRowEnd {
                ended: Mono(1500),
                heard_ms: 500,
                audible_ms: 250,
                how: "finished".into(),
                reason: String::new(),
                viewed: Some(viewed),
            }),
        }
    );
    assert_eq!(
        (&rows[1].title, rows[1].started_wall, rows[1].duration_ms, rows[1].volume_db),
        (&None, None, None, None)
    );
    assert_eq!((rows[1].continues, rows[1].chosen_by.as_str()), (Some(key(1, 1)), "resume"));
    assert_eq!(rows[2].end, None);
}

#[test]
fn what_is_told_twice_stays_as_it_was_told_first() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "boot", now(0)).unwrap();
    write(&mut database, [open(1, 1), close(1, 1, 500)]).unwrap();
    let other = PlayStart { output: "other".into(), ..start(1, 1) };
    write(&mut database, [Command::OpenPlay(Ticket(9), Box::new(other)), close(1, 1, 900)]).unwrap();
    write(&mut database, [close(1, 5, 900)]).unwrap();
    assert_eq!(ends(dir.path()), vec![(key(1, 1), Some(("finished".into(), 500)))]);
    assert_eq!(plays(dir.path())[0].output, start(1, 1).output);
}

/// How the row that run 1 left open is closed when the next start has this boot id.
fn left_open(first: &str, second: &str, known: Option<Checkpoint>) -> (PlayRowEnd, Option<PlayKey>) {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, first, now(0)).unwrap();
    write(&mut database, [open(1, 1)].into_iter().chain(known.map(Command::Checkpoint))).unwrap();
    drop(database);
    let (_, restored) = restore(dir.path(), None, second, now(0)).unwrap();
    (plays(dir.path()).remove(0).end.unwrap(), restored.unfinished)
}

#[test]
fn a_row_left_open_is_a_crash_in_the_same_boot_and_a_power_cut_in_another() {
    assert_eq!(left_open("a", "a", None).0.how, "crash");
    assert_eq!(left_open("a", "b", None).0.how, "power");
    assert_eq!(left_open("", "", None).0.how, "power", "no boot id says nothing");
}

#[test]
fn a_row_left_open_is_closed_by_the_checkpoint_that_names_it_and_no_other() {
    let (end, unfinished) = left_open("a", "b", Some(checkpoint(61_000, Some((key(1, 1), 60_000)))));
    assert_eq!((end.ended, end.heard_ms, end.audible_ms), (Mono(61_000), 60_000, 30_000));
    assert_eq!(end.reason, "found open by run 2");
    assert_eq!(unfinished, Some(key(1, 1)));
    for other in [None, Some(checkpoint(61_000, None)), Some(checkpoint(61_000, Some((key(1, 2), 60_000))))] {
        let (end, unfinished) = left_open("a", "b", other);
        assert_eq!((end.ended, end.heard_ms, end.audible_ms), (start(1, 1).started, 0, 0));
        assert_eq!(unfinished, None);
    }
    let (end, _) = left_open("a", "b", Some(checkpoint(0, Some((key(1, 1), 0)))));
    assert_eq!(end.ended, start(1, 1).started, "no play ends before it begins");
}

#[test]
fn only_a_play_that_the_device_broke_off_is_unfinished() {
    for (how, reason, expected) in [
        (HowEnded::Cut, SHUTDOWN, true),
        (HowEnded::Cut, "stopped by someone", false),
        (HowEnded::Finished, "", false),
        (HowEnded::Skipped, SHUTDOWN, false),
        (HowEnded::Failed, "", false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
        let ended = PlayEnd { how, reason: reason.into(), ..end(1, 1, 10) };
        let commands = [
            open(1, 1),
            Command::Checkpoint(checkpoint(5, Some((key(1, 1), 5)))),
            Command::ClosePlay(Ticket(2), ended),
        ];
        write(&mut database, commands).unwrap();
        drop(database);
        for _ in 0..2 {
            let (_, restored) = restore(dir.path(), None, "b", now(0)).unwrap();
            assert_eq!(restored.unfinished, expected.then(|| key(1, 1)), "{how:?} {reason}");
        }
    }
}

#[test]
fn a_newer_database_is_used_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    write(
        &mut database,
        [Command::SaveQueue(Ticket(1), queue(&[2, 1])), Command::SaveSettings(Ticket(2), settings(9))],
    )
    .unwrap();
    drop(database);
    let newer = Connection::open(database_path(dir.path())).unwrap();
    newer
        .execute_batch(
            "ALTER TABLE plays ADD COLUMN colour TEXT;
             ALTER TABLE settings ADD COLUMN balance INTEGER NOT NULL DEFAULT 0;
             ALTER TABLE entries ADD COLUMN blob BLOB;
             CREATE TABLE blobs (sha256 BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
             CREATE INDEX plays_zone ON plays (zone);
             UPDATE settings SET repeat = 'album';
             PRAGMA user_version = 99;",
        )
        .unwrap();
    drop(newer);
    let (mut database, restored) = restore(dir.path(), None, "a", now(0)).unwrap();
    assert_eq!((restored.run, &restored.damage, &restored.queue), (2, &None, &queue(&[2, 1])));
    assert_eq!(restored.settings.unwrap().repeat, Repeat::Off, "a word of a newer version");
    write(
        &mut database,
        [
            open(2, 1),
            Command::SaveQueue(Ticket(1), queue(&[1, 3])),
            Command::SaveSettings(Ticket(2), settings(8)),
        ],
    )
    .unwrap();
    drop(database);
    let (database, restored) = restore(dir.path(), None, "a", now(0)).unwrap();
    assert_eq!((restored.run, restored.queue, restored.settings), (3, queue(&[1, 3]), Some(settings(8))));
    let version: i64 =
        database.connection().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
    assert_eq!(plays(dir.path()).len(), 1);
}

#[test]
fn a_new_database_has_the_version_of_this_program_and_a_write_ahead_log() {
    let dir = tempfile::tempdir().unwrap();
    let (database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    let pragma = |name: &str| -> String {
        database
            .connection()
            .query_row(&format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"), [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(pragma("user_version"), migrate::VERSION.to_string());
    assert_eq!(pragma("journal_mode"), "wal");
}

#[test]
fn an_sqlite_that_can_damage_a_write_ahead_log_gets_none() {
    assert_eq!(opening::journal_for(3_051_003), "WAL");
    assert_eq!(opening::journal_for(3_052_000), "WAL");
    assert_eq!(opening::journal_for(3_051_002), "TRUNCATE");
    assert_eq!(opening::journal_for(3_007_000), "TRUNCATE");
    assert_eq!(opening::journal_for(rusqlite::version_number()), "WAL", "the one that is built in");
}

#[test]
fn a_folder_that_cannot_be_used_is_named_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for state in [file.clone(), file.join("state")] {
        let error = restore(&state, None, "a", now(0)).unwrap_err().to_string();
        assert!(error.contains(state.to_str().unwrap()) && error.contains("state_dir"), "{error}");
    }
    use std::os::unix::fs::PermissionsExt;
    let locked = dir.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(locked.join("probe"), "").is_ok() {
        eprintln!("SKIPPED: this user (root?) writes to a folder without write permission");
    } else {
        let error = restore(&locked, None, "a", now(0)).unwrap_err().to_string();
        assert!(error.contains("locked"), "{error}");
    }
}

#[test]
fn a_database_that_another_process_holds_is_not_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    drop(restore(dir.path(), None, "a", now(0)).unwrap());
    let other = Connection::open(database_path(dir.path())).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = restore(dir.path(), None, "a", now(0)).unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    drop(other);
    let (_, restored) = restore(dir.path(), None, "a", now(0)).unwrap();
    assert_eq!(restored.damage, None);
}

#[test]
fn reading_the_play_log_beside_the_device_neither_needs_nor_disturbs_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = database_path(dir.path());
    assert!(read_plays(&path).unwrap_err().to_string().contains(path.to_str().unwrap()));
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    let reader = Connection::open(&path).unwrap();
    let held = reader.unchecked_transaction().unwrap();
    let _: i64 = held.query_row("SELECT count(*) FROM plays", [], |row| row.get(0)).unwrap();
    write(&mut database, [open(1, 2), open(1, 1)]).unwrap();
    assert_eq!(plays(dir.path()).iter().map(|row| row.key.seq).collect::<Vec<_>>(), [1, 2]);
    drop(held);
    drop((reader, database));
    assert_eq!(plays(dir.path()).len(), 2);
    fs::write(&path, "no database at all, but text that is long enough to be one").unwrap();
    assert!(read_plays(&path).unwrap_err().to_string().contains("damaged"));
}

#[test]
fn the_last_plays_are_read_alone_and_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = database_path(dir.path());
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    write(&mut database, [open(1, 9), open(1, 10), open(2, 1), open(2, 2)]).unwrap();
    let last = |len| -> Vec<PlayKey> {
        read_last_plays(&path, len).unwrap().into_iter().map(|row| row.key).collect()
    };
    assert_eq!(last(3), [key(1, 10), key(2, 1), key(2, 2)]);
    assert_eq!((last(0), last(usize::MAX).len()), (Vec::new(), 4));
    assert!(read_last_plays(dir.path(), 1).is_err());
}

#[test]
fn a_look_at_the_database_writes_nothing_whether_a_device_has_it_open_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = database_path(dir.path());
    let files = || {
        let entries = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> =
            entries.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap_or_default())).collect();
        files.sort();
        files
    };
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    write(&mut database, [open(1, 1), open(1, 2)]).unwrap();
    let whole = Seen { schema: u32::try_from(migrate::VERSION).unwrap(), plays_len: 2 };
    let names = |files: &[(std::ffi::OsString, Vec<u8>)]| {
        files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let before = files();
    assert_eq!(examine(&path), Ok(whole));
    assert_eq!(names(&files()), names(&before));
    drop(database);
    let before = files();
    assert_eq!(examine(&path), Ok(whole));
    assert!(files() == before, "not a byte is changed");
    Connection::open(&path).unwrap().execute_batch("ALTER TABLE plays DROP COLUMN album").unwrap();
    assert!(examine(&path).unwrap_err().contains("plays.album"));
}

#[test]
fn beyond_its_limit_the_play_log_lets_the_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let (mut database, _) = restore(dir.path(), None, "a", now(0)).unwrap();
    database.set_plays_len_max(100);
    write(&mut database, [open(1, 1)]).unwrap();
    for seq in 2..=300 {
        write(&mut database, [open(1, seq), close(1, seq, 1)]).unwrap();
        assert!(plays(dir.path()).len() <= 100, "at {seq}");
    }
    let rows = plays(dir.path());
    assert!(rows.len() >= 50, "{}", rows.len());
    assert_eq!((rows[0].key.seq, rows.last().unwrap().key.seq), (1, 300), "an open play stays");
}

#[test]
fn what_was_played_since_the_databases_last_place_is_found_beside_the_socket_by_the_same_boot_and_the_next_run()
 {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("device.place");
    let start = |boot: &str| restore(&dir.path().join("state"), Some(&place), boot, now(0)).unwrap();
    let at = |ms: u64| Checkpoint { at: Mono(ms), ..checkpoint(ms, Some((key(1, 1), ms))) };
    let (mut database, _) = start("boot");
    write(&mut database, [open(1, 1), Command::Checkpoint(at(1000))]).unwrap();
    for ms in [3000, 5000, 7000] {
        write(&mut database, [Command::Checkpoint(at(ms))]).unwrap();
    }
    drop(database);
    // Another boot: the file may be anything; the database counts.
    let copy = tempfile::tempdir().unwrap();
    let copied = copy.path().join("state");
    fs::create_dir(&copied).unwrap();
    copy_files(&dir.path().join("state"), &copied);
    assert_eq!(restore(&copied, Some(&place), "boot", now(0)).unwrap().1.checkpoint, Some(at(1000)));
    let (_, restored) = restore(&copied, Some(&place), "next", now(0)).unwrap();
    assert_eq!(restored.checkpoint, Some(at(1000)));
    // The same: it goes on from there, also if it is killed again before it has said anything.
    for _ in 0..3 {
        let (database, restored) = start("boot");
        assert_eq!((restored.checkpoint, restored.unfinished), (Some(at(7000)), Some(key(1, 1))));
        drop(database);
    }
    let row = &plays(&dir.path().join("state"))[0];
    assert_eq!(row.end.as_ref().map(|end| (end.how.as_str(), end.heard_ms)), Some(("crash", 7000)));
    // An orderly end leaves all in the database, and no file.
    let (mut database, _) = start("boot");
    let run = 5;
    let mine = |ms: u64| Checkpoint { at: Mono(ms), ..checkpoint(ms, Some((key(run, 1), ms))) };
    write(&mut database, [open(run, 1), Command::Checkpoint(mine(9000))]).unwrap();
    write(&mut database, [Command::Checkpoint(mine(11_000))]).unwrap();
    assert!(place.exists());
    database.tidy();
    drop(database);
    assert!(!place.exists());
    assert_eq!(start("next").1.checkpoint, Some(mine(11_000)));
}
