//! Bootstrap: takes the locks, opens the state, starts the services in order, runs the loop of decisions on the calling
//! thread, and stops everything in reverse.
//!
//! The loop owns `App` and `ServiceManager`. It waits for events, hands them over, and carries effects to the services by
//! channels that never make it wait; a service whose channel is full hangs, and ends the process.

mod lock;
pub mod logger;
pub mod places;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

pub use lock::{LockError, held_by};

use crate::app::{App, Effect, Event, Exit, Signal, Start};
use crate::audio::{self, AudioPlayer};
use crate::config::Config;
use crate::control::{self, ExternalControl};
use crate::library::{self, Library};
use crate::measure::{self, Measure};
use crate::service::manager::{Order, ServiceManager};
use crate::service::{self, Name, Running, Service};
use crate::storage::{self, Storage};
use crate::time::{Clock, Now, SystemClock, boot_id};

/// Events that wait for `App`, at most; who finds no room waits for it.
const EVENTS_MAX: usize = 1024;
/// How long one service may take to stop.
const STOP_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a device is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the sound is made, where it goes.
    pub config: Config,
    /// The file that SIGHUP reads again.
    pub config_path: Option<PathBuf>,
    /// How `App` begins.
    pub start: Start,
    /// Where the state lies.
    pub state_dir: PathBuf,
    /// Where local clients connect.
    pub socket: PathBuf,
}

/// Why a device does not run, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// Another one runs here.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// A folder cannot be made.
    #[error("cannot make the folder {}: {source}; make it, or name another one", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// The state cannot be opened.
    #[error(transparent)]
    State(#[from] storage::Error),
    /// The kernel gives no threads, sockets or signals.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// The system's words.
        source: std::io::Error,
    },
    /// A service died too often.
    #[error("the {0} service died too often; the lines above say why")]
    GivenUp(Name),
    /// A service does not take commands any more.
    #[error("the {0} service hangs")]
    Hung(Name),
}

/// Runs a device until it is told to end. `ready` is called once, when all services run.
///
/// # Errors
/// It could not start, or could not go on.
pub fn run(options: Options, ready: impl FnOnce()) -> Result<Exit, BootError> {
    let clock = SystemClock;
    make_folder(&options.state_dir, 0o750)?;
    let _state_lock = lock::Lock::take(&options.state_dir.join("lock"))?;
    if let Some(folder) = options.socket.parent() {
        make_folder(folder, 0o755)?;
    }
    let _socket_lock = lock::Lock::take(&places::socket_lock(&options.socket))?;
    let (to_app, events) = bounded(EVENTS_MAX);
    catch_signals(to_app.clone())?;
    let (database, restored) = storage::restore(&options.state_dir, &boot_id(), clock.now())?;
    if let Some(damage) = &restored.damage {
        log::error!("{damage}");
    }
    let config_path = options.config_path.clone();
    let mut device = Device::new(&options, database, to_app)?;
    for name in Name::ALL {
        if let Some(order) = device.manager.enable(name) {
            device.follow(clock.now(), order)?;
        }
    }
    ready();
    let mut effects = Vec::new();
    let app = App::start(clock.now(), &restored, options.start, &mut effects);
    let outcome = device.decide(&clock, app, effects, &events, config_path.as_deref());
    device.stop();
    outcome
}

/// The state is nobody else's business; the socket's folder must let its group in.
fn make_folder(path: &Path, mode: u32) -> Result<(), BootError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|source| BootError::Folder { path: path.to_owned(), source })
}

/// Signals become events, on a thread of their own.
fn catch_signals(to_app: Sender<Event>) -> Result<(), BootError> {
    let system = |source| BootError::System { what: "cannot catch signals", source };
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(system)?;
    let thread = thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let signal = if signal == SIGHUP { Signal::Reload } else { Signal::Terminate };
            if to_app.send(Event::Signal(signal)).is_err() {
                return;
            }
        }
    });
    thread.map(|_| ()).map_err(system)
}

/// The services, and what is needed to talk to them.
struct Device {
    manager: ServiceManager,
    services: Vec<(Arc<dyn Service>, Option<Running>)>,
    to_app: Sender<Event>,
    audio: audio::Handle,
    storage: storage::Handle,
    library: library::Handle,
    measure: measure::Handle,
    control: control::Handle,
    /// Services that run again, of which `App` has not heard yet.
    restarted: Vec<Name>,
}

impl Device {
    /// Makes all services; none of them runs, and none has touched anything.
    fn new(options: &Options, database: storage::Database, to_app: Sender<Event>) -> Result<Self, BootError> {
        let (audio_player, audio) =
            AudioPlayer::new(options.config.audio, options.state_dir.clone(), to_app.clone());
        let (keeper, storage) = Storage::new(database, to_app.clone());
        let (finder, library) = Library::new(to_app.clone());
        let (meter, measure) = Measure::new(options.state_dir.clone(), to_app.clone());
        let settings =
            control::Settings { socket: options.socket.clone(), group: options.config.socket_group.clone() };
        let (server, control) = ExternalControl::new(settings, to_app.clone())
            .map_err(|source| BootError::System { what: "cannot make a socket pair", source })?;
        let services: Vec<(Arc<dyn Service>, Option<Running>)> =
            vec![(keeper, None), (audio_player, None), (finder, None), (meter, None), (server, None)];
        Ok(Self {
            manager: ServiceManager::default(),
            services,
            to_app,
            audio,
            storage,
            library,
            measure,
            control,
            restarted: Vec::new(),
        })
    }

    /// The loop: an event, a decision, its effects.
    fn decide(
        &mut self,
        clock: &dyn Clock,
        mut app: App,
        mut effects: Vec<Effect>,
        events: &Receiver<Event>,
        config_path: Option<&Path>,
    ) -> Result<Exit, BootError> {
        loop {
            for effect in effects.drain(..) {
                if let Some(exit) = self.carry_out(clock.now(), effect, config_path)? {
                    return Ok(exit);
                }
            }
            let now = clock.now();
            for service in std::mem::take(&mut self.restarted) {
                app.handle(now, Event::Service(service::Event::Restarted { service }), &mut effects);
            }
            if !effects.is_empty() {
                continue;
            }
            let deadline = [app.deadline(now), self.manager.deadline()].into_iter().flatten().min();
            let event = match deadline {
                Some(at) => events.recv_deadline(Instant::now() + at.wait_from(now.monotonic)),
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let now = clock.now();
            match event {
                Ok(Event::Service(service::Event::Died { service, reason })) => {
                    self.bury(now, service, &reason)?
                }
                Ok(event) => app.handle(now, event, &mut effects),
                Err(RecvTimeoutError::Timeout) => {
                    let mut orders = Vec::new();
                    self.manager.wake(now.monotonic, &mut orders);
                    for order in orders {
                        self.follow(now, order)?;
                    }
                    app.wake(now, &mut effects);
                }
                // The signal thread holds a sender for ever.
                Err(RecvTimeoutError::Disconnected) => return Ok(Exit::Done),
            }
        }
    }

    fn bury(&mut self, now: Now, name: Name, reason: &str) -> Result<(), BootError> {
        log::error!("the {name} service died: {reason}");
        match self.manager.died(now.monotonic, name) {
            Some(order) => self.follow(now, order),
            None => Ok(()),
        }
    }

    fn follow(&mut self, now: Now, order: Order) -> Result<(), BootError> {
        let name = match order {
            Order::Start(name) => name,
            Order::GiveUp(name) => return Err(BootError::GivenUp(name)),
        };
        let Some((service, running)) = self.services.iter_mut().find(|(service, _)| service.name() == name)
        else {
            return Ok(());
        };
        let is_restart = running.is_some();
        match service::spawn(Arc::clone(service), self.to_app.clone()) {
            Ok(thread) => *running = Some(thread),
            Err(error) => return self.bury(now, name, &format!("no thread: {error}")),
        }
        if is_restart {
            log::warn!("the {name} service runs again");
            self.restarted.push(name);
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        now: Now,
        effect: Effect,
        config_path: Option<&Path>,
    ) -> Result<Option<Exit>, BootError> {
        let (name, is_taken) = match effect {
            Effect::Audio(command) => (Name::Audio, self.audio.send(command).is_ok()),
            Effect::Storage(command) => (Name::Storage, self.storage.send(command).is_ok()),
            Effect::Library(command) => (Name::Library, self.library.send(command).is_ok()),
            Effect::Measure(command) => {
                self.measure.send(command);
                (Name::Measure, true)
            }
            Effect::Control(command) => {
                // An answer more or less must not end the music.
                if self.control.send(command).is_err() {
                    log::warn!("local clients are not answered: the control thread is behind");
                }
                // What it is told each second must not revive it each second.
                return Ok(None);
            }
            Effect::Reload => {
                self.reload(config_path);
                return Ok(None);
            }
            Effect::Exit(exit) => return Ok(Some(exit)),
        };
        if let Some(order) = self.manager.asked(now.monotonic, name) {
            self.follow(now, order)?;
        }
        if is_taken { Ok(None) } else { Err(BootError::Hung(name)) }
    }

    /// Reads the configuration on a thread of its own: this one does no I/O.
    fn reload(&self, config_path: Option<&Path>) {
        let Some(path) = config_path.map(Path::to_owned) else {
            log::warn!("there is no configuration file to be read again");
            return;
        };
        let to_app = self.to_app.clone();
        let reader = thread::Builder::new().name("config".into()).spawn(move || {
            let _ = to_app.send(Event::Reloaded(Config::read(&path).map(Box::new)));
        });
        if let Err(error) = reader {
            log::error!("no thread to read the configuration: {error}");
        }
    }

    /// Stops all services, the last started first.
    fn stop(&mut self) {
        for (service, running) in self.services.iter_mut().rev() {
            let name = service.name();
            self.manager.disable(name);
            service.stop();
            if running.take().is_some_and(|running| !running.join(STOP_WAIT_MAX)) {
                log::warn!("the {name} service does not stop; it is left behind");
            }
        }
    }
}
