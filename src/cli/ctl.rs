//! `orchestrion ctl`: tells a running device what to do and shows what it says.
//!
//! Exit codes: 0 done, 1 refused by the device, 2 typed wrongly, 3 no device to talk to.

mod args;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use orchestrion_protocol::limits::{PROBLEMS_LEN_MAX, QUEUE_PAGE_LEN_MAX};
use orchestrion_protocol::method::{
    AddParams, AnnounceParams, CrossfadeParams, EmergencyParams, EntryParams, ListParams, Method, MoveParams,
    PathsParams, Place, PlayParams, ProgramMethod, QueueMethod, SessionMethod, ShowParams, VoiceMethod,
    WhyParams,
};
use orchestrion_protocol::rpc::code;
use orchestrion_protocol::status::{Added, EntryId, ProgramPage, QueuePage, Status};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use args::{Action, Playing, Queue, Session, Setting, Voice};

use super::client::{Client, ClientError};
use super::{live, text, values};

/// How long adding may take: the device reads folders, and disks may have to spin up.
const ADD_WAIT: Duration = Duration::from_secs(60);
/// How long a snapshot may take; the device gives it up before.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(10);

/// Control an Orchestrion that runs on this machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion ctl status
  orchestrion ctl volume +5
  orchestrion ctl queue add ~/Music --next

The socket is the one of --socket, else of $ORCHESTRION_SOCKET, else the first that a running Orchestrion would use.
Exit codes: 0 done, 1 refused by Orchestrion, 2 typed wrongly, 3 no Orchestrion to talk to.")]
pub struct CtlArgs {
    /// The socket of the device, where it is not in its usual place
    #[arg(long, global = true, value_name = "PATH", display_order = 100)]
    socket: Option<PathBuf>,
    /// Print the answer as one line of JSON
    #[arg(long, global = true, display_order = 101)]
    json: bool,
    #[command(subcommand)]
    action: Action,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum CtlError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    NothingAdded(String),
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

impl CtlError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Client(ClientError::Refused(_)) | Self::NothingAdded(_) => 1,
            Self::Usage(_) => 2,
            Self::Client(_) => 3,
            // `ctl … | head` has seen enough.
            Self::Output(error) if error.kind() == ErrorKind::BrokenPipe => 0,
            Self::Output(_) => 1,
        }
    }
}

impl CtlArgs {
    /// Does it, prints the answer, and gives the exit code of the process.
    ///
    /// # Errors
    /// None but what keeps signals from being heard by `watch`; all else is told on standard error.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let until = Arc::new(AtomicBool::new(false));
        if matches!(self.action, Action::Session(Session::Watch)) {
            // The line is cleared before the process ends.
            for signal in
                [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
            {
                signal_hook::flag::register(signal, Arc::clone(&until))?;
            }
        }
        let code = self.run_with(&mut io::stdout(), &mut io::stderr(), &until);
        Ok(ExitCode::from(code))
    }

    fn run_with(self, out: &mut dyn Write, err: &mut dyn Write, until: &AtomicBool) -> u8 {
        let mut told = Told { json: self.json, out, err };
        let done = Client::connect(self.socket.as_deref())
            .map_err(CtlError::from)
            .and_then(|mut client| told.act(&mut client, self.action, until))
            .and_then(|()| Ok(told.out.flush()?));
        let Err(error) = done else { return 0 };
        let code = error.exit_code();
        if code != 0 {
            told.warn(&error.to_string());
        }
        code
    }
}

/// Where answers go, and in which form.
struct Told<'a> {
    json: bool,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl Told<'_> {
    fn act(&mut self, client: &mut Client, action: Action, until: &AtomicBool) -> Result<(), CtlError> {
        match action {
            Action::Status => {
                let status: Status = ask_for(client, &Method::Status)?;
                self.answer(&status, &text::status(&status))
            }
            Action::Why { song } => {
                let song = (!song.is_empty()).then(|| song.join(" "));
                let why: Vec<String> =
                    ask_for(client, &Method::Program(ProgramMethod::Why(WhyParams { song })))?;
                self.answer(&why, &(why.join("\n") + "\n"))
            }
            Action::Program => {
                let page: ProgramPage = ask_for(client, &Method::Program(ProgramMethod::Ahead))?;
                self.answer(&page, &text::program(&page))
            }
            Action::Playing(playing) => self.play(client, playing),
            Action::Voice(voice) => self.speak(client, voice),
            Action::Setting(setting) => self.set(client, setting),
            Action::Queue(queue) => self.queue(client, queue),
            Action::Session(Session::Watch) => self.watch(client, until),
            Action::Session(Session::Methods) => {
                let methods = client.ask(&Method::Session(SessionMethod::Methods))?;
                self.answer(&methods, &text::methods(&methods))
            }
            Action::Session(Session::Update) => self.tell(client, &Method::Session(SessionMethod::Update)),
            Action::Session(Session::Identify) => {
                self.tell(client, &Method::Session(SessionMethod::Identify))
            }
            Action::Session(Session::Snapshot { out }) => self.snapshot(client, &out),
            Action::Session(Session::Screen { switch }) => {
                self.tell(client, &Method::Session(SessionMethod::Screen(switch.into())))
            }
            Action::Session(Session::Show { file, for_s }) => {
                let path = values::location(&file).map_err(CtlError::Usage)?;
                let params = ShowParams { path, for_s };
                self.tell(client, &Method::Session(SessionMethod::ShowNow(params)))
            }
            Action::Session(Session::Reload) => self.tell(client, &Method::Session(SessionMethod::Reload)),
            Action::Session(Session::Shutdown) => {
                self.tell(client, &Method::Session(SessionMethod::Shutdown))
            }
        }
    }

    fn play(&mut self, client: &mut Client, playing: Playing) -> Result<(), CtlError> {
        let method = match playing {
            Playing::Play { entry } => Method::Play(PlayParams { entry: entry.map(EntryId) }),
            Playing::Pause => Method::Pause,
            Playing::Toggle => Method::Toggle,
            Playing::Stop => Method::Stop,
            Playing::Skip => Method::Skip,
            Playing::Previous => Method::Previous,
            Playing::Seek { to } => Method::Seek(to),
            Playing::PlayNow { paths } => {
                let mut portions = values::portions(locations(&paths)?).into_iter();
                let first = PathsParams { paths: portions.next().unwrap_or_default() };
                // What follows the first portion has to lie there before the device jumps in front of it.
                let rest = add(client, portions.collect(), Place::Next)?;
                let answer = client.ask_within(&Method::Queue(QueueMethod::PlayNow(first)), ADD_WAIT)?;
                return self.added(merge([read(client, answer)?, rest]));
            }
        };
        self.tell(client, &method)
    }

    fn speak(&mut self, client: &mut Client, voice: Voice) -> Result<(), CtlError> {
        let location = |path: &Path| values::location(path).map_err(CtlError::Usage);
        let method = match voice {
            Voice::Announce { path, duck } => {
                let params = AnnounceParams { path: location(&path)?, duck_db: duck };
                // Others may have to be said before it.
                let said = client.ask_within(&Method::Voice(VoiceMethod::Announce(params)), ADD_WAIT)?;
                let duration_ms = said["duration_ms"].as_u64().and_then(|ms| u32::try_from(ms).ok());
                let lasts = duration_ms.map(|ms| format!(", {}", text::seconds(ms))).unwrap_or_default();
                return self.answer(&said, &format!("it is being said{lasts}\n"));
            }
            Voice::Hush => VoiceMethod::Hush,
            Voice::Emergency { path, .. } if path == Path::new("end") => VoiceMethod::EndEmergency,
            Voice::Emergency { path, for_s, picture } => {
                if let Some(missing) =
                    [Some(&path), picture.as_ref()].into_iter().flatten().find(|p| !p.is_file())
                {
                    let text =
                        format!("{} is not there; an emergency needs a file that is", missing.display());
                    return Err(CtlError::Usage(text));
                }
                let picture = picture.map(|picture| location(&picture)).transpose()?;
                VoiceMethod::Emergency(EmergencyParams { path: location(&path)?, for_s, picture })
            }
        };
        self.tell(client, &Method::Voice(method))
    }

    fn set(&mut self, client: &mut Client, setting: Setting) -> Result<(), CtlError> {
        let (method, show): (_, fn(&Status) -> String) = match setting {
            Setting::Volume { percent: None } => {
                let status: Status = ask_for(client, &Method::Status)?;
                let line = text::volume(&status);
                return self
                    .answer(&json!({"volume": status.volume, "muted": status.muted}), &format!("{line}\n"));
            }
            Setting::Volume { percent: Some(params) } => (Method::Volume(params), text::volume),
            Setting::Mute { switch } => (Method::Mute(switch.into()), text::volume),
            Setting::Crossfade { fade_ms } => (Method::Crossfade(CrossfadeParams { fade_ms }), |status| {
                format!("crossfade {}", text::seconds(status.crossfade_ms))
            }),
            Setting::Shuffle { switch } => (Method::Queue(QueueMethod::Shuffle(switch.into())), |status| {
                format!("shuffle {}", text::switch(status.shuffle))
            }),
            Setting::Repeat { mode } => (Method::Queue(QueueMethod::Repeat(mode.into())), |status| {
                format!("repeat {}", text::repeat(status.repeat))
            }),
        };
        let result = client.ask(&method)?;
        if self.json {
            return self.answer(&result, "");
        }
        // What the device has now, which need not be what was asked for.
        let status: Status = ask_for(client, &Method::Status)?;
        self.answer(&result, &format!("{}\n", show(&status)))
    }

    fn queue(&mut self, client: &mut Client, queue: Queue) -> Result<(), CtlError> {
        let method = match queue {
            Queue::List => {
                let page = whole_queue(client)?;
                return self.answer(&page, &text::queue(&page));
            }
            Queue::Add { paths, at } => {
                let portions = values::portions(locations(&paths)?);
                let added = add(client, portions, at.into())?;
                return self.added(added);
            }
            Queue::Remove { entry } => QueueMethod::Remove(EntryParams { entry: EntryId(entry) }),
            Queue::Move { entry, at } => {
                QueueMethod::Move(MoveParams { entry: EntryId(entry), at: at.into() })
            }
            Queue::Clear => QueueMethod::Clear,
        };
        self.tell(client, &Method::Queue(method))
    }

    fn snapshot(&mut self, client: &mut Client, out: &Path) -> Result<(), CtlError> {
        let answer = client.ask_within(&Method::Session(SessionMethod::Snapshot), SNAPSHOT_WAIT)?;
        let jpeg = answer["jpeg"].as_str().and_then(values::bytes_of_hex);
        let jpeg = jpeg.ok_or_else(|| CtlError::Usage("the device sent no picture".into()))?;
        std::fs::write(out, &jpeg)
            .map_err(|e| CtlError::Usage(format!("cannot write {}: {e}", out.display())))?;
        self.answer(&json!({"bytes": jpeg.len()}), &format!("{}: {} bytes\n", out.display(), jpeg.len()))
    }

    fn watch(&mut self, client: &mut Client, until: &AtomicBool) -> Result<(), CtlError> {
        let outcome =
            if self.json { live::watch_json(client, until, self.out) } else { live::watch(client, until) };
        match outcome {
            // The end that was asked for may be noticed first by the connection.
            Err(_) if until.load(Ordering::Relaxed) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    /// Has something done whose answer is no news for people.
    fn tell(&mut self, client: &mut Client, method: &Method) -> Result<(), CtlError> {
        let result = client.ask(method)?;
        self.answer(&result, "")
    }

    fn added(&mut self, added: Added) -> Result<(), CtlError> {
        let first = added.first.map(|entry| format!(", the first is entry {entry}")).unwrap_or_default();
        let line = format!("added {}{first}\n", text::count(added.added, "song", "songs"));
        for problem in &added.problems {
            self.warn(problem);
        }
        if added.no_room > 0 {
            self.warn(&format!(
                "the queue is full; {} left out",
                text::count(added.no_room, "song was", "songs were")
            ));
        }
        if added.added > 0 || self.json {
            self.answer(&added, &line)?;
        }
        if added.added == 0 {
            return Err(CtlError::NothingAdded("nothing was added".into()));
        }
        Ok(())
    }

    fn answer(&mut self, result: &impl Serialize, for_people: &str) -> Result<(), CtlError> {
        if self.json {
            let line = serde_json::to_string(result).map_err(io::Error::from)?;
            writeln!(self.out, "{line}")?;
        } else {
            self.out.write_all(for_people.as_bytes())?;
        }
        Ok(())
    }

    fn warn(&mut self, words: &str) {
        // There is nowhere else to say it.
        let _ = writeln!(self.err, "orchestrion: {}", text::clean(words));
    }
}

fn ask_for<T: DeserializeOwned>(client: &mut Client, method: &Method) -> Result<T, CtlError> {
    let answer = client.ask(method)?;
    read(client, answer)
}

fn read<T: DeserializeOwned>(client: &Client, answer: Value) -> Result<T, CtlError> {
    Ok(serde_json::from_value(answer).map_err(|e| client.garbled(e))?)
}

fn locations(paths: &[PathBuf]) -> Result<Vec<String>, CtlError> {
    paths.iter().map(|path| values::location(path).map_err(CtlError::Usage)).collect()
}

/// Adds portions such that they come to lie in their order.
fn add(client: &mut Client, portions: Vec<Vec<String>>, at: Place) -> Result<Added, CtlError> {
    let ask = |paths: Vec<String>| {
        let method = Method::Queue(QueueMethod::Add(AddParams { paths, at }));
        let answer = client.ask_within(&method, ADD_WAIT)?;
        read(client, answer)
    };
    let added: Result<Vec<Added>, CtlError> = match at {
        Place::Last => portions.into_iter().map(ask).collect(),
        // Each lands in front of the one before it.
        Place::Next | Place::After(_) => portions.into_iter().rev().map(ask).collect(),
    };
    let mut added = added?;
    if at != Place::Last {
        added.reverse();
    }
    Ok(merge(added))
}

fn merge(answers: impl IntoIterator<Item = Added>) -> Added {
    let mut all = Added::default();
    for answer in answers {
        all.added += answer.added;
        all.first = all.first.or(answer.first);
        all.no_room += answer.no_room;
        all.problems.extend(answer.problems);
    }
    all.problems.truncate(PROBLEMS_LEN_MAX);
    all
}

/// All pages as one. A page with long paths can be longer than a line may be; then it is asked for in smaller ones.
fn whole_queue(client: &mut Client) -> Result<QueuePage, CtlError> {
    let mut whole = QueuePage { offset: 0, total: 0, current: None, entries: Vec::new() };
    let mut limit = QUEUE_PAGE_LEN_MAX;
    loop {
        let params = ListParams { offset: whole.entries.len(), limit: Some(limit) };
        let page: QueuePage = match client.ask(&Method::Queue(QueueMethod::List(params))) {
            Err(ClientError::Refused(error)) if error.code == code::LINE_TOO_LONG && limit > 1 => {
                limit /= 2;
                continue;
            }
            answer => read(client, answer?)?,
        };
        (whole.total, whole.current) = (page.total, page.current);
        let got = page.entries.len();
        whole.entries.extend(page.entries);
        // The queue may change in between; an empty page is its end in any case.
        if got == 0 || whole.entries.len() >= whole.total {
            return Ok(whole);
        }
    }
}
