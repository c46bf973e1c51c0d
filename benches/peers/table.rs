//! What the samples come to: medians over the rounds, ratios to the peers, and whether the goals are met.

use std::collections::{BTreeMap, BTreeSet};

use super::players::Kind;

/// How much of MPD's CPU is ours at most, by the buffer of both.
const OF_MPD_MAX: [(u32, f64); 2] = [(45, 0.55), (500, 0.80)];
const RSS_MIB_MAX: f64 = 20.0;

/// One player in one window.
pub struct Sample {
    pub buffer_ms: u32,
    pub shelf: String,
    pub kind: Kind,
    /// Of the window.
    pub streams_len: usize,
    /// Whether it was heard at the beginning and the end.
    pub plays: bool,
    pub cpu_s_per_min: f64,
    /// The same by the names of threads.
    pub threads: BTreeMap<String, f64>,
    pub peak_kib: u64,
    pub pss_kib: u64,
    /// The sound server's, for all players of the window.
    pub server_cpu_s_per_min: f64,
}

pub fn print(samples: &[Sample], buffers_ms: &[u32]) {
    for &buffer_ms in buffers_ms {
        let of_buffer: Vec<&Sample> = samples.iter().filter(|sample| sample.buffer_ms == buffer_ms).collect();
        if of_buffer.is_empty() {
            continue;
        }
        cpu(&of_buffer, buffer_ms);
        threads(&of_buffer, buffer_ms);
    }
    memory(samples);
}

fn kinds(samples: &[&Sample]) -> BTreeSet<Kind> {
    samples.iter().map(|sample| sample.kind).collect()
}

fn head(cells: &[String]) {
    println!("\n| {} |\n|{}", cells.join(" | "), " --- |".repeat(cells.len()));
}

fn cpu(samples: &[&Sample], buffer_ms: u32) {
    let kinds = kinds(samples);
    let mut cells = vec![format!("CPU-s per minute of play, {buffer_ms} ms")];
    cells.extend(kinds.iter().map(|kind| kind.name().to_owned()));
    cells.extend(["of MPD".into(), "of cmus".into(), "of mpv".into(), "goals".into()]);
    head(&cells);
    let mut shelves: Vec<&str> = Vec::new();
    for sample in samples {
        if !shelves.contains(&sample.shelf.as_str()) {
            shelves.push(&sample.shelf);
        }
    }
    shelves.sort_by_key(|name| (name.ends_with("44.1"), *name));
    for shelf in shelves {
        let of_kind = |kind: Kind| {
            let of_kind = samples.iter().filter(|sample| sample.shelf == shelf && sample.kind == kind);
            let (all, plays): (usize, Vec<f64>) =
                of_kind.fold((0, Vec::new()), |(all, mut plays), sample| {
                    plays.extend(sample.plays.then_some(sample.cpu_s_per_min));
                    (all + 1, plays)
                });
            (all, spread(plays))
        };
        let mut cells = vec![format!("{shelf} kHz")];
        for kind in &kinds {
            cells.push(match of_kind(*kind) {
                (0, _) => "not started".into(),
                (_, None) => "**does not play it**".into(),
                (_, Some((low, mid, high))) => format!("{mid:.3} ({low:.3}–{high:.3})"),
            });
        }
        let median = |kind: Kind| of_kind(kind).1.map(|(_, mid, _)| mid);
        let ours = median(Kind::Orchestrion);
        let mut met = true;
        for (peer, max) in [
            (Kind::Mpd, OF_MPD_MAX.iter().find(|(ms, _)| *ms == buffer_ms).map_or(1.0, |(_, max)| *max)),
            (Kind::Cmus, 1.0),
            (Kind::Mpv, 1.0),
        ] {
            cells.push(match (ours, median(peer)) {
                (Some(ours), Some(peer)) => {
                    met &= ours / peer <= max;
                    format!("{:.2} (≤ {max})", ours / peer)
                }
                _ => {
                    met = false;
                    "—".into()
                }
            });
        }
        cells.push(if met { "met".into() } else { "**missed**".into() });
        println!("| {} |", cells.join(" | "));
    }
    let servers = samples.iter().map(|sample| sample.server_cpu_s_per_min).collect();
    if let (Some((_, mid, _)), Some(sample)) = (spread(servers), samples.first()) {
        println!(
            "\nThe sound server, for {} streams at once: {mid:.2} CPU-s per minute.",
            sample.streams_len
        );
    }
}

/// Where the CPU goes, by the names of threads that live, with all shelves in one.
fn threads(samples: &[&Sample], buffer_ms: u32) {
    head(&[format!("player, {buffer_ms} ms"), "CPU-ms per minute by thread, mean over formats".into()]);
    for kind in kinds(samples) {
        let of_kind: Vec<&&Sample> =
            samples.iter().filter(|sample| sample.kind == kind && sample.plays).collect();
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for (name, cpu_s) in of_kind.iter().flat_map(|sample| &sample.threads) {
            *sums.entry(name).or_default() += cpu_s * 1000.0 / of_kind.len() as f64;
        }
        let named = sums.iter().filter(|(_, ms)| **ms >= 0.5).map(|(name, ms)| format!("{name} {ms:.0}"));
        println!("| {} | {} |", kind.name(), named.collect::<Vec<_>>().join(", "));
    }
}

fn memory(samples: &[Sample]) {
    let samples: Vec<&Sample> = samples.iter().filter(|sample| sample.plays).collect();
    head(&[
        "memory, highest of all formats and buffers".into(),
        "peak RSS".into(),
        "PSS".into(),
        "goal".into(),
    ]);
    let highest = |kind: Kind, kib: fn(&Sample) -> u64| {
        let of_kind = samples.iter().filter(|sample| sample.kind == kind);
        of_kind.map(|sample| kib(sample) as f64 / 1024.0).fold(0.0, f64::max)
    };
    let peak = |kind| highest(kind, |sample| sample.peak_kib);
    for kind in kinds(&samples) {
        let goal = if kind == Kind::Orchestrion {
            let ours = peak(kind);
            let below = [Kind::Mpd, Kind::Mpv].into_iter().all(|peer| peak(peer) == 0.0 || ours < peak(peer));
            if ours <= RSS_MIB_MAX && below { "≤ 20 MiB, below MPD and mpv: met" } else { "**missed**" }
        } else {
            ""
        };
        let pss = highest(kind, |sample| sample.pss_kib);
        println!("| {} | {:.1} MiB | {pss:.1} MiB | {goal} |", kind.name(), peak(kind));
    }
    let mut of_shelf: BTreeMap<&str, u64> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.kind == Kind::Orchestrion) {
        let peak = of_shelf.entry(&sample.shelf).or_default();
        *peak = sample.peak_kib.max(*peak);
    }
    let named = of_shelf.iter().map(|(shelf, kib)| format!("{shelf} {:.1} MiB", *kib as f64 / 1024.0));
    println!("\nOurs by format: {}.", named.collect::<Vec<_>>().join(", "));
}

/// Lowest, median and highest; `None` of nothing.
fn spread(mut values: Vec<f64>) -> Option<(f64, f64, f64)> {
    values.sort_by(f64::total_cmp);
    Some((*values.first()?, values[values.len() / 2], *values.last()?))
}
