//! The device's decisions in virtual time, under chance: files that fail, clients that press everything, services that die,
//! a process that ends. A failing seed prints itself; run it again with `SIM_SEED=n`, and `SIM_TRACE=1` for all that was said.
#![cfg(test)]

mod deck_world;
mod disk;
mod film;
mod hands;
mod programs;
mod releases;
mod settings;
mod shown;
mod spots;
mod voice_world;
mod witness;
mod year;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deck_world::{DeckWorld, SongKind};
use orchestrion::app::{App, Asked, Defaults, Effect, Event, Exit, Levels, Signal, Start};
use orchestrion::buttons;
use orchestrion::control::{self, ClientId};
use orchestrion::library;
use orchestrion::measure;
use orchestrion::service::{self, Name};
use orchestrion::storage::{self, Restored};
use orchestrion::time::{Mono, Now, Wall};
use orchestrion_protocol::method::{
    AddParams, AnnounceParams, CrossfadeParams, EntryParams, Method, MoveParams, Place, PlayParams,
    ProgramMethod, QueueMethod, RepeatParams, SeekParams, SwitchParams, TrimParams, VoiceMethod,
    VolumeParams, WhyParams,
};
use orchestrion_protocol::rpc::{Id, RpcError};
use orchestrion_protocol::status::{EntryId, Repeat};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use witness::Witness;

const STEP_MS: u64 = 10;

/// A device in a virtual world.
struct Sim {
    now: Now,
    /// A clock that nobody sets.
    true_ms: i64,
    /// What would be on the disk, if a test wants to know.
    disk: Option<disk::Disk>,
    app: App,
    world: DeckWorld,
    witness: Witness,
    chance: ChaCha8Rng,
    exit: Option<Exit>,
    /// What the disk has not confirmed yet.
    unconfirmed: Option<storage::Ticket>,
    replies: usize,
    asked: usize,
    /// The library answers nothing.
    holds_library: bool,
    /// What the alarm contact says when it is asked for.
    contact: buttons::Contact,
    led: Option<buttons::Pattern>,
    answers: Vec<buttons::Signal>,
    /// What was answered last.
    last_reply: Option<Result<serde_json::Value, RpcError>>,
    /// Whether what somebody waits for is measured.
    measures: bool,
    /// Whether all that is said is printed.
    traces: bool,
    store: releases::StoreWorld,
    /// What the video thread was told.
    told_video: Vec<orchestrion::video::Command>,
}

impl Sim {
    fn new(seed: u64, songs: &[SongKind], start: Start) -> Self {
        Self::restart(seed, songs, start, &Restored { run: 1, ..Restored::default() })
    }

    fn restart(seed: u64, songs: &[SongKind], start: Start, restored: &Restored) -> Self {
        Self::restart_with(seed, songs, start, (restored, buttons::Contact::Nowhere))
    }

    /// The same, and the alarm contact says something.
    fn restart_with(
        seed: u64,
        songs: &[SongKind],
        start: Start,
        (restored, contact): (&Restored, buttons::Contact),
    ) -> Self {
        let now = Now { monotonic: Mono(1_000_000), wall: Some(Wall(1_790_000_000_000)) };
        let mut effects = Vec::new();
        let app = App::start(now, restored, start, &mut effects);
        let mut sim = Self {
            now,
            true_ms: 1_790_000_000_000,
            disk: None,
            app,
            world: DeckWorld::new(seed, songs),
            witness: Witness::default(),
            chance: ChaCha8Rng::seed_from_u64(seed),
            exit: None,
            unconfirmed: None,
            replies: 0,
            asked: 0,
            holds_library: false,
            contact,
            led: None,
            answers: Vec::new(),
            last_reply: None,
            measures: true,
            traces: std::env::var_os("SIM_TRACE").is_some(),
            store: releases::StoreWorld::default(),
            told_video: Vec::new(),
        };
        sim.carry_out(effects);
        sim
    }

    /// The process is gone and starts again, with what it finds.
    fn live_again(&mut self, songs: &[SongKind], (now, start, restored): (Now, Start, &Restored)) {
        let mut effects = Vec::new();
        self.now = now;
        self.app = App::start(now, restored, start, &mut effects);
        self.world = DeckWorld::new(self.chance.random(), songs);
        (self.witness, self.unconfirmed) = (Witness::default(), None);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.trace("→", &effect);
            match effect {
                Effect::Audio(command) => self.world.obey(self.now.monotonic, command),
                Effect::Storage(command) => {
                    if let Some(disk) = &mut self.disk {
                        disk.take(self.true_ms, command.clone());
                    }
                    if let Some(ticket) = self.witness.store(command) {
                        self.unconfirmed = Some(ticket);
                    }
                }
                Effect::Library(library::Command::ReadProgram { .. }) => {}
                Effect::Release(command) => self.store_is_told(command),
                Effect::Library(library::Command::Expand { .. }) if self.holds_library => {}
                Effect::Library(library::Command::Expand { wish, .. }) => self.answer_library(wish),
                Effect::Control(control::Command::Reply { outcome, .. }) => {
                    self.replies += 1;
                    self.last_reply = Some(outcome);
                }
                Effect::Measure(measure::Command::AheadAtOnce(ahead)) if self.measures => {
                    let measured = self.world.measure_now(&ahead.songs[0]);
                    self.hear(Event::Measure(measured));
                }
                Effect::Buttons(buttons::Command::Wire(_)) => {
                    self.hear(Event::Buttons(buttons::Event::Wired { problem: None, alarm: self.contact }));
                }
                Effect::Buttons(buttons::Command::Led(pattern)) => self.led = Some(pattern),
                Effect::Buttons(buttons::Command::Answer(signal)) => self.answers.push(signal),
                Effect::Control(control::Command::Notify(_) | control::Command::Tell(_))
                | Effect::Measure(_)
                | Effect::Web(_)
                | Effect::Reload => {}
                Effect::Video(command) => self.told_video.push(command),
                Effect::Exit(exit) => self.exit = Some(exit),
            }
        }
    }

    /// The library finds all songs of the world, three at a time.
    fn answer_library(&mut self, wish: library::WishId) {
        let songs: Vec<PathBuf> = self.world.paths();
        for songs in songs.chunks(3) {
            let songs = songs.to_vec();
            self.hear(Event::Library(library::Event::Found { wish, songs }));
        }
        self.hear(Event::Library(library::Event::Expanded { wish, problems: vec![] }));
    }

    fn trace(&self, direction: &str, what: &dyn std::fmt::Debug) {
        if self.traces {
            println!("{} {direction} {what:?}", self.now.monotonic.0);
        }
    }

    fn hear(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.app.handle(self.now, event, &mut effects);
        self.carry_out(effects);
    }

    fn ask(&mut self, method: Method) {
        self.asked += 1;
        self.trace("?", &method);
        let id = Some(Id::Number(1));
        self.hear(Event::Control(control::Event::Asked { client: ClientId(1), id, method }));
    }

    /// One step of time; everything that the world says is heard.
    fn step(&mut self) {
        self.step_by(STEP_MS);
    }

    fn step_by(&mut self, step_ms: u64) {
        let deadline = self.app.deadline(self.now);
        self.now.monotonic = self.now.monotonic.plus_ms(step_ms);
        self.true_ms += step_ms as i64;
        if let Some(wall) = &mut self.now.wall {
            wall.0 += step_ms as i64;
        }
        for event in self.world.step(self.now.monotonic, step_ms) {
            self.trace("←", &event);
            self.witness.hear(&event);
            self.hear(Event::Audio(event));
        }
        if self.chance.random_bool(0.3)
            && let Some(ticket) = self.unconfirmed.take()
        {
            self.disk.iter_mut().for_each(disk::Disk::settle);
            self.hear(Event::Storage(storage::Event::Kept(ticket)));
        }
        if deadline.is_some_and(|at| at <= self.now.monotonic) {
            let mut effects = Vec::new();
            self.app.wake(self.now, &mut effects);
            self.carry_out(effects);
        }
    }

    fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.step();
        }
    }
}

fn start(repeat: Repeat, crossfade_ms: u32) -> Start {
    Start {
        music: vec!["/music".into()],
        afresh: true,
        plays: true,
        exits_at_end: false,
        defaults: Defaults { volume: 80, repeat, shuffle: false, crossfade_ms },
        levels: Levels::default(),
        outputs: vec!["alsa:default".into()],
        asked: Asked::default(),
        program: None,
        release: None,
        server: None,
        server_gives_releases: false,
        board: buttons::Wanted::default(),
        screen: None,
        seed: 3,
        floor: None,
    }
}

fn good(ms: u64) -> SongKind {
    SongKind::Good { ms }
}

#[test]
fn an_album_of_songs_plays_through_with_crossfades_and_each_is_counted_once() {
    let mut sim = Sim::new(1, &[good(20_000), good(30_000), good(25_000)], start(Repeat::Off, 5000));
    sim.run_ms(80_000);
    assert_eq!(sim.witness.closed_as("finished"), 3);
    assert_eq!(sim.world.fades_ms, [5000, 5000]);
    assert!(sim.world.silence_ms() > 5000, "the queue has ended");
    sim.witness.check_all_closed();
}

#[test]
fn silence_at_the_ends_of_measured_songs_is_skipped() {
    let silent = SongKind::Measured { ms: 40_000, head_ms: 4000, tail_ms: 30_000 };
    let mut sim = Sim::new(1, &[silent, silent, good(25_000)], start(Repeat::Off, 5000));
    // 26 s of music each, of which 5 s are heard with the next, and 25 s.
    sim.run_ms(26_000 + 21_000 + 20_000 + 2000);
    assert_eq!(sim.witness.closed_as("finished"), 3);
    assert_eq!(sim.world.fades_ms, [5000, 5000]);
}

#[test]
fn two_second_songs_in_a_row_are_never_silent_between() {
    let songs: Vec<_> = (0..500).map(|_| good(2000)).collect();
    let mut sim = Sim::new(2, &songs, start(Repeat::Off, 5000));
    let mut longest = 0;
    for _ in 0..8000 {
        sim.run_ms(100);
        longest = longest.max(sim.world.silence_ms());
        if sim.witness.closed_as("finished") == 500 {
            break;
        }
    }
    assert_eq!(sim.witness.closed_as("finished"), 500);
    assert!(longest < 500, "{longest} ms of silence");
}

#[test]
fn a_folder_of_which_nothing_plays_ends_the_process_and_says_so() {
    let mut sim =
        Sim::new(3, &[SongKind::Bad, SongKind::Bad], Start { exits_at_end: true, ..start(Repeat::Off, 0) });
    sim.run_ms(5000);
    assert_eq!(sim.exit, Some(Exit::NothingPlayed));
}

#[test]
fn a_device_of_which_nothing_plays_tries_again_and_plays_when_it_can() {
    let mut sim = Sim::new(4, &[SongKind::Bad, SongKind::Bad], start(Repeat::All, 0));
    sim.run_ms(20_000);
    assert_eq!(sim.exit, None);
    sim.world.heal(good(10_000));
    sim.run_ms(40_000);
    assert!(sim.witness.closed_as("finished") >= 1);
}

#[test]
fn a_file_that_breaks_off_is_failed_and_the_next_one_follows_at_once() {
    let songs = [SongKind::Truncated { promised_ms: 60_000, ms: 10_000 }, good(20_000)];
    let mut sim = Sim::new(5, &songs, start(Repeat::All, 5000));
    sim.run_ms(12_000);
    assert_eq!(sim.witness.closed_as("failed"), 1);
    assert!(sim.world.silence_ms() < 500);
}

#[test]
fn a_single_broken_file_is_better_than_silence() {
    let mut sim =
        Sim::new(6, &[SongKind::Truncated { promised_ms: 60_000, ms: 10_000 }], start(Repeat::All, 5000));
    sim.run_ms(60_000);
    assert!(sim.witness.closed_as("failed") >= 5);
    assert!(sim.world.silence_ms() < 500);
}

#[test]
fn pause_holds_the_place_seek_stays_one_play_and_previous_goes_back() {
    let mut sim = Sim::new(7, &[good(60_000), good(60_000)], start(Repeat::Off, 5000));
    sim.run_ms(5000);
    sim.ask(Method::Pause);
    sim.run_ms(10_000);
    assert!(sim.world.silence_ms() > 9000);
    sim.ask(Method::Seek(SeekParams { position_ms: Some(40_000), by_ms: None }));
    sim.run_ms(1000);
    assert!(sim.world.silence_ms() > 9000, "a seek in a pause is silent");
    sim.ask(Method::Play(PlayParams::default()));
    sim.run_ms(1000);
    assert!(sim.world.silence_ms() < 100);
    assert_eq!(sim.witness.opened(), 1);
    sim.ask(Method::Skip);
    sim.run_ms(1000);
    assert_eq!((sim.witness.opened(), sim.witness.closed_as("skipped")), (2, 1));
    sim.ask(Method::Previous);
    sim.run_ms(1000);
    assert_eq!(sim.witness.last_path(), Path::new("/music/0"));
}

#[test]
fn the_end_of_the_process_fades_keeps_the_place_and_closes_the_play() {
    let mut sim = Sim::new(8, &[good(60_000)], start(Repeat::All, 5000));
    sim.run_ms(5000);
    sim.hear(Event::Signal(Signal::Terminate));
    sim.run_ms(1000);
    assert_eq!(sim.exit, Some(Exit::Done));
    sim.witness.check_all_closed();
    let place = sim.witness.checkpoint().unwrap();
    assert!(place.playing && place.position_ms.abs_diff(5000) < 200, "{place:?}");
}

#[test]
fn a_jump_out_of_a_pause_that_cannot_be_done_lets_the_music_go_on() {
    // Nothing else can be played: the skip leads nowhere, and the song that was held goes on.
    let mut sim = Sim::new(9, &[good(60_000), SongKind::Bad], start(Repeat::Off, 0));
    sim.run_ms(3000);
    sim.ask(Method::Pause);
    sim.run_ms(1000);
    sim.world.heal(SongKind::Bad);
    sim.ask(Method::Seek(SeekParams { position_ms: Some(30_000), by_ms: None }));
    sim.ask(Method::Play(PlayParams::default()));
    sim.run_ms(1000);
    assert!(sim.world.silence_ms() < 100, "{} ms of silence", sim.world.silence_ms());
}

#[test]
fn without_repeat_the_queue_ends_though_its_last_song_is_in_quarantine() {
    let mut sim = Sim::new(10, &[good(5000), SongKind::Bad], start(Repeat::Off, 0));
    sim.run_ms(20_000);
    assert_eq!(sim.witness.opened(), 1, "the first song is not played again");
}

#[test]
fn a_library_that_died_still_ends_its_wishes() {
    let mut sim = Sim::new(11, &[good(5000)], Start { music: vec![], ..start(Repeat::All, 0) });
    let paths = vec!["/music".to_owned()];
    let add = Method::Queue(QueueMethod::Add(AddParams { paths, at: Place::Last }));
    sim.holds_library = true;
    sim.ask(add);
    sim.hear(Event::Service(service::Event::Restarted { service: Name::Library }));
    sim.holds_library = false;
    sim.answer_library(library::WishId(1));
    sim.run_ms(1000);
    assert_eq!((sim.replies, sim.witness.opened()), (1, 1));
}

#[test]
fn a_pause_survives_a_restart_with_its_place() {
    let mut sim = Sim::new(12, &[good(60_000)], start(Repeat::All, 0));
    sim.run_ms(20_000);
    sim.ask(Method::Pause);
    sim.run_ms(1000);
    let restored = Restored {
        run: 2,
        queue: sim.witness.queue(),
        checkpoint: sim.witness.checkpoint(),
        unfinished: Some(storage::PlayKey { run: 1, seq: 1 }),
        ..Restored::default()
    };
    let again = Start { afresh: false, plays: false, music: vec![], ..start(Repeat::All, 0) };
    let mut sim = Sim::restart(13, &[good(60_000)], again, &restored);
    sim.run_ms(1000);
    assert_eq!(sim.witness.opened(), 0, "what someone paused stays silent");
    sim.ask(Method::Play(PlayParams::default()));
    sim.run_ms(1000);
    let place = sim.witness.checkpoint().unwrap();
    assert!(place.position_ms.abs_diff(20_000) < 1500, "{place:?}");
}

fn any_method(chance: &mut ChaCha8Rng, entries: u64) -> Method {
    let entry = EntryId(chance.random_range(1..entries * 2));
    match chance.random_range(0..20) {
        0 => Method::Pause,
        1 | 2 => Method::Play(PlayParams::default()),
        3 => Method::Play(PlayParams { entry: Some(entry) }),
        4 => Method::Toggle,
        5 | 6 => Method::Skip,
        7 => Method::Previous,
        8 => Method::Seek(SeekParams { position_ms: Some(chance.random_range(0..70_000)), by_ms: None }),
        9 => {
            Method::Seek(SeekParams { position_ms: None, by_ms: Some(chance.random_range(-20_000..20_000)) })
        }
        10 => Method::Volume(VolumeParams { percent: Some(chance.random_range(1..101)), by: None }),
        11 => Method::Crossfade(CrossfadeParams { fade_ms: chance.random_range(0..12_001) }),
        12 => Method::Queue(QueueMethod::Shuffle(SwitchParams { on: chance.random_bool(0.5) })),
        // The first song is good and stays, so that there is always something to be heard.
        13 => Method::Queue(QueueMethod::Remove(EntryParams { entry: EntryId(entry.0.max(2)) })),
        14 => Method::Queue(QueueMethod::Move(MoveParams { entry, at: Place::Next })),
        15 => Method::Queue(QueueMethod::Repeat(RepeatParams {
            mode: [Repeat::All, Repeat::One][chance.random_range(0..2)],
        })),
        16 | 17 => {
            let path = path_of(chance.random_range(0..entries as usize)).display().to_string();
            Method::Voice(VoiceMethod::Announce(AnnounceParams { path, duck_db: None }))
        }
        18 => Method::Voice(VoiceMethod::Hush),
        _ => Method::Stop,
    }
}

/// Law 1: never silent while something playable is there and nobody asked for silence. Law 3: every question is answered
/// once, every play is opened and closed once.
#[test]
fn under_any_sequence_of_presses_faults_and_deaths_the_laws_hold() {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().expect(name));
    let seeds = match number("SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(300),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| hold_the_laws(seed));
        assert!(outcome.is_ok(), "SIM_SEED={seed} shows it again");
    }
}

fn hold_the_laws(seed: u64) {
    let mut chance = ChaCha8Rng::seed_from_u64(seed ^ 0xabcd);
    let songs: Vec<SongKind> = (0..chance.random_range(2..12))
        .map(|i| match chance.random_range(0..7) {
            _ if i == 0 => good(30_000),
            0 => SongKind::Bad,
            1 => SongKind::Truncated { promised_ms: 60_000, ms: chance.random_range(1..30_000) },
            2 => good(chance.random_range(300..3000)),
            3 => {
                let ms = chance.random_range(5000..60_000);
                let head_ms = chance.random_range(0..ms / 2);
                SongKind::Measured { ms, head_ms, tail_ms: chance.random_range(head_ms + 400..=ms) }
            }
            _ => good(chance.random_range(5000..60_000)),
        })
        .collect();
    let mut sim = Sim::new(seed, &songs, start(Repeat::All, 5000));
    let mut wants_silence = false;
    for _ in 0..600 {
        if chance.random_bool(0.15) {
            let presses = if chance.random_bool(0.2) { chance.random_range(2..6) } else { 1 };
            for _ in 0..presses {
                let method = any_method(&mut chance, songs.len() as u64);
                sim.ask(method);
            }
        }
        if chance.random_bool(0.01) {
            sim.world.forget();
            sim.hear(Event::Service(service::Event::Restarted { service: Name::Audio }));
        }
        if chance.random_bool(0.01) {
            sim.hear(Event::Service(service::Event::Restarted { service: Name::Storage }));
        }
        if chance.random_bool(0.05)
            && let Some(measured) = sim.world.measure(&mut chance)
        {
            sim.hear(Event::Measure(measured));
        }
        sim.run_ms(500);
        let silent_ms = sim.world.silence_ms();
        let status = sim.status();
        if status == "playing" || status == "waiting" {
            assert!(
                silent_ms < 2000 || wants_silence || sim.world.is_all_bad(),
                "{silent_ms} ms of silence while {status}"
            );
        }
        wants_silence = status == "paused" || status == "stopped";
        sim.world.check();
    }
    // Whoever waits for an announcement to begin is told that it is taken away.
    sim.ask(Method::Voice(VoiceMethod::Hush));
    sim.run_ms(100);
    assert_eq!(sim.asked, sim.replies, "every question is answered once");
    sim.hear(Event::Signal(Signal::Terminate));
    sim.run_ms(3000);
    assert_eq!(sim.exit, Some(Exit::Done));
    sim.witness.check_all_closed();
}

impl Sim {
    /// The state by a question, as a client would get it.
    fn status(&mut self) -> String {
        let method = Method::Status;
        let id = Some(Id::Number(2));
        let mut effects = Vec::new();
        self.app.handle(
            self.now,
            Event::Control(control::Event::Asked { client: ClientId(2), id, method }),
            &mut effects,
        );
        let answer = effects.iter().find_map(|effect| match effect {
            Effect::Control(control::Command::Reply { outcome: Ok(value), .. }) => value["state"].as_str(),
            _ => None,
        });
        answer.unwrap().to_owned()
    }
}

fn path_of(song: usize) -> Arc<Path> {
    Path::new(&format!("/music/{song}")).into()
}
