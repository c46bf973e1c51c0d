//! `kill -9` at any moment: the next start goes on where it was, and the play log stays true. `KILLS` says how often
//! (20 where it is not set), `KILL_SEED` repeats a run that failed.

#![cfg(test)]

mod place;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use orchestrion::storage::{PlayKey, PlayRow};
use orchestrion_rig::device::Device;
use place::{Place, Subscriber, entry, position_ms};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const KILLS: u64 = 20;
const SONGS_S: [f64; 6] = [3.0, 8.0, 4.5, 6.0, 3.5, 7.0];
const CONFIG: &str = "crossfade_s = 1\nrepeat = \"all\"";
/// How far from its place a song may go on.
const AWAY_MS_MAX: u64 = 5000;
/// How long the disk may take until a play that was told stands in the log.
const ON_DISK_MAX: Duration = Duration::from_millis(50);
/// How much later than its first sample a play may be told to have begun.
const TOLD_LATE_MS_MAX: u64 = 150;
/// Over so much of a seek both places are heard, and counted.
const SEEK_FADE_MS: u64 = 60;
/// How long it is listened to a device that should be silent.
const QUIET: Duration = Duration::from_millis(400);
/// How long a start may take until it plays.
const START_MAX: Duration = Duration::from_secs(10);

/// Somebody's idle hands, and what was known just before the kill.
struct Round {
    /// The last status before the kill.
    last: Value,
    /// Entries that were told to be the current one, in a row, with the moment.
    told: Vec<(Instant, u64)>,
    started: Instant,
    /// When a button was pressed last, and how often one was.
    pressed: Instant,
    presses: u64,
    killed: Instant,
}

impl Round {
    /// Presses buttons for a while, then kills.
    fn play_and_kill(device: Device, chance: &mut ChaCha8Rng) -> Self {
        let started = Instant::now();
        let subscriber = Subscriber::of(&device);
        let first = device.ask("status", json!({})).unwrap();
        let end = started + Duration::from_millis(chance.random_range(300..3000));
        let (mut pressed, mut presses) = (started, 0);
        while Instant::now() < end {
            let wait = Duration::from_millis(chance.random_range(1..400));
            std::thread::sleep(wait.min(end.saturating_duration_since(Instant::now())));
            if press_something(&device, chance) {
                pressed = Instant::now();
                presses += 1;
            }
        }
        let last = device.ask("status", json!({})).unwrap();
        let killed = Instant::now();
        device.kill().unwrap();
        let changes = subscriber.all_within(Duration::from_secs(5)).into_iter();
        let changes = changes.filter(|(_, told)| told["method"] == "StatusChanged");
        let told =
            changes.map(|(at, told)| (at, told["params"].clone())).filter(|(_, status)| sounds(status));
        let mut told: Vec<_> = told.map(|(at, status)| (at, entry(&status))).collect();
        if sounds(&first) {
            told.insert(0, (started, entry(&first)));
        }
        told.dedup_by_key(|(_, entry)| *entry);
        Self { last, told, started, pressed, presses, killed }
    }

    /// Whether what was known last is too new to be on the disk.
    fn has_just_changed(&self) -> bool {
        let told = self.told.last().map(|(at, _)| *at);
        [Some(self.pressed), told].into_iter().flatten().any(|at| self.is_too_new(at))
    }

    fn is_too_new(&self, at: Instant) -> bool {
        self.killed.saturating_duration_since(at) < ON_DISK_MAX
    }

    /// Where the next start must go on: any of these entries, at most so far from a place where that is known.
    fn check_goes_on(&self, after: &Value) {
        let was = entry(&self.last);
        let mut allowed = vec![was];
        // The next one may have joined before the kill.
        allowed.extend(self.last["next"]["entry"].as_u64());
        if self.has_just_changed() {
            // Of what was told or asked last, the disk need not know yet.
            return assert!(!after["current"].is_null(), "it went nowhere: {after}");
        }
        assert!(
            allowed.contains(&entry(after)),
            "it went on with another song\nbefore {}\nafter {after}",
            self.last
        );
        if entry(after) == was && self.last["state"] == "playing" {
            let (before_ms, after_ms) = (position_ms(&self.last), position_ms(after));
            let away_ms = before_ms.abs_diff(after_ms);
            assert!(away_ms <= AWAY_MS_MAX, "from {before_ms} ms to {after_ms} ms");
        }
    }
}

fn sounds(status: &Value) -> bool {
    status["state"] == "playing" && !status["current"].is_null()
}

/// Presses a button, or none.
fn press_something(device: &Device, chance: &mut ChaCha8Rng) -> bool {
    // A refusal (a seek while nothing plays) is an answer, too.
    let _ = match chance.random_range(0..14) {
        0 | 1 => device.ask("skip", json!({})),
        2 => device.ask("seek", json!({"position_ms": chance.random_range(0..2500)})),
        3 => device.ask("seek", json!({"by_ms": chance.random_range(-2000..2000)})),
        4 => device.ask("pause", json!({})),
        5..=7 => device.ask("play", json!({})),
        8 => device.ask("previous", json!({})),
        _ => return false,
    };
    true
}

#[test]
fn whenever_it_is_killed_it_goes_on_and_the_log_is_true() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let seed = number("KILL_SEED", u64::from(std::process::id()));
    let kills = number("KILLS", KILLS);
    println!("KILL_SEED={seed} KILLS={kills}");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);

    let place = Place::new();
    for (index, seconds) in SONGS_S.into_iter().enumerate() {
        place.song(&format!("music/{index}.wav"), seconds);
    }
    let mut device = place.run(CONFIG);
    device.wait_for(START_MAX, |status| sounds(status) && status["queue_len"] == 6).unwrap();
    let mut rounds = Vec::new();
    for kill in 1..=kills {
        let round = Round::play_and_kill(device, &mut chance);
        device = place.run(CONFIG);
        println!(
            "kill {kill}: {} at {} ms of {}",
            round.last["state"],
            position_ms(&round.last),
            entry(&round.last)
        );
        if round.has_just_changed() {
            let is_settled = |status: &Value| sounds(status) || status["state"] == "stopped";
            let after = device.wait_for(START_MAX, is_settled).unwrap();
            round.check_goes_on(&after);
        } else if round.last["state"] == "paused" {
            let told = Subscriber::of(&device).all_within(QUIET);
            assert!(!told.iter().any(|(_, told)| sounds(&told["params"])), "it blares out: {told:?}");
            let status = device.ask("status", json!({})).unwrap();
            assert_eq!((sounds(&status), entry(&status)), (false, entry(&round.last)), "{status}");
        } else {
            let after = device.wait_for(START_MAX, sounds).unwrap();
            round.check_goes_on(&after);
        }
        device.ask("play", json!({})).unwrap();
        device.wait_for(START_MAX, sounds).unwrap();
        let status = device.ask("status", json!({})).unwrap();
        assert_eq!((&status["run"], &status["queue_len"]), (&json!(kill + 1), &json!(6)));
        rounds.push(round);
    }
    let open: Vec<_> = place.plays().into_iter().filter(|row| row.end.is_none()).collect();
    assert!(
        open.iter().all(|row| row.key.run == kills + 1),
        "open, and not of the run that goes on: {open:?}"
    );
    device.terminate().unwrap();
    let rows = place.plays();
    check_ends(&rows, kills + 1);
    check_heard(&rows, &rounds);
    check_chains(&rows);
    check_nothing_is_lost(&rows, &rounds);
    let errors: Vec<_> =
        place.setup.log().lines().filter(|line| line.contains("error:")).map(str::to_owned).collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// Each play is there once, its number follows the one before, and it is closed as it ended.
fn check_ends(rows: &[PlayRow], last_run: u64) {
    let keys: HashSet<PlayKey> = rows.iter().map(|row| row.key).collect();
    assert_eq!(keys.len(), rows.len());
    for run in 1..=last_run {
        let of_run: Vec<_> = rows.iter().filter(|row| row.key.run == run).collect();
        assert!(!of_run.is_empty(), "run {run} has played and left no row");
        let numbers: Vec<u64> = of_run.iter().map(|row| row.key.seq).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "run {run}");
        let last = of_run[of_run.len() - 1];
        let crashed = of_run.iter().filter(|row| how(row) == "crash").count();
        // Two in a crossfade; none if it was killed between two, and none of the last, which was ended in good order.
        let crashed_max = if run < last_run { 2 } else { 0 };
        assert!(crashed <= crashed_max && (crashed == 0 || how(last) == "crash"), "run {run}: {of_run:?}");
        for row in of_run {
            let end = row.end.as_ref().unwrap_or_else(|| panic!("it is open: {row:?}"));
            assert!(end.ended >= row.started, "{row:?}");
            assert_eq!(end.audible_ms, 0, "nobody hears null: {row:?}");
        }
    }
}

fn how(row: &PlayRow) -> &str {
    row.end.as_ref().map_or("open", |end| end.how.as_str())
}

/// No more was heard than time has passed.
fn check_heard(rows: &[PlayRow], rounds: &[Round]) {
    for row in rows {
        let Some(end) = &row.end else { continue };
        let seeks = (row.key.run as usize)
            .checked_sub(1)
            .and_then(|index| rounds.get(index))
            .map_or(0, |r| r.presses);
        let wall_ms = end.ended.since_ms(row.started) + TOLD_LATE_MS_MAX + SEEK_FADE_MS * seeks;
        assert!(end.heard_ms <= wall_ms, "more was heard than time has passed: {row:?}");
    }
}

/// A play goes on with one that was broken off before, of the same song, and no two go on with the same.
fn check_chains(rows: &[PlayRow]) {
    let by_key: HashMap<PlayKey, &PlayRow> = rows.iter().map(|row| (row.key, row)).collect();
    let mut continued = HashSet::new();
    for row in rows {
        let Some(key) = row.continues else { continue };
        let before =
            by_key.get(&key).unwrap_or_else(|| panic!("it goes on with a row that is not there: {row:?}"));
        assert!(["crash", "cut"].contains(&how(before)), "{row:?} goes on with {before:?}");
        assert!(key.run < row.key.run && before.path == row.path, "{row:?} goes on with {before:?}");
        assert_eq!((row.key.seq, row.chosen_by.as_str()), (1, "resume"), "{row:?}");
        assert!(continued.insert(key), "{before:?} is continued twice");
    }
    assert!(!continued.is_empty(), "nothing was ever gone on with");
}

/// What a subscriber was told to have begun has its row, unless it was killed within the time that the disk may take.
fn check_nothing_is_lost(rows: &[PlayRow], rounds: &[Round]) {
    for (index, round) in rounds.iter().enumerate() {
        let run = index as u64 + 1;
        let on_disk = round.told.iter().filter(|(at, _)| !round.is_too_new(*at));
        let told = on_disk.count();
        let logged = rows.iter().filter(|row| row.key.run == run).count();
        assert!(
            logged >= told,
            "run {run}: {told} songs were told to begin, {logged} are logged: {:?}",
            round.told
        );
        let lived = round.killed - round.started;
        let fastest_ms = lived.as_millis() as u64 / 20 + 10;
        assert!((logged as u64) < fastest_ms, "run {run}: {logged} plays within {lived:?}");
    }
}
