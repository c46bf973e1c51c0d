//! systemd, as the one to tell how this goes (sd_notify(3)): a datagram to the socket that it names. Without systemd there is nobody to tell.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// What systemd listens at.
#[derive(Debug)]
pub struct Systemd {
    socket: UnixDatagram,
    /// How long it waits for `WATCHDOG=1`, if it does.
    watchdog: Option<Duration>,
}

impl Systemd {
    /// The systemd that started this, if one did.
    pub fn from_env() -> Option<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let place = variable("NOTIFY_SOCKET")?;
        let connected = connect(&place);
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        // It is inherited by processes of which nothing is awaited.
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|us| is_ours && *us > 0).map(Duration::from_micros);
        match connected {
            Ok(socket) => Some(Self { socket, watchdog }),
            Err(error) => {
                log::warn!("systemd cannot be told anything: $NOTIFY_SOCKET {}: {error}", place.display());
                None
            }
        }
    }

    /// Says something. What systemd does not take at once is said again with the next look.
    pub fn say(&self, words: &str) {
        if let Err(error) = self.socket.send(words.as_bytes()) {
            log::debug!("systemd does not listen: {error}");
        }
    }

    /// How long it waits for `WATCHDOG=1` until it ends this process.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }
}

fn connect(place: &OsStr) -> std::io::Result<UnixDatagram> {
    let address = match place.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(place)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_reached_by_a_path_and_by_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("@orchestrion-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
        for (listener, place) in [
            (UnixDatagram::bind(&path).unwrap(), path.as_os_str()),
            (UnixDatagram::bind_addr(&address).unwrap(), OsStr::new(&name)),
        ] {
            let systemd = Systemd { socket: connect(place).unwrap(), watchdog: None };
            systemd.say("READY=1");
            let mut bytes = [0; 32];
            listener.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let len = listener.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..len], b"READY=1");
        }
        assert!(connect(folder.path().join("nobody").as_os_str()).is_err());
    }
}
