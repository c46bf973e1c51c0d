//! The child itself: shows what the daemon says, on the socket on standard input.
//!
//! The main thread owns everything and never waits for a file: opening and closing files happens on disposable threads,
//! decoding on those of GStreamer. It sleeps until one of them rings, a frame is due or a limit is over.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use gstreamer as gst;
use orchestrion::media::screen::connectors;
use orchestrion::media::screen::message::{
    Command, Event, Health, Kind, NEW_SCREEN, SOUND_LEAD_MS_MAX, Setup, Sink, VERSION,
};

use super::card;
use super::confine;
use super::fit::Plan;
use super::hands::{Hands, Made, MadeSound};
use super::lettering::Lettering;
use super::listen::{self, Speaker};
use super::output::Output;
use super::pace::{LEAD_NS, Pace, Timing};
use super::plug::Plug;
use super::plugins;
use super::show::{Order, Show, Turn};
use super::sinks::Surroundings;
use super::source::{Frame, Heard, Source, Wanted};
use super::track::{Span, Track};
use crate::decode::listen::end;

/// Between two reports of health.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How often it looks for a screen while it shows on none, and whether the one that it shows on is still plugged.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So long after the last frame was given to the sink the screen is switched off: until then that is seen.
const OFF_AFTER: Duration = Duration::from_millis(250);
/// How often a text that moves over a picture that stands moves on.
const MOVE_EVERY: Duration = Duration::from_millis(40);
/// How long the daemon may take to say how to show.
const BEGIN_MAX: Duration = Duration::from_secs(10);

/// A film with sound that begins at once begins so much later, in nanoseconds: its sound has to get through the output's
/// buffers. What was seen before stays so long.
const SOUND_HEAD_NS: u64 = 120_000_000;

/// Serves until the daemon is gone.
pub fn run() -> ExitCode {
    confine::confine();
    match io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map(UnixStream::from)
        .map_err(|e| e.to_string())
        .and_then(serve)
    {
        // Without the clean-up of libraries, which may hang.
        Ok(()) => end(),
        // The daemon reads it when it finds the socket closed.
        Err(error) => {
            eprintln!("orchestrion-media: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(socket: UnixStream) -> Result<(), String> {
    let (wake, woken) = bounded(1);
    let speaker =
        Speaker::start(socket.try_clone().map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
    speaker.say(Event::Hello { version: VERSION });
    let commands = listen::start(socket, wake.clone()).map_err(|e| e.to_string())?;
    let loading = plugins::load()?;
    let setup = match commands.recv_timeout(BEGIN_MAX) {
        Ok(Command::Begin(setup)) => setup,
        Ok(_) | Err(_) => return Err("the daemon did not say how to show".into()),
    };
    let (surroundings, asked) = Surroundings::look(setup.display.as_deref());
    let (candidates, mut passed_over) = surroundings.candidates(&setup);
    let output = Output::open(&candidates, &setup, &mut passed_over, &wake)?;
    drop(asked);
    let (sink, size) = (output.taken.sink, output.taken.size);
    speaker.say(Event::Opened { sink, size, passed_over });
    // What is to be shown is looked at when it can be decoded.
    let later = loading.pictures(|| speaker.say(Event::Health(Health::default())))?;
    let wanted = Wanted { screen: size, fit: setup.fit, rotation: setup.rotation };
    let child = Child {
        begun: Instant::now(),
        speaker,
        commands,
        hands: Hands::new(wanted, wake, later),
        output,
        setup,
        show: Show::default(),
        pace: Pace::default(),
        lettering: Lettering::default(),
        beside: None,
        running: None,
        held: None,
        still: None,
        again_at: Instant::now(),
        plug: Plug::default(),
        off_at: None,
        counts: Health::default(),
    };
    child.run(&woken)
}

/// What is prepared, or being prepared.
struct Beside {
    turn: Turn,
    /// The daemon's number for it.
    item: u32,
    path: PathBuf,
    /// `None` while it is being opened.
    source: Option<Source>,
    /// The first of it, once it is there.
    first: Option<Frame>,
    /// Its sound was asked for.
    asks_sound: bool,
    track: Option<Track>,
}

/// The film that runs.
struct Running {
    turn: Turn,
    item: u32,
    source: Source,
    plan: Plan,
    track: Option<Track>,
    /// Something of its sound was said.
    was_heard: bool,
}

struct Child {
    begun: Instant,
    speaker: Speaker,
    commands: Receiver<Command>,
    hands: Hands,
    output: Output,
    setup: Setup,
    show: Show,
    pace: Pace,
    lettering: Lettering,
    beside: Option<Beside>,
    running: Option<Running>,
    /// The next frame of the film that runs, and when it is due.
    held: Option<(Frame, u64)>,
    /// The picture that stands, with nothing written over it, and since when.
    still: Option<(gst::Buffer, u64)>,
    /// When what is written over it moves on.
    again_at: Instant,
    plug: Plug,
    /// When the screen is switched off.
    off_at: Option<Instant>,
    counts: Health,
}

impl Child {
    fn run(mut self, woken: &Receiver<()>) -> Result<(), String> {
        let mut health_at = Instant::now();
        let mut look_at = Instant::now() + LOOK_EVERY;
        loop {
            let mut orders = Vec::new();
            self.hear_commands(&mut orders)?;
            self.hear_hands(&mut orders)?;
            self.hear_beside(&mut orders)?;
            let now_ms = self.now_ms();
            self.show.wake(now_ms, &mut orders);
            self.follow(orders)?;
            let frame_due = self.feed()?;
            let sound_due = self.give_sound()?;
            self.put_splash()?;
            let moves_in = self.write_over_still()?;
            if let Some(words) = self.output.fault() {
                return Err(format!("the screen is lost: {words}"));
            }
            let now = Instant::now();
            if self.off_at.take_if(|at| *at <= now).is_some() {
                self.switch(false);
            }
            if now >= health_at {
                self.tell_health();
                health_at = now + HEALTH_EVERY;
            }
            if now >= look_at {
                self.look_for_a_screen()?;
                look_at = now + LOOK_EVERY;
            }
            let limit =
                self.show.deadline().map(|at| Duration::from_millis(at.saturating_sub(self.now_ms())));
            let in_time = |at: Instant| at.saturating_duration_since(now);
            let (off_in, health_in) = (self.off_at.map(in_time), Some(in_time(health_at)));
            let wait = [frame_due, sound_due, limit, moves_in, off_in, health_in].into_iter().flatten().min();
            let _ = woken.recv_timeout(wait.unwrap_or(HEALTH_EVERY));
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn hear_commands(&mut self, orders: &mut Vec<Order>) -> Result<(), String> {
        while let Ok(command) = self.commands.try_recv() {
            let now = self.now_ms();
            match command {
                Command::Show { items } => self.show.show(now, items, orders),
                Command::Blank => {
                    self.show.blank(now, orders);
                    self.tell_last_of_item();
                    let empty = self.output.canvas.empty()?;
                    self.put_at_once(empty)?;
                }
                Command::Power { is_on: true } => {
                    self.off_at = None;
                    self.switch(true);
                }
                Command::Power { is_on: false } => self.off_at = Some(Instant::now() + OFF_AFTER),
                Command::Splash(splash) => self.lettering.want_splash(splash),
                Command::Overlay(overlay) => self.lettering.want_overlay(overlay),
                Command::Next => self.show.skip(now, orders),
                Command::Snapshot { serial, width_max, len_max } => match self.output.last_sample() {
                    Some(sample) => {
                        self.hands.snapshot(self.speaker.clone(), serial, sample, (width_max, len_max));
                    }
                    None => {
                        let reason = "nothing is on the screen yet".into();
                        self.speaker.say(Event::NoSnapshot { serial, reason });
                    }
                },
                // Once is enough.
                Command::Begin(_) => {}
            }
        }
        Ok(())
    }

    fn hear_hands(&mut self, orders: &mut Vec<Order>) -> Result<(), String> {
        while let Some(Made { turn, source }) = self.hands.made() {
            let is_wanted = self.beside.as_ref().is_some_and(|beside| beside.turn == turn);
            match (source, &mut self.beside) {
                (Ok(source), Some(beside)) if is_wanted => beside.source = Some(source),
                (Ok(source), _) => self.hands.close(source)?,
                (Err(words), _) => {
                    let now = self.now_ms();
                    self.show.failed(now, turn, &words, orders);
                }
            }
        }
        while let Some(MadeSound { turn, sound }) = self.hands.made_sound() {
            let beside = self.beside.as_mut().filter(|beside| beside.turn == turn);
            let running = self.running.as_mut().filter(|running| running.turn == turn);
            let place = beside
                .map(|beside| (beside.item, &mut beside.track))
                .or_else(|| running.map(|running| (running.item, &mut running.track)));
            match (sound, place) {
                (Ok(sound), Some((_, track))) => *track = Some(Track::new(sound)),
                (Ok(sound), None) => self.hands.close(sound)?,
                (Err(reason), Some((id, _))) => self.speaker.say(Event::Silent { id, reason }),
                (Err(_), None) => {}
            }
        }
        Ok(())
    }

    /// Whether what is prepared has its first frame, and sound beside it.
    fn hear_beside(&mut self, orders: &mut Vec<Order>) -> Result<(), String> {
        let now = self.now_ms();
        let Some(beside) = self.beside.as_mut().filter(|beside| beside.first.is_none()) else {
            return Ok(());
        };
        let Some(source) = &mut beside.source else { return Ok(()) };
        if source.has_sound() && self.setup.sound_lead_ms > 0 && !beside.asks_sound {
            beside.asks_sound = true;
            self.hands.open_sound(beside.turn, beside.path.clone())?;
        }
        match source.next() {
            Heard::Frame(frame) => {
                beside.first = Some(frame);
                self.show.prepared(now, beside.turn, source.kind(), orders);
            }
            Heard::Failed(words) => self.show.failed(now, beside.turn, &words, orders),
            Heard::End => self.show.failed(now, beside.turn, "there is no picture in it", orders),
            Heard::Nothing => {}
        }
        Ok(())
    }

    fn follow(&mut self, orders: Vec<Order>) -> Result<(), String> {
        for order in orders {
            match order {
                Order::Prepare { turn, item } => {
                    let path = item.path();
                    self.hands.open(turn, path.clone())?;
                    let (item, asks_sound) = (item.id, false);
                    let (source, first, track) = (None, None, None);
                    self.beside = Some(Beside { turn, item, path, source, first, asks_sound, track });
                }
                Order::Take { turn, at_once } => self.take(turn, at_once)?,
                Order::Drop { turn } => self.drop_turn(turn)?,
                Order::Tell(event) => self.speaker.say(event),
            }
        }
        Ok(())
    }

    fn drop_turn(&mut self, turn: Turn) -> Result<(), String> {
        if let Some(running) = self.running.take_if(|running| running.turn == turn) {
            self.held = None;
            if running.was_heard {
                // Not longer than its picture.
                self.speaker.silence(turn.0, self.output.moment(self.pace.end()));
            }
            self.hands.close((running.source, running.track.map(Track::into_sound)))?;
        }
        // One that is still being opened is dropped when it comes.
        if let Some(beside) = self.beside.take_if(|beside| beside.turn == turn)
            && let Some(source) = beside.source
        {
            self.hands.close((source, beside.track.map(Track::into_sound)))?;
        }
        Ok(())
    }

    /// Lets what was prepared take the screen.
    fn take(&mut self, turn: Turn, at_once: bool) -> Result<(), String> {
        let Some(Beside { item, source: Some(source), first: Some(first), track, .. }) =
            self.beside.take_if(|beside| beside.turn == turn)
        else {
            return Ok(());
        };
        self.tell_last_of_item();
        let now = self.output.now();
        if at_once {
            let head = if track.is_some() { SOUND_HEAD_NS } else { 0 };
            self.pace.cut(now + head);
            if self.setup.sound_lead_ms > 0 {
                self.speaker.silence(turn.0, self.output.moment(now));
            }
        } else {
            self.pace.begin(now)
        }
        let Some(plan) = source.plan() else {
            return self.hands.close((source, track.map(Track::into_sound)));
        };
        match source.kind() {
            Kind::Film => {
                let due = self.pace.due(first.pts, first.length);
                self.held = Some((first, due));
                self.running = Some(Running { turn, item, source, plan, track, was_heard: false });
                Ok(())
            }
            Kind::Picture => {
                self.hands.close((source, track.map(Track::into_sound)))?;
                let due = self.pace.due(None, None);
                self.put(first, (plan, true), due)
            }
        }
    }

    /// Gives the sink what is due soon; says how long until the next frame is.
    fn feed(&mut self) -> Result<Option<Duration>, String> {
        loop {
            let Some(running) = &mut self.running else { return Ok(None) };
            if self.held.is_none() {
                let (turn, heard) = (running.turn, running.source.next());
                let now_ms = self.now_ms();
                let mut orders = Vec::new();
                match heard {
                    Heard::Frame(frame) => {
                        let due = self.pace.due(frame.pts, frame.length);
                        self.held = Some((frame, due));
                        self.show.fed(now_ms, true);
                    }
                    Heard::End => self.show.ended(now_ms, turn, &mut orders),
                    Heard::Failed(words) => self.show.failed(now_ms, turn, &words, &mut orders),
                    Heard::Nothing => {
                        self.show.fed(now_ms, false);
                        return Ok(None);
                    }
                }
                self.follow(orders)?;
            }
            let now = self.output.now();
            let Some((_, due)) = &self.held else { continue };
            if *due > now + LEAD_NS {
                return Ok(Some(Duration::from_nanos(*due - now - LEAD_NS)));
            }
            let Some(((frame, due), running)) = self.held.take().zip(self.running.as_ref()) else { continue };
            let plan = running.plan;
            match self.pace.timing(now, due) {
                Timing::Show { due } => self.put(frame, (plan, false), due)?,
                Timing::ShowLate { due } => {
                    self.counts.late += 1;
                    self.put(frame, (plan, false), due)?;
                }
                Timing::Drop => {
                    self.counts.late += 1;
                    self.counts.dropped += 1;
                    self.counts.item_expected += 1;
                }
            }
        }
    }

    /// Says what is to be heard soon of the film that runs; gives how long there is no more to say.
    fn give_sound(&mut self) -> Result<Option<Duration>, String> {
        let Some(Running { turn, item, track, was_heard, .. }) = &mut self.running else { return Ok(None) };
        let Some(on_its_way) = track else { return Ok(None) };
        let lead = u64::from(self.setup.sound_lead_ms.min(SOUND_LEAD_MS_MAX)) * 1_000_000;
        let span = Span { now: self.output.now(), lead };
        let say = |due: u64, bytes: &[u8]| {
            let is_said = self.speaker.sound(turn.0, self.output.moment(due), bytes);
            *was_heard |= is_said;
            is_said
        };
        match on_its_way.advance(span, &self.pace, say) {
            Ok(wait) => Ok(wait),
            Err(reason) => {
                self.speaker.say(Event::Silent { id: *item, reason });
                let track = track.take();
                self.hands.close(track.map(Track::into_sound))?;
                Ok(None)
            }
        }
    }

    fn put(&mut self, frame: Frame, (plan, is_see_through): (Plan, bool), due: u64) -> Result<(), String> {
        let frame = self.output.canvas.put(frame.buffer, plan.place, is_see_through)?;
        // What can be seen through is a picture, which stands.
        self.still = is_see_through.then(|| (frame.clone(), due));
        let frame = self.lettering.over(frame, due)?;
        self.output.push(frame, due).map_err(|words| format!("the screen is lost: {words}"))?;
        self.counts.item_expected += 1;
        self.counts.item_presented += 1;
        Ok(())
    }

    /// Puts the splash on the screen when there is nothing else to show, and again when its words have changed.
    fn put_splash(&mut self) -> Result<(), String> {
        while let Some(drawn) = self.hands.drawn() {
            self.lettering.take(drawn);
        }
        if let Some(frame) = self.lettering.splash(self.show.is_bare(), &self.hands)? {
            self.put_at_once(frame)?;
            self.tell_last_of_item();
            self.speaker.say(Event::Splash);
        }
        Ok(())
    }

    /// Puts a picture that stands on the screen again when what is written over it has changed or moves; says how long until it
    /// moves on.
    fn write_over_still(&mut self) -> Result<Option<Duration>, String> {
        self.lettering.see_to_overlay(&self.hands)?;
        let is_news = self.lettering.take_news();
        let Some((still, since)) = &self.still else { return Ok(None) };
        let moves = self.lettering.moves();
        let now = Instant::now();
        if is_news || moves && now >= self.again_at {
            let due = self.output.now().max(*since);
            let frame = self.lettering.over(still.clone(), due)?;
            self.output.push(frame, due).map_err(|words| format!("the screen is lost: {words}"))?;
            self.again_at = now + MOVE_EVERY;
        }
        Ok(moves.then(|| self.again_at.saturating_duration_since(now)))
    }

    /// A frame that stays until something else comes.
    fn put_at_once(&mut self, frame: gst::Buffer) -> Result<(), String> {
        self.still = None;
        self.pace.cut(self.output.now());
        let due = self.pace.due(None, None);
        self.output.push(frame, due).map_err(|words| format!("the screen is lost: {words}"))
    }

    fn tell_health(&mut self) {
        self.counts.presented = self.output.presented();
        self.counts.frame_age_ms = self.output.frame_age() / 1_000_000;
        self.counts.is_moving = self.show.is_moving();
        self.speaker.say(Event::Health(self.counts));
    }

    /// Something else takes the screen: what there is to say of the item that had it.
    fn tell_last_of_item(&mut self) {
        self.tell_health();
        (self.counts.item_expected, self.counts.item_presented) = (0, 0);
    }

    /// Switches the screen itself and says what came of it.
    fn switch(&self, is_on: bool) {
        let (is_on, problem) = match self.output.switch(is_on) {
            Ok(is_on) => (is_on, None),
            Err(words) => (!is_on, Some(words)),
        };
        self.speaker.say(Event::Power { is_on, problem });
    }

    /// Whether there is a screen now that was not there before. Then it ends, and the daemon starts another that takes it.
    fn look_for_a_screen(&mut self) -> Result<(), String> {
        if let Some(ours) = &self.output.taken.connector {
            if self.plug.is_out() {
                self.output.probe();
            }
            let connectors = connectors::look(&connectors::folder());
            return match self.plug.see(&ours.name, &connectors) {
                true => Err(format!("{NEW_SCREEN}: it was plugged")),
                false => Ok(()),
            };
        }
        let is_blind = self.output.taken.sink == Sink::Null && self.setup.sink != Sink::Null;
        if !is_blind {
            return Ok(());
        }
        if connectors::look(&connectors::folder()).iter().all(|connector| !connector.is_connected) {
            card::probe();
        }
        let (surroundings, _asked) = Surroundings::look(self.setup.display.as_deref());
        let (candidates, _) = surroundings.candidates(&self.setup);
        match candidates.iter().find(|candidate| candidate.sink != Sink::Null) {
            Some(found) if Output::can_open(found, &self.setup) => {
                Err(format!("{NEW_SCREEN}: {}", found.sink.as_str()))
            }
            Some(_) | None => Ok(()),
        }
    }
}
