//! `orchestrion release` as a process: keys, building, checking, comparing, and everything that is wrong.

#![cfg(test)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use orchestrion_rig::{signal, wav};
use serde_json::{Value, json};
use tempfile::TempDir;

struct House {
    folder: TempDir,
}

impl House {
    /// A key, and a program with three songs.
    fn new() -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        for (name, hz) in [("a", 220.0), ("b", 330.0), ("sub/c", 440.0)] {
            house.song(name, hz);
        }
        house.program(&house.plain());
        house.ok(&["keygen", "cafes"]);
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn song(&self, name: &str, hz: f64) {
        let path = self.path(&format!("music/{name}.wav"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let tone = signal::sine(hz, 0.3, 0.0, 8_000, 2_400);
        wav::write(&path, &tone, 1, 8_000, wav::SampleFormat::Int16).unwrap();
    }

    fn plain(&self) -> Value {
        json!({
            "v": 1,
            "place": {"id": "leeds-1", "name": "Leeds"},
            "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
            "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
            "dayparts": [],
            "clockless": {"allowed": true},
            "fallback": "all",
            "library": {"playlists": [{"id": "all", "folder": "."}]},
        })
    }

    fn program(&self, program: &Value) {
        std::fs::write(self.path("music/program.json"), program.to_string()).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion"));
        command.arg("release").args(words).current_dir(self.folder.path()).output().unwrap()
    }

    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    fn build(&self) -> String {
        self.ok(&["build", "music", "--key", "cafes.key", "--out", "www"])
    }

    fn show(&self, release: &str) -> Value {
        serde_json::from_str(&self.ok(&["show", release, "--json"])).unwrap()
    }

    /// A blob's file in `www`.
    fn blob(&self, release: &Value, at: usize) -> PathBuf {
        let name = release["blobs"][at]["sha256"].as_str().unwrap();
        self.path(&format!("www/blobs/{}/{name}", &name[..2]))
    }
}

const VERIFY: [&str; 4] = ["verify", "www", "--key", "cafes.pub"];

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_becomes_a_release_that_verifies_and_names_every_song_by_its_content() {
    let house = House::new();
    let told = house.build();
    assert!(told.contains("release 1 for leeds-1") && told.contains("3 recordings"), "{told}");
    assert_eq!(names(&house.path("www")), ["blobs", "manifests", "release.json"]);
    let release = house.show("www");
    assert_eq!(release["blobs"].as_array().unwrap().len(), 3);
    assert_eq!(release["blobs"][0]["duration_ms"], 300);
    assert_eq!(release["catalogue"]["recordings"][0].get("files"), None, "no path of the publisher travels");
    for at in 0..3 {
        let sum = Command::new("sha256sum").arg(house.blob(&release, at)).output().unwrap();
        let name = release["blobs"][at]["sha256"].as_str().unwrap();
        assert!(String::from_utf8(sum.stdout).unwrap().starts_with(name), "{name}");
    }
    let told = house.ok(&VERIFY);
    assert!(told.contains("is whole") && told.contains("3 files"), "{told}");
    let told = house.ok(&["show", "www"]);
    assert!(told.contains("release 1 for Leeds (leeds-1)") && told.contains("3 recordings"), "{told}");
}

#[test]
fn the_next_release_has_the_next_number_and_writes_only_what_is_new() {
    let house = House::new();
    house.build();
    let before = house.show("www");
    std::fs::copy(house.path("www/release.json"), house.path("old.json")).unwrap();
    let offer: Value = serde_json::from_slice(&std::fs::read(house.path("old.json")).unwrap()).unwrap();
    let old = format!("www/manifests/{}.json", offer["manifest"].as_str().unwrap());
    house.song("d", 550.0);
    std::fs::remove_file(house.path("music/a.wav")).unwrap();
    let told = house.build();
    assert!(told.contains("release 2") && told.contains("in 1 file\n"), "{told}");
    let after = house.show("www");
    assert_eq!((before["number"].as_u64(), after["number"].as_u64()), (Some(1), Some(2)));
    let diff: Value = serde_json::from_str(&house.ok(&["diff", &old, "www", "--json"])).unwrap();
    assert_eq!(diff["recordings"]["added"], json!(["d"]));
    assert_eq!(diff["recordings"]["removed"], json!(["a"]));
    assert_eq!((&diff["fetch_files"], &diff["playlists"]["changed"]), (&json!(1), &json!(["all"])));
    let told = house.ok(&["diff", &old, "www"]);
    assert!(told.contains("+ d") && told.contains("- a") && told.contains("in 1 file"), "{told}");
    house.ok(&VERIFY);
    // Back to the old content: a new number, nothing to be written.
    house.song("a", 220.0);
    std::fs::remove_file(house.path("music/d.wav")).unwrap();
    let told = house.build();
    assert!(told.contains("release 3") && told.contains("new here  0 bytes"), "{told}");
    assert_eq!(house.show("www")["blobs"], before["blobs"]);
    let said = house.fails(&["build", "music", "--key", "cafes.key", "--out", "www", "--number", "2"]);
    assert!(said.contains("release 3 already"), "{said}");
    let told = house.ok(&["build", "music", "--key", "cafes.key", "--out", "www", "--epoch", "2"]);
    assert!(told.contains("release 1 of epoch 2"), "{told}");
}

#[test]
fn a_secret_key_is_for_its_owner_only_and_never_replaced() {
    let house = House::new();
    let mode = std::fs::metadata(house.path("cafes.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(house.path("cafes.key")).unwrap();
    assert!(house.fails(&["keygen", "cafes"]).contains("is there already"));
    // As the help has it: a folder for keys that is not there yet, and that nobody else may read.
    house.ok(&["keygen", "safe/keys/cafes"]);
    let mode = std::fs::metadata(house.path("safe/keys")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(house.fails(&["keygen", "cafes.pub/new"]).contains("the folder cafes.pub cannot be made"));
    assert_eq!(std::fs::read(house.path("cafes.key")).unwrap(), before);
    let said = house.fails(&["build", "music", "--key", "cafes.pub", "--out", "www"]);
    assert!(said.contains("ed25519-secret:"), "{said}");
    house.build();
    let said = house.fails(&["verify", "www", "--key", "cafes.key"]);
    assert!(said.contains("this is the secret key"), "{said}");
}

#[test]
fn whatever_was_changed_afterwards_is_found_and_named() {
    let house = House::new();
    house.build();
    let release = house.show("www");
    let file = house.blob(&release, 1);
    let good = std::fs::read(&file).unwrap();
    let name = release["blobs"][1]["sha256"].as_str().unwrap();
    let mut flipped = good.clone();
    flipped[1000] ^= 1;
    for (bytes, words) in [(&flipped[..], "its SHA-256 is"), (&good[..100], "it has 100 bytes")] {
        std::fs::write(&file, bytes).unwrap();
        let said = house.fails(&VERIFY);
        assert!(said.contains("1 of 3 files") && said.contains(name) && said.contains(words), "{said}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(house.fails(&VERIFY).contains("No such file"));
    std::fs::write(&file, good).unwrap();
    house.ok(&VERIFY);
    assert!(house.fails(&[&VERIFY[..], &["--place", "york-1"]].concat()).contains("this is \"york-1\""));
    house.ok(&["keygen", "other"]);
    assert!(house.fails(&["verify", "www", "--key", "other.pub"]).contains("does not know"));
    let manifest = house.path("www/manifests").join(&names(&house.path("www/manifests"))[0]);
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("leeds-1", "leeds-2")).unwrap();
    assert!(house.fails(&VERIFY).contains("not the one that is offered"));
}

#[test]
fn keys_are_rotated_and_a_device_with_the_old_one_pinned_follows() {
    let house = House::new();
    house.ok(&["keygen", "new"]);
    house.build();
    let told = house.ok(&["rotate", "www", "--key", "cafes.key", "--believe", "new.pub"]);
    assert!(told.contains("keys/1.json"), "{told}");
    house.ok(&["build", "music", "--key", "new.key", "--out", "www"]);
    house.ok(&VERIFY);
    // Signed by the old key again: those who followed do not take it.
    house.build();
    assert!(house.fails(&VERIFY).contains("does not know"));
    let said = house.fails(&["rotate", "www", "--key", "cafes.key", "--believe", "cafes.pub"]);
    assert!(said.contains("does not know"), "{said}");
    house.ok(&["rotate", "www", "--key", "new.key", "--believe", "new.pub", "--believe", "cafes.pub"]);
    house.build();
    house.ok(&VERIFY);
}

#[test]
fn what_cannot_be_built_is_told_with_what_to_do() {
    let house = House::new();
    let build =
        |words: &[&str]| house.fails(&[&["build"], words, &["--key", "cafes.key", "--out", "www"]].concat());
    std::fs::create_dir(house.path("empty")).unwrap();
    assert!(build(&["empty"]).contains("orchestrion program init empty --clockless play"));
    assert!(build(&["nowhere"]).contains("cannot be read"));
    let mut program = house.plain();
    program["fallback"] = json!("nothing");
    house.program(&program);
    assert!(build(&["music"]).contains("program.fallback"));
    program = house.plain();
    program["library"]["recordings"] =
        json!([{"id": "x", "files": ["gone.mp3"]}, {"id": "y", "files": ["a.wav"]}]);
    house.program(&program);
    let said = build(&["music"]);
    assert!(said.contains("gone.mp3") && said.contains("--without-missing"), "{said}");
    assert!(!house.path("www/release.json").exists(), "nothing half-made is offered");
    let told = house.ok(&["build", "music", "--key", "cafes.key", "--out", "www", "--without-missing"]);
    assert!(told.contains("3 recordings") && told.contains("left out  gone.mp3"), "{told}");
    house.ok(&VERIFY);
    let said = build(&["music", "--place", "york-1", "--without-missing"]);
    assert!(said.contains("a folder of its own"), "{said}");
    let output = house.run(&["build", "music", "--key", "cafes.key", "--out", "www", "--starts", "tomorrow"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("2026-12-01T06:00:00Z"));
}

#[test]
fn films_and_pictures_of_a_loop_travel_as_what_they_are_and_what_is_neither_is_refused() {
    let house = House::new();
    std::fs::create_dir(house.path("music/films")).unwrap();
    std::fs::write(house.path("music/films/ad.mp4"), b"\0\0\0\x20ftypisom").unwrap();
    std::fs::write(house.path("music/films/menu.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let mut program = house.plain();
    program["library"]["loops"] = json!([{"id": "window", "folder": "films"}]);
    house.program(&program);
    let told = house.build();
    assert!(told.contains("5 recordings"), "{told}");
    let release = house.show("www");
    let kinds: Vec<&str> =
        release["blobs"].as_array().unwrap().iter().map(|blob| blob["kind"].as_str().unwrap()).collect();
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!((count("audio"), count("film"), count("picture")), (3, 1, 1), "{kinds:?}");
    let shown = &release["catalogue"]["loops"][0];
    assert_eq!((shown["items"].as_array().unwrap().len(), shown.get("folder")), (2, None), "{shown}");
    assert_eq!(release["catalogue"]["playlists"][0]["recordings"].as_array().unwrap().len(), 3);
    let told = house.ok(&["show", "www"]);
    assert!(told.contains("1 loop") && told.contains("films") && told.contains("pictures"), "{told}");
    house.ok(&VERIFY);

    std::fs::write(house.path("music/films/zebra.mp4"), "This is no film.").unwrap();
    let told = house.fails(&["build", "music", "--key", "cafes.key", "--out", "www"]);
    assert!(told.contains("zebra.mp4") && told.contains("no film and no picture"), "{told}");
    assert_eq!(house.show("www")["number"], 1, "what is served stays");
}
