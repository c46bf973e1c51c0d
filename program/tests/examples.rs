//! The example programs in `docs/examples/` are right without a warning, and the pictures beside them are of them.
//!
//! `UPDATE_PICTURES=1 cargo test -p orchestrion-program --test examples` draws them anew.
#![cfg(test)]

mod rig;

use std::path::{Path, PathBuf};

use orchestrion_program::now::{Sound, State};
use orchestrion_program::zone::ZoneMap;
use orchestrion_program::{Absolute, Date, Program, TimeOfDay, check, preview, zone};
use serde_json::Value;

/// Each example, and a day of the week that is drawn of it.
const EXAMPLES: [(&str, &str); 3] = [("cafe", "2026-12-28"), ("gym", "2026-11-23"), ("museum", "2027-03-29")];

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

fn example(name: &str) -> Program {
    let (document, report) = check::check(&std::fs::read(path(&format!("{name}.json"))).unwrap());
    assert_eq!((report.errors, report.warnings), (vec![], vec![]), "{name}");
    Program::compile(document.unwrap()).unwrap()
}

fn midnight(program: &Program, date: &str) -> Absolute {
    let date: Date = date.parse().unwrap();
    program.zone().absolute(date.at(TimeOfDay::MIDNIGHT))
}

#[test]
fn the_examples_are_right_without_a_warning_and_the_pictures_show_them() {
    for (name, date) in EXAMPLES {
        let program = example(name);
        let svg = preview::week_svg(&program, midnight(&program, date));
        let picture = path(&format!("{name}.svg"));
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            std::fs::write(&picture, &svg).unwrap();
        }
        let stands = std::fs::read_to_string(&picture).unwrap();
        assert!(stands == svg, "{} is not of the program; run with UPDATE_PICTURES=1", picture.display());
    }
}

#[test]
fn the_examples_zones_are_those_of_the_database() {
    for (name, _) in EXAMPLES {
        let program = example(name);
        let from = rig::utc("2026-11-01T00:00Z");
        let made = ZoneMap::new(&zone::zone(&program.document().zone.id, from).unwrap());
        for hour in 0..2 * 366 * 24 {
            let at = from.plus_ms(hour * 3_600_000);
            assert_eq!(program.zone().offset_s(at), made.offset_s(at), "{name} at {at}");
        }
    }
}

#[test]
fn at_every_minute_of_a_year_an_example_that_is_open_has_a_daypart() {
    for (name, _) in EXAMPLES {
        let program = example(name);
        let from = rig::utc("2026-11-20T00:00Z");
        for stretch in program.timeline(from, from.plus_ms(366 * 86_400_000)) {
            if let Sound::Open(open) = stretch.now.sound {
                assert!(open.daypart.is_some(), "{name}: only the fallback plays at {}", stretch.tile.from);
            }
        }
    }
}

#[test]
fn what_the_page_says_of_the_examples_is_so() {
    let name_at = |program: &Program, text: &str| {
        let clock = rig::clock(rig::utc(text));
        match program.what_now(&clock, &State::default()).sound {
            Sound::Open(open) => open.daypart.and_then(|no| program.daypart(no)).unwrap().title().to_owned(),
            _ => "closed".to_owned(),
        }
    };
    let cafe = example("cafe");
    // Berlin is an hour ahead of UTC in winter: New Year's Eve goes to two in the morning of a closed day.
    assert_eq!(name_at(&cafe, "2026-12-31T12:00Z"), "closed");
    assert_eq!(name_at(&cafe, "2027-01-01T00:59:59Z"), "The last evening");
    assert_eq!(name_at(&cafe, "2027-01-01T01:00Z"), "closed");
    assert_eq!(name_at(&cafe, "2026-12-19T13:00Z"), "Advent");
    let gym = example("gym");
    // Brooklyn is five hours behind: a spinning class goes before the peak that it lies in.
    assert_eq!(name_at(&gym, "2026-12-01T23:15Z"), "Peak");
    assert_eq!(name_at(&gym, "2026-12-01T23:30Z"), "Spinning class");
    assert_eq!(name_at(&gym, "2026-12-02T00:30Z"), "Peak");
    let museum = example("museum");
    // The long night has eleven hours: the clock is put back at three.
    let night = museum.closes(orchestrion_program::Kind::Sound, rig::utc("2027-04-03T08:00Z")).unwrap();
    assert_eq!(night, rig::utc("2027-04-03T18:00Z"));
    assert_eq!(
        museum.opened(orchestrion_program::Kind::Sound, night.plus_ms(-1)),
        Some(rig::utc("2027-04-03T07:00Z"))
    );
}

#[test]
fn what_the_page_shows_is_in_the_examples_and_its_links_lead_somewhere() {
    let page = std::fs::read_to_string(path("../PROGRAMS.md")).unwrap();
    let blocks: Vec<&str> =
        page.split("```").skip(1).step_by(2).map(|block| block.trim_start_matches("json\n")).collect();
    assert_eq!(blocks.len(), 4);
    let texts: Vec<String> = EXAMPLES
        .iter()
        .map(|(name, _)| {
            let program = example(name);
            serde_json::to_value(program.document()).unwrap().to_string()
        })
        .collect();
    for block in blocks {
        let object = block.trim_start().starts_with('{');
        let value: Value =
            serde_json::from_str(&if object { block.to_owned() } else { format!("{{{block}}}") }).unwrap();
        let shown: Vec<&Value> = match &value["exceptions"] {
            Value::Array(dates) => dates.iter().chain([&value["hours"]["sound"]]).collect(),
            _ => value.as_object().unwrap().values().collect(),
        };
        for part in shown {
            assert!(texts.iter().any(|text| text.contains(&part.to_string())), "no example has {part}");
        }
    }
    let links: Vec<&str> =
        page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).collect();
    assert_eq!(links.len(), 7);
    links.iter().for_each(|link| assert!(path("..").join(link).is_file(), "{link}"));
}
