//! Everything that the handlers share, and how it comes to be.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use orchestrion_protocol::release::SecretKey;
use sea_orm::FromQueryResult;
use tokio::sync::Notify;

use crate::accounts::{self, Accounts};
use crate::database::{Database, unsigned, values};
use crate::fleet::writer::Fleet;
use crate::objects::{Objects, refused};
use crate::programs::{self, Programs};
use crate::settings::{Settings, Speech};
use crate::time::Clock;
use crate::tls::{Tls, TlsError};
use crate::{Error, Result, chance, fleet};

/// What the handlers have.
pub type App = Arc<Server>;

/// The key's name in the state folder.
const KEY_NAME: &str = "server.key";

/// See the head of this file.
#[derive(Debug)]
pub struct Server {
    /// The only door to SQLite.
    pub database: Database,
    /// Who there is.
    pub fleet: Fleet,
    /// What was published.
    pub programs: Programs,
    /// Blobs and manifests.
    pub objects: Objects,
    /// Who may ask.
    pub accounts: Accounts,
    /// Time.
    pub clock: Clock,
    /// Told when a command's result came.
    pub answered: Notify,
    /// Told once, when it stops.
    pub stop_asked: Notify,
    settings: RwLock<Arc<Settings>>,
    tls: RwLock<Option<Tls>>,
    /// Where it listens, as a device writes it.
    url: OnceLock<String>,
    key: SecretKey,
    epoch: AtomicU64,
    stopping: AtomicBool,
}

#[derive(FromQueryResult)]
struct Epoch {
    epoch: i64,
}

impl Server {
    /// Opens a state folder, makes what is not there, and reads what was.
    ///
    /// # Errors
    /// The folder, the database or the key cannot be used.
    pub async fn open(settings: Settings) -> Result<App> {
        let state_dir = settings.state_dir.clone();
        tokio::fs::create_dir_all(&state_dir).await.map_err(refused(&state_dir))?;
        let database = Database::open(&state_dir).await?;
        let clock = Clock::default();
        database
            .execute(
                "INSERT INTO server (one, epoch, made_utc_ms) VALUES (1, 1, $1) ON CONFLICT DO NOTHING",
                values![clock.utc_ms()],
            )
            .await?;
        let epoch: Option<Epoch> = database.row("SELECT epoch FROM server WHERE one = 1", values![]).await?;
        let app = Arc::new(Self {
            fleet: Fleet::default(),
            programs: Programs::default(),
            objects: Objects::open(&state_dir)?,
            accounts: Accounts::default(),
            clock,
            answered: Notify::new(),
            stop_asked: Notify::new(),
            tls: RwLock::new(Tls::open(&settings).map_err(|error| Error::Unavailable(error.to_string()))?),
            url: OnceLock::new(),
            settings: RwLock::new(Arc::new(settings)),
            key: key(&state_dir)?,
            epoch: AtomicU64::new(epoch.map_or(1, |found| unsigned(found.epoch))),
            stopping: AtomicBool::new(false),
            database,
        });
        accounts::load(&app).await?;
        fleet::load::load(&app).await?;
        programs::load(&app).await?;
        Ok(app)
    }

    /// What an administrator set.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it speaks TLS with; `None`: plain HTTP.
    pub fn tls(&self) -> Option<Tls> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it listens, once it does.
    pub fn url(&self) -> &str {
        self.url.get().map_or("", String::as_str)
    }

    /// It listens there from now on.
    pub(crate) fn set_address(&self, address: std::net::SocketAddr) {
        let scheme = if self.tls().is_some() { "https" } else { "http" };
        let _ = self.url.set(format!("{scheme}://{address}"));
    }

    /// Other settings, and the certificate read again; what needs a restart is named.
    ///
    /// # Errors
    /// The certificate cannot be used; all stays as it was.
    pub fn reload(&self, new: Settings) -> std::result::Result<Vec<&'static str>, TlsError> {
        let old = self.settings();
        let mut later = Vec::new();
        for (key, is_other) in [
            ("listen", new.listen != old.listen),
            ("state_dir", new.state_dir != old.state_dir),
            ("socket", new.socket != old.socket),
            ("connections_max", new.connections_max != old.connections_max),
        ] {
            if is_other {
                later.push(key);
            }
        }
        let was_plain = old.speech() == Speech::Plain;
        if was_plain != (new.speech() == Speech::Plain) {
            later.push("tls");
        } else if !was_plain {
            let state_dir = old.state_dir.clone();
            let tls = Tls::open(&Settings { state_dir, ..new.clone() })?;
            *self.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
        }
        let kept = Settings { listen: old.listen, state_dir: old.state_dir.clone(), ..new };
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kept);
        Ok(later)
    }

    /// The key that signs commands and releases.
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    /// The epoch of what is numbered from now on.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Whether it stops: requests that are held are answered.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Lets go of all that is held.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stop_asked.notify_waiters();
        self.stop_asked.notify_one();
        self.answered.notify_waiters();
        for member in self.fleet.roster.lock().devices() {
            member.bell.notify_waiters();
        }
    }
}

/// The key of a state folder; a new one at the first start.
fn key(state_dir: &Path) -> Result<SecretKey> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = state_dir.join(KEY_NAME);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.parse().map_err(|error| Error::Unavailable(format!("{}: {error}", path.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = SecretKey::from_chance(&chance::bytes()?);
            let write = || {
                let beside = state_dir.join("server.key.new");
                let _ = std::fs::remove_file(&beside);
                let mut file =
                    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
                writeln!(file, "{}", key.reveal())?;
                file.sync_all()?;
                std::fs::rename(&beside, &path)?;
                std::fs::File::open(state_dir)?.sync_all()
            };
            write().map_err(refused(&path))?;
            log::info!(
                "made the key {} in {}; keep a copy of it in another house",
                key.public().id(),
                path.display()
            );
            Ok(key)
        }
        Err(error) => Err(refused(&path)(error)),
    }
}
