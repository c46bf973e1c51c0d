//! Where a device keeps its state and listens, when nobody says otherwise.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Names another socket than the usual one, for the device and its clients.
pub const SOCKET_VARIABLE: &str = "ORCHESTRION_SOCKET";

/// The folder for the state: what systemd gives, `/var/lib/orchestrion` for root, else the user's state folder.
pub fn state_dir() -> PathBuf {
    if let Some(dir) = variable("STATE_DIRECTORY") {
        return dir;
    }
    if rustix::process::geteuid().is_root() {
        return "/var/lib/orchestrion".into();
    }
    let base = variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    base.unwrap_or_else(std::env::temp_dir).join("orchestrion")
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The socket on which a device listens: the first of [`socket_candidates`] whose folder this user can use or make.
pub fn socket() -> PathBuf {
    let candidates = socket_candidates();
    let usable = |socket: &&PathBuf| {
        let Some(folder) = socket.parent() else { return false };
        let place = if folder.is_dir() { Some(folder) } else { folder.parent() };
        place.is_some_and(|place| access(place, Access::WRITE_OK | Access::EXEC_OK).is_ok())
    };
    candidates.iter().find(usable).or(candidates.last()).cloned().unwrap_or_default()
}

/// Where a device that systemd runs says that it moves: `orchestrion-watchdog` reads it there. `None` for one that somebody runs by hand, which must
/// not get the board reset when it ends.
pub fn moved() -> Option<PathBuf> {
    runtime_folder(variable("RUNTIME_DIRECTORY").map(PathBuf::into_os_string))
        .map(|folder| folder.join("moved"))
}

/// systemd lists several folders with colons in between; the unit's first is the device's.
fn runtime_folder(list: Option<OsString>) -> Option<PathBuf> {
    let list = PathBuf::from(list.filter(|text| !text.is_empty())?);
    Some(match list.to_str().and_then(|text| text.split_once(':')) {
        Some((first, _)) => PathBuf::from(first),
        None => list,
    })
}

/// Where the place in the song is kept every two seconds: beside the socket, which on a real device is in memory.
pub fn place_in_the_song(socket: &Path) -> PathBuf {
    socket.with_extension("place")
}

/// The lock beside a socket.
pub fn socket_lock(socket: &Path) -> PathBuf {
    socket.with_extension("lock")
}

/// The sockets at which a device may listen, the likeliest first.
///
/// `$ORCHESTRION_SOCKET` where it is set, and then only that; else `control.sock` in `$RUNTIME_DIRECTORY` (given by
/// systemd), in `/run/orchestrion`, in `$XDG_RUNTIME_DIR/orchestrion` and in `/tmp/orchestrion-UID`.
pub fn socket_candidates() -> Vec<PathBuf> {
    candidates(|name| std::env::var_os(name), rustix::process::geteuid().as_raw())
}

fn candidates(variable: impl Fn(&str) -> Option<OsString>, user: u32) -> Vec<PathBuf> {
    let folder = |name| variable(name).filter(|text| !text.is_empty()).map(PathBuf::from);
    if let Some(socket) = folder(SOCKET_VARIABLE) {
        return vec![socket];
    }
    let mut folders: Vec<PathBuf> = runtime_folder(variable("RUNTIME_DIRECTORY")).into_iter().collect();
    folders.push("/run/orchestrion".into());
    folders.extend(folder("XDG_RUNTIME_DIR").map(|runtime| runtime.join("orchestrion")));
    folders.push(private_folder(user));
    folders.dedup();
    folders.into_iter().map(|folder| folder.join("control.sock")).collect()
}

/// The folder in /tmp that a device of this user would make.
fn private_folder(user: u32) -> PathBuf {
    format!("/tmp/orchestrion-{user}").into()
}

/// Anyone can make a folder in /tmp under the name that ours would have, and listen in it.
pub(crate) fn is_trustworthy(path: &Path, user: u32) -> bool {
    let folder = private_folder(user);
    path.parent() != Some(&folder) || fs::symlink_metadata(&folder).map_or(true, |found| found.uid() == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_tmp_that_another_user_made_under_our_name_is_passed_over() {
        // A number that is nobody's here; the folder belongs to whoever runs the test.
        let user = 3_999_999_000 + std::process::id() % 1000;
        let path = private_folder(user).join("control.sock");
        assert!(is_trustworthy(&path, user), "what is not there harms nobody");
        fs::create_dir(private_folder(user)).unwrap();
        let trusted = is_trustworthy(&path, user);
        fs::remove_dir(private_folder(user)).unwrap();
        assert!(!trusted && is_trustworthy(Path::new("/run/orchestrion/control.sock"), user));
    }

    #[test]
    fn the_socket_is_looked_for_where_a_device_would_put_it() {
        let with = |set: &[(&str, &str)]| {
            let set: Vec<(String, String)> = set.iter().map(|&(k, v)| (k.into(), v.into())).collect();
            candidates(|name| set.iter().find(|(k, _)| k == name).map(|(_, v)| v.into()), 1000)
        };
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(
            with(&[]),
            paths(&["/run/orchestrion/control.sock", "/tmp/orchestrion-1000/control.sock"])
        );
        assert_eq!(
            with(&[("RUNTIME_DIRECTORY", "/run/a:/run/b"), ("XDG_RUNTIME_DIR", "/run/user/1000")]),
            paths(&[
                "/run/a/control.sock",
                "/run/orchestrion/control.sock",
                "/run/user/1000/orchestrion/control.sock",
                "/tmp/orchestrion-1000/control.sock",
            ])
        );
        assert_eq!(with(&[("RUNTIME_DIRECTORY", "/run/orchestrion")]).len(), 2, "none twice");
        assert_eq!(with(&[(SOCKET_VARIABLE, "/x"), ("XDG_RUNTIME_DIR", "/y")]), paths(&["/x"]));
        assert_eq!(with(&[(SOCKET_VARIABLE, ""), ("XDG_RUNTIME_DIR", "")]).len(), 2);
    }
}
