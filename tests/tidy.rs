//! The architecture's invariants, as tests over the source text and over what cargo says of it.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file past this needs a reason, and has not found one yet.
const FILE_LINES_MAX: usize = 600;
/// How the tests at the end of a file begin.
const TESTS_BEGIN: &str = "#[cfg(test)]\nmod tests {";

/// A source file: its path from the house, and its text.
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The text without the tests at its end, and without comments.
    fn code(&self) -> String {
        let code = self.text.split(TESTS_BEGIN).next().unwrap_or_default();
        code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
    }

    fn is_test(&self) -> bool {
        self.path.iter().any(|part| part == "tests") || self.path.ends_with("tests.rs")
    }
}

fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files in these folders of the house.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| house().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(house()).unwrap().into(), text });
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Fails with all that is wrong, one a line.
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Words of a text, in lower case, with the line in which each stands.
fn words(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    text.lines().enumerate().flat_map(|(index, line)| {
        let words = line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(move |word| (index + 1, word.to_lowercase()))
    })
}

#[test]
fn no_source_names_a_board() {
    let boards = [
        "raspberry",
        "raspberrypi",
        "raspbian",
        "rpi",
        "orangepi",
        "bananapi",
        "rockpi",
        "beaglebone",
        "odroid",
    ];
    let chips = ["bcm", "allwinner", "rockchip", "amlogic", "sun50i", "rk33", "rk35"];
    let mut wrong = Vec::new();
    for source in sources(&["src", "board/src", "watchdog/src", "protocol/src", "server/src"]) {
        for (line, word) in words(&source.text) {
            if boards.contains(&word.as_str()) || chips.iter().any(|chip| word.starts_with(chip)) {
                wrong.push(format!(
                    "{}:{line}: \"{word}\"; boards are data, in board/boards/",
                    source.path.display()
                ));
            }
        }
        for name in ["orange pi", "banana pi", "rock pi"] {
            if source.text.to_lowercase().contains(name) {
                wrong.push(format!(
                    "{}: \"{name}\"; boards are data, in board/boards/",
                    source.path.display()
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn app_and_the_program_have_no_clock_no_disk_no_network_and_no_thread() {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::thread",
        "std::process",
        "std::io",
        "std::env",
        "std::os::unix::net",
        "Instant",
        "SystemTime",
        "SystemClock",
        "fs::",
        "thread::",
        "rustix",
        "rusqlite",
        "crossbeam",
        "Mutex",
        "thread_rng",
        "OsRng",
    ];
    let mut app: Vec<Source> = sources(&["src/app", "program/src"]);
    let text = fs::read_to_string(house().join("src/app.rs")).unwrap();
    app.push(Source { path: "src/app.rs".into(), text });
    let mut wrong = Vec::new();
    for source in app {
        let code = source.code();
        for word in forbidden {
            if code.lines().any(|line| has_word(line, word)) && !source.is_test() {
                wrong.push(format!(
                    "{}: {word}; what is decided here does nothing itself, App asks for it by an Effect",
                    source.path.display()
                ));
            }
        }
    }
    none(&wrong);
}

/// Whether `word` stands in a line, and not as the end of another name.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn the_program_the_protocol_the_board_and_the_watchdog_know_nobody_and_the_rig_knows_no_device() {
    for (manifest, known) in [
        ("protocol/Cargo.toml", &["orchestrion-program"][..]),
        ("tests/rig/Cargo.toml", &[]),
        ("program/Cargo.toml", &["orchestrion-program"]),
        ("board/Cargo.toml", &["orchestrion-board"]),
        ("watchdog/Cargo.toml", &["orchestrion-watchdog"]),
        ("server/Cargo.toml", &["orchestrion-server", "orchestrion-program", "orchestrion-protocol"]),
    ] {
        let text = fs::read_to_string(house().join(manifest)).unwrap();
        // What only tests use is not part of it.
        let text = text.split("[dev-dependencies]").next().unwrap_or_default();
        let ours = text.lines().filter_map(|line| line.split(['=', '.', ' ']).next());
        let ours: Vec<_> =
            ours.filter(|name| name.starts_with("orchestrion") && !known.contains(name)).collect();
        assert!(ours.is_empty(), "{manifest} depends on {ours:?}");
    }
    for source in sources(&["protocol/src", "server/src", "board/src", "watchdog/src", "tests/rig/src"]) {
        let device = source.code().lines().any(|line| has_word(line, "orchestrion::"));
        assert!(!device, "{} uses the device", source.path.display());
    }
}

#[test]
fn only_the_program_that_decodes_beside_the_daemon_knows_the_media_framework() {
    let theirs = Path::new("src/bin/orchestrion-media");
    let mut users = 0;
    for source in sources(&["src", "protocol/src"]) {
        let code = source.code();
        let uses = code.lines().any(|line| has_word(line, "gstreamer::") || has_word(line, "gstreamer as"));
        let is_theirs = source.path.starts_with(theirs);
        assert!(is_theirs || !uses, "{}: only {} may", source.path.display(), theirs.display());
        users += usize::from(uses && is_theirs);
    }
    assert!(users > 0, "{} does not use it: this test looks for the wrong words", theirs.display());
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let mut wrong = Vec::new();
    for source in sources(&[
        "src",
        "program/src",
        "board/src",
        "watchdog/src",
        "protocol/src",
        "server/src",
        "server/tests",
        "tests",
    ]) {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX && !source.is_test() {
            wrong.push(format!(
                "{}: {lines} lines, {FILE_LINES_MAX} at most; which part is a thing of its own?",
                source.path.display()
            ));
        }
    }
    none(&wrong);
}

#[test]
fn every_file_says_at_its_head_what_it_is() {
    let files = sources(&[
        "src",
        "program/src",
        "board/src",
        "watchdog/src",
        "protocol/src",
        "server/src",
        "server/tests",
        "tests",
    ])
    .into_iter();
    let silent = files.filter(|source| !source.text.starts_with("//! ") && !source.text.starts_with("//!\n"));
    none(
        &silent.map(|source| format!("{}: no `//!` at its head", source.path.display())).collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_is_called_by_what_it_is_not() {
    let empty_words =
        ["util", "utils", "helper", "helpers", "common", "misc", "stuff", "shared", "support", "manager"];
    let mut wrong = Vec::new();
    for source in sources(&[
        "src",
        "program/src",
        "board/src",
        "watchdog/src",
        "protocol/src",
        "server/src",
        "server/tests",
        "tests",
    ]) {
        // Its name is in the design, and it manages what is called a service.
        if source.path == Path::new("src/service/manager.rs") {
            continue;
        }
        let names = source.path.with_extension("");
        let names = names.iter().filter_map(|name| name.to_str()).flat_map(|name| name.split(['_', '-']));
        for name in names.filter(|name| empty_words.contains(name)) {
            wrong.push(format!("{}: \"{name}\" says nothing; what is in it?", source.path.display()));
        }
    }
    none(&wrong);
}

#[test]
fn nothing_is_left_to_be_done_in_a_comment() {
    // Written in two, or this file would find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    let mut wrong = Vec::new();
    for source in sources(&[
        "src",
        "program/src",
        "board/src",
        "watchdog/src",
        "protocol/src",
        "server/src",
        "server/tests",
        "tests",
    ]) {
        for (index, line) in source.text.lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| has_word(line, mark)) {
                wrong.push(format!("{}:{}: {mark}", source.path.display(), index + 1));
            }
        }
    }
    none(&wrong);
}

#[test]
fn transitions_name_every_case() {
    let wildcard = |line: &&str| line.trim_start().starts_with("_ => {}");
    for source in sources(&["src/app", "src/service"]) {
        let code = source.code();
        let found: Vec<_> = code.lines().filter(wildcard).collect();
        assert!(found.is_empty(), "{}: `_ => {{}}` swallows what is added later", source.path.display());
    }
}

/// What cargo answers; `None`, and a word about it, where it cannot be asked.
fn cargo(words: &[&str]) -> Option<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(words).arg("--offline").arg("--locked").current_dir(house()).output();
    match output {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            eprintln!("SKIPPED: cargo {words:?}: {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Err(error) => {
            eprintln!("SKIPPED: cargo {words:?}: {error}");
            None
        }
    }
}

#[test]
fn without_sound_nothing_links_to_a_sound_library_and_never_to_a_media_framework() {
    let tree = |more: &[&str]| {
        let words =
            ["tree", "--package", "orchestrion", "--edges", "normal", "--prefix", "none", "--format", "{p}"];
        cargo(&[&words[..], more].concat())
    };
    let names = |tree: &str| -> Vec<String> {
        tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
    };
    if let Some(tree) = tree(&["--no-default-features"]) {
        let names = names(&tree);
        let sound = ["alsa", "alsa-sys", "cpal", "libpulse-sys", "jack", "pipewire"];
        let linked: Vec<_> = names.iter().filter(|name| sound.contains(&name.as_str())).collect();
        assert!(names.contains(&"orchestrion".to_owned()) && linked.is_empty(), "{linked:?}");
    }
    if let Some(tree) = tree(&["--features", "sound"]) {
        let foreign = [
            "gstreamer",
            "gstreamer-sys",
            "ffmpeg-sys-next",
            "orchestrion-rig",
            "orchestrion-server",
            "tokio",
        ];
        let linked: Vec<_> =
            names(&tree).into_iter().filter(|name| foreign.contains(&name.as_str())).collect();
        assert!(linked.is_empty(), "{linked:?}");
    }
}
