//! What the disk has been told and has not yet confirmed.

use std::collections::VecDeque;

use orchestrion_program::model::Zone;

use super::Effect;
use crate::storage::{
    Command, KnownTime, Pieces, PlayEnd, PlayStart, QueueSnapshot, Remembered, Settings, Ticket,
};

/// Commands that may wait for the disk; beyond them the oldest is forgotten here (the storage thread may still hold it).
const UNCONFIRMED_MAX: usize = 10_000;

/// Gives out tickets and keeps what they stand for until it is on the disk.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    last: u64,
    unconfirmed: VecDeque<(Ticket, Command)>,
}

impl Keeper {
    pub(super) fn open_play(&mut self, start: PlayStart, effects: &mut Vec<Effect>) {
        self.keep(|ticket| Command::OpenPlay(ticket, Box::new(start)), effects);
    }

    pub(super) fn close_play(&mut self, end: PlayEnd, effects: &mut Vec<Effect>) {
        self.keep(|ticket| Command::ClosePlay(ticket, end), effects);
    }

    pub(super) fn save_queue(&mut self, queue: QueueSnapshot, effects: &mut Vec<Effect>) {
        self.unconfirmed.retain(|(_, command)| !matches!(command, Command::SaveQueue(..)));
        self.keep(|ticket| Command::SaveQueue(ticket, queue), effects);
    }

    pub(super) fn save_settings(&mut self, settings: Settings, effects: &mut Vec<Effect>) {
        self.unconfirmed.retain(|(_, command)| !matches!(command, Command::SaveSettings(..)));
        self.keep(|ticket| Command::SaveSettings(ticket, settings), effects);
    }

    pub(super) fn remember(&mut self, whose: Remembered, text: String, effects: &mut Vec<Effect>) {
        self.unconfirmed
            .retain(|(_, command)| !matches!(command, Command::Remember(_, other, _) if *other == whose));
        self.keep(|ticket| Command::Remember(ticket, whose, text), effects);
    }

    /// Pieces that have changed; what waits of others with them.
    pub(super) fn remember_pieces(&mut self, whose: Remembered, pieces: Pieces, effects: &mut Vec<Effect>) {
        let mut all = Pieces::new();
        self.unconfirmed.retain_mut(|(_, command)| match command {
            Command::RememberPieces(_, other, waiting) if *other == whose => {
                all.append(waiting);
                false
            }
            _ => true,
        });
        all.extend(pieces);
        self.keep(|ticket| Command::RememberPieces(ticket, whose, all), effects);
    }

    /// The time is known: rows of this boot without one get theirs.
    pub(super) fn complete_times(&mut self, offset_ms: i64, zone: Option<Zone>, effects: &mut Vec<Effect>) {
        self.unconfirmed.retain(|(_, command)| !matches!(command, Command::CompleteTimes(..)));
        let zone = zone.map(Box::new);
        self.keep(|ticket| Command::CompleteTimes(ticket, KnownTime { offset_ms, zone }), effects);
    }

    /// Everything up to this ticket is on the disk.
    pub(super) fn kept(&mut self, upto: Ticket) {
        self.unconfirmed.retain(|(ticket, _)| *ticket > upto);
    }

    /// The storage thread lost its memory: tell it again.
    pub(super) fn repeat(&self, effects: &mut Vec<Effect>) {
        effects.extend(self.unconfirmed.iter().map(|(_, command)| Effect::Storage(command.clone())));
    }

    /// Whether all is on the disk.
    pub(super) fn is_settled(&self) -> bool {
        self.unconfirmed.is_empty()
    }

    fn keep(&mut self, command: impl FnOnce(Ticket) -> Command, effects: &mut Vec<Effect>) {
        self.last += 1;
        let ticket = Ticket(self.last);
        let command = command(ticket);
        if self.unconfirmed.len() >= UNCONFIRMED_MAX {
            self.unconfirmed.pop_front();
        }
        self.unconfirmed.push_back((ticket, command.clone()));
        effects.push(Effect::Storage(command));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_confirmed_is_told_again_and_only_that() {
        let (mut keeper, mut effects) = (Keeper::default(), Vec::new());
        for _ in 0..3 {
            keeper.save_queue(QueueSnapshot::default(), &mut effects);
        }
        keeper.save_settings(
            Settings {
                volume: 1,
                muted: false,
                repeat: orchestrion_protocol::status::Repeat::Off,
                shuffle: false,
                crossfade_ms: 0,
                seed: 0,
                defaults: None,
            },
            &mut effects,
        );
        assert_eq!(effects.len(), 4);
        keeper.kept(Ticket(3));
        let mut again = Vec::new();
        keeper.repeat(&mut again);
        assert_eq!(again, effects[3..]);
        keeper.kept(Ticket(4));
        assert!(keeper.is_settled());
    }
}
