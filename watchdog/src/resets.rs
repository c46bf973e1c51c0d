//! How often the board was reset, over the resets themselves. A board may have no clock, so an hour is an hour of running: a line holds
//! how long the machine had run when it was reset, and the ages of resets are sums of those.

use std::io::Write;
use std::path::Path;

/// Resets in an hour after which there are no more.
pub const RESETS_MAX: usize = 3;
/// An hour of running, in seconds.
pub const HOUR_S: u64 = 3_600;
/// Lines that are kept.
const LINES_MAX: usize = 16;
/// Characters of a reason that are kept.
const REASON_LEN_MAX: usize = 120;

/// A reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// How long the machine had run, in seconds.
    pub uptime_s: u64,
    /// Why.
    pub reason: String,
}

/// Reads the record; a missing file holds none. A line that makes no sense is a reset of now: rather one too few than without end.
pub fn read(path: &Path) -> std::io::Result<Vec<Reset>> {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let lines = lines.iter().skip(lines.len().saturating_sub(LINES_MAX));
    Ok(lines.map(|line| parse(line)).collect())
}

fn parse(line: &str) -> Reset {
    let (uptime, reason) = line.split_once(' ').unwrap_or((line, ""));
    match uptime.parse() {
        Ok(uptime_s) => Reset { uptime_s, reason: reason.to_owned() },
        Err(_) => Reset { uptime_s: 0, reason: "of which the record is damaged".into() },
    }
}

/// How many lie in the last hour of running.
pub fn in_the_last_hour(resets: &[Reset], uptime_s: u64) -> usize {
    let mut age_s = uptime_s;
    let mut count = 0;
    for reset in resets.iter().rev() {
        if age_s >= HOUR_S {
            break;
        }
        count += 1;
        age_s = age_s.saturating_add(reset.uptime_s);
    }
    count
}

/// Writes the record whole, and to the disk, before the board is reset.
pub fn write(path: &Path, resets: &[Reset]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    for reset in resets.iter().skip(resets.len().saturating_sub(LINES_MAX)) {
        let reason: String = reset.reason.chars().filter(|c| !c.is_control()).take(REASON_LEN_MAX).collect();
        writeln!(file, "{} {reason}", reset.uptime_s)?;
    }
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resets(uptimes_s: &[u64]) -> Vec<Reset> {
        uptimes_s.iter().map(|s| Reset { uptime_s: *s, reason: "x".into() }).collect()
    }

    #[test]
    fn an_hour_is_counted_in_running_time_over_resets() {
        assert_eq!(in_the_last_hour(&resets(&[400, 400, 400]), 400), 3);
        assert_eq!(in_the_last_hour(&resets(&[400, 2_000, 2_000]), 400), 2, "the first is 4,400 s old");
        assert_eq!(in_the_last_hour(&resets(&[400, 400, 400]), 3_600), 0);
        assert_eq!(in_the_last_hour(&[], 5), 0);
    }

    #[test]
    fn what_is_written_is_read_and_damage_counts_as_a_reset() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resets");
        assert_eq!(read(&path).unwrap(), []);
        write(&path, &resets(&[7; 30])).unwrap();
        assert_eq!(read(&path).unwrap(), resets(&[7; LINES_MAX]));
        std::fs::write(&path, b"\xff\xff garbage\n\n12 fine\n").unwrap();
        let read = read(&path).unwrap();
        assert_eq!(read.iter().map(|reset| reset.uptime_s).collect::<Vec<_>>(), [0, 12]);
    }
}
