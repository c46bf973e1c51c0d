//! Seeks against a straight run.

use orchestrion_rig::encode::chained;

use super::*;

/// What libopus gives behind a seek nears what it gives in a straight run, and never is quite the same.
const NEAR: f32 = 2e-3;

fn assert_places(path: &Path, places: &[u64], near: f32) {
    let (whole, _) = first_channel(path);
    for place in places {
        let (rest, error) = first_channel_from(path, *place);
        let meant = &whole[(*place as usize).min(whole.len())..];
        assert_eq!((rest.len(), error), (meant.len(), None), "{} from {place}", path.display());
        let worst = rest.iter().zip(meant).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= near, "{} from {place}: {worst} off", path.display());
    }
}

#[test]
fn a_seek_lands_on_the_very_frame_in_every_format() {
    let shelf = Shelf::new();
    for format in Format::ALL {
        for channels in [1, 2] {
            let mono = sweep(RATE_HZ, 12 * RATE_HZ as usize + 77);
            let path = shelf.file(&mono, channels, RATE_HZ, format);
            let end = mono.len() as u64;
            let places = [
                1,
                2,
                100,
                1023,
                1024,
                1025,
                4096,
                48_000,
                100_001,
                240_000,
                333_333,
                480_000,
                end - 5000,
                end - 3,
                end,
            ];
            let near = match format {
                Format::Opus => NEAR,
                _ => 1e-6,
            };
            if format == Format::Mp3 && channels == 1 {
                continue;
            }
            assert_places(&path, &places, near);
        }
    }
}

#[test]
fn a_seek_in_a_mono_mp3_is_a_frame_off_at_most() {
    let shelf = Shelf::new();
    let mono = sweep(RATE_HZ, 12 * RATE_HZ as usize + 77);
    let path = shelf.file(&mono, 1, RATE_HZ, Format::Mp3);
    for place in [100, 4096, 48_000, 100_001, 240_000, 333_333, 480_000] {
        let (rest, _) = first_channel_from(&path, place);
        let (late, off) = lag(&rest, &mono[place as usize..], 10);
        assert!((-1..=0).contains(&late) && off < 1e-3, "{place}: {late} late, {off}");
        assert_eq!(rest.len() as i64, mono.len() as i64 - place as i64 + late);
    }
}

#[test]
fn one_seek_after_another_lands_as_well() {
    let shelf = Shelf::new();
    for format in Format::ALL {
        let path = shelf.file(&sweep(RATE_HZ, 300_000), 2, RATE_HZ, format);
        let (whole, _) = first_channel(&path);
        let sound = file::open(&path).unwrap();
        let mut source = open(&path, &sound).unwrap().source;
        for place in [200_000u64, 100_000, 0, 50_000, 299_000, 7] {
            source.try_seek(place_of(place, RATE_HZ)).unwrap();
            source.try_seek(place_of(place, RATE_HZ)).unwrap();
            let heard: Vec<f32> =
                (0..500).map(|_| (source.next().unwrap(), source.next().unwrap()).0).collect();
            let meant = &whole[place as usize..place as usize + 500];
            let worst = heard.iter().zip(meant).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst <= NEAR, "{format:?} at {place}: {worst}");
        }
    }
}

#[test]
fn seeks_go_across_the_links_of_a_chain() {
    let shelf = Shelf::new();
    let first = shelf.file(&sweep(RATE_HZ, 150_000), 2, RATE_HZ, Format::Vorbis);
    let second = shelf.file(&sweep(RATE_HZ, 130_001), 1, RATE_HZ, Format::Opus);
    let third = shelf.file(&sweep(RATE_HZ, 99_999), 2, RATE_HZ, Format::Vorbis);
    let path = shelf.path("chain.ogg");
    chained(&[&first, &second, &third], &path).unwrap();
    let places =
        [1, 149_999, 150_000, 150_001, 200_000, 280_000, 280_001, 280_002, 330_000, 379_999, 380_000];
    assert_places(&path, &places, NEAR);
}

#[test]
fn a_song_begins_behind_a_seek_in_the_format_that_is_there() {
    let shelf = Shelf::new();
    let first = shelf.file(&sweep(44_100, 44_100), 2, 44_100, Format::Vorbis);
    let second = shelf.file(&sweep(RATE_HZ, 2 * 48_000), 1, RATE_HZ, Format::Opus);
    let path = shelf.path("chain.ogg");
    chained(&[&first, &second], &path).unwrap();
    let (opened, media) = Song::open(&path, 2000).unwrap();
    assert_eq!((opened.format().rate_hz, opened.format().channels), (48_000, 1));
    assert_eq!((media.rate_hz, media.duration_ms), (44_100, Some(3000)));
    assert_eq!(song(&path, 2000).unwrap(), (48_000, None));
    assert_eq!(song(&path, 9000).unwrap(), (0, None), "behind the end there is nothing");
}
