//! A watchdog that is a FUSE file: it answers the ioctl that sets the timeout as a driver does, here one that can at most 15 s.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, IoctlFlags,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyEntry, ReplyIoctl, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};

/// `_IOWR('W', 6, int)`, from linux/watchdog.h.
const WDIOC_SETTIMEOUT: u32 = 0xc004_5706;
const TIMEOUT_S_MAX: i32 = 15;

#[derive(Debug, Default)]
struct Seen {
    asked_s: Vec<i32>,
    written: Vec<u8>,
}

struct Driver(Arc<Mutex<Seen>>);

fn attributes(number: INodeNo) -> FileAttr {
    let is_folder = number == INodeNo::ROOT;
    FileAttr {
        ino: number,
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: if is_folder { FileType::Directory } else { FileType::RegularFile },
        perm: if is_folder { 0o755 } else { 0o600 },
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

impl Filesystem for Driver {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == "watchdog0" {
            reply.entry(&Duration::ZERO, &attributes(INodeNo(2)), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&Duration::ZERO, &attributes(number));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        self.0.lock().unwrap().written.extend(data);
        reply.written(data.len() as u32);
    }

    fn ioctl(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        cmd: u32,
        data: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        let asked = data.try_into().ok().filter(|_| cmd == WDIOC_SETTIMEOUT).map(i32::from_ne_bytes);
        let Some(asked_s) = asked else { return reply.error(Errno::ENOTTY) };
        self.0.lock().unwrap().asked_s.push(asked_s);
        reply.ioctl(0, &asked_s.min(TIMEOUT_S_MAX).to_ne_bytes());
    }
}

#[test]
fn it_sets_the_timeout_by_the_real_ioctl_within_what_the_chip_can() {
    if !Path::new("/dev/fuse").exists() {
        eprintln!("SKIPPED: no /dev/fuse, so no file can answer ioctls here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sys = folder.path().join("sys/class/watchdog/watchdog0");
    std::fs::create_dir_all(&sys).unwrap();
    std::fs::create_dir_all(folder.path().join("dev")).unwrap();
    std::fs::write(sys.join("identity"), "Fake\n").unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("watchdog".into())];
    let session = match fuser::spawn_mount(Driver(Arc::clone(&seen)), folder.path().join("dev"), &config) {
        Ok(session) => session,
        Err(error) => {
            eprintln!("SKIPPED: FUSE cannot be mounted here: {error}");
            return;
        }
    };
    std::fs::write(folder.path().join("moved"), "stopped 1\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrion-watchdog"));
    command.arg("--root").arg(folder.path()).args(["--timeout-s", "60"]);
    for file in ["moved", "state", "resets"] {
        command.arg(format!("--{file}")).arg(folder.path().join(file));
    }
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let state = || std::fs::read_to_string(folder.path().join("state")).unwrap_or_default();
    while !state().contains("watchdog0 \"Fake\" 15 s") && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    let told = state();
    let ended = Command::new("kill").arg(child.id().to_string()).status().unwrap().success();
    let status = child.wait().unwrap();
    let _ = session.umount_and_join();
    assert!(told.contains("watchdog0 \"Fake\" 15 s"), "{told}");
    assert!(ended && status.success());
    let seen = seen.lock().unwrap();
    assert_eq!(seen.asked_s, [60]);
    assert_eq!((seen.written.first(), seen.written.last()), (Some(&b'.'), Some(&b'V')));
}
