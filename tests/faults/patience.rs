//! What may rightly take long is no hang.

use std::time::{Duration, Instant};

use orchestrion_rig::dying_disk::DyingDisk;
use orchestrion_rig::supervisor::Event;

use super::{House, PLAYING, STILL_MS_MAX, WAIT_MAX};
use crate::place::Place;

/// A file whose measuring takes several times as long as anybody may stand still here, also on a fast machine: twenty hours of music, of
/// the day at most that is measured.
const LONG_S: u64 = 20 * 3_600;
/// Bytes of a second: mono of 16 bits at 8 kHz.
const SECOND_LEN: u64 = 16_000;
/// It must not end in so long.
const GOES_ON: Duration = Duration::from_millis(3 * STILL_MS_MAX);

fn goes_on(house: &House) {
    let ended =
        house.supervisor.wait_for(GOES_ON, |event| matches!(event, Event::Ended(_) | Event::TimedOut));
    assert!(ended.is_err(), "{ended:?}: {}", house.place.setup.log());
    house.wait_for_music(Instant::now());
}

#[test]
fn measuring_a_long_file_is_no_hang() {
    let place = Place::new();
    long(&place.path().join("music/0.wav"));
    let house = House::at(place, PLAYING, &[]);
    let (_, event) = house.wait_for(|event| matches!(event, Event::Started(_)));
    let Event::Started(pid) = event else { unreachable!() };
    house.wait_for(|event| *event == Event::Said("READY=1".into()));
    goes_on(&house);
    // It is still at it, or this would show nothing.
    let before = measuring_ticks(pid);
    let deadline = Instant::now() + WAIT_MAX;
    while measuring_ticks(pid) == before {
        assert!(Instant::now() < deadline, "the file was measured already; make it longer");
        std::thread::sleep(super::LOOK_EVERY);
    }
}

/// How long the measuring thread of a process has run, in ticks.
fn measuring_ticks(pid: u32) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|entry| entry.unwrap().path());
    let measures = |task: &std::path::PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "measure\n")
    };
    let task = tasks.into_iter().find(measures).unwrap();
    let stat = std::fs::read_to_string(task.join("stat")).unwrap();
    let words: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    words[11].parse::<u64>().unwrap() + words[12].parse::<u64>().unwrap()
}

/// A WAV file of silence, which takes no room on the disk.
fn long(path: &std::path::Path) {
    let len = u32::try_from(LONG_S * SECOND_LEN).unwrap();
    let mut head = Vec::from(*b"RIFF");
    head.extend((36 + len).to_le_bytes());
    head.extend(*b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    head.extend(8_000u32.to_le_bytes());
    head.extend(16_000u32.to_le_bytes());
    head.extend(*b"\x02\0\x10\0data");
    head.extend(len.to_le_bytes());
    std::fs::write(path, &head).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_len(head.len() as u64 + u64::from(len)).unwrap();
}

#[test]
fn measuring_that_waits_for_a_disk_which_does_not_answer_does_not_end_the_music() {
    if !DyingDisk::is_available() {
        eprintln!("SKIPPED: a disk that does not answer needs root and /dev/fuse");
        return;
    }
    let place = Place::new();
    let song = place.song("song.wav", 60.0);
    let files = vec![("0.wav".to_owned(), std::fs::read(&song).unwrap())];
    std::fs::create_dir(place.path().join("music/dying")).unwrap();
    let disk = DyingDisk::mount(&place.path().join("music/dying"), files).unwrap();
    disk.hang("0.wav", 0);
    let house = House::at(place, PLAYING, &[]);
    let disk = disk;
    house.wait_for_log("measure service waits for a disk or a server that does not answer");
    goes_on(&house);
    assert!(disk.waiting() > 0);
    disk.fail();
    let deadline = Instant::now() + WAIT_MAX;
    while !house.place.setup.log().contains("nobody waits for a disk or a server any more") {
        assert!(Instant::now() < deadline, "{}", house.place.setup.log());
        std::thread::sleep(super::LOOK_EVERY);
    }
}

#[test]
fn a_server_of_releases_that_says_nothing_is_waited_for_and_is_no_hang() {
    use orchestrion_rig::http_server::{Act, HttpServer};

    let server = HttpServer::start().unwrap();
    server.everywhere(Some(Act::Silence));
    let key = orchestrion_protocol::release::SecretKey::from_chance(&[1; 32]).public();
    let release = format!("[release]\nservers = [\"{}\"]\nkeys = [\"{key}\"]\n", server.url(""));
    let house = House::new(&format!("{PLAYING}\n{release}"), &[]);
    house.wait_for(|event| *event == Event::Said("READY=1".into()));
    let deadline = Instant::now() + WAIT_MAX;
    while server.take_asked().is_empty() {
        assert!(Instant::now() < deadline, "nobody asks: {}", house.place.setup.log());
        std::thread::sleep(super::LOOK_EVERY);
    }
    goes_on(&house);
    assert!(house.place.setup.log().contains("waits for a disk or a server"), "{}", house.place.setup.log());
}
