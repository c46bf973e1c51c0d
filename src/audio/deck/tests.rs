//! Real files through real decoders, pulled as fast as they come.

use std::path::PathBuf;

use orchestrion_rig::analysis::{clicks, dominant_frequency, phase_jumps, silence_runs};
use orchestrion_rig::encode::{Album, Format, encode, gapless_album};
use orchestrion_rig::{signal, wav};

use super::*;

const OUT_HZ: u32 = 48_000;
const TONE_HZ: f64 = 440.0;

/// A deck under test.
struct Rig {
    deck: Deck,
    reports: Receiver<Report>,
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let (tell, reports) = sync_channel(64);
        let deck = Deck::start("deck_test", Measurements::new(Path::new("/nonexistent")), move |report| {
            tell.send(report).unwrap()
        })
        .unwrap();
        Self { deck, reports, dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn load(&self, id: u64, path: &Path, start_ms: u64) -> Result<(Feed, Box<Media>), LoadError> {
        let task = Task::Load {
            feed: FeedId(id),
            path: path.into(),
            start: StartAt::Place(start_ms),
            out_hz: OUT_HZ,
        };
        assert!(self.deck.send(task));
        match self.reports.recv_timeout(Duration::from_secs(20)).unwrap() {
            Report::Ready { feed, media } => Ok((feed, media)),
            Report::Failed { error, .. } => Err(error),
            Report::Decoded { .. } => panic!("nothing was ready"),
        }
    }

    /// Everything that comes out of a ring, left channel, and the error at its end.
    fn drain(&self, mut feed: Feed) -> (Vec<f32>, Option<LoadError>) {
        let mut left = Vec::new();
        loop {
            let (available, ends) = feed.available();
            if available == 0 && ends {
                if feed.cross(FeedId(2)).is_none() {
                    break;
                }
                continue;
            }
            feed.pull(available, true, |piece| left.extend(piece.chunks(2).map(|frame| frame[0])));
            if available == 0 {
                thread::yield_now();
                // Nothing wakes a deck whose ring is emptied faster than sound is played.
                self.deck.send(Task::Splice {
                    after: FeedId(0),
                    counters: Counters::new(FeedId(0), 0),
                    path: Path::new("").into(),
                });
            }
        }
        let mut error = None;
        for report in self.reports.try_iter() {
            if let Report::Decoded { error: Some(found), .. } = report {
                error = Some(found);
            }
        }
        (left, error)
    }

    fn whole(&self, path: &Path) -> (Vec<f32>, Option<LoadError>) {
        let (feed, _) = self.load(1, path, 0).unwrap();
        self.drain(feed)
    }

    /// Two halves of one tone as files of a format, each longer than the ring: its deck has not come to its end when it is ready.
    fn halves(&self, format: Format, rate_hz: u32) -> (Vec<PathBuf>, Vec<f32>) {
        let frames = rate_hz as usize * 6;
        let mono = signal::sine(TONE_HZ, 0.5, 0.3, rate_hz, frames);
        let stereo = signal::doubled(&mono);
        let cuts = [0..frames / 2 + 77, frames / 2 + 77..frames];
        let paths = cuts.iter().enumerate().map(|(i, cut)| {
            let path = self.path(&format!("{i}.{}", format.extension()));
            encode(&stereo[cut.start * 2..cut.end * 2], 2, rate_hz, format, &path).unwrap();
            path
        });
        (paths.collect(), mono)
    }
}

#[test]
fn wav_and_flac_come_out_as_they_went_in_and_every_format_has_its_length() {
    for format in Format::ALL {
        let rig = Rig::new();
        let (paths, mono) = rig.halves(format, OUT_HZ);
        let (mut joined, error) = rig.whole(&paths[0]);
        assert_eq!(error, None, "{format:?}");
        let (second, error) = rig.whole(&paths[1]);
        assert_eq!(error, None, "{format:?}");
        joined.extend(second);
        assert_eq!(joined.len(), mono.len(), "{format:?} joins sample by sample");
        let worst = joined.iter().zip(&mono).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        match format {
            Format::Wav | Format::Flac | Format::Alac | Format::Aiff => {
                assert!(worst <= 1.0 / 32_768.0, "{format:?}: {worst}")
            }
            // Each half was encoded by itself, so the joint holds the codec's ripple, but no gap and no jump.
            Format::Mp3 | Format::Vorbis | Format::Opus | Format::Aac => {
                let gaps = silence_runs(&joined, 1e-4, 16);
                assert!(gaps.is_empty(), "{format:?}: {gaps:?}");
                let jumps = phase_jumps(&joined, OUT_HZ, TONE_HZ).unwrap();
                assert!(jumps.is_empty(), "{format:?}: {jumps:?}");
            }
        }
    }
}

#[test]
fn songs_of_another_rate_join_without_an_edge_inside_one_ring() {
    for format in [Format::Wav, Format::Flac] {
        let rig = Rig::new();
        let (paths, mono) = rig.halves(format, 44_100);
        let (feed, _) = rig.load(1, &paths[0], 0).unwrap();
        let counters = Counters::new(FeedId(2), 0);
        let second = Arc::clone(&counters);
        rig.deck.send(Task::Splice { after: FeedId(1), counters, path: paths[1].as_path().into() });
        let first = Arc::clone(&feed.counters);
        let (joined, error) = rig.drain(feed);
        assert_eq!(error, None);
        let exact = |frames: usize| (frames as f64 * 48_000.0 / 44_100.0).round() as u64;
        assert_eq!(first.heard_frames(), exact(mono.len() / 2 + 77));
        assert_eq!(first.heard_frames() + second.heard_frames(), exact(mono.len()));
        let found = clicks(&joined[2000..joined.len() - 2000], OUT_HZ, &[TONE_HZ], 0.003);
        assert!(found.is_empty(), "{format:?}: {found:?}");
    }
}

#[test]
fn joined_on_two_decks_songs_of_another_rate_have_an_edge_which_is_why_rings_are_spliced() {
    let rig = Rig::new();
    let (paths, _) = rig.halves(Format::Flac, 44_100);
    let (mut joined, _) = rig.whole(&paths[0]);
    joined.extend(rig.whole(&paths[1]).0);
    let found = clicks(&joined[2000..joined.len() - 2000], OUT_HZ, &[TONE_HZ], 0.003);
    assert!(!found.is_empty(), "if this edge is gone, the splice can go too");
}

#[test]
fn a_load_begins_at_its_place_in_every_format() {
    for format in Format::ALL {
        let rig = Rig::new();
        let mono = signal::sine(TONE_HZ, 0.5, 0.0, OUT_HZ, OUT_HZ as usize * 8);
        let path = rig.path(&format!("tone.{}", format.extension()));
        encode(&signal::doubled(&mono), 2, OUT_HZ, format, &path).unwrap();
        let (feed, media) = rig.load(1, &path, 5_000).unwrap();
        assert_eq!(feed.counters.position_frames(), 5 * u64::from(OUT_HZ));
        assert_eq!(media.duration_ms, Some(8000), "{format:?}");
        let (left, error) = rig.drain(feed);
        assert_eq!(error, None, "{format:?}");
        let off = left.len().abs_diff(3 * OUT_HZ as usize);
        // symphonia's Vorbis reader finds the packet and forgets the half of it that overlaps.
        let off_max = if format == Format::Vorbis { 2048 } else { 1 };
        assert!(off <= off_max, "{format:?}: {off} frames off");
        let hz = dominant_frequency(&left[4800..14_400], OUT_HZ);
        assert!(hz.is_some_and(|hz| (hz - TONE_HZ).abs() < 5.0), "{format:?}: {hz:?}");
    }
}

#[test]
fn any_rate_and_any_number_of_channels_become_stereo_of_the_output() {
    for rate_hz in [8_000, 22_050, 44_100, 96_000, 192_000] {
        for channels in [1u16, 2, 3, 6, 8] {
            let rig = Rig::new();
            let mono = signal::sine(TONE_HZ, 0.5, 0.0, rate_hz, rate_hz as usize);
            let samples: Vec<f32> = mono.iter().flat_map(|s| vec![*s; channels.into()]).collect();
            let path = rig.path("a.wav");
            wav::write(&path, &samples, channels, rate_hz, wav::SampleFormat::Int24).unwrap();
            let (left, error) = rig.whole(&path);
            assert_eq!((left.len(), error), (OUT_HZ as usize, None), "{rate_hz} Hz, {channels} channels");
            let hz = dominant_frequency(&left[9600..19_200], OUT_HZ).unwrap();
            assert!((hz - TONE_HZ).abs() < 5.0, "{rate_hz} Hz, {channels} channels: {hz}");
        }
    }
}

#[test]
fn a_file_cut_in_half_is_truncated_not_finished_and_ends_softly() {
    for format in Format::ALL {
        let rig = Rig::new();
        let mono = signal::sine(TONE_HZ, 0.5, 0.0, OUT_HZ, OUT_HZ as usize * 20);
        let path = rig.path(&format!("cut.{}", format.extension()));
        encode(&signal::doubled(&mono), 2, OUT_HZ, format, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let (left, error) = rig.whole(&path);
        assert!(
            matches!(error, Some(LoadError::Truncated { .. } | LoadError::Damaged(_))),
            "{format:?}: {error:?} after {} frames",
            left.len()
        );
        let steepest = left.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(
            left.last().is_some_and(|last| last.abs() < 0.01) && steepest < 0.06,
            "{format:?}: {steepest}"
        );
    }
}

#[test]
fn a_file_that_shrinks_while_it_plays_is_truncated() {
    let rig = Rig::new();
    let mono = signal::white_noise(0.3, 5, OUT_HZ as usize * 20);
    let path = rig.path("a.wav");
    encode(&signal::doubled(&mono), 2, OUT_HZ, Format::Wav, &path).unwrap();
    let (feed, _) = rig.load(1, &path, 0).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1_000_000).unwrap();
    let (_, error) = rig.drain(feed);
    assert!(matches!(error, Some(LoadError::Truncated { .. })), "{error:?}");
}

#[test]
fn a_deleted_file_plays_to_its_end() {
    let rig = Rig::new();
    let path = rig.path("a.flac");
    let mono = signal::sine(TONE_HZ, 0.5, 0.0, OUT_HZ, OUT_HZ as usize * 10);
    encode(&signal::doubled(&mono), 2, OUT_HZ, Format::Flac, &path).unwrap();
    let (feed, _) = rig.load(1, &path, 0).unwrap();
    std::fs::remove_file(&path).unwrap();
    let (left, error) = rig.drain(feed);
    assert_eq!((left.len(), error), (mono.len(), None));
}

#[test]
fn an_album_of_the_rig_is_gapless_in_the_lossless_formats() {
    let rig = Rig::new();
    let mono = signal::sine(TONE_HZ, 0.5, 0.0, OUT_HZ, OUT_HZ as usize * 6);
    let album =
        Album { title: "Album".into(), artist: "Artist".into(), track_count: 3, format: Format::Flac };
    let tracks = gapless_album(rig.dir.path(), &signal::doubled(&mono), 2, OUT_HZ, &album).unwrap();
    let joined: Vec<f32> = tracks.iter().flat_map(|track| rig.whole(track).0).collect();
    assert_eq!(joined.len(), mono.len());
}
