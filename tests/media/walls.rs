//! What stays on which side: GStreamer in the child, the network nowhere, memory within its limit.

#[path = "../place/mod.rs"]
#[allow(dead_code, reason = "shared with tests that need more of it")]
mod place;

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use orchestrion::media::{Error, Limits};
use orchestrion_rig::encode::{Foreign, HeAac};
use place::Place;

use crate::decoded::{Sound, alone, can_make, patient, staircase_file, start};

/// Libraries that only the child may have.
const FOREIGN: [&str; 5] = ["libgst", "libglib", "libgobject", "libavcodec", "liborc"];

/// The foreign libraries that a process has loaded.
fn foreign_libraries(process: u32) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let names =
        maps.lines().filter_map(|line| Path::new(line.split_whitespace().nth(5)?).file_name()?.to_str());
    let mut names: Vec<String> = names
        .filter(|name| FOREIGN.iter().any(|foreign| name.starts_with(foreign)))
        .map(str::to_owned)
        .collect();
    names.dedup();
    names
}

#[test]
fn the_daemon_loads_no_gstreamer_and_the_child_does() {
    let _alone = alone();
    let place = Place::new();
    place.song("music/a.wav", 3.0);
    let device = place.run("");
    device.wait_for(Duration::from_secs(8), |status| status["state"] == "playing").unwrap();
    let loaded = foreign_libraries(device.pid());
    assert_eq!(device.terminate().unwrap().code(), Some(0));
    assert_eq!(loaded, Vec::<String>::new());

    let song = place.path().join("he.m4a");
    fs::write(&song, HeAac::V1.file()).unwrap();
    let decoding = start(&song, patient()).unwrap();
    let loaded = foreign_libraries(decoding.process_id().unwrap());
    assert!(loaded.iter().any(|name| name.starts_with("libgstreamer-1.0")), "{loaded:?}");
    assert!(loaded.iter().any(|name| name.starts_with("libavcodec")), "{loaded:?}");
}

#[test]
fn a_file_that_names_a_network_address_makes_no_connection() {
    let _alone = alone();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let address = server.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wma");
    let texts = [
        format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://{address}/a.ts\n#EXT-X-ENDLIST\n"
        ),
        format!(
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:rtsp://{address}/x\nm=audio 5004 RTP/AVP 0\n"
        ),
        format!("[Reference]\nRef1=http://{address}/a.asf\n"),
        format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><BaseURL>http://{address}/</BaseURL><Period/></MPD>"
        ),
    ];
    for text in texts {
        fs::write(&path, &text).unwrap();
        let error = start(&path, patient()).expect_err(&text);
        println!("{error}");
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "{text}");
    }
}

#[test]
fn a_child_without_enough_memory_fails_its_file() {
    let _alone = alone();
    if !can_make(Foreign::Wma) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let song = staircase_file(Foreign::Wma, folder.path());
    let limits = Limits { memory_mib: 16, first_sample: Duration::from_secs(2), ..patient() };
    let end = start(&song, limits).and_then(|mut decoding| Sound::rest(&mut decoding).1);
    let error = end.unwrap_err();
    println!("{error}");
    // Where a library is when it gets no more decides how it fails.
    assert!(matches!(error, Error::Died(_) | Error::Refused(_) | Error::TooSlow { .. }), "{error}");
}

#[test]
fn text_and_silence_and_noise_are_refused_in_words() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("song.wma");
    let noise: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [b"Not a song at all.\n".repeat(50), vec![0; 100_000], noise, b"x".to_vec()] {
        fs::write(&path, &bytes).unwrap();
        let error = start(&path, patient()).expect_err("no music");
        println!("{error}");
        assert!(matches!(error, Error::Refused(_)), "{error}");
    }
}
