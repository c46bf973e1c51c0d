//! What whoever starts a measurement wishes, by the environment.

use std::fs::File;

use rustix::fs::{FlockOperation, flock};

/// A variable that is set to something.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Locks the file that a variable names, for a machine shared with compilers, until what is given back is dropped; waits as long as
/// that takes. Nothing where the variable is not set.
///
/// # Errors
/// The file cannot be made or locked.
pub fn quiet(name: &str) -> std::io::Result<Option<File>> {
    let Some(path) = variable(name) else { return Ok(None) };
    let file = File::options().create(true).append(true).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(Some(file))
}
