//! What a server bears: a fleet of pretended boards, each number of them against a new server, and requests a second beside a bare
//! axum handler.
//!
//! `cargo bench -p orchestrion-server --bench fleet`, or only parts of it: `-- 100 1000 10000 bare`. Server, boards and this program
//! are processes of their own. It takes some ten minutes and wants a machine that does nothing else. The boards are the device's
//! own client and workshop (`orchestrion fleet`), which is built first. It raises the limit of open files itself.

mod bare;
mod figures;
mod house;

use std::error::Error;

use figures::Figures;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Boards of a fleet.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Open files beside the connections of a fleet.
const FILES_BESIDE: u64 = 256;

fn main() -> Fallible<()> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == bare::SERVE) {
        return bare::serve();
    }
    // Run as a test (`cargo test --benches`) there is nothing to measure.
    if !args.iter().any(|arg| arg == "--bench") {
        return Ok(());
    }
    args.retain(|arg| arg != "--bench");
    let is_wanted = |name: &str| args.is_empty() || args.iter().any(|arg| arg == name);
    let sizes: Vec<usize> = SIZES.into_iter().filter(|size| is_wanted(&size.to_string())).collect();
    raise_files(sizes.last().copied().unwrap_or(0) as u64 + FILES_BESIDE)?;
    let device = house::build_device()?;
    let mut all = Vec::new();
    for size in sizes {
        all.push(Figures::measure(&device, size)?);
    }
    figures::print(&all);
    if is_wanted("bare") {
        bare::compare()?;
    }
    Ok(())
}

/// Lets this process, and those that it starts, open so many files.
fn raise_files(wanted: u64) -> Fallible<()> {
    let now = getrlimit(Resource::Nofile);
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= wanted);
    if is_enough(now.current) {
        return Ok(());
    }
    let maximum = if is_enough(now.maximum) { now.maximum } else { Some(wanted) };
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).map_err(|error| {
        format!("it needs {wanted} open files and may not have them ({error}); as root: ulimit -n {wanted}")
    })?;
    Ok(())
}
