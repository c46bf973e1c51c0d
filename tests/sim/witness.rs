//! What the disk was told: each play must be opened once and closed once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orchestrion::audio;
use orchestrion::storage::{
    Checkpoint, Command, Memories, PieceMemories, PlayKey, QueueSnapshot, Settings, Ticket,
};

/// How a play ended, and the reason.
type End = (&'static str, String);

#[derive(Default)]
pub struct Witness {
    plays: BTreeMap<PlayKey, (PathBuf, Option<End>)>,
    checkpoint: Option<Checkpoint>,
    queue: QueueSnapshot,
    settings: Option<Settings>,
    memories: Memories,
    pieces: PieceMemories,
    last_ticket: u64,
    /// How often times were completed.
    pub completed: usize,
}

impl Witness {
    /// Takes what would go to the disk; gives the ticket that would be confirmed.
    pub fn store(&mut self, command: Command) -> Option<Ticket> {
        let ticket = match command {
            Command::OpenPlay(ticket, start) => {
                let is_again = ticket.0 <= self.last_ticket;
                let before = self.plays.insert(start.key, (start.path.to_path_buf(), None));
                if let Some(before) = before {
                    assert!(is_again, "{:?} was opened twice", start.key);
                    self.plays.insert(start.key, before);
                }
                ticket
            }
            Command::ClosePlay(ticket, end) => {
                let is_again = ticket.0 <= self.last_ticket;
                let play = self.plays.get_mut(&end.key).expect("a play is closed that was never opened");
                assert!(play.1.is_none() || is_again, "{:?} was closed twice", end.key);
                assert!(end.audible_ms <= end.heard_ms, "{end:?}");
                play.1 = Some((end.how.as_str(), end.reason));
                ticket
            }
            Command::Checkpoint(checkpoint) => {
                self.checkpoint = Some(checkpoint);
                return None;
            }
            Command::SaveQueue(ticket, queue) => {
                self.queue = queue;
                ticket
            }
            Command::SaveSettings(ticket, settings) => {
                self.settings = Some(settings);
                ticket
            }
            Command::CompleteTimes(ticket, _) => {
                self.completed += 1;
                ticket
            }
            Command::Remember(ticket, whose, text) => {
                self.memories.insert(whose, text);
                ticket
            }
            Command::RememberPieces(ticket, whose, pieces) => {
                let kept = self.pieces.entry(whose).or_default();
                for (name, text) in pieces {
                    match text {
                        Some(text) => drop(kept.insert(name, text)),
                        None => drop(kept.remove(&name)),
                    }
                }
                ticket
            }
            Command::All(commands) => {
                return commands.into_iter().filter_map(|command| self.store(command)).last();
            }
        };
        self.last_ticket = self.last_ticket.max(ticket.0);
        Some(Ticket(self.last_ticket))
    }

    pub fn hear(&mut self, event: &audio::Event) {
        if let audio::Event::Ended { heard, .. } = event {
            assert!(heard.audible_ms <= heard.heard_ms);
        }
    }

    pub fn opened(&self) -> usize {
        self.plays.len()
    }

    pub fn closed_as(&self, how: &str) -> usize {
        self.plays.values().filter(|(_, end)| end.as_ref().is_some_and(|(as_how, _)| *as_how == how)).count()
    }

    /// Why plays ended, in order.
    pub fn reasons(&self) -> Vec<&str> {
        self.plays.values().filter_map(|(_, end)| Some(end.as_ref()?.1.as_str())).collect()
    }

    pub fn last_path(&self) -> &Path {
        &self.plays.values().last().unwrap().0
    }

    /// What was played, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.plays.values().map(|(path, _)| path.clone()).collect()
    }

    /// What was heard, in order: without what was missed.
    pub fn heard_paths(&self) -> Vec<PathBuf> {
        let is_heard = |end: &Option<(&str, String)>| end.as_ref().is_none_or(|(how, _)| *how != "missed");
        self.plays.values().filter(|(_, end)| is_heard(end)).map(|(path, _)| path.clone()).collect()
    }

    pub fn queue(&self) -> QueueSnapshot {
        self.queue.clone()
    }

    /// What people set, as it was kept last.
    pub fn settings(&self) -> Option<Settings> {
        self.settings
    }

    pub fn memories(&self) -> Memories {
        self.memories.clone()
    }

    pub fn pieces(&self) -> PieceMemories {
        self.pieces.clone()
    }

    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.checkpoint
    }

    pub fn check_all_closed(&self) {
        let open: Vec<_> = self.plays.iter().filter(|(_, (_, end))| end.is_none()).collect();
        assert!(open.is_empty(), "left open: {open:?}");
    }
}
