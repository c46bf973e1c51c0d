//! The machine itself: memory, processors, heat, the journal, limits.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::process::{Resource, getrlimit};

use super::report::Finding;

/// Below this something else will be killed for room, or this.
const MEMORY_KB_MIN: u64 = 64 * 1024;
/// Boards slow down at 80 °C.
const HOT_MILLIDEGREES: i64 = 80_000;
/// 64 clients, the files of two songs, the database, and room.
const FILES_MIN: u64 = 256;
const JOURNAL: &str = "/run/systemd/journal/socket";

/// All of it.
pub(super) fn look() -> Vec<Finding> {
    let sys = Path::new("/sys/class");
    let mut all = vec![kernel(), memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default())];
    all.extend(temperature(&sys.join("thermal")));
    all.extend(power(&sys.join("hwmon")));
    all.push(journal(Path::new(JOURNAL)));
    all.push(limits(getrlimit(Resource::Nofile).current));
    all
}

fn kernel() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processors = super::super::text::count(processors, "processor", "processors");
    Finding::fine(format!("kernel {}, {}, {processors}", release.trim(), std::env::consts::ARCH))
}

fn memory(text: &str) -> Finding {
    let kb = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
    };
    let (Some(all), Some(free)) = (kb("MemTotal"), kb("MemAvailable")) else {
        return Finding::note("the kernel does not say how much memory there is");
    };
    let what = format!("memory: {} of {} MiB free", free / 1024, all / 1024);
    if free >= MEMORY_KB_MIN {
        return Finding::fine(what);
    }
    Finding::wrong(what)
        .costs("the kernel may end the music to make room")
        .remedy("ps -eo rss,comm --sort=-rss | head")
}

/// The hottest of the machine's thermometers; none where it has none.
fn temperature(thermal: &Path) -> Option<Finding> {
    let read = |folder: PathBuf| fs::read_to_string(folder.join("temp")).ok()?.trim().parse::<i64>().ok();
    let hottest = folders(thermal, "thermal_zone").filter_map(read).max()?;
    let what = format!("temperature: {} °C", hottest / 1000);
    if hottest < HOT_MILLIDEGREES {
        return Some(Finding::fine(what));
    }
    let finding = Finding::note(what).costs("it runs slower, and the sound may stumble");
    Some(finding.remedy("give it air, or a heat sink"))
}

/// Whether the supply has sagged since the start; only told by machines that watch it.
fn power(hwmon: &Path) -> Option<Finding> {
    let alarm = |folder: PathBuf| fs::read_to_string(folder.join("in0_lcrit_alarm")).ok();
    let alarms: Vec<String> = folders(hwmon, "hwmon").filter_map(alarm).collect();
    if alarms.is_empty() {
        return None;
    }
    if alarms.iter().all(|alarm| alarm.trim() == "0") {
        return Some(Finding::fine("the power supply holds its voltage"));
    }
    let finding =
        Finding::wrong("the voltage has sagged").costs("it runs slower, and the card may be damaged");
    Some(finding.remedy("use a stronger power supply and a short cable"))
}

/// Folders below `parent` whose names begin so.
fn folders(parent: &Path, begin: &'static str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(move |entry| entry.file_name().to_string_lossy().starts_with(begin))
        .map(|entry| entry.path())
}

fn journal(socket: &Path) -> Finding {
    match UnixDatagram::unbound().and_then(|client| client.connect(socket)) {
        Ok(()) => Finding::fine("the system's journal takes log lines: `journalctl -u orchestrion`"),
        Err(_) => Finding::note("no system journal here").costs("log lines go to standard error"),
    }
}

fn limits(files: Option<u64>) -> Finding {
    let soft = |resource| getrlimit(resource).current;
    let words = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
    let locked = soft(Resource::Memlock).map(|bytes| bytes / 1024);
    let what = format!(
        "limits: {} open files, real-time priority {}, locked memory {} KiB",
        words(files),
        words(soft(Resource::Rtprio)),
        words(locked)
    );
    if files.is_none_or(|files| files >= FILES_MIN) {
        return Finding::fine(what);
    }
    Finding::wrong(what).costs("clients are turned away, songs cannot be opened").remedy("ulimit -n 1024")
}

#[cfg(test)]
mod tests {
    use super::super::report::Mark;
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_tells_it() {
        let text = "MemTotal:        1000000 kB\nMemFree:  1 kB\nMemAvailable:     500000 kB\n";
        assert_eq!(memory(text), Finding::fine("memory: 488 of 976 MiB free"));
        assert_eq!(memory(&text.replace("500000", "5000")).mark, Mark::Wrong);
        assert_eq!(memory("nonsense").mark, Mark::Note);
    }

    #[test]
    fn heat_and_a_weak_supply_are_told_where_the_machine_has_sensors() {
        let sys = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = sys.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!((temperature(sys.path()), power(sys.path())), (None, None));
        write("thermal_zone0/temp", "41200\n");
        write("thermal_zone1/temp", "nonsense");
        assert_eq!(temperature(sys.path()), Some(Finding::fine("temperature: 41 °C")));
        write("thermal_zone2/temp", "85000\n");
        assert_eq!(temperature(sys.path()).unwrap().mark, Mark::Note);
        write("hwmon1/in0_lcrit_alarm", "0\n");
        assert_eq!(power(sys.path()).unwrap().mark, Mark::Fine);
        write("hwmon2/in0_lcrit_alarm", "1\n");
        assert_eq!(power(sys.path()).unwrap().mark, Mark::Wrong);
    }

    #[test]
    fn a_journal_is_there_when_its_socket_takes_something() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        assert_eq!(journal(&path).mark, Mark::Note);
        let _journal = UnixDatagram::bind(&path).unwrap();
        assert_eq!(journal(&path).mark, Mark::Fine);
    }

    #[test]
    fn too_few_open_files_need_a_remedy() {
        assert_eq!((limits(Some(64)).mark, limits(Some(1024)).mark), (Mark::Wrong, Mark::Fine));
        assert_eq!(limits(None).mark, Mark::Fine);
    }
}
