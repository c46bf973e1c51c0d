//! The screen: what is wanted there, how it stands, and who waits for a picture of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use orchestrion_program::model::{FilmSound, ScreenRules, SpotId};
use orchestrion_protocol::fleet::SHOW_S_MAX;
use orchestrion_protocol::location;
use orchestrion_protocol::method::ShowParams;
use orchestrion_protocol::rpc::{Id, RpcError, code};
use orchestrion_protocol::status::Screen;
use serde_json::{Value, json};

use super::lettering::Lettering;
use super::playback::Transport;
use super::{App, Effect};
use crate::control::{self, ClientId};
use crate::program::ReelItem;
use crate::storage::Remembered;
use crate::time::{Mono, Now};
use crate::video::{Command, Event, SNAPSHOT_LEN_MAX, Shows, Wanted};

/// Snapshots that clients wait for, at most.
const ASKED_MAX: usize = 8;
/// Bytes of a snapshot for the server: in hexadecimal digits it fits into an answer of 16 KiB.
const SERVER_SNAPSHOT_LEN_MAX: usize = 8000;

/// Why something is shown, the last first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// It comes next in a loop.
    Loop,
    /// With a spot that is said.
    Spot(SpotId),
    /// Somebody has asked for it.
    User,
    /// An emergency.
    Emergency,
}

/// What is remembered of a screen that somebody switched off, and of any other.
const OFF: &str = "off";
const ON: &str = "on";

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Picture {
    wanted: Option<Box<Wanted>>,
    /// What the daypart says over that.
    rules: ScreenRules,
    /// The sound of films comes although the configuration has it off, since some daypart lets it be heard.
    sends_sound: bool,
    stands: Option<Screen>,
    /// What the video thread was told last.
    shows: Shows,
    /// Somebody switched it off. It outlives a restart.
    is_off: bool,
    /// Somebody can see what is shown.
    is_visible: bool,
    /// What somebody has shown before everything else, and until when.
    at_once: Option<(ReelItem, Mono)>,
    /// Why it shows what it shows.
    why: Why,
    /// What was to be shown at once and cannot be, as long as it would be shown.
    unshowable: Option<Arc<Path>>,
    pub(super) lettering: Lettering,
    asked: BTreeMap<u32, (ClientId, Id)>,
    serial: u32,
}

impl Picture {
    /// `kept` is what the run before remembered of it.
    pub(super) fn of(wanted: Option<Box<Wanted>>, kept: Option<&str>) -> Self {
        Self {
            wanted,
            rules: ScreenRules::default(),
            sends_sound: false,
            stands: None,
            shows: Shows::default(),
            is_off: kept == Some(OFF),
            is_visible: false,
            at_once: None,
            why: Why::Loop,
            unshowable: None,
            lettering: Lettering::default(),
            asked: BTreeMap::new(),
            serial: 0,
        }
    }

    /// What the configuration says, if it says anything.
    pub(super) fn wanted(&self) -> Option<&Wanted> {
        self.wanted.as_deref()
    }

    /// What the daypart says over that.
    pub(super) fn rules(&self) -> &ScreenRules {
        &self.rules
    }

    /// What the video thread is told of the configuration. Where films may be heard in some dayparts only, their sound always
    /// comes, since the process that shows would have to begin anew; it is then the mixer that lets nothing of it through.
    fn told(&self) -> Option<Box<Wanted>> {
        let mut told = self.wanted.clone();
        if let Some(wanted) =
            told.as_mut().filter(|wanted| self.sends_sound && wanted.film_sound == FilmSound::Off)
        {
            wanted.film_sound = FilmSound::default();
        }
        told
    }

    /// How it stands; `is_heard`: the sound of a film is heard.
    pub(super) fn status(&self, is_heard: bool) -> Option<Screen> {
        let (is_off, is_visible) = (self.is_off, self.is_visible);
        self.stands.clone().map(|stands| Screen { is_off, is_visible, is_heard, ..stands })
    }

    /// Why this file is shown.
    pub(super) fn why(&self, path: &Path) -> &Why {
        match &self.shows {
            Shows::Item(item) if *item.path == *path => &self.why,
            _ => &Why::Loop,
        }
    }

    /// Where it is shown; empty where nobody knows.
    pub(super) fn sink(&self) -> &str {
        self.stands.as_ref().and_then(|stands| stands.sink.as_deref()).unwrap_or_default()
    }

    /// Whether what is shown can be seen: on a screen that is connected and on.
    pub(super) fn is_visible(&self) -> bool {
        self.is_visible
    }

    /// When something else is to be shown.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.at_once.as_ref().map(|(_, until)| *until)
    }
}

impl App {
    /// Tells the video thread what is wanted, if anything is.
    pub(super) fn begin_picture(&mut self, effects: &mut Vec<Effect>) {
        if self.picture.wanted.is_some() {
            effects.push(Effect::Video(Command::Wire(self.picture.told())));
        }
        // Not a frame of what it would show else.
        if self.picture.is_off {
            self.picture.shows = Shows::Dark;
            effects.push(Effect::Video(Command::Turn(Shows::Dark)));
        }
    }

    /// Looks what the program wants on the screen, where there is a program.
    pub(super) fn check_screen(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.picture.at_once.take_if(|(_, until)| *until <= now.monotonic);
        self.take_screen_rules(now, effects);
        let (why, shows) = self.what_to_show(now);
        self.picture.why = why;
        if self.picture.shows != shows {
            self.picture.shows.clone_from(&shows);
            effects.push(Effect::Video(Command::Turn(shows)));
        }
    }

    /// An emergency goes before everything, also in dark hours and where somebody has switched the screen off; then what somebody
    /// has shown at once, what is shown with a spot, and the loop.
    fn what_to_show(&mut self, now: Now) -> (Why, Shows) {
        let clock = self.times.clock(now);
        let loops = self.air.shows(&clock);
        let is_dark = self.picture.is_off || loops == Shows::Dark;
        let emergency = self.voice.emergency_picture().map(|path| (Why::Emergency, self.item(path)));
        let asked = || self.picture.at_once.as_ref().map(|(item, _)| (Why::User, item.clone()));
        let with_spot = || {
            let spot = self.spot_that_is_said()?;
            Some((Why::Spot(spot.clone()), self.air.seen_with(spot, &clock)?.clone()))
        };
        let at_once = emergency.or_else(|| if is_dark { None } else { asked().or_else(with_spot) });
        let is_showable = |item: &ReelItem| self.picture.unshowable.as_ref() != Some(&item.path);
        match at_once {
            Some((why, item)) if is_showable(&item) => (why, Shows::Item(Box::new(item))),
            Some(_) if is_dark => (Why::Loop, Shows::Dark),
            Some(_) => (Why::Loop, loops),
            None => {
                self.picture.unshowable = None;
                (Why::Loop, if is_dark { Shows::Dark } else { loops })
            }
        }
    }

    /// The spot that is heard, between songs or over them.
    fn spot_that_is_said(&self) -> Option<&SpotId> {
        let current =
            self.playback.current.as_ref().filter(|_| self.playback.transport == Transport::Playing);
        let between = || self.air.spot(current?.entry).map(|said| &said.spot);
        self.voice.spot().or_else(between)
    }

    /// A file that is shown at once, by the name that people know.
    fn item(&self, path: &Arc<Path>) -> ReelItem {
        let name = || path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let title = self.air.title(path).unwrap_or_else(name);
        ReelItem { path: Arc::clone(path), title, hold_ms: None }
    }

    /// What the daypart says of what is written, and of films' sound.
    fn take_screen_rules(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let rules = self.air.screen_rules(&self.times.clock(now));
        if rules.unwrap_or(&ScreenRules::default()) != &self.picture.rules {
            self.picture.rules = rules.cloned().unwrap_or_default();
            self.dirty = true;
        }
        let sends_sound = self.air.lets_films_be_heard();
        if self.picture.sends_sound != sends_sound {
            self.picture.sends_sound = sends_sound;
            let is_off = |wanted: &Wanted| wanted.film_sound == FilmSound::Off;
            if self.picture.wanted().is_some_and(is_off) {
                effects.push(Effect::Video(Command::Wire(self.picture.told())));
            }
        }
    }

    /// The configuration was read again.
    pub(super) fn change_picture(&mut self, wanted: Option<Box<Wanted>>, effects: &mut Vec<Effect>) {
        if self.picture.wanted != wanted {
            self.picture.wanted = wanted;
            effects.push(Effect::Video(Command::Wire(self.picture.told())));
        }
    }

    pub(super) fn hear_video(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Stands(stands) => {
                self.picture.stands = stands.map(|stands| *stands);
                self.dirty = true;
            }
            Event::Shows(shows) => self.hear_shows(now, shows, effects),
            Event::Frames(frames) => self.hear_frames(frames),
            Event::Visible(is_visible) => {
                self.picture.is_visible = is_visible;
                self.dirty = true;
            }
            Event::NotShown(path) => {
                self.picture.at_once.take_if(|(item, _)| *item.path == *path);
                self.picture.unshowable = Some(Arc::from(path));
                self.check_screen(now, effects);
            }
            Event::Snapshot { serial, jpeg } => {
                let Some((client, id)) = self.picture.asked.remove(&serial) else { return };
                let outcome = match jpeg {
                    Ok(jpeg) => Ok(json!({ "jpeg": hex(&jpeg) })),
                    Err(why) => Err(RpcError::new(code::REFUSED, format!("there is no picture: {why}"))),
                };
                effects.push(Effect::Control(control::Command::Reply { client, id, outcome }));
            }
        }
    }

    /// Has a snapshot made; the answer comes later.
    pub(super) fn ask_snapshot(
        &mut self,
        client: ClientId,
        id: Option<Id>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Value>, RpcError> {
        self.needs_screen()?;
        if self.picture.asked.len() >= ASKED_MAX {
            return Err(RpcError::new(code::REFUSED, "others wait for a picture; ask again in a moment"));
        }
        // Who wants no answer wants no picture.
        let Some(id) = id else { return Ok(None) };
        self.picture.serial = self.picture.serial.wrapping_add(1);
        self.picture.asked.insert(self.picture.serial, (client, id));
        let len_max = if client == ClientId::SERVER { SERVER_SNAPSHOT_LEN_MAX } else { SNAPSHOT_LEN_MAX };
        effects.push(Effect::Video(Command::Snapshot { serial: self.picture.serial, len_max }));
        Ok(None)
    }

    fn needs_screen(&self) -> Result<(), RpcError> {
        let why = match &self.picture.wanted {
            None => "there is no screen: the configuration has no `[screen]`",
            Some(wanted) if !wanted.on => "the screen is off: `[screen]` says `on = false`",
            Some(_) => return Ok(()),
        };
        Err(RpcError::new(code::REFUSED, why))
    }

    /// Switches it dark, or back to what it shows, until somebody says otherwise.
    pub(super) fn switch_screen(
        &mut self,
        now: Now,
        on: bool,
        effects: &mut Vec<Effect>,
    ) -> Result<(), RpcError> {
        self.needs_screen()?;
        self.picture.is_off = !on;
        self.keeper.remember(Remembered::Screen, if on { ON } else { OFF }.into(), effects);
        self.dirty = true;
        self.check_screen(now, effects);
        Ok(())
    }

    /// Shows a file at once, for a while; not on a screen that is to be dark.
    pub(super) fn show_now(
        &mut self,
        now: Now,
        params: &ShowParams,
        effects: &mut Vec<Effect>,
    ) -> Result<(), RpcError> {
        self.needs_screen()?;
        let path = location::from_text(&params.path)
            .map_err(|error| RpcError::new(code::INVALID_PARAMS, error.to_string()))?;
        if params.for_s == 0 || params.for_s > SHOW_S_MAX {
            let text = format!("for_s is {}; it goes from 1 to {SHOW_S_MAX}", params.for_s);
            return Err(RpcError::new(code::INVALID_PARAMS, text));
        }
        if self.picture.is_off {
            let text = "the screen was switched off; `screen` with `{\"on\":true}` switches it on";
            return Err(RpcError::new(code::REFUSED, text));
        }
        if self.air.shows(&self.times.clock(now)) == Shows::Dark {
            return Err(RpcError::new(code::REFUSED, "the program's hours have the screen dark now"));
        }
        let item = self.item(&Arc::from(path));
        self.picture.unshowable = None;
        self.picture.at_once = Some((item, now.monotonic.plus_ms(u64::from(params.for_s) * 1000)));
        self.check_screen(now, effects);
        Ok(())
    }

    /// The video thread runs again; it knows what is wanted, and has forgotten who waits.
    pub(super) fn forget_pictures(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.hear_shows(now, None, effects);
        self.picture.lettering = Lettering::default();
        self.dirty = true;
        for (client, id) in std::mem::take(&mut self.picture.asked).into_values() {
            let outcome = Err(RpcError::new(code::REFUSED, "there is no picture: the video thread died"));
            effects.push(Effect::Control(control::Command::Reply { client, id, outcome }));
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
