//! Tags and covers that lofty wrote into files of every format, by the encoders that people use.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use lofty::ape::ApeItem;
use lofty::config::WriteOptions;
use lofty::file::AudioFile;
use lofty::picture::MimeType;
use lofty::tag::{ItemValue, TagType};
use lofty::wavpack::WavPackFile;
use orchestrion_rig::encode::{Format, encode};
use orchestrion_rig::signal;

use super::super::TaggedGain;
use super::*;

/// A quarter of a second in every format whose encoder is here: its name, and the file.
fn files(dir: &Path) -> Vec<(&'static str, PathBuf)> {
    let tone = signal::doubled(&signal::sine(440.0, 0.5, 0.0, 48_000, 12_000));
    let mut files = Vec::new();
    for format in Format::ALL {
        let path = dir.join("tone").with_extension(format.extension());
        if format.is_available() {
            encode(&tone, 2, 48_000, format, &path).unwrap();
            files.push((format.extension(), path));
        } else {
            eprintln!("SKIPPED: no encoder for {format:?}");
        }
    }
    let source = dir.join("source.wav");
    orchestrion_rig::wav::write(&source, &tone, 2, 48_000, orchestrion_rig::wav::SampleFormat::Int16)
        .unwrap();
    let more: [(&str, &str, &[&str]); 4] = [
        ("opus", "opusenc", &["--quiet", "IN", "OUT"]),
        ("m4a", "ffmpeg", &["-v", "error", "-y", "-i", "IN", "-c:a", "aac", "OUT"]),
        ("aiff", "ffmpeg", &["-v", "error", "-y", "-i", "IN", "OUT"]),
        ("wv", "wavpack", &["-q", "-y", "IN", "-o", "OUT"]),
    ];
    for (extension, tool, args) in more {
        let out = dir.join("tone").with_extension(extension);
        let args = args.iter().map(|arg| match *arg {
            "IN" => source.as_os_str(),
            "OUT" => out.as_os_str(),
            other => other.as_ref(),
        });
        match Command::new(tool).args(args).stdin(Stdio::null()).stdout(Stdio::null()).status() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("SKIPPED: {tool} is not installed; script/setup test installs it");
            }
            status => {
                assert!(status.unwrap().success(), "{tool}");
                files.push((extension, out));
            }
        }
    }
    files
}

/// Writes into the kind of tag that the format usually has.
fn write(path: &Path, fill: impl FnOnce(&mut Tag)) {
    apply_global_options(GlobalOptions::new());
    let mut file = lofty::read_from_path(path).unwrap();
    let mut tag = Tag::new(file.primary_tag_type());
    fill(&mut tag);
    file.insert_tag(tag);
    file.save_to_path(path, WriteOptions::default()).unwrap();
}

/// Into an APE tag, beside what is there: lofty does not write the pictures of its general tag there.
fn write_ape_pictures(path: &Path, pictures: Vec<Picture>) {
    let mut file = WavPackFile::read_from(&mut File::open(path).unwrap(), ParseOptions::new()).unwrap();
    let mut tag = file.remove_ape().unwrap();
    for picture in pictures {
        let key = picture.pic_type().as_ape_key().unwrap().to_owned();
        tag.insert(ApeItem::new(key, ItemValue::Binary(picture.as_ape_bytes())).unwrap());
    }
    file.set_ape(tag);
    file.save_to_path(path, WriteOptions::default()).unwrap();
}

fn jpeg(len: usize) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0];
    bytes.resize(len, 0x5A);
    bytes
}

fn picture(kind: PictureType, bytes: Vec<u8>) -> Picture {
    Picture::unchecked(bytes).pic_type(kind).mime_type(MimeType::Jpeg).build()
}

#[test]
fn names_numbers_and_gains_are_found_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    for (format, path) in files(dir.path()) {
        write(&path, |tag| {
            for (key, text) in [
                (ItemKey::TrackTitle, "Žluť"),
                (ItemKey::TrackArtist, "Someone"),
                (ItemKey::AlbumTitle, "An album"),
                (ItemKey::AlbumArtist, "Various"),
                (ItemKey::ReplayGainTrackGain, "-7.25 dB"),
                (ItemKey::ReplayGainTrackPeak, "0.988553"),
                (ItemKey::ReplayGainAlbumGain, "+1.50 dB"),
                (ItemKey::ReplayGainAlbumPeak, "1.125000"),
            ] {
                assert!(tag.insert_text(key, text.to_owned()), "{format}: {key:?}");
            }
            tag.set_track(7);
            tag.set_disk(2);
        });
        let expected = Tags {
            title: Some("Žluť".into()),
            artist: Some("Someone".into()),
            album: Some("An album".into()),
            album_artist: Some("Various".into()),
            disc: Some(2),
            track: Some(7),
            track_gain: Some(TaggedGain { gain_db: -7.25, peak: Some(0.988_553) }),
            album_gain: Some(TaggedGain { gain_db: 1.5, peak: Some(1.125) }),
        };
        assert_eq!(read(&path), expected, "{format}");
    }
}

#[test]
fn in_opus_the_r128_gain_counts_and_is_brought_to_the_same_reference() {
    let dir = tempfile::tempdir().unwrap();
    let Some((_, path)) = files(dir.path()).into_iter().find(|(format, _)| *format == "opus") else { return };
    write(&path, |tag| {
        tag.insert_text(ItemKey::ReplayGainTrackGain, "-1.00 dB".to_owned());
        tag.insert_text(ItemKey::R128TrackGain, "-2560".to_owned());
        tag.insert_text(ItemKey::R128AlbumGain, "512".to_owned());
    });
    let tags = read(&path);
    assert_eq!(tags.track_gain, Some(TaggedGain { gain_db: -5.0, peak: None }));
    assert_eq!(tags.album_gain, Some(TaggedGain { gain_db: 7.0, peak: None }));
}

#[test]
fn gains_are_found_in_a_second_tag_of_another_kind() {
    let dir = tempfile::tempdir().unwrap();
    let Some((_, path)) = files(dir.path()).into_iter().find(|(format, _)| *format == "mp3") else { return };
    write(&path, |tag| tag.set_title("in ID3v2".into()));
    let mut file = lofty::read_from_path(&path).unwrap();
    let mut ape = Tag::new(TagType::Ape);
    ape.insert_text(ItemKey::ReplayGainTrackGain, "-3.00 dB".to_owned());
    ape.set_title("in APE".into());
    file.insert_tag(ape);
    file.save_to_path(&path, WriteOptions::default()).unwrap();
    let tags = read(&path);
    assert_eq!(tags.title.as_deref(), Some("in ID3v2"));
    assert_eq!(tags.track_gain.map(|gain| gain.gain_db), Some(-3.0));
}

#[test]
fn the_front_cover_is_found_in_every_format_and_only_when_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    for (format, path) in files(dir.path()) {
        let front = jpeg(3 << 20);
        let mut pictures = vec![picture(PictureType::CoverFront, front.clone())];
        // MP4 has one kind of picture.
        if format != "m4a" {
            pictures.insert(0, picture(PictureType::Artist, jpeg(1000)));
        }
        write(&path, |tag| {
            tag.set_title("with pictures".into());
            pictures.iter().for_each(|picture| tag.push_picture(picture.clone()));
        });
        if format == "wv" {
            write_ape_pictures(&path, pictures);
        }
        let found = cover(&path).unwrap_or_else(|| panic!("{format}: no cover"));
        assert!(found.bytes == front && found.mime == "image/jpeg", "{format}: {}", found.mime);
        assert_eq!(
            read(&path).title.as_deref(),
            Some("with pictures"),
            "{format}: a large cover hides no tags"
        );
    }
}

#[test]
fn a_cover_that_is_too_large_or_not_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    for (format, path) in files(dir.path()) {
        assert_eq!(cover(&path), None, "{format}");
        if format == "flac" || format == "mp3" {
            write(&path, |tag| tag.push_picture(picture(PictureType::CoverFront, jpeg(COVER_LEN_MAX + 1))));
            assert_eq!(cover(&path), None, "{format}");
        }
    }
    assert_eq!(cover(dir.path()), None);
    assert_eq!(cover(&dir.path().join("missing.mp3")), None);
    assert_eq!(read(dir.path()), Tags::default());
}

#[test]
fn a_tag_is_one_line_of_bounded_length() {
    assert_eq!(tidy(" a\nb\u{1b}[2J "), Some("ab[2J".into()));
    assert_eq!(tidy("\u{0}\n"), None);
    assert_eq!(tidy(&"ä".repeat(1000)).map(|t| t.chars().count()), Some(TAG_LEN_MAX));
}
