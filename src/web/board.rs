//! What a heartbeat tells of the board, and `App` does not know: looked up in the kernel's files.

use std::fs;
use std::path::Path;

use orchestrion_protocol::fleet::{Disk, Memory, Report, Versions, Word};

/// Fills in what can be seen of the board; what cannot is left out.
pub(super) fn look(report: &mut Report, state_dir: &Path, root: &Path) {
    report.disk = disk(state_dir);
    report.memory = memory(root);
    report.temperature_mc = report.temperature_mc.or_else(|| {
        let text = fs::read_to_string(root.join("sys/class/thermal/thermal_zone0/temp")).ok()?;
        text.trim().parse().ok()
    });
    let board = std::mem::take(&mut report.versions.board);
    let board = if board.is_empty() { model(root) } else { board };
    report.versions = Versions { program: Word::cut(env!("CARGO_PKG_VERSION")), system: system(root), board };
}

/// The board by its own words; empty where it has none.
pub(super) fn model(root: &Path) -> Word {
    let text = fs::read(root.join("proc/device-tree/model")).unwrap_or_default();
    Word::cut(String::from_utf8_lossy(&text).trim_end_matches('\0').trim())
}

fn disk(folder: &Path) -> Option<Disk> {
    let told = rustix::fs::statvfs(folder).ok()?;
    Some(Disk {
        free: told.f_bavail.saturating_mul(told.f_frsize),
        total: told.f_blocks.saturating_mul(told.f_frsize),
    })
}

fn memory(root: &Path) -> Option<Memory> {
    let used = field(&root.join("proc/self/status"), "VmRSS:")?;
    let free = field(&root.join("proc/meminfo"), "MemAvailable:")?;
    Some(Memory { used, free })
}

/// Bytes of a line as `VmRSS:   5120 kB`.
fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kb: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kb.saturating_mul(1024))
}

fn system(root: &Path) -> Word {
    let text = fs::read_to_string(root.join("etc/os-release")).unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Word::cut(name.unwrap_or_default().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells_is_told_and_what_it_does_not_is_left_out() {
        let mut report = Report::default();
        look(&mut report, Path::new("/"), Path::new("/"));
        let (disk, memory) = (report.disk.unwrap(), report.memory.unwrap());
        assert!(disk.total > 0 && disk.free <= disk.total, "{disk:?}");
        assert!(memory.used > 1024 * 1024 && memory.free > 0, "{memory:?}");
        assert_eq!(report.versions.program.as_str(), env!("CARGO_PKG_VERSION"));
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("proc/device-tree")).unwrap();
        fs::write(dir.path().join("proc/device-tree/model"), b"A board\0").unwrap();
        fs::create_dir_all(dir.path().join("sys/class/thermal/thermal_zone0")).unwrap();
        fs::write(dir.path().join("sys/class/thermal/thermal_zone0/temp"), b"48312\n").unwrap();
        let mut report = Report::default();
        look(&mut report, &dir.path().join("nowhere"), dir.path());
        assert_eq!((report.disk, report.memory, report.temperature_mc), (None, None, Some(48_312)));
        assert_eq!(report.versions.board.as_str(), "A board");
    }
}
