//! `orchestrion scan`: measures a shelf on all cores, into the `measurements.sqlite` of a device.
//!
//! A device may run on the same state folder meanwhile: it finds what was measured as soon as it is written, and the scan gives way to it.

mod progress;
mod report;
#[cfg(test)]
mod tests;
mod work;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use log::LevelFilter;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::exit_code;
use crate::bootstrap::{logger, places};
use crate::library::walk_up_to;
use crate::storage::{FILES_LEN_MAX, Measured, MeasurementStore, measurements_path};
use progress::Progress;
use report::Tally;
use work::{Done, Outcome};

/// Threads that may be asked for.
const JOBS_MAX: u64 = 256;
/// Measurements that wait to be written, at most.
const UNWRITTEN_LEN_MAX: usize = 64;
/// How long they wait.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How often the progress is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// `orchestrion scan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion scan ~/Music                     # a bar, and a summary at the end
  orchestrion scan ~/Music | less              # a line for each file
  orchestrion scan --json ~/Music >music.json  # an object for each file
  orchestrion scan --jobs 1 /srv/music         # leaves the other cores alone

Why: a device plays everything at one loudness and skips the silence at the ends of songs.
It measures by itself what it will play next; a scan does that for the whole shelf beforehand.
Files that have not changed are not measured again, so a scan can be interrupted (Ctrl-C) and
called again at any time, also while a device runs.

What: integrated loudness in LUFS (EBU R128), true peak in dBTP, where the music begins and
ends (what is 40 LU softer than the whole is silence), and the SHA-256 of the file, by which a
copy is known. Files are only read.

Exit codes: 0 all measured, 1 some failed or it was interrupted, 2 wrong command line.")]
pub struct ScanArgs {
    /// Folders, files and .m3u8 lists
    #[arg(value_name = "FOLDER|FILE", required = true)]
    paths: Vec<PathBuf>,
    /// Files measured at once; all cores if not said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX))]
    jobs: Option<u64>,
    /// Write one JSON object a line for each file
    #[arg(long)]
    json: bool,
    /// Folder of the device's state, if not the usual one
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// How the files are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    /// An object a line.
    Json,
    /// A line for people.
    Lines,
    /// None; the summary at the end tells what matters.
    None,
}

/// A file, and how many bytes it has.
type Song = (PathBuf, u64);

/// Why a scan ends before its end.
enum Break {
    Interrupted,
    Unwritable(String),
}

impl ScanArgs {
    /// Measures, writes down, and tells.
    pub fn run(self) -> ExitCode {
        logger::install(LevelFilter::Warn);
        let state_dir = self.state_dir.clone().unwrap_or_else(places::state_dir);
        let mut store = match MeasurementStore::open(&state_dir) {
            Ok(store) => store,
            Err(error) => return failed(&error.to_string()),
        };
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The second one ends the process at once.
            let registered = signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)));
            if let Err(error) = registered {
                return failed(&format!("cannot catch signals: {error}"));
            }
        }
        let listing = match (self.json, io::stdout().is_terminal()) {
            (true, _) => Listing::Json,
            (false, true) => Listing::None,
            (false, false) => Listing::Lines,
        };
        let mut progress = Progress::new();
        let Some((songs, problems)) = find(&self.paths, &mut progress, &stop) else {
            progress.clear();
            return failed("interrupted; nothing was measured");
        };
        progress.clear();
        problems.iter().for_each(|problem| log::warn!("{problem}"));
        if songs.is_empty() {
            return failed("there is no music to be measured");
        }
        let jobs = self.jobs.map_or_else(
            || thread::available_parallelism().map_or(1, usize::from),
            |jobs| usize::try_from(jobs).unwrap_or(1),
        );
        let mut scan = Scan {
            listing,
            tally: Tally::new(songs.len()),
            progress,
            unwritten: Vec::new(),
            wanted: Vec::new(),
            written: Instant::now(),
        };
        let outcome = scan.run(&mut store, &songs, &state_dir, jobs.min(songs.len()), &stop);
        scan.progress.clear();
        let summary = scan.tally.summary(&measurements_path(&state_dir));
        // JSON is for programs; people look at the other stream then.
        let _ = if self.json { write!(io::stderr(), "{summary}") } else { write!(io::stdout(), "{summary}") };
        match outcome {
            Ok(()) if scan.tally.failed() == 0 && problems.is_empty() => ExitCode::SUCCESS,
            Ok(()) => ExitCode::from(exit_code::FAILED),
            Err(Break::Interrupted) => failed("interrupted; call it again to go on from here"),
            Err(Break::Unwritable(words)) => failed(&words),
        }
    }
}

fn failed(words: &str) -> ExitCode {
    log::error!("{words}");
    ExitCode::from(exit_code::FAILED)
}

/// The songs with their sizes, and what was wrong on the way; `None`: interrupted.
fn find(paths: &[PathBuf], progress: &mut Progress, stop: &AtomicBool) -> Option<(Vec<Song>, Vec<String>)> {
    let absolute: Vec<PathBuf> =
        paths.iter().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())).collect();
    let mut songs: Vec<Song> = Vec::new();
    let mut found = |batch: Vec<PathBuf>| {
        let sized = |path: PathBuf| {
            let size = path.metadata().map_or(0, |meta| meta.len());
            (path, size)
        };
        songs.extend(batch.into_iter().map(sized));
        progress.finding(songs.len());
    };
    let songs_max = usize::try_from(FILES_LEN_MAX).unwrap_or(usize::MAX);
    let problems = walk_up_to(songs_max, &absolute, &mut found, &|| stop.load(Ordering::Relaxed))?;
    // The same file may be named twice.
    songs.sort();
    songs.dedup();
    Some((songs, problems))
}

/// A scan on its way.
struct Scan {
    listing: Listing,
    tally: Tally,
    progress: Progress,
    unwritten: Vec<Measured>,
    /// Known files, whose rows are to stay.
    wanted: Vec<Measured>,
    written: Instant,
}

impl Scan {
    fn run(
        &mut self,
        store: &mut MeasurementStore,
        songs: &[Song],
        state_dir: &Path,
        jobs: usize,
        stop: &AtomicBool,
    ) -> Result<(), Break> {
        let with_tags = self.listing == Listing::Json;
        let bytes = songs.iter().map(|(_, size)| size).sum();
        self.progress.begin(songs.len(), bytes);
        let outcome = work::on_threads(songs, state_dir, jobs, with_tags, stop, &mut |done| {
            if let Some(done) = done {
                self.take(done);
            }
            self.progress.draw(&self.tally, DRAW_EVERY);
            let is_due = self.unwritten.len() + self.wanted.len() >= UNWRITTEN_LEN_MAX
                || self.written.elapsed() >= WRITE_EVERY;
            if is_due { self.write(store) } else { Ok(()) }
        });
        let last = self.write(store);
        outcome.and(last).map_err(Break::Unwritable)?;
        if self.tally.done() < songs.len() { Err(Break::Interrupted) } else { Ok(()) }
    }

    fn take(&mut self, done: Done) {
        self.progress.done(&done);
        let line = match self.listing {
            Listing::Json => Some(report::json(&done)),
            Listing::Lines => Some(report::line(&done)),
            Listing::None => None,
        };
        if let Some(line) = line {
            self.progress.clear();
            // Whoever closed it does not want to know; the measurements are kept all the same.
            let _ = writeln!(io::stdout(), "{line}");
        }
        self.tally.add(&done);
        let measured = |file, measurement| Measured { path: done.path.clone(), file, measurement };
        match done.outcome {
            Outcome::Measured(file, measurement) => self.unwritten.push(measured(file, measurement)),
            Outcome::Known(file, measurement) => self.wanted.push(measured(file, measurement)),
            Outcome::Failed(_) => {}
        }
    }

    fn write(&mut self, store: &mut MeasurementStore) -> Result<(), String> {
        self.written = Instant::now();
        if !self.unwritten.is_empty() {
            store.save(&self.unwritten)?;
            self.unwritten.clear();
        }
        if !self.wanted.is_empty() {
            store.touch(self.wanted.iter().map(|one| (one.path.as_path(), &one.measurement.blob)))?;
            self.wanted.clear();
        }
        Ok(())
    }
}
