//! Whether the state can be kept: the folder, its disk, the database, who uses it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statfs, statvfs};

use super::report::Finding;
use crate::bootstrap;
use crate::storage;

/// The play log and the journal of the database need so much for days.
const FREE_LOW: u64 = 64 * 1024 * 1024;
/// Below this nothing can be written for long.
const FREE_MIN: u64 = 8 * 1024 * 1024;
const FILES_FREE_MIN: u64 = 64;
const FORGETS: &str = "after a restart the queue, the place in the song and the play log are lost";
const MAKE_ROOM: &str = "make room: `du -xh / | sort -h | tail`";

/// All of it.
pub(super) fn look(state_dir: &Path) -> Vec<Finding> {
    let (place, folder) = folder(state_dir);
    let mut all = vec![folder];
    if let Some(place) = place {
        all.extend(kind_of_disk(&place));
        all.extend(room(&place));
    }
    all.push(sqlite());
    if state_dir.is_dir() {
        all.push(database(state_dir));
        all.push(holder(state_dir));
    }
    all
}

/// What can be said of the folder, and where the disk can be looked at.
fn folder(state_dir: &Path) -> (Option<PathBuf>, Finding) {
    let shown = state_dir.display();
    let wrong = |what: String| {
        Finding::wrong(what).costs("the device does not start").remedy(
            "make it a folder that this user may write to (`sudo chown $USER DIR`), or set another state_dir",
        )
    };
    match fs::metadata(state_dir) {
        Ok(found) if !found.is_dir() => (None, wrong(format!("{shown} is a file, not a folder"))),
        Ok(_) => {
            let finding = match probe(state_dir) {
                Ok(()) => Finding::fine(format!("{shown} can be written to")),
                Err(error) => wrong(format!("{shown} cannot be written to: {error}")),
            };
            (Some(state_dir.to_owned()), finding)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = state_dir.ancestors().skip(1).find(|above| above.is_dir()).unwrap_or(Path::new("/"));
            let finding = match access(above, Access::WRITE_OK | Access::EXEC_OK) {
                Ok(()) => Finding::fine(format!("{shown} will be made by the first start")),
                Err(error) => wrong(format!("{shown} cannot be made: {}: {error}", above.display())),
            };
            (Some(above.to_owned()), finding)
        }
        Err(error) => (None, wrong(format!("{shown}: {error}"))),
    }
}

/// Writes a small file to the disk and removes it.
fn probe(state_dir: &Path) -> io::Result<()> {
    let path = state_dir.join(format!(".doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let written = file.write_all(&[b'x'; 4096]).and_then(|()| file.sync_all());
    written.and(fs::remove_file(&path))
}

/// Kinds of file systems, by the numbers of `statfs(2)`, that need a word.
fn kind_of_disk(place: &Path) -> Option<Finding> {
    let kind = statfs(place).ok()?.f_type as u32;
    let is_read_only = statvfs(place).ok()?.f_flag.contains(StatVfsMountFlags::RDONLY);
    Some(kind_finding(kind, is_read_only))
}

fn kind_finding(kind: u32, is_read_only: bool) -> Finding {
    let elsewhere = "set a state_dir on a disk (ext4)";
    if is_read_only {
        let finding = Finding::wrong("its disk is mounted read-only").costs("nothing is kept");
        return finding.remedy("sudo mount -o remount,rw DISK; if it falls back, check it with e2fsck");
    }
    match kind {
        0x0102_1994 => Finding::note("it lies in memory (tmpfs)").costs(FORGETS).remedy(elsewhere),
        0x8584_58f6 => Finding::note("it lies in memory (ramfs)").costs(FORGETS).remedy(elsewhere),
        0x794c_7630 => {
            let finding = Finding::note("it lies on an overlay")
                .costs(format!("if its upper layer is in memory, {FORGETS}"));
            finding.remedy(elsewhere)
        }
        0x4d44 | 0x2011_bab0 => {
            let finding = Finding::note("it lies on a FAT disk").costs("a power cut may damage it");
            finding.remedy(elsewhere)
        }
        0x6969 | 0xff53_4d42 | 0xfe53_4d42 => {
            let finding = Finding::note("it lies on a network disk").costs("SQLite's locks may fail there");
            finding.remedy(elsewhere)
        }
        0xef53 => Finding::fine("its disk is ext4"),
        0x9123_683e => Finding::fine("its disk is btrfs"),
        0x5846_5342 => Finding::fine("its disk is XFS"),
        0xf2f5_2010 => Finding::fine("its disk is F2FS"),
        other => Finding::fine(format!("its disk is of the kind {other:#x}")),
    }
}

fn room(place: &Path) -> Option<Finding> {
    let disk = statvfs(place).ok()?;
    // Some file systems do not count their files.
    let files = (disk.f_files > 0).then_some(disk.f_favail);
    Some(room_finding(disk.f_bavail.saturating_mul(disk.f_frsize), files))
}

fn room_finding(free: u64, files: Option<u64>) -> Finding {
    let mib = free / 1024 / 1024;
    let what = match files {
        Some(files) => format!("free: {mib} MiB, {files} files"),
        None => format!("free: {mib} MiB"),
    };
    if free < FREE_MIN || files.is_some_and(|files| files < FILES_FREE_MIN) {
        return Finding::wrong(what).costs("the play log is lost").remedy(MAKE_ROOM);
    }
    if free < FREE_LOW {
        return Finding::note(what).costs("the disk will be full soon").remedy(MAKE_ROOM);
    }
    Finding::fine(what)
}

fn sqlite() -> Finding {
    let version = storage::sqlite_version();
    if storage::sqlite_is_safe() {
        return Finding::fine(format!("SQLite {version}"));
    }
    let finding = Finding::note(format!("SQLite {version} can damage its write-ahead log"));
    finding.costs("a slower journal is used").remedy("build with SQLite 3.51.3 or newer")
}

fn database(state_dir: &Path) -> Finding {
    let path = storage::database_path(state_dir);
    if !path.exists() {
        return Finding::fine("state.sqlite will be made by the first start");
    }
    match storage::examine(&path) {
        Ok(seen) => {
            let plays = super::super::text::count(
                usize::try_from(seen.plays_len).unwrap_or(usize::MAX),
                "play",
                "plays",
            );
            Finding::fine(format!("state.sqlite is whole: schema {}, {plays}", seen.schema))
        }
        Err(cause) => Finding::wrong(format!("state.sqlite cannot be used: {cause}"))
            .costs("the next start puts it aside and begins anew, without queue and play log")
            .remedy(format!("restore {} from a copy, or let the next start replace it", path.display())),
    }
}

fn holder(state_dir: &Path) -> Finding {
    match bootstrap::held_by(&state_dir.join("lock")) {
        Some(holder) => Finding::fine(format!("in use by {holder}")),
        None => Finding::fine("no device uses it now"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Mark;
    use super::*;

    #[test]
    fn a_folder_is_probed_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(folder(dir.path()).1.mark, Mark::Fine);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let missing = dir.path().join("a/b");
        let (place, finding) = folder(&missing);
        assert_eq!((place.as_deref(), finding.mark), (Some(dir.path()), Mark::Fine), "{finding:?}");
        assert!(!missing.exists());
        fs::write(dir.path().join("file"), "").unwrap();
        for wrong in ["file", "file/below"] {
            let (_, finding) = folder(&dir.path().join(wrong));
            assert!(finding.mark == Mark::Wrong && finding.what.contains(wrong), "{finding:?}");
        }
        // Also root cannot write there.
        let (_, finding) = folder(Path::new("/proc/self"));
        assert!(finding.mark == Mark::Wrong && finding.remedy.contains("state_dir"), "{finding:?}");
    }

    #[test]
    fn disks_that_forget_or_are_full_are_told() {
        assert_eq!(kind_finding(0xef53, false).mark, Mark::Fine);
        assert_eq!(kind_finding(0xef53, true).mark, Mark::Wrong);
        for kind in [0x0102_1994, 0x794c_7630, 0x4d44, 0x6969] {
            assert_eq!(kind_finding(kind, false).mark, Mark::Note, "{kind:x}");
        }
        let marks =
            [(0, None), (FREE_MIN, None), (FREE_LOW, None), (FREE_LOW, Some(3)), (FREE_LOW, Some(500))];
        let marks = marks.map(|(free, files)| room_finding(free, files).mark);
        assert_eq!(marks, [Mark::Wrong, Mark::Note, Mark::Fine, Mark::Wrong, Mark::Fine]);
        assert!(room(Path::new("/")).is_some() && kind_of_disk(Path::new("/")).is_some());
    }
}
