//! Starts and stops it all, in order.
//!
//! Start: settings, lock, database, key, fleet, socket, network, READY. Stop: no new connections, requests that are held are
//! answered, connections end, how devices stand is written, the database is closed, the socket's file goes.

pub mod lock;
pub mod logger;
pub mod notify;
pub mod restore;

use std::path::PathBuf;

use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::Error;
use crate::fleet::writer;
use crate::http::{self, listen::Doors};
use crate::retention;
use crate::server::{App, Server};
use crate::settings::{Settings, SettingsError};
use lock::{Lock, LockError};

/// The lock's name in the state folder.
pub const LOCK_NAME: &str = "lock";

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another server runs here.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Database, key or folder.
    #[error(transparent)]
    State(#[from] Error),
    /// The address is taken, or the socket cannot be made.
    #[error("cannot listen on {what}: {source}")]
    Listen {
        /// Where.
        what: String,
        /// The system's words.
        source: std::io::Error,
    },
}

/// A server that runs.
pub struct Running {
    /// What the handlers have.
    pub app: App,
    /// Where it listens, also when the port was left to the kernel.
    pub address: std::net::SocketAddr,
    tasks: tokio::task::JoinSet<()>,
    stop: watch::Sender<bool>,
    doors: std::sync::Arc<Doors>,
    socket: PathBuf,
    _lock: Lock,
}

/// Takes the lock of a state folder, which is made if it is not there.
///
/// # Errors
/// Another server has it.
pub fn take_lock(settings: &Settings) -> Result<Lock, StartError> {
    let dir = &settings.state_dir;
    std::fs::create_dir_all(dir).map_err(|source| LockError::Io { path: dir.clone(), source })?;
    Ok(Lock::take(&dir.join(LOCK_NAME))?)
}

/// Starts a server.
///
/// # Errors
/// Each with its own words; what was begun is undone.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    settings
        .judge()
        .map_err(|reason| SettingsError::Wrong { path: PathBuf::from("the settings"), reason })?;
    let lock = take_lock(&settings)?;
    let app = Server::open(settings.clone()).await?;
    let listen = |what: String| move |source| StartError::Listen { what, source };
    let network = bind_network(settings.listen).map_err(listen(settings.listen.to_string()))?;
    let address = network.local_addr().map_err(listen(settings.listen.to_string()))?;
    app.set_address(address);
    let socket = settings.socket_path();
    // Whoever left it there is gone: the lock is ours.
    let _ = std::fs::remove_file(&socket);
    let local = bind_socket(&socket).map_err(listen(socket.display().to_string()))?;
    let (stop, stopped) = watch::channel(false);
    let doors = std::sync::Arc::new(Doors::new(stopped.clone()));
    let mut tasks = tokio::task::JoinSet::new();
    let (ours, router) = (doors.clone(), http::router(app.clone()));
    let shared = app.clone();
    tasks.spawn(async move { ours.network(network, router, &shared).await });
    let (ours, router) = (doors.clone(), http::local_router(app.clone()));
    tasks.spawn(async move { ours.local(local, router).await });
    tasks.spawn(retention::look_often(app.clone(), stopped.clone()));
    tasks.spawn(write_often(app.clone(), stopped));
    Ok(Running { app, address, tasks, stop, doors, socket, _lock: lock })
}

/// Connections that the kernel holds until they are taken; it has a bound of its own (net.core.somaxconn). A fleet that comes back
/// all at once must not wait for the second try of those for whom there was no room.
const BACKLOG: u32 = 16_384;

fn bind_network(address: std::net::SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Else a server that is started again would have to wait for what its connections left behind.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind_socket(path: &std::path::Path) -> std::io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    let listener = UnixListener::bind(path)?;
    // Whoever may open it may do everything.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

async fn write_often(app: App, mut stop: watch::Receiver<bool>) {
    let mut refused = false;
    loop {
        let is_over = tokio::time::timeout(writer::EVERY, stop.wait_for(|stop| *stop)).await.is_ok();
        match app.fleet.write(&app).await {
            Ok(()) => refused = false,
            // Said once, not every second.
            Err(error) if !refused => {
                refused = true;
                log::error!("how devices stand cannot be written: {error}; it is tried again");
            }
            Err(_) => {}
        }
        if is_over {
            return;
        }
    }
}

impl Running {
    /// Runs until it is told to stop, by a signal or over its socket, then stops.
    ///
    /// # Errors
    /// Signals cannot be had.
    pub async fn until_told(self, config: Option<PathBuf>) -> std::io::Result<()> {
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        notify::tell("READY=1");
        loop {
            tokio::select! {
                _ = term.recv() => break log::info!("told to stop by SIGTERM"),
                _ = int.recv() => break log::info!("told to stop by SIGINT"),
                () = self.app.stop_asked.notified() => break,
                _ = hup.recv() => match Settings::read(config.as_deref()) {
                    Ok(settings) => match self.app.reload(settings) {
                        Ok(later) => log::info!("read the settings again{}", needs_restart(&later)),
                        Err(error) => log::error!("the settings stay as they were: {error}"),
                    },
                    Err(error) => log::error!("the settings stay as they were: {error}"),
                },
            }
        }
        notify::tell("STOPPING=1");
        self.stop().await;
        Ok(())
    }

    /// Stops, in order.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        self.app.stop();
        while self.tasks.join_next().await.is_some() {}
        if let Some(doors) = std::sync::Arc::into_inner(self.doors) {
            doors.finish().await;
        }
        if let Err(error) = self.app.fleet.write(&self.app).await {
            log::error!("how devices stand could not be written: {error}");
        }
        self.app.database.clone().close().await;
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Ends as if it was killed: nothing more is written or answered. For tests.
    pub fn kill(mut self) {
        self.tasks.abort_all();
    }
}

/// What a reload could not change.
pub fn needs_restart(keys: &[&str]) -> String {
    if keys.is_empty() { String::new() } else { format!("; changed only by a restart: {}", keys.join(", ")) }
}
