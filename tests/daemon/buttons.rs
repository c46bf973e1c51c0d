//! Buttons, knob, LED and alarm contact of a device, on a simulated chip behind a socket: another process presses real descriptors.

use orchestrion_board::sim::SimChip;

use super::*;

const PLAY: u32 = 17;
const SKIP: u32 = 27;
const ALARM: u32 = 22;
const LED: u32 = 18;
/// The flood of the test of that name lasts as long.
const FLOOD: Duration = Duration::from_secs(2);
/// A line that rests for as long is believed.
const REST: Duration = Duration::from_millis(orchestrion_board::button::CONFIRM_MS as u64);

/// A place with a chip, on which nobody has asked for a line yet.
fn with_chip() -> (Place, SimChip) {
    let place = Place::new();
    for name in ["1", "2", "3"] {
        place.song(&format!("music/{name}.wav"), 60.0);
    }
    let chip = listen(&place);
    (place, chip)
}

fn listen(place: &Place) -> SimChip {
    SimChip::listen(&place.path().join("pins.sock")).unwrap()
}

/// Play, skip, an alarm contact that closes, and the LED; `more` is TOML.
fn run(place: &Place, more: &str) -> Device {
    let socket = place.path().join("pins.sock");
    place.run(&format!(
        "crossfade_s = 0\n[board]\nchip = \"unix:{}\"\n[board.button.play]\nline = {PLAY}\n\
         [board.button.skip]\nline = {SKIP}\n[board.alarm]\nline = {ALARM}\ncontact = \"closing\"\n\
         [board.led]\nline = {LED}\n{more}",
        socket.display()
    ))
}

/// Runs it and waits until it plays and reads its lines.
fn playing(place: &Place, chip: &SimChip) -> Device {
    let device = run(place, "");
    device.wait_for(SOON, plays).unwrap();
    for line in [PLAY, SKIP, ALARM] {
        assert!(chip.wait_until_read(line, SOON), "line {line} is not read");
    }
    device
}

fn problems(status: &Value) -> Vec<String> {
    let problems = status["hands"]["problems"].as_array();
    problems.into_iter().flatten().map(|problem| problem.as_str().unwrap().to_owned()).collect()
}

fn is_alarm(status: &Value) -> bool {
    status["hands"]["alarm"] == json!(true)
}

#[test]
fn presses_pause_go_on_and_skip_and_stand_in_the_log() {
    let (place, chip) = with_chip();
    let device = playing(&place, &chip);
    assert!(chip.wait_for_output(LED, true, SOON), "the LED is lit");
    chip.press(PLAY);
    device.wait_for(SOON, |status| status["state"] == "paused").unwrap();
    chip.let_go(PLAY);
    // The contact has to rest before another press is one.
    std::thread::sleep(Duration::from_millis(100));
    chip.press(PLAY);
    device.wait_for(SOON, plays).unwrap();
    let first = entry(&status(&device));
    chip.press(SKIP);
    device.wait_for(SOON, |status| plays(status) && entry(status) != first).unwrap();
    end(device, "TERM");
    let rows = place.plays();
    let skipped = rows[0].end.as_ref().unwrap();
    assert_eq!((skipped.how.as_str(), skipped.reason.as_str()), ("skipped", "skipped by button"));
    assert!(chip.wait_for_output(LED, false, SOON), "a device that does not run says nothing");
}

#[test]
fn a_button_says_the_address_or_that_there_is_none() {
    let (place, chip) = with_chip();
    let device = run(&place, "[board.button.where]\nline = 5\nshort = \"address\"\n");
    device.wait_for(SOON, plays).unwrap();
    assert!(chip.wait_until_read(5, SOON));
    chip.press(5);
    let is_answered = |status: &Value| {
        let said = status["said"].as_str().unwrap_or_default();
        let refused = status["hands"]["refused"].as_str().unwrap_or_default();
        said.starts_with("orchestrion-address-") || refused.contains("no network is connected")
    };
    device.wait_for(SOON, is_answered).unwrap();
    let pid = device.pid();
    end(device, "TERM");
    let left = std::env::temp_dir().join(format!("orchestrion-address-{pid}.wav"));
    assert!(!left.exists(), "{} is left behind", left.display());
}

#[test]
fn an_alarm_mutes_until_it_is_released_and_nothing_of_it_counts_as_heard() {
    let (place, chip) = with_chip();
    let device = playing(&place, &chip);
    let first = entry(&status(&device));
    chip.press(ALARM);
    let muted = device.wait_for(SOON, is_alarm).unwrap();
    assert_eq!(muted["state"], "playing");
    assert!(muted["why"].as_str().unwrap().starts_with("muted by alarm"), "{muted}");
    ok(&device, "mute", json!({"on": false}));
    ok(&device, "volume", json!({"percent": 100}));
    assert!(is_alarm(&status(&device)));
    ok(&device, "skip", json!({}));
    device.wait_for(SOON, |status| plays(status) && entry(status) != first).unwrap();
    chip.let_go(ALARM);
    device.wait_for(SOON, |status| !is_alarm(status)).unwrap();
    end(device, "TERM");
    // On `null` nobody hears anything anyway; that a muted play is not audible is seen by its volume.
    let rows = place.plays();
    assert_eq!((rows[0].volume_db.is_some(), rows[1].volume_db.is_some()), (true, false), "{rows:?}");
}

#[test]
fn an_alarm_at_boot_is_known_before_the_first_song_and_a_button_held_at_the_start_is_no_press() {
    let (place, chip) = with_chip();
    chip.drive(ALARM, false);
    chip.drive(PLAY, false);
    let device = playing(&place, &chip);
    assert!(is_alarm(&status(&device)));
    assert!(place.log_lines("down at the start").len() == 1, "{}", place.setup.log());
    chip.let_go(ALARM);
    device.wait_for(SOON, |status| !is_alarm(status)).unwrap();
    assert_eq!(status(&device)["state"], "playing", "the button that was held has done nothing");
    chip.let_go(PLAY);
    std::thread::sleep(Duration::from_millis(100));
    chip.press(PLAY);
    device.wait_for(SOON, |status| status["state"] == "paused").unwrap();
    end(device, "TERM");
    assert_eq!(place.plays()[0].volume_db, None, "the first song began unheard");
}

#[test]
fn a_busy_line_is_named_with_its_holder_the_others_work_and_it_is_had_when_it_is_free() {
    let (place, chip) = with_chip();
    chip.hold(PLAY, Some("another-program"));
    let device = run(&place, "");
    let told = device.wait_for(SOON, |status| plays(status) && !problems(status).is_empty()).unwrap();
    let problem = &problems(&told)[0];
    assert!(problem.starts_with("button \"play\": ") && problem.contains("another-program"), "{problem}");
    assert!(!place.log_lines("held by another-program").is_empty());
    let first = entry(&told);
    assert!(chip.wait_until_read(SKIP, SOON));
    chip.press(SKIP);
    device.wait_for(SOON, |status| plays(status) && entry(status) != first).unwrap();
    chip.hold(PLAY, None);
    device.wait_for(RUN_MAX, |status| problems(status).is_empty()).unwrap();
    chip.press(PLAY);
    device.wait_for(SOON, |status| status["state"] == "paused").unwrap();
    end(device, "TERM");
}

#[test]
fn a_chip_that_is_missing_vanishes_and_returns_is_told_and_the_music_plays_on() {
    let place = Place::new();
    place.song("music/1.wav", 60.0);
    let device = run(&place, "");
    let told = device.wait_for(SOON, |status| plays(status) && problems(status).len() == 4).unwrap();
    let all = problems(&told).join("\n");
    assert!(all.contains("there is no GPIO chip unix:") && all.contains("pins.sock"), "{all}");
    for what in ["button \"play\"", "button \"skip\"", "the alarm contact", "the LED"] {
        assert!(all.contains(what), "{all}");
    }
    let chip = listen(&place);
    device.wait_for(RUN_MAX, |status| plays(status) && problems(status).is_empty()).unwrap();
    assert!(chip.wait_until_read(ALARM, SOON));
    chip.press(ALARM);
    device.wait_for(SOON, is_alarm).unwrap();
    drop(chip);
    let told = device.wait_for(RUN_MAX, |status| problems(status).len() >= 3).unwrap();
    assert!(is_alarm(&told), "a chip that vanishes does not end an alarm");
    let chip = listen(&place);
    // The new chip's contact is open.
    device.wait_for(RUN_MAX, |status| problems(status).is_empty() && !is_alarm(status)).unwrap();
    chip.press(PLAY);
    device.wait_for(SOON, |status| status["state"] == "paused").unwrap();
    end(device, "TERM");
}

#[test]
fn a_thousand_presses_a_second_are_no_presses_and_leave_the_device_its_other_button() {
    let (place, chip) = with_chip();
    let device = playing(&place, &chip);
    let flood = std::thread::spawn(move || {
        let (begun, mut last) = (Instant::now(), Instant::now());
        let (mut edges, mut rests) = (0u32, 0usize);
        while begun.elapsed() < FLOOD {
            if edges.is_multiple_of(2) {
                chip.press(SKIP)
            } else {
                chip.let_go(SKIP)
            };
            edges += 1;
            // Where this thread had to wait for others, the line rested, and that may be a press.
            rests += usize::from(last.elapsed() > REST * 3 / 4);
            last = Instant::now();
            std::thread::sleep(Duration::from_micros(400));
        }
        (chip, edges, rests)
    });
    let told = device.wait_for(SOON, |status| !problems(status).is_empty()).unwrap();
    let problem = &problems(&told)[0];
    assert!(problem.starts_with("button \"skip\": its line changes without a pause"), "{problem}");
    let (chip, edges, rests) = flood.join().unwrap();
    chip.let_go(SKIP);
    device.wait_for(SOON, |status| problems(status).is_empty()).unwrap();
    chip.press(PLAY);
    device.wait_for(SOON, |status| status["state"] == "paused").unwrap();
    end(device, "TERM");
    let songs = place.plays().len();
    assert!(edges > 100 && songs <= 4 + rests, "{songs} songs after {edges} edges and {rests} rests");
}

#[test]
fn a_board_that_is_wrong_is_told_and_the_music_plays_on() {
    let (place, chip) = with_chip();
    for (more, words) in [
        ("[board.button.bell]\nline = 17\nshort = \"skip\"\n", "is button \"bell\" already"),
        ("[board.button.bell]\nline = 5\n", "nothing says what it does"),
    ] {
        let device = run(&place, more);
        let told = device.wait_for(SOON, |status| plays(status) && !problems(status).is_empty()).unwrap();
        let problem = &problems(&told)[0];
        assert!(problem.starts_with("the board: ") && problem.contains(words), "{problem}");
        end(device, "TERM");
    }
    std::fs::create_dir(place.path().join("boards")).unwrap();
    std::fs::write(place.path().join("boards/mine.toml"), "name = \"Mine\"\ncolour = \"red\"\n").unwrap();
    let device = place.run("[board]\nname = \"mine\"\nboards = \"boards\"\n");
    let told = device.wait_for(SOON, |status| plays(status) && !problems(status).is_empty()).unwrap();
    assert!(problems(&told)[0].contains("mine.toml: line 2: unknown field `colour`"), "{told}");
    // Corrected and read again, it works.
    let socket = place.path().join("pins.sock");
    std::fs::write(
        place.path().join("boards/mine.toml"),
        format!(
            "name = \"Mine\"\nchip = \"unix:{}\"\n[[button]]\nname = \"play\"\nline = 4\n",
            socket.display()
        ),
    )
    .unwrap();
    place.write_config(
        "outputs = [\"null\"]\nmusic = [\"music\"]\n[board]\nname = \"mine\"\nboards = \"boards\"\n\
         [board.button.play]\nshort = \"skip\"\n",
    );
    let first = entry(&told);
    ok(&device, "reload", json!({}));
    assert!(chip.wait_until_read(4, SOON));
    chip.press(4);
    device.wait_for(SOON, |status| plays(status) && entry(status) != first).unwrap();
    end(device, "TERM");
}

#[test]
fn identify_makes_the_led_blink_very_quickly() {
    let (place, chip) = with_chip();
    let device = playing(&place, &chip);
    assert!(chip.wait_for_output(LED, true, SOON));
    let before = chip.output(LED).len();
    assert!(place.ctl(&["identify"]).status.success());
    let deadline = Instant::now() + SOON;
    while chip.output(LED).len() < before + 10 {
        assert!(Instant::now() < deadline, "{:?}", chip.output(LED));
        std::thread::sleep(Duration::from_millis(10));
    }
    end(device, "TERM");
    let bare = Place::new();
    bare.song("music/1.wav", 10.0);
    let device = bare.run("");
    device.wait_for(SOON, plays).unwrap();
    assert!(refused(&device, "identify", json!({})).starts_with("no LED is wired"));
    end(device, "TERM");
}
