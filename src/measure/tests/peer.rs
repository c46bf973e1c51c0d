//! The same files measured by ffmpeg, and what cannot be measured.

use std::process::{Command as Process, Stdio};

use orchestrion_rig::{signal, tunes};

use super::*;

/// What ffmpeg's `ebur128` says: integrated loudness and true peak; `None` where there is no ffmpeg.
fn ffmpeg(path: &Path) -> Option<(f32, f32)> {
    let output = Process::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-nostats", "-i"])
        .arg(path)
        .args(["-af", "ebur128=peak=true:dualmono=true:framelog=verbose", "-f", "null", "-"])
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: ffmpeg is not installed; script/setup test installs it");
            return None;
        }
        output => output.unwrap(),
    };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    let summary = &text[text.rfind("Summary:").expect("a summary")..];
    let value = |label: &str| -> f32 {
        let line = summary.lines().find(|line| line.trim_start().starts_with(label)).expect(label);
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Some((value("I:"), value("Peak:")))
}

fn compare(path: &Path) {
    let Some((lufs, dbtp)) = ffmpeg(path) else { return };
    let loudness = of(path).loudness.unwrap();
    let off = (loudness.integrated_lufs - lufs, loudness.true_peak_dbtp - dbtp);
    println!("{}: {loudness:?}, ffmpeg {lufs} LUFS {dbtp} dBTP", path.display());
    // ffmpeg prints tenths.
    assert!(off.0.abs() <= 0.1 && off.1.abs() <= 0.2, "{}: {loudness:?}, {lufs} {dbtp}", path.display());
}

#[test]
fn loudness_and_true_peak_are_those_of_ffmpeg() {
    let dir = tempfile::tempdir().unwrap();
    let music = tunes::recordings()[1].perform().unwrap().concat();
    let rate_hz = tunes::recordings()[1].rate_hz;
    for format in Format::ALL.into_iter().filter(|format| format.is_available()) {
        let path = dir.path().join("music").with_extension(format.extension());
        encode(&music, 2, rate_hz, format, &path).unwrap();
        compare(&path);
    }
    // Driven into its limits, and with a gap that the gate must leave out.
    let mut loud: Vec<f32> = music.iter().map(|x| (x * 8.0).tanh() * 0.98).collect();
    let middle = loud.len() / 4 * 2;
    loud[middle..middle + 2 * rate_hz as usize * 3].fill(0.0);
    for rate_hz in [22_050, 44_100, 48_000, 96_000] {
        let path = dir.path().join(format!("loud{rate_hz}.wav"));
        encode(&loud, 2, rate_hz, Format::Wav, &path).unwrap();
        compare(&path);
    }
    let mono = dir.path().join("mono.wav");
    encode(&signal::channel(&loud, 2, 0), 1, 48_000, Format::Wav, &mono).unwrap();
    compare(&mono);
}

#[test]
fn one_side_alone_is_3_lu_below_both() {
    let tone = signal::sine(997.0, 0.5, 0.0, 48_000, 48_000 * 5);
    let both = of_samples(&signal::doubled(&tone), 48_000).loudness.unwrap();
    let left = of_samples(&signal::stereo(&tone, &[]), 48_000).loudness.unwrap();
    assert!((both.integrated_lufs - left.integrated_lufs - 3.01).abs() < 0.05, "{both:?} {left:?}");
    assert!((both.true_peak_dbtp - left.true_peak_dbtp).abs() < 0.01);
}

#[test]
fn a_content_that_is_known_is_not_decoded_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    encode(&[0.25; 48_000], 2, 48_000, Format::Wav, &path).unwrap();
    let first = of(&path);
    assert_eq!(first.blob.to_string().len(), 64);
    let told = Measurement { duration_ms: 1, ..first.clone() };
    let mut asked = None;
    let known = &mut |blob: &Blob| {
        asked = Some(*blob);
        Some(told.clone())
    };
    let (file, second) = measure(&path, known, &|| false).unwrap();
    assert_eq!((second, asked), (told, Some(first.blob)));
    assert_eq!(file, FileId::of(&path).unwrap());
}

#[test]
fn a_blob_is_the_sha_256_of_all_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    std::fs::write(&path, "abc").unwrap();
    // FIPS 180-2, appendix B.1.
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hash::blob_of(&path, &|| false).unwrap().unwrap().to_string(), expected);
    assert_eq!(hash::blob_of(&path, &|| true).unwrap(), None);
}

#[test]
fn what_cannot_be_measured_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let failure = |path: &Path| measure(path, &mut |_| None, &|| false).unwrap_err().to_string();
    assert_eq!(failure(&dir.path().join("no.flac")), "there is no such file");
    assert_eq!(failure(dir.path()), "it is a folder, not a file");
    let text = dir.path().join("text.mp3");
    std::fs::write(&text, "no music at all").unwrap();
    assert!(failure(&text).contains("nothing in it can be decoded"));
    let whole = dir.path().join("whole.wav");
    encode(&vec![0.25; 48_000 * 8], 2, 48_000, Format::Wav, &whole).unwrap();
    assert_eq!(measure(&whole, &mut |_| None, &|| true), Err(Failure::Stopped));
    let cut = dir.path().join("cut.wav");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(failure(&cut).contains("truncated"), "{}", failure(&cut));
    let slow = dir.path().join("slow.wav");
    encode(&[0.25; 4000], 2, 500, Format::Wav, &slow).unwrap();
    assert!(failure(&slow).contains("500 frames a second"), "{}", failure(&slow));
}

#[test]
fn whatever_is_in_a_file_it_is_measured_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let noise = signal::doubled(&signal::white_noise(0.5, 7, 44_100));
    let mut outcomes = [0; 2];
    for format in Format::ALL.into_iter().filter(|format| format.is_available()) {
        let path = dir.path().join("a").with_extension(format.extension());
        encode(&noise, 2, 44_100, format, &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for seed in 0..20 {
            let mut bytes = whole.clone();
            // Numbers that are the same everywhere: a seed can be replayed.
            for (n, chance) in signal::white_noise(1.0, seed, 60).chunks(2).enumerate() {
                let at = (f64::from(chance[0].abs()) * (bytes.len() - 1) as f64) as usize;
                bytes[at] ^= 1 << ((n as f32 + 8.0 * chance[1].abs()) as usize % 8);
            }
            std::fs::write(&path, &bytes).unwrap();
            let outcome = measure(&path, &mut |_| None, &|| false);
            if let Ok((_, found)) = &outcome {
                assert!(found.cues.head_ms <= found.cues.tail_ms && found.cues.tail_ms <= found.duration_ms);
                let finite = |l: &Loudness| l.integrated_lufs.is_finite() && l.true_peak_dbtp.is_finite();
                assert!(found.loudness.as_ref().is_none_or(finite), "{format:?} {seed}: {found:?}");
            }
            outcomes[usize::from(outcome.is_ok())] += 1;
        }
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?}: all the same shows nothing");
}
