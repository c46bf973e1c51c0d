//! A disk that stops answering: a small FUSE file system of a few files, of which any can be told to answer no read from
//! some byte on, until it is told to fail instead. Needs `/dev/fuse` and root, as a mount does.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEntry, ReplyOpen,
    Request,
};

/// What the kernel may remember of a file.
const REMEMBERED: Duration = Duration::from_secs(60);
/// The number of the first file; the folder has 1.
const FIRST: u64 = 2;

/// See the head of this file. Unmounted when it is dropped; reads that wait then fail.
#[derive(Debug)]
pub struct DyingDisk {
    disk: Arc<Disk>,
    session: Option<BackgroundSession>,
}

#[derive(Debug)]
struct Disk {
    files: Vec<File>,
    /// Reads that wait for an answer.
    waiting: Mutex<Vec<ReplyData>>,
    /// Who asks what is in the folder is not answered.
    is_closed: AtomicBool,
    /// Those who have asked.
    waiting_for_names: Mutex<Vec<ReplyDirectory>>,
}

#[derive(Debug)]
struct File {
    name: String,
    bytes: Vec<u8>,
    /// Reads that reach behind this byte are not answered.
    answers_until: AtomicU64,
}

impl DyingDisk {
    /// Whether this machine can mount one.
    #[must_use]
    pub fn is_available() -> bool {
        rustix::process::geteuid().is_root() && Path::new("/dev/fuse").exists()
    }

    /// Mounts it on an empty folder, healthy.
    ///
    /// # Errors
    /// The kernel refuses the mount.
    pub fn mount(folder: &Path, files: Vec<(String, Vec<u8>)>) -> io::Result<Self> {
        let file = |(name, bytes)| File { name, bytes, answers_until: AtomicU64::new(u64::MAX) };
        let files = files.into_iter().map(file).collect();
        let disk = Arc::new(Disk {
            files,
            waiting: Mutex::default(),
            is_closed: AtomicBool::new(false),
            waiting_for_names: Mutex::default(),
        });
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("dying".into())];
        let session = fuser::spawn_mount(Answers(Arc::clone(&disk)), folder, &config)?;
        Ok(Self { disk, session: Some(session) })
    }

    /// From now on no read of this file that reaches behind its first `len` bytes is answered.
    pub fn hang(&self, name: &str, len: u64) {
        for file in self.disk.files.iter().filter(|file| file.name == name) {
            file.answers_until.store(len, Ordering::SeqCst);
        }
    }

    /// From now on nobody is told what is in the folder.
    pub fn hang_folder(&self) {
        self.disk.is_closed.store(true, Ordering::SeqCst);
    }

    /// How many wait for an answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let reads = self.disk.waiting.lock().unwrap_or_else(PoisonError::into_inner).len();
        reads + self.disk.waiting_for_names.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Lets everything that waits, and all that comes, fail.
    pub fn fail(&self) {
        for file in &self.disk.files {
            file.answers_until.store(u64::MAX, Ordering::SeqCst);
        }
        self.disk.is_closed.store(false, Ordering::SeqCst);
        self.disk.fail_waiting();
    }
}

impl Drop for DyingDisk {
    fn drop(&mut self) {
        self.fail();
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

impl Disk {
    fn fail_waiting(&self) {
        for reply in self.waiting.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            reply.error(Errno::EIO);
        }
        for reply in self.waiting_for_names.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            reply.error(Errno::EIO);
        }
    }

    fn file(&self, number: INodeNo) -> Option<&File> {
        self.files.get(usize::try_from(u64::from(number).checked_sub(FIRST)?).ok()?)
    }
}

/// The kernel's end.
struct Answers(Arc<Disk>);

fn attributes(number: u64, kind: FileType, size: u64) -> FileAttr {
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: size.div_ceil(512),
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: 0o555,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn attributes_of(disk: &Disk, number: INodeNo) -> Option<FileAttr> {
    if number == INodeNo::ROOT {
        return Some(attributes(1, FileType::Directory, 0));
    }
    let file = disk.file(number)?;
    Some(attributes(number.into(), FileType::RegularFile, file.bytes.len() as u64))
}

impl Filesystem for Answers {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let number = self.0.files.iter().position(|file| OsStr::new(&file.name) == name);
        match number.and_then(|index| attributes_of(&self.0, INodeNo(index as u64 + FIRST))) {
            Some(found) => reply.entry(&REMEMBERED, &found, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match attributes_of(&self.0, number) {
            Some(found) => reply.attr(&REMEMBERED, &found),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // Around the page cache, which would read ahead into what does not answer.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(file) = self.0.file(number) else { return reply.error(Errno::ENOENT) };
        let len = file.bytes.len() as u64;
        let (from, to) = (offset.min(len), offset.saturating_add(size.into()).min(len));
        if to > file.answers_until.load(Ordering::SeqCst) {
            self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
            return;
        }
        reply.data(file.bytes.get(from as usize..to as usize).unwrap_or_default());
    }

    fn readdir(&self, _: &Request, _: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        if self.0.is_closed.load(Ordering::SeqCst) {
            self.0.waiting_for_names.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
            return;
        }
        let files =
            self.0.files.iter().zip(FIRST..).map(|(f, n)| (n, FileType::RegularFile, f.name.as_str()));
        let dots = [(1, FileType::Directory, "."), (1, FileType::Directory, "..")];
        for (at, (number, kind, name)) in dots.into_iter().chain(files).enumerate().skip(offset as usize) {
            if reply.add(INodeNo(number), at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }
}
