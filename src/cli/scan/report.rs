//! What a scan tells: a line or an object for each file, and the summary. Pure.

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use orchestrion_protocol::location;
use serde_json::{Value, json};

use super::super::text::{clean, clock, count};
use super::work::{Done, Outcome};
use crate::audio::{TaggedGain, Tags};
use crate::measure::Measurement;

/// Files that are named in one part of the summary.
const NAMED_LEN_MAX: usize = 10;
/// Files that failed are all worth a look.
const FAILURES_LEN_MAX: usize = 200;
/// So much silence inside a song, or at an end of it, is worth a look.
const SILENCE_LONG_MS: u64 = 5000;

/// What was found so far.
#[derive(Debug)]
pub(super) struct Tally {
    begin: Instant,
    files: usize,
    measured: usize,
    known: usize,
    duration_ms: u64,
    measured_ms: u64,
    loudest: Option<(f32, String)>,
    softest: Option<(f32, String)>,
    over_full_scale: usize,
    silent: Named,
    long_silence: Named,
    failures: Named,
}

/// Some names, and how many there are.
#[derive(Debug)]
struct Named {
    names: Vec<String>,
    names_max: usize,
    len: usize,
}

impl Named {
    fn new(names_max: usize) -> Self {
        Self { names: Vec::new(), names_max, len: 0 }
    }

    fn add(&mut self, name: impl FnOnce() -> String) {
        self.len += 1;
        if self.names.len() < self.names_max {
            self.names.push(name());
        }
    }

    fn write(&self, text: &mut String, label: &str) {
        if self.len == 0 {
            return;
        }
        let _ = writeln!(text, "{label}: {}", count(self.len, "file", "files"));
        for name in &self.names {
            let _ = writeln!(text, "  {name}");
        }
        if self.len > self.names.len() {
            let _ = writeln!(text, "  and {} more", thousands((self.len - self.names.len()) as u64));
        }
    }
}

impl Tally {
    pub(super) fn new(files: usize) -> Self {
        Self {
            begin: Instant::now(),
            files,
            measured: 0,
            known: 0,
            duration_ms: 0,
            measured_ms: 0,
            loudest: None,
            softest: None,
            over_full_scale: 0,
            silent: Named::new(NAMED_LEN_MAX),
            long_silence: Named::new(NAMED_LEN_MAX),
            failures: Named::new(FAILURES_LEN_MAX),
        }
    }

    pub(super) fn done(&self) -> usize {
        self.measured + self.known + self.failures.len
    }

    pub(super) fn failed(&self) -> usize {
        self.failures.len
    }

    pub(super) fn add(&mut self, done: &Done) {
        let measurement = match &done.outcome {
            Outcome::Failed(reason) => {
                return self.failures.add(|| format!("{}: {}", name(&done.path), clean(reason)));
            }
            Outcome::Known(_, measurement) => {
                self.known += 1;
                measurement
            }
            Outcome::Measured(_, measurement) => {
                self.measured += 1;
                self.measured_ms += measurement.duration_ms;
                measurement
            }
        };
        self.duration_ms += measurement.duration_ms;
        let Some(loudness) = measurement.loudness else {
            return self.silent.add(|| name(&done.path));
        };
        let lufs = loudness.integrated_lufs;
        if self.loudest.as_ref().is_none_or(|(most, _)| lufs > *most) {
            self.loudest = Some((lufs, name(&done.path)));
        }
        if self.softest.as_ref().is_none_or(|(least, _)| lufs < *least) {
            self.softest = Some((lufs, name(&done.path)));
        }
        self.over_full_scale += usize::from(loudness.true_peak_dbtp > 0.0);
        if let Some(words) = silences(measurement) {
            self.long_silence.add(|| format!("{}: {words}", name(&done.path)));
        }
    }

    /// How fast it measures; `None` before anything was measured.
    pub(super) fn rate(&self, elapsed: Duration) -> Option<String> {
        let seconds = elapsed.as_secs_f64();
        (self.measured > 0 && seconds > 0.0).then(|| {
            let times = self.measured_ms as f64 / 1000.0 / seconds;
            let files = self.measured as f64 * 60.0 / seconds;
            format!("{times:.0} × real time  {files:.0} files/min")
        })
    }

    pub(super) fn summary(&self, store: &Path) -> String {
        let mut text = String::new();
        self.failures.write(&mut text, "could not be measured");
        self.long_silence.write(&mut text, "long silence");
        self.silent.write(&mut text, "nothing but silence");
        let elapsed = self.begin.elapsed();
        let _ = write!(
            text,
            "{} of {}, {} of sound: {} measured, {} known before, {} failed; took {}",
            thousands(self.done() as u64),
            count(self.files, "file", "files"),
            clock(self.duration_ms),
            thousands(self.measured as u64),
            thousands(self.known as u64),
            thousands(self.failures.len as u64),
            clock(elapsed.as_millis() as u64)
        );
        let _ = writeln!(text, "{}", self.rate(elapsed).map(|rate| format!(", {rate}")).unwrap_or_default());
        for (label, extreme) in [("loudest", &self.loudest), ("softest", &self.softest)] {
            if let Some((lufs, name)) = extreme {
                let _ = writeln!(text, "{label} {lufs:6.1} LUFS  {name}");
            }
        }
        if self.over_full_scale > 0 {
            let _ =
                writeln!(text, "{} with peaks over full scale", count(self.over_full_scale, "file", "files"));
        }
        let _ = writeln!(text, "kept in {}", name(store));
        text
    }
}

/// Which silences of a file are long, if any.
fn silences(measurement: &Measurement) -> Option<String> {
    let cues = &measurement.cues;
    let parts = [
        (cues.head_ms, "at its head"),
        (cues.silence_ms, "inside"),
        (measurement.duration_ms.saturating_sub(cues.tail_ms), "at its tail"),
    ];
    let long = parts.iter().filter(|(ms, _)| *ms >= SILENCE_LONG_MS);
    let words: Vec<String> = long.map(|(ms, place)| format!("{} {place}", clock(*ms))).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// A line for people: loudness, true peak, duration, cue points, path.
pub(super) fn line(done: &Done) -> String {
    let name = name(&done.path);
    let measurement = match &done.outcome {
        Outcome::Failed(reason) => return format!("failed: {name}: {}", clean(reason)),
        Outcome::Known(_, measurement) | Outcome::Measured(_, measurement) => measurement,
    };
    let loudness = measurement.loudness.map_or_else(
        || format!("{:>25}", "silence"),
        |l| format!("{:6.1} LUFS  {:6.1} dBTP", l.integrated_lufs, l.true_peak_dbtp),
    );
    let seconds = |ms: u64| ms as f64 / 1000.0;
    format!(
        "{loudness}  {:>8}  {:9.2} s – {:9.2} s  {name}",
        clock(measurement.duration_ms),
        seconds(measurement.cues.head_ms),
        seconds(measurement.cues.tail_ms),
    )
}

/// An object for programs, on one line.
pub(super) fn json(done: &Done) -> String {
    let path = location::to_text(&done.path);
    let (file, measurement, known) = match &done.outcome {
        Outcome::Failed(reason) => return json!({"path": path, "error": reason}).to_string(),
        Outcome::Known(file, measurement) => (file, measurement, true),
        Outcome::Measured(file, measurement) => (file, measurement, false),
    };
    let loudness = measurement.loudness.as_ref();
    let hundredths = |value: f32| (f64::from(value) * 100.0).round() / 100.0;
    json!({
        "path": path,
        "size": file.size,
        "modified_ms": file.modified_ms,
        "known": known,
        "blob": measurement.blob.to_string(),
        "duration_ms": measurement.duration_ms,
        "loudness_lufs": loudness.map(|l| hundredths(l.integrated_lufs)),
        "loudest_lufs": loudness.map(|l| hundredths(l.loudest_lufs)),
        "true_peak_dbtp": loudness.map(|l| hundredths(l.true_peak_dbtp)),
        "head_ms": measurement.cues.head_ms,
        "tail_ms": measurement.cues.tail_ms,
        "swing_end_ms": measurement.cues.swing_end_ms,
        "silence_ms": measurement.cues.silence_ms,
        "tags": done.tags.as_ref().map(tags),
    })
    .to_string()
}

fn tags(tags: &Tags) -> Value {
    let gain =
        |gain: Option<TaggedGain>| gain.map(|gain| json!({"gain_db": gain.gain_db, "peak": gain.peak}));
    json!({
        "title": tags.title,
        "artist": tags.artist,
        "album": tags.album,
        "album_artist": tags.album_artist,
        "disc": tags.disc,
        "track": tags.track,
        "track_gain": gain(tags.track_gain),
        "album_gain": gain(tags.album_gain),
    })
}

/// A path on one line of a terminal.
fn name(path: &Path) -> String {
    clean(&path.display().to_string())
}

/// A number with its thousands apart.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
