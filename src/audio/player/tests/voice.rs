//! Announcements with real files, over music that plays in real time to nobody.

use std::path::PathBuf;

use orchestrion_rig::dying_disk::DyingDisk;

use super::*;
use crate::audio::{DUCK_DOWN_MS, DUCK_UP_MS, SaidEnd, Say, SayAt};

const MUSIC: LoadId = LoadId(1);
const SONG: f32 = 0.4;
/// Bytes of a frame of these files: two floats.
const FRAME_LEN: u64 = 8;

/// Music that plays, and files to be said.
struct Room {
    dir: tempfile::TempDir,
    running: Running,
}

impl Room {
    fn new() -> Self {
        let room = Self { dir: tempfile::tempdir().unwrap(), running: Running::start() };
        let music = room.file("music.wav", SONG, 60_000);
        room.running.play(MUSIC, &music, 0.0);
        room.running.wait_for(|event| matches!(event, Event::Started { .. }).then_some(()));
        room
    }

    /// A file of one level, so that peaks tell gains.
    fn file(&self, name: &str, level: f32, ms: usize) -> PathBuf {
        let path = self.dir.path().join(name);
        encode(&signal::doubled(&vec![level; 48 * ms]), 2, 48_000, Format::Wav, &path).unwrap();
        path
    }

    fn say(&self, load: u64, path: &Path) -> Say {
        let load = LoadId(load);
        let at = SayAt::Ready;
        Say { load, path: path.into(), gain_db: 0.0, duck_db: 12.0, pierces_pause: true, at }
    }

    fn started(&self, wanted: u64) {
        self.running.wait_for(|event| {
            let Event::SayStarted { load } = event else { return None };
            (*load == LoadId(wanted)).then_some(())
        });
    }

    fn said(&self, wanted: u64) -> (Heard, SaidEnd) {
        self.running.wait_for(|event| {
            let Event::Said { load, heard, end } = event else { return None };
            (*load == LoadId(wanted)).then(|| (*heard, end.clone()))
        })
    }

    /// Waits until the music is as loud as it was.
    fn wait_for_the_music(&self) {
        while (self.running.next_peak() - SONG).abs() > 1e-4 {}
    }

    /// Ends the music and tells what was heard of it.
    fn end(&self) -> Heard {
        self.running.tell(Command::Unload { load: MUSIC, fade_ms: 0 });
        self.running.wait_for(|event| {
            let Event::Ended { load: MUSIC, heard, .. } = event else { return None };
            Some(*heard)
        })
    }
}

#[test]
fn an_announcement_is_heard_whole_with_its_gain_and_the_song_knows_how_long_it_was_ducked() {
    let room = Room::new();
    let file = room.file("a.wav", 0.5, 1500);
    room.running.tell(Command::Say(Say { at: SayAt::Told, ..room.say(2, &file) }));
    let media = room.running.wait_for(|event| {
        let Event::SayReady { load: LoadId(2), media } = event else { return None };
        Some(media.clone())
    });
    assert_eq!((media.duration_ms, media.rate_hz), (Some(1500), 48_000));
    // As for a song: told between, it begins with this gain.
    room.running.tell(Command::Gain { load: LoadId(2), gain_db: -6.0206 });
    assert!((room.running.next_peak() - SONG).abs() < 1e-4, "it waits to be told");
    room.running.tell(Command::Speak { load: LoadId(2) });
    room.started(2);
    room.running.next_peak();
    let peak = room.running.next_peak();
    let wanted = SONG * volume::of_decibels(-12.0) + 0.25;
    assert!((peak - wanted).abs() < 1e-3, "{peak}, not {wanted}");
    let (heard, end) = room.said(2);
    let whole = Heard { position_ms: 1500, heard_ms: 1500, audible_ms: 0, ducked_ms: 0 };
    assert_eq!((heard, end), (whole, SaidEnd::Finished));
    room.wait_for_the_music();
    assert_eq!(room.end().ducked_ms, u64::from(DUCK_DOWN_MS + DUCK_UP_MS) + 1500);
}

#[test]
fn files_that_fail_are_told_and_leave_the_music_alone_and_one_that_breaks_off_lets_it_come_back() {
    let room = Room::new();
    let text = room.dir.path().join("a.txt");
    std::fs::write(&text, "no sound").unwrap();
    for (load, path) in [(2, text.as_path()), (3, Path::new("/nowhere/a.wav")), (4, room.dir.path())] {
        room.running.tell(Command::Say(room.say(load, path)));
        let (heard, end) = room.said(load);
        assert!(heard == Heard::default() && matches!(end, SaidEnd::Failed(_)), "{end:?}");
    }
    let cut = room.file("cut.wav", 0.2, 4000);
    std::fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(FRAME_LEN * 48 * 500).unwrap();
    room.running.tell(Command::Say(room.say(5, &cut)));
    let (heard, end) = room.said(5);
    assert!(matches!(end, SaidEnd::Failed(LoadError::Truncated { .. })), "{end:?}");
    assert!((400..=500).contains(&heard.heard_ms), "{heard:?}");
    room.wait_for_the_music();
    let ducked_ms = u64::from(DUCK_DOWN_MS + DUCK_UP_MS) + heard.heard_ms;
    assert!(room.end().ducked_ms.abs_diff(ducked_ms) <= 1);
}

#[test]
fn one_that_is_hushed_or_replaced_ends_and_the_newer_one_is_heard() {
    let room = Room::new();
    let (long, short) = (room.file("long.wav", 0.2, 30_000), room.file("short.wav", 0.2, 300));
    room.running.tell(Command::Say(room.say(2, &long)));
    room.started(2);
    room.running.tell(Command::Hush { load: LoadId(9), fade_ms: 0 });
    room.running.tell(Command::Say(room.say(3, &long)));
    // Not begun, and replaced; then one that waits for its word, and is hushed.
    room.running.tell(Command::Say(Say { at: SayAt::Told, ..room.say(4, &short) }));
    let (mut ended, mut is_ready) = (vec![], false);
    while ended.len() < 2 || !is_ready {
        room.running.wait_for(|event| match event {
            Event::Said { load, heard, end } => {
                ended.push((*load, heard.heard_ms > 0, end.clone()));
                Some(())
            }
            Event::SayReady { load: LoadId(4), .. } => {
                is_ready = true;
                Some(())
            }
            _ => None,
        });
    }
    ended.sort_by_key(|(load, ..)| *load);
    assert_eq!(ended, [(LoadId(2), true, SaidEnd::Cut), (LoadId(3), false, SaidEnd::Cut)]);
    room.running.tell(Command::Hush { load: LoadId(4), fade_ms: 100 });
    assert_eq!(room.said(4), (Heard::default(), SaidEnd::Cut));
    room.running.tell(Command::Say(room.say(5, &long)));
    room.started(5);
    room.running.tell(Command::Hush { load: LoadId(5), fade_ms: 100 });
    let (heard, end) = room.said(5);
    assert!(heard.heard_ms >= 100 && end == SaidEnd::Cut, "{heard:?} {end:?}");
    room.wait_for_the_music();
    room.running.tell(Command::Say(room.say(6, &short)));
    assert_eq!(room.said(6).1, SaidEnd::Finished);
}

#[test]
fn while_the_music_is_paused_only_what_may_is_said_and_the_rest_waits() {
    let room = Room::new();
    let file = room.file("a.wav", 0.2, 500);
    room.running.tell(Command::Hold { fade_ms: 10 });
    room.running.tell(Command::Say(room.say(2, &file)));
    assert_eq!(room.said(2).1, SaidEnd::Finished);
    room.running.tell(Command::Say(Say { pierces_pause: false, ..room.say(3, &file) }));
    room.running.wait_for(|event| matches!(event, Event::SayReady { .. }).then_some(()));
    // Longer than a file may starve the output: what waits is not taken for one that does not answer.
    let until = Instant::now() + Duration::from_secs(3);
    while let Ok(event) = room.running.events.recv_deadline(until) {
        let is_said =
            matches!(event, crate::app::Event::Audio(Event::SayStarted { .. } | Event::Said { .. }));
        assert!(!is_said, "{event:?}");
    }
    room.running.tell(Command::Release { fade_ms: 10 });
    let (heard, end) = room.said(3);
    assert_eq!((heard.heard_ms, end), (500, SaidEnd::Finished));
}

#[test]
fn a_disk_that_does_not_answer_neither_keeps_the_music_down_nor_the_next_announcement_away() {
    if !DyingDisk::is_available() {
        eprintln!("SKIPPED: a disk that does not answer needs root and /dev/fuse");
        return;
    }
    let room = Room::new();
    let bytes = std::fs::read(room.file("a.wav", 0.2, 20_000)).unwrap();
    let good = room.file("good.wav", 0.2, 300);
    let folder = room.dir.path().join("disk");
    std::fs::create_dir(&folder).unwrap();
    let files = vec![("opens.wav".to_owned(), bytes.clone()), ("never.wav".to_owned(), bytes)];
    let disk = DyingDisk::mount(&folder, files).unwrap();
    // Half a second more than a ring holds.
    disk.hang("opens.wav", FRAME_LEN * 48 * 2500);
    disk.hang("never.wav", 0);
    room.running.tell(Command::Say(room.say(2, &folder.join("opens.wav"))));
    let (heard, end) = room.said(2);
    assert_eq!(end, SaidEnd::Failed(LoadError::Unreadable("the disk does not answer".into())));
    assert!((2000..=2500).contains(&heard.heard_ms), "{heard:?}");
    room.wait_for_the_music();
    room.running.tell(Command::Say(room.say(3, &folder.join("never.wav"))));
    let since = Instant::now();
    room.running.tell(Command::Say(room.say(4, &good)));
    assert_eq!(room.said(3).1, SaidEnd::Cut);
    assert_eq!(room.said(4).1, SaidEnd::Finished);
    assert!(since.elapsed() < hung::OPEN_MAX / 2, "it waited for the one that does not answer");
    room.wait_for_the_music();
    disk.fail();
}

#[test]
fn an_output_of_another_rate_lets_the_announcement_go_on_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    encode(&signal::doubled(&[0.2; 48 * 3000]), 2, 48_000, Format::Wav, &path).unwrap();
    let (to_app, events) = bounded(1024);
    let (service, handle) = AudioPlayer::new(Setup::default(), "/nonexistent".into(), to_app);
    let mut player = Player::start(&service).unwrap();
    let messages = service.messages.lock().unwrap();
    handle.send(Command::Outputs(vec![])).unwrap();
    let (load, at) = (LoadId(1), SayAt::Told);
    let say = Say { load, path: path.as_path().into(), gain_db: 0.0, duck_db: 12.0, pierces_pause: true, at };
    handle.send(Command::Say(say)).unwrap();
    handle.send(Command::Speak { load }).unwrap();
    let (mut told, mut is_changed) = (vec![], false);
    let until = Instant::now() + EVENT_WAIT;
    let (heard, end) = loop {
        assert!(Instant::now() < until && !player.turn(&messages).unwrap(), "{told:?}");
        let given = player.voice_heard();
        if !is_changed && given.is_some_and(|heard| heard.heard_ms > 1000) {
            // As another output would; the one that pulls goes on at its own pace.
            is_changed = true;
            player.rate_hz = 44_100;
        }
        for event in events.try_iter() {
            match event {
                crate::app::Event::Audio(Event::Said { heard, end, .. }) => told.push(Some((heard, end))),
                crate::app::Event::Audio(Event::SayReady { .. } | Event::SayStarted { .. }) => {
                    told.push(None)
                }
                _ => {}
            }
        }
        if let Some(Some(said)) = told.last() {
            break said.clone();
        }
    };
    assert!(is_changed && told.len() == 3, "{told:?}: each is told once");
    assert_eq!(end, SaidEnd::Finished);
    assert!(heard.position_ms.abs_diff(3000) <= 2 && heard.heard_ms.abs_diff(3000) <= 2, "{heard:?}");
}
