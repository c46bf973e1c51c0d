//! The other disk: a real folder whose calls are counted, can be made to fail, can be left out, and are written down for
//! the model of power cuts.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::model::Op;
use crate::store::disk::{Disk, DiskFile, RealDisk, Stat};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An error of the system, by its number.
    Errno(i32),
    /// A write takes half of its bytes, and the next one fails for want of room.
    ShortWrite,
}

#[derive(Debug, Default)]
struct Books {
    calls: u64,
    fault: Option<(u64, Fault, bool)>,
    faults: u64,
    ops: Vec<Op>,
    files: HashMap<PathBuf, usize>,
    next_file: usize,
    /// Syncs and renames so far, and the one that is left out.
    sites: usize,
    omitted: Option<usize>,
    free_bytes: Option<u64>,
    is_short: bool,
}

#[derive(Clone)]
pub struct RigDisk {
    root: PathBuf,
    books: Arc<Mutex<Books>>,
}

struct RigFile {
    real: Box<dyn DiskFile>,
    file: usize,
    disk: RigDisk,
}

impl RigDisk {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), books: Arc::default() }
    }

    /// Files that are there already have these numbers.
    pub fn adopt(&self, files: impl Iterator<Item = (PathBuf, usize)>) {
        self.books(|books| {
            books.files.extend(files);
            books.next_file = books.files.values().max().map_or(0, |last| last + 1);
        });
    }

    /// From now on the `at`th call fails, and all after it if it is `lasting`.
    pub fn fail(&self, at: u64, fault: Fault, lasting: bool) {
        self.books(|books| {
            (books.calls, books.faults, books.is_short) = (0, 0, false);
            books.fault = Some((at, fault, lasting));
        });
    }

    pub fn heal(&self) {
        self.books(|books| books.fault = None);
    }

    /// How many calls failed.
    pub fn faults(&self) -> u64 {
        self.books(|books| books.faults)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Leaves out a sync; puts a copy in the place of a rename.
    pub fn omit(&self, site: usize) {
        self.books(|books| books.omitted = Some(site));
    }

    pub fn sites(&self) -> usize {
        self.books(|books| books.sites)
    }

    pub fn ops(&self) -> Vec<Op> {
        self.books(|books| books.ops.clone())
    }

    pub fn op_count(&self) -> usize {
        self.books(|books| books.ops.len())
    }

    pub fn set_free_bytes(&self, free: u64) {
        self.books(|books| books.free_bytes = Some(free));
    }

    fn books<T>(&self, with: impl FnOnce(&mut Books) -> T) -> T {
        with(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn call(&self) -> io::Result<()> {
        self.books(|books| {
            books.calls += 1;
            let Some((at, fault, lasting)) = books.fault else { return Ok(()) };
            if books.calls == at || lasting && books.calls > at {
                match fault {
                    Fault::Errno(errno) => {
                        books.faults += 1;
                        return Err(io::Error::from_raw_os_error(errno));
                    }
                    Fault::ShortWrite => books.is_short = true,
                }
            }
            Ok(())
        })
    }

    /// Whether this sync or rename is the one that is left out.
    fn is_omitted(&self) -> bool {
        self.books(|books| {
            books.sites += 1;
            books.omitted == Some(books.sites - 1)
        })
    }

    fn inside(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap().to_owned()
    }

    fn log(&self, op: Op) {
        self.books(|books| books.ops.push(op));
    }

    fn begin(&self, path: &Path) -> usize {
        let path = self.inside(path);
        self.books(|books| {
            let file = books.next_file;
            books.next_file += 1;
            books.files.insert(path.clone(), file);
            books.ops.push(Op::Create { path, file });
            file
        })
    }

    /// What somebody would write who does not know of rename.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        if let Ok(target) = RealDisk.read_link(from) {
            let _ = self.take_away(to);
            RealDisk.symlink(&target, to)?;
            self.log(Op::Symlink { target, path: self.inside(to) });
            return self.take_away(from);
        }
        if RealDisk.stat(from)?.is_file {
            let bytes = std::fs::read(from)?;
            let _ = self.take_away(to);
            std::fs::write(to, &bytes)?;
            let file = self.begin(to);
            self.log(Op::Write { file, bytes });
            return self.take_away(from);
        }
        RealDisk.create_dir(to)?;
        self.log(Op::CreateDir { path: self.inside(to) });
        for name in RealDisk.list(from)? {
            self.copy(&from.join(&name), &to.join(&name))?;
        }
        RealDisk.remove_dir(from)?;
        self.log(Op::Remove { path: self.inside(from) });
        Ok(())
    }

    fn take_away(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_file(path)?;
        self.log(Op::Remove { path: self.inside(path) });
        Ok(())
    }
}

impl Disk for RigDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.call()?;
        let real = RealDisk.create(path)?;
        Ok(Box::new(RigFile { real, file: self.begin(path), disk: self.clone() }))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.call()?;
        let is_there = RealDisk.stat(path).is_ok();
        let real = RealDisk.append(path)?;
        let file = if is_there {
            self.books(|books| books.files[&path.strip_prefix(&self.root).unwrap().to_owned()])
        } else {
            self.begin(path)
        };
        Ok(Box::new(RigFile { real, file, disk: self.clone() }))
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        self.call()?;
        let real = RealDisk.read(path)?;
        Ok(Box::new(RigReader { real, disk: self.clone() }))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.call()?;
        RealDisk.stat(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.call()?;
        // The same order each time, so that the sites have the same numbers.
        let mut names = RealDisk.list(path)?;
        names.sort();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.call()?;
        RealDisk.read_link(path)
    }

    fn symlink(&self, target: &Path, path: &Path) -> io::Result<()> {
        self.call()?;
        RealDisk.symlink(target, path)?;
        self.log(Op::Symlink { target: target.to_owned(), path: self.inside(path) });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?;
        // A link that gets its first name replaces nothing, and is made in one call anyway.
        let replaces = RealDisk.read_link(from).is_err() || RealDisk.stat(to).is_ok();
        if replaces && self.is_omitted() {
            return self.copy(from, to);
        }
        RealDisk.rename(from, to)?;
        let (from, to) = (self.inside(from), self.inside(to));
        self.books(|books| {
            let moved = |path: &PathBuf| Some(to.join(path.strip_prefix(&from).ok()?));
            let renamed: Vec<(PathBuf, PathBuf)> =
                books.files.keys().filter_map(|path| Some((path.clone(), moved(path)?))).collect();
            for (old, new) in renamed {
                let file = books.files.remove(&old).unwrap();
                // Joining nothing leaves a slash at the end.
                books.files.insert(new.components().collect(), file);
            }
            books.ops.push(Op::Rename { from: from.clone(), to: to.clone() });
        });
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        self.take_away(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        RealDisk.remove_dir(path)?;
        self.log(Op::Remove { path: self.inside(path) });
        Ok(())
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        RealDisk.create_dir(path)?;
        self.log(Op::CreateDir { path: self.inside(path) });
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call()?;
        if !self.is_omitted() {
            RealDisk.sync_dir(path)?;
            self.log(Op::SyncDir { path: self.inside(path) });
        }
        Ok(())
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.call()?;
        match self.books(|books| books.free_bytes) {
            Some(free) => Ok(free),
            None => RealDisk.free_bytes(path),
        }
    }
}

impl Write for RigFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.call()?;
        let mut len = bytes.len();
        if self.disk.books(|books| books.is_short) {
            len /= 2;
            if len == 0 {
                self.disk.books(|books| {
                    books.faults += 1;
                    books.is_short = false;
                });
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let written = self.real.write(&bytes[..len])?;
        self.disk.log(Op::Write { file: self.file, bytes: bytes[..written].to_vec() });
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for RigFile {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.call()?;
        if !self.disk.is_omitted() {
            self.real.sync()?;
            self.disk.log(Op::Sync { file: self.file });
        }
        Ok(())
    }

    fn reserve(&mut self, len: u64) -> io::Result<()> {
        self.disk.call()?;
        self.real.reserve(len)
    }
}

struct RigReader {
    real: Box<dyn Read + Send>,
    disk: RigDisk,
}

impl Read for RigReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.disk.call()?;
        self.real.read(bytes)
    }
}
