//! Whether a thread waits in the kernel for a file or a server: then not it hangs, but a disk, or somebody far away.

/// Calls that wait for nothing but a file's bytes, names or attributes, or for a server. Calls that also read sockets and pipes are among
/// them: who reads those here has limits of its own.
const OUTSIDE: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_openat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_write,
    libc::SYS_fallocate,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_connect,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

/// Whether the thread of this process, by the kernel's number, waits for a file or a server now. `false` where the kernel does not tell.
pub fn is_outside(thread: i32) -> bool {
    let told = std::fs::read_to_string(format!("/proc/self/task/{thread}/syscall"));
    told.ok().as_deref().and_then(call).is_some_and(|call| OUTSIDE.contains(&call))
}

/// The number of the call in which a thread waits; `running` is in none.
fn call(told: &str) -> Option<libc::c_long> {
    told.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::time::{Duration, Instant};

    #[test]
    fn a_thread_that_reads_is_told_from_one_that_waits_for_a_lock_or_runs() {
        let numbers = crossbeam_channel::bounded(2);
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (unlock, locked) = crossbeam_channel::bounded::<()>(0);
        let own = || rustix::thread::gettid().as_raw_nonzero().get();
        let to_us = numbers.0.clone();
        let reads = std::thread::spawn(move || {
            to_us.send(own()).unwrap();
            reader.read_to_end(&mut Vec::new()).unwrap();
        });
        let reading = numbers.1.recv().unwrap();
        let to_us = numbers.0.clone();
        let waits = std::thread::spawn(move || {
            to_us.send(own()).unwrap();
            let _ = locked.recv();
        });
        let waiting = numbers.1.recv().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_outside(reading) {
            assert!(
                Instant::now() < deadline,
                "{:?}",
                std::fs::read(format!("/proc/self/task/{reading}/syscall"))
            );
            std::thread::yield_now();
        }
        let asleep = |thread: i32| {
            let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap();
            stat.rsplit(')').next().unwrap().trim_start().starts_with('S')
        };
        while !asleep(waiting) {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        assert!(!is_outside(waiting));
        drop((writer, unlock));
        reads.join().unwrap();
        waits.join().unwrap();
        assert_eq!((call("running\n"), call("0 0x5 0x7f"), call("")), (None, Some(0), None));
    }
}
