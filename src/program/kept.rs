//! The last good program, kept in the state folder: when the file is broken at a start, the device goes on with it.
//!
//! The copy is the file's exact text behind a line that says where it lay, since what it names counts from there. It is
//! written beside, synced, renamed; so it is the old one or the new one, whole.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{Program, ProgramError, read_limited};

const NAME: &str = "program.kept";
/// How its first line begins; the file's place follows, escaped.
const BEGINS: &[u8] = b"orchestrion-program-1 ";

impl Program {
    /// Reads a program as [`Program::read`] does, and keeps a copy of it in `state_dir`. One that cannot be used is replaced
    /// by the copy if `needs_one`; [`Program::instead_of`] tells why.
    ///
    /// # Errors
    /// The file cannot be used, and neither can a copy.
    pub fn read_or_kept(
        path: &Path,
        state_dir: &Path,
        needs_one: bool,
        stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, ProgramError> {
        let read = read_limited(path).map_err(|reason| ProgramError::unreadable(path, reason));
        let outcome = read.and_then(|text| {
            let program = Self::of_text(&text, path, stopped)?;
            if program.is_some()
                && let Err(error) = keep(state_dir, path, &text)
            {
                log::warn!("no copy of the program could be kept: {error}");
            }
            Ok(program)
        });
        let error = match outcome {
            Err(error) if needs_one => error,
            outcome => return outcome,
        };
        let Some((place, text)) = kept(state_dir) else { return Err(error) };
        match Self::of_text(&text, &place, stopped) {
            Ok(program) => Ok(program.map(|program| Self { instead_of: Some(error), ..program })),
            Err(of_copy) => {
                log::error!("the copy of the last good program cannot be used either: {of_copy}");
                Err(error)
            }
        }
    }
}

/// Makes this the copy, durably, unless it is that already.
fn keep(state_dir: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let place = std::path::absolute(path)?;
    let escaped =
        percent_encoding::percent_encode(place.as_os_str().as_bytes(), percent_encoding::NON_ALPHANUMERIC);
    let mut whole = BEGINS.to_vec();
    writeln!(whole, "{escaped}")?;
    whole.extend_from_slice(text);
    let name = state_dir.join(NAME);
    if read_limited(&name).is_ok_and(|before| before == whole) {
        return Ok(());
    }
    let beside = state_dir.join("program.kept.new");
    let mut file = File::create(&beside)?;
    file.write_all(&whole)?;
    file.sync_all()?;
    fs::rename(&beside, name)?;
    File::open(state_dir)?.sync_all()
}

/// The copy, and where it lay; `None` where there is none, or none that can be read.
fn kept(state_dir: &Path) -> Option<(PathBuf, Vec<u8>)> {
    let whole = read_limited(&state_dir.join(NAME)).ok()?;
    let (first, text) = whole.split_at(whole.iter().position(|byte| *byte == b'\n')?);
    let escaped = first.strip_prefix(BEGINS)?;
    let place: Vec<u8> = percent_encoding::percent_decode(escaped).collect();
    Some((std::ffi::OsString::from_vec(place).into(), text.get(1..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"v": 1, "place": {"id": "test"}, "zone": {"id": "UTC", "tzdb": "2025b", "offset_s": 0},
        "hours": {"sound": [{"days": ["daily"], "from": "00:00", "to": "24:00"}]}, "dayparts": [],
        "clockless": {"allowed": true}, "fallback": "all",
        "library": {"playlists": [{"id": "all", "folder": "music"}]}}"#;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("state")).unwrap();
        fs::create_dir_all(place.path().join("caf\u{e9} 1/music")).unwrap();
        let path = place.path().join("caf\u{e9} 1/program.json");
        fs::write(&path, GOOD).unwrap();
        (place, path)
    }

    fn read(place: &Path, path: &Path, needs_one: bool) -> Result<Program, ProgramError> {
        Program::read_or_kept(path, &place.join("state"), needs_one, &|| false).map(Option::unwrap)
    }

    #[test]
    fn a_broken_or_missing_file_is_replaced_by_the_copy_which_counts_from_where_the_file_lay() {
        let (place, path) = place();
        assert_eq!(read(place.path(), &path, true).unwrap().instead_of, None);
        let song = path.with_file_name("music").join("1.wav");
        let tone = vec![0.1; 800];
        orchestrion_rig::wav::write(&song, &tone, 1, 8000, orchestrion_rig::wav::SampleFormat::Int16)
            .unwrap();
        for broken in [Some("{"), Some("{\"v\": 1, \"colour\": 1}"), None] {
            match broken {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            assert!(read(place.path(), &path, false).is_err(), "who has a program needs no copy");
            let program = read(place.path(), &path, true).unwrap();
            assert_eq!(program.len(), 1, "the song that came since is found in the file's folder");
            assert!(program.instead_of.unwrap().to_string().contains("program.json"));
        }
    }

    #[test]
    fn without_a_copy_or_with_a_damaged_one_the_file_s_own_error_is_told() {
        let (place, path) = place();
        fs::write(&path, "{").unwrap();
        let own = read(place.path(), &path, true).unwrap_err();
        let name = place.path().join("state").join(NAME);
        for damaged in [&b""[..], b"orchestrion-program-1 ", b"\n{}", b"orchestrion-program-1 %2Fa\n{"] {
            fs::write(&name, damaged).unwrap();
            assert_eq!(read(place.path(), &path, true).unwrap_err(), own, "{damaged:?}");
        }
        // A new good one takes the place of whatever lies there; a write that was cut off does not harm it.
        fs::write(place.path().join("state/program.kept.new"), "half").unwrap();
        fs::write(&path, GOOD).unwrap();
        read(place.path(), &path, true).unwrap();
        fs::write(&path, "{").unwrap();
        assert!(read(place.path(), &path, true).unwrap().instead_of.is_some());
    }

    #[test]
    fn the_same_program_is_not_written_again() {
        let (place, path) = place();
        read(place.path(), &path, true).unwrap();
        let name = place.path().join("state").join(NAME);
        let inode = |name: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(name).unwrap());
        let before = inode(&name);
        read(place.path(), &path, true).unwrap();
        assert_eq!(inode(&name), before);
    }
}
