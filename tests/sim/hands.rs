//! Presses, the knob and the alarm contact in virtual time: what staff may do, how pauses end, what an alarm silences.

use orchestrion::buttons::{Action, Contact, Event as Hand, Pattern, Press, Signal as Answer, Wanted};
use orchestrion_protocol::method::{EmergencyParams, SwitchParams};
use serde_json::{Value, json};

use super::programs::{document, put_on, run_until};
use super::spots::{songs as songs_and_spots, with_spots};
use super::*;

const SONG_MS: u64 = 61_000;
const HALF_HOUR_MS: u64 = 30 * 60 * 1000;

/// A board of which it only matters that there is one.
fn a_board() -> Wanted {
    Wanted { name: Some("pc".into()), ..Wanted::default() }
}

fn with_board(repeat: Repeat) -> Start {
    Start { board: a_board(), ..start(repeat, 0) }
}

/// Three songs without a program.
fn playing() -> Sim {
    let mut sim = Sim::new(1, &[good(SONG_MS); 3], with_board(Repeat::All));
    sim.run_ms(3000);
    sim
}

fn on_air(document: &Value) -> Sim {
    let start = Start { program: Some("/music/program.json".into()), ..with_board(Repeat::All) };
    let mut sim = Sim::new(2, &songs_and_spots(), start);
    put_on(&mut sim, document);
    run_until(&mut sim, "14:31");
    sim
}

impl Sim {
    fn press_of(&mut self, press: Press) -> Answer {
        let before = self.answers.len();
        self.hear(Event::Buttons(Hand::Pressed(press)));
        assert_eq!(self.answers.len(), before + 1, "each press is answered once");
        self.answers[before]
    }

    fn press(&mut self, action: Action) -> Answer {
        let announcement = (action == Action::Announce).then(|| Path::new("/music/11").into());
        self.press_of(Press { button: "a".into(), action, announcement, is_repeated: false })
    }

    fn alarm(&mut self, is_given: bool) {
        self.hear(Event::Buttons(Hand::Alarm(is_given)));
    }

    fn whole_status(&mut self) -> Value {
        let asked =
            control::Event::Asked { client: ClientId(2), id: Some(Id::Number(2)), method: Method::Status };
        let mut effects = Vec::new();
        self.app.handle(self.now, Event::Control(asked), &mut effects);
        let answer = effects.into_iter().find_map(|effect| match effect {
            Effect::Control(control::Command::Reply { outcome: Ok(value), .. }) => Some(value),
            _ => None,
        });
        answer.unwrap()
    }

    fn refused(&mut self) -> String {
        self.whole_status()["hands"]["refused"].as_str().unwrap_or("nothing").to_owned()
    }

    fn is_muted(&self) -> bool {
        self.world.loudness.unwrap().1
    }
}

#[test]
fn a_press_that_is_obeyed_is_confirmed_by_a_tone_unless_nobody_wants_it() {
    let tones_of = |sim: &mut Sim, action, is_repeated| {
        let press = Press { button: "a".into(), action, announcement: None, is_repeated };
        let mut effects = Vec::new();
        sim.app.handle(sim.now, Event::Buttons(Hand::Pressed(press)), &mut effects);
        effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Audio(orchestrion::audio::Command::PressTone)))
            .count()
    };
    let mut sim = playing();
    assert_eq!(tones_of(&mut sim, Action::Skip, false), 1);
    assert_eq!(tones_of(&mut sim, Action::Louder, true), 0, "a button that is held says it once");
    assert_eq!(tones_of(&mut sim, Action::Announce, false), 0, "it has no announcement");
    let quiet = Wanted { tone: Some(false), ..a_board() };
    let mut sim = Sim::new(1, &[good(SONG_MS); 3], Start { board: quiet, ..start(Repeat::All, 0) });
    sim.run_ms(3000);
    assert_eq!(tones_of(&mut sim, Action::Skip, false), 0);
}

#[test]
fn a_press_skips_at_once_and_stands_in_the_log_as_one() {
    let mut sim = playing();
    assert_eq!(sim.press(Action::Skip), Answer::Confirmed);
    sim.run_ms(500);
    assert_eq!((sim.witness.opened(), sim.witness.closed_as("skipped")), (2, 1));
    assert_eq!(sim.witness.reasons(), ["skipped by button"]);
    sim.ask(Method::Skip);
    sim.run_ms(500);
    assert_eq!(sim.witness.reasons(), ["skipped by button", "skipped"], "who skips from afar is no button");
    assert_eq!(sim.press(Action::Previous), Answer::Confirmed);
    sim.run_ms(500);
    assert_eq!(sim.witness.reasons()[2], "skipped by button");
    assert_eq!(sim.witness.last_path(), Path::new("/music/1"));
}

#[test]
fn the_first_press_pauses_the_second_goes_on_and_the_led_says_so() {
    let mut sim = playing();
    assert_eq!(sim.led, Some(Pattern::Playing));
    sim.press(Action::Toggle);
    sim.run_ms(1000);
    assert_eq!((sim.status().as_str(), sim.led), ("paused", Some(Pattern::Closed)));
    sim.press(Action::Toggle);
    sim.run_ms(1000);
    assert_eq!((sim.status().as_str(), sim.led), ("playing", Some(Pattern::Playing)));
    assert_eq!(sim.witness.opened(), 1, "it is the same play");
}

#[test]
fn a_pause_by_a_press_ends_after_half_an_hour_also_over_a_restart() {
    let mut sim = playing();
    sim.press(Action::Toggle);
    sim.run_ms(HALF_HOUR_MS - 1000);
    assert_eq!(sim.status(), "paused");
    let restored = Restored {
        run: 2,
        boot_id: String::new(),
        queue: sim.witness.queue(),
        checkpoint: sim.witness.checkpoint(),
        memories: sim.witness.memories(),
        ..Restored::default()
    };
    sim.run_ms(2000);
    assert_eq!(sim.status(), "playing");
    // What is forgotten in between: the same kernel, so its clock tells how much is left. The virtual one begins anew.
    let again = Start { afresh: false, plays: false, ..with_board(Repeat::All) };
    let mut sim = Sim::restart(3, &[good(SONG_MS); 3], again, &restored);
    sim.run_ms(HALF_HOUR_MS);
    assert_eq!(sim.status(), "paused");
    sim.run_ms(5000);
    assert_eq!((sim.status().as_str(), sim.world.silence_ms() < 500), ("playing", true));
}

#[test]
fn a_pause_from_afar_or_one_that_was_ended_does_not_end_by_itself() {
    let mut sim = playing();
    sim.press(Action::Toggle);
    sim.run_ms(1000);
    sim.ask(Method::Play(PlayParams::default()));
    sim.run_ms(1000);
    sim.ask(Method::Pause);
    sim.run_ms(2 * HALF_HOUR_MS);
    assert_eq!(sim.status(), "paused");
}

#[test]
fn a_pause_by_a_press_ends_as_the_program_says_and_at_the_next_opening() {
    let mut sim = on_air(&document());
    sim.press(Action::Toggle);
    sim.run_ms(118_000);
    assert_eq!(sim.status(), "paused");
    sim.run_ms(4000);
    assert_eq!(sim.status(), "playing");
    let mut document = document();
    document["staff"]["pause_max_s"] = json!(3600);
    let start = Start { program: Some("/music/program.json".into()), ..with_board(Repeat::All) };
    let mut sim = Sim::new(4, &songs_and_spots(), start);
    put_on(&mut sim, &document);
    run_until(&mut sim, "14:19");
    sim.press(Action::Toggle);
    run_until(&mut sim, "14:29");
    assert_eq!((sim.press(Action::Toggle), sim.refused().contains("closed until")), (Answer::Refused, true));
    run_until(&mut sim, "14:31");
    assert_eq!(sim.status(), "playing", "it has opened");
}

#[test]
fn skips_are_counted_refused_with_the_reason_and_not_given_back_by_a_restart() {
    let mut document = document();
    document["staff"]["skips_per_hour"] = json!(2);
    let mut sim = on_air(&document);
    for _ in 0..2 {
        assert_eq!(sim.press(Action::Skip), Answer::Confirmed);
        sim.run_ms(2000);
    }
    let plays = sim.witness.opened();
    assert_eq!(sim.press(Action::Skip), Answer::Refused);
    assert_eq!(sim.press(Action::Previous), Answer::Refused, "going back counts as a skip");
    sim.run_ms(2000);
    assert_eq!(sim.witness.opened(), plays);
    assert_eq!(sim.refused(), "2 songs in an hour may be skipped, and were");
    sim.run_ms(31_000);
    assert_eq!(sim.refused(), "nothing", "it is not said for ever");
    // Operators are not asked.
    sim.ask(Method::Skip);
    sim.run_ms(2000);
    assert_eq!(sim.witness.opened(), plays + 1);
    let restored = Restored { run: 2, memories: sim.witness.memories(), ..Restored::default() };
    let start = Start { program: Some("/music/program.json".into()), ..with_board(Repeat::All) };
    let mut again = Sim::restart(5, &songs_and_spots(), start, &restored);
    put_on(&mut again, &document);
    run_until(&mut again, "14:33");
    assert_eq!(again.press(Action::Skip), Answer::Refused);
}

#[test]
fn what_may_not_be_skipped_or_gone_back_from_is_not() {
    let mut fixed = document();
    for song in fixed["library"]["recordings"].as_array_mut().unwrap() {
        song["rights"] = json!({"skippable": false});
    }
    fixed["staff"]["previous"] = json!(false);
    let mut sim = on_air(&fixed);
    assert_eq!(sim.press(Action::Skip), Answer::Refused);
    assert_eq!(sim.refused(), "this recording may not be skipped");
    assert_eq!(sim.press(Action::Previous), Answer::Refused);
    assert_eq!(sim.refused(), "going back is not allowed here");
    assert_eq!(sim.press(Action::Toggle), Answer::Confirmed, "pausing is");
    assert_eq!(sim.refused(), "nothing");
}

#[test]
fn a_spot_is_not_skipped() {
    let spots = json!([{"id": "ad", "recording": "10", "class": "ad", "when": {"songs": 1},
        "how": {"between": {"window_s": 600, "else": "miss"}}}]);
    let mut sim = on_air(&with_spots(spots));
    let is_spot = |sim: &mut Sim| sim.whole_status()["current"]["path"] == "/music/10";
    let mut waited_ms = 0;
    while !is_spot(&mut sim) {
        sim.run_ms(100);
        waited_ms += 100;
        assert!(waited_ms < 200_000, "no spot came");
    }
    sim.run_ms(500);
    assert_eq!(sim.press(Action::Skip), Answer::Refused);
    assert_eq!(sim.refused(), "announcements are not skipped");
    assert!(is_spot(&mut sim));
}

#[test]
fn the_volume_stays_within_the_daypart_and_a_fixed_one_is_refused() {
    let mut sim = on_air(&document());
    let volume = |sim: &mut Sim| sim.whole_status()["volume"].as_u64().unwrap();
    assert_eq!(volume(&mut sim), 40);
    assert_eq!(sim.press(Action::Louder), Answer::Confirmed);
    assert_eq!(volume(&mut sim), 45);
    sim.hear(Event::Buttons(Hand::Turned(100)));
    assert_eq!(volume(&mut sim), 60, "the knob is at the daypart's end");
    sim.hear(Event::Buttons(Hand::Turned(-100)));
    assert_eq!(volume(&mut sim), 20);
    assert_eq!(sim.answers.len(), 1, "a knob that turns does not blink");
    let mut fixed = document();
    fixed["staff"]["volume"] = json!("fixed");
    let mut sim = on_air(&fixed);
    assert_eq!(sim.press(Action::Softer), Answer::Refused);
    assert_eq!((volume(&mut sim), sim.refused().as_str()), (40, "the volume is fixed here"));
}

#[test]
fn without_a_program_the_volume_ends_where_the_configuration_says() {
    let start = Start { levels: Levels { volume_max: 83, ..Levels::default() }, ..with_board(Repeat::All) };
    let mut sim = Sim::new(6, &[good(SONG_MS)], start);
    sim.press(Action::Louder);
    assert_eq!(sim.world.loudness, Some((83, false)));
    for _ in 0..30 {
        sim.press(Action::Softer);
    }
    assert_eq!(sim.world.loudness, Some((0, false)));
    sim.run_ms(1000);
    assert_eq!(sim.led, Some(Pattern::Closed), "silent, since somebody wants it so");
}

#[test]
fn a_button_announces_once_however_often_it_is_pressed() {
    let mut sim = Sim::new(7, &songs_and_spots(), with_board(Repeat::All));
    sim.run_ms(3000);
    assert_eq!(sim.press(Action::Announce), Answer::Confirmed);
    sim.run_ms(500);
    for _ in 0..20 {
        assert_eq!(sim.press(Action::Announce), Answer::Refused);
    }
    assert_eq!(sim.refused(), "it is being said already");
    sim.run_ms(10_000);
    assert_eq!(sim.world.voice.said.len(), 1);
    assert_eq!(sim.press(Action::Announce), Answer::Confirmed);
}

#[test]
fn an_alarm_mutes_whoever_wants_to_hear_it_and_is_no_fault() {
    let mut sim = playing();
    assert!(!sim.is_muted());
    sim.alarm(true);
    assert!(sim.is_muted());
    let status = sim.whole_status();
    assert_eq!((&status["state"], &status["hands"]["alarm"]), (&json!("playing"), &json!(true)));
    assert!(status["why"].as_str().unwrap().starts_with("muted by alarm"), "{status}");
    assert_eq!(sim.led, Some(Pattern::Closed));
    let emergency = EmergencyParams { path: "/music/1".into(), for_s: 30, picture: None };
    for method in [
        Method::Volume(VolumeParams { percent: Some(100), by: None }),
        Method::Mute(SwitchParams { on: false }),
        Method::Play(PlayParams::default()),
        Method::Skip,
        Method::Voice(VoiceMethod::Emergency(emergency)),
    ] {
        sim.ask(method);
        sim.run_ms(1000);
        assert!(sim.is_muted());
    }
    sim.press(Action::Louder);
    sim.hear(Event::Service(service::Event::Restarted { service: Name::Audio }));
    assert!(sim.is_muted(), "also when the sound begins anew");
    sim.hear(Event::Service(service::Event::Restarted { service: Name::Buttons }));
    sim.alarm(true);
    assert!(sim.is_muted());
    sim.run_ms(40_000);
    sim.alarm(false);
    assert_eq!(sim.world.loudness, Some((100, false)));
    assert_eq!(sim.whole_status()["why"], Value::Null);
}

#[test]
fn an_announcement_is_refused_while_an_alarm_mutes() {
    let mut sim = playing();
    sim.alarm(true);
    assert_eq!(sim.press(Action::Announce), Answer::Refused);
    assert!(sim.refused().starts_with("muted by alarm"));
}

#[test]
fn an_alarm_at_boot_is_silent_from_the_first_moment() {
    let begun = Restored { run: 1, ..Restored::default() };
    let given = Contact::Read { is_alarm: true };
    let mut sim = Sim::restart_with(8, &[good(SONG_MS)], with_board(Repeat::All), (&begun, given));
    for _ in 0..500 {
        assert!(sim.is_muted());
        sim.step();
    }
    sim.alarm(false);
    assert!(!sim.is_muted());
}

#[test]
fn nothing_is_heard_before_the_contact_was_read_but_not_for_ever() {
    let (now, mut effects) = (Now { monotonic: Mono(5000), wall: None }, Vec::new());
    let restored = Restored { run: 1, ..Restored::default() };
    let mut app = App::start(now, &restored, with_board(Repeat::All), &mut effects);
    let muted = |effects: &[Effect]| {
        effects.iter().rev().find_map(|effect| match effect {
            Effect::Audio(orchestrion::audio::Command::Volume { muted, .. }) => Some(*muted),
            _ => None,
        })
    };
    assert_eq!(muted(&effects), Some(true));
    // A thread that hangs must not end the music.
    let due = app.deadline(now).unwrap();
    assert!(due.since_ms(now.monotonic) <= 2000);
    effects.clear();
    app.wake(Now { monotonic: Mono(7000), wall: None }, &mut effects);
    assert_eq!(muted(&effects), Some(false));
}

#[test]
fn spots_are_not_said_to_nobody_while_an_alarm_mutes() {
    let spots = json!([{"id": "ad", "recording": "10", "class": "ad", "when": {"songs": 1},
        "how": {"between": {"window_s": 600, "else": "miss"}}}]);
    let mut sim = on_air(&with_spots(spots));
    sim.alarm(true);
    let before = sim.witness.heard_paths().len();
    sim.run_ms(200_000);
    let paths = sim.witness.heard_paths();
    assert!(paths.len() > before, "the music goes on unheard");
    assert!(!paths[before..].contains(&"/music/10".into()), "{:?}", &paths[before..]);
    sim.alarm(false);
    assert!(sim.witness.closed_as("missed") > 0, "the log says so");
    let before = paths.len();
    sim.run_ms(200_000);
    let paths = sim.witness.heard_paths();
    assert!(paths[before..].contains(&"/music/10".into()), "and are again afterwards");
}

#[test]
fn what_is_lost_is_shown_until_it_is_back() {
    let mut sim = playing();
    let lost = Hand::Lost { what: "button \"play\"".into(), reason: "held by another".into() };
    sim.hear(Event::Buttons(lost));
    assert_eq!(sim.whole_status()["hands"]["problems"], json!(["button \"play\": held by another"]));
    assert_eq!((sim.status().as_str(), sim.led), ("playing", Some(Pattern::Fault)));
    sim.hear(Event::Buttons(Hand::Back { what: "button \"play\"".into() }));
    assert_eq!(sim.whole_status()["hands"], Value::Null);
    assert_eq!(sim.led, Some(Pattern::Playing));
}

#[test]
fn identify_is_shown_for_some_seconds_and_refused_without_a_board() {
    let mut sim = playing();
    sim.ask(Method::Session(orchestrion_protocol::method::SessionMethod::Identify));
    assert_eq!(sim.led, Some(Pattern::Identify));
    sim.run_ms(16_000);
    assert_eq!(sim.led, Some(Pattern::Playing));
    let mut bare = Sim::new(9, &[good(SONG_MS)], start(Repeat::All, 0));
    bare.ask(Method::Session(orchestrion_protocol::method::SessionMethod::Identify));
    assert_eq!((bare.led, bare.replies), (None, 1));
}

#[test]
fn a_thousand_presses_in_a_second_are_each_answered_and_the_music_goes_on() {
    let mut sim = playing();
    for _ in 0..100 {
        for action in [Action::Skip, Action::Toggle, Action::Previous, Action::Skip, Action::Toggle] {
            sim.press(action);
            sim.press(action);
        }
        sim.step();
    }
    sim.run_ms(3000);
    assert_eq!((sim.status().as_str(), sim.world.silence_ms() < 500), ("playing", true));
    sim.hear(Event::Signal(Signal::Terminate));
    sim.run_ms(1000);
    sim.witness.check_all_closed();
}
