//! The screen itself: switched off in dark hours and on again, connected or not, off for as long as somebody wants it off.
//!
//! No TV is here: what would be said on its line is written down by a script that takes the place of `cec-ctl`, and connectors
//! are files as the kernel has them. What a real connector does was tried in a virtual machine (`docs/TESTING.md`).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use orchestrion::media::screen::message::{Command, Event, Setup};
use orchestrion_rig::films::is_like;
use orchestrion_rig::x_server::XServer;
use serde_json::{Value, json};

use crate::device::place::Place;
use crate::device::{BLUE, place_with_film, rules, see};
use crate::stage::{HEIGHT, PATIENCE, Stage, WIDTH, can_show};

/// A screen that was plugged must be seen within so long.
const PLUG_MAX: Duration = Duration::from_secs(5);
/// As `cec-ctl` prints it when the TV has heard.
const HEARD: &str = "\tPhysical Address           : 1.0.0.0\n\tSequence: 5 Tx Timestamp: 1.234s\n";

/// A kernel of files, and somebody who writes down what is said to the TV.
struct Tv {
    root: PathBuf,
    said: PathBuf,
}

impl Tv {
    fn of(place: &mut Place) -> Self {
        let (root, said) = (place.path().join("root"), place.path().join("said"));
        let programs = place.path().join("programs");
        fs::create_dir_all(root.join("dev")).unwrap();
        fs::create_dir_all(root.join("sys/class/drm/card0-HDMI-A-1")).unwrap();
        fs::create_dir(&programs).unwrap();
        fs::write(root.join("dev/cec0"), "").unwrap();
        fs::write(root.join("sys/class/drm/card0-HDMI-A-1/modes"), "640x360\n").unwrap();
        fs::write(programs.join("heard"), HEARD).unwrap();
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> {}\ncat {}\n",
            said.display(),
            programs.join("heard").display()
        );
        fs::write(programs.join("cec-ctl"), script).unwrap();
        fs::set_permissions(programs.join("cec-ctl"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        place.setup.env.push(("PATH".into(), path));
        place.setup.env.push(("ORCHESTRION_SCREEN_ROOT".into(), root.display().to_string()));
        let tv = Self { root, said };
        tv.plug(true);
        tv
    }

    fn plug(&self, is_in: bool) {
        let status = if is_in { "connected\n" } else { "disconnected\n" };
        fs::write(self.root.join("sys/class/drm/card0-HDMI-A-1/status"), status).unwrap();
    }

    /// What was said so far, a line each.
    fn said(&self) -> Vec<String> {
        fs::read_to_string(&self.said).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn wait_for(&self, words: &str, after: usize) {
        let begun = Instant::now();
        while !self.said()[after..].iter().any(|line| line.contains(words)) {
            assert!(begun.elapsed() < PATIENCE, "never {words}: {:?}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn the_tv_is_off_in_dark_hours_and_on_in_others_and_that_is_no_fault() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (mut place, toml) = place_with_film(&screen);
    let tv = Tv::of(&mut place);
    let write = |text: &str| fs::write(place.path().join("program.json"), text).unwrap();
    write(&rules(None, None));
    let more = "program = \"program.json\"\nclock = \"trusted\"\noutputs = [\"null\"]";
    let device = place.setup.run(&format!("{more}\n{toml}background = \"#206080\"\n")).unwrap();
    let status = device.wait_for(PATIENCE, |status| status["screen"]["is_visible"] == true).unwrap();
    assert_eq!((&status["screen"]["is_connected"], &status["screen"]["is_on"]), (&true.into(), &true.into()));
    // Whoever switched it off before: it is to be on, and to show this machine.
    tv.wait_for("--to 0 --image-view-on", 0);
    tv.wait_for("--active-source phys-addr=1.0.0.0", 0);

    let before = tv.said().len();
    write(&rules(None, Some(json!([]))));
    device.ask("reload", json!({})).unwrap();
    tv.wait_for("--to 0 --standby", before);
    let is_off =
        |status: &Value| status["screen"]["is_on"] == false && status["screen"]["is_visible"] == false;
    let status = device.wait_for(PATIENCE, is_off).unwrap();
    assert_eq!(status["screen"]["is_connected"], true, "{status}");
    assert!(status["screen"]["problem"].is_null() && status["screen"]["is_fault"].is_null(), "{status}");
    see(&screen, |pixel| is_like(pixel, [0x20, 0x60, 0x80]));

    let before = tv.said().len();
    write(&rules(None, None));
    device.ask("reload", json!({})).unwrap();
    see(&screen, |pixel| is_like(pixel, BLUE));
    tv.wait_for("--image-view-on", before);
    device.wait_for(PATIENCE, |status| status["screen"]["is_visible"] == true).unwrap();
    assert!(tv.said()[before..].iter().all(|line| !line.contains("--standby")), "{:?}", tv.said());

    // Somebody pulls the cable, and puts it back.
    tv.plug(false);
    let status = device.wait_for(PATIENCE, |status| status["screen"]["is_visible"] == false).unwrap();
    assert_eq!(status["screen"]["is_connected"], false, "{status}");
    let before = tv.said().len();
    let begun = Instant::now();
    tv.plug(true);
    device.wait_for(PATIENCE, |status| status["screen"]["is_visible"] == true).unwrap();
    let seen_after = begun.elapsed();
    println!("plugged and told after {seen_after:?}");
    assert!(seen_after < PLUG_MAX, "{seen_after:?}");
    tv.wait_for("--image-view-on", before);
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_tv_that_does_not_answer_is_told_and_changes_nothing_else() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (mut place, toml) = place_with_film(&screen);
    let tv = Tv::of(&mut place);
    fs::write(place.path().join("programs/heard"), "\tTx, Not Acknowledged (2), Max Retries\n").unwrap();
    let device = place.run(&toml);
    let status = device.wait_for(PATIENCE, |status| status["screen"]["problem"].is_string()).unwrap();
    assert!(status["screen"]["problem"].as_str().unwrap().contains("Not Acknowledged"), "{status}");
    assert!(status["screen"]["is_fault"].is_null() && status["screen"]["is_on"] == true, "{status}");
    see(&screen, |pixel| is_like(pixel, BLUE));
    // It is tried again.
    let before = tv.said().len();
    fs::write(place.path().join("programs/heard"), HEARD).unwrap();
    tv.wait_for("--image-view-on", before);
    device.wait_for(PATIENCE, |status| status["screen"]["problem"].is_null()).unwrap();
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_screen_that_somebody_switched_off_is_off_after_a_restart_until_somebody_switches_it_on() {
    if !can_show() {
        return;
    }
    let screen = XServer::start(WIDTH, HEIGHT).unwrap();
    let (place, toml) = place_with_film(&screen);
    let toml = format!("{toml}background = \"#206080\"\n");
    let device = place.run(&toml);
    see(&screen, |pixel| is_like(pixel, BLUE));
    device.ask("screen", json!({"on": false})).unwrap();
    see(&screen, |pixel| is_like(pixel, [0x20, 0x60, 0x80]));
    assert!(device.terminate().unwrap().success());
    let device = place.run(&toml);
    let status = device.wait_for(PATIENCE, |status| status["screen"]["size"] == "640x360").unwrap();
    assert_eq!(status["screen"]["is_off"], true, "{status}");
    see(&screen, |pixel| is_like(pixel, [0x20, 0x60, 0x80]));
    let status = device.wait_for(PATIENCE, |status| status["screen"]["is_dark"] == true).unwrap();
    assert_eq!(status["screen"]["presented"].as_u64().filter(|presented| *presented > 5), None, "{status}");
    device.ask("screen", json!({"on": true})).unwrap();
    see(&screen, |pixel| is_like(pixel, BLUE));
    assert!(device.terminate().unwrap().success());
    let device = place.run(&toml);
    see(&screen, |pixel| is_like(pixel, BLUE));
    assert!(device.terminate().unwrap().success());
}

#[test]
fn what_a_window_is_on_is_not_switched() {
    if !can_show() {
        return;
    }
    let mut stage = Stage::new(Setup::default());
    for is_on in [false, true] {
        stage.player.send(&Command::Power { is_on }).unwrap();
        let said = stage.hear(|event| matches!(event, Event::Power { .. }));
        assert_eq!(said, Event::Power { is_on: true, problem: None });
    }
}
