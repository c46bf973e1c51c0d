//! The device's own client and workshop against a server, over a real socket: a fleet of pretended boards.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use orchestrion_server::bootstrap::{self, Running};
use orchestrion_server::fleet::commands::{self, Wanted};
use orchestrion_server::fleet::presence::Presence;
use orchestrion_server::fleet::{To, enrol};
use orchestrion_server::settings::Settings;
use serde_json::Value;

/// Boards; few, since other tests run beside.
const BOARDS: usize = 25;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn playing(running: &Running) -> usize {
    let mut members = running.app.fleet.roster.lock();
    members.devices().filter(|member| member.standing.presence == Presence::Playing).count()
}

#[test]
fn a_fleet_comes_in_plays_does_a_command_each_and_tells_what_it_played() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        state_dir: dir.path().to_owned(),
        interval_s: 2,
        ..Settings::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let running = bootstrap::start(settings).await.unwrap();
        let token = enrol::make_enrolment_token(&running.app, "t", None, (BOARDS as u32, 600)).await.unwrap();
        let fleet = Command::new(super::device())
            .args([
                "fleet",
                "--devices",
                &BOARDS.to_string(),
                "--server",
                &format!("http://{}", running.address),
            ])
            .args(["--token", &token, "--for-s", "15", "--play-s", "3", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("all of them play", || playing(&running) == BOARDS).await;
        let wanted = Wanted {
            to: To::All(true),
            method: "volume".into(),
            params: Some(serde_json::json!({"percent": 12})),
            ends_in_s: None,
        };
        let given = commands::give(&running.app, &wanted, "ana").await.unwrap();
        assert_eq!(given.devices, BOARDS);
        let begin = Instant::now();
        let all = loop {
            if let Some(all) = commands::ended(&running.app, &given.batch).await.unwrap() {
                break all;
            }
            assert!(begin.elapsed() < PATIENCE, "not all have done it");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(all.iter().all(|stands| stands.state == "done"), "{all:?}");
        let volume = |running: &Running| {
            running
                .app
                .fleet
                .roster
                .lock()
                .devices()
                .filter(|member| member.facts.report.volume == 12)
                .count()
        };
        until("all of them report the new volume", || volume(&running) == BOARDS).await;
        let output = tokio::task::spawn_blocking(move || fleet.wait_with_output()).await.unwrap().unwrap();
        let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(output.status.success(), "{figures}");
        assert_eq!(
            (figures["errors"].as_u64(), figures["commands"].as_u64()),
            (Some(0), Some(BOARDS as u64)),
            "{figures}"
        );
        let hours =
            orchestrion_server::playlog::hours(&running.app, None, -3_600_000, i64::MAX).await.unwrap();
        let counted: i64 = hours.iter().map(|hour| hour.plays).sum();
        assert!(counted >= figures["plays"].as_i64().unwrap() && counted > 0, "{counted} of {figures}");
        running.stop().await;
    });
}

#[test]
fn a_server_that_is_none_is_named() {
    for server in ["ftp://x", "music.example", "http://"] {
        let output = Command::new(super::device())
            .args(["fleet", "--devices", "1", "--token", "t", "--server", server])
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && words.contains("no address of a server"),
            "{server}: {words}"
        );
    }
}
