//! As many frames as went in, each in its place.

use orchestrion_rig::encode::{by_ffmpeg, chained};
use orchestrion_rig::signal;

use super::*;

#[test]
fn every_format_gives_as_many_frames_as_went_in_and_each_in_its_place() {
    let shelf = Shelf::new();
    for format in Format::ALL {
        for (channels, rate_hz, frames) in
            [(2, RATE_HZ, 100_003), (1, 44_100, 60_000), (2, 44_100, 44_032), (2, RATE_HZ, 14_000)]
        {
            if format == Format::Opus && rate_hz != RATE_HZ {
                continue;
            }
            let mono = sweep(rate_hz, frames);
            let path = shelf.file(&mono, channels, rate_hz, format);
            let (heard, error) = first_channel(&path);
            let (late, off) = lag(&heard, &mono, 1500);
            println!(
                "{format:?} {channels} x {rate_hz}: {} of {frames} frames, {late} late, {:.1} dB off",
                heard.len(),
                10.0 * off.log10()
            );
            assert_eq!((heard.len(), error), (frames, None), "{format:?}, {channels} channels, {rate_hz} Hz");
            assert_eq!(late, 0, "{format:?}, {channels} channels, {rate_hz} Hz");
            assert!(off < if format.is_lossless() { 1e-9 } else { 0.05 }, "{format:?}: {off}");
            let decoded = open(&path, &file::open(&path).unwrap()).unwrap();
            assert_eq!(decoded.promised_frames, Some(frames as u64), "{format:?}");
        }
    }
}

#[test]
fn what_symphonia_gives_of_an_m4a_by_itself_is_too_long_and_late_which_is_why_it_is_trimmed() {
    let shelf = Shelf::new();
    let mono = sweep(RATE_HZ, 100_003);
    let path = shelf.file(&mono, 2, RATE_HZ, Format::Aac);
    let sound = file::open(&path).unwrap();
    let bare: Vec<f32> =
        plain::decoder(&sound, sound.reader(), plain::Mode::Whole).unwrap().step_by(2).collect();
    let (late, _) = lag(&bare, &mono, 3000);
    println!("symphonia alone: {} frames of 100003, {late} late", bare.len());
    assert_eq!((bare.len(), late), (99 * 1024, 1024), "if symphonia trims it by itself now, we need not");
}

/// Renames all boxes of a type, for a decoder that does not know the new one.
fn rename(bytes: &mut [u8], from: &[u8; 4], to: &[u8; 4]) -> usize {
    let places: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, w)| w == from).map(|(at, _)| at).collect();
    places.iter().for_each(|at| bytes[*at..at + 4].copy_from_slice(to));
    places.len()
}

fn tag_itunes(path: &Path, text: &str) {
    use lofty::config::WriteOptions;
    use lofty::mp4::{Atom, AtomData, AtomIdent, Ilst};
    use lofty::tag::TagExt;
    let mut tag = Ilst::new();
    let ident = AtomIdent::Freeform { mean: "com.apple.iTunes".into(), name: "iTunSMPB".into() };
    tag.insert(Atom::new(ident, AtomData::UTF8(text.into())));
    tag.save_to_path(path, WriteOptions::default()).unwrap();
}

#[test]
fn aac_is_trimmed_as_itunes_tells_or_as_the_edit_list_tells_and_not_at_all_where_nothing_tells() {
    let shelf = Shelf::new();
    let mono = sweep(44_100, 100_003);
    let path = shelf.file(&mono, 2, 44_100, Format::Aac);
    let (by_edits, _) = first_channel(&path);

    let bare = shelf.path("bare.m4a");
    let mut bytes = std::fs::read(&path).unwrap();
    assert_eq!(rename(&mut bytes, b"edts", b"free"), 1);
    std::fs::write(&bare, &bytes).unwrap();
    let (untrimmed, error) = first_channel(&bare);
    assert_eq!((untrimmed.len(), error), (99 * 1024, None));
    assert_eq!(untrimmed[1024..1024 + 100_003], by_edits);

    let padding = 99 * 1024 - 1024 - 100_003;
    tag_itunes(&bare, &format!(" 00000000 00000400 {padding:08X} {:016X} 00000000 00000000", 100_003));
    let (by_itunes, error) = first_channel(&bare);
    assert_eq!(error, None);
    assert_eq!(by_itunes, by_edits);

    // Copied from another song.
    tag_itunes(&bare, " 00000000 00000400 00000100 0000000000999999 00000000 00000000");
    assert_eq!(first_channel(&bare).0, untrimmed);
    tag_itunes(&bare, " 00000000 zzzz");
    assert_eq!(first_channel(&bare).0, untrimmed);
}

#[test]
fn an_edit_list_that_takes_a_piece_out_is_kept_to() {
    let shelf = Shelf::new();
    let mono = sweep(RATE_HZ, 100_003);
    let path = shelf.file(&mono, 2, RATE_HZ, Format::Aac);
    let (whole, _) = first_channel(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    let elst = bytes.windows(4).position(|w| w == b"elst").unwrap();
    // Version and flags, count, then length in ticks of the movie, which are thousandths here, and begin.
    bytes[elst + 12..elst + 16].copy_from_slice(&500_u32.to_be_bytes());
    bytes[elst + 16..elst + 20].copy_from_slice(&(1024 + 4800_u32).to_be_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let (piece, error) = first_channel(&path);
    assert_eq!((piece.len(), error), (24_000, None));
    assert_eq!(piece, whole[4800..28_800]);
}

#[test]
fn chained_streams_play_through_with_each_ones_own_rate_and_channels() {
    let shelf = Shelf::new();
    let links: Vec<(PathBuf, Vec<f32>)> = [
        (Format::Vorbis, 2, 44_100, 88_200),
        (Format::Vorbis, 1, 48_000, 50_001),
        (Format::Opus, 2, 48_000, 70_007),
        (Format::Opus, 1, 48_000, 33_333),
        (Format::Vorbis, 2, 22_050, 30_000),
    ]
    .into_iter()
    .map(|(format, channels, rate_hz, frames)| {
        let path = shelf.file(&sweep(rate_hz, frames), channels, rate_hz, format);
        let alone = first_channel(&path).0;
        assert_eq!(alone.len(), frames);
        (path, alone)
    })
    .collect();
    for order in [&[0, 1][..], &[2, 3], &[0, 1, 2, 3, 4], &[3, 2, 0], &[4, 0, 4]] {
        let path = shelf.path("chain.ogg");
        chained(&order.iter().map(|n| links[*n].0.as_path()).collect::<Vec<_>>(), &path).unwrap();
        let (heard, error) = first_channel(&path);
        let meant: Vec<f32> = order.iter().flat_map(|n| links[*n].1.clone()).collect();
        assert_eq!((heard.len(), error), (meant.len(), None), "{order:?}");
        assert!(heard == meant, "{order:?}: other samples than alone");

        let (media, verdict) = (Song::open(&path, 0).unwrap().1, song(&path, 0).unwrap().1);
        let seconds = |n: &usize| {
            let (_, alone) = &links[*n];
            alone.len() as f64 / [44_100.0, 48_000.0, 48_000.0, 48_000.0, 22_050.0][*n]
        };
        let duration_ms = order.iter().map(seconds).sum::<f64>() * 1000.0;
        assert!((media.duration_ms.unwrap() as f64 - duration_ms).abs() < 1.5, "{order:?}: {media:?}");
        assert_eq!(verdict, None, "{order:?}");
    }
}

#[test]
fn a_song_tells_when_the_format_changes_within_it() {
    let shelf = Shelf::new();
    let first = shelf.file(&sweep(44_100, 44_100), 2, 44_100, Format::Vorbis);
    let second = shelf.file(&sweep(48_000, 48_000), 1, 48_000, Format::Vorbis);
    let path = shelf.path("chain.ogg");
    chained(&[&first, &second], &path).unwrap();
    let (mut song, media) = Song::open(&path, 0).unwrap();
    assert_eq!((media.rate_hz, media.channels, media.duration_ms), (44_100, 2, Some(2000)));
    let mut lengths = vec![0];
    loop {
        let mut stereo = Vec::new();
        let progress = song.read(1000, &mut stereo);
        *lengths.last_mut().unwrap() += stereo.len() / 2;
        match progress {
            Progress::More => {}
            Progress::FormatChanged => {
                assert_eq!((song.format().rate_hz, song.format().channels), (48_000, 1));
                lengths.push(0);
            }
            Progress::Ended => break,
        }
    }
    assert_eq!((lengths, song.verdict()), (vec![44_100, 48_000], None));
}

#[test]
fn opus_keeps_to_the_gain_in_its_header() {
    let shelf = Shelf::new();
    let path = shelf.file(&sweep(RATE_HZ, 48_000), 2, RATE_HZ, Format::Opus);
    let (plain, _) = first_channel(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    let head = bytes.windows(8).position(|w| w == b"OpusHead").unwrap();
    // −6.02 dB in 1/256 dB: half of it.
    bytes[head + 16..head + 18].copy_from_slice(&(-1541_i16).to_le_bytes());
    let quiet = shelf.path("quiet.opus");
    std::fs::write(&quiet, &bytes).unwrap();
    let again = shelf.path("again.opus");
    chained(&[&quiet], &again).unwrap();
    let (heard, error) = first_channel(&again);
    assert_eq!((heard.len(), error), (48_000, None));
    let worst = heard.iter().zip(&plain).map(|(a, b)| (a * 2.0 - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn channels_come_out_in_the_order_of_wave_files() {
    // A tone of its own on each channel; the effects channel of the codecs has no more than the lowest ones.
    let tones_hz = [500.0, 800.0, 1100.0, 60.0, 1700.0, 2000.0];
    let frames = RATE_HZ as usize;
    let mono: Vec<Vec<f32>> =
        tones_hz.iter().map(|hz| signal::sine(*hz, 0.3, 0.0, RATE_HZ, frames)).collect();
    let samples: Vec<f32> = (0..frames).flat_map(|n| mono.iter().map(move |tone| tone[n])).collect();
    let shelf = Shelf::new();
    for format in [Format::Wav, Format::Flac, Format::Aiff, Format::Opus, Format::Vorbis] {
        let path = shelf.path(&format!("six-{format:?}.{}", format.extension()));
        if matches!(format, Format::Opus | Format::Vorbis) {
            let codec = if format == Format::Opus { "libopus" } else { "libvorbis" };
            by_ffmpeg(&samples, 6, RATE_HZ, &["-c:a", codec, "-b:a", "512k", "-f", "ogg"], &path).unwrap();
        } else {
            encode(&samples, 6, RATE_HZ, format, &path).unwrap();
        }
        let sound = file::open(&path).unwrap();
        let heard = open(&path, &sound).unwrap_or_else(|e| panic!("{format:?}: {e}"));
        let heard: Vec<f32> = heard.source.collect();
        assert_eq!(heard.len(), frames * 6, "{format:?}");
        for (channel, hz) in tones_hz.iter().enumerate() {
            let alone = signal::channel(&heard, 6, channel as u16);
            let found = orchestrion_rig::analysis::dominant_frequency(&alone[9600..38_400], RATE_HZ);
            assert!(
                found.is_some_and(|found| (found - hz).abs() < 10.0),
                "{format:?}, channel {channel}: {found:?} for {hz}"
            );
        }
    }
}

#[test]
fn aac_frames_without_a_container_play_with_an_exact_length_and_at_their_places() {
    let shelf = Shelf::new();
    let mono = sweep(RATE_HZ, 100_003);
    let path = shelf.path("a.aac");
    by_ffmpeg(&signal::doubled(&mono), 2, RATE_HZ, &["-c:a", "aac", "-b:a", "192k", "-f", "adts"], &path)
        .unwrap();
    let (heard, error) = first_channel(&path);
    assert_eq!((heard.len(), error), (99 * 1024, None), "nothing in it tells what to take away");
    assert_eq!(song(&path, 0).unwrap(), (99 * 1024, None));
    let (rest, _) = first_channel_from(&path, 30_001);
    assert_eq!(rest.len(), heard.len() - 30_001);
    assert!(rest == heard[30_001..]);
}

#[test]
fn he_aac_and_foreign_formats_are_named_and_left_to_the_media_process() {
    let shelf = Shelf::new();
    let tone = signal::sine(440.0, 0.5, 0.0, 22_050, 22_050);
    let low = shelf.path("low.m4a");
    encode(&tone, 1, 22_050, Format::Aac, &low).unwrap();
    let frames = shelf.path("low.aac");
    by_ffmpeg(&tone, 1, 22_050, &["-c:a", "aac", "-f", "adts"], &frames).unwrap();
    let adpcm = shelf.path("a.wav");
    by_ffmpeg(&tone, 1, 22_050, &["-c:a", "adpcm_ms", "-f", "wav"], &adpcm).unwrap();
    let ac3 = shelf.path("b.m4a");
    by_ffmpeg(&tone, 1, 22_050, &["-ar", "48000", "-c:a", "ac3", "-f", "mp4"], &ac3).unwrap();
    for (path, name) in
        [(&low, "HE-AAC"), (&frames, "HE-AAC"), (&adpcm, "ADPCM in WAV"), (&ac3, "the codec `ac-3`")]
    {
        let error = song(path, 0).unwrap_err();
        let LoadError::NotDecodable(words) = &error else { panic!("{}: {error}", path.display()) };
        assert!(
            words.starts_with(name) && words.contains("orchestrion-media"),
            "{}: {words}",
            path.display()
        );
    }
    let starts: [&[u8]; 6] = [b"wvpk", b"MPCK", b"MP+", b"\x0B\x77", b"\x1A\x45\xDF\xA3", b"MAC "];
    for start in starts {
        let path = shelf.path("foreign.mp3");
        std::fs::write(&path, [start, &[7; 5000]].concat()).unwrap();
        let error = song(&path, 0).unwrap_err().to_string();
        assert!(error.contains("orchestrion-media"), "{start:?}: {error}");
    }
}

#[test]
fn mpeg_layer_2_plays() {
    let shelf = Shelf::new();
    let path = shelf.path("a.mp2");
    let mono = sweep(RATE_HZ, 96_000);
    by_ffmpeg(&signal::doubled(&mono), 2, RATE_HZ, &["-c:a", "mp2", "-b:a", "256k", "-f", "mp2"], &path)
        .unwrap();
    let (frames, verdict) = song(&path, 0).unwrap();
    assert!(frames.abs_diff(96_000) <= 1152 * 2 && verdict.is_none(), "{frames} {verdict:?}");
}

/// A WAVE file around MPEG audio, with a chunk of an odd length in front and another one behind.
fn wave_around(mpeg: &[u8], tag: u16) -> Vec<u8> {
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let len = u32::try_from(body.len()).unwrap().to_le_bytes();
        [name, len.as_slice(), body, &[0][..body.len() % 2]].concat()
    };
    let rate = RATE_HZ.to_le_bytes();
    let format = [&tag.to_le_bytes(), &[2, 0][..], &rate, &[0; 4], &[1, 0, 0, 0, 0, 0]].concat();
    let body = [
        b"WAVE".to_vec(),
        chunk(b"LIST", &[7; 27]),
        chunk(b"fmt ", &format),
        chunk(b"data", mpeg),
        chunk(b"bext", &mpeg[..2000]),
    ];
    chunk(b"RIFF", &body.concat())
}

#[test]
fn mpeg_audio_in_a_wave_file_plays_as_it_does_alone() {
    let shelf = Shelf::new();
    let (alone, within) = (shelf.path("a.mp3"), shelf.path("a.wav"));
    let stereo = signal::doubled(&sweep(RATE_HZ, 200_003));
    for (codec, tag) in [("mp2", 0x50), ("mp3", 0x55)] {
        by_ffmpeg(&stereo, 2, RATE_HZ, &["-c:a", codec, "-b:a", "160k", "-f", codec], &alone).unwrap();
        let mpeg = std::fs::read(&alone).unwrap();
        let wave = wave_around(&mpeg, tag);
        std::fs::write(&within, &wave).unwrap();
        let meant = first_channel(&alone);
        assert!(meant.0.len() > 190_000 && first_channel(&within) == meant, "{codec}");
        assert_eq!(first_channel_from(&within, 90_001), first_channel_from(&alone, 90_001), "{codec}");
        assert_eq!(song(&within, 0).unwrap(), song(&alone, 0).unwrap(), "{codec}");
        std::fs::write(&within, &wave[..wave.len() / 2]).unwrap();
        let (frames, verdict) = song(&within, 0).unwrap();
        assert!((80_000..110_000).contains(&frames), "{codec}: {frames}");
        assert!(matches!(verdict, Some(LoadError::Damaged(_))), "{codec}: {verdict:?}");
        // Its length is not known to whoever writes into a pipe.
        let data = wave.windows(4).position(|name| name == b"data").unwrap();
        for unknown in [0xFF, 0] {
            let piped = [&wave[..data + 4], &[unknown; 4], &mpeg].concat();
            std::fs::write(&within, piped).unwrap();
            assert!(first_channel(&within) == meant, "{codec}, piped");
        }
    }
    std::fs::write(&within, wave_around(&[0; 3000], 0x55)).unwrap();
    assert!(song(&within, 0).is_err());
}

#[test]
fn an_m4a_with_a_picture_track_beside_plays_its_sound() {
    let shelf = Shelf::new();
    let sound = shelf.file(&sweep(RATE_HZ, 100_003), 2, RATE_HZ, Format::Aac);
    let path = shelf.path("film.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x64:rate=10:duration=2", "-i"])
        .arg(&sound)
        .args(["-c:v", "mpeg4", "-c:a", "copy", "-map", "0:v", "-map", "1:a", "-f", "mp4"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    let (beside, alone) = (first_channel(&path).0, first_channel(&sound).0);
    // Made by copying, this file tells its length in thousandths of a second only.
    assert!(beside.len().abs_diff(alone.len()) <= 48, "{} {}", beside.len(), alone.len());
    let both = beside.len().min(alone.len());
    assert!(beside[..both] == alone[..both]);
}
