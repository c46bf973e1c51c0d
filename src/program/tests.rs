//! A program in a folder of its own, with its music and without.

use super::*;
use serde_json::{Value, json};

fn document(library: &Value) -> String {
    json!({
        "v": 1,
        "place": {"id": "test"},
        "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0, "transitions": []},
        "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]},
        "dayparts": [],
        "clockless": {"allowed": true},
        "fallback": "all",
        "library": library,
    })
    .to_string()
}

fn read(folder: &Path, text: &str) -> Result<Program, ProgramError> {
    let path = folder.join("program.json");
    std::fs::write(&path, text).unwrap();
    Program::read(&path, &|| false).map(Option::unwrap)
}

#[test]
fn what_is_named_is_found_beside_the_file_and_what_is_missing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.flac"), "").unwrap();
    let library = json!({
        "recordings": [
            {"id": "one", "files": ["gone.mp3", "a.flac"]},
            {"id": "two", "files": ["b.flac"]},
            {"id": "three", "files": ["../secret.flac"]},
        ],
        "playlists": [{"id": "all", "recordings": ["one", "two", "three"]}],
    });
    let program = read(folder.path(), &document(&library)).unwrap();
    let place = program.place(&"one".into()).unwrap();
    assert_eq!(&**place, folder.path().join("a.flac"));
    assert_eq!(program.recording(place), Some(&"one".into()));
    assert_eq!((program.len(), program.place(&"two".into())), (1, None));
    assert_eq!(program.warnings, ["the files of 2 recordings are not there: two, three"]);
}

#[test]
fn a_folder_becomes_recordings_and_a_file_that_has_one_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("soft/deep")).unwrap();
    for name in ["soft/1.flac", "soft/2.mp3", "soft/deep/3.ogg", "soft/cover.jpg"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let library = json!({
        "recordings": [{"id": "known", "files": ["soft/2.mp3"], "title": "Second"}],
        "playlists": [{"id": "all", "folder": "soft"}, {"id": "out", "folder": "../.."}],
    });
    let program = read(folder.path(), &document(&library)).unwrap();
    let all = &program.rules.document().library.playlists[0].recordings;
    let ids: Vec<&str> = all.iter().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["soft/1.flac", "known", "soft/deep/3.ogg"]);
    assert_eq!(program.rules.document().library.recordings[1].title, "1");
    assert_eq!(program.warnings, ["library.playlists[1].folder: ../.. leads out of the program's folder"]);
}

#[test]
fn songs_of_a_folder_say_how_long_they_are_and_a_deck_tells_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("soft")).unwrap();
    let tone = vec![0.1; 16_000];
    let song = folder.path().join("soft/1.wav");
    orchestrion_rig::wav::write(&song, &tone, 1, 8000, orchestrion_rig::wav::SampleFormat::Int16).unwrap();
    let silent = folder.path().join("soft/2.mp3");
    std::fs::write(&silent, "").unwrap();
    let library = json!({"playlists": [{"id": "all", "folder": "soft"}]});
    let mut program = read(folder.path(), &document(&library)).unwrap();
    let lengths: Vec<_> =
        program.rules.document().library.recordings.iter().map(|recording| recording.duration_ms).collect();
    assert_eq!((lengths, program.catalogue.mean_song_ms()), (vec![Some(2000), None], 2000));
    program.learn_length(&silent, 4000);
    program.learn_length(&song, 9000);
    assert_eq!(program.catalogue.mean_song_ms(), 3000, "what is known stays");
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place_in_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let told = |text: &str| read(folder.path(), text).unwrap_err().to_string();
    assert!(told("{").starts_with(&format!("the program {path}/program.json is wrong: ")), "{}", told("{"));
    let unknown = document(&json!({"playlists": [{"id": "all", "color": 1}]}));
    assert!(told(&unknown).contains("library.playlists[0]"), "{}", told(&unknown));
    let none = Program::read(&folder.path().join("none.json"), &|| false).unwrap_err().to_string();
    assert!(none.contains("cannot be read: No such file"), "{none}");
    let not_a_file = Program::read(folder.path(), &|| false).unwrap_err().to_string();
    assert!(not_a_file.ends_with("it is not a file"), "{not_a_file}");
    let good = document(&json!({"playlists": [{"id": "all"}]}));
    std::fs::write(folder.path().join("program.json"), good).unwrap();
    assert!(
        Program::read(&folder.path().join("program.json"), &|| true).unwrap().is_none(),
        "it was stopped"
    );
}

#[test]
fn a_loop_has_what_is_named_and_what_lies_in_its_folder_of_what_may_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("films")).unwrap();
    for name in ["films/a.mp4", "films/b.png", "films/notes.txt", "films/c.mkv", "late.mp4"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let library = json!({
        "recordings": [
            {"id": "menu", "title": "Menu", "files": ["films/b.png"]},
            {"id": "late", "files": ["late.mp4"], "rights": {"first": "2027-01-01"}},
            {"id": "gone", "files": ["gone.mp4"]},
        ],
        "playlists": [{"id": "all", "folder": "."}],
        "loops": [{"id": "window", "folder": "films", "items": [
            {"recording": "menu", "hold_s": 2.5, "weight": 2}, {"recording": "late"}, {"recording": "gone"},
        ]}],
    });
    let program = read(folder.path(), &document(&library)).unwrap();
    let shown = |day| {
        let reel = program.reel(&"window".into(), day).unwrap();
        reel.items.iter().map(|item| item.title.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(rules::Date::new(2026, 12, 31)), "Menu Menu a c");
    assert_eq!(shown(rules::Date::new(2027, 1, 1)), "Menu late Menu a c");
    let reel = program.reel(&"window".into(), None).unwrap();
    let menu = reel.item(&folder.path().join("films/b.png")).unwrap();
    assert_eq!((menu.title.as_str(), menu.hold_ms), ("Menu", Some(2500)));
    assert_eq!(program.reel(&"door".into(), None), None, "which a device may know");
    let songs = &program.rules.document().library.playlists[0].recordings;
    assert_eq!(songs.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["late"], "films are no songs");
    assert!(program.warnings.iter().any(|warning| warning.contains("gone")), "{:?}", program.warnings);
}
