//! Makes the socket: never open to more people than it should be, never over something that is not ours.
//!
//! It is made under another name, closed to all but its owner, then given its group and mode, and only then renamed
//! to where clients look. So a client finds either nothing or a socket that is ready.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};

use mio::net::UnixListener;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{Settings, group};

/// Connections that the kernel holds until they are accepted: all clients may come at once.
const BACKLOG_LEN: i32 = 128;
/// The owner and the group may talk to the device.
const SOCKET_MODE: u32 = 0o660;
/// Everyone may look for the socket.
const FOLDER_MODE: u32 = 0o755;

/// Why there is no socket, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Someone put something else there.
    #[error(
        "{path} is {what}, not a socket; it is left alone: move it away or choose another path for the socket"
    )]
    NotASocket {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Another process listens there.
    #[error("another process already listens on {0}; stop it or choose another path for the socket")]
    Taken(PathBuf),
    /// Someone else could put another socket in its place.
    #[error("{folder} belongs to user {owner}, who could put another socket there; choose another path")]
    ForeignFolder {
        /// The folder.
        folder: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The kernel has room for about a hundred bytes.
    #[error("{0} is too long or not fit for a socket's path; choose a shorter one")]
    Path(PathBuf),
    /// There is no such group.
    #[error("there is no group \"{0}\"; make it with `groupadd --system {0}` or name another one")]
    UnknownGroup(String),
    /// The kernel refuses.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A socket that listens. Its file goes when it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    /// What to accept from.
    pub(super) socket: UnixListener,
    file: SocketFile,
}

impl Listener {
    /// Makes the socket and listens.
    pub(super) fn open(settings: &Settings) -> Result<Self, SocketError> {
        let path = settings.socket.as_path();
        prepare_folder(path)?;
        refuse_what_is_not_stale(path)?;
        let group = settings.group.as_deref().map(group_number).transpose()?;

        let (socket, mut file) = bind_beside(path)?;
        file.open_to(group)?;
        rustix::net::listen(&socket, BACKLOG_LEN).map_err(|e| failed("listen on", path, e))?;
        file.rename(path)?;
        Ok(Self { socket: UnixListener::from_std(StdListener::from(socket)), file })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.file.path
    }
}

/// The file of a socket that is ours; it is removed on drop if it still is.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    fn new(path: PathBuf) -> Self {
        let identity = fs::symlink_metadata(&path).ok().map(|file| identity(&file));
        Self { path, identity }
    }

    fn open_to(&self, group: Option<u32>) -> Result<(), SocketError> {
        if let Some(group) = group {
            std::os::unix::fs::chown(&self.path, None, Some(group))
                .map_err(|e| failed("give to its group", &self.path, e))?;
        }
        fs::set_permissions(&self.path, Permissions::from_mode(SOCKET_MODE))
            .map_err(|e| failed("set the mode of", &self.path, e))
    }

    fn rename(&mut self, path: &Path) -> Result<(), SocketError> {
        fs::rename(&self.path, path).map_err(|e| failed("put a socket at", path, e))?;
        self.path = path.to_owned();
        Ok(())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path).ok().map(|file| identity(&file));
        if found.is_some() && found == self.identity {
            // A file that stays behind is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn failed(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> SocketError {
    SocketError::Io { doing, path: path.to_owned(), source: source.into() }
}

fn group_number(group: &str) -> Result<u32, SocketError> {
    group::number_of(group)
        .map_err(|e| failed("read", Path::new("/etc/group"), e))?
        .ok_or_else(|| SocketError::UnknownGroup(group.to_owned()))
}

fn prepare_folder(path: &Path) -> Result<(), SocketError> {
    let folder = match path.parent().ok_or_else(|| SocketError::Path(path.to_owned()))? {
        here if here.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    let found = match fs::metadata(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => make_folder(folder)?,
        found => found.map_err(|e| failed("use the folder", folder, e))?,
    };
    let (me, owner) = (rustix::process::geteuid().as_raw(), found.uid());
    // Root may put its socket into anyone's folder, but not into one where anyone could have made it: below /tmp that
    // may have been done under the very name that we would have given it.
    if owner == me || owner == 0 || (me == 0 && !is_open_to_all(folder.parent())) {
        Ok(())
    } else {
        Err(SocketError::ForeignFolder { folder: folder.to_owned(), owner })
    }
}

fn is_open_to_all(folder: Option<&Path>) -> bool {
    folder.and_then(|folder| fs::metadata(folder).ok()).is_some_and(|found| found.mode() & 0o002 != 0)
}

fn make_folder(folder: &Path) -> Result<Metadata, SocketError> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        // The umask may have taken bits away.
        .and_then(|()| fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE)))
        .and_then(|()| fs::metadata(folder))
        .map_err(|e| failed("make the folder", folder, e))
}

/// Passes when nothing is at `path`, or the socket of a process that is no more.
fn refuse_what_is_not_stale(path: &Path) -> Result<(), SocketError> {
    let kind = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|e| failed("look at", path, e))?.file_type(),
    };
    if !kind.is_socket() {
        let what = if kind.is_dir() {
            "a folder"
        } else if kind.is_symlink() {
            "a symbolic link"
        } else if kind.is_file() {
            "a file"
        } else {
            "a device or pipe"
        };
        return Err(SocketError::NotASocket { path: path.to_owned(), what });
    }
    // Not std's connect: that one waits when a live but busy process has no room for more connections.
    let probe = new_socket(path)?;
    match rustix::net::connect(&probe, &address(path)?) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(()),
        Ok(()) | Err(Errno::AGAIN) => Err(SocketError::Taken(path.to_owned())),
        Err(e) => Err(failed("use the socket that exists at", path, e)),
    }
}

/// Binds to a name beside `path`, closed to all but the owner.
fn bind_beside(path: &Path) -> Result<(OwnedFd, SocketFile), SocketError> {
    let name = path.file_name().ok_or_else(|| SocketError::Path(path.to_owned()))?;
    let mut beside = OsString::from(name);
    beside.push(".new");
    let beside = path.with_file_name(beside);
    let socket = new_socket(path)?;
    // The mode of an unbound socket is the one with which bind makes its file: it is narrow from the first moment,
    // and the umask, which belongs to all threads, stays as it is.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(|e| failed("make a socket for", path, e))?;
    let address = address(&beside).map_err(|_| SocketError::Path(path.to_owned()))?;
    let bound = match rustix::net::bind(&socket, &address) {
        Err(Errno::ADDRINUSE) => {
            // Left by a start that was cut off between bind and rename.
            refuse_what_is_not_stale(&beside)?;
            fs::remove_file(&beside).map_err(|e| failed("remove", &beside, e))?;
            rustix::net::bind(&socket, &address)
        }
        bound => bound,
    };
    bound.map_err(|e| failed("make a socket at", &beside, e))?;
    Ok((socket, SocketFile::new(beside)))
}

fn new_socket(path: &Path) -> Result<OwnedFd, SocketError> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .map_err(|e| failed("make a socket for", path, e))
}

fn address(path: &Path) -> Result<SocketAddrUnix, SocketError> {
    SocketAddrUnix::new(path).map_err(|_| SocketError::Path(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(socket: PathBuf) -> Settings {
        Settings { socket, group: None }
    }

    #[test]
    fn the_socket_is_open_to_its_owner_and_group_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/control.sock");
        let listener = Listener::open(&settings(path.clone())).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, SOCKET_MODE);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o7777, FOLDER_MODE);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no other name stays behind");
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_freshly_bound_socket_is_closed_to_the_group_and_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let (_socket, file) = bind_beside(&folder.path().join("control.sock")).unwrap();
        assert_eq!(fs::metadata(&file.path).unwrap().mode() & 0o7777 & !0o600, 0);
    }

    #[test]
    fn the_socket_of_a_dead_process_is_replaced_and_that_of_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(StdListener::bind(&path).unwrap());
        drop(StdListener::bind(folder.path().join("control.sock.new")).unwrap());
        let listener = Listener::open(&settings(path.clone())).unwrap();
        assert!(matches!(Listener::open(&settings(path.clone())), Err(SocketError::Taken(_))));
        assert_eq!(listener.path(), path);
        std::os::unix::net::UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn what_is_not_a_socket_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        fs::write(&path, "precious").unwrap();
        let error = Listener::open(&settings(path.clone())).unwrap_err().to_string();
        assert!(error.contains("is a file, not a socket"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"precious");

        let link = folder.path().join("link.sock");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(Listener::open(&settings(link)), Err(SocketError::NotASocket { .. })));
        assert!(matches!(
            Listener::open(&settings(folder.path().into())),
            Err(SocketError::NotASocket { .. })
        ));
    }

    #[test]
    fn a_socket_that_took_our_place_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let ours = Listener::open(&settings(path.clone())).unwrap();
        fs::remove_file(&path).unwrap();
        let _theirs = StdListener::bind(&path).unwrap();
        drop(ours);
        assert!(path.exists());
    }

    #[test]
    fn a_wrong_group_and_a_wrong_path_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let no_group = Settings { socket: path.clone(), group: Some("no-such-group".into()) };
        let error = Listener::open(&no_group).unwrap_err().to_string();
        assert!(error.contains("no-such-group"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let long = folder.path().join("x".repeat(120));
        assert!(matches!(Listener::open(&settings(long)), Err(SocketError::Path(_))));
        assert!(matches!(Listener::open(&settings("/".into())), Err(SocketError::Path(_))));
    }

    #[test]
    fn a_folder_that_another_user_made_where_anyone_can_is_not_used() {
        if !rustix::process::geteuid().is_root() {
            return; // Only root can make a folder that belongs to another.
        }
        let outer = tempfile::tempdir().unwrap();
        fs::set_permissions(outer.path(), Permissions::from_mode(0o1777)).unwrap();
        let folder = outer.path().join("orchestrion-0");
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::chown(&folder, Some(12345), None).unwrap();
        let open = || Listener::open(&settings(folder.join("control.sock")));
        assert!(matches!(open(), Err(SocketError::ForeignFolder { owner: 12345, .. })));
        fs::set_permissions(outer.path(), Permissions::from_mode(0o755)).unwrap();
        open().unwrap();
    }

    #[test]
    fn the_socket_is_given_to_its_group() {
        // Only root may give files to any group; others to their own.
        let group = rustix::process::getegid().as_raw();
        let group = if rustix::process::geteuid().is_root() { group + 1 } else { group };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let _listener =
            Listener::open(&Settings { socket: path.clone(), group: Some(group.to_string()) }).unwrap();
        let file = fs::metadata(&path).unwrap();
        assert_eq!((file.gid(), file.mode() & 0o7777), (group, SOCKET_MODE));
    }
}
