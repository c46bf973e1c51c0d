//! Everything that can be asked of a program, in the order of chance. Shared by the damaged documents of `fuzz.rs` and by the
//! fuzzer of `program/fuzz`.

use orchestrion_program::civil::{Absolute, DAY_MS};
use orchestrion_program::model::Wall;
use orchestrion_program::now::{Emergency, Front, Sound, State, Timer};
use orchestrion_program::rotation::{Asked, Catalogue, Chance, History, Source, choose_next, why_not};
use orchestrion_program::spots::{Ask, During, Memory, Span, Spots};
use orchestrion_program::staff::{self, Playing, Skips};
use orchestrion_program::{Clock, Program, Shelf, preview};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// 2026-12-20T00:00Z, some days before the exceptions of the document.
pub const START: Absolute = Absolute(1_797_724_800_000);

pub struct Dice(pub ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.0.next_u64() % bound.max(1) as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Asks; panics where an answer cannot be.
pub fn ask_everything(dice: &mut Dice, program: &Program) {
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
    let pieces = spots.changes().unwrap();
    let pieces = pieces.iter().filter_map(|(name, text)| Some((name.as_str(), text.as_deref()?)));
    assert_eq!(Memory::of_pieces(pieces).unwrap(), spots.memory());
    assert!(said <= 60 * 200);
    let picture = preview::week_svg(program, START);
    assert!(picture.ends_with("</svg>\n") && !picture.contains("<script"));
    assert!(preview::week_table(program, START, START.plus_ms(9 * DAY_MS)).len() <= preview::ROWS_MAX);
}
