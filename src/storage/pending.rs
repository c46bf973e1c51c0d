//! What is not yet on the disk. Coalesces: of checkpoints, queues and settings the last, of a play one row. Pure.

use std::collections::BTreeMap;

use super::{
    Checkpoint, Command, KnownTime, Memories, Pieces, PlayEnd, PlayKey, PlayStart, QueueSnapshot, Remembered,
    Settings, Ticket,
};

/// Plays that wait for a disk that refuses, in rows. A busy device plays about 400 songs a day, so that is weeks.
pub const PLAYS_UNSAVED_MAX: usize = 10_000;

/// Commands that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Pending {
    plays: BTreeMap<PlayKey, Play>,
    checkpoint: Option<Checkpoint>,
    queue: Option<QueueSnapshot>,
    settings: Option<Settings>,
    memories: Memories,
    pieces: BTreeMap<Remembered, Pieces>,
    known_time: Option<KnownTime>,
    ticket: Option<Ticket>,
    dropped: u64,
}

/// What has to be written of one play.
#[derive(Debug, Default)]
pub(super) struct Play {
    pub(super) start: Option<Box<PlayStart>>,
    pub(super) end: Option<PlayEnd>,
}

impl Pending {
    /// Takes one command. What was told first of a play stays, as it does in the database.
    pub(super) fn add(&mut self, command: Command) {
        let ticket = match command {
            Command::OpenPlay(ticket, start) => {
                self.plays.entry(start.key).or_default().start.get_or_insert(start);
                Some(ticket)
            }
            Command::ClosePlay(ticket, end) => {
                self.plays.entry(end.key).or_default().end.get_or_insert(end);
                Some(ticket)
            }
            Command::Checkpoint(checkpoint) => {
                self.checkpoint = Some(checkpoint);
                None
            }
            Command::SaveQueue(ticket, queue) => {
                self.queue = Some(queue);
                Some(ticket)
            }
            Command::SaveSettings(ticket, settings) => {
                self.settings = Some(settings);
                Some(ticket)
            }
            Command::CompleteTimes(ticket, known) => {
                self.known_time = Some(known);
                Some(ticket)
            }
            Command::Remember(ticket, whose, text) => {
                self.memories.insert(whose, text);
                Some(ticket)
            }
            Command::RememberPieces(ticket, whose, pieces) => {
                self.pieces.entry(whose).or_default().extend(pieces);
                Some(ticket)
            }
            Command::All(commands) => return commands.into_iter().for_each(|command| self.add(command)),
        };
        self.ticket = self.ticket.max(ticket);
        while self.plays.len() > PLAYS_UNSAVED_MAX {
            self.plays.pop_first();
            self.dropped += 1;
        }
    }

    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.checkpoint.is_none() && !self.must_last()
    }

    /// Something waits that must not be lost: more than a checkpoint.
    pub(super) fn must_last(&self) -> bool {
        self.ticket.is_some()
    }

    /// The plays that wait, by their keys.
    pub(super) fn plays(&self) -> impl ExactSizeIterator<Item = (&PlayKey, &Play)> {
        self.plays.iter()
    }

    /// The last checkpoint.
    pub(super) fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// The last queue.
    pub(super) fn queue(&self) -> Option<&QueueSnapshot> {
        self.queue.as_ref()
    }

    /// The last settings.
    pub(super) fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// The time of day, if it has become known.
    pub(super) fn known_time(&self) -> Option<&KnownTime> {
        self.known_time.as_ref()
    }

    /// The last texts.
    pub(super) fn memories(&self) -> &Memories {
        &self.memories
    }

    /// The pieces that have changed.
    pub(super) fn pieces(&self) -> &BTreeMap<Remembered, Pieces> {
        &self.pieces
    }

    /// Plays that were given up since this was asked last.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// All of it is on the disk: forgets it and gives the highest ticket.
    pub(super) fn written(&mut self) -> Option<Ticket> {
        let dropped = self.dropped;
        let written = std::mem::take(self);
        self.dropped = dropped;
        written.ticket
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{checkpoint, end, start};
    use super::*;

    #[test]
    fn of_many_checkpoints_the_last_remains_and_no_ticket() {
        let mut pending = Pending::default();
        for n in 0..100 {
            pending.add(Command::Checkpoint(checkpoint(n, None)));
        }
        assert_eq!(pending.checkpoint(), Some(&checkpoint(99, None)));
        assert!(!pending.is_empty() && !pending.must_last());
        assert_eq!(pending.written(), None);
        assert!(pending.is_empty());
    }

    #[test]
    fn a_play_is_one_row_however_often_it_is_told() {
        let mut pending = Pending::default();
        for _ in 0..3 {
            pending.add(Command::OpenPlay(Ticket(4), Box::new(start(1, 1))));
            pending.add(Command::ClosePlay(Ticket(5), end(1, 1, 100)));
        }
        pending.add(Command::ClosePlay(Ticket(6), end(1, 1, 999)));
        assert_eq!(pending.plays().len(), 1);
        let (_, play) = pending.plays().next().unwrap();
        assert_eq!(
            play.end.as_ref().unwrap().heard_ms,
            100,
            "the first end counts, as it does in the database"
        );
        assert_eq!(pending.written(), Some(Ticket(6)));
    }

    #[test]
    fn beyond_the_limit_the_oldest_plays_go_and_are_counted() {
        let mut pending = Pending::default();
        for seq in 1..=PLAYS_UNSAVED_MAX as u64 + 7 {
            pending.add(Command::OpenPlay(Ticket(seq), Box::new(start(1, seq))));
        }
        assert_eq!(pending.plays().len(), PLAYS_UNSAVED_MAX);
        assert_eq!(pending.plays().next().unwrap().0.seq, 8);
        assert_eq!((pending.take_dropped(), pending.take_dropped()), (7, 0));
    }
}
