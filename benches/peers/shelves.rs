//! The music: the demo's tunes with a breath of noise, as a recording has it, in each format, at the sink's rate and at 44.1 kHz.

use std::path::{Path, PathBuf};
use std::process::Command;

use orchestrion_rig::encode::{Format, encode, encode_flac};
use orchestrion_rig::signal;
use orchestrion_rig::tunes;
use orchestrion_rig::wav::{self, SampleFormat};

use super::Outcome;

/// How long a song is. MPD does not fade shorter ones than 20 s.
pub const SONG_S: u64 = 30;
const SONGS: usize = 4;
/// −46 dB of full scale.
const NOISE: f64 = 0.005;

/// Songs of one format and rate in a folder of their own.
pub struct Shelf {
    pub name: String,
    pub folder: PathBuf,
}

/// Makes the shelves of which `only` speaks, or all, in `dir`.
pub fn fill(dir: &Path, only: Option<&str>) -> Outcome<Vec<Shelf>> {
    let mut shelves = Vec::new();
    for (rate_hz, khz) in [(48_000, "48"), (44_100, "44.1")] {
        let mut songs = Vec::new();
        for format in ["FLAC", "MP3", "Vorbis", "Opus"] {
            let name = format!("{format} {khz}");
            // Opus knows only 48 kHz.
            let is_left_out = only.is_some_and(|only| !only.split(',').any(|one| one.trim() == name));
            if is_left_out || (format == "Opus" && rate_hz != 48_000) {
                continue;
            }
            if songs.is_empty() {
                songs = perform(rate_hz)?;
            }
            let folder = dir.join(&name);
            std::fs::create_dir_all(&folder)?;
            for (index, song) in songs.iter().enumerate() {
                let path = folder.join(format!("{}.{}", index + 1, extension(format)));
                write(song, rate_hz, format, &path)?;
            }
            shelves.push(Shelf { name, folder });
        }
    }
    Ok(shelves)
}

fn extension(format: &str) -> &'static str {
    match format {
        "FLAC" => "flac",
        "MP3" => "mp3",
        "Vorbis" => "ogg",
        _ => "opus",
    }
}

fn perform(rate_hz: u32) -> Outcome<Vec<Vec<f32>>> {
    let frames = SONG_S as usize * rate_hz as usize;
    let mut songs = Vec::new();
    for (seed, mut recording) in tunes::recordings().into_iter().enumerate() {
        if songs.len() == SONGS {
            break;
        }
        recording.rate_hz = rate_hz;
        let tune: Vec<f32> = recording.perform()?.concat();
        let noise = signal::white_noise(NOISE, seed as u64 + 1, frames * 2);
        songs.push(tune.iter().cycle().zip(&noise).map(|(tune, noise)| tune + noise).collect());
    }
    Ok(songs)
}

fn write(song: &[f32], rate_hz: u32, format: &str, path: &Path) -> Outcome<()> {
    match format {
        // As on compact discs.
        "FLAC" => encode_flac(song, 2, rate_hz, SampleFormat::Int16, path)?,
        "MP3" => encode(song, 2, rate_hz, Format::Mp3, path)?,
        "Vorbis" => encode(song, 2, rate_hz, Format::Vorbis, path)?,
        _ => {
            let source = path.with_extension("wav");
            wav::write(&source, song, 2, rate_hz, SampleFormat::Int16)?;
            let done =
                Command::new("opusenc").args(["--quiet", "--bitrate", "128"]).arg(&source).arg(path).status();
            std::fs::remove_file(&source)?;
            let status = done.map_err(|e| format!("opusenc: {e}; script/setup peers installs it"))?;
            if !status.success() {
                return Err(format!("opusenc: {status}").into());
            }
        }
    }
    Ok(())
}
