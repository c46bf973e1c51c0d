//! The worked examples of the agreed meaning, those that are about hours, dayparts, clock times and boundaries.
#![cfg(test)]

mod rig;

use std::collections::HashSet;

use orchestrion_program::boundary::{self, Takeover};
use orchestrion_program::civil::Absolute;
use orchestrion_program::model::{Boundary, BoundaryMode};
use orchestrion_program::now::{Closed, Sound, Source, State};
use orchestrion_program::windows::Tile;
use orchestrion_program::{Kind, Program};
use rig::{clock, daypart, document, in_zone, program, utc, window};
use serde_json::{Value, json};

fn change(program: &Program, from: &str) -> Option<String> {
    program.next_change(&clock(utc(from)), &State::default()).map(|at| at.to_string())
}

fn playing(program: &Program, at: &str) -> String {
    match program.what_now(&clock(utc(at)), &State::default()).sound {
        Sound::Open(open) => {
            let title = open.daypart.and_then(|number| program.daypart(number));
            title.map_or(format!("{:?}", open.source), |daypart| daypart.id.to_string())
        }
        other => format!("{other:?}"),
    }
}

fn spot(when: Value) -> Value {
    json!({ "id": "spot", "recording": "gong", "class": "house", "when": when, "how": "cut" })
}

fn moments(program: &Program, from: &str, to: &str) -> Vec<String> {
    let spot = program.spot("spot").unwrap();
    program.moments(spot, utc(from), utc(to)).iter().map(|moment| moment.at.to_string()).collect()
}

fn saturday_night() -> Value {
    let mut document = document();
    document["hours"]["sound"] = json!([window("sat", "22:00", "06:00")]);
    document["dayparts"] =
        json!([daypart("A", "sat", "22:00", "02:30"), daypart("B", "sun", "02:30", "06:00")]);
    document["spots"] = json!([spot(json!({ "at": { "days": ["sun"], "time": "02:15" } }))]);
    document
}

#[test]
fn example_1_in_a_gap_the_next_daypart_begins_right_after_it() {
    let program = program(&saturday_night());
    assert_eq!(playing(&program, "2027-03-28T00:59:59Z"), "A");
    assert_eq!(playing(&program, "2027-03-28T01:00:00Z"), "B");
    assert_eq!(change(&program, "2027-03-27T21:00:00Z").unwrap(), "2027-03-28T01:00:00Z");
    let mut document = document();
    document["hours"]["sound"] = json!([window("sun", "02:15", "02:45")]);
    let swallowed = rig::program(&document);
    assert_eq!(swallowed.open_between(Kind::Sound, utc("2027-03-27T00:00Z"), utc("2027-03-30T00:00Z")), []);
    // The Sunday before and the one after have it.
    assert_eq!(change(&swallowed, "2027-03-21T02:00:00Z").unwrap(), "2027-04-04T00:15:00Z");
}

#[test]
fn example_2_in_a_fold_everything_happens_once_the_first_time() {
    let program = program(&saturday_night());
    assert_eq!(playing(&program, "2027-10-31T00:29:59Z"), "A");
    assert_eq!(playing(&program, "2027-10-31T00:30:00Z"), "B");
    assert_eq!(playing(&program, "2027-10-31T01:15:00Z"), "B");
    assert_eq!(change(&program, "2027-10-30T20:00:00Z").unwrap(), "2027-10-31T00:30:00Z");
    assert_eq!(change(&program, "2027-10-31T00:30:00Z").unwrap(), "2027-10-31T05:00:00Z");
    assert_eq!(moments(&program, "2027-10-30T12:00Z", "2027-10-31T12:00Z"), ["2027-10-31T00:15:00Z"]);
}

#[test]
fn example_3_half_an_hour_back_makes_a_window_of_half_an_hour_last_a_whole_one() {
    let mut document = in_zone("Australia/Lord_Howe", utc("2027-01-01T00:00Z"));
    document["hours"]["sound"] = json!([window("sun", "01:30", "02:00")]);
    document["spots"] = json!([spot(json!({ "at": { "days": ["sun"], "time": "01:45" } }))]);
    let program = program(&document);
    let (from, to) = ("2027-04-03T00:00Z", "2027-04-05T00:00Z");
    let tile = Tile { from: utc("2027-04-03T14:30Z"), to: utc("2027-04-03T15:30Z") };
    assert_eq!(program.open_between(Kind::Sound, utc(from), utc(to)), [tile]);
    assert_eq!(program.open_ms(Kind::Sound, utc(from), utc(to)), 60 * 60_000);
    assert_eq!(moments(&program, from, to), ["2027-04-03T14:45:00Z"]);
}

#[test]
fn example_4_an_exception_never_takes_the_tail_of_the_day_before() {
    let mut document = document();
    document["hours"]["sound"] = json!([window("fri sat", "18:00", "03:00")]);
    document["exceptions"] = json!([{ "date": "2026-12-26", "sound": [], "name": "Boxing Day" }]);
    let program = program(&document);
    assert_eq!(playing(&program, "2026-12-26T01:00:00Z"), "all");
    assert_eq!(program.closes(Kind::Sound, utc("2026-12-26T01:00Z")), Some(utc("2026-12-26T02:00Z")));
    let closed = Sound::Closed { why: Closed::Hours, until: Some(utc("2027-01-01T17:00Z")) };
    assert_eq!(program.what_now(&clock(utc("2026-12-26T20:00Z")), &State::default()).sound, closed);
    let reasons: Vec<String> = program
        .why_now(&clock(utc("2026-12-26T20:00Z")), &State::default())
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        reasons[0].contains("Boxing Day") && reasons[0].contains("opens Fri 2027-01-01 18:00"),
        "{reasons:?}"
    );
}

#[test]
fn example_5_windows_that_touch_at_midnight_are_one() {
    let mut document = document();
    document["hours"]["sound"] =
        json!([window("mon tue", "00:00", "24:00"), window("wed", "00:00", "01:00")]);
    let program = program(&document);
    // Monday noon; Wednesday 01:00.
    assert_eq!(change(&program, "2027-01-11T11:00:00Z").unwrap(), "2027-01-13T00:00:00Z");
    assert_eq!(program.opened(Kind::Sound, utc("2027-01-12T11:00Z")), Some(utc("2027-01-10T23:00Z")));
}

#[test]
fn example_6_before_closing_is_before_the_closing_of_that_day() {
    let mut document = document();
    document["hours"]["sound"] = json!([window("daily", "08:00", "20:00")]);
    document["exceptions"] = json!([{ "date": "2026-12-24", "sound": [{ "from": "08:00", "to": "14:00" }] }]);
    document["spots"] = json!([spot(json!({ "before_close": 10 }))]);
    let program = program(&document);
    assert_eq!(moments(&program, "2026-12-23T23:00Z", "2026-12-24T23:00Z"), ["2026-12-24T12:50:00Z"]);
    // Looked at in pieces, each is found once.
    let pieces = (0..24 * 60).flat_map(|minute| {
        let from = utc("2026-12-23T23:00Z").plus_ms(minute * 60_000);
        program.moments(program.spot("spot").unwrap(), from, from.plus_ms(60_000))
    });
    assert_eq!(pieces.count(), 1);
}

#[test]
fn example_7_a_long_mix_fades_after_the_wait_and_closing_is_hard() {
    let noon = utc("2026-12-01T11:00Z");
    let mix_ends = utc("2026-12-01T10:58Z").plus_ms(60 * 60_000);
    let wait = Boundary { mode: BoundaryMode::Finish, max_wait_s: 300 };
    assert_eq!(boundary::takeover(&wait, noon, Some(mix_ends)), Takeover::FadeFrom(utc("2026-12-01T11:05Z")));
    let song_ends = noon.plus_ms(299_999);
    assert_eq!(boundary::takeover(&wait, noon, Some(song_ends)), Takeover::SongEnds(song_ends));
    assert_eq!(boundary::takeover(&wait, noon, None), Takeover::FadeFrom(utc("2026-12-01T11:05Z")));
    let with = |mode| boundary::takeover(&Boundary { mode, max_wait_s: 300 }, noon, Some(song_ends));
    assert_eq!(with(BoundaryMode::Fade), Takeover::FadeFrom(noon));
    assert_eq!(with(BoundaryMode::Cut), Takeover::CutAt(noon));

    let closes = utc("2026-12-01T19:00Z");
    assert_eq!(boundary::closing_fade_from(closes, 3000), closes.plus_ms(-3000));
    assert!(boundary::song_may_begin(closes.plus_ms(-30_000), Some(closes)));
    assert!(!boundary::song_may_begin(closes.plus_ms(-29_999), Some(closes)));
    assert!(boundary::whole_may_begin(closes.plus_ms(-60_000), 60_000, Some(closes)));
    assert!(!boundary::whole_may_begin(closes.plus_ms(-60_000), 60_001, Some(closes)));
}

#[test]
fn example_11_a_clock_that_jumps_back_fires_nothing_again() {
    let mut document = document();
    document["spots"] = json!([spot(json!({ "at": { "days": ["daily"], "time": "14:00" } }))]);
    let program = program(&document);
    let spot = program.spot("spot").unwrap();
    let mut fired = HashSet::new();
    let mut hour = |from: &str| {
        let from: Absolute = utc(from);
        program
            .moments(spot, from, from.plus_ms(3_600_000))
            .iter()
            .filter(|moment| fired.insert(moment.key))
            .count()
    };
    assert_eq!(hour("2026-12-01T12:30Z"), 1);
    assert_eq!(hour("2026-12-01T14:30Z"), 0);
    assert_eq!(hour("2026-12-01T12:30Z"), 0, "the same date and time");
    assert_eq!(hour("2026-12-02T12:30Z"), 1, "the next date");
}

#[test]
fn every_minute_of_a_year_with_both_changes_belongs_to_one_daypart() {
    let mut document = document();
    let edges = ["00:00", "01:30", "02:00", "02:15", "02:30", "02:59", "03:00", "12:00", "24:00"];
    let parts =
        edges.windows(2).enumerate().map(|(at, pair)| daypart(&at.to_string(), "daily", pair[0], pair[1]));
    document["dayparts"] = parts.collect();
    let program = program(&document);
    let (from, to) = (utc("2027-01-01T00:00Z"), utc("2028-01-01T00:00Z"));
    let mut at = from;
    while at < to {
        assert_eq!(program.dayparts_at(at).len(), 1, "{at}");
        at = at.plus_ms(60_000);
    }
    let fallback = |now: &Sound| matches!(now, Sound::Open(open) if open.source == Source::Fallback);
    assert!(!program.timeline(from, to).any(|stretch| fallback(&stretch.now.sound)));
    let stretches: Vec<Tile> = program.timeline(from, to).map(|stretch| stretch.tile).collect();
    assert!(stretches.windows(2).all(|pair| pair[0].to == pair[1].from && !pair[0].is_empty()));
    assert_eq!((stretches[0].from, stretches[stretches.len() - 1].to), (from, to));
}

#[test]
fn a_closed_date_takes_away_what_would_have_lasted_into_the_next_one() {
    // Open without a gap but for one date.
    let mut document = in_zone("Australia/Lord_Howe", utc("2027-11-01T00:00:00Z"));
    document["hours"] = json!({"sound": [
        {"days": ["daily"], "from": "12:01", "to": "02:15"},
        {"days": ["daily"], "from": "01:30", "to": "12:01"},
    ]});
    document["exceptions"] = json!([{"date": "2027-11-10", "sound": []}]);
    let program = program(&document);
    let opens = program.opens(Kind::Sound, utc("2027-11-10T12:00:00Z")).unwrap();
    // 01:30 on the 11th, eleven hours before UTC; not midnight.
    assert_eq!(opens, utc("2027-11-10T14:30:00Z"));
}
