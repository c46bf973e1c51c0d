//! `orchestrion doctor` on machines that lack something.

use super::*;

/// All that the doctor may take on a machine where nothing hangs.
const QUICK: Duration = Duration::from_secs(20);

impl Place {
    /// The doctor for the state folder and the socket of this place, without any sound.
    fn doctor(&self, words: &[&str]) -> Output {
        let silent = self.path().join("silent.conf");
        std::fs::write(&silent, "").unwrap();
        let mut command = Command::new(&self.setup.program);
        command.arg("doctor").args(words).env("ALSA_CONFIG_PATH", silent).env("LC_ALL", "C.UTF-8");
        command.arg("--state-dir").arg(self.setup.state_dir()).arg("--socket").arg(self.setup.socket());
        command.env("PATH", "").output().unwrap()
    }

    /// The findings of a group.
    fn findings(&self, group: &str, words: &[&str]) -> Vec<Value> {
        let output = self.doctor(&[&["--json"], words].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let groups = report["groups"].as_array().unwrap();
        let found = groups.iter().find(|found| found["name"] == group).unwrap_or_else(|| panic!("{report}"));
        found["findings"].as_array().unwrap().clone()
    }

    /// The finding that has these words in it.
    fn finding(&self, group: &str, words: &str) -> Value {
        let all = self.findings(group, &[]);
        all.iter()
            .find(|one| text(one).contains(words))
            .unwrap_or_else(|| panic!("{words} in {all:?}"))
            .clone()
    }
}

fn text(finding: &Value) -> &str {
    finding["what"].as_str().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn without_sound_it_says_what_is_missing_and_exits_1() {
    let place = Place::new();
    let begun = Instant::now();
    let output = place.doctor(&[]);
    assert!(begun.elapsed() < QUICK, "{:?}", begun.elapsed());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    for group in ["Sound", "Formats", "Screen", "State", "Socket", "Clock", "Machine"] {
        assert!(text.lines().any(|line| line == group), "{group} in {text}");
    }
    for words in
        ["✗ no sound output can be opened — everything plays on `null`", "✓ SQLite 3.", "HE-AAC", "→"]
    {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(!place.setup.state_dir().exists() && !place.setup.socket().exists(), "it makes nothing");
}

#[test]
fn where_the_locale_has_no_utf_8_neither_have_the_marks() {
    let place = Place::new();
    let mut command = Command::new(&place.setup.program);
    command.args(["doctor", "--state-dir", "/", "--socket", "/nowhere/s"]).env("LC_ALL", "C");
    let output = command.output().unwrap();
    assert!(output.stdout.is_ascii(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_state_folder_that_cannot_be_used_needs_a_remedy() {
    let place = Place::new();
    std::fs::write(place.setup.state_dir(), "").unwrap();
    let finding = place.finding("State", "is a file");
    assert_eq!(finding["mark"], "wrong");
    assert!(finding["remedy"].as_str().unwrap().contains("state_dir"), "{finding}");
}

#[test]
fn a_database_that_is_whole_is_told_from_a_broken_one_and_neither_is_touched() {
    let place = Place::new();
    place.song("music/1.wav", 20.0);
    let device = place.run("crossfade_s = 0");
    assert!(device.terminate().unwrap().success());
    let state = place.setup.state_dir();
    let before = names(&state);
    assert_eq!(place.finding("State", "state.sqlite is whole: schema ")["mark"], "fine");
    assert_eq!(place.finding("State", "no device uses it")["mark"], "fine");
    assert_eq!(names(&state), before, "it leaves nothing behind");

    let database = state.join("state.sqlite");
    let mut bytes = std::fs::read(&database).unwrap();
    for (damaged, words) in [
        (b"this is no database".repeat(100), "not a database"),
        (bytes[..bytes.len() - 4096].to_vec(), "state.sqlite"),
        (bytes[..100].to_vec(), "only 100 bytes"),
    ] {
        std::fs::write(&database, &damaged).unwrap();
        let finding = place.finding("State", "state.sqlite cannot be used");
        assert!(finding["mark"] == "wrong" && text(&finding).contains(words), "{finding}");
        assert_eq!(std::fs::read(&database).unwrap(), damaged, "it is left as it was");
    }
    // A page of rubbish inside.
    let page = bytes.len() / 2 / 4096 * 4096;
    bytes[page..page + 4096].fill(0xa5);
    std::fs::write(&database, &bytes).unwrap();
    assert_eq!(place.finding("State", "state.sqlite cannot be used")["mark"], "wrong");
    assert_eq!(names(&state), before);
}

#[test]
fn a_running_device_is_found_asked_and_not_disturbed() {
    let place = Place::new();
    place.song("music/1.wav", 20.0);
    let device = place.run("crossfade_s = 0");
    device.wait_for(SOON, plays).unwrap();
    let finding = place.finding("Socket", "answers: playing");
    assert_eq!(finding["mark"], "fine");
    let finding = place.finding("State", "in use by");
    assert!(text(&finding).contains(&format!("process {} ", device.pid())), "{finding}");
    assert_eq!(place.finding("State", "state.sqlite is whole")["mark"], "fine");
    let finding = place.finding("Sound", "the device plays to null");
    assert_eq!(finding["mark"], "wrong", "nobody hears it: {finding}");
    let status = device.ask("status", json!({})).unwrap();
    assert_eq!((&status["state"], &status["plays"]), (&"playing".into(), &1.into()));
    device.signal("STOP").unwrap();
    let begun = Instant::now();
    let finding = place.finding("Socket", "did not answer");
    device.signal("CONT").unwrap();
    assert!(finding["mark"] == "wrong" && begun.elapsed() < QUICK, "{finding}");
    assert!(device.terminate().unwrap().success());
}

#[test]
fn a_configuration_is_checked_with_what_it_names() {
    let place = Place::new();
    place.song("music/1.wav", 1.0);
    let path = place.path().join("o.toml");
    let check = |toml: &str| {
        std::fs::write(&path, toml).unwrap();
        place.findings("Configuration", &["--config", path.to_str().unwrap()])
    };
    let marks =
        |all: &[Value]| all.iter().map(|one| one["mark"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(marks(&check("music = [\"music\"]\noutputs = [\"null\"]")), ["fine", "fine", "fine"]);
    let all = check("music = [\"missing\"]\noutputs = [\"alsa:gone\"]\nsocket_group = \"no-such-group\"");
    assert_eq!(marks(&all), ["fine", "wrong", "wrong", "wrong"], "{all:?}");
    let all = check("volum = 3");
    assert!(all.len() == 1 && text(&all[0]).contains("line 1"), "{all:?}");
}

#[test]
fn what_is_typed_wrongly_exits_2_and_a_closed_pipe_harms_nobody() {
    let place = Place::new();
    assert_eq!(place.doctor(&["--nonsense"]).status.code(), Some(2));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(&place.setup.program);
    let status = command.args(["doctor", "--state-dir", "/nowhere"]).stdout(writer).status().unwrap();
    assert!(status.code().is_some(), "{status}");
}

#[test]
fn a_tone_on_an_output_that_is_not_there_is_told() {
    let place = Place::new();
    let output = place.doctor(&["--tone", "alsa:gone"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && text.contains("✗ alsa:gone: "), "{text}");
    let text = String::from_utf8(place.doctor(&["--tone"]).stdout).unwrap();
    assert!(text.contains("no tone was played"), "{text}");
}
