//! Bootstrap: takes the locks, opens the state, starts the services in order, runs the loop of decisions on the calling
//! thread, and stops everything in reverse.
//!
//! The loop owns `App` and `ServiceManager`. It waits for events, hands them over, and carries effects to the services by
//! channels that never make it wait; a service whose channel is full hangs, and ends the process.

pub mod last;
mod lock;
pub mod logger;
pub mod places;
mod systemd;
mod watch;

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use orchestrion_protocol::rpc::Id;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

pub use lock::{LockError, held_by};
use systemd::Systemd;
use watch::{Told, Watch};

use crate::app::{App, Effect, Event, Exit, Signal, Start};
use crate::audio::{self, AudioPlayer};
use crate::buttons::{self, Buttons};
use crate::clock::TrustedClock;
use crate::config::Config;
use crate::control::{self, ExternalControl};
use crate::library::{self, Library};
use crate::measure::{self, Measure};
use crate::releases::{self, DownloadManager};
use crate::service::manager::{Order, ServiceManager};
use crate::service::moves::{Moves, Who};
use crate::service::watch::{Watched, still_ms_max};
use crate::service::{self, Name, Running, Service};
use crate::storage::{self, Storage};
use crate::time::{Clock, Now, boot_id};
use crate::video::{self, VideoPlayer};
use crate::web::{self, Web};

/// Events that wait for `App`, at most; who finds no room waits for it.
const EVENTS_MAX: usize = 512;
/// How long one service may take to stop.
const STOP_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long the storage may: a card that is slow takes seconds to have written, and what it writes last is the play that
/// is cut off. The unit waits for 10 s in all.
const STOP_WAIT_STORAGE_MAX: Duration = Duration::from_secs(6);

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
    /// Where it says for `orchestrion-watchdog` that it moves, if one guards it.
    pub moved: Option<PathBuf>,
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
    /// A service does not take commands any more, or does not move.
    #[error("the {0} service hangs")]
    Hung(Name),
}

/// Runs a device until it is told to end. `ready` is called once, when all services run.
///
/// # Errors
/// It could not start, or could not go on.
pub fn run(options: Options, ready: impl FnOnce()) -> Result<Exit, BootError> {
    make_folder(&options.state_dir, 0o750)?;
    let _state_lock = lock::Lock::take(&options.state_dir.join("lock"))?;
    if let Some(folder) = options.socket.parent() {
        make_folder(folder, 0o755)?;
    }
    let _socket_lock = lock::Lock::take(&places::socket_lock(&options.socket))?;
    let (to_app, events) = bounded(EVENTS_MAX);
    catch_signals(to_app.clone())?;
    let clock = TrustedClock::start(options.config.clock.clone(), to_app.clone());
    let place = places::place_in_the_song(&options.socket);
    let (database, restored) = storage::restore(&options.state_dir, Some(&place), &boot_id(), clock.now())?;
    if let Some(damage) = &restored.damage {
        log::error!("{damage}");
    }
    let config_path = options.config_path.clone();
    let mut device = Device::new(&options, database, (&clock, to_app))?;
    for name in Name::ALL {
        if let Some(order) = device.manager.enable(name) {
            device.follow(clock.now(), order)?;
        }
    }
    ready();
    let mut effects = Vec::new();
    let app = App::start(clock.now(), &restored, options.start, &mut effects);
    drop(restored);
    device.moves.begin();
    let told = Told { systemd: Systemd::from_env(), moved: options.moved };
    let watch = Watch::start(told, device.watched(), device.to_app.clone())
        .map_err(|source| BootError::System { what: "no thread to watch the others", source })?;
    watch.ready();
    let outcome = device.decide(&clock, app, effects, &events, config_path.as_deref());
    watch.stopping(outcome.is_ok());
    device.stop(outcome.as_ref().err().and_then(BootError::hung));
    outcome
}

/// Tells `orchestrion-watchdog` that nobody need miss the movement of a device that cannot even start: a reset would not mend a wrong configuration.
pub fn will_not_move(moved: Option<PathBuf>) {
    Told { systemd: None, moved }.write("stopped");
}

impl BootError {
    /// The service that hangs, if one does.
    fn hung(&self) -> Option<Name> {
        match self {
            Self::Hung(name) => Some(*name),
            Self::Locked(_)
            | Self::Folder { .. }
            | Self::State(_)
            | Self::System { .. }
            | Self::GivenUp(_) => None,
        }
    }
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
    buttons: buttons::Handle,
    audio: audio::Handle,
    storage: storage::Handle,
    library: library::Handle,
    measure: measure::Handle,
    releases: releases::Handle,
    video: video::Handle,
    web: web::Handle,
    control: control::Handle,
    /// Services that run again, of which `App` has not heard yet.
    restarted: Vec<Name>,
    /// That the loop turns.
    moves: Moves,
}

impl Device {
    /// Makes all services; none of them runs, and none has touched anything.
    fn new(
        options: &Options,
        database: storage::Database,
        (clock, to_app): (&TrustedClock, Sender<Event>),
    ) -> Result<Self, BootError> {
        let (audio_player, audio) =
            AudioPlayer::new(options.config.audio, options.state_dir.clone(), to_app.clone());
        let (hands, buttons) = Buttons::new(to_app.clone())
            .map_err(|source| BootError::System { what: "cannot make a descriptor to wake by", source })?;
        let (keeper, storage) = Storage::new(database, to_app.clone());
        let (finder, library) = Library::new(options.state_dir.clone(), to_app.clone());
        let (meter, measure) = Measure::new(options.state_dir.clone(), to_app.clone());
        let (downloader, releases) = DownloadManager::new(options.state_dir.clone(), to_app.clone());
        let (shower, video) = VideoPlayer::new(to_app.clone(), (audio.clone(), options.config.audio))
            .map_err(|source| BootError::System { what: "cannot make a socket pair", source })?;
        let (client, web) = Web::new(options.state_dir.clone(), clock.clone(), to_app.clone());
        let settings =
            control::Settings { socket: options.socket.clone(), group: options.config.socket_group.clone() };
        let (server, control) = ExternalControl::new(settings, to_app.clone())
            .map_err(|source| BootError::System { what: "cannot make a socket pair", source })?;
        let services: [Arc<dyn Service>; 9] =
            [keeper, hands, audio_player, finder, meter, downloader, shower, client, server];
        let services = services.into_iter().map(|service| (service, None)).collect();
        Ok(Self {
            manager: ServiceManager::default(),
            services,
            to_app,
            buttons,
            audio,
            storage,
            library,
            measure,
            releases,
            video,
            web,
            control,
            restarted: Vec::new(),
            moves: Moves::of(Who::App),
        })
    }

    /// Everybody whose movement counts.
    fn watched(&self) -> Vec<Watched> {
        let services = self.services.iter().map(|(service, _)| service.moves());
        let all = services.chain([&self.moves]);
        all.map(|moves| Watched { moves: moves.clone(), still_ms_max: still_ms_max(moves.who()) }).collect()
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
            self.moves.moved();
            let now = clock.now();
            for service in std::mem::take(&mut self.restarted) {
                app.handle(now, Event::Service(service::Event::Restarted { service }), &mut effects);
            }
            if !effects.is_empty() {
                continue;
            }
            let deadline = [app.deadline(now), self.manager.deadline()].into_iter().flatten().min();
            let wait = deadline.map_or(Duration::MAX, |at| at.wait_from(now.monotonic));
            let event = events.recv_timeout(wait.min(self.moves.turn_every()));
            let now = clock.now();
            match event {
                Ok(Event::Service(service::Event::Died { service, reason })) => {
                    self.bury(now, service, &reason)?
                }
                Ok(Event::Service(service::Event::Hung { service })) => return Err(BootError::Hung(service)),
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
            Effect::Release(command) => {
                // The music goes on with what is there; what matters is asked again.
                if self.releases.send(command).is_err() {
                    log::warn!("the download thread is not told something: it is behind");
                }
                // What it is told with each song must not revive it with each song.
                return Ok(None);
            }
            Effect::Video(command) => {
                // The music goes on without a picture.
                if self.video.send(command).is_err() {
                    log::warn!("the screen is not told something: the video thread is behind");
                }
                return Ok(None);
            }
            Effect::Buttons(command) => {
                // The music goes on without hands.
                if self.buttons.send(command).is_err() {
                    log::warn!("the LED is not told what it says: the buttons thread is behind");
                }
                return Ok(None);
            }
            Effect::Web(command) => {
                self.tell_web(command);
                return Ok(None);
            }
            Effect::Control(control::Command::Reply { client, id, outcome })
                if client == control::ClientId::SERVER =>
            {
                if let Id::Number(ask) = id {
                    self.tell_web(web::Command::Reply { ask, outcome });
                }
                return Ok(None);
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

    /// The music goes on without a server, and whatever it asks.
    fn tell_web(&self, command: web::Command) {
        if self.web.send(command).is_err() {
            log::warn!("the web thread is not told something: it is behind");
        }
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

    /// Stops all services, the last started first; one that is known to hang is not waited for.
    fn stop(&mut self, hung: Option<Name>) {
        for (service, running) in self.services.iter_mut().rev() {
            let name = service.name();
            self.manager.disable(name);
            service.stop();
            let wait_max = if name == Name::Storage { STOP_WAIT_STORAGE_MAX } else { STOP_WAIT_MAX };
            if running.take().is_some_and(|running| hung != Some(name) && !running.join(wait_max)) {
                log::warn!("the {name} service does not stop; it is left behind");
            }
        }
    }
}
