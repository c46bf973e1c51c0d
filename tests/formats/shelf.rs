//! A shelf of files of all formats, rates and channel counts: each has its length, and one plays after another.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use orchestrion::audio::JoinAt;
use orchestrion::audio::offline::{Next, render};
use orchestrion::audio::whole::listen_to;
use orchestrion_rig::analysis::{dominant_frequency, peak};
use orchestrion_rig::encode::{Foreign, Format, HeAac, by_ffmpeg, chained, encode, encode_foreign};
use orchestrion_rig::signal::{channel, sine};

use crate::{can_make_files, knows_its_decoders};

/// The rate of the output.
const RATE_HZ: u32 = 48_000;
/// Seconds of each file, but for the fixtures.
const SONG_S: f64 = 1.3;
/// The files that are fixtures last so long.
const HE_AAC_S: f64 = 2.972;
/// How far a duration that is told may be off, and all of them in a row.
const DURATION_OFF_S: f64 = 0.05;
/// How far what is heard may be off, where the file tells where its sound ends: containers count in milliseconds.
const HEARD_OFF_S: f64 = 0.0015;
/// And where it is whole packets.
const PACKETS_OFF_S: f64 = 0.03;
/// Each file has a tone of its own, so much above that of the file before. All lie below the half of 8 kHz, the lowest rate.
const TONE_STEP_HZ: f64 = 10.0;
const TONE_FIRST_HZ: f64 = 300.0;
/// How far a tone may be off.
const TONE_OFF_HZ: f64 = 2.0;
/// Files that are made and played at once.
const WORKERS: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Own(Format, u16, u32),
    Foreign(Foreign, u16, u32),
    HeAac(HeAac),
    /// AAC without a container.
    Adts(u16, u32),
    /// Ogg streams of unlike codecs, rates and channel counts in one file.
    Chain,
}

/// All of it, at the rates and channel counts that people have.
fn kinds() -> Vec<Kind> {
    let own: [(Format, &[(u16, u32)]); 8] = [
        (
            Format::Wav,
            &[
                (1, 8000),
                (2, 11_025),
                (1, 22_050),
                (2, 32_000),
                (2, 44_100),
                (6, 48_000),
                (2, 88_200),
                (8, 96_000),
                (2, 192_000),
            ],
        ),
        (
            Format::Flac,
            &[(1, 16_000), (2, 44_100), (2, 48_000), (6, 48_000), (2, 96_000), (2, 176_400), (1, 192_000)],
        ),
        (
            Format::Mp3,
            &[
                (1, 8000),
                (2, 16_000),
                (1, 22_050),
                (2, 24_000),
                (2, 32_000),
                (1, 44_100),
                (2, 44_100),
                (2, 48_000),
            ],
        ),
        (Format::Vorbis, &[(1, 8000), (2, 22_050), (2, 44_100), (1, 48_000), (6, 48_000), (2, 96_000)]),
        (Format::Opus, &[(1, 8000), (1, 16_000), (2, 24_000), (2, 44_100), (2, 48_000), (6, 48_000)]),
        (Format::Aac, &[(1, 16_000), (2, 22_050), (1, 32_000), (2, 44_100), (2, 48_000), (6, 48_000)]),
        (Format::Alac, &[(1, 22_050), (2, 44_100), (2, 96_000)]),
        (Format::Aiff, &[(1, 11_025), (2, 44_100), (2, 96_000)]),
    ];
    let foreign: [(Foreign, &[(u16, u32)]); 7] = [
        (Foreign::WavPack, &[(2, 44_100), (1, 96_000)]),
        (Foreign::Wma, &[(2, 44_100)]),
        (Foreign::Ac3, &[(2, 48_000)]),
        (Foreign::Musepack, &[(2, 44_100)]),
        (Foreign::Speex, &[(1, 8000), (1, 32_000)]),
        (Foreign::Tta, &[(2, 44_100)]),
        (Foreign::Mp2, &[(2, 44_100)]),
    ];
    let own = own.iter().flat_map(|(format, sounds)| {
        sounds.iter().map(|(channels, rate_hz)| Kind::Own(*format, *channels, *rate_hz))
    });
    let foreign = foreign.iter().flat_map(|(kind, sounds)| {
        sounds.iter().map(|(channels, rate_hz)| Kind::Foreign(*kind, *channels, *rate_hz))
    });
    let rest = [Kind::HeAac(HeAac::V1), Kind::HeAac(HeAac::V2), Kind::Adts(2, 44_100), Kind::Chain];
    own.chain(foreign).chain(rest).collect()
}

impl Kind {
    /// How far what is heard may be off.
    fn heard_off_s(self) -> f64 {
        match self {
            Self::Adts(..) | Self::Foreign(Foreign::Ac3 | Foreign::Mp2, ..) => PACKETS_OFF_S,
            Self::Own(..) | Self::Foreign(..) | Self::HeAac(..) | Self::Chain => HEARD_OFF_S,
        }
    }
}

struct Song {
    kind: Kind,
    path: PathBuf,
    what: String,
    tone_hz: f64,
    lasts_s: f64,
}

fn tone(hz: f64, seconds: f64, channels: u16, rate_hz: u32) -> Vec<f32> {
    let mono = sine(hz, 0.4, 0.0, rate_hz, (seconds * f64::from(rate_hz)) as usize);
    mono.iter().flat_map(|sample| vec![*sample; channels.into()]).collect()
}

fn make(folder: &Path, index: usize, kind: Kind) -> Song {
    let mut song = Song {
        kind,
        path: folder.join(format!("{index:02}")),
        what: format!("{index}: {kind:?}"),
        tone_hz: TONE_FIRST_HZ + TONE_STEP_HZ * index as f64,
        lasts_s: SONG_S,
    };
    let hz = song.tone_hz;
    match kind {
        Kind::Own(format, channels, rate_hz) => {
            song.path.set_extension(format.extension());
            encode(&tone(hz, SONG_S, channels, rate_hz), channels, rate_hz, format, &song.path).unwrap();
        }
        Kind::Foreign(kind, channels, rate_hz) => {
            song.path.set_extension(kind.extension());
            encode_foreign(&tone(hz, SONG_S, channels, rate_hz), channels, rate_hz, kind, &song.path)
                .unwrap();
        }
        Kind::HeAac(kind) => {
            song.path.set_extension("m4a");
            std::fs::write(&song.path, kind.file()).unwrap();
            (song.tone_hz, song.lasts_s) = (1000.0, HE_AAC_S);
        }
        Kind::Adts(channels, rate_hz) => {
            song.path.set_extension("aac");
            let options = ["-c:a", "aac", "-b:a", "192k", "-f", "adts"];
            by_ffmpeg(&tone(hz, SONG_S, channels, rate_hz), channels, rate_hz, &options, &song.path).unwrap();
        }
        Kind::Chain => {
            song.path.set_extension("ogg");
            let links = [(Format::Vorbis, 2, 44_100), (Format::Opus, 1, 48_000), (Format::Vorbis, 1, 22_050)];
            let paths: Vec<PathBuf> = (0..links.len()).map(|n| folder.join(format!("link-{n}"))).collect();
            for (path, (format, channels, rate_hz)) in paths.iter().zip(links) {
                // Whole milliseconds, so that no link is rounded.
                encode(&tone(hz, 0.44, channels, rate_hz), channels, rate_hz, format, path).unwrap();
            }
            chained(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &song.path).unwrap();
            song.lasts_s = 0.44 * links.len() as f64;
        }
    }
    song
}

/// What a file tells of its duration, and what is heard when it plays alone, in seconds.
fn told_and_heard_s(song: &Song) -> (Option<f64>, f64) {
    let media = listen_to(&song.path, |_, _| std::ops::ControlFlow::Continue(()))
        .unwrap_or_else(|error| panic!("{}: {error}", song.what))
        .unwrap();
    let heard = render(&song.path, &[], RATE_HZ).unwrap_or_else(|error| panic!("{}: {error}", song.what));
    (media.duration_ms.map(|ms| ms as f64 / 1000.0), (heard.len() / 2) as f64 / f64::from(RATE_HZ))
}

#[test]
fn a_shelf_of_all_formats_rates_and_channel_counts_plays_through_each_with_its_length() {
    const NAME: &str =
        "shelf::a_shelf_of_all_formats_rates_and_channel_counts_plays_through_each_with_its_length";
    if !can_make_files() || !knows_its_decoders(NAME) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let waiting = Mutex::new(kinds().into_iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((index, kind)) = next else { return };
                    let song = make(folder.path(), index, kind);
                    let (told_s, heard_s) = told_and_heard_s(&song);
                    done.lock().unwrap().push((index, song, told_s, heard_s));
                }
            });
        }
    });
    let mut shelf = done.into_inner().unwrap();
    shelf.sort_by_key(|(index, ..)| *index);
    assert!(shelf.len() >= 60, "{} files", shelf.len());
    for (_, song, told_s, heard_s) in &shelf {
        println!("{}: {heard_s:.4} s, told {told_s:?}, meant {:.4}", song.what, song.lasts_s);
    }
    for (_, song, told_s, heard_s) in &shelf {
        let told_s = told_s.unwrap_or_else(|| panic!("{} tells no duration", song.what));
        assert!((told_s - song.lasts_s).abs() <= DURATION_OFF_S, "{} tells {told_s} s", song.what);
        let off_s = (heard_s - song.lasts_s).abs();
        assert!(off_s <= song.kind.heard_off_s(), "{} lasts {heard_s} s", song.what);
    }
    // All in a row, as a room hears them: each in its turn, where those before it end.
    let after: Vec<Next<'_>> = shelf[1..]
        .iter()
        .map(|(_, song, ..)| Next { path: &song.path, at: JoinAt::End, fade_ms: 0 })
        .collect();
    let heard = render(&shelf[0].1.path, &after, RATE_HZ).unwrap();
    let left = channel(&heard, 2, 0);
    let mut begin_s = 0.0;
    for (_, song, _, heard_s) in &shelf {
        let from = ((begin_s + heard_s * 0.3) * f64::from(RATE_HZ)) as usize;
        let window = &left[from..from + (heard_s * 0.4 * f64::from(RATE_HZ)) as usize];
        let hz = dominant_frequency(window, RATE_HZ).unwrap_or_default();
        assert!(
            (hz - song.tone_hz).abs() < TONE_OFF_HZ,
            "{}: {hz} Hz in place of {}",
            song.what,
            song.tone_hz
        );
        assert!((0.1..0.9).contains(&peak(window)), "{}: a peak of {}", song.what, peak(window));
        begin_s += heard_s;
    }
    let all_s = (left.len()) as f64 / f64::from(RATE_HZ);
    println!("{} files, {all_s:.3} s in a row, {begin_s:.3} s one by one", shelf.len());
    assert!((all_s - begin_s).abs() < DURATION_OFF_S, "{all_s} s in a row, {begin_s} s one by one");
}
