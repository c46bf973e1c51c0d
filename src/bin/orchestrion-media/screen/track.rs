//! The sound of the film that runs on its way to the daemon: in pieces of one size, each a bounded time before it is due.

use std::time::Duration;

use orchestrion::media::screen::message::{SOUND_FRAME_LEN, SOUND_FRAMES_MAX};

use super::pace::Pace;
use super::sound::{Heard, Piece, Sound, frames_ns, frames_within};

/// Pieces follow each other if their times differ by no more, in nanoseconds.
const JOIN_NS: u64 = 2_000_000;
/// How soon it is tried again where the daemon has no room.
const AGAIN_IN: Duration = Duration::from_millis(10);
/// Bytes that are said at once.
const BATCH_LEN: usize = SOUND_FRAMES_MAX * SOUND_FRAME_LEN;

/// See the head of this file.
pub struct Track {
    sound: Sound,
    /// What is not due soon enough yet.
    piece: Option<Piece>,
    /// What will be said next, and when its first frame is due.
    batch: Vec<u8>,
    batch_due: u64,
    is_over: bool,
}

/// The moments that matter, in nanoseconds of the output's clock.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub now: u64,
    /// How long before it is due sound is said.
    pub lead: u64,
}

impl Track {
    pub fn new(sound: Sound) -> Self {
        Self { sound, piece: None, batch: Vec::with_capacity(BATCH_LEN), batch_due: 0, is_over: false }
    }

    /// What it decodes, to be closed.
    pub fn into_sound(self) -> Sound {
        self.sound
    }

    /// Says what is due soon; `say` is told when a batch is due, and whether there is room for it. Gives how long there is
    /// nothing more to say, unless the bell rings.
    ///
    /// # Errors
    /// In words: the sound cannot go on.
    pub fn advance(
        &mut self,
        span: Span,
        pace: &Pace,
        mut say: impl FnMut(u64, &[u8]) -> bool,
    ) -> Result<Option<Duration>, String> {
        loop {
            if self.batch.len() >= BATCH_LEN && !self.flush(&mut say) {
                return Ok(Some(AGAIN_IN));
            }
            let piece = match self.piece.take() {
                Some(piece) => piece,
                None if self.is_over => return Ok(None),
                None => match self.sound.next() {
                    Heard::Piece(piece) => piece,
                    Heard::End => {
                        self.is_over = self.flush(&mut say);
                        return Ok((!self.is_over).then_some(AGAIN_IN));
                    }
                    Heard::Failed(words) => {
                        self.flush(&mut say);
                        return Err(words);
                    }
                    Heard::Nothing => {
                        // A decoder that is slow does not keep back what it has made.
                        let is_due = self.batch_due < span.now + span.lead / 2;
                        let is_said = !is_due || self.flush(&mut say);
                        return Ok((!is_said).then_some(AGAIN_IN));
                    }
                },
            };
            if let Some(wait) = self.put(piece, span, pace, &mut say) {
                return Ok(Some(wait));
            }
        }
    }

    /// Adds a piece to the batch, as far as there is room; gives how long it is to wait if it is early.
    fn put(
        &mut self,
        mut piece: Piece,
        span: Span,
        pace: &Pace,
        say: &mut impl FnMut(u64, &[u8]) -> bool,
    ) -> Option<Duration> {
        // What lies before the output began is past for certain.
        let mut due = pace.sound_due(piece.pts)?;
        if due > span.now + span.lead {
            self.piece = Some(piece);
            return Some(Duration::from_nanos(due - span.now - span.lead));
        }
        let past = span.now.max(pace.start()).saturating_sub(due);
        if past > 0 {
            let frames = frames_within(past).saturating_add(1);
            piece.skip(frames);
            due += frames_ns(frames);
            if piece.bytes().is_empty() {
                return None;
            }
        }
        let batch_end = self.batch_due + frames_ns(self.batch.len() / SOUND_FRAME_LEN);
        if !self.batch.is_empty() && batch_end.abs_diff(due) > JOIN_NS && !self.flush(say) {
            self.piece = Some(piece);
            return Some(AGAIN_IN);
        }
        if self.batch.is_empty() {
            self.batch_due = due;
        }
        let len = piece.bytes().len().min(BATCH_LEN - self.batch.len());
        self.batch.extend_from_slice(&piece.bytes()[..len]);
        piece.skip(len / SOUND_FRAME_LEN);
        self.piece = Some(piece).filter(|piece| !piece.bytes().is_empty());
        None
    }

    /// Says the batch; `false`: there is no room.
    fn flush(&mut self, say: &mut impl FnMut(u64, &[u8]) -> bool) -> bool {
        let is_said = self.batch.is_empty() || say(self.batch_due, &self.batch);
        if is_said {
            self.batch.clear();
        }
        is_said
    }
}
