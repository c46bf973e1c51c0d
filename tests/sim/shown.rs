//! What was on the screen, in virtual time: which rows the play log gets.

use orchestrion::storage::{HowEnded, PlayEnd, PlayKind, PlayStart};
use orchestrion::video::{self, Frames, Kind, OnScreen, Shows, Wanted};
use orchestrion_protocol::method::{EmergencyParams, SessionMethod, ShowParams, SwitchParams, VoiceMethod};
use orchestrion_protocol::status::Screen;
use serde_json::json;

use super::programs::{put_on, run_until};
use super::spots::{songs, with_spots};
use super::*;

/// After so long rows are written.
const SPAN_MS: u64 = 30 * 60_000;

/// A device with a screen, whose disk is looked at.
fn with_screen(sink: &str) -> Sim {
    let start = Start { screen: Some(Box::new(Wanted::default())), ..start(Repeat::All, 0) };
    let mut sim = Sim::new(1, &[good(3_600_000); 2], start);
    sim.disk = Some(disk::Disk::new());
    sim.stands(sink);
    sim.run_ms(1000);
    sim
}

impl Sim {
    fn video(&mut self, event: video::Event) {
        self.hear(Event::Video(event));
    }

    fn stands(&mut self, sink: &str) {
        let screen = Screen { sink: Some(sink.into()), ..Screen::default() };
        self.video(video::Event::Stands(Some(Box::new(screen))));
        self.video(video::Event::Visible(sink != "null"));
    }

    /// It is on the screen for so long, with so many frames.
    fn show(&mut self, name: &str, kind: Kind, (ms, frames): (u64, u64)) {
        let path = PathBuf::from(format!("/films/{name}"));
        let what = OnScreen { path, title: Some(name.into()), kind, size: 1, modified_ms: 2 };
        self.video(video::Event::Shows(Some(Box::new(what))));
        for _ in 0..ms / 1000 {
            self.step_by(1000);
        }
        self.video(video::Event::Frames(Frames { expected: frames, presented: frames - 1 }));
    }

    /// The rows of the screen, in order.
    fn seen(&mut self) -> Vec<(PlayStart, PlayEnd)> {
        let disk = self.disk.as_mut().unwrap();
        disk.settle();
        let rows =
            disk.rows.values().filter(|row| matches!(row.start.kind, PlayKind::Film | PlayKind::Picture));
        rows.map(|row| (row.start.clone(), row.end.clone().unwrap())).collect()
    }
}

#[test]
fn a_loop_of_five_seconds_is_a_row_for_each_file_and_half_hour() {
    let mut sim = with_screen("x11");
    let (items, hours) = (4, 2);
    for showing in 0..hours * 3600 / 5 {
        let kind = if showing % items == 0 { Kind::Film } else { Kind::Picture };
        sim.show(&format!("{}", showing % items), kind, (5000, 125));
    }
    sim.hear(Event::Signal(Signal::Terminate));
    let rows = sim.seen();
    // A half hour is over with the change after it; now and then the clock's hour ends one before.
    let spans = hours * 2;
    assert!((spans * items..=(spans + hours + 1) * items).contains(&(rows.len() as u64)), "{}", rows.len());
    let sum = |of: &dyn Fn(&PlayEnd) -> u64| rows.iter().map(|(_, end)| of(end)).sum::<u64>();
    assert_eq!(sum(&|end| end.viewed.unwrap().showings), hours * 3600 / 5);
    assert_eq!(sum(&|end| end.heard_ms), hours * 3_600_000);
    assert_eq!(sum(&|end| end.viewed.unwrap().visible_ms), hours * 3_600_000);
    assert_eq!(sum(&|end| end.viewed.unwrap().frames_presented), hours * 3600 / 5 * 124);
    assert_eq!(sum(&|end| end.viewed.unwrap().frames_expected), hours * 3600 / 5 * 125);
    assert!(rows.iter().all(|(start, end)| start.chosen_by.as_str() == "loop" && end.audible_ms == 0));
    assert!(rows.iter().all(|(start, _)| start.continues.is_none()), "none was cut in two");
    let mut keys: Vec<_> = rows.iter().map(|(start, end)| (start.key, end.key)).collect();
    keys.dedup();
    assert!(keys.len() == rows.len() && keys.iter().all(|(one, other)| one == other));
}

#[test]
fn a_long_film_is_written_each_half_hour_and_its_rows_go_on_with_each_other() {
    let mut sim = with_screen("x11");
    sim.show("long", Kind::Film, (2 * SPAN_MS + 60_000, 100));
    assert_eq!(sim.seen().len(), 2, "so much is on the disk while it runs");
    sim.show("next", Kind::Film, (5000, 10));
    sim.hear(Event::Signal(Signal::Terminate));
    let rows = sim.seen();
    let told: Vec<_> = rows
        .iter()
        .map(|(start, end)| {
            (start.title.clone().unwrap(), end.how, end.heard_ms, end.viewed.unwrap().showings)
        })
        .collect();
    let long = || "long".to_owned();
    assert_eq!(
        told,
        [
            (long(), HowEnded::Cut, SPAN_MS, 1),
            (long(), HowEnded::Cut, SPAN_MS, 0),
            (long(), HowEnded::Finished, 60_000, 0),
            ("next".into(), HowEnded::Cut, 5000, 1),
        ]
    );
    assert_eq!(rows[1].0.continues, Some(rows[0].0.key));
    assert_eq!(rows[2].0.continues, Some(rows[1].0.key));
    let frames: u64 = rows.iter().map(|(_, end)| end.viewed.unwrap().frames_expected).sum();
    assert_eq!(frames, 110);
}

#[test]
fn what_nobody_can_see_is_shown_and_not_visible_and_a_dark_screen_ends_it() {
    let mut sim = with_screen("null");
    sim.show("a", Kind::Picture, (10_000, 1));
    sim.stands("x11");
    for _ in 0..20 {
        sim.step_by(1000);
    }
    sim.video(video::Event::Shows(None));
    let [(start, end)] = &sim.seen()[..] else { panic!("{:?}", sim.seen()) };
    assert_eq!((end.heard_ms, end.viewed.unwrap().visible_ms, end.how), (30_000, 20_000, HowEnded::Cut));
    assert_eq!((start.kind, start.output.as_str()), (PlayKind::Picture, "null"));
    for _ in 0..100 {
        sim.step_by(1000);
    }
    // A video thread that dies says nothing any more; what it showed until then counts.
    sim.show("b", Kind::Film, (5000, 10));
    sim.hear(Event::Service(service::Event::Restarted { service: Name::Video }));
    sim.video(video::Event::Shows(None));
    let rows = sim.seen();
    assert_eq!((rows.len(), rows[1].1.heard_ms), (2, 5000));
    assert_eq!(rows[1].1.viewed.unwrap().frames_presented, 9);
}

#[test]
fn what_was_seen_before_anybody_knew_the_time_gets_it() {
    let mut sim = with_screen("x11");
    sim.now.wall = None;
    sim.step();
    sim.show("a", Kind::Picture, (10_000, 1));
    assert_eq!(sim.seen().len(), 0);
    sim.now.wall = Some(Wall(1_790_000_100_000));
    sim.step();
    sim.run_ms(1000);
    assert!(sim.witness.completed > 0);
    let rows = sim.seen();
    assert_eq!(rows.len(), 1, "written before the times are completed");
}

const EXIT: &str = "/films/exit.png";

impl Sim {
    /// What the video thread was told last to show: a file that is shown at once, or a word.
    fn turned(&self) -> String {
        let turn = self.told_video.iter().rev().find_map(|command| match command {
            video::Command::Turn(shows) => Some(shows),
            _ => None,
        });
        match turn.unwrap_or(&Shows::Usual) {
            Shows::Item(item) => item.path.display().to_string(),
            Shows::Reel(reel) => format!("the loop {}", reel.id),
            Shows::Usual => "usual".into(),
            Shows::Dark => "dark".into(),
            Shows::Loop(name) => format!("the device's loop {name}"),
        }
    }

    fn emergency(&mut self, for_s: u32) {
        let params = EmergencyParams { path: "/music/10".into(), for_s, picture: Some(EXIT.into()) };
        self.ask(Method::Voice(VoiceMethod::Emergency(params)));
    }

    fn switch_screen(&mut self, on: bool) {
        self.ask(Method::Session(SessionMethod::Screen(SwitchParams { on })));
    }
}

fn programmed() -> Start {
    let screen = Some(Box::new(Wanted::default()));
    Start { program: Some("/music/program.json".into()), screen, ..start(Repeat::All, 0) }
}

#[test]
fn an_emergency_is_seen_over_everything_until_its_end_also_in_the_dark_and_after_a_restart() {
    let mut sim = Sim::new(1, &songs(), programmed());
    let mut program = with_spots(json!([]));
    program["hours"]["screen"] = json!([{"days": ["daily"], "from": "14:00", "to": "14:15"}]);
    put_on(&mut sim, &program);
    sim.run_ms(1000);
    assert_eq!(sim.turned(), "usual");
    run_until(&mut sim, "14:16");
    assert_eq!(sim.turned(), "dark");
    sim.emergency(60);
    assert_eq!(sim.turned(), EXIT, "also before it is heard");
    sim.switch_screen(false);
    sim.run_ms(1000);
    assert_eq!(sim.turned(), EXIT, "and where somebody has switched the screen off");
    let memories = sim.witness.memories();
    sim.run_ms(62_000);
    assert_eq!(sim.turned(), "dark", "what is right now goes on");

    let restored = Restored { run: 2, memories, ..Restored::default() };
    let mut sim = Sim::restart(2, &songs(), Start { afresh: false, ..programmed() }, &restored);
    sim.step();
    put_on(&mut sim, &program);
    sim.run_ms(1000);
    assert_eq!(sim.turned(), EXIT);
    sim.ask(Method::Voice(VoiceMethod::EndEmergency));
    assert_eq!(sim.turned(), "dark", "it is still switched off");
    sim.switch_screen(true);
    assert_eq!(sim.turned(), "usual");
    // One that cannot be shown gives way, and the next one is tried.
    sim.emergency(60);
    sim.video(video::Event::NotShown(EXIT.into()));
    assert_eq!(sim.turned(), "usual");
    sim.run_ms(1000);
    assert_eq!(sim.turned(), "usual");
    sim.ask(Method::Voice(VoiceMethod::EndEmergency));
    sim.emergency(60);
    assert_eq!(sim.turned(), EXIT);
}

#[test]
fn a_spot_is_seen_while_it_is_said_and_not_before_what_somebody_shows() {
    let spots = json!([
        {"id": "ducked", "recording": "10", "class": "house", "when": {"at": {"days": ["daily"], "time": "14:15"}},
         "how": {"duck": {"db": 12.0}}, "screen": "12"},
        {"id": "between", "recording": "11", "class": "house", "when": {"songs": 3},
         "how": {"between": {"window_s": 900, "else": "miss"}}, "screen": "10"},
    ]);
    let mut program = with_spots(spots);
    program["library"]["loops"] = json!([{"id": "window", "items": [{"recording": "12"}]}]);
    program["dayparts"][0]["screen_loop"] = json!("window");
    let mut sim = Sim::new(1, &songs(), programmed());
    put_on(&mut sim, &program);
    sim.run_ms(1000);
    assert_eq!(sim.turned(), "the loop window");
    run_until(&mut sim, "14:15");
    assert_eq!(sim.turned(), "the loop window");
    sim.run_ms(2000);
    assert_eq!(sim.turned(), "/music/12");
    sim.run_ms(10_000);
    assert_eq!(sim.turned(), "the loop window");
    // Between two songs.
    let mut seen = 0;
    for _ in 0..1000 {
        sim.run_ms(200);
        seen += u64::from(sim.turned() == "/music/10");
    }
    // 8 s of it, and all that was said between them.
    assert!((35..=45).contains(&seen), "{seen} times 200 ms");
    let params = ShowParams { path: EXIT.into(), for_s: 3600 };
    sim.ask(Method::Session(SessionMethod::ShowNow(params)));
    assert_eq!(sim.turned(), EXIT);
}
