//! A block device that writes down everything that is written to it, and when it was told to flush: a FUSE file system with
//! one file in memory, on which the kernel's loop driver puts a device. From the log any moment can be made again at which
//! the power may have gone: what was written before the last flush is there; of what came after it, any part.
//!
//! Needs `/dev/fuse`, loop devices, root and e2fsprogs.

use std::ffi::OsStr;
use std::io::{self, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyWrite, Request, WriteFlags,
};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// What the kernel may remember of the file.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// The one file.
const NAME: &str = "disk";
const FILE: INodeNo = INodeNo(2);
/// Entries of a log; what goes beyond is an error of the device.
const LOG_LEN_MAX: usize = 1_000_000;

/// Bytes of a block of an ext4 that was made here.
const BLOCK_LEN: u64 = 1024;
/// How long the kernel may hold on to a loop device.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);

/// What happened to the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// These bytes were written there.
    Write {
        /// From the device's beginning, in bytes.
        at: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// Everything before is on the medium.
    Flush,
}

/// See the head of this file. Everything is unmounted when it is dropped.
#[derive(Debug)]
pub struct BlockLog {
    books: Arc<Mutex<Books>>,
    session: Option<BackgroundSession>,
    mounted: Option<Mounted>,
    folder: PathBuf,
}

#[derive(Debug)]
struct Books {
    content: Vec<u8>,
    log: Vec<Block>,
}

impl BlockLog {
    /// Whether this machine can have one; else why not.
    ///
    /// # Errors
    /// In words.
    pub fn is_available() -> std::result::Result<(), String> {
        if !rustix::process::geteuid().is_root() {
            return Err("mounting needs root".into());
        }
        for path in ["/dev/fuse", "/dev/loop-control"] {
            if !Path::new(path).exists() {
                return Err(format!("{path} is not there"));
            }
        }
        for program in ["mkfs.ext4", "losetup", "mount", "umount"] {
            Command::new(program).arg("-V").output().map_err(|error| format!("{program}: {error}"))?;
        }
        Ok(())
    }

    /// A device with this content, its log being empty; nothing is mounted yet.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn new(folder: &Path, content: Vec<u8>) -> Result<Self> {
        let fuse = folder.join("fuse");
        std::fs::create_dir_all(&fuse)?;
        let books = Arc::new(Mutex::new(Books { content, log: Vec::new() }));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RW, MountOption::FSName("block-log".into())];
        let session = fuser::spawn_mount(Answers(Arc::clone(&books)), &fuse, &config)?;
        Ok(Self { books, session: Some(session), mounted: None, folder: folder.to_owned() })
    }

    /// Mounts it as ext4, which is then asked to write nothing by itself for minutes; where it is.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn mount(&mut self) -> Result<PathBuf> {
        let target = self.folder.join("mounted");
        let mounted = Mounted::new(&self.folder.join("fuse").join(NAME), &target, "commit=300")?;
        self.mounted = Some(mounted);
        Ok(target)
    }

    /// How many entries the log has by now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).log.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the log of what was written so far; what an unmount still writes is not in it.
    #[must_use]
    pub fn take(&self) -> Vec<Block> {
        std::mem::take(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner).log)
    }
}

impl BlockLog {
    /// The kernel lets go of a loop device a moment after it is unmounted, and nobody tells of it.
    fn await_release(&self) {
        let disk = self.folder.join("fuse").join(NAME);
        let deadline = Instant::now() + RELEASED_WITHIN;
        while Instant::now() < deadline {
            match Command::new("losetup").arg("-j").arg(&disk).output() {
                Ok(told) if !told.stdout.is_empty() => std::thread::sleep(Duration::from_millis(5)),
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl Drop for BlockLog {
    fn drop(&mut self) {
        drop(self.mounted.take());
        self.await_release();
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

/// A file with an ext4 in it, mounted through a loop device; unmounted when it is dropped.
#[derive(Debug)]
pub struct Mounted {
    target: PathBuf,
}

impl Mounted {
    /// Mounts an image.
    ///
    /// # Errors
    /// The kernel refuses, in its words.
    pub fn new(image: &Path, target: &Path, options: &str) -> Result<Self> {
        std::fs::create_dir_all(target)?;
        let options = format!("loop,noatime,{options}");
        run(Command::new("mount").args(["-t", "ext4", "-o", &options]).args([image, target]))?;
        Ok(Self { target: target.to_owned() })
    }

    /// From now on nothing can be written: whoever writes waits.
    ///
    /// # Errors
    /// The kernel refuses, in its words.
    pub fn freeze(&self) -> Result<Frozen<'_>> {
        run(Command::new("fsfreeze").arg("--freeze").arg(&self.target))?;
        Ok(Frozen(self))
    }

    /// Bytes that may still be written.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn free_bytes(&self) -> Result<u64> {
        let stat = statvfs(&self.target)?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Fills it to its last block with something that is nobody's: a file, which makes room when it is removed.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn fill(&self) -> Result<PathBuf> {
        let path = self.target.join("ballast");
        let file = std::fs::File::create(&path)?;
        let mut len = 0;
        // By halves, since of the last blocks some are needed to tell where the others are.
        let mut piece = self.free_bytes()?;
        while piece >= BLOCK_LEN {
            match fallocate(&file, FallocateFlags::empty(), len, piece) {
                Ok(()) => len += piece,
                Err(_) => piece /= 2,
            }
        }
        Ok(path)
    }
}

/// A file system that takes nothing, until this is dropped.
#[derive(Debug)]
pub struct Frozen<'a>(&'a Mounted);

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        let _ = run(Command::new("fsfreeze").arg("--unfreeze").arg(&self.0.target));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Should somebody still look into it, the mount goes as soon as they have done.
        if run(Command::new("umount").arg(&self.target)).is_err() {
            let _ = run(Command::new("umount").arg("-l").arg(&self.target));
        }
    }
}

/// An empty ext4 of so many bytes.
///
/// # Errors
/// `mkfs.ext4` refuses, in its words.
pub fn ext4(folder: &Path, len: u64) -> Result<Vec<u8>> {
    let image = folder.join("new.img");
    format(&image, len)?;
    let bytes = std::fs::read(&image)?;
    std::fs::remove_file(&image)?;
    Ok(bytes)
}

/// Makes a file with an empty ext4 in it, of so many bytes; what is not written yet takes no room.
///
/// # Errors
/// `mkfs.ext4` refuses, in its words.
pub fn format(image: &Path, len: u64) -> Result<()> {
    std::fs::File::create(image)?.set_len(len)?;
    // All tables at once, so that the kernel does not write them later; and all of it is for everybody.
    let settings = ["-q", "-F", "-b", "1024", "-J", "size=2", "-m", "0"];
    let tables = ["-E", "lazy_itable_init=0,lazy_journal_init=0"];
    run(Command::new("mkfs.ext4").args(settings).args(tables).arg(image))
}

fn run(command: &mut Command) -> Result<()> {
    let done = command.output()?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    Err(io::Error::other(format!("{command:?}: {words}")))
}

/// The kernel's end.
struct Answers(Arc<Mutex<Books>>);

impl Answers {
    fn books<T>(&self, with: impl FnOnce(&mut Books) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn attributes(&self, number: INodeNo) -> Option<FileAttr> {
        let size = self.books(|books| books.content.len() as u64);
        let (kind, size, perm) = match number {
            INodeNo::ROOT => (FileType::Directory, 0, 0o755),
            FILE => (FileType::RegularFile, size, 0o600),
            _ => return None,
        };
        let never = UNIX_EPOCH;
        Some(FileAttr {
            ino: number,
            size,
            blocks: size.div_ceil(512),
            atime: never,
            mtime: never,
            ctime: never,
            crtime: never,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn tell(&self, number: INodeNo, reply: ReplyAttr) {
        match self.attributes(number) {
            Some(found) => reply.attr(&REMEMBERED, &found),
            None => reply.error(Errno::ENOENT),
        }
    }
}

impl Filesystem for Answers {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.attributes(FILE).filter(|_| name == OsStr::new(NAME)) {
            Some(found) => reply.entry(&REMEMBERED, &found, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.tell(number, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Around the page cache, so that each write comes when the device gets it.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let bytes = self.books(|books| {
            let len = books.content.len() as u64;
            let (from, to) = (offset.min(len), offset.saturating_add(size.into()).min(len));
            books.content.get(from as usize..to as usize).unwrap_or_default().to_vec()
        });
        reply.data(&bytes);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let is_written = self.books(|books| {
            let at = offset as usize;
            let Some(place) = books.content.get_mut(at..at.saturating_add(bytes.len())) else { return false };
            place.copy_from_slice(bytes);
            books.log.push(Block::Write { at: offset, bytes: bytes.to_vec() });
            books.log.len() <= LOG_LEN_MAX
        });
        if is_written { reply.written(bytes.len() as u32) } else { reply.error(Errno::ENOSPC) }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.books(|books| books.log.push(Block::Flush));
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}
