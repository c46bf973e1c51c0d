//! What the samples come to: over all rounds, beside the goals.

use std::time::Duration;

use super::players::Kind;

/// How long a start may take, and how much of the peers' and of our own processor time is allowed.
const START_MAX_MS: f64 = 300.0;
const OF_GST_PLAY_MAX: f64 = 1.1;
const OF_MPV_MAX: f64 = 1.0;
const SNAPSHOTS_MAX: f64 = 1.05;
/// How many frame times a change may take, by the median and at the longest, and by how much looking from outside is wrong.
const STAND_FRAMES: f64 = 1.0;
const STAND_FRAMES_MAX: f64 = 2.0;
const LOOK_FRAMES: f64 = 0.1;

/// One player in one window.
pub struct Sample {
    pub kind: Kind,
    /// From its start; `None` if none was seen.
    pub to_first: Option<Duration>,
    /// At each change of film.
    pub stands: Vec<Duration>,
    /// In which nothing of a film was seen.
    pub foreign: Duration,
    /// Frames that were seen.
    pub frames: usize,
    /// Of one core.
    pub cpu: f64,
    pub peak_kib: u64,
}

pub fn print(samples: &[Sample], frame: Duration) {
    let heads = [
        "player",
        "to the first frame",
        "change of film, median",
        "longest",
        "changes",
        "nothing of a film seen",
        "frames seen",
        "of a core",
        "peak RSS",
    ];
    println!("\n| {} |\n|{}", heads.join(" | "), " --- |".repeat(heads.len()));
    for kind in Kind::ALL {
        let of_kind: Vec<&Sample> = samples.iter().filter(|sample| sample.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let starts: Vec<f64> = of_kind.iter().filter_map(|sample| sample.to_first).map(ms).collect();
        let stands = stands(&of_kind);
        let foreign = median(of_kind.iter().map(|sample| ms(sample.foreign)).collect());
        let cells = [
            kind.name().to_owned(),
            number(median(starts), " ms"),
            number(median(stands.clone()), " ms"),
            number(stands.iter().copied().reduce(f64::max), " ms"),
            stands.len().to_string(),
            number(foreign, " ms"),
            of_kind.iter().map(|sample| sample.frames).sum::<usize>().to_string(),
            cpu(samples, kind).map_or("—".into(), |cpu| format!("{:.1} %", cpu * 100.0)),
            format!("{} MiB", of_kind.iter().map(|sample| sample.peak_kib).max().unwrap_or(0) / 1024),
        ];
        println!("| {} |", cells.join(" | "));
    }
    goals(samples, frame);
}

fn goals(samples: &[Sample], frame: Duration) {
    println!("\n| goal | limit | measured | |\n| --- | --- | --- | --- |");
    let ours: Vec<&Sample> = samples.iter().filter(|sample| sample.kind == Kind::Orchestrion).collect();
    let row = |what: &str, max: f64, measured: Option<f64>, unit: &str| {
        let verdict =
            measured.map_or("not measured", |measured| if measured <= max { "met" } else { "**missed**" });
        println!("| {what} | {max:.2}{unit} | {} | {verdict} |", number(measured, unit));
    };
    let stands = stands(&ours);
    row(
        "change of film, median, in frames",
        STAND_FRAMES + LOOK_FRAMES,
        frames(median(stands.clone()), frame),
        "",
    );
    row(
        "change of film, longest, in frames",
        STAND_FRAMES_MAX + LOOK_FRAMES,
        frames(stands.into_iter().reduce(f64::max), frame),
        "",
    );
    row("nothing of a film seen", 0.0, ours.iter().map(|sample| ms(sample.foreign)).reduce(f64::max), " ms");
    row(
        "to the first frame",
        START_MAX_MS,
        median(ours.iter().filter_map(|sample| sample.to_first).map(ms).collect()),
        " ms",
    );
    // By the frame: a player that stands still for two seconds saves its processor time.
    let of = |kind: Kind, other: Kind| Some(cpu_a_frame(samples, kind)? / cpu_a_frame(samples, other)?);
    row("processor time a frame of gst-play's", OF_GST_PLAY_MAX, of(Kind::Orchestrion, Kind::GstPlay), " ×");
    row("processor time a frame of mpv's", OF_MPV_MAX, of(Kind::Orchestrion, Kind::Mpv), " ×");
    row(
        "processor time with snapshots of that without",
        SNAPSHOTS_MAX,
        of(Kind::Snapshots, Kind::Orchestrion),
        " ×",
    );
}

fn stands(samples: &[&Sample]) -> Vec<f64> {
    samples.iter().flat_map(|sample| &sample.stands).copied().map(ms).collect()
}

fn cpu(samples: &[Sample], kind: Kind) -> Option<f64> {
    median(samples.iter().filter(|sample| sample.kind == kind).map(|sample| sample.cpu).collect())
}

/// Processor time for a frame that was seen, in no unit.
fn cpu_a_frame(samples: &[Sample], kind: Kind) -> Option<f64> {
    let of_kind = samples.iter().filter(|sample| sample.kind == kind && sample.frames > 0);
    median(of_kind.map(|sample| sample.cpu / sample.frames as f64).collect())
}

fn frames(time_ms: Option<f64>, frame: Duration) -> Option<f64> {
    Some(time_ms? / ms(frame))
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}

fn number(number: Option<f64>, unit: &str) -> String {
    number.map_or("—".into(), |number| format!("{number:.2}{unit}"))
}
