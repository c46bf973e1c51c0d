//! Whether the clock can be trusted. Music plays without one; opening hours and the play log need it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::report::Finding;

/// systemd's clock service makes this file once it has heard a time server.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";
/// Others that set the clock, by a file that they have while they run.
const OTHERS: [(&str, &str); 2] = [("chrony", "/run/chrony/chronyd.pid"), ("ntpd", "/run/ntpd.pid")];
const HARDWARE_CLOCK: &str = "/sys/class/rtc/rtc0";
/// 2026-01-01; before this was written no clock was right.
const WRITTEN_S: u64 = 1_767_225_600;

/// All of it.
pub(super) fn look() -> Vec<Finding> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let there = |path: &str| Path::new(path).exists();
    vec![set_by(now_s, there), kept_by(there)]
}

fn set_by(now_s: u64, there: impl Fn(&str) -> bool) -> Finding {
    if now_s < WRITTEN_S {
        let finding =
            Finding::wrong("the clock is years behind").costs("opening hours and the play log are wrong");
        return finding.remedy("sudo timedatectl set-ntp true");
    }
    if there(SYNCHRONISED) {
        return Finding::fine("the clock is set by a time server (systemd-timesyncd)");
    }
    if let Some((name, _)) = OTHERS.into_iter().find(|(_, path)| there(path)) {
        return Finding::fine(format!("the clock is set by {name}"));
    }
    Finding::note("no time server has set the clock since the start")
        .costs("opening hours and the play log may be off")
        .remedy("timedatectl status; sudo timedatectl set-ntp true")
}

fn kept_by(there: impl Fn(&str) -> bool) -> Finding {
    if there(HARDWARE_CLOCK) {
        return Finding::fine("a hardware clock keeps the time while the power is off");
    }
    Finding::note("no hardware clock")
        .costs("after a power cut the time is unknown until a time server is heard")
}

#[cfg(test)]
mod tests {
    use super::super::report::Mark;
    use super::*;

    #[test]
    fn a_clock_is_trusted_when_someone_has_set_it_and_it_can_be_right() {
        assert_eq!(set_by(0, |_| true).mark, Mark::Wrong);
        assert_eq!(set_by(WRITTEN_S, |path| path == SYNCHRONISED).mark, Mark::Fine);
        let by_other = set_by(WRITTEN_S, |path| path.contains("chrony"));
        assert!(by_other.mark == Mark::Fine && by_other.what.contains("chrony"));
        assert!(set_by(WRITTEN_S, |_| false).remedy.contains("timedatectl"));
        assert_eq!((kept_by(|_| true).mark, kept_by(|_| false).mark), (Mark::Fine, Mark::Note));
    }
}
