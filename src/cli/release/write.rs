//! Files of a release, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use orchestrion_protocol::release::{Digest, Hasher};

/// Bytes that are read at once.
const READ_LEN: usize = 256 * 1024;

/// A sentence about a path and what the system says of it.
pub(super) fn told(what: &str, path: &Path) -> impl Fn(io::Error) -> String {
    let words = format!("{} cannot be {what}", path.display());
    move |error| format!("{words}: {error}")
}

/// Where a file is written before it gets its name.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

/// Replaces a file, or makes it, with its folder.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(told("made", folder))?;
    let new = beside(path);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    };
    write().inspect_err(|_| drop(fs::remove_file(&new))).map_err(told("written", path))
}

/// Makes a file that was not there.
pub(super) fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(|error| match error
            .kind()
        {
            io::ErrorKind::AlreadyExists => {
                format!("{} is there already; it is not replaced", path.display())
            }
            _ => told("made", path)(error),
        })?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.inspect_err(|_| drop(fs::remove_file(path))).map_err(told("written", path))
}

/// A small file's bytes; one byte more than `max` at most, so that whoever reads them can tell that it is too long.
pub(super) fn read_limited(path: &Path, max: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(told("read", path))?;
    file.take(max as u64 + 1).read_to_end(&mut bytes).map_err(told("read", path))?;
    Ok(bytes)
}

/// SHA-256 and bytes of a file; `each` hears of bytes as they are read.
pub(super) fn hash(path: &Path, each: &mut dyn FnMut(u64)) -> Result<(Digest, u64), String> {
    let mut file = File::open(path).map_err(told("read", path))?;
    pass(&mut file, &mut io::sink(), each).map_err(told("read", path))
}

/// Copies a file to `into`, a folder, and gives its SHA-256 and bytes as they were copied; the copy's name is up to `name`.
pub(super) fn copy(
    from: &Path,
    into: &Path,
    name: impl Fn(&Digest) -> PathBuf,
    each: &mut dyn FnMut(u64),
) -> Result<(Digest, u64), String> {
    fs::create_dir_all(into).map_err(told("made", into))?;
    let mut source = File::open(from).map_err(told("read", from))?;
    let new = into.join(format!("{}.new", std::process::id()));
    let mut target = File::create(&new).map_err(told("written", &new))?;
    let copied =
        pass(&mut source, &mut target, each).map_err(told("copied", from)).and_then(|(digest, len)| {
            let path = name(&digest);
            let folder = path.parent().unwrap_or(into);
            fs::create_dir_all(folder).map_err(told("made", folder))?;
            target.sync_all().and_then(|()| fs::rename(&new, &path)).map_err(told("written", &path))?;
            Ok((digest, len))
        });
    copied.inspect_err(|_| drop(fs::remove_file(&new)))
}

fn pass(from: &mut File, to: &mut dyn Write, each: &mut dyn FnMut(u64)) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut len) = (Hasher::default(), 0);
    let mut buffer = vec![0; READ_LEN];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((hasher.digest(), len)),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                to.write_all(&buffer[..read])?;
                len += read as u64;
                each(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
