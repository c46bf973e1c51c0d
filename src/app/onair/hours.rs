//! Whether something may sound, and what: looked at on start, at each boundary and each minute.

use orchestrion_program as rules;
use rules::Absolute;
use rules::boundary::{self, Takeover};
use rules::now::{Open, Sound};

use super::super::playback::Transport;
use super::super::times::Times;
use super::super::{App, Effect};
use super::clock::left_ms;
use super::{CLOSING_FADE_MS, OnAir};
use crate::time::Now;

/// At least so often it is looked whether something may sound: the clock may have been set.
const LOOK_EVERY_MS: u64 = 60_000;
/// The fade of a daypart that does not wait for the song's end, in milliseconds, if its songs do not overlap longer.
const TAKEOVER_FADE_MS: u32 = 3000;
/// When what is right changes next, as it was looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct NextChange {
    /// Looked up for this moment, or asked at it since; before it something else holds.
    since: Absolute,
    /// `None`: it never changes.
    at: Option<Absolute>,
}

/// A cut without a click, in milliseconds.
const CUT_FADE_MS: u32 = 10;

impl OnAir {
    /// What is right now. What staff have done to the volume ends with the daypart.
    fn hear_rules(&mut self, clock: &rules::Clock) -> Sound {
        let sound = self.program.rules.what_now(clock, &self.state).sound;
        match &sound {
            Sound::Open(open) if open.daypart != self.daypart() && self.state.volume.take().is_some() => {
                self.program.rules.what_now(clock, &self.state).sound
            }
            _ => sound,
        }
    }

    /// When what is right changes next, in ms. Looked up once for each change; not in each minute, nor with each song.
    fn change_left_ms(&mut self, times: &Times, now: Now) -> Option<u64> {
        let clock = times.clock(now);
        let Some(at) = clock.wall.trusted() else {
            self.next_change = None;
            return self.program.rules.next_change_left_ms(&clock, &self.state);
        };
        let known =
            self.next_change.filter(|known| known.since <= at && known.at.is_none_or(|change| at < change));
        let change = match known {
            Some(known) => known.at,
            None => self.program.rules.next_change(&clock, &self.state),
        };
        self.next_change = Some(NextChange { since: at, at: change });
        change.and_then(|change| u64::try_from(change.since_ms(at)).ok())
    }

    fn plan(&mut self, times: &Times, now: Now) {
        let change = self.change_left_ms(times, now).unwrap_or(LOOK_EVERY_MS);
        let closing = match &self.sound {
            Sound::Open(open) => left_ms(open, now)
                .and_then(|left| u64::try_from(left - i64::from(CLOSING_FADE_MS)).ok())
                .filter(|left| *left > 0),
            _ => None,
        };
        let wait_ms = change.min(closing.unwrap_or(u64::MAX)).clamp(1, LOOK_EVERY_MS);
        self.look = now.monotonic.plus_ms(wait_ms);
    }
}

impl App {
    /// Looks whether something may sound, and what: at the start, at each boundary and each minute.
    pub(in crate::app) fn check_allowed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        // What has been the case until now, before something else is.
        self.tell_spots(now, effects);
        self.check_screen(now, effects);
        let Some(on) = &mut self.air.on else { return };
        let sound = on.hear_rules(&self.times.clock(now));
        let daypart_before = on.daypart();
        let before = std::mem::replace(&mut on.sound, sound.clone());
        if before != sound {
            on.next_change = None;
        }
        let was_open = matches!(before, Sound::Open(_));
        let allows = on.allows(now);
        on.plan(&self.times, now);
        if before != sound {
            self.dirty = true;
        }
        match sound {
            Sound::Open(open) => {
                if !was_open || open.daypart != daypart_before {
                    self.enter_daypart(now, &open, was_open, effects);
                } else if matches!(&before, Sound::Open(before) if before.volume != open.volume) {
                    // The same daypart, and the time of day was found or lost meanwhile.
                    self.volume = open.volume.set.min(self.levels.volume_max);
                    self.tell_volume(effects);
                }
                if !allows && self.sounds() {
                    let left = left_ms(&open, now).unwrap_or(0).clamp(0, i64::from(CLOSING_FADE_MS));
                    self.shut(
                        now,
                        "closed",
                        u32::try_from(left).unwrap_or(CUT_FADE_MS).max(CUT_FADE_MS),
                        effects,
                    );
                }
            }
            Sound::Closed { .. } | Sound::Muted | Sound::Emergency(_) | Sound::Paused { .. } => {
                if self.sounds() {
                    self.shut(now, "closed", CUT_FADE_MS, effects);
                }
            }
        }
        self.take_over_if_due(now, effects);
        self.end_pause_if_due(now, effects);
        self.cut_in_if_due(now, effects);
    }

    fn end_pause_if_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        if on.pause_ends.take_if(|at| *at <= now.monotonic).is_some()
            && self.playback.transport == Transport::Paused
        {
            log::info!("the pause by staff has lasted as long as it may; it goes on");
            self.play(now, effects);
        }
    }

    fn sounds(&self) -> bool {
        self.playback.current.is_some() || self.playback.incoming.is_some()
    }

    /// Another daypart holds, or it has just opened.
    fn enter_daypart(&mut self, now: Now, open: &Open, was_open: bool, effects: &mut Vec<Effect>) {
        let Some(on) = &mut self.air.on else { return };
        let daypart = open.daypart.and_then(|number| on.program.rules.daypart(number));
        let name = daypart.map_or("no daypart", |daypart| daypart.title());
        log::info!("the program: {name}, volume {}", open.volume.set);
        let crossfade_ms = daypart.map(|daypart| (daypart.crossfade_s * 1000.0).round() as u32);
        let takeover = match (&self.playback.current, daypart) {
            (Some(current), Some(daypart)) if was_open => {
                let left_ms =
                    current.media.duration_ms.map(|ms| ms.saturating_sub(current.heard.position_ms));
                let at = self.times.rotation(now);
                let ends = left_ms.map(|ms| at.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX)));
                let due =
                    |moment: Absolute| now.monotonic.plus_ms(u64::try_from(moment.since_ms(at)).unwrap_or(0));
                match boundary::takeover(&daypart.boundary, at, ends) {
                    Takeover::SongEnds(_) => None,
                    Takeover::FadeFrom(moment) => {
                        Some((due(moment), crossfade_ms.unwrap_or(0).max(TAKEOVER_FADE_MS)))
                    }
                    Takeover::CutAt(moment) => Some((due(moment), CUT_FADE_MS)),
                }
            }
            _ => None,
        };
        on.takeover = takeover;
        if let Some(crossfade_ms) = crossfade_ms {
            self.crossfade_ms = crossfade_ms;
        }
        self.volume = open.volume.set.min(self.levels.volume_max);
        self.tell_volume(effects);
        self.drop_upcoming(effects);
        if !was_open {
            self.open_up(effects);
        }
        self.prepare_next(now, effects);
    }

    /// It opens: a pause of yesterday has ended.
    fn open_up(&mut self, effects: &mut Vec<Effect>) {
        self.playback.is_over = false;
        self.playback.transport = Transport::Playing;
        self.air.goes_on();
        self.go_on_after_pause(effects);
    }

    fn take_over_if_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let current = self.playback.current.as_ref().map(|current| current.entry);
        let is_spot = current.is_some_and(|entry| self.air.spot(entry).is_some());
        let Some(on) = &mut self.air.on else { return };
        if is_spot {
            // Not in the middle of an announcement; what follows it is the new daypart's.
            on.takeover = None;
        }
        let Some((_, fade_ms)) = on.takeover.take_if(|(at, _)| *at <= now.monotonic) else { return };
        self.make_way(now, fade_ms, effects);
    }
}
