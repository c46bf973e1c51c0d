//! Storing, room, reading again.

use super::rig_disk::RigDisk;
use super::*;

fn open(folder: &TempDir, quota: Option<u64>) -> Store {
    let settings = Settings { quota_bytes: quota, ..settings(folder.path()) };
    Store::open(Arc::new(RealDisk), settings).unwrap().0
}

#[test]
fn content_that_is_another_or_too_long_is_never_stored() {
    let folder = folder();
    let mut store = open(&folder, None);
    let mut partial = store.begin(&blob(1)).unwrap();
    let mut wrong = song(1);
    wrong[10] ^= 1;
    partial.write(&wrong).unwrap();
    let error = store.finish(partial).unwrap_err();
    assert!(matches!(&error, StoreError::OtherContent { name, .. } if *name == blob(1).sha256), "{error}");
    assert!(!store.has(&blob(1).sha256));
    let mut partial = store.begin(&blob(1)).unwrap();
    assert!(partial.is_empty(), "it is begun anew");
    partial.write(&song(1)).unwrap();
    assert!(matches!(partial.write(b"x"), Err(StoreError::TooLong { .. })));
    assert!(partial.is_full());
    store.finish(partial).unwrap();
    assert!(store.has(&blob(1).sha256));
    // Too short.
    let mut partial = store.begin(&blob(2)).unwrap();
    partial.write(&song(2)[..5]).unwrap();
    assert!(matches!(store.finish(partial), Err(StoreError::OtherContent { .. })));
}

#[test]
fn a_release_whose_files_are_not_there_is_not_prepared() {
    let folder = folder();
    let mut store = open(&folder, None);
    let release = release(1, &[1, 2]);
    fetch(&mut store, 1).unwrap();
    let error = store.prepare(&release.bytes, &release.offer, &Expected::default()).unwrap_err();
    assert!(matches!(error, StoreError::Incomplete { missing: 1, first, .. } if first == blob(2).sha256));
    fetch(&mut store, 2).unwrap();
    let generation = store.prepare(&release.bytes, &release.offer, &Expected::default()).unwrap();
    assert!(store.current().is_none(), "it is not played before it is switched to");
    store.switch(&generation).unwrap();
    assert_eq!(number_played(&store), Some(1));
}

#[test]
fn files_go_oldest_need_first_and_never_what_plays_or_comes_next() {
    let folder = folder();
    let mut store = open(&folder, Some(4 * 3010));
    take(&mut store, &release(1, &[1, 2]), &mut |_| ()).unwrap();
    take(&mut store, &release(2, &[2, 3]), &mut |_| ()).unwrap();
    take(&mut store, &release(3, &[3, 4]), &mut |_| ()).unwrap();
    let there = |store: &Store| (1..=7).filter(|n| store.has(&blob(*n).sha256)).collect::<Vec<_>>();
    assert_eq!(there(&store), [1, 2, 3, 4], "they fit, so they stay");
    let used = HashSet::from([blob(1).sha256]);
    let next = release(4, &[4, 5]);
    // The first is not needed by any release, but it plays; so the one of the release before goes.
    let room = store.make_room(&next.manifest, &used).unwrap();
    assert_eq!((room.needed, room.freed, room.lost_previous), (3005, 3002, true));
    assert_eq!(there(&store), [1, 3, 4]);
    let error = store.make_room(&release(5, &[5, 6, 7]).manifest, &used).unwrap_err();
    assert!(matches!(error, StoreError::NoRoom { limit: "the quota", .. }), "{error}");
    assert!(error.to_string().contains("raise the quota"), "{error}");
    assert_eq!(there(&store), [1, 3, 4], "nothing goes for what does not fit anyway");
    take(&mut store, &next, &mut |_| ()).unwrap();
    assert_eq!(number_played(&store), Some(4));
}

#[test]
fn the_disk_keeps_its_reserve_and_what_is_begun_is_not_counted_twice() {
    let folder = folder();
    let disk = RigDisk::new(folder.path());
    let settings = Settings { reserve_bytes: 10_000, ..settings(folder.path()) };
    let (mut store, _) = Store::open(Arc::new(disk.clone()), settings).unwrap();
    let release = release(1, &[1]);
    disk.set_free_bytes(13_000);
    let error = store.make_room(&release.manifest, &HashSet::new()).unwrap_err();
    assert!(
        matches!(error, StoreError::NoRoom { needed: 3001, available: 3000, limit: "the disk's room" }),
        "{error}"
    );
    store.begin(&blob(1)).unwrap().write(&song(1)[..1]).unwrap();
    assert_eq!(store.make_room(&release.manifest, &HashSet::new()).unwrap().needed, 3001);
}

#[test]
fn reading_again_finds_what_the_card_forgot_and_a_file_held_open_stays_as_it_was() {
    let folder = folder();
    let mut store = open(&folder, None);
    take(&mut store, &release(1, &[1, 2, 3]), &mut |_| ()).unwrap();
    let round = |store: &mut Store| {
        let mut damaged = Vec::new();
        loop {
            match store.scrub() {
                Scrubbed::Complete => return damaged,
                Scrubbed::Damaged(name) => damaged.push(name),
                Scrubbed::Read(_) | Scrubbed::Whole(_) => {}
            }
        }
    };
    assert_eq!(round(&mut store), []);
    let path = store.blob(&blob(2).sha256).unwrap();
    let mut bytes = song(2);
    bytes[2999] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let mut open_file = std::fs::File::open(&path).unwrap();
    assert_eq!(round(&mut store), [blob(2).sha256]);
    assert_eq!(store.blob(&blob(2).sha256), None, "what is known to be wrong is not played");
    assert_eq!(round(&mut store), [], "it is told once");
    assert_eq!(store.missing(&release(1, &[1, 2, 3]).manifest).len(), 1);
    fetch(&mut store, 2).unwrap();
    assert_eq!(number_played(&store), Some(1));
    let mut read = Vec::new();
    open_file.read_to_end(&mut read).unwrap();
    assert_eq!(read, bytes, "whoever plays it hears it to its end");
    store.doubt(blob(3).sha256);
    assert_eq!(store.damaged().copied().collect::<Vec<_>>(), [blob(3).sha256]);
}

#[test]
fn going_back_is_a_new_number_and_fetches_nothing() {
    let folder = folder();
    let mut store = open(&folder, None);
    take(&mut store, &release(1, &[1, 2]), &mut |_| ()).unwrap();
    take(&mut store, &release(2, &[3]), &mut |_| ()).unwrap();
    let back = release(3, &[1, 2]);
    assert!(store.missing(&back.manifest).is_empty());
    take(&mut store, &back, &mut |_| ()).unwrap();
    assert_eq!(number_played(&store), Some(3));
    let refused = take(&mut store, &release(2, &[3]), &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("older than release 3"), "{refused}");
    let names = RealDisk.list(&folder.path().join("generations")).unwrap();
    assert_eq!(names.len(), 2, "the one that plays and the one before: {names:?}");
}
