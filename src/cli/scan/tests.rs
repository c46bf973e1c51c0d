//! What a scan tells.

use std::time::Duration;

use super::progress::Pace;
use super::*;
use crate::measure::{Blob, Cues, FileId, Loudness, Measurement};

fn done(path: &str, lufs: Option<f32>, cues: Cues) -> Done {
    let loudness = lufs.map(|integrated_lufs| Loudness {
        integrated_lufs,
        loudest_lufs: integrated_lufs + 4.0,
        true_peak_dbtp: 0.456,
    });
    let measurement = Measurement { blob: Blob([0xAB; 32]), duration_ms: 200_000, loudness, cues };
    let file = FileId { size: 1000, modified_ms: 7 };
    Done { path: path.into(), size: 1000, outcome: Outcome::Measured(file, measurement), tags: None }
}

const PLAIN: Cues = Cues { head_ms: 0, tail_ms: 199_500, swing_end_ms: 190_000, silence_ms: 0 };

fn failed_one(path: &str) -> Done {
    Done {
        path: path.into(),
        size: 1000,
        outcome: Outcome::Failed("the file\u{1b} is empty".into()),
        tags: None,
    }
}

#[test]
fn the_summary_names_what_is_worth_a_look() {
    let mut tally = Tally::new(1234);
    tally.add(&done("/m/loud.flac", Some(-5.25), PLAIN));
    tally.add(&done("/m/soft.flac", Some(-31.0), Cues { head_ms: 9000, silence_ms: 61_000, ..PLAIN }));
    tally.add(&done("/m/none\u{1b}[2J.flac", None, PLAIN));
    tally.add(&failed_one("/m/bad.mp3"));
    let text = tally.summary(Path::new("/state/measurements.sqlite"));
    for expected in [
        "could not be measured: 1 file\n  /m/bad.mp3: the file is empty\n",
        "long silence: 1 file\n  /m/soft.flac: 0:09 at its head, 1:01 inside\n",
        "nothing but silence: 1 file\n  /m/none[2J.flac\n",
        "4 of 1234 files, 10:00 of sound: 3 measured, 0 known before, 1 failed; took 0:00",
        "loudest   -5.2 LUFS  /m/loud.flac\n",
        "softest  -31.0 LUFS  /m/soft.flac\n",
        "2 files with peaks over full scale\n",
        "kept in /state/measurements.sqlite\n",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
}

#[test]
fn a_thousand_failures_are_counted_and_not_all_named() {
    let mut tally = Tally::new(1000);
    (0..1000).for_each(|n| tally.add(&failed_one(&format!("/m/{n}"))));
    let text = tally.summary(Path::new("/s"));
    assert!(text.contains("could not be measured: 1000 files") && text.contains("and 800 more"), "{text}");
    assert!(text.lines().count() < 210);
}

#[test]
fn a_file_is_a_line_or_an_object() {
    let one = done("/m/a.flac", Some(-14.2), PLAIN);
    assert_eq!(
        report::line(&one),
        " -14.2 LUFS     0.5 dBTP      3:20       0.00 s –    199.50 s  /m/a.flac"
    );
    let object: serde_json::Value = serde_json::from_str(&report::json(&one)).unwrap();
    assert_eq!(object["true_peak_dbtp"], 0.46);
    assert_eq!(object["blob"], "ab".repeat(32));
    assert_eq!(object["known"], false);
    let object: serde_json::Value = serde_json::from_str(&report::json(&failed_one("/m/b"))).unwrap();
    assert_eq!((object["path"].as_str(), object["error"].is_string()), (Some("/m/b"), true));
    assert!(report::line(&done("/m/c", None, PLAIN)).starts_with("                  silence  "));
}

#[test]
fn the_bar_tells_the_rate_and_the_time_left() {
    let mut tally = Tally::new(4);
    let mut pace = Pace::new(4, 4000);
    assert_eq!(pace.render(&tally, Duration::ZERO), "▐                ▌  0/4 files");
    let one = done("/m/a.flac", Some(-14.2), PLAIN);
    tally.add(&one);
    pace.done(1000, true);
    tally.add(&one);
    pace.done(1000, false);
    // What was known took no time: the two that are left take as long as the one that was measured.
    assert_eq!(
        pace.render(&tally, Duration::from_secs(4)),
        "▐████████        ▌  2/4 files  100 × real time  30 files/min  0:08 left"
    );
}

#[test]
fn large_numbers_can_be_read() {
    let shown = [0, 999, 1000, 1_234_567].map(report::thousands);
    assert_eq!(shown, ["0", "999", "1,000", "1,234,567"]);
}
