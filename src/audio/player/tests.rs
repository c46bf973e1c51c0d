//! The audio thread with real files and the output that nobody hears, which pulls in real time.

mod voice;

use std::path::Path;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, bounded};
use orchestrion_rig::encode::{Format, encode};
use orchestrion_rig::signal;

use super::*;
use crate::audio::{CEILING_DBTP, Handle, Setup};
use crate::service::Service;

const EVENT_WAIT: Duration = Duration::from_secs(20);

struct Running {
    service: Arc<AudioPlayer>,
    handle: Handle,
    events: Receiver<crate::app::Event>,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Running {
    fn start() -> Self {
        let (to_app, events) = bounded(1024);
        let (service, handle) = AudioPlayer::new(Setup::default(), "/nonexistent".into(), to_app);
        let running = Arc::clone(&service);
        let thread = thread::spawn(move || running.run());
        let running = Self { service, handle, events, thread: Some(thread) };
        running.tell(Command::Outputs(vec![]));
        running.tell(Command::Volume { percent: 100, muted: false });
        running
    }

    fn tell(&self, command: Command) {
        self.handle.send(command).unwrap();
    }

    fn wait_for<T>(&self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            let crate::app::Event::Audio(event) = self.events.recv_timeout(EVENT_WAIT).unwrap() else {
                continue;
            };
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    }

    fn play(&self, load: LoadId, path: &Path, gain_db: f32) {
        self.tell(Command::Load { load, path: path.into(), start: StartAt::Place(0) });
        self.tell(Command::Gain { load, gain_db });
        self.wait_for(|event| matches!(event, Event::Loaded { .. }).then_some(()));
        self.tell(Command::Join(Join { from: None, to: load, at: JoinAt::Now, fade_ms: 0 }));
    }

    /// The highest sample of the next quarter of a second.
    fn next_peak(&self) -> f32 {
        self.wait_for(|event| if let Event::Progressed { peak, .. } = event { Some(*peak) } else { None })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.service.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_load_has_its_gain_from_the_first_frame_a_later_one_glides_and_nothing_passes_the_ceiling() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    encode(&signal::doubled(&[0.25; 48_000 * 30]), 2, 48_000, Format::Wav, &path).unwrap();
    let running = Running::start();
    let load = LoadId(1);
    running.play(load, &path, -6.0206);
    let is_half = |peak: f32| (peak - 0.125).abs() < 1e-4;
    assert!(is_half(running.next_peak()));
    running.tell(Command::Gain { load, gain_db: f32::NAN });
    running.tell(Command::Gain { load: LoadId(7), gain_db: 20.0 });
    assert!(is_half(running.next_peak()) && is_half(running.next_peak()));
    // Kept within 24 dB, which is 30 dB more: evenly within 3 s, so 2 to 10 dB a report, and then the ceiling.
    running.tell(Command::Gain { load, gain_db: 400.0 });
    let mut before = running.next_peak();
    let ceiling = volume::of_decibels(CEILING_DBTP);
    while before < ceiling * 0.999 {
        let peak = running.next_peak();
        assert!(peak >= before && peak < before * 3.2 && peak <= ceiling * 1.001, "{before} {peak}");
        before = peak;
    }
    running.tell(Command::Ceiling { dbtp: -12.0 });
    running.tell(Command::Ceiling { dbtp: f32::NAN });
    running.next_peak();
    let peak = running.next_peak();
    assert!((peak - 0.2512).abs() < 0.001, "{peak}");
}
