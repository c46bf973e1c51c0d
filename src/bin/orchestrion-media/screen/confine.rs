//! What the child takes from itself before it looks at a file.

use std::fs;
use std::sync::Arc;

use orchestrion::audio::tags::COVER_LEN_MAX;
use rustix::process::{Resource, Rlimit, setrlimit};

/// Open files, at most: two films, the screen, GStreamer's event descriptors, and room for those that are being closed.
const FILES_MAX: u64 = 256;
/// Memory of its own, in MiB: two pictures of the largest size, while they are scaled.
const MEMORY_MIB_MAX: u64 = 1024;
/// Bytes of a file that it writes: a song's cover, in memory. Orc maps the code that it makes through one, too.
const WRITTEN_LEN_MAX: u64 = COVER_LEN_MAX as u64;
/// How much rather than the daemon the kernel ends it when memory runs out (−1000 to 1000).
const OOM_SCORE: &str = "500";

/// Limits this process; a limit that the system does not know is not one that the screen should stay dark for.
pub fn confine() {
    let limit = |resource, max: u64| {
        let _ = setrlimit(resource, Rlimit { current: Some(max), maximum: Some(max) });
    };
    limit(Resource::Core, 0);
    limit(Resource::Nofile, FILES_MAX);
    limit(Resource::Fsize, WRITTEN_LEN_MAX);
    // Fontconfig may want to write down which fonts there are: then that write fails and not the process.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    limit(Resource::Data, MEMORY_MIB_MAX << 20);
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE);
}
