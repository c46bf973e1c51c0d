//! Documents that nobody meant: a seed damages a right document as bytes or as JSON, and everything that can be asked of a
//! program is asked of what is left. Nothing panics, nothing goes on for ever, and what is refused says why.
//!
//! `FUZZ_SEED=n` repeats one seed, `FUZZ_SEEDS=n` tries so many.
#![cfg(test)]

mod rig;

use orchestrion_program::civil::DAY_MS;
use orchestrion_program::now::{Sound, State};
use orchestrion_program::{Program, check, preview};
use rig::asking::{Dice, START, ask_everything};
use serde_json::{Value, json};

const SEEDS: u64 = 3000;
const DOCUMENTS: [&[u8]; 2] = [include_bytes!("full.json"), include_bytes!("small.json")];

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
        let mut dice = Dice::new(seed);
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
