//! `orchestrion program zone`, and whether a program's clock is changed when the world's is.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use orchestrion_program::Absolute;
use orchestrion_program::check::Finding;
use orchestrion_program::civil::DAY_MS;
use orchestrion_program::model::Zone;
use orchestrion_program::zone::{Shift, ZoneMap, zone};

use super::{failed, say_json, today};

/// A zone whose changes are known for less than so long is told of, in ms.
const KNOWN_MS_MIN: i64 = 90 * DAY_MS;
/// What is said where a time is needed and nobody has set the clock.
pub(super) const NO_CLOCK: &str =
    "nobody knows what day it is: the clock of this machine is not set (`timedatectl` tells more)";

/// `orchestrion program zone`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion program zone                     # that of this machine
  orchestrion program zone Europe/Berlin

A program carries the changes of its clock with it, for three years: what is printed here is what
belongs behind \"zone\" in it. An old device is not an hour off then when a country changes its law.
The names are those of the IANA time zone database, as `timedatectl list-timezones` lists them.")]
pub struct ZoneArgs {
    /// Its name; that of this machine if not said
    #[arg(value_name = "ZONE")]
    name: Option<String>,
}

impl ZoneArgs {
    /// Prints it.
    pub fn run(self) -> ExitCode {
        match of(self.name.as_deref()) {
            Ok(zone) => {
                say_json(&zone);
                ExitCode::SUCCESS
            }
            Err(words) => failed(&words),
        }
    }
}

/// A zone by its name, or that of this machine.
pub(super) fn of(name: Option<&str>) -> Result<Zone, String> {
    let now = today().ok_or(NO_CLOCK)?;
    let here = || here(Path::new("/")).ok_or("this machine does not say in which time zone it is; name one");
    let name = name.map_or_else(here, |name| Ok(name.to_owned()))?;
    zone(&name, now).map_err(|error| error.to_string())
}

/// The zone of a machine: TZ is left out, which is often set for a single command.
fn here(root: &Path) -> Option<String> {
    let link = fs::read_link(root.join("etc/localtime")).ok();
    let linked = link.as_deref().and_then(Path::to_str).and_then(|link| link.split_once("zoneinfo/"));
    let linked = linked.map(|(_, name)| name.to_owned());
    let written = || {
        let text = fs::read_to_string(root.join("etc/timezone")).ok()?;
        text.lines().next().map(|line| line.trim().to_owned())
    };
    linked.or_else(written).filter(|name| !name.is_empty())
}

/// What is hardly meant about a program's zone, at that time.
pub(super) fn findings(of: &Zone, now: Option<Absolute>) -> Vec<Finding> {
    let Some(now) = now else { return Vec::new() };
    let told = |key: &str, message: String| Finding { path: format!("zone.{key}"), message };
    let mut findings = Vec::new();
    let remedy = format!("`orchestrion program zone {}` prints what belongs here", of.id);
    if let Some(until) = of.until_utc_ms.filter(|until| until.since_ms(now) < KNOWN_MS_MIN) {
        let message = format!("changes of the clock are known until {until} only; {remedy}");
        findings.push(told("until_utc_ms", message));
    }
    let known = match zone(&of.id, now) {
        Ok(known) => known,
        Err(error) => {
            let message = format!("{error}; so nobody can tell whether its clock is right");
            findings.push(told("id", message));
            return findings;
        }
    };
    let until = [of.until_utc_ms, known.until_utc_ms].into_iter().flatten().min();
    let until = until.unwrap_or(now.plus_ms(KNOWN_MS_MIN));
    let (theirs, ours) = (ZoneMap::new(of), ZoneMap::new(&known));
    if let Some(at) = first_difference(&theirs, &ours, (now, until)) {
        let [said, right] = [&theirs, &ours].map(|map| offset(map.offset_s(at)));
        let message = format!(
            "from {at} on it says UTC{said}, but {} has UTC{right} then (database {}); {remedy}",
            known.id, known.tzdb
        );
        findings.push(told("transitions", message));
    }
    findings
}

/// The first instant at which two zones are not the same.
fn first_difference(one: &ZoneMap, other: &ZoneMap, (from, until): (Absolute, Absolute)) -> Option<Absolute> {
    let both = one.shifts(from, until).chain(other.shifts(from, until)).map(|shift: Shift| shift.at);
    let mut instants: Vec<Absolute> = std::iter::once(from).chain(both).collect();
    instants.sort_unstable();
    instants.into_iter().find(|at| one.offset_s(*at) != other.offset_s(*at))
}

/// `+02:00`.
pub(super) fn offset(offset_s: i32) -> String {
    let sign = if offset_s < 0 { '-' } else { '+' };
    let minutes = offset_s.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Tells on the side which zone was taken, where nobody named one.
pub(super) fn said(zone: &Zone) -> String {
    let utc = ["UTC", "Etc/UTC", "Etc/GMT", "GMT"].contains(&zone.id.as_str());
    let warning = if utc { "; most rooms are elsewhere: name theirs with --zone" } else { "" };
    format!("{} (that of this machine{warning})", zone.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Absolute = Absolute(1_784_500_000_000); // 2026-07-19

    #[test]
    fn a_zone_of_the_database_is_right_and_one_that_misses_a_change_is_not() {
        let berlin = zone("Europe/Berlin", NOW).unwrap();
        assert_eq!(findings(&berlin, Some(NOW)), []);
        let mut late = berlin.clone();
        late.transitions.retain(|transition| transition.at_utc_ms != Absolute(1_792_890_000_000));
        let found = findings(&late, Some(NOW));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, "zone.transitions");
        let words = "from 2026-10-25T01:00:00Z on it says UTC+02:00, but Europe/Berlin has UTC+01:00 then";
        assert!(found[0].message.starts_with(words), "{found:?}");
        assert!(found[0].message.contains("orchestrion program zone Europe/Berlin"));
        assert_eq!(findings(&late, None), [], "without the time nothing is said");
    }

    #[test]
    fn a_zone_that_ends_soon_or_that_nobody_knows_is_told() {
        let berlin = zone("Europe/Berlin", NOW).unwrap();
        let soon = NOW.plus_ms(3 * 366 * DAY_MS - 80 * DAY_MS);
        assert_eq!(findings(&berlin, Some(soon))[0].path, "zone.until_utc_ms");
        let unknown = Zone { id: "Europe/Atlantis".into(), ..berlin };
        let found = findings(&unknown, Some(NOW));
        assert_eq!((found.len(), found[0].path.as_str()), (1, "zone.id"));
    }

    #[test]
    fn the_zone_of_a_machine_is_that_of_its_clock() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir(&etc).unwrap();
        assert_eq!(here(root.path()), None);
        fs::write(etc.join("timezone"), "Asia/Kathmandu\n").unwrap();
        assert_eq!(here(root.path()).as_deref(), Some("Asia/Kathmandu"));
        std::os::unix::fs::symlink("/usr/share/zoneinfo/Europe/Berlin", etc.join("localtime")).unwrap();
        assert_eq!(here(root.path()).as_deref(), Some("Europe/Berlin"));
    }

    #[test]
    fn offsets_are_written_as_the_world_writes_them() {
        for (offset_s, text) in [(0, "+00:00"), (20_700, "+05:45"), (-12_600, "-03:30"), (37_800, "+10:30")] {
            assert_eq!(offset(offset_s), text);
        }
    }
}
