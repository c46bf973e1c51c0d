//! `App` decides: events in, effects out. It does no I/O, has no clock, cannot block and cannot fail, so that its tests
//! run in virtual time and a seed replays them.
//!
//! The parts: [`queue`](self) holds what is to be played, `playback` what plays, `crossfade` plans how one song goes over
//! into the next, `plays` and `keeper` see to the play log, `quarantine` to files that fail, `requests` to local clients,
//! `hands` to buttons and the alarm contact, `film` to the sound of films, `shown` to what was seen of them, `status` to what the device says of itself.

mod announce;
mod crossfade;
mod event;
mod film;
mod hands;
mod health;
mod keeper;
mod lettering;
mod levels;
mod modes;
mod onair;
mod picture;
mod playback;
mod plays;
mod quarantine;
mod queue;
mod releases;
mod requests;
mod server;
mod settings;
mod shown;
mod status;
mod times;
mod trim;

use std::collections::BTreeMap;
use std::path::PathBuf;

use orchestrion_protocol::status::Status;

pub use event::{Effect, Event, Exit, Signal};
use keeper::Keeper;
pub use levels::Levels;
use playback::Playback;
use plays::Plays;
use quarantine::Quarantine;
use queue::Queue;
use releases::Releases;
use requests::Wish;
pub use settings::{Asked, Defaults};
use times::Times;

use crate::audio::{self, Command};
use crate::buttons::Wanted;
use crate::clock;
use crate::config::Config;
use crate::library::WishId;
use crate::measure;
use crate::releases::Wanted as WantedRelease;
use crate::service::{self, Name};
use crate::storage::{self, Remembered, Restored, Settings};
use crate::time::{Mono, Now, Wall};
use crate::video;
use crate::web;

/// How long the end of the process waits for the music to fade and the disk to take all.
const ENDING_MS_MAX: u64 = 2000;

/// How `App` begins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Start {
    /// Songs to look for: files, folders and lists.
    pub music: Vec<PathBuf>,
    /// Whether they take the place of the queue that was kept (`orchestrion play`), or are added to it (`orchestrion run`).
    pub afresh: bool,
    /// Whether it plays even if someone had stopped it before (`orchestrion play`).
    pub plays: bool,
    /// Whether the process ends with the queue.
    pub exits_at_end: bool,
    /// What is used where nobody has set anything else.
    pub defaults: Defaults,
    /// What is used whatever anybody has set.
    pub asked: Asked,
    /// What it is to sound like.
    pub levels: Levels,
    /// The outputs, best first.
    pub outputs: Vec<String>,
    /// The file of the program that decides what plays, if there is one.
    pub program: Option<PathBuf>,
    /// Where releases come from, if that is configured. Once there is one, neither `program` nor `music` is used.
    pub release: Option<Box<WantedRelease>>,
    /// The control server, if there is one.
    pub server: Option<web::Wanted>,
    /// Whether that gives this device its releases, since nothing else is configured to; `release` is what it said of them in an
    /// earlier run.
    pub server_gives_releases: bool,
    /// What is wired to the board.
    pub board: Wanted,
    /// What is shown on a screen, if that is configured.
    pub screen: Option<Box<video::Wanted>>,
    /// Where chance begins, when nothing is kept.
    pub seed: u64,
    /// It is later than this for certain: when this program was built.
    pub floor: Option<Wall>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct App {
    queue: Queue,
    playback: Playback,
    plays: Plays,
    keeper: Keeper,
    quarantine: Quarantine,
    wishes: BTreeMap<WishId, Wish>,
    next_wish: u64,
    volume: u8,
    muted: bool,
    crossfade_ms: u32,
    seed: u64,
    output: Option<audio::Output>,
    peak: f32,
    run: u64,
    /// The kernel's name for this boot.
    boot: String,
    exits_at_end: bool,
    /// When the end of the process is not waited for any longer.
    ending: Option<Mono>,
    /// Something in the status may have changed.
    dirty: bool,
    told_status: Option<Status>,
    told_time: Mono,
    defaults: Defaults,
    levels: Levels,
    outputs: Vec<String>,
    air: onair::Air,
    voice: announce::Voice,
    times: Times,
    releases: Releases,
    hands: hands::Hands,
    picture: picture::Picture,
    film: film::Film,
    shown: shown::Shown,
    server: server::Server,
    modes: modes::Modes,
    trim: Option<trim::Trim>,
    /// What the measuring thread was told last.
    told_ahead: measure::Ahead,
}

impl App {
    /// Begins with what the run before left behind.
    pub fn start(now: Now, restored: &Restored, start: Start, effects: &mut Vec<Effect>) -> Self {
        let kept = restored
            .settings
            .map(|kept| if start.afresh { settings::fresh(start.defaults, kept.seed) } else { kept });
        let settings = settings::at_start(kept, start.defaults, start.asked, start.seed);
        let kept = if start.afresh {
            storage::QueueSnapshot { next_entry: restored.queue.next_entry, ..Default::default() }
        } else {
            restored.queue.clone()
        };
        let mut app = Self {
            // A run's chance begins where its number says: the same seed and run give the same order.
            queue: Queue::new(
                &kept,
                settings.repeat,
                settings.shuffle,
                settings.seed.wrapping_add(restored.run),
            ),
            playback: Playback::default(),
            plays: Plays::new(restored.run),
            keeper: Keeper::default(),
            quarantine: Quarantine::default(),
            wishes: BTreeMap::new(),
            next_wish: 1,
            volume: settings.volume.min(start.levels.volume_max),
            muted: settings.muted,
            crossfade_ms: settings.crossfade_ms,
            seed: settings.seed,
            output: None,
            peak: 0.0,
            run: restored.run,
            boot: restored.boot_id.clone(),
            exits_at_end: start.exits_at_end,
            ending: None,
            dirty: true,
            told_status: None,
            told_time: now.monotonic,
            defaults: start.defaults,
            levels: start.levels,
            outputs: start.outputs,
            air: onair::Air::of(start.program, restored),
            voice: announce::Voice::default(),
            releases: Releases::of(start.release, &start.music),
            times: Times::at_start(now, &restored.past, start.floor),
            hands: hands::Hands::of(
                start.board,
                restored.memories.get(&Remembered::Hands).map(String::as_str),
                now,
                &restored.boot_id,
            ),
            picture: picture::Picture::of(
                start.screen,
                restored.memories.get(&Remembered::Screen).map(String::as_str),
            ),
            film: film::Film::default(),
            shown: shown::Shown::default(),
            server: server::Server::of(start.server, start.server_gives_releases),
            modes: modes::Modes::default(),
            trim: None,
            told_ahead: measure::Ahead::default(),
        };
        if let Some(kept) = restored.memories.get(&Remembered::Trim) {
            app.resume_trim(kept);
        }
        if restored.settings != Some(settings) {
            app.save_settings(effects);
        }
        app.begin(now, restored, start.music, start.afresh, start.plays, effects);
        if let Some(kept) = restored.memories.get(&Remembered::Emergency) {
            app.resume_emergency(now, kept, effects);
        }
        store_together(effects);
        app
    }

    fn begin(
        &mut self,
        now: Now,
        restored: &Restored,
        music: Vec<PathBuf>,
        afresh: bool,
        plays: bool,
        effects: &mut Vec<Effect>,
    ) {
        effects.push(Effect::Audio(Command::Ceiling { dbtp: self.levels.ceiling_dbtp }));
        effects.push(Effect::Audio(Command::Outputs(self.outputs.clone())));
        self.tell_volume(effects);
        let checkpoint = restored.checkpoint.filter(|_| !afresh);
        let resumed = checkpoint.filter(|checkpoint| self.queue.get(checkpoint.entry).is_some());
        self.playback.transport = playback::Transport::Playing;
        // What ended before the restart, as the last song before closing did, a program does not play again.
        let goes_on = resumed.is_some() && restored.unfinished.is_some();
        self.playback.is_done = self.air.is_programmed() && !goes_on;
        match resumed {
            Some(checkpoint) if (checkpoint.playing || plays) && !self.air.is_programmed() => {
                self.queue.set_current(checkpoint.entry);
                self.resume(checkpoint.entry, checkpoint.position_ms, restored.unfinished, effects);
            }
            Some(checkpoint) => {
                self.queue.set_current(checkpoint.entry);
                // A program that is being read lets it go on.
                let goes_on = self.air.is_programmed() && (checkpoint.playing || plays);
                if !goes_on {
                    let is_paused = self.hands.is_paused();
                    use playback::Transport::{Paused, Stopped};
                    self.playback.transport = if is_paused { Paused } else { Stopped };
                }
                // A play that was cut off in its first seconds goes on too, and is no second play.
                let was_begun = checkpoint.position_ms > 0 || restored.unfinished.is_some();
                let was_begun = was_begun && !self.playback.is_done;
                self.playback.paused_at = was_begun.then_some(playback::PausedAt {
                    entry: checkpoint.entry,
                    position_ms: checkpoint.position_ms,
                    continues: restored.unfinished,
                });
            }
            None => self.prepare_next(now, effects),
        }
        self.begin_releases(now, effects);
        self.read_program(effects);
        if !self.air.is_programmed() {
            self.look_for_music(music, !afresh, effects);
        }
        if self.queue.len() == 0 {
            self.nothing_found(now, effects);
        }
        self.wire(effects);
        self.begin_picture(effects);
        self.begin_server(effects);
        self.tell_lettering(effects);
        self.tell_status(now, effects);
    }

    /// Hears an event and says what is to be done.
    pub fn handle(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        self.watch_time(now, effects);
        match event {
            Event::Audio(event) => self.hear_audio(now, event, effects),
            Event::Storage(event) => self.hear_storage(event),
            Event::Library(event) => self.hear_library(now, event, effects),
            Event::Release(event) => self.hear_releases(now, event, effects),
            Event::Program(read) => self.take_program(now, read, effects),
            Event::Measure(event) => self.hear_measure(now, event, effects),
            Event::Web(event) => self.hear_web(now, event, effects),
            Event::Buttons(event) if self.ending.is_none() => self.hear_buttons(now, event, effects),
            Event::Buttons(_) => {}
            Event::Video(event) => self.hear_video(now, event, effects),
            Event::Control(event) if self.ending.is_none() => self.hear_client(now, event, effects),
            Event::Control(_) => {}
            Event::Clock(clock::Event::Changed { uncertainty_ms }) => {
                self.times.set_uncertainty(uncertainty_ms)
            }
            Event::Service(service::Event::Restarted { service }) => {
                self.go_on_without_memory(now, service, effects)
            }
            // The service manager sees to it; `App` hears when it runs again.
            Event::Service(service::Event::Died { .. } | service::Event::Hung { .. }) => {}
            Event::Signal(Signal::Terminate) => self.terminate(now, effects),
            Event::Signal(Signal::Reload) => effects.push(Effect::Reload),
            Event::Reloaded(Ok(config)) => self.take_config(now, &config, effects),
            Event::Reloaded(Err(error)) => {
                log::error!("the configuration is not taken over, the one before stays: {error}")
            }
        }
        self.settle(now, effects);
        store_together(effects);
    }

    /// Time has passed: [`App::deadline`] is here.
    pub fn wake(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.watch_time(now, effects);
        if self.ending.is_none() {
            self.check_allowed(now, effects);
            self.watch_voice(now, effects);
            self.watch_hands(now, effects);
            self.prepare_next(now, effects);
        }
        self.settle(now, effects);
        store_together(effects);
    }

    /// When [`App::wake`] wants to be called, if nothing happens before.
    pub fn deadline(&self, now: Now) -> Option<Mono> {
        self.next_wake(now)
    }

    /// The clock may have been set, or be believed now: then it is looked at once what is right.
    fn watch_time(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(change) = self.times.look(now) else { return };
        self.dirty = true;
        if let times::Change::Known { offset_ms } = change {
            // What was seen before gets its time with the other rows.
            self.write_shown(now, effects);
            self.keeper.complete_times(offset_ms, self.air.zone(), effects);
        }
        if self.ending.is_none() {
            self.check_allowed(now, effects);
        }
    }

    fn settle(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.ending.is_none() {
            self.watch_releases(now, effects);
            self.watch_spots(now, effects);
            if self.picture.wanted().is_some() {
                self.check_screen(now, effects);
            }
            if self.dirty {
                self.measure_ahead(effects);
                self.tell_used(effects);
                self.tell_led(now, effects);
                self.tell_lettering(effects);
            }
        }
        self.tell_film(now, effects);
        if self.ending.is_none() {
            self.watch_shown(now, effects);
        }
        self.keep_spots(effects);
        self.tell_status(now, effects);
        let Some(deadline) = self.ending else { return };
        let is_late = now.monotonic >= deadline;
        if is_late {
            self.close_all(now, effects);
            self.keep_spots(effects);
        }
        if is_late || (self.playback.is_silent() && self.plays.live().is_empty() && self.keeper.is_settled())
        {
            let nothing_played = self.exits_at_end && self.plays.count() == 0;
            effects.push(Effect::Exit(if nothing_played { Exit::NothingPlayed } else { Exit::Done }));
        }
    }

    /// Ends the process in good order.
    fn terminate(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.ending.is_none() {
            self.ending = Some(now.monotonic.plus_ms(ENDING_MS_MAX));
            self.end_shown(now, effects);
            self.let_go(now, effects);
        }
    }

    fn hear_storage(&mut self, event: storage::Event) {
        match event {
            storage::Event::Kept(ticket) => self.keeper.kept(ticket),
            storage::Event::Refused(reason) => {
                self.server.disk = Some(reason.clone());
                log::error!(
                    "the disk does not take the play log: {reason}; the music goes on, it is tried again"
                );
            }
            storage::Event::Recovered => {
                self.server.disk = None;
                log::info!("the disk takes the play log again; nothing was lost")
            }
        }
    }

    /// A service runs again and has forgotten everything.
    fn go_on_without_memory(&mut self, now: Now, service: Name, effects: &mut Vec<Effect>) {
        match service {
            Name::Audio => {
                effects.push(Effect::Audio(Command::Ceiling { dbtp: self.levels.ceiling_dbtp }));
                effects.push(Effect::Audio(Command::Outputs(self.outputs.clone())));
                self.tell_loudness(effects);
                self.film.forget();
                self.say_again(now, effects);
                self.load_again(now, effects);
            }
            Name::Storage => self.keeper.repeat(effects),
            // The library still has what waits, and itself ends the wish that it died over.
            Name::Library | Name::Control | Name::Web => {}
            Name::Measure => self.told_ahead = measure::Ahead::default(),
            Name::Download => self.releases.forget_told(),
            Name::Buttons => self.wire(effects),
            Name::Video => self.forget_pictures(now, effects),
        }
    }

    /// Nothing was found, and nothing plays.
    fn nothing_found(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.exits_at_end && self.wishes.is_empty() && self.ending.is_none() {
            self.terminate(now, effects);
        }
    }

    /// Takes over what changed in the configuration; what did not change stays as people set it.
    fn take_config(&mut self, now: Now, config: &Config, effects: &mut Vec<Effect>) {
        let settings = settings::with_defaults(self.settings(), config.defaults());
        self.defaults = config.defaults();
        let levels = self.with_trim(config.levels);
        if self.levels != levels {
            self.levels = levels;
            effects.push(Effect::Audio(Command::Ceiling { dbtp: self.levels.ceiling_dbtp }));
            self.level_current(effects);
            self.level_incoming(effects);
        }
        let volume = settings.volume.min(self.levels.volume_max);
        if self.volume != volume {
            self.volume = volume;
            self.tell_volume(effects);
        }
        self.take_modes(settings.repeat, settings.shuffle);
        self.crossfade_ms = settings.crossfade_ms;
        if self.outputs != config.outputs {
            self.outputs.clone_from(&config.outputs);
            effects.push(Effect::Audio(Command::Outputs(self.outputs.clone())));
        }
        self.change_board(&config.board, effects);
        self.change_picture(config.screen.clone().map(Box::new), effects);
        self.change_server(config.server.as_ref(), effects);
        self.save_settings(effects);
        self.change_releases(now, config, effects);
        self.change_program(now, config.program.clone(), effects);
        if !self.air.is_programmed() {
            self.look_for_music(config.music.clone(), true, effects);
        }
        self.queue_changed(now, effects);
        log::info!("the configuration was read again");
    }

    fn settings(&self) -> Settings {
        let (repeat, shuffle) = self.modes();
        Settings {
            volume: self.volume,
            muted: self.muted,
            repeat,
            shuffle,
            crossfade_ms: self.crossfade_ms,
            seed: self.seed,
            defaults: Some(self.defaults),
        }
    }

    fn save_settings(&mut self, effects: &mut Vec<Effect>) {
        self.dirty = true;
        self.keeper.save_settings(self.settings(), effects);
    }
}

/// What one event does to the disk is one command: a row and what is remembered of it are both there after a power cut, or
/// neither is.
fn store_together(effects: &mut Vec<Effect>) {
    let is_stored = |effect: &Effect| matches!(effect, Effect::Storage(_));
    if effects.iter().filter(|effect| is_stored(effect)).count() < 2 {
        return;
    }
    let at = effects.iter().position(is_stored).unwrap_or(0);
    let mut commands = Vec::new();
    for effect in std::mem::take(effects) {
        match effect {
            Effect::Storage(storage::Command::All(more)) => commands.extend(more),
            Effect::Storage(command) => commands.push(command),
            other => effects.push(other),
        }
    }
    effects.insert(at.min(effects.len()), Effect::Storage(storage::Command::All(commands)));
}
