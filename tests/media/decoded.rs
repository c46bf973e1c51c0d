//! What the tests share: files to decode, and a watch over processes and descriptors.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orchestrion::media::{Decoding, Error, Format, Limits};
use orchestrion_rig::analysis::dominant_frequency;
use orchestrion_rig::encode::{Foreign, encode_foreign};
use orchestrion_rig::signal::{channel, sine, stereo};

/// See [`patient`].
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long each tone of a staircase lasts.
pub const STEP_S: f64 = 0.5;
/// Steps of a staircase.
pub const STEPS: usize = 8;
/// The tone on the right.
pub const RIGHT_HZ: f64 = 2950.0;

/// The program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_orchestrion-media"))
}

/// These tests count this process's descriptors and children, so one runs at a time.
pub fn alone() -> Alone {
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    Alone { descriptors: open_descriptors(), _one: one }
}

/// See [`alone`]. When it goes, no child, thread or descriptor may be left over.
pub struct Alone {
    descriptors: usize,
    _one: MutexGuard<'static, ()>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(children(std::process::id()), Vec::<u32>::new(), "children are left over");
            assert_eq!(open_descriptors(), self.descriptors, "descriptors are left over");
        }
    }
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The children of all threads of a process, zombies too.
pub fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
        .collect()
}

/// Whether a process exists, also as a zombie.
pub fn exists(process: u32) -> bool {
    Path::new(&format!("/proc/{process}")).exists()
}

/// Whether the encoder of a format is here.
pub fn can_make(kind: Foreign) -> bool {
    let can = kind.is_available();
    if !can {
        eprintln!("SKIPPED: {kind:?}: {} is not installed; script/setup installs it", kind.tool());
    }
    can
}

/// The tone of a step on the left.
pub fn step_hz(step: usize) -> f64 {
    450.0 + 150.0 * step as f64
}

/// On the left a tone that tells where one is, on the right always the same.
pub fn staircase(rate_hz: u32) -> Vec<f32> {
    let step_frames = (STEP_S * f64::from(rate_hz)) as usize;
    let left: Vec<f32> =
        (0..STEPS).flat_map(|step| sine(step_hz(step), 0.4, 0.0, rate_hz, step_frames)).collect();
    stereo(&left, &sine(RIGHT_HZ, 0.4, 0.0, rate_hz, left.len()))
}

/// A staircase in a file; a format in mono has only its left side.
pub fn staircase_file(kind: Foreign, folder: &Path) -> PathBuf {
    let path = folder.join(format!("stairs.{}", kind.extension()));
    let both = staircase(kind.rate_hz());
    let samples = if kind.channels() == 1 { channel(&both, 2, 0) } else { both };
    encode_foreign(&samples, kind.channels(), kind.rate_hz(), kind, &path).unwrap();
    path
}

/// Starts a child for a file.
pub fn start(path: &Path, limits: Limits) -> Result<Decoding, Error> {
    Decoding::start(program(), &File::open(path).unwrap(), limits)
}

/// Limits that no busy machine reaches: whoever waits for one of them waits in vain, which is what tests look for.
pub fn patient() -> Limits {
    Limits { hello: PATIENCE, first_sample: PATIENCE, stall: PATIENCE, ..Limits::default() }
}

/// What came out of a file.
pub struct Sound {
    pub format: Format,
    pub samples: Vec<f32>,
}

impl Sound {
    /// All that is left, and how it ended.
    pub fn rest(decoding: &mut Decoding) -> (Self, Result<(), Error>) {
        let mut sound = Self { format: decoding.format(), samples: Vec::new() };
        let mut piece = Vec::new();
        loop {
            match decoding.read(&mut piece) {
                Ok(true) => sound.samples.extend(&piece),
                Ok(false) => return (sound, Ok(())),
                Err(error) => return (sound, Err(error)),
            }
            sound.format = decoding.format();
        }
    }

    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.format.channels) / f64::from(self.format.rate_hz)
    }

    /// The loudest tone of a side in a fifth of a second from `at_s` on.
    pub fn tone_hz(&self, side: u16, at_s: f64) -> f64 {
        let side = channel(&self.samples, self.format.channels, side);
        let rate_hz = f64::from(self.format.rate_hz);
        let from = (at_s * rate_hz) as usize;
        let window = side.get(from..from + (0.2 * rate_hz) as usize).expect("not that much sound");
        dominant_frequency(window, self.format.rate_hz).expect("silence")
    }
}

/// Waits for what must come soon, without a guess how soon.
pub fn wait_until(what: &str, wait_max: Duration, done: impl Fn() -> bool) {
    let deadline = Instant::now() + wait_max;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within {wait_max:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
