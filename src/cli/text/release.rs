//! The releases of a device, as text for people. Pure.

use orchestrion_protocol::release::Edition;
use orchestrion_protocol::status::Release;

use super::{clean, clock};
use crate::time::Wall;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Rows for the status, each a label and a value; the labels of what belongs to the row before are empty.
pub(super) fn rows(release: &Release, now: Option<Wall>, row: &mut impl FnMut(&str, &str)) {
    row("release", &held(release, now));
    if let Some(offered) = release.offered.filter(|offered| Some(*offered) != release.held) {
        let from = release.from.as_deref().map(|from| format!(", from {}", clean(from))).unwrap_or_default();
        row("", &format!("offered: {offered}{from}"));
    }
    if let Some(line) = fetching(release) {
        row("", &line);
    }
    if let Some(waits) = &release.waits {
        row("", &clean(waits));
    }
    if release.damaged > 0 {
        let files = if release.damaged == 1 { "file is" } else { "files are" };
        row("", &format!("WARNING: {} {files} damaged or missing, and not played", release.damaged));
    }
    if let Some(store) = &release.store {
        row("", &format!("WARNING: {}", clean(store)));
    }
    if let Some(problem) = &release.problem {
        row("", &format!("WARNING: {}", clean(problem)));
    }
    if let Some(line) = asked(release) {
        row("", &line);
    }
}

fn held(release: &Release, now: Option<Wall>) -> String {
    let Some(edition) = release.held else { return "none yet".into() };
    let factory = if release.is_factory { ", the factory's" } else { "" };
    let since = release.since_utc_ms.and_then(|since| ago(since, now?)).unwrap_or_default();
    format!("{}{factory}{since}", number(edition))
}

/// Without the word that stands before it.
fn number(edition: Edition) -> String {
    edition.to_string().trim_start_matches("release ").to_owned()
}

fn ago(since_ms: i64, now: Wall) -> Option<String> {
    let ms = now.0.checked_sub(since_ms).filter(|ms| *ms >= 0)?;
    Some(match ms / DAY_MS {
        0 => format!(", for {}", clock(ms.unsigned_abs())),
        1 => ", for a day".into(),
        days => format!(", for {days} days"),
    })
}

fn fetching(release: &Release) -> Option<String> {
    let percent = release.percent?;
    let files = release.files_done.zip(release.files);
    let files = files.map(|(done, all)| format!(", {done} of {all} files")).unwrap_or_default();
    let rate =
        release.rate.filter(|rate| *rate > 0).map(|rate| format!(", {}", speed(rate))).unwrap_or_default();
    let left = release.left_ms.filter(|_| percent < 100).map(|ms| format!(", {} left", clock(ms)));
    Some(format!("{percent} % are there{files}{rate}{}", left.unwrap_or_default()))
}

/// Bytes a second.
fn speed(rate: u64) -> String {
    match rate {
        0..1000 => format!("{rate} B/s"),
        1000..1_000_000 => format!("{} kB/s", rate / 1000),
        _ => format!("{:.1} MB/s", rate as f64 / 1e6),
    }
}

fn asked(release: &Release) -> Option<String> {
    let asked = release.asked_s.map(|s| format!("asked {} ago", clock(s.saturating_mul(1000))));
    let again = release.again_s.map(|s| format!("again in {}", clock(s.saturating_mul(1000))));
    let said: Vec<String> = asked.into_iter().chain(again).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(release: &Release, now: Option<Wall>) -> String {
        let mut text = String::new();
        rows(release, now, &mut |label, value| text.push_str(&format!("{label}|{value}\n")));
        text
    }

    #[test]
    fn what_is_on_its_way_and_what_stands_against_it_are_told() {
        let edition = |number| Some(Edition { epoch: 1, number });
        let release = Release {
            held: edition(7),
            since_utc_ms: Some(1000),
            offered: edition(8),
            from: Some("https://a/leeds/".into()),
            percent: Some(42),
            files_done: Some(3),
            files: Some(9),
            rate: Some(1_250_000),
            left_ms: Some(61_000),
            problem: Some("a broke off".into()),
            again_s: Some(7),
            ..Release::default()
        };
        assert_eq!(
            text(&release, Some(Wall(3_601_000))),
            "release|7, for 1:00:00\n|offered: release 8, from https://a/leeds/\n\
             |42 % are there, 3 of 9 files, 1.2 MB/s, 1:01 left\n|WARNING: a broke off\n|again in 0:07\n"
        );
        let none = Release { waits: Some("the store is being opened".into()), ..Release::default() };
        assert_eq!(text(&none, None), "release|none yet\n|the store is being opened\n");
        let factory = Release { held: edition(1), is_factory: true, damaged: 2, ..Release::default() };
        let told = text(&factory, None);
        assert_eq!(
            told,
            "release|1, the factory's\n|WARNING: 2 files are damaged or missing, and not played\n"
        );
    }
}
