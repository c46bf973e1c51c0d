//! From paths to songs: one wish at a time, every step bounded, stopped within one name.

use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orchestrion_protocol::limits::QUEUE_LEN_MAX;

use super::list;
use super::order::SortKey;
use super::problems::{Problems, shown};

/// Songs in one batch.
pub const BATCH_LEN_MAX: usize = 200;
/// Folders in folders that are followed.
pub const DEPTH_MAX: usize = 64;
/// Names looked at for one wish, of files, folders and lines of lists.
pub const NAMES_LEN_MAX: usize = 1_000_000;
/// Songs and folders taken from one folder.
pub const FOLDER_LEN_MAX: usize = 50_000;
/// A batch that is not full waits this long at most, so that a slow disk is no silence.
const BATCH_WAIT: Duration = Duration::from_millis(250);
/// What of the name behind its last dot says that it is music. What of it can be played is not known here: a file that
/// cannot be decoded is passed over when its turn comes.
const ENDS: &[&str] = &[
    "flac", "mp3", "ogg", "oga", "opus", "wav", "wave", "m4a", "m4b", "mp4", "aac", "aif", "aiff", "aifc",
    "alac", "wma", "wv", "ape", "mka", "mpc", "mp2", "spx", "ac3", "dsf", "tta", "caf", "webm", "weba",
];

/// A search for songs. What it finds goes to `found` in batches, the first as soon as there is one.
pub(super) struct Walk<'a> {
    found: &'a mut dyn FnMut(Vec<PathBuf>),
    stopped: &'a dyn Fn() -> bool,
    batch: Vec<PathBuf>,
    /// When the last batch went, or the search began.
    sent: Instant,
    /// Whether any batch went.
    begun: bool,
    songs: usize,
    songs_max: usize,
    no_room: usize,
    names: usize,
    problems: Problems,
}

/// Why a search ends before its end.
enum Break {
    /// The device stops.
    Stopped,
    /// It has looked at [`NAMES_LEN_MAX`] names.
    TooMuch,
}

type Step = Result<(), Break>;

/// A folder on the way down, by device and inode.
type FolderId = (u64, u64);

/// Finds the songs that `paths` mean, no more than a queue holds; gives the problems, or `None` if it was stopped.
pub(super) fn walk(
    paths: &[PathBuf],
    found: &mut dyn FnMut(Vec<PathBuf>),
    stopped: &dyn Fn() -> bool,
) -> Option<Vec<String>> {
    walk_up_to(QUEUE_LEN_MAX, paths, found, stopped)
}

/// Finds at most `songs_max` songs that absolute `paths` of files, folders and lists mean, in batches; gives the problems, a sentence
/// each, or `None` if it was stopped.
pub fn walk_up_to(
    songs_max: usize,
    paths: &[PathBuf],
    found: &mut dyn FnMut(Vec<PathBuf>),
    stopped: &dyn Fn() -> bool,
) -> Option<Vec<String>> {
    let mut walk = Walk {
        found,
        stopped,
        batch: Vec::new(),
        sent: Instant::now(),
        begun: false,
        songs: 0,
        songs_max,
        no_room: 0,
        names: 0,
        problems: Problems::default(),
    };
    if paths.is_empty() {
        walk.problems.add("nothing was named: give the path of a file, a folder or a list".to_owned());
    }
    match paths.iter().try_for_each(|path| walk.named(path)) {
        Err(Break::Stopped) => return None,
        Err(Break::TooMuch) => {
            walk.problems.add(format!("the search ended after {NAMES_LEN_MAX} names; name smaller folders"));
        }
        Ok(()) => {}
    }
    walk.flush();
    if walk.no_room > 0 {
        let room = match songs_max {
            QUEUE_LEN_MAX => format!("a queue has {QUEUE_LEN_MAX} entries"),
            _ => format!("there is room for {songs_max}"),
        };
        walk.problems.add(format!("{} songs found no room: {room}", walk.no_room));
    }
    Some(walk.problems.into_sentences())
}

impl Walk<'_> {
    /// A path that somebody named: a file whatever its name, a folder, or a list.
    fn named(&mut self, path: &Path) -> Step {
        self.look()?;
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.problems.add(format!("{} {}", shown(path), why_not(&error)));
                return Ok(());
            }
        };
        if metadata.is_file() && list::is_list(path) {
            return self.list(path, 0);
        }
        self.file_or_folder(path, &metadata, None)
    }

    /// What a person or a line of a list named, and is no list. `line` begins the sentence of a problem.
    fn file_or_folder(&mut self, path: &Path, metadata: &Metadata, line: Option<&str>) -> Step {
        if metadata.is_dir() {
            let before = (self.songs + self.no_room, self.problems.len());
            self.folder(path, metadata, &mut Vec::new())?;
            if before == (self.songs + self.no_room, self.problems.len()) {
                self.problems.add(format!(
                    "{}{} holds no music: looked for {}",
                    line.unwrap_or(""),
                    shown(path),
                    ends()
                ));
            }
        } else if metadata.is_file() {
            self.song(path.to_owned());
        } else {
            let kind = kind(metadata.file_type());
            self.problems.add(format!("{}{} is {kind}, not a file", line.unwrap_or(""), shown(path)));
        }
        Ok(())
    }

    /// Everything in a folder and below it. `above` are the folders on the way here: a link to one of them is a loop.
    fn folder(&mut self, path: &Path, metadata: &Metadata, above: &mut Vec<FolderId>) -> Step {
        let id = (metadata.dev(), metadata.ino());
        if above.contains(&id) {
            return Ok(());
        }
        if above.len() == DEPTH_MAX {
            self.problems.add(format!("{} lies more than {DEPTH_MAX} folders deep", shown(path)));
            return Ok(());
        }
        above.push(id);
        for name in self.names_in(path)? {
            self.entry(&path.join(name), above)?;
        }
        above.pop();
        if !self.begun {
            self.flush();
        }
        Ok(())
    }

    /// The names in a folder that may be songs or folders, in order.
    fn names_in(&mut self, folder: &Path) -> Result<Vec<OsString>, Break> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.problems.add(format!("{} {}", shown(folder), why_not(&error)));
                return Ok(Vec::new());
            }
        };
        let mut names = Vec::new();
        for entry in entries {
            self.look()?;
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.problems.add(format!("{} could not be read to its end: {error}", shown(folder)));
                    break;
                }
            };
            let name = entry.file_name();
            // A link may lead to a folder; anything else counts only with the name of a song.
            let may_be_folder = || entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_symlink());
            if name.as_bytes().starts_with(b".") || !(is_music(&name) || may_be_folder()) {
                continue;
            }
            if names.len() == FOLDER_LEN_MAX {
                self.problems.add(format!(
                    "{} has more than {FOLDER_LEN_MAX} files; some are left out",
                    shown(folder)
                ));
                break;
            }
            names.push(name);
        }
        names.sort_by_cached_key(|name| SortKey::new(name));
        Ok(names)
    }

    /// Something in a folder that is walked.
    fn entry(&mut self, path: &Path, above: &mut Vec<FolderId>) -> Step {
        if (self.stopped)() {
            return Err(Break::Stopped);
        }
        let music = path.file_name().is_some_and(is_music);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, &metadata, above)?,
            Ok(metadata) if metadata.is_file() && music => self.song(path.to_owned()),
            Ok(metadata) if music => {
                self.problems.add(format!("{} is {}, not a file", shown(path), kind(metadata.file_type())));
            }
            Err(error) if music => self.problems.add(format!("{} {}", shown(path), why_not(&error))),
            Ok(_) | Err(_) => {}
        }
        Ok(())
    }

    /// The lines of a list, which lies in `level` others.
    fn list(&mut self, path: &Path, level: usize) -> Step {
        let list = match list::read(path) {
            Ok(list) => list,
            Err(error) => {
                self.problems.add(format!("{} {}", shown(path), why_not(&error)));
                return Ok(());
            }
        };
        if list.lines.is_empty() {
            self.problems.add(format!("{} names no songs", shown(path)));
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        for line in &list.lines {
            self.look()?;
            let at = format!("{} line {}: ", shown(path), line.number);
            let candidates = match list::candidates(folder, &line.bytes) {
                Ok(candidates) => candidates,
                Err(words) => {
                    self.problems.add(format!("{at}{}", shorten(&words)));
                    continue;
                }
            };
            self.line(&at, &candidates, list::as_path(&line.bytes), level)?;
        }
        if list.cut {
            self.problems.add(format!(
                "{} is longer than {} lines or {} MiB; the rest is left out",
                shown(path),
                list::LIST_LINES_MAX,
                list::LIST_LEN_MAX / (1024 * 1024)
            ));
        }
        Ok(())
    }

    /// What a line means: the first of its readings that is there.
    fn line(&mut self, at: &str, candidates: &[PathBuf], said: &Path, level: usize) -> Step {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for path in candidates {
            match fs::metadata(path) {
                Ok(metadata) if metadata.is_file() && list::is_list(path) => {
                    if level == 0 {
                        return self.list(path, level + 1);
                    }
                    self.problems.add(format!(
                        "{at}{} is a list in a list in a list, which is not followed",
                        shown(path)
                    ));
                    return Ok(());
                }
                Ok(metadata) => return self.file_or_folder(path, &metadata, Some(at)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => failure = error,
            }
        }
        self.problems.add(format!("{at}{} {}", shown(said), why_not(&failure)));
        Ok(())
    }

    fn song(&mut self, path: PathBuf) {
        if self.songs == self.songs_max {
            self.no_room += 1;
            return;
        }
        self.songs += 1;
        self.batch.push(path);
        if self.batch.len() == BATCH_LEN_MAX || self.sent.elapsed() >= BATCH_WAIT {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            (self.found)(std::mem::take(&mut self.batch));
            self.sent = Instant::now();
            self.begun = true;
        }
    }

    fn look(&mut self) -> Step {
        if (self.stopped)() {
            return Err(Break::Stopped);
        }
        self.names += 1;
        if self.names > NAMES_LEN_MAX { Err(Break::TooMuch) } else { Ok(()) }
    }
}

/// Whether a name is one of music.
fn is_music(name: &OsStr) -> bool {
    Path::new(name).extension().is_some_and(|end| ENDS.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

fn ends() -> String {
    ENDS.iter().map(|end| format!(".{end}")).collect::<Vec<_>>().join(" ")
}

fn why_not(error: &io::Error) -> String {
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return "is a link that leads back to itself".to_owned();
    }
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "may not be read by this user; check its owner and mode".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}

fn kind(file_type: FileType) -> &'static str {
    if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else if file_type.is_char_device() || file_type.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

/// Words that quote a line of a list, which may be of any length and hold anything.
fn shorten(words: &str) -> String {
    shown(Path::new(words))
}
