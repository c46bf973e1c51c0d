//! A disk that fails at its Nth call, N from 1 until nothing fails any more; once, and from then on until it is healed.

use super::rig_disk::{Fault, RigDisk};
use super::*;

/// More calls than a takeover has.
const CALLS_MAX: u64 = 2_000;
const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EROFS: i32 = 30;
const EMFILE: i32 = 24;

fn faults() -> [Fault; 5] {
    [Fault::Errno(ENOSPC), Fault::Errno(EIO), Fault::Errno(EROFS), Fault::Errno(EMFILE), Fault::ShortWrite]
}

fn old() -> Release {
    release(1, &[1, 2])
}

fn new() -> Release {
    release(2, &[2, 3])
}

#[test]
fn a_takeover_that_fails_at_any_call_leaves_the_old_release_whole_and_succeeds_when_the_fault_ends() {
    let mut cases = 0;
    for fault in faults() {
        for lasting in [false, true] {
            let mut at = 1;
            loop {
                let folder = folder();
                let disk = RigDisk::new(folder.path());
                let (mut store, _) = Store::open(Arc::new(disk.clone()), settings(folder.path())).unwrap();
                take(&mut store, &old(), &mut |_| ()).unwrap();
                disk.fail(at, fault, lasting);
                let taken = take(&mut store, &new(), &mut |_| ());
                let failed = disk.faults();
                let case = format!("{fault:?} at call {at}, lasting {lasting}: {taken:?}");
                // What is held is whole, and it is the new one exactly if that was reported.
                disk.heal();
                let number = number_played(&store);
                assert_eq!(number, Some(if taken.is_ok() { 2 } else { 1 }), "{case}");
                if let Err(error) = &taken {
                    let words = error.to_string();
                    assert!(
                        words.contains(folder.path().to_str().unwrap()) || words.contains("release"),
                        "{words}"
                    );
                }
                // A start at this moment: the old one, or the new one if its name was on the disk already.
                let (started, findings) = Store::open(Arc::new(RealDisk), settings(folder.path())).unwrap();
                assert_eq!(findings, Findings::default(), "{case}");
                let after_start = number_played(&started);
                assert!(after_start == number || after_start == Some(2), "{case}: {after_start:?}");
                drop(started);
                if taken.is_err() {
                    take(&mut store, &new(), &mut |_| ())
                        .unwrap_or_else(|error| panic!("{case}: then {error}"));
                    assert_eq!(number_played(&store), Some(2), "{case}");
                }
                cases += 1;
                if failed == 0 {
                    break;
                }
                at += 1;
                assert!(at < CALLS_MAX, "{case}");
            }
            assert!(at > 20, "{fault:?}: only {at} calls");
        }
    }
    println!("{cases} takeovers with a fault each");
}

#[test]
fn a_start_on_a_disk_that_fails_at_any_call_never_plays_anything_wrong_and_the_next_one_is_well() {
    let home = folder();
    let root = home.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let (mut store, _) = Store::open(Arc::new(RealDisk), settings(&root)).unwrap();
    take(&mut store, &old(), &mut |_| ()).unwrap();
    take(&mut store, &new(), &mut |_| ()).unwrap();
    drop(store);
    let mut cases = 0;
    for fault in faults() {
        for lasting in [false, true] {
            for at in 1..CALLS_MAX {
                let disk = RigDisk::new(&root);
                disk.fail(at, fault, lasting);
                let (store, findings) = Store::open(Arc::new(disk.clone()), settings(&root)).unwrap();
                let (failed, played) = (disk.faults(), store.current().map(|one| one.held.edition.number));
                disk.heal();
                let case = format!("{fault:?} at call {at}, lasting {lasting}: {played:?}, {findings}");
                if !lasting {
                    // A single failed read is tried again.
                    assert_eq!(played, Some(2), "{case}");
                }
                if played.is_none() {
                    assert!(!findings.problems.is_empty() || failed > 0, "silent for no reason: {case}");
                }
                let (started, findings) = Store::open(Arc::new(RealDisk), settings(&root)).unwrap();
                assert_eq!((number_played(&started), findings), (Some(2), Findings::default()), "{case}");
                cases += 1;
                if failed == 0 {
                    break;
                }
            }
        }
    }
    println!("{cases} starts with a fault each");
}

#[test]
fn a_disk_that_is_read_only_from_the_start_plays_what_is_there_and_says_so() {
    let folder = folder();
    let (mut store, _) = Store::open(Arc::new(RealDisk), settings(folder.path())).unwrap();
    take(&mut store, &old(), &mut |_| ()).unwrap();
    drop(store);
    let disk = ReadOnly(RigDisk::new(folder.path()));
    let (mut store, findings) = Store::open(Arc::new(disk), settings(folder.path())).unwrap();
    assert!(findings.read_only && findings.to_string().contains("read-only"), "{findings}");
    assert_eq!(number_played(&store), Some(1));
    let error = take(&mut store, &new(), &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("read-only"), "{error}");
    assert_eq!(number_played(&store), Some(1));
}

/// Refuses whatever would change something.
struct ReadOnly(RigDisk);

fn refused<T>() -> io::Result<T> {
    Err(io::Error::from_raw_os_error(EROFS))
}

impl Disk for ReadOnly {
    fn create(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        refused()
    }

    fn append(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        refused()
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.0.read(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.0.stat(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.0.list(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.0.read_link(path)
    }

    fn symlink(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove_file(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn remove_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        refused()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.free_bytes(path)
    }
}
