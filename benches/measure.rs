//! How fast a file is measured (name, loudness, true peak, cue points), as a multiple of real time on one core, beside what it
//! is made of and beside `ffmpeg -af ebur128=peak=true`, which measures less. `cargo bench --bench measure`; processor time is
//! counted, so that others on the machine do not matter much.
//!
//! The music is the demo's, four minutes; once as it is, and once driven into its limits with some noise, as loud records are:
//! the worst case for a peak meter that passes over what cannot be the peak, and near a real record in what FLAC makes of it.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ebur128::{EbuR128, Mode};
use orchestrion::audio::whole;
use orchestrion::measure::measure;
use orchestrion_rig::encode::{Format, encode, encode_flac};
use orchestrion_rig::wav::SampleFormat;
use orchestrion_rig::{signal, tunes};
use rustix::time::{ClockId, clock_gettime};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const RATE_HZ: u32 = 44_100;
/// Each figure is the best of so many: what else ran on the machine only makes it worse.
const ROUNDS: usize = 3;
/// Of the noise that loud records have, as a share of full scale.
const NOISE: f64 = 0.004;
/// What drives the music into its limits.
const DRIVE: f32 = 6.0;

fn main() -> Outcome<()> {
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !std::env::args().any(|arg| arg == "--bench") {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let soft = music()?;
    let noise = signal::white_noise(NOISE, 1, soft.len());
    let loud: Vec<f32> = soft.iter().zip(&noise).map(|(x, n)| (x * DRIVE).tanh() * 0.99 + n).collect();
    let seconds = soft.len() as f64 / 2.0 / f64::from(RATE_HZ);
    println!("times real time on one core; {seconds:.0} s of music at {RATE_HZ} Hz\n");
    println!(
        "| file | measured | decoded only | ebur128 with true peak, no decoding | ffmpeg | ours / ffmpeg |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, samples) in [("soft", &soft), ("loud", &loud)] {
        for format in [Format::Flac, Format::Mp3, Format::Vorbis] {
            let path = dir.path().join(name).with_extension(format.extension());
            match format {
                Format::Flac => encode_flac(samples, 2, RATE_HZ, SampleFormat::Int16, &path)?,
                _ => encode(samples, 2, RATE_HZ, format, &path)?,
            }
            row(&format!("{name} {}", format.extension()), &path, samples, seconds)?;
        }
    }
    Ok(())
}

fn row(name: &str, path: &Path, samples: &[f32], seconds: f64) -> Outcome<()> {
    let ours = seconds / best(|| measured(path))?;
    let decoded = seconds / best(|| decoded(path))?;
    let alone = seconds / best(|| ebur128_alone(samples))?;
    let (theirs, ratio) = match ffmpeg(path)? {
        Some(cpu) => (format!("{:.0}", seconds / cpu), format!("{:.2}", ours / (seconds / cpu))),
        None => ("SKIPPED: not installed".into(), String::new()),
    };
    println!("| {name} | {ours:.0} | {decoded:.0} | {alone:.0} | {theirs} | {ratio} |");
    Ok(())
}

/// All of the demo's music in one piece; what it does at the seams does not matter.
fn music() -> Outcome<Vec<f32>> {
    let mut all = Vec::new();
    for recording in tunes::recordings() {
        all.extend(recording.perform()?.concat());
    }
    Ok(all)
}

/// The least processor time, in seconds.
fn best(mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begin = thread_time();
        work()?;
        least = least.min((thread_time() - begin).as_secs_f64());
    }
    Ok(least)
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

fn measured(path: &Path) -> Outcome<()> {
    let (_, found) = measure(path, &mut |_| None, &|| false)?;
    if found.loudness.is_none() {
        return Err("the music is silent".into());
    }
    Ok(())
}

fn decoded(path: &Path) -> Outcome<()> {
    let mut sum = 0.0;
    whole::listen_to(path, |_, stereo| {
        sum += stereo.first().copied().unwrap_or_default();
        ControlFlow::Continue(())
    })?;
    std::hint::black_box(sum);
    Ok(())
}

fn ebur128_alone(samples: &[f32]) -> Outcome<()> {
    let mut meter = EbuR128::new(2, RATE_HZ, Mode::I | Mode::TRUE_PEAK)?;
    for chunk in samples.chunks(8192) {
        meter.add_frames_f32(chunk)?;
    }
    std::hint::black_box(meter.loudness_global()?);
    Ok(())
}

/// The processor time of ffmpeg with its start, by the shell's own `times`.
fn ffmpeg(path: &Path) -> Outcome<Option<f64>> {
    let mut least = f64::INFINITY;
    for _ in 0..ROUNDS {
        let script = r#"TIMEFORMAT='%3U %3S'; time ffmpeg -nostdin -v error -threads 1 -filter_threads 1 -i "$0" -af ebur128=peak=true -f null -"#;
        let output = Command::new("bash").arg("-c").arg(script).arg(path).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Ok(None);
        }
        let text = String::from_utf8(output.stderr)?;
        let times = text.lines().last().unwrap_or_default();
        let cpu: f64 = times.split(' ').map(str::parse::<f64>).sum::<Result<_, _>>()?;
        least = least.min(cpu);
    }
    Ok(Some(least))
}
