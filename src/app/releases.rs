//! Releases, as far as `App` decides about them: which one plays, when it changes over to the next, and what plays until
//! there is one.
//!
//! The download thread says what the store holds and what is ready; nothing here waits for it. A release is changed over to
//! shortly before a song ends, so that the next one is chosen by the new program; or at its stated time. What plays goes on
//! to its end in either case, whichever release it is of. As long as the store has none, the configured program or music
//! plays.

mod shown;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrion_protocol::release::Edition;
use orchestrion_protocol::rpc::{RpcError, code};

use super::onair::Air;
use super::{App, Effect};
use crate::config::Config;
use crate::measure::AHEAD_LEN_MAX;
use crate::program::Program;
use crate::releases::{Command, Event, Held, Ready, Told, Wanted};
use crate::time::{Mono, Now, Wall};

/// So long before a song ends it changes over, besides the crossfade, in milliseconds: before it is asked what is to be said
/// after the song.
const SWITCH_LEAD_MS: u64 = 12_000;
/// The fade with which a song makes way for a release at its stated time, in milliseconds.
const STATED_FADE_MS: u32 = 3000;
/// After so long without an answer, or after a failure, it is asked to change over again, in milliseconds.
const SWITCH_AGAIN_MS: u64 = 60_000;
/// For so long it is waited for what the store holds, in milliseconds; then something else plays, until it says.
const OPENING_MS_MAX: u64 = 10_000;
/// A song that began and the one after it: whoever skips on and on must not keep the old release for ever.
const SONGS_WAITED_MAX: u32 = 2;

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Releases {
    /// What the configuration says, if it names releases.
    wanted: Option<Box<Wanted>>,
    /// What plays before there is one, where no program does.
    music: Vec<PathBuf>,
    /// Until when it is waited for what the store holds.
    opening: Option<Mono>,
    held: Option<Playing>,
    next: Option<Next>,
    told: Told,
    /// What the download thread was told last that plays or comes next.
    used: Vec<Arc<Path>>,
}

/// The release that is held.
#[derive(Debug, Clone, Copy)]
struct Playing {
    edition: Edition,
    is_factory: bool,
    since: Option<Wall>,
}

/// The release that can be changed over to.
#[derive(Debug)]
struct Next {
    ready: Box<Ready>,
    /// When the store was asked to.
    asked: Option<Mono>,
    /// Songs that began since it was ready.
    songs: u32,
    /// It was there before its stated time: then that is kept to.
    is_early: bool,
}

/// Whether it is to be changed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Now, and what plays goes on.
    AtSongsEnd,
    /// Now, and what plays makes way.
    AtItsTime,
    /// When this song ends.
    Later,
    /// At a time of day, as far as somebody knows it.
    From(Wall),
}

impl Releases {
    pub(super) fn of(wanted: Option<Box<Wanted>>, music: &[PathBuf]) -> Self {
        Self { wanted, music: music.to_vec(), ..Self::default() }
    }

    /// Whether the configuration names releases.
    pub(super) fn are_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// Whether nobody whom releases come from can be reached.
    pub(super) fn are_cut_off(&self) -> bool {
        self.are_wanted() && self.told.is_cut_off
    }

    /// How things stand, as the download thread said last.
    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    /// When it is to be looked at again.
    pub(super) fn deadline(&self, now: Now) -> Option<Mono> {
        let starts = self.next.as_ref().and_then(|next| match next.asked {
            Some(asked) => Some(asked.plus_ms(SWITCH_AGAIN_MS)),
            None => {
                let left_ms = next.ready.starts?.0.saturating_sub(now.wall?.0);
                (left_ms > 0).then(|| now.monotonic.plus_ms(left_ms.unsigned_abs()))
            }
        });
        [self.opening, starts].into_iter().flatten().min()
    }

    /// A song began.
    pub(super) fn song_began(&mut self) {
        if let Some(next) = &mut self.next {
            next.songs += 1;
        }
    }

    /// The download thread has forgotten what it was told.
    pub(super) fn forget_told(&mut self) {
        self.used.clear();
        self.next = None;
    }
}

impl Next {
    fn of(ready: Box<Ready>, now: Now) -> Self {
        let is_early = ready.starts.is_some_and(|starts| now.wall.is_none_or(|wall| wall < starts));
        Self { ready, asked: None, songs: 0, is_early }
    }
}

impl App {
    /// At the start: lets the store be opened, and waits for what it holds.
    pub(super) fn begin_releases(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.releases.are_wanted() {
            self.air.release = true;
            self.releases.opening = Some(now.monotonic.plus_ms(OPENING_MS_MAX));
            effects.push(Effect::Release(Command::Configure(self.releases.wanted.clone())));
        }
    }

    /// The configuration was read again. Before its program and music are.
    pub(super) fn change_releases(&mut self, now: Now, config: &Config, effects: &mut Vec<Effect>) {
        self.releases.music.clone_from(&config.music);
        self.server.gives_releases = config.server.is_some() && config.release.is_none();
        let of_server = self.server.source.clone().filter(|_| self.server.gives_releases);
        // What a server has said in an earlier run holds until it says something else.
        let of_server = of_server.or_else(|| {
            self.releases.wanted.clone().filter(|wanted| self.server.gives_releases && wanted.is_of_server())
        });
        self.want_releases(now, config.release.clone().map(Box::new).or(of_server), effects);
    }

    /// Releases come from there from now on.
    pub(super) fn want_releases(&mut self, now: Now, wanted: Option<Box<Wanted>>, effects: &mut Vec<Effect>) {
        if wanted == self.releases.wanted {
            return;
        }
        self.dirty = true;
        effects.push(Effect::Release(Command::Configure(wanted.clone())));
        let is_over = wanted.is_none();
        let was_awaited = self.air.release && self.releases.held.is_none();
        self.releases.wanted = wanted;
        if is_over {
            let music = std::mem::take(&mut self.releases.music);
            self.releases = Releases::of(None, &music);
            if std::mem::take(&mut self.air.release) && self.air.path.is_none() {
                self.air = Air::default();
                self.take_modes_back();
            }
        } else if was_awaited {
            self.releases.opening = Some(now.monotonic.plus_ms(OPENING_MS_MAX));
        }
    }

    /// The download thread reports.
    pub(super) fn hear_releases(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        self.dirty = true;
        match event {
            Event::Opened(held) => self.opened(now, held, effects),
            Event::Ready(ready) => self.releases.next = Some(Next::of(ready, now)),
            Event::Switched(edition) => self.switched(now, edition, effects),
            Event::NotSwitched(edition, why) => {
                log::warn!("{edition} is not changed over to: {why}");
                // One that is not ready any more is told again when it is.
                self.releases.next.take_if(|next| next.ready.edition == edition && next.asked.is_none());
            }
            Event::Mended(program) => {
                let held = self.releases.held.map(|held| held.edition);
                if held.is_some() && program.edition == held {
                    self.take_program(now, Ok(program), effects);
                }
            }
            Event::Told(told) => self.releases.told = *told,
        }
    }

    /// The store was opened: at the start, with another configuration, or by a thread that had died.
    fn opened(&mut self, now: Now, held: Option<Box<Held>>, effects: &mut Vec<Effect>) {
        self.releases.opening = None;
        let Some(held) = held else {
            if self.releases.held.is_none() && self.releases.are_wanted() {
                log::info!("there is no release yet");
                self.fall_back(effects);
            }
            return;
        };
        let Held { edition, is_factory, since, program } = *held;
        self.releases.next.take_if(|next| next.ready.edition <= edition);
        self.releases.held = Some(Playing { edition, is_factory, since });
        self.play_release(now, program, effects);
    }

    /// Until there is a release: the configured program, else the configured music.
    fn fall_back(&mut self, effects: &mut Vec<Effect>) {
        if !std::mem::take(&mut self.air.release) {
            return;
        }
        self.dirty = true;
        if self.air.is_programmed() {
            return self.read_program(effects);
        }
        self.take_modes_back();
        self.look_for_music(self.releases.music.clone(), true, effects);
    }

    /// A release goes on the air; what plays goes on to its end.
    fn play_release(&mut self, now: Now, program: Program, effects: &mut Vec<Effect>) {
        if self.air.is_programmed() {
            self.drop_configured_music();
        } else {
            // What was to come is the music that plays until there is a release.
            self.queue.clear();
            self.wishes.retain(|_, wish| !wish.is_configured());
            self.keeper.save_queue(self.queue.snapshot(), effects);
        }
        self.air.release = true;
        self.take_program(now, Ok(Box::new(program)), effects);
    }

    /// The queue of the run before may be that of the configured music.
    fn drop_configured_music(&mut self) {
        let music = &self.releases.music;
        let is_theirs = |path: &Path| music.iter().any(|folder| path.starts_with(folder));
        let theirs = self.queue.iter().filter(|(_, entry)| is_theirs(&entry.path)).map(|(id, _)| id);
        for entry in theirs.collect::<Vec<_>>() {
            // The one that plays stays.
            let _ = self.queue.remove(entry);
        }
    }

    /// Looked at after each event and as time passes: a stated time, a song that comes to its end, a store that does not answer.
    pub(super) fn watch_releases(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.releases.opening.take_if(|until| *until <= now.monotonic).is_some() {
            log::error!(
                "the store of releases does not say what it holds; something else plays until it does"
            );
            self.fall_back(effects);
            self.prepare_next(now, effects);
        }
        self.switch_if_due(now, effects);
    }

    /// Asks the store to change over, if it is time for it.
    fn switch_if_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !matches!(self.due(now), Some(Due::AtSongsEnd | Due::AtItsTime)) {
            return;
        }
        let Some(next) = &mut self.releases.next else { return };
        if next.asked.is_some_and(|asked| now.monotonic.since_ms(asked) < SWITCH_AGAIN_MS) {
            return;
        }
        next.asked = Some(now.monotonic);
        effects.push(Effect::Release(Command::Switch(next.ready.edition)));
    }

    /// When it is changed over to the release that is ready, if one is.
    fn due(&self, now: Now) -> Option<Due> {
        let next = self.releases.next.as_ref()?;
        let starts = next.ready.starts.filter(|starts| now.wall.is_none_or(|wall| wall < *starts));
        if let Some(starts) = starts {
            return Some(Due::From(starts));
        }
        if next.is_early {
            return Some(Due::AtItsTime);
        }
        let Some(current) = &self.playback.current else { return Some(Due::AtSongsEnd) };
        if self.air.spot(current.entry).is_some() {
            return Some(Due::Later);
        }
        let media = &current.media;
        let tail_ms = media.measurement.as_ref().map(|measured| measured.cues.tail_ms);
        let end_ms = match (media.duration_ms, tail_ms) {
            (Some(duration_ms), Some(tail_ms)) => Some(duration_ms.min(tail_ms)),
            (duration_ms, tail_ms) => duration_ms.or(tail_ms),
        };
        let lead_ms = SWITCH_LEAD_MS + u64::from(self.crossfade_ms);
        let is_near = end_ms.is_none_or(|end_ms| end_ms.saturating_sub(current.heard.position_ms) <= lead_ms);
        let is_due = is_near || next.songs >= SONGS_WAITED_MAX;
        Some(if is_due { Due::AtSongsEnd } else { Due::Later })
    }

    /// The store holds it now, whatever is cut: it goes on the air.
    fn switched(&mut self, now: Now, edition: Edition, effects: &mut Vec<Effect>) {
        let Some(next) = self.releases.next.take_if(|next| next.ready.edition == edition) else {
            // The thread that was asked has died since; the one after it says what the store holds.
            return;
        };
        log::info!("{edition} plays from the next song on");
        self.releases.held = Some(Playing { edition, is_factory: false, since: now.wall });
        let Next { ready, is_early, .. } = next;
        self.play_release(now, ready.program, effects);
        if is_early {
            self.make_way(now, STATED_FADE_MS, effects);
        }
    }

    /// Somebody wants to know now.
    pub(super) fn ask_for_releases(&mut self, effects: &mut Vec<Effect>) -> Result<(), RpcError> {
        if !self.releases.are_wanted() {
            let text = "no releases are configured: [release] of the configuration says where they come from";
            return Err(RpcError::new(code::REFUSED, text));
        }
        effects.push(Effect::Release(Command::Look));
        Ok(())
    }

    /// Tells the download thread what plays and what comes next, if that is something else than before.
    pub(super) fn tell_used(&mut self, effects: &mut Vec<Effect>) {
        if !self.releases.are_wanted() {
            return;
        }
        let playback = &self.playback;
        let loads = [
            playback.current.as_ref().map(|current| current.entry),
            playback.incoming.as_ref().map(|incoming| incoming.entry),
        ];
        let near = loads.into_iter().flatten().filter_map(|entry| self.queue.get(entry));
        let near = near.map(|entry| Arc::clone(&entry.path));
        let ahead = self.queue.ahead(self.place_in_queue(), AHEAD_LEN_MAX).cloned();
        let used: Vec<Arc<Path>> = near.chain(ahead).chain(self.air.spot_places()).collect();
        if used != self.releases.used {
            self.releases.used.clone_from(&used);
            effects.push(Effect::Release(Command::Used(used)));
        }
    }
}
