//! Renders songs with crossfades into a WAV file and a picture of the mix, through the decoders and the mixer that a room
//! hears, but as fast as they go.
//!
//! `mixdown OUT SONG…` writes OUT.wav (48 kHz, 16 bit) and OUT.svg.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use lofty::file::AudioFile;
use orchestrion::audio::JoinAt;
use orchestrion::audio::offline::{Next, render};
use orchestrion_rig::wav;

const RATE_HZ: u32 = 48_000;
const FADE_MS: u32 = 5000;
/// The picture: so many columns, each the peak of its part.
const COLUMNS: usize = 1200;
const HEIGHT: usize = 200;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (out, songs) = (args.next(), args.collect::<Vec<_>>());
    let (Some(out), false) = (out, songs.is_empty()) else {
        eprintln!("usage: mixdown OUT SONG…   writes OUT.wav and OUT.svg");
        return ExitCode::from(2);
    };
    match mixdown(&out, &songs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mixdown: {error}");
            ExitCode::FAILURE
        }
    }
}

fn mixdown(out: &Path, songs: &[PathBuf]) -> Result<(), Box<dyn std::error::Error>> {
    let mut next = Vec::new();
    let mut joins_ms = Vec::new();
    let mut start_ms = 0;
    for pair in songs.windows(2) {
        let length_ms = lofty::read_from_path(&pair[0])?.properties().duration().as_millis() as u64;
        let at_ms = length_ms.saturating_sub(FADE_MS.into());
        next.push(Next { path: &pair[1], at: JoinAt::Position(at_ms), fade_ms: FADE_MS });
        start_ms += at_ms;
        joins_ms.push(start_ms);
    }
    let mix = render(&songs[0], &next, RATE_HZ)?;
    wav::write(&out.with_extension("wav"), &mix, 2, RATE_HZ, wav::SampleFormat::Int16)?;
    std::fs::write(out.with_extension("svg"), picture(&mix, &joins_ms))?;
    let seconds = mix.len() / 2 / RATE_HZ as usize;
    println!(
        "{} songs, {}:{:02} with {} crossfades",
        songs.len(),
        seconds / 60,
        seconds % 60,
        joins_ms.len()
    );
    Ok(())
}

/// The mix as a waveform; where two songs are heard together it is marked.
fn picture(mix: &[f32], joins_ms: &[u64]) -> String {
    let frames = mix.len() / 2;
    let column_of = |ms: u64| ms as f64 * f64::from(RATE_HZ) / 1000.0 / frames.max(1) as f64 * COLUMNS as f64;
    let mut svg = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {COLUMNS} {HEIGHT}\">\n");
    svg.push_str("<rect width=\"100%\" height=\"100%\" fill=\"#14181f\"/>\n");
    for join_ms in joins_ms {
        let (x, width) = (column_of(*join_ms), column_of(FADE_MS.into()));
        let _ =
            writeln!(svg, "<rect x=\"{x:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" fill=\"#7a4b12\"/>");
    }
    svg.push_str("<path stroke=\"#8fd3ff\" d=\"");
    for (column, part) in mix.chunks((mix.len() / COLUMNS).max(2)).enumerate() {
        let peak = part.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        let half = f64::from(peak) * HEIGHT as f64 / 2.0;
        let middle = HEIGHT as f64 / 2.0;
        let _ = write!(svg, "M{column} {:.1}V{:.1}", middle - half, middle + half + 0.5);
    }
    svg.push_str("\"/>\n</svg>\n");
    svg
}
