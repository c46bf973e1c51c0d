//! What is no file at all, and files whose name is the trouble.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::content::Good;
use super::{BadFile, Expect, write};
use crate::{Error, Result};

/// The longest name that Linux file systems allow, in bytes.
const NAME_MAX_BYTES: usize = 255;
/// Longer than any.
const TOO_LONG_BYTES: usize = 300;

/// A pipe, a folder, and links that lead nowhere. To open the pipe is to wait for ever.
pub(super) fn no_files(dir: &Path) -> Result<Vec<BadFile>> {
    let pipe = fresh(dir.join("pipe.mp3"))?;
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .map_err(|error| Error::io("make the pipe", &pipe)(error.into()))?;

    let folder = dir.join("song.mp3");
    fs::create_dir_all(&folder).map_err(Error::io("make the folder", &folder))?;

    let (one, other) = (fresh(dir.join("a.mp3"))?, fresh(dir.join("b.mp3"))?);
    link(Path::new("b.mp3"), &one)?;
    link(Path::new("a.mp3"), &other)?;

    let loop_folder = dir.join("loop");
    fs::create_dir_all(&loop_folder).map_err(Error::io("make the folder", &loop_folder))?;
    link(Path::new("."), &fresh(loop_folder.join("again"))?)?;

    let dangling = fresh(dir.join("dangling.mp3"))?;
    link(Path::new("gone.mp3"), &dangling)?;

    let fails = |path, what| BadFile::new(path, what, Expect::Fails);
    Ok(vec![
        fails(pipe, "a named pipe"),
        fails(folder, "a folder named like a song"),
        fails(one, "a link to a link to itself"),
        fails(other, "a link that comes back"),
        fails(loop_folder, "a folder that contains itself"),
        fails(dangling, "a link to what is gone"),
    ])
}

/// Good sound under names and rights that are none.
pub(super) fn odd_names(dir: &Path, good: &Good) -> Result<Vec<BadFile>> {
    let unreadable = fresh(dir.join("unreadable.mp3"))?;
    write(&unreadable, &good.mp3)?;
    fs::set_permissions(&unreadable, Permissions::from_mode(0o000))
        .map_err(Error::io("take all rights from", &unreadable))?;
    let readable_all_the_same = File::open(&unreadable).is_ok();

    // "Café" in Latin-1, as old disks have it.
    let latin_1 = dir.join(OsString::from_vec(b"Caf\xE9.flac".to_vec()));
    write(&latin_1, &good.flac)?;
    let long = dir.join(name_of(NAME_MAX_BYTES));
    write(&long, &good.mp3)?;
    let line_break = dir.join("new\nline\t.mp3");
    write(&line_break, &good.mp3)?;

    let too_long = dir.join(name_of(TOO_LONG_BYTES));
    write(&dir.join("too-long-name.m3u8"), format!("#EXTM3U\n{}\n", too_long.display()).as_bytes())?;

    Ok(vec![
        BadFile::new(
            unreadable,
            "without any rights",
            if readable_all_the_same { Expect::Plays } else { Expect::Fails },
        ),
        BadFile::new(latin_1, "a name that is not UTF-8", Expect::Plays),
        BadFile::new(long, "a name of 255 bytes", Expect::Plays),
        BadFile::new(line_break, "a name with a line break", Expect::Plays),
        BadFile::new(too_long, "a name that no file system allows", Expect::Fails),
    ])
}

fn name_of(bytes: usize) -> String {
    format!("{}.mp3", "l".repeat(bytes - 4))
}

/// Makes room for what cannot be overwritten.
fn fresh(path: PathBuf) -> Result<PathBuf> {
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove the old", &path)(error))
        }
        _ => Ok(path),
    }
}

fn link(to: &Path, at: &Path) -> Result<()> {
    symlink(to, at).map_err(Error::io("make the link", at))
}
