//! What is remembered of measurements, for how long, and what damage does.

use std::path::Path;
use std::time::Instant;

use super::*;

fn measurement(blob: u8, loudness: Option<f32>) -> Measurement {
    Measurement {
        blob: Blob([blob; 32]),
        duration_ms: 180_000,
        loudness: loudness.map(|lufs| Loudness {
            integrated_lufs: lufs,
            loudest_lufs: lufs + 3.5,
            true_peak_dbtp: -0.25,
        }),
        cues: Cues { head_ms: 250, tail_ms: 179_000, swing_end_ms: 170_000, silence_ms: 40 },
    }
}

fn measured(path: &str, modified_ms: i64, measurement: Measurement) -> Measured {
    Measured { path: path.into(), file: FileId { size: 5_000_000, modified_ms }, measurement }
}

#[test]
fn a_measurement_is_found_by_path_size_and_time_and_not_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("made/state");
    let mut reader = Measurements::new(&state);
    let one = measured("/music/caf\u{e9}.flac", -7, measurement(1, Some(-14.25)));
    assert_eq!(reader.lookup(&one.path, one.file), None, "there is no file yet");
    let mut store = MeasurementStore::open(&state).unwrap();
    let silent = measured("/music/silence.flac", 9, measurement(2, None));
    store.save(&[one.clone(), silent.clone()]).unwrap();
    for known in [&one, &silent] {
        assert_eq!(reader.lookup(&known.path, known.file).as_ref(), Some(&known.measurement));
        assert_eq!(store.of_file(&known.path, known.file).as_ref(), Some(&known.measurement));
        assert_eq!(store.of_blob(&known.measurement.blob).as_ref(), Some(&known.measurement));
    }
    assert_eq!(reader.lookup(&one.path, FileId { size: 5_000_001, ..one.file }), None);
    assert_eq!(reader.lookup(&one.path, FileId { modified_ms: -6, ..one.file }), None);
    assert_eq!(reader.lookup(Path::new("/music"), one.file), None);
    // The file was changed: the new content takes the place of the old one.
    let changed = measured("/music/caf\u{e9}.flac", 1000, measurement(3, Some(-9.0)));
    store.save(std::slice::from_ref(&changed)).unwrap();
    assert_eq!(reader.lookup(&changed.path, changed.file), Some(changed.measurement));
    assert_eq!(reader.lookup(&one.path, one.file), None);
}

#[test]
fn what_another_version_measured_is_measured_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = MeasurementStore::open(dir.path()).unwrap();
    let one = measured("/a", 1, measurement(1, Some(-14.0)));
    store.save(std::slice::from_ref(&one)).unwrap();
    store.connection.execute("UPDATE measurements SET version = version + 1", []).unwrap();
    assert_eq!(store.of_file(&one.path, one.file), None);
    assert_eq!(store.of_blob(&one.measurement.blob), None);
    store.save(std::slice::from_ref(&one)).unwrap();
    assert_eq!(store.of_file(&one.path, one.file), Some(one.measurement));
}

#[test]
fn those_that_were_not_wanted_for_longest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<Measured> =
        (0..100u8).map(|n| measured(&format!("/{n:03}"), 0, measurement(n, Some(-14.0)))).collect();
    MeasurementStore::open(dir.path()).unwrap().save(&all).unwrap();
    let mut store = MeasurementStore::open(dir.path()).unwrap();
    store.set_len_max(100);
    store.touch(all[..10].iter().map(|one| (one.path.as_path(), &one.measurement.blob))).unwrap();
    store.save(&[measured("/new", 0, measurement(200, None))]).unwrap();
    let is_known = |n: usize| store.of_file(&all[n].path, all[n].file).is_some();
    assert!((0..10).all(is_known), "they were wanted");
    assert!(!(10..13).any(is_known) && (13..100).all(is_known));
    let count = |table: &str| -> i64 {
        store.connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap()
    };
    assert_eq!((count("files"), count("measurements")), (98, 98));
}

#[test]
fn two_writers_and_a_reader_do_not_disturb_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let write = |letter: char| {
        let mut store = MeasurementStore::open(dir.path()).unwrap();
        for n in 0..100 {
            store.save(&[measured(&format!("/{letter}{n}"), n, measurement(1, Some(-14.0)))]).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write('a'));
        scope.spawn(|| write('b'));
    });
    let mut reader = Measurements::new(dir.path());
    for letter in ['a', 'b'] {
        for n in 0..100 {
            let file = FileId { size: 5_000_000, modified_ms: n };
            assert!(reader.lookup(Path::new(&format!("/{letter}{n}")), file).is_some());
        }
    }
}

#[test]
fn a_damaged_file_is_made_anew_and_a_reader_finds_the_new_one() {
    for garbage in [&b"no database at all, but long enough to be looked at as one"[..], b"", &[0xA5; 9000]] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(measurements_path(dir.path()), garbage).unwrap();
        let mut reader = Measurements::new(dir.path());
        let one = measured("/a", 1, measurement(1, Some(-14.0)));
        assert_eq!(reader.lookup(&one.path, one.file), None);
        let mut store = MeasurementStore::open(dir.path()).unwrap();
        store.save(std::slice::from_ref(&one)).unwrap();
        assert_eq!(reader.lookup(&one.path, one.file), Some(one.measurement));
    }
    let dir = tempfile::tempdir().unwrap();
    let other = Connection::open(measurements_path(dir.path())).unwrap();
    other.execute_batch("CREATE TABLE files (a); PRAGMA user_version = 1").unwrap();
    drop(other);
    MeasurementStore::open(dir.path()).unwrap();
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = MeasurementStore::open(&file).unwrap_err().to_string();
    assert!(error.contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn a_lookup_among_many_files_takes_less_than_200_microseconds() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = MeasurementStore::open(dir.path()).unwrap();
    let all: Vec<Measured> = (0..20_000u32)
        .map(|n| {
            let mut one =
                measured(&format!("/music/some artist/some album/{n}.flac"), 0, measurement(0, Some(-14.0)));
            one.measurement.blob.0[..4].copy_from_slice(&n.wrapping_mul(0x9E37_79B9).to_le_bytes());
            one
        })
        .collect();
    store.save(&all).unwrap();
    let mut reader = Measurements::new(dir.path());
    let mut times: Vec<_> = all
        .iter()
        .step_by(97)
        .map(|one| {
            let begin = Instant::now();
            assert!(reader.lookup(&one.path, one.file).is_some());
            begin.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("median {:?}, worst {:?}", times[times.len() / 2], times[times.len() - 1]);
    assert!(times[times.len() / 2].as_micros() < 200, "{:?}", times[times.len() / 2]);
}
