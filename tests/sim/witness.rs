//! What the disk was told: each play must be opened once and closed once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orchestrion::audio;
use orchestrion::storage::{Checkpoint, Command, PlayKey, QueueSnapshot, Ticket};

#[derive(Default)]
pub struct Witness {
    plays: BTreeMap<PlayKey, (PathBuf, Option<&'static str>)>,
    checkpoint: Option<Checkpoint>,
    queue: QueueSnapshot,
    last_ticket: u64,
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
                play.1 = Some(end.how.as_str());
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
            Command::SaveSettings(ticket, _) => ticket,
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
        self.plays.values().filter(|(_, end)| *end == Some(how)).count()
    }

    pub fn last_path(&self) -> &Path {
        &self.plays.values().last().unwrap().0
    }

    /// What was played, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.plays.values().map(|(path, _)| path.clone()).collect()
    }

    pub fn queue(&self) -> QueueSnapshot {
        self.queue.clone()
    }

    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.checkpoint
    }

    pub fn check_all_closed(&self) {
        let open: Vec<_> = self.plays.iter().filter(|(_, (_, end))| end.is_none()).collect();
        assert!(open.is_empty(), "left open: {open:?}");
    }
}
