//! Repeat and shuffle as people set them, and as the queue has them: a program that goes on the air has its songs played in order
//! and once, and what people had set is theirs again when no program decides any more, in this run or a later one.

use orchestrion_protocol::status::Repeat;

use super::App;

/// What people have set while a program has the queue.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Modes {
    aside: Option<(Repeat, bool)>,
}

impl App {
    /// As people set them: repeat and shuffle.
    pub(super) fn modes(&self) -> (Repeat, bool) {
        self.modes.aside.unwrap_or((self.queue.repeat(), self.queue.is_shuffled()))
    }

    /// A program has the queue from now on.
    pub(super) fn set_modes_aside(&mut self) {
        self.modes.aside = Some(self.modes());
        self.queue.set_repeat(Repeat::Off);
        self.queue.set_shuffle(false);
    }

    /// No program has it any more.
    pub(super) fn take_modes_back(&mut self) {
        if let Some((repeat, shuffle)) = self.modes.aside.take() {
            self.queue.set_repeat(repeat);
            self.queue.set_shuffle(shuffle);
        }
    }

    /// The configuration says them, or leaves them as they were.
    pub(super) fn take_modes(&mut self, repeat: Repeat, shuffle: bool) {
        if let Some(aside) = &mut self.modes.aside {
            *aside = (repeat, shuffle);
            return;
        }
        self.queue.set_repeat(repeat);
        if self.queue.is_shuffled() != shuffle {
            self.queue.set_shuffle(shuffle);
        }
    }

    /// Somebody sets it.
    pub(super) fn set_repeat(&mut self, repeat: Repeat) {
        if let Some((aside, _)) = &mut self.modes.aside {
            *aside = repeat;
        }
        self.queue.set_repeat(repeat);
    }

    /// Somebody sets it.
    pub(super) fn set_shuffle(&mut self, on: bool) {
        if let Some((_, aside)) = &mut self.modes.aside {
            *aside = on;
        }
        self.queue.set_shuffle(on);
    }
}
