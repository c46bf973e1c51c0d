//! `kill -9` at random moments under a supervisor: how soon the sound is back, as captured from a sound server. `KILLS` says how often (20 where it
//! is not set), `KILL_SEED` repeats a run. Without PulseAudio it says so, and the progress that the device tells is taken instead.

use std::time::{Duration, Instant};

use orchestrion_rig::analysis::peak;
use orchestrion_rig::sound_server::{Capture, RATE_HZ, SoundServer};
use orchestrion_rig::supervisor::Event;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{BACK_MAX, House, PLAYING, WAIT_MAX};
use crate::place::Place;

const KILLS: u64 = 20;
/// What is heard and what is not, as an amplitude: the songs have 0.3.
const HEARD_MIN: f32 = 0.1;
const SILENT_MAX: f32 = 0.001;
/// What is looked at: 10 ms.
const WINDOW_FRAMES: usize = RATE_HZ as usize / 100;
/// A capture keeps all that it hears, so a new one is begun after so many kills.
const KILLS_IN_A_CAPTURE: u64 = 20;

/// How the sound is found.
enum Ears<'a> {
    Server(&'a SoundServer, Capture),
    Told,
}

impl Ears<'_> {
    fn wait_for_sound(&self, house: &House, since: Instant) -> Duration {
        let Self::Server(_, capture) = self else { return house.wait_for_music(since) };
        let heard = capture.wait_until(WINDOW_FRAMES, WAIT_MAX, |stereo| peak(stereo) >= HEARD_MIN);
        heard.unwrap_or_else(|error| panic!("{error}; {}", house.place.setup.log())) - since
    }

    /// What the server has of a device that was killed may sound for some milliseconds.
    fn wait_for_silence(&self) {
        if let Self::Server(_, capture) = self {
            capture.wait_until(WINDOW_FRAMES, WAIT_MAX, |stereo| peak(stereo) <= SILENT_MAX).unwrap();
        }
    }

    fn listen_afresh(&mut self) {
        if let Self::Server(server, capture) = self {
            *capture = server.capture().unwrap();
        }
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

#[test]
fn whenever_it_is_killed_the_sound_is_back_within_three_seconds() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let seed = number("KILL_SEED", u64::from(std::process::id()));
    let kills = number("KILLS", KILLS);
    println!("KILL_SEED={seed} KILLS={kills}");
    let mut chance = ChaCha8Rng::seed_from_u64(seed);

    let can_capture = cfg!(feature = "sound") && SoundServer::available();
    let server = can_capture.then(|| SoundServer::start_wakeful().unwrap());
    let mut place = Place::new();
    let (mut ears, config) = match &server {
        Some(server) => {
            place.setup.env = server.env();
            let config =
                "outputs = [\"alsa:pa\"]\nmusic = [\"music\"]\nvolume = 100\neven_loudness = false\n";
            (Ears::Server(server, server.capture().unwrap()), config)
        }
        None => {
            eprintln!(
                "SKIPPED: without PulseAudio no sound is captured; only what the device tells is looked at"
            );
            (Ears::Told, PLAYING)
        }
    };
    let house = House::at(place, config, &[]);
    let mut back = Vec::new();
    ears.wait_for_sound(&house, Instant::now());
    for kill in 1..=kills {
        let (_, event) = house.wait_for(|event| matches!(event, Event::Started(_)));
        let Event::Started(pid) = event else { unreachable!() };
        std::thread::sleep(Duration::from_millis(chance.random_range(0..2_000)));
        let killed = Instant::now();
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        ears.wait_for_silence();
        back.push(ears.wait_for_sound(&house, killed));
        println!("kill {kill}: sound back after {:?}", back.last().unwrap());
        if kill % KILLS_IN_A_CAPTURE == 0 {
            ears.listen_afresh();
        }
    }
    back.sort_unstable();
    println!(
        "sound back after kill -9: median {:?}, p99 {:?}, max {:?}",
        percentile(&back, 50),
        percentile(&back, 99),
        back.last().unwrap()
    );
    assert!(percentile(&back, 99) <= BACK_MAX, "{back:?}");
}
