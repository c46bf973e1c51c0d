//! What a process has used, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::io;

/// Ticks a second in which `/proc` tells CPU times: USER_HZ, 100 on every machine that this runs on.
const USER_HZ: f64 = 100.0;

/// CPU and memory of a process with the threads and children that have ended.
#[derive(Debug, Clone)]
pub struct Usage {
    /// Processor time, in seconds.
    pub cpu_s: f64,
    /// The highest resident memory so far.
    pub peak_kib: u64,
    /// Its share of the memory that it has now, what is shared divided among those that share it.
    pub pss_kib: u64,
    /// Nanoseconds of CPU by thread, of those that live.
    threads: BTreeMap<u32, (String, u64)>,
}

impl Usage {
    /// What a process has used until now.
    ///
    /// # Errors
    /// There is no such process.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name before may hold anything; fields are counted from behind its closing bracket: utime, stime, cutime, cstime.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Self {
            cpu_s: ticks as f64 / USER_HZ,
            peak_kib: field_kib(&format!("/proc/{pid}/status"), "VmHWM:")?,
            pss_kib: field_kib(&format!("/proc/{pid}/smaps_rollup"), "Pss:")?,
            threads: threads(pid)?,
        })
    }

    /// CPU seconds a minute by the threads' names.
    #[must_use]
    pub fn threads_since(&self, before: &Self, minutes: f64) -> BTreeMap<String, f64> {
        let mut by_name = BTreeMap::new();
        for (id, (name, ns)) in &self.threads {
            let used_ns = ns - before.threads.get(id).map_or(0, |(_, ns)| *ns);
            *by_name.entry(name.clone()).or_default() += used_ns as f64 / 1e9 / minutes;
        }
        by_name
    }
}

fn field_kib(path: &str, key: &str) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find(|line| line.starts_with(key));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("{path} has no {key}")))
}

fn threads(pid: u32) -> io::Result<BTreeMap<u32, (String, u64)>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let id = task.file_name().to_string_lossy().parse().unwrap_or_default();
        let ns = read("schedstat").split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
        threads.insert(id, (read("comm").trim().to_owned(), ns));
    }
    Ok(threads)
}

/// The process of this name among a process and its descendants.
#[must_use]
pub fn descendant(pid: u32, name: &str) -> Option<u32> {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    if comm.trim() == name {
        return Some(pid);
    }
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .find_map(|child| descendant(child, name))
}
