//! Documents that nobody meant: a seed damages a right document as bytes or as JSON, and everything that can be asked of a
//! program is asked of what is left. Nothing panics, nothing goes on for ever, and what is refused says why.
//!
//! `FUZZ_SEED=n` repeats one seed, `FUZZ_SEEDS=n` tries so many.
#![cfg(test)]

mod rig;

use orchestrion_program::civil::{Absolute, DAY_MS};
use orchestrion_program::model::Wall;
use orchestrion_program::now::{Emergency, Front, Sound, State, Timer};
use orchestrion_program::rotation::{Asked, Catalogue, Chance, History, Source, choose_next, why_not};
use orchestrion_program::spots::{Ask, During, Memory, Span, Spots};
use orchestrion_program::staff::{self, Playing, Skips};
use orchestrion_program::{Clock, Program, Shelf, check, preview};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

const SEEDS: u64 = 3000;
/// 2026-12-20T00:00Z, some days before the exceptions of the document.
const START: Absolute = Absolute(1_797_724_800_000);
const DOCUMENTS: [&[u8]; 2] = [include_bytes!("full.json"), include_bytes!("small.json")];

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

fn numbers(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!(0),
        json!(-1),
        json!(1),
        json!(2),
        json!(7),
        json!(60),
        json!(99),
        json!(600),
        json!(1e-9),
        json!(99.999),
        json!(1e300),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(u32::MAX),
        json!(4_294_967_296u64),
    ])
}

fn texts(dice: &mut Dice) -> Value {
    let huge = "x".repeat(5000);
    let texts =
        ["", "24:00", "00:00", "02:30", "9999-12-31", "0001-01-01", "2026-12-24", "day", "songs", "free"];
    let more = [
        "mon-sun",
        "sun-sat",
        "daily",
        "\u{0}",
        "]]><script>",
        "🎺",
        "one",
        "in_order",
        "us114",
        huge.as_str(),
    ];
    json!(dice.pick(&[texts, more].concat()))
}

/// All values in a document.
fn slots<'a>(value: &'a mut Value, found: &mut Vec<&'a mut Value>) {
    let leaf = match &*value {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    };
    match value {
        _ if leaf => found.push(value),
        Value::Array(items) => items.iter_mut().for_each(|item| slots(item, found)),
        Value::Object(map) => map.values_mut().for_each(|item| slots(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Lists in a document.
fn lists(value: &mut Value, edit: &mut impl FnMut(&mut Vec<Value>)) {
    match value {
        Value::Array(items) => {
            edit(items);
            items.iter_mut().for_each(|item| lists(item, edit));
        }
        Value::Object(map) => map.values_mut().for_each(|item| lists(item, edit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Values are exchanged for others of their kind or of none; lists are doubled, emptied and turned round.
fn damaged_json(dice: &mut Dice, text: &[u8]) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(text).unwrap();
    for _ in 0..=dice.below(3) {
        let mut found = Vec::new();
        slots(&mut document, &mut found);
        let at = dice.below(found.len());
        // Half of the time another value of the document: that is more often one that could be meant.
        let other = dice.below(found.len());
        if dice.below(2) == 0 && std::mem::discriminant(found[at]) == std::mem::discriminant(found[other]) {
            *found[at] = found[other].clone();
            continue;
        }
        let slot = &mut *found[at];
        let same_kind = dice.below(12) > 0;
        *slot = match slot {
            Value::Bool(set) if same_kind => json!(!*set),
            Value::Number(_) if same_kind => numbers(dice),
            Value::String(_) if same_kind => texts(dice),
            _ => dice.pick(&[Value::Null, json!([]), json!({}), json!([[[]]]), json!(""), json!(0)]),
        };
    }
    let mut all = 0;
    lists(&mut document, &mut |_| all += 1);
    let (chosen, what) = (dice.below(all * 6), dice.below(4));
    let mut at = 0;
    lists(&mut document, &mut |items| {
        if at == chosen {
            match what {
                0 => items.clear(),
                1 => items.reverse(),
                2 => items.extend(items.clone()),
                _ => drop(items.pop()),
            }
        }
        at += 1;
    });
    serde_json::to_vec(&document).unwrap()
}

/// Bytes are flipped, cut out, doubled; the end is missing.
fn damaged_bytes(dice: &mut Dice, text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=dice.below(3) {
        let (at, length) = (dice.below(text.len()), dice.below(40));
        let end = (at + length).min(text.len());
        match dice.below(5) {
            0 => text[at] ^= 1 << dice.below(8),
            1 => drop(text.drain(at..end)),
            2 => {
                let part = text[at..end].to_vec();
                drop(text.splice(at..at, part));
            }
            3 => text[at] = dice.pick(b"0123456789\"{}[],:-e\\"),
            _ => text.truncate(at.max(1)),
        }
    }
    text
}

fn ask_everything(dice: &mut Dice, program: &Program) {
    let document = program.document();
    let library = &document.library;
    let catalogue = Catalogue::new(document, library);
    let mut history = History::new(&catalogue);
    let mut chance = Chance::new(dice.0.next_u64());
    let (mut spots, _) = Spots::resume(program, library, Memory::default());
    let (mut skips, shelf) = (Skips::default(), Shelf::new(library));
    let mut now = dice.pick(&[START, START, START, Absolute(i64::MIN), Absolute(i64::MAX), Absolute(0)]);
    let mut state = State::default();
    let mut said = 0;
    spots.absent(program, now.plus_ms(-3 * DAY_MS), now);
    for step in 0..60u64 {
        let wall = match dice.below(12) {
            0 => Wall::None,
            1 => Wall::Floor(now),
            _ => Wall::Trusted { at: now, uncertainty_ms: 5 },
        };
        let clock = Clock { mono_ms: step * 240_000, boot: "one".into(), wall };
        state.front = dice.pick(&[Front::Nothing, Front::Nothing, Front::Request, Front::PlayedNow]);
        state.pause = (dice.below(10) == 0).then(|| staff::pause(program, &clock, "somebody"));
        let until = Timer::after(&clock, 60_000);
        state.emergency = (dice.below(20) == 0).then(|| Emergency { blob: "ab".into(), until });
        let right = program.what_now(&clock, &state);
        assert!(program.next_change(&clock, &state).is_none_or(|change| change > now));
        program.next_change_left_ms(&clock, &state);
        program.why_now(&clock, &state).iter().for_each(|reason| drop(reason.to_string()));
        let trusted = wall.trusted().is_some();
        let length_ms = 1 + dice.below(600_000) as i64;
        let to = now.plus_ms(length_ms);
        let (during, open) = match &right.sound {
            Sound::Open(open) => (During::Open { aired_ms: length_ms as u64 }, Some(open)),
            Sound::Paused { .. } => (During::Paused, None),
            Sound::Muted | Sound::Emergency(_) | Sound::Closed { .. } => (During::Closed, None),
        };
        let daypart = open.and_then(|open| program.daypart(open.daypart?)).map(|daypart| daypart.id.as_str());
        spots.pass(program, &Span { from: now, to, during, daypart, trusted });
        spots.song_heard(length_ms as u64, daypart, trusted);
        now = if dice.below(30) == 0 { now.plus_ms(dice.0.next_u64() as i64 >> 20) } else { to };
        let ask = Ask {
            mean_song_ms: catalogue.mean_song_ms(),
            until_close_ms: open.and_then(|open| open.closes).map(|closes| closes.since_ms(now)),
            daypart,
            paused: state.pause.is_some(),
            trusted,
            offline_days: dice.below(60) as u32,
            safety_only: program.is_lapsed(&wall),
            playable: &|id: &str| id != "jam",
        };
        spots.next_cut_in(&ask);
        for one in spots.due(&ask).spots.into_iter().chain(spots.cut_in(&ask).spots) {
            assert_ne!(one.recording.as_str(), "jam", "it cannot be played");
            said += 1;
            spots.said(&one.spot, dice.below(9) > 0);
        }
        let Some(source) = open.and_then(|open| Source::of(program, open)) else { continue };
        let today = trusted.then(|| program.zone().local(now).date);
        let asked = Asked { source, at: now, today, offline_days: ask.offline_days };
        if let Some(choice) = choose_next(document, &catalogue, &history, &asked, &mut chance) {
            let recording = shelf.recording(choice.recording.as_str()).unwrap();
            assert_ne!(recording.rating, orchestrion_program::model::Rating::Never);
            history.heard(&catalogue, choice.heard(now));
            if skips.ask(program, Playing::Song(&recording.rights), now).is_ok() {
                skips.skipped(now);
            }
        }
        if let Some(song) = library.recordings.first() {
            why_not(document, &catalogue, &history, &asked, &song.id);
        }
    }
    // What is stored is the same when it comes back.
    let stored = serde_json::to_vec(&spots.memory()).unwrap();
    assert_eq!(serde_json::from_slice::<Memory>(&stored).unwrap(), spots.memory());
    assert!(said <= 60 * 200);
    let picture = preview::week_svg(program, START);
    assert!(picture.ends_with("</svg>\n") && !picture.contains("<script"));
    assert!(preview::week_table(program, START, START.plus_ms(9 * DAY_MS)).len() <= preview::ROWS_MAX);
}

#[test]
fn a_damaged_document_is_refused_with_a_reason_or_plays() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("FUZZ_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FUZZ_SEEDS").unwrap_or(SEEDS),
    };
    let (mut played, mut refused, all) = (0, 0, seeds.end - seeds.start);
    for seed in seeds {
        let told = Told(seed);
        let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
        let text = dice.pick(&DOCUMENTS);
        let text =
            if dice.below(4) == 0 { damaged_bytes(&mut dice, text) } else { damaged_json(&mut dice, text) };
        let (document, report) = check::check(&text);
        assert!(document.is_some() || report.is_wrong());
        assert!(report.errors.iter().chain(&report.warnings).all(|finding| !finding.message.is_empty()));
        match document.map(Program::compile) {
            Some(Ok(program)) => {
                ask_everything(&mut dice, &program);
                played += 1;
            }
            Some(Err(again)) => {
                assert_eq!(again, report);
                refused += 1;
            }
            None => refused += 1,
        }
        drop(told);
    }
    eprintln!("{played} played, {refused} refused");
    assert!(all < 100 || (played > all / 10 && refused > all / 4), "{played} played, {refused} refused");
}

/// Says which seed it was when the test fails.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("FUZZ_SEED={} repeats this", self.0);
        }
    }
}

#[test]
fn deep_long_and_foreign_texts_are_refused() {
    for text in [vec![b'['; 1_000_000], vec![0; 1000], b"\xff\xfe{\0}\0".to_vec(), vec![b' '; 5_000_000]] {
        assert!(check::check(&text).1.is_wrong());
    }
    let mut small: Value = serde_json::from_slice(DOCUMENTS[1]).unwrap();
    small["place"]["name"] = json!("n".repeat(3_000_000));
    let (document, _) = check::check(&serde_json::to_vec(&small).unwrap());
    if let Some(Ok(program)) = document.map(Program::compile) {
        assert!(preview::week_svg(&program, START).len() < 20_000_000);
    }
    let state = State { volume: Some(255), ..State::default() };
    let program = rig::program(&serde_json::from_slice(DOCUMENTS[1]).unwrap());
    let Sound::Open(open) = program.what_now(&rig::clock(START.plus_ms(DAY_MS / 2)), &state).sound else {
        panic!("it is open at noon");
    };
    assert_eq!(open.volume.set, 100);
}
