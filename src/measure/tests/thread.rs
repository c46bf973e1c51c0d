//! The thread: what it measures, what it leaves, and that it stops.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use orchestrion_rig::signal;

use super::*;
use crate::app::Event as AppEvent;
use crate::service::{self, Running, Service};
use crate::storage::{MeasurementStore, Measurements};

/// How long an event is waited for; a test machine may be busy.
const WAIT: Duration = Duration::from_secs(30);

struct Bench {
    dir: tempfile::TempDir,
    service: Arc<Measure>,
    handle: Handle,
    events: Receiver<AppEvent>,
    running: Option<Running>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (to_app, events) = bounded(64);
        let (service, handle) = Measure::new(dir.path().join("state"), to_app.clone());
        let running = Some(service::spawn(Arc::clone(&service) as Arc<dyn Service>, to_app).unwrap());
        Self { dir, service, handle, events, running }
    }

    fn file(&self, name: &str, seconds: usize, amplitude: f64) -> Arc<Path> {
        let path = self.dir.path().join(name);
        let tone = signal::sine(500.0, amplitude, 0.0, 48_000, 48_000 * seconds);
        encode(&signal::doubled(&tone), 2, 48_000, Format::Wav, &path).unwrap();
        path.into()
    }

    fn ahead(&self, paths: &[&Arc<Path>]) {
        let songs = paths.iter().map(|path| Arc::clone(path)).collect();
        self.handle.send(Command::Ahead(Ahead { songs, ..Ahead::default() }));
    }

    fn next(&self) -> (Arc<Path>, Option<FileId>, Result<Box<Measurement>, LoadError>) {
        match self.events.recv_timeout(WAIT).unwrap() {
            AppEvent::Measure(Event::Measured { path, file, result }) => (path, file, result),
            other => panic!("{other:?}"),
        }
    }

    fn stop(&mut self) -> Duration {
        let begin = Instant::now();
        self.service.stop();
        assert!(self.running.take().unwrap().join(WAIT));
        begin.elapsed()
    }
}

#[test]
fn files_ahead_are_measured_in_order_and_only_once() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.file("a.wav", 2, 0.5), bench.file("b.wav", 2, 0.25), bench.file("c.wav", 2, 0.1));
    bench.ahead(&[&b, &a]);
    let (first, second) = (bench.next(), bench.next());
    assert_eq!((&first.0, &second.0), (&b, &a));
    let found = second.2.unwrap();
    let mut reader = Measurements::new(&bench.dir.path().join("state"));
    assert_eq!(
        reader.lookup(&a, FileId::of(&a).unwrap()).as_ref(),
        Some(&*found),
        "it can be looked up at once"
    );
    // What is known is passed over in silence: the next report is of the one that is not.
    bench.ahead(&[&a, &b, &c]);
    assert_eq!(bench.next().0, c);
    bench.stop();
}

#[test]
fn what_is_known_of_a_film_is_told_each_time_and_a_film_without_sound_fails_once() {
    let mut bench = Bench::new();
    let film = bench.file("a.wav", 1, 0.1);
    let ask = |bench: &Bench| {
        let films = vec![Arc::clone(&film)];
        bench.handle.send(Command::Ahead(Ahead { films, ..Ahead::default() }));
        bench.next().2.unwrap()
    };
    assert_eq!(ask(&bench), ask(&bench));
    bench.stop();
}

#[test]
fn a_copy_is_known_by_its_content() {
    let mut bench = Bench::new();
    let a = bench.file("a.wav", 2, 0.5);
    bench.ahead(&[&a]);
    let found = bench.next().2.unwrap();
    // Were it decoded again, it would not come out so.
    let told = Measurement { duration_ms: 77, ..*found };
    let file = FileId::of(&a).unwrap();
    let state = bench.dir.path().join("state");
    let told = crate::storage::Measured { path: a.to_path_buf(), file, measurement: told };
    MeasurementStore::open(&state).unwrap().save(std::slice::from_ref(&told)).unwrap();
    let copy: Arc<Path> = bench.dir.path().join("copy.wav").into();
    std::fs::copy(&a, &copy).unwrap();
    bench.ahead(&[&copy]);
    assert_eq!(bench.next().2, Ok(Box::new(told.measurement)));
    bench.stop();
}

#[test]
fn what_fails_is_reported_once_until_it_changes() {
    let mut bench = Bench::new();
    let bad: Arc<Path> = bench.dir.path().join("bad.flac").into();
    let missing: Arc<Path> = bench.dir.path().join("missing.flac").into();
    std::fs::write(&bad, "no music").unwrap();
    bench.ahead(&[&bad, &missing]);
    assert!(matches!(bench.next(), (path, Some(_), Err(LoadError::NotDecodable(_))) if path == bad));
    assert!(matches!(bench.next(), (path, None, Err(LoadError::Unreadable(_))) if path == missing));
    let good = bench.file("good.wav", 1, 0.5);
    bench.ahead(&[&bad, &missing, &good]);
    assert_eq!(bench.next().0, good);
    std::fs::copy(&good, &bad).unwrap();
    bench.ahead(&[&missing, &bad]);
    let (path, _, result) = bench.next();
    assert!(path == bad && result.is_ok());
    bench.stop();
}

#[test]
fn a_file_that_somebody_waits_for_is_measured_before_the_long_one_that_is_being_measured() {
    let mut bench = Bench::new();
    let (short, long) = (bench.file("short.wav", 1, 0.5), bench.file("long.wav", 120, 0.5));
    bench.ahead(&[&short, &long]);
    assert_eq!(bench.next().0, short);
    // The long one is being measured now.
    let wanted = bench.file("wanted.wav", 1, 0.25);
    let songs = vec![Arc::clone(&wanted), Arc::clone(&long)];
    bench.handle.send(Command::AheadAtOnce(Ahead { songs, ..Ahead::default() }));
    assert_eq!(bench.next().0, wanted);
    assert_eq!(bench.next().0, long, "and then again");
    bench.stop();
}

#[test]
fn it_stops_in_the_middle_of_a_long_file_and_of_a_long_list() {
    let mut bench = Bench::new();
    let (short, long) = (bench.file("short.wav", 1, 0.5), bench.file("long.wav", 120, 0.5));
    bench.ahead(&[&short, &long]);
    assert_eq!(bench.next().0, short);
    let took = bench.stop();
    assert!(took < Duration::from_millis(100) * if cfg!(debug_assertions) { 5 } else { 1 }, "{took:?}");
    assert!(bench.events.try_recv().is_err(), "the long one was broken off");
}

#[test]
fn a_newer_list_takes_the_place_of_an_older_one() {
    let mut bench = Bench::new();
    let long = bench.file("long.wav", 20, 0.5);
    let files: Vec<Arc<Path>> =
        (0..AHEAD_LEN_MAX + 4).map(|n| bench.file(&format!("{n}.wav"), 1, 0.5)).collect();
    bench.ahead(&[&long]);
    for _ in 0..100 {
        bench.ahead(&[&files[0]]);
    }
    bench.ahead(&files.iter().collect::<Vec<_>>());
    let mut seen: Vec<Arc<Path>> =
        (0..AHEAD_LEN_MAX).map(|_| bench.next().0).filter(|path| *path != long).collect();
    if seen.len() < AHEAD_LEN_MAX {
        seen.push(bench.next().0);
    }
    assert_eq!(seen, files[..AHEAD_LEN_MAX], "the first of the last list, in order");
    bench.stop();
}

#[test]
fn without_a_place_to_keep_them_files_are_measured_all_the_same() {
    let mut bench = Bench::new();
    std::fs::write(bench.dir.path().join("state"), "in the way").unwrap();
    let a = bench.file("a.wav", 1, 0.5);
    bench.ahead(&[&a]);
    assert!(bench.next().2.is_ok());
    bench.stop();
}

#[test]
fn only_the_thread_that_gives_way_has_the_lowest_priority() {
    let here = rustix::process::getpriority_process(None).unwrap();
    let there = std::thread::spawn(|| {
        give_way();
        rustix::process::getpriority_process(None).unwrap()
    });
    assert_eq!(there.join().unwrap(), 19);
    assert_eq!(rustix::process::getpriority_process(None).unwrap(), here);
}
