//! What all tests of the storage need, and the rules of a start.

mod faults;
mod figures;
mod past;
mod queues;
mod starts;
mod thread;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use orchestrion_program::Date;
use orchestrion_program::rotation::Loosened;
use orchestrion_protocol::release::Edition;
use orchestrion_protocol::status::{EntryId, Repeat};

use super::pending::Pending;
use super::*;
use crate::app::Defaults;
use crate::time::Now;

pub(super) fn key(run: u64, seq: u64) -> PlayKey {
    PlayKey { run, seq }
}

pub(super) fn now(ms: u64) -> Now {
    Now { monotonic: Mono(ms), wall: Some(Wall(1_790_000_000_000 + ms.cast_signed())) }
}

pub(super) fn start(run: u64, seq: u64) -> PlayStart {
    PlayStart {
        key: key(run, seq),
        kind: PlayKind::Music,
        path: Path::new(OsStr::from_bytes(b"/music/caf\xe9/1.flac")).into(),
        size: 30_000_000,
        modified_ms: -5,
        title: Some("Title".into()),
        artist: None,
        album: Some("\u{97f3}\u{0}".into()),
        started: Mono(1000 * seq),
        started_wall: Some(Wall(1_790_000_000_000)),
        clock: ClockState::Trusted { uncertainty_ms: 20 },
        duration_ms: Some(180_000),
        start_offset_ms: 7,
        output: "hw:CARD=Headphones".into(),
        volume_db: Some(-12.5),
        chosen_by: ChosenBy::Queue,
        continues: (seq == 1 && run > 1).then(|| key(run - 1, 1)),
        blob: Some(crate::measure::Blob([7; 32])),
        program: Some(Box::new(programmed("song"))),
    }
}

pub(super) fn programmed(recording: &str) -> Programmed {
    Programmed {
        place: "leeds".into(),
        zone: "Europe/London".into(),
        territory: Some("GB".into()),
        recording: Some(recording.into()),
        daypart: Some("morning".into()),
        choice: Some(Chosen {
            number: 41,
            playlist: Some("soft".into()),
            position: 3,
            loosened: vec![Loosened::Weights, Loosened::Fallback],
        }),
        local: Some(LocalDay { date: Date::from_days(20_718), offset_s: 3600 }),
        spot: None,
        release: Some(Edition { epoch: 1, number: 7 }),
    }
}

pub(super) fn end(run: u64, seq: u64, heard_ms: u64) -> PlayEnd {
    PlayEnd {
        key: key(run, seq),
        ended: Mono(1000 * seq + heard_ms),
        heard_ms,
        audible_ms: heard_ms / 2,
        how: HowEnded::Finished,
        reason: String::new(),
        viewed: None,
    }
}

pub(super) fn checkpoint(at: u64, play: Option<(PlayKey, u64)>) -> Checkpoint {
    Checkpoint {
        at: Mono(at),
        entry: EntryId(3),
        position_ms: at / 2,
        playing: true,
        play: play.map(|(key, heard_ms)| OpenPlay { key, heard_ms, audible_ms: heard_ms / 2 }),
    }
}

pub(super) fn settings(volume: u8) -> Settings {
    Settings {
        volume,
        muted: true,
        repeat: Repeat::One,
        shuffle: true,
        crossfade_ms: 4000,
        seed: u64::MAX - 3,
        defaults: Some(Defaults { volume: 90, repeat: Repeat::All, shuffle: false, crossfade_ms: 5000 }),
    }
}

/// A queue of these entries, playing in this order.
pub(super) fn queue(order: &[u64]) -> QueueSnapshot {
    let mut ids = order.to_vec();
    ids.sort_unstable();
    let entry = |id: u64| KeptEntry {
        id: EntryId(id),
        path: Path::new(OsStr::from_bytes(format!("/music/some album/{id}.flac").as_bytes())).into(),
    };
    QueueSnapshot {
        current: order.first().copied().map(EntryId),
        next_entry: ids.last().map_or(0, |id| id + 1),
        entries: Arc::new(ids.into_iter().map(entry).collect()),
        order: Arc::new(order.iter().copied().map(EntryId).collect()),
    }
}

pub(super) fn write(
    database: &mut Database,
    commands: impl IntoIterator<Item = Command>,
) -> Result<(), String> {
    let mut pending = Pending::default();
    commands.into_iter().for_each(|command| pending.add(command));
    database.write(&pending)
}

pub(super) fn open(run: u64, seq: u64) -> Command {
    Command::OpenPlay(Ticket(seq), Box::new(start(run, seq)))
}

pub(super) fn close(run: u64, seq: u64, heard_ms: u64) -> Command {
    Command::ClosePlay(Ticket(seq), end(run, seq, heard_ms))
}

/// What a power cut leaves: the files as they lie there now, without what only lived in memory.
pub(super) fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with("-shm") {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

pub(super) fn plays(state_dir: &Path) -> Vec<PlayRow> {
    read_plays(&database_path(state_dir)).unwrap()
}

/// How each play ended, and how much of it was heard; `None` for an open one.
pub(super) fn ends(state_dir: &Path) -> Vec<(PlayKey, Option<(String, u64)>)> {
    plays(state_dir).into_iter().map(|row| (row.key, row.end.map(|end| (end.how, end.heard_ms)))).collect()
}
