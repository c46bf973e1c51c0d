//! What the child takes from itself before it looks at a file.

use std::fs;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Open files, at most: the song, GStreamer's event descriptors, and room.
const FILES_MAX: u64 = 64;
/// Of the address space, in MiB: beside what it allocates there are libraries, stacks and their guards.
const ADDRESSES_MIB: u64 = 1024;
/// Bytes of a file that it writes. A decoder has none to write, but Orc maps the code that it makes through one.
const WRITTEN_LEN_MAX: u64 = 1 << 20;
/// How much rather than the daemon the kernel ends it when memory runs out (−1000 to 1000).
const OOM_SCORE: &str = "500";

/// Limits this process; a limit that the system does not know is not one that a song should fail for.
pub fn confine(memory_mib: u64) {
    let limit = |resource, max: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(max), maximum: Some(max) });
    };
    limit(Resource::Core, 0);
    limit(Resource::Nofile, FILES_MAX);
    limit(Resource::Fsize, WRITTEN_LEN_MAX);
    // All private memory that can be written, allocated by whatever means (Linux 4.7 and later).
    limit(Resource::Data, memory_mib << 20);
    limit(Resource::As, (memory_mib + ADDRESSES_MIB) << 20);
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
}
