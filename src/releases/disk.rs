//! The real disk, which says with each call that the thread moves: hashing what is there of a large file takes minutes.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::service::moves::Moves;
use crate::store::{Disk, DiskFile, RealDisk, Stat};

/// See the head of this file.
pub(super) struct Moving(pub(super) Moves);

struct MovingFile<F> {
    file: F,
    moves: Moves,
}

impl Moving {
    fn of<F>(&self, file: io::Result<F>) -> io::Result<MovingFile<F>> {
        self.0.moved();
        Ok(MovingFile { file: file?, moves: self.0.clone() })
    }

    fn then<T>(&self, done: io::Result<T>) -> io::Result<T> {
        self.0.moved();
        done
    }
}

impl<F: Read> Read for MovingFile<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.moves.moved();
        self.file.read(buffer)
    }
}

impl Write for MovingFile<Box<dyn DiskFile>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.moves.moved();
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DiskFile for MovingFile<Box<dyn DiskFile>> {
    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.moves.moved();
        Ok(())
    }

    fn reserve(&mut self, len: u64) -> io::Result<()> {
        self.file.reserve(len)
    }
}

impl Disk for Moving {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.of(RealDisk.create(path))?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(self.of(RealDisk.append(path))?))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.of(RealDisk.read(path))?))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.then(RealDisk.stat(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.then(RealDisk.list(path))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.then(RealDisk.read_link(path))
    }

    fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        self.then(RealDisk.symlink(target, path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.then(RealDisk.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.then(RealDisk.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.then(RealDisk.remove_dir(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.then(RealDisk.create_dir(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.then(RealDisk.sync_dir(path))
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.then(RealDisk.free_bytes(path))
    }
}
