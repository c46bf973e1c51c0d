//! Announcements: the music goes down, and a film that is heard, the voice is heard, both come up again.
//!
//! All of it happens here, on the sample clock: the voice begins with the frame in which the music is down, and the music
//! begins to rise with the frame after the last one of the voice, however that ended. So nothing that happens to the
//! audio thread leaves the music down.

use super::{Channel, Fade, FeedId, Glide, Input, Mixer, MixerReport, Stage, pull_into};

/// An announcement whose ring waits in [`Input::Voice`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::audio) struct MixerSay {
    pub(in crate::audio) feed: FeedId,
    /// The music's gain meanwhile, above 0; 1 leaves it as it is.
    pub(in crate::audio) duck_gain: f32,
    /// How long the music takes to get there. Where there is none, nobody waits for it.
    pub(in crate::audio) down_frames: u32,
    /// And back.
    pub(in crate::audio) up_frames: u32,
    /// How the voice itself begins; 0 with its first sample as it is.
    pub(in crate::audio) rise_frames: u32,
    /// Heard also while the decks are held; otherwise it is held with them.
    pub(in crate::audio) pierces_hold: bool,
}

/// How far music and films have made room, and for what.
#[derive(Debug)]
pub(super) struct Ducking {
    /// The gain of both decks. It goes evenly in dB, down as well as up.
    gain: Glide,
    /// The gain of a film, for which the music may have made room itself.
    film_gain: Glide,
    speech: Option<MixerSay>,
    /// The music's gain for a film that is heard; 1 while none is.
    for_film: f32,
}

impl Ducking {
    pub(super) fn new() -> Self {
        Self { gain: Glide::at(1.0), film_gain: Glide::at(1.0), speech: None, for_film: 1.0 }
    }

    /// Frames until one of them is where it goes; `None` while they stand still.
    pub(super) fn frames_left(&self) -> Option<usize> {
        let moving = [self.gain, self.film_gain].into_iter().filter(|glide| !glide.is_still());
        moving.map(|glide| glide.frames_left() as usize).min()
    }

    /// To where everything is to be now, within so many frames.
    fn go(&mut self, frames: u32) {
        let for_speech = self.speech.map_or(1.0, |say| say.duck_gain);
        self.gain.go(for_speech.min(self.for_film), frames);
        self.film_gain.go(for_speech, frames);
    }

    /// The music goes to this gain for a film, or back to 1; under an announcement it stays at least as soft as that wants.
    pub(super) fn make_room_for_film(&mut self, gain: f32, frames: u32) {
        self.for_film = gain;
        self.go(frames);
    }

    /// While nothing is heard of the decks their gain need not go anywhere slowly.
    pub(super) fn settle_music(&mut self) {
        self.gain.settle();
    }

    /// Scales what comes from a film and moves on by as many frames.
    pub(super) fn apply_to_film(&mut self, stereo: &mut [f32]) {
        self.film_gain.apply(stereo);
    }

    /// Scales what comes from the decks and moves on by as many frames.
    pub(super) fn apply(&mut self, stereo: &mut [f32]) {
        self.gain.apply(stereo);
    }

    /// Whether the music is softer than without it.
    pub(super) fn is_down(&self) -> bool {
        self.gain != Glide::at(1.0)
    }
}

impl Mixer {
    /// Begins to make room. Without its ring it is not said.
    pub(super) fn say(&mut self, say: MixerSay) {
        let voice = &self.channels[Input::Voice as usize];
        if !voice.holds(say.feed) || voice.stage != Stage::Cued {
            return;
        }
        self.ducking.speech = Some(say);
        self.ducking.go(say.down_frames);
        let is_music = Input::DECKS.iter().any(|deck| self.channels[*deck as usize].is_heard());
        if !is_music {
            self.ducking.gain.settle();
        }
    }

    /// Lets an announcement begin that has its room, and the music come back after one that is over.
    pub(super) fn turn_voice(&mut self) {
        let is_held = self.voice_is_held();
        let Some(say) = self.ducking.speech else {
            self.settle_if_held();
            return;
        };
        let voice = &mut self.channels[Input::Voice as usize];
        if is_held && voice.stage == Stage::Leaving {
            // Its fade would wait for the release, and it would be heard once more.
            voice.stage = Stage::Spent;
        }
        if !voice.holds(say.feed) {
            self.ducking.speech = None;
            self.ducking.go(say.up_frames);
        }
        self.settle_if_held();
        let voice = &mut self.channels[Input::Voice as usize];
        let is_cued = voice.holds(say.feed) && voice.stage == Stage::Cued;
        let may_begin = say.pierces_hold || !(is_held || self.hold.frames_to_silence().is_some());
        if is_cued && may_begin && self.ducking.frames_left().is_none() {
            let gain = voice.feed.as_ref().map_or(1.0, |feed| feed.counters.gain());
            voice.own_gain = Glide::at(gain);
            voice.fade = Fade::rising(say.rise_frames);
            voice.ended = None;
            voice.stage =
                Stage::Sounding { reported: self.reports.push(MixerReport::Started(say.feed)).is_ok() };
        }
    }

    /// While nothing is heard of the decks, or of a film, their gain need not go anywhere slowly.
    fn settle_if_held(&mut self) {
        if self.hold.is_silent() {
            self.ducking.gain.settle();
        }
        if !self.film.is_heard() {
            self.ducking.film_gain.settle();
        }
    }

    /// Whether the voice waits with the decks.
    pub(super) fn voice_is_held(&self) -> bool {
        self.hold.is_silent() && self.voice_obeys_hold()
    }

    fn voice_obeys_hold(&self) -> bool {
        self.ducking.speech.is_some_and(|say| !say.pierces_hold)
    }

    /// Adds the voice to `out`, no longer than it goes on as it is.
    pub(super) fn mix_voice(&mut self, out: &mut [f32]) {
        if !self.channels[Input::Voice as usize].is_heard() || self.voice_is_held() {
            return;
        }
        let audible = self.is_audible();
        let block = &mut self.block[..out.len()];
        block.fill(0.0);
        let voice: &mut Channel = &mut self.channels[Input::Voice as usize];
        pull_into(voice, out.len() / 2, audible, block);
        if self.voice_obeys_hold() {
            // A copy: the decks move the hold on.
            let mut hold = self.hold;
            hold.apply(&mut self.block[..out.len()]);
        }
        for (to, from) in out.iter_mut().zip(&self.block) {
            *to += from;
        }
    }
}
