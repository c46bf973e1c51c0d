//! What is heard: a crossfade, and an album's joints in each format, by Orchestrion and by MPD, one after the other from the same sink.

use std::path::Path;
use std::time::Duration;

use orchestrion_rig::analysis::{
    Crossfade, clicks, crossfade, first_above, last_above, phase_jumps, power_db, residual_peak,
};
use orchestrion_rig::encode::{Album, Format, encode, gapless_album};
use orchestrion_rig::signal;
use orchestrion_rig::sound_server::{Captured, RATE_HZ, SoundServer};

use super::Outcome;
use super::players::{Kind, Player, Request};

const A_HZ: f64 = 440.0;
const B_HZ: f64 = 1000.0;
/// How long a fade is.
const FADE_S: u32 = 3;
/// MPD does not fade songs of less than 20 s.
const FADED_S: f64 = 22.0;
/// How long an album is, in three parts.
const ALBUM_S: f64 = 12.0;
const PARTS: usize = 3;
/// How high the tones are, and the silence before each.
const TONE: f64 = 0.4;
const SILENCE_MS: f64 = 200.0;
/// What is more than its tones by so much is a click.
const CLICK: f64 = 0.003;
/// What tells a tone from silence.
const HEARD: f32 = 0.1;
/// How long a player may take to begin, and to be recorded beyond its last sample.
const SLACK_S: f64 = 4.0;
/// What is cut off of each end of what is heard.
const EDGE_FRAMES: usize = RATE_HZ as usize / 10;
const WAIT: Duration = Duration::from_secs(120);
const BUFFER_MS: u32 = 45;
const KINDS: [Kind; 2] = [Kind::Orchestrion, Kind::Mpd];

/// Prints both tables for those of these two that are among `kinds`.
pub fn print(kinds: &[Kind]) -> Outcome<()> {
    let kinds: Vec<Kind> = KINDS.into_iter().filter(|kind| kinds.contains(kind)).collect();
    if kinds.is_empty() {
        return Ok(());
    }
    let dir = tempfile::Builder::new().prefix("peers-heard-").tempdir()?;
    fades(dir.path(), &kinds)?;
    joints(dir.path(), &kinds)
}

fn head(what: &str, kinds: &[Kind]) {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
    println!("\n| {what} | {} |\n| --- |{}", names.join(" | "), " --- |".repeat(names.len()));
}

/// Records a player that plays a folder through, from before it begins.
fn record(dir: &Path, kind: Kind, music: &Path, (crossfade_s, seconds): (u32, f64)) -> Outcome<Captured> {
    let server = SoundServer::start()?;
    let folder = tempfile::Builder::new().prefix("player-").tempdir_in(dir)?;
    let capture = server.capture()?;
    let request = Request {
        kind,
        music,
        folder: folder.path(),
        buffer_ms: BUFFER_MS,
        crossfade_s,
        repeats: false,
        env: server.env(),
    };
    let player = Player::start(&request)?;
    capture.wait_frames(capture.frames() + (seconds * f64::from(RATE_HZ)) as usize, WAIT)?;
    drop(player);
    Ok(capture.stop())
}

fn fades(dir: &Path, kinds: &[Kind]) -> Outcome<()> {
    let music = dir.join("fades");
    std::fs::create_dir_all(&music)?;
    for (name, hz) in [("1.flac", A_HZ), ("2.flac", B_HZ)] {
        encode(
            &signal::doubled(&signal::soft_tone(hz, TONE, FADED_S, SILENCE_MS, RATE_HZ)),
            2,
            RATE_HZ,
            Format::Flac,
            &music.join(name),
        )?;
    }
    let mut heard = Vec::new();
    for kind in kinds {
        let captured = record(dir, *kind, &music, (FADE_S, 2.0 * FADED_S + SLACK_S - f64::from(FADE_S)))?;
        heard.push(faded(&captured));
    }
    head(&format!("captured crossfade of {FADE_S} s, 440 Hz into 1 kHz"), kinds);
    let line = |what: &str, told: &dyn Fn(&(Crossfade, usize)) -> String| {
        let cells: Vec<String> =
            heard.iter().map(|heard| heard.as_ref().map_or("not heard".into(), told)).collect();
        println!("| {what} | {} |", cells.join(" | "));
    };
    line("power, lowest", &|(fade, _)| format!("{:+.2} dB", fade.power_min_db));
    line("power, highest", &|(fade, _)| format!("{:+.2} dB", fade.power_max_db));
    line("length, fitted", &|(fade, _)| format!("{:.3} s", fade.fitted_length_s));
    line("off an equal-power curve, rms", &|(fade, _)| format!("{:.4} rad", fade.angle_error_rad));
    line("clicks (residual over 0.003)", &|(_, clicks)| clicks.to_string());
    Ok(())
}

fn faded(captured: &Captured) -> Option<(Crossfade, usize)> {
    let left = captured.channel(0);
    let start = first_above(&left, 0.01)? + EDGE_FRAMES;
    let frames = ((2.0 * FADED_S - f64::from(2 * FADE_S)) * f64::from(RATE_HZ)) as usize;
    let heard = &left[start..(start + frames).min(left.len())];
    let fade = crossfade(heard, RATE_HZ, A_HZ, B_HZ)?;
    Some((fade, clicks(heard, RATE_HZ, &[A_HZ, B_HZ], CLICK).len()))
}

/// A tone that was cut into three files: how long it is when it is heard, how deep the holes in it are, and what is heard besides it.
fn joints(dir: &Path, kinds: &[Kind]) -> Outcome<()> {
    head(
        "captured album, a tone in three files: off its length, deepest hole of 5 ms, loudest besides the tone, jumps",
        kinds,
    );
    let mono = signal::soft_tone(A_HZ, TONE, ALBUM_S, SILENCE_MS, RATE_HZ);
    let whole_frames = heard_frames(&mono).ok_or("a tone is silent")?;
    for format in [Format::Flac, Format::Mp3, Format::Aac, Format::Vorbis, Format::Opus] {
        let album = Album { title: "Whole".into(), artist: "Rig".into(), track_count: PARTS, format };
        let music = dir.join(format.extension());
        gapless_album(&music, &signal::doubled(&mono), 2, RATE_HZ, &album)?;
        let mut cells = vec![format!("{format:?}")];
        for kind in kinds {
            let captured = record(dir, *kind, &music, (0, ALBUM_S + SLACK_S))?;
            cells.push(joined(&captured, whole_frames).unwrap_or_else(|| "not heard".into()));
        }
        println!("| {} |", cells.join(" | "));
    }
    Ok(())
}

fn heard_frames(mono: &[f32]) -> Option<usize> {
    Some(last_above(mono, HEARD)? - first_above(mono, HEARD)?)
}

fn joined(captured: &Captured, whole_frames: usize) -> Option<String> {
    let left = captured.channel(0);
    let off_ms = (heard_frames(&left)? as f64 - whole_frames as f64) * 1000.0 / f64::from(RATE_HZ);
    let inner =
        left.get(first_above(&left, HEARD)? + EDGE_FRAMES..last_above(&left, HEARD)? - EDGE_FRAMES)?;
    let mut levels_db = power_db(inner, signal::frames_of_ms(5.0, RATE_HZ));
    levels_db.sort_by(f64::total_cmp);
    let hole_db = levels_db.first()? - levels_db.get(levels_db.len() / 2)?;
    let besides_db = 20.0 * residual_peak(inner, RATE_HZ, &[A_HZ])?.peak.log10();
    let jumps = phase_jumps(inner, RATE_HZ, A_HZ)?.len();
    Some(format!("{off_ms:+.1} ms, {hole_db:.1} dB, {besides_db:.0} dB, {jumps}"))
}
