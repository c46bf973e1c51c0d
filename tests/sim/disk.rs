//! The disk as storage would have left it: what it was told is there when it was confirmed; of the rest a kill takes away the
//! last. What a start finds is made of it by the rules of `src/storage/restore.rs`.

use std::collections::{BTreeMap, VecDeque};

use orchestrion::storage::{
    Checkpoint, Command, HowEnded, KnownTime, Memories, PAST_LEN_MAX, Past, PastRow, PastSong, PieceMemories,
    PlayEnd, PlayKey, PlayKind, PlayStart, QueueSnapshot, Restored, SHUTDOWN, Settings,
};
use orchestrion::time::Wall;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A row of the play log.
#[derive(Debug, Clone)]
pub struct Row {
    /// When it was opened, by a clock that nobody sets.
    pub true_ms: i64,
    pub start: PlayStart,
    pub end: Option<PlayEnd>,
    pub boot: u64,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Disk {
    pub rows: BTreeMap<PlayKey, Row>,
    /// Told and not confirmed, with the moment.
    waiting: VecDeque<(i64, Command)>,
    run: u64,
    boot: u64,
    /// Rows without an end.
    open: Vec<PlayKey>,
    /// The last rows of songs, of which a start makes the past.
    songs: VecDeque<PlayKey>,
    checkpoint: Option<Checkpoint>,
    queue: QueueSnapshot,
    settings: Option<Settings>,
    memories: Memories,
    pieces: PieceMemories,
}

impl Disk {
    pub fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            waiting: VecDeque::new(),
            run: 1,
            boot: 1,
            open: Vec::new(),
            songs: VecDeque::new(),
            checkpoint: None,
            queue: QueueSnapshot::default(),
            settings: None,
            memories: Memories::new(),
            pieces: PieceMemories::new(),
        }
    }

    pub fn take(&mut self, true_ms: i64, command: Command) {
        self.waiting.push_back((true_ms, command));
    }

    /// How many entries the queue would have after a restart.
    pub fn queue_len(&self) -> usize {
        self.queue.entries.len()
    }

    /// All that was told is written.
    pub fn settle(&mut self) {
        while let Some((true_ms, command)) = self.waiting.pop_front() {
            self.write(true_ms, command);
        }
    }

    /// The process is gone, or the power; what the next start finds.
    pub fn kill(&mut self, chance: &mut ChaCha8Rng, is_power: bool) -> Restored {
        let written = chance.random_range(0..=self.waiting.len());
        self.waiting.truncate(written);
        self.settle();
        self.boot += u64::from(is_power);
        self.run += 1;
        let (boot, run) = (self.boot, self.run);
        let known = self.checkpoint.and_then(|checkpoint| Some((checkpoint.at, checkpoint.play?)));
        let open = std::mem::take(&mut self.open);
        for key in &open {
            let Some(row) = self.rows.get_mut(key) else { continue };
            let (ended, heard_ms, audible_ms) = match known {
                Some((at, play)) if play.key == *key => {
                    (at.max(row.start.started), play.heard_ms, play.audible_ms)
                }
                _ => (row.start.started, 0, 0),
            };
            let how = if row.boot == boot { HowEnded::Crash } else { HowEnded::Power };
            let reason = format!("found open by run {run}");
            row.end = Some(PlayEnd { key: *key, ended, heard_ms, audible_ms, how, reason, viewed: None });
        }
        let unfinished = self.checkpoint.and_then(|checkpoint| Some(checkpoint.play?.key)).filter(|key| {
            let end = self.rows.get(key).and_then(|row| row.end.as_ref());
            end.is_some_and(|end| {
                matches!(end.how, HowEnded::Crash | HowEnded::Power)
                    || (end.how == HowEnded::Cut && end.reason == SHUTDOWN)
            })
        });
        Restored {
            run,
            boot_id: boot.to_string(),
            queue: self.queue.clone(),
            checkpoint: self.checkpoint,
            settings: self.settings,
            memories: self.memories.clone(),
            pieces: self.pieces.clone(),
            unfinished,
            past: self.past(),
            damage: None,
        }
    }

    fn past(&self) -> Past {
        let rows = self.songs.iter().filter_map(|key| self.rows.get(key));
        let row = |row: &Row| {
            let program = row.start.program.as_deref();
            let choice = program.and_then(|program| program.choice.as_ref());
            PastRow {
                boot_id: row.boot.to_string(),
                mono_ms: row.start.started.0,
                wall_ms: row.start.started_wall.map(|wall| wall.0),
                goes_on: row.start.continues.is_some(),
                song: match program.and_then(|program| program.recording.clone()) {
                    Some(recording) => PastSong::Recording(recording),
                    None => PastSong::File(row.start.path.to_path_buf()),
                },
                from: choice.and_then(|choice| Some((choice.playlist.clone()?, choice.position))),
                choice: choice.map(|choice| choice.number),
            }
        };
        let latest = self.rows.values().rev().take(100).filter_map(|row| row.start.started_wall).max();
        Past::of_rows(rows.map(row).collect(), latest, &self.boot.to_string())
    }

    fn write(&mut self, true_ms: i64, command: Command) {
        match command {
            Command::OpenPlay(_, start) => {
                let key = start.key;
                if self.rows.contains_key(&key) {
                    return;
                }
                if start.kind == PlayKind::Music {
                    self.songs.push_back(key);
                    if self.songs.len() > PAST_LEN_MAX {
                        self.songs.pop_front();
                    }
                }
                self.open.push(key);
                self.rows.insert(key, Row { true_ms, start: *start, end: None, boot: self.boot });
            }
            Command::ClosePlay(_, end) => {
                self.open.retain(|key| *key != end.key);
                if let Some(row) = self.rows.get_mut(&end.key) {
                    row.end.get_or_insert(end);
                }
            }
            Command::Checkpoint(checkpoint) => self.checkpoint = Some(checkpoint),
            Command::SaveQueue(_, queue) => self.queue = queue,
            Command::SaveSettings(_, settings) => self.settings = Some(settings),
            Command::CompleteTimes(_, known) => self.complete_times(&known),
            Command::Remember(_, whose, text) => drop(self.memories.insert(whose, text)),
            Command::RememberPieces(_, whose, pieces) => {
                let kept = self.pieces.entry(whose).or_default();
                for (name, text) in pieces {
                    match text {
                        Some(text) => drop(kept.insert(name, text)),
                        None => drop(kept.remove(&name)),
                    }
                }
            }
            Command::All(commands) => commands.into_iter().for_each(|command| self.write(true_ms, command)),
        }
    }

    fn complete_times(&mut self, known: &KnownTime) {
        for row in self.rows.values_mut().rev().take_while(|row| row.boot == self.boot) {
            let wall_ms = known.offset_ms + i64::try_from(row.start.started.0).unwrap();
            row.start.started_wall.get_or_insert(Wall(wall_ms));
        }
    }
}
