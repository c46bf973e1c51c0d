//! Every call that the store makes to a file system, as one small trait, so that tests can make any of them fail, and can
//! replay what a power cut would have left of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, OFlags};

/// Names that a folder may have; what lies beyond is not looked at.
pub const NAMES_MAX: usize = 1_000_000;

/// A file system.
pub trait Disk: Send + Sync {
    /// A new file; one that is there is an error.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file to be written on at its end; made if it is not there.
    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file to be read.
    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;
    /// What is there, links not followed.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// The names in a folder, those that are UTF-8, at most `NAMES_MAX`.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Where a link leads.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
    /// Makes a link; one that is there is an error.
    fn symlink(&self, target: &Path, path: &Path) -> io::Result<()>;
    /// Gives a name to a file, a link or a folder; another file of that name is replaced in the same moment.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Takes a file or a link away.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Takes an empty folder away.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Returns when the names in a folder are on the disk.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Bytes that may still be written.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// A file that is written.
pub trait DiskFile: Write + Send {
    /// Returns when its bytes are on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Reserves room for so many bytes in all; its length stays. What cannot reserve says so by
    /// [`io::ErrorKind::Unsupported`].
    fn reserve(&mut self, len: u64) -> io::Result<()>;
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Bytes.
    pub len: u64,
    /// Whether it is a file.
    pub is_file: bool,
    /// When it was changed, in seconds since 1970.
    pub modified_s: i64,
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).create(true).open(path)?))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        // Should a FIFO stand here, opening it so does not wait for its writer.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        Ok(Box::new(OpenOptions::new().read(true).custom_flags(flags).open(path)?))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Stat { len: metadata.len(), is_file: metadata.is_file(), modified_s: metadata.mtime() })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)?.take(NAMES_MAX) {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl DiskFile for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }

    fn reserve(&mut self, len: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(&*self, FallocateFlags::KEEP_SIZE, 0, len)?)
    }
}
