//! Each foreign format: its length, its tones, its places.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use orchestrion::media::message::Lasts;
use orchestrion::media::{Decoding, Limits};
use orchestrion_rig::analysis::rms_db;
use orchestrion_rig::encode::{Foreign, HeAac, by_ffmpeg};
use orchestrion_rig::signal::{channel, sine};
use orchestrion_rig::wav;

use crate::decoded::{
    RIGHT_HZ, STEP_S, STEPS, Sound, alone, can_make, patient, program, staircase_file, start, step_hz,
};

/// How far a duration may be off.
const DURATION_OFF_S: f64 = 0.05;
/// How far a tone may be off: lossy codecs bend none.
const TONE_OFF_HZ: f64 = 2.0;

fn assert_tone(found_hz: f64, wanted_hz: f64, what: &str) {
    assert!((found_hz - wanted_hz).abs() < TONE_OFF_HZ, "{what}: {found_hz} Hz instead of {wanted_hz} Hz");
}

#[test]
fn each_foreign_format_has_its_length_and_its_tones() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for kind in Foreign::ALL.into_iter().filter(|kind| can_make(*kind)) {
        let path = staircase_file(kind, folder.path());
        let mut decoding = start(&path, patient()).unwrap();
        let lasts = decoding.duration().expect("a duration");
        let is_bare = matches!(kind, Foreign::Ac3 | Foreign::Mp2);
        assert_eq!(matches!(lasts, Lasts::Estimated(_)), is_bare, "{kind:?}: {lasts:?}");
        let promised = lasts.ms() as f64 / 1000.0;
        let (sound, end) = Sound::rest(&mut decoding);
        end.unwrap();
        assert_eq!(
            (sound.format.rate_hz, sound.format.channels),
            (kind.rate_hz(), kind.channels()),
            "{kind:?}"
        );
        let wanted = STEP_S * STEPS as f64;
        println!("{kind:?}: {:.4} s, promised {promised:.4} s", sound.seconds());
        assert!((sound.seconds() - wanted).abs() < DURATION_OFF_S, "{kind:?}: {} s", sound.seconds());
        assert!((promised - wanted).abs() < DURATION_OFF_S, "{kind:?} promises {promised} s");
        for step in 0..STEPS {
            let at_s = (step as f64 + 0.3) * STEP_S;
            assert_tone(sound.tone_hz(0, at_s), step_hz(step), &format!("{kind:?} left, step {step}"));
            if kind.channels() == 2 {
                assert_tone(sound.tone_hz(1, at_s), RIGHT_HZ, &format!("{kind:?} right, step {step}"));
            }
        }
    }
}

/// `decodebin` loses what begins before it is linked: it is slowed down here by all that it can tell, for nobody.
#[test]
fn musepack_begins_each_time_however_slow_the_search_for_its_decoder_is() {
    const TIMES: usize = 40;
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    if !can_make(Foreign::Musepack) {
        return;
    }
    let path = staircase_file(Foreign::Musepack, folder.path());
    let behind_a_tag = folder.path().join("tag.mpc");
    let song = fs::read(&path).unwrap();
    fs::write(&behind_a_tag, [b"ID3\x04\0\0\0\0\x01\0".as_slice(), &[0; 128], &song].concat()).unwrap();
    for time in 0..TIMES {
        let path = if time % 2 == 0 { &path } else { &behind_a_tag };
        let decoded = Command::new(program())
            .arg("decode")
            .arg(path)
            .envs([("GST_DEBUG", "GST_PADS:5,decodebin:9"), ("GST_DEBUG_FILE", "/dev/null")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&decoded.stderr);
        assert!(decoded.status.success(), "the {time}th time: {said}");
    }
}

#[test]
fn both_kinds_of_adpcm_in_wave_files_play() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    if !can_make(Foreign::Wma) {
        return;
    }
    let path = folder.path().join("a.wav");
    let tone = sine(1000.0, 0.4, 0.0, 22_050, 44_100);
    for codec in ["adpcm_ms", "adpcm_ima_wav"] {
        by_ffmpeg(&tone, 1, 22_050, &["-c:a", codec, "-f", "wav"], &path).unwrap();
        let mut decoding = start(&path, patient()).unwrap();
        let (sound, end) = Sound::rest(&mut decoding);
        end.unwrap();
        assert!((sound.seconds() - 2.0).abs() < DURATION_OFF_S, "{codec}: {} s", sound.seconds());
        assert_tone(sound.tone_hz(0, 1.0), 1000.0, codec);
    }
}

#[test]
fn a_seek_lands_where_it_was_asked_to_in_each_format_also_after_the_end() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for kind in Foreign::ALL.into_iter().filter(|kind| can_make(*kind)) {
        let path = staircase_file(kind, folder.path());
        let mut decoding = start(&path, patient()).unwrap();
        let rate_hz = f64::from(kind.rate_hz());
        // Forwards, backwards, to the start, and after the end.
        for to_s in [2.05, 3.05, 1.05, 0.0, 3.55, 0.55] {
            let at_frames = decoding.seek((to_s * 1000.0) as u64).unwrap();
            let off_s = at_frames as f64 / rate_hz - to_s;
            assert!(off_s.abs() < DURATION_OFF_S, "{kind:?} to {to_s} s: off by {off_s} s");
            let (sound, end) = Sound::rest(&mut decoding);
            end.unwrap();
            let left_s = STEP_S * STEPS as f64 - to_s;
            let off_s = sound.seconds() - left_s;
            assert!(off_s.abs() < DURATION_OFF_S, "{kind:?} from {to_s} s: {off_s} s too much");
            let step = (to_s / STEP_S) as usize;
            assert_tone(sound.tone_hz(0, 0.1), step_hz(step), &format!("{kind:?} from {to_s} s"));
        }
    }
}

#[test]
fn seeks_in_the_middle_of_the_flow_drop_what_was_on_the_way() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    if !can_make(Foreign::WavPack) {
        return;
    }
    let path = staircase_file(Foreign::WavPack, folder.path());
    let mut decoding = start(&path, patient()).unwrap();
    for round in 0..40 {
        let step = round * 3 % STEPS;
        let frames = decoding.seek((step as f64 * STEP_S * 1000.0) as u64 + 50).unwrap();
        assert_eq!(frames, (step as u64 * 22_050) + 2205, "round {round}: not exact");
        let mut sound = Sound { format: decoding.format(), samples: Vec::new() };
        while sound.seconds() < 0.3 {
            let mut piece = Vec::new();
            assert!(decoding.read(&mut piece).unwrap(), "the end, in round {round}");
            sound.samples.extend(piece);
        }
        assert_tone(sound.tone_hz(0, 0.0), step_hz(step), &format!("round {round}"));
    }
    // Beyond the end there is nothing, and no error.
    decoding.seek(3_600_000).unwrap();
    let (sound, end) = Sound::rest(&mut decoding);
    assert_eq!((sound.samples.len(), end), (0, Ok(())));
    decoding.seek(0).unwrap();
    let (sound, end) = Sound::rest(&mut decoding);
    assert_eq!((sound.samples.len(), end), (44_100 * 2 * 4, Ok(())));
}

#[test]
fn he_aac_plays_at_its_full_rate_in_stereo_with_its_high_tones() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    for kind in [HeAac::V1, HeAac::V2] {
        let path = folder.path().join("he.m4a");
        fs::write(&path, kind.file()).unwrap();
        let mut decoding = start(&path, patient()).unwrap();
        let (sound, end) = Sound::rest(&mut decoding);
        end.unwrap();
        println!("{kind:?}: {:?}, {:.3} s", sound.format, sound.seconds());
        assert_eq!((sound.format.rate_hz, sound.format.channels), (44_100, 2), "{kind:?}");
        assert!((sound.seconds() - 2.972).abs() < DURATION_OFF_S, "{kind:?}: {} s", sound.seconds());
        assert_tone(sound.tone_hz(0, 1.5), 1000.0, &format!("{kind:?} left"));
        assert_tone(sound.tone_hz(1, 1.5), 3000.0, &format!("{kind:?} right"));
        for side in 0..2 {
            let db = band_db(&channel(&sound.samples, 2, side)[44_100..88_200]);
            assert!(db > -50.0, "{kind:?}, side {side}: {db} dB above 11 kHz");
        }
        decoding.seek(1500).unwrap();
        let (sound, end) = Sound::rest(&mut decoding);
        end.unwrap();
        assert!((1.4..1.7).contains(&sound.seconds()), "{kind:?}: {} s after a seek", sound.seconds());
        assert_tone(sound.tone_hz(1, 0.3), 3000.0, &format!("{kind:?} right, after a seek"));
    }
}

/// The level around 13.5 kHz: each round of a difference takes a tone of 3 kHz at 44.1 kHz down by 13.5 dB, one of 13.5 kHz by 1.7 dB.
fn band_db(samples: &[f32]) -> f64 {
    const ROUNDS: usize = 12;
    let mut band = samples.to_vec();
    for _ in 0..ROUNDS {
        // Half the difference: a gain of |sin(π f / rate)|.
        band = band.windows(2).map(|pair| (pair[1] - pair[0]) / 2.0).collect();
    }
    // What was lost at 13.5 kHz is given back: 20 lg sin(π 13.5 / 44.1) = −1.72 dB a round.
    rms_db(&band) + 1.72 * ROUNDS as f64
}

#[test]
fn a_film_is_heard_and_not_seen() {
    let _alone = alone();
    if !can_make(Foreign::Ac3) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sound = staircase_file(Foreign::Ac3, folder.path());
    let film = folder.path().join("film.mkv");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=s=160x120:d=4", "-i"])
        .arg(&sound)
        .args(["-c:v", "mpeg4", "-c:a", "copy"])
        .arg(&film)
        .status()
        .unwrap();
    assert!(made.success());
    let mut decoding = start(&film, patient()).unwrap();
    let (sound, end) = Sound::rest(&mut decoding);
    end.unwrap();
    assert!((sound.seconds() - 4.0).abs() < DURATION_OFF_S, "{} s", sound.seconds());
    assert_tone(sound.tone_hz(1, 1.0), RIGHT_HZ, "right");
}

#[test]
fn a_file_whose_name_is_no_text_and_that_is_deleted_meanwhile_plays_to_its_end() {
    let _alone = alone();
    if !can_make(Foreign::Tta) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(OsStr::from_bytes(b"\xFFa b%20#?.tta"));
    fs::rename(staircase_file(Foreign::Tta, folder.path()), &odd).unwrap();
    let file = File::open(&odd).unwrap();
    fs::remove_file(&odd).unwrap();
    let mut decoding = Decoding::start(program(), &file, Limits::default()).unwrap();
    drop(file);
    decoding.seek(1000).unwrap();
    decoding.seek(0).unwrap();
    let (sound, end) = Sound::rest(&mut decoding);
    end.unwrap();
    assert_eq!(sound.samples.len(), 4 * 44_100 * 2);
}

#[test]
fn a_person_gets_a_wav_file_or_a_reason() {
    let _alone = alone();
    if !can_make(Foreign::Wma) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = staircase_file(Foreign::Wma, folder.path());
    let out = folder.path().join("out.wav");
    let run = |words: &[&OsStr]| Command::new(program()).arg("decode").args(words).output().unwrap();
    let done = run(&[song.as_os_str(), "--start".as_ref(), "1".as_ref(), "--wav".as_ref(), out.as_os_str()]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() && said.contains("44100 Hz, 2 channels, 3.0"), "{said}");
    let wav = wav::read(&out).unwrap();
    assert_eq!((wav.channels, wav.rate_hz), (2, 44_100));
    let sound =
        Sound { format: orchestrion::media::Format { rate_hz: 44_100, channels: 2 }, samples: wav.samples };
    assert_tone(sound.tone_hz(0, 0.15), step_hz(2), "left");

    let none = run(&[folder.path().join("none.wma").as_os_str()]);
    assert_eq!(none.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&none.stderr).contains("No such file"));
    let help = run(&["--help".as_ref()]);
    assert!(String::from_utf8_lossy(&help.stdout).contains("--wav"));
    assert!(!String::from_utf8_lossy(&help.stdout).contains("--no-such"));
    let version = Command::new(program()).arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("orchestrion-media "));
    let formats = Command::new(program()).arg("formats").output().unwrap();
    assert!(String::from_utf8_lossy(&formats.stdout).contains("WMA"));
}
