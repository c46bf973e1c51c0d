//! Where a device keeps its state and listens, when nobody says otherwise.

use std::path::{Path, PathBuf};

/// Names another socket than the usual one, for the device and its clients.
pub const SOCKET_VARIABLE: &str = "ORCHESTRION_SOCKET";

/// The folder for the state: what systemd gives, `/var/lib/orchestrion` for root, else the user's state folder.
pub fn state_dir() -> PathBuf {
    if let Some(dir) = variable("STATE_DIRECTORY") {
        return dir;
    }
    if is_root() {
        return "/var/lib/orchestrion".into();
    }
    let base = variable("XDG_STATE_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    base.unwrap_or_else(std::env::temp_dir).join("orchestrion")
}

/// The socket on which a device listens.
pub fn socket() -> PathBuf {
    if let Some(socket) = variable(SOCKET_VARIABLE) {
        return socket;
    }
    if let Some(dir) = variable("RUNTIME_DIRECTORY") {
        return dir.join("control.sock");
    }
    if is_root() {
        return "/run/orchestrion/control.sock".into();
    }
    match variable("XDG_RUNTIME_DIR").filter(|dir| dir.is_dir()) {
        Some(dir) => dir.join("orchestrion/control.sock"),
        None => own_temporary_socket(),
    }
}

/// The sockets at which a client looks for a device, in turn.
pub fn socket_candidates() -> Vec<PathBuf> {
    let mut candidates = vec![socket(), PathBuf::from("/run/orchestrion/control.sock")];
    candidates.extend(variable("XDG_RUNTIME_DIR").map(|dir| dir.join("orchestrion/control.sock")));
    candidates.push(own_temporary_socket());
    candidates.dedup();
    candidates
}

fn own_temporary_socket() -> PathBuf {
    let user = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("orchestrion-{user}/control.sock"))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The lock beside a socket.
pub fn socket_lock(socket: &Path) -> PathBuf {
    socket.with_extension("lock")
}
