//! Device and server killed at any moment: each play is counted once, no command is done twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::room::{Room, SOON, connected, is_playing};
use super::server::{PATIENCE, Server};

/// Kills of the device, at half of which the server is killed, too; `DEVICE_KILLS` of the environment makes it more, `KILL_SEED`
/// repeats the moments of a run that failed.
const KILLS: u64 = 20;

/// Moments by chance, the same for a seed.
struct Moments(u64);

impl Moments {
    fn new() -> Self {
        let told = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = told.unwrap_or_else(|| u64::from(std::process::id()));
        println!("KILL_SEED={seed}");
        Self(seed)
    }

    /// Less than so many ms.
    fn below_ms(&mut self, limit: u64) -> Duration {
        // Knuth's generator (MMIX); its high bits are good enough for moments.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % limit)
    }
}

#[test]
fn device_and_server_killed_at_any_moment_each_play_is_counted_once_and_each_command_done_at_most_once() {
    let kills = std::env::var("DEVICE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let mut server = Server::new();
    let room = Room::new(0.8);
    let token = server.admin(&["device", "token", "t", "--place", "leeds-1", "--uses", "1"]);
    let more = format!("token = {}", token["token"]);
    let mut device = room.run(&server.base, &more);
    let id = connected(&device);
    let mut moments = Moments::new();
    for round in 0..kills {
        device.wait_for(SOON, is_playing).unwrap();
        server.admin(&["command", "skip", "--device", &id]);
        // Some way into what follows: before the command came, while it is done, after its result.
        std::thread::sleep(moments.below_ms(1_800));
        if round % 2 == 1 {
            server.kill();
            std::thread::sleep(moments.below_ms(100));
        }
        device.kill().unwrap();
        device = room.run(&server.base, &more);
        if round % 2 == 1 {
            device.wait_for(SOON, is_playing).unwrap();
            server.start();
        }
    }
    assert_eq!(connected(&device), id, "it is the same device as before");
    // What was commanded has ended, one way or the other.
    let begin = Instant::now();
    loop {
        let all: Value =
            serde_json::from_str(&server.get(&format!("/api/v1/commands?device={id}&limit=1000"))).unwrap();
        let rows = all.as_array().unwrap();
        if rows.iter().all(|row| row["state"] == "done" || row["state"] == "failed") {
            assert_eq!(rows.len() as u64, kills);
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "{all}");
        std::thread::sleep(Duration::from_millis(50));
    }
    for number in 1..=kills {
        let words = format!("command {number} by ");
        let begun = room.setup.log().lines().filter(|line| line.contains(&words)).count();
        assert!(begun <= 1, "command {number} was begun {begun} times: {}", room.setup.log());
    }
    assert!(device.terminate().unwrap().success());
    let here = room.plays();
    assert!(here.len() as u64 > kills, "{here:?}");
    // Those that were not delivered before the end are with the next start.
    let _device = room.run(&server.base, &more);
    let begin = Instant::now();
    loop {
        let there = server.plays();
        let once: BTreeSet<_> = there.iter().collect();
        assert_eq!(once.len(), there.len(), "counted twice: {there:?}");
        if here.iter().all(|name| once.contains(name)) {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "here {here:?}, there {there:?}: {}", room.setup.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}
