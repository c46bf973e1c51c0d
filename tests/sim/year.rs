//! Weeks and years of a device with its program, in virtual time that leaps from event to event. What it was told to do is
//! checked by rules of its own, written down here once more: when it is open, what is too near, which spots were due. Services
//! die, the process is killed at any moment, the power goes, the clock is set by minutes, hours and years, lost and found.
//!
//! `SIM_SEED=n cargo test --test sim year::` plays one seed again; `SIM_WEEKS=n` and `SIM_YEARS=n` play more of them.

mod laws;
mod life;
mod venue;

use std::time::Instant;

use laws::Lived;
use life::{Faults, Life};

/// Two weeks are played with so many seeds, a year with so many.
const WEEKS_SEEDS: u64 = 200;
const YEARS_SEEDS: u64 = 3;

/// Plays so many days of a seed; checks all laws.
fn live(seed: u64, days: i64) -> Lived {
    let faults = if seed.is_multiple_of(3) { Faults::Services } else { Faults::All };
    let mut life = Life::new(seed, faults);
    life.live(days);
    let lived = std::mem::take(&mut life.lived);
    laws::check(life.disk(), &lived);
    lived
}

/// Runs seeds; says which one fails and how to see it again.
fn run_seeds(seeds: std::ops::Range<u64>, days: i64) {
    let one = std::env::var("SIM_SEED").ok().map(|text| text.parse::<u64>().expect("SIM_SEED"));
    let began = Instant::now();
    let (mut count, mut upsets, mut heard_ms) = (0, 0, 0);
    for seed in one.map_or(seeds, |seed| seed..seed + 1) {
        let Ok(lived) = std::panic::catch_unwind(|| live(seed, days)) else {
            panic!("SIM_SEED={seed} cargo test --test sim year:: shows it again");
        };
        (count, upsets, heard_ms) = (count + 1, upsets + lived.upsets, heard_ms + lived.heard_ms);
    }
    let (took_s, heard_h) = (began.elapsed().as_secs_f64(), heard_ms / 3_600_000);
    println!(
        "{count} times {days} days in {took_s:.1} s: {heard_h} h of sound, {upsets} kills and set clocks"
    );
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

#[test]
fn in_two_weeks_of_any_seed_the_laws_hold() {
    run_seeds(0..number("SIM_WEEKS", WEEKS_SEEDS), 14);
}

#[test]
fn in_a_year_the_laws_hold() {
    run_seeds(1000..1000 + number("SIM_YEARS", YEARS_SEEDS), 365);
}
