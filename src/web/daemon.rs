//! What the daemon is to the client: it asks `App` for what it does and lets it do what is ordered, by the same methods as a local
//! client; it knows the board's files and the play log.

use std::path::Path;
use std::time::{Duration, Instant};

use crossbeam_channel::{SendTimeoutError, select};
use orchestrion_protocol::fleet::{Code, Content, Order, PlayAnswer, PlayRecord, Report, Word};
use orchestrion_protocol::method::Method;
use orchestrion_protocol::release::Edition;
use orchestrion_protocol::rpc::{Id, RpcError};
use orchestrion_protocol::status::ServerLink;
use serde_json::Value;

use super::delivery::Delivery;
use super::orders::Work;
use super::service::{Task, Web};
use super::{
    Admitted, Body, Command, Event, Failure, Link, Stop, Told, Wanted, WebEvent, board, orders, reboot,
    source,
};
use crate::app::Event as AppEvent;
use crate::bootstrap::last;
use crate::clock::{self, Saying};
use crate::control::{self, ClientId};
use crate::releases::{self, store_dir};
use crate::time::{Clock, SystemClock, Wall};
use crate::workshop::{Did, Doer};

/// How long `App` may take to answer what it knows.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// What is done within this is told with the next request.
const QUICK: Duration = Duration::from_secs(1);
/// How long one command may take: an announcement waits for those before it.
const COMMAND_MAX: Duration = Duration::from_secs(1800);
/// Bytes of lines of the log in an answer.
const LOGS_LEN_MAX: usize = 14 * 1024;
/// How long the end of the process may take.
const END_MAX: Duration = Duration::from_secs(60);

/// See the head of this file.
pub(super) struct Daemon<'a> {
    web: &'a Web,
    stop: Stop,
    /// The number of the last question to `App`.
    last: i64,
    /// The order that it is at.
    at: Option<At>,
    delivery: Delivery,
    run: u64,
    wanted: Option<Wanted>,
    /// Where releases lie, and the newest, as `App` was told last.
    source: Option<releases::Wanted>,
    newest: Option<Edition>,
    /// How far the time that the server told may be off, as `App` was told last.
    within_ms: Option<u64>,
    told: Told,
    /// The kind of the last failure, which is logged once until it works again.
    failed: Option<std::mem::Discriminant<Failure>>,
}

struct At {
    ask: i64,
    since: Instant,
    /// The process ends by it.
    ends: bool,
    did: Option<Did>,
}

/// What `App` says.
enum Said {
    Outcome(Result<Value, RpcError>),
    Report(Box<Report>),
}

impl<'a> Daemon<'a> {
    pub(super) fn of(web: &'a Web) -> Self {
        Self {
            web,
            stop: Stop::default(),
            last: 0,
            at: None,
            delivery: Delivery::open(&web.state_dir),
            run: 0,
            wanted: None,
            source: None,
            newest: None,
            within_ms: None,
            told: Told::default(),
            failed: None,
        }
    }

    /// What has come is taken; from here on this ends its waiting.
    pub(super) fn begin(&mut self, stop: Stop) {
        self.stop = stop;
        while let Ok(command) = self.web.commands.try_recv() {
            self.hear(command);
        }
    }

    /// For this server from now on.
    pub(super) fn serve(&mut self, task: &Task) {
        self.run = task.run;
        (self.wanted, self.source, self.newest) = (Some(task.wanted.clone()), None, None);
        self.failed = None;
        if self.told.url != task.wanted.url() {
            self.tell(Told { url: task.wanted.url().to_owned(), ..Told::default() });
        }
    }

    /// Nothing is to be done, or cannot be begun.
    pub(super) fn idle(&mut self, how_long: Duration) {
        let stop = self.stop.clone();
        self.wait(how_long, &stop, |_| false);
    }

    /// What stands in the way of asking at all.
    pub(super) fn cannot(&mut self, words: &str) {
        if self.told.problem.as_deref() != Some(words) {
            log::error!("the server cannot be asked: {words}; the music goes on");
        }
        self.tell(Told { problem: Some(words.to_owned()), ..self.told.clone() });
    }

    /// The device stops.
    pub(super) fn finish(&mut self) {
        self.delivery.write();
    }

    /// Takes one command; gives what answers a question.
    fn hear(&mut self, command: Command) -> Option<(i64, Said)> {
        match command {
            Command::Configure(task) => {
                if task.is_none() {
                    self.told = Told::default();
                }
                self.web.set_task(task);
                None
            }
            Command::Reply { ask, outcome } => {
                if let Some(at) = self.at.as_mut().filter(|at| at.ask == ask) {
                    at.did = Some(did(outcome));
                    return None;
                }
                Some((ask, Said::Outcome(outcome)))
            }
            Command::Report { ask, report } => Some((ask, Said::Report(report))),
        }
    }

    /// Waits for so long, or until what is told is `enough`, or it is to stop.
    fn wait(
        &mut self,
        how_long: Duration,
        stop: &Stop,
        mut enough: impl FnMut(&(i64, Said)) -> bool,
    ) -> Option<Said> {
        let begin = Instant::now();
        loop {
            self.web.moves.moved();
            let left = how_long.saturating_sub(begin.elapsed());
            if left.is_zero() || stop.is_stopped() {
                return None;
            }
            select! {
                recv(self.web.commands) -> command => {
                    let said = command.ok().and_then(|command| self.hear(command));
                    if let Some(said) = said.filter(&mut enough) {
                        return Some(said.1);
                    }
                }
                recv(stop.woken()) -> _ => {}
                default(left.min(self.web.moves.turn_every())) => {}
            }
        }
    }

    /// Asks `App`; gives the number of the question, if it takes one.
    fn ask(&mut self, event: impl FnOnce(i64) -> AppEvent) -> Option<i64> {
        self.last += 1;
        let mut event = event(self.last);
        let begin = Instant::now();
        while let Err(SendTimeoutError::Timeout(back)) = self.web.events.send_timeout(event, QUICK) {
            self.web.moves.moved();
            if self.stop.is_stopped() || begin.elapsed() > ANSWER_MAX {
                return None;
            }
            event = back;
        }
        Some(self.last)
    }

    fn answer(&mut self, ask: i64, within: Duration) -> Option<Said> {
        let stop = self.stop.clone();
        self.wait(within, &stop, |(said, _)| *said == ask)
    }

    /// Tells `App` how it stands, if that is news.
    fn tell(&mut self, told: Told) {
        if told == self.told {
            return;
        }
        self.told = told.clone();
        self.ask(|_| AppEvent::Web(Event::Told(Box::new(told))));
    }

    fn fail(&mut self, failure: &Failure) {
        if self.stop.is_stopped() {
            return;
        }
        let kind = std::mem::discriminant(failure);
        if self.failed.replace(kind) != Some(kind) {
            log::warn!("{}: {failure}; the music goes on", self.told.url);
        }
        let is_cut_off = matches!(failure, Failure::Away(_) | Failure::Untrusted(_));
        self.tell(Told { problem: Some(failure.to_string()), code: None, is_cut_off, ..self.told.clone() });
    }

    fn show(&mut self, code: &Code) {
        if self.told.code.as_ref() == Some(code) {
            return;
        }
        log::warn!(
            "the server {} does not know this device; whoever accepts it there types the code {code}",
            self.told.url
        );
        self.failed = None;
        let is_cut_off = false;
        self.tell(Told { code: Some(*code), problem: None, is_cut_off, ..self.told.clone() });
    }

    fn give(&mut self, admitted: &Admitted) {
        let source = self.wanted.as_ref().and_then(|wanted| source(wanted, admitted));
        if let Some(source) = source.filter(|source| self.source.as_ref() != Some(source)) {
            self.source = Some(source.clone());
            self.ask(|_| AppEvent::Web(Event::Source(Box::new(source))));
        }
    }

    fn link(&mut self, link: Link) {
        let link = match link {
            // It waits for its next try, in the course of things.
            Link::AutoConnecting => ServerLink::AutoConnecting,
            Link::Connecting => ServerLink::Connecting,
            Link::Connected => ServerLink::Connected,
            Link::Disconnecting => ServerLink::Disconnecting,
            Link::Disconnected => ServerLink::Disconnected,
        };
        if link == ServerLink::Connected {
            log::info!("connected to the server {}", self.told.url);
            self.failed = None;
            let is_cut_off = false;
            self.tell(Told { link, code: None, problem: None, is_cut_off, ..self.told.clone() });
        } else {
            self.tell(Told { link, ..self.told.clone() });
        }
    }

    /// Sends `App` a method as a local client would; gives the number of the question, if it takes one.
    fn begin_method(&mut self, method: Method) -> Option<i64> {
        self.ask(|ask| {
            let (client, id) = (ClientId::SERVER, Some(Id::Number(ask)));
            AppEvent::Control(control::Event::Asked { client, id, method })
        })
    }

    /// Does methods that are answered at once, one after another; one that is refused keeps none of the others away.
    fn set(&mut self, methods: Vec<Method>) -> Did {
        let mut refused = Vec::new();
        for method in methods {
            let (name, _) = method.name_and_params();
            let said = self.begin_method(method).and_then(|ask| self.answer(ask, ANSWER_MAX));
            match said {
                Some(Said::Outcome(Ok(_))) => {}
                Some(Said::Outcome(Err(error))) => refused.push(format!("{name}: {}", error.message)),
                Some(Said::Report(_)) | None => {
                    return Err(format!(
                        "{name}: the device did not answer in time; what stands before it was set"
                    ));
                }
            }
        }
        if refused.is_empty() { Ok(None) } else { Err(refused.join("; ")) }
    }

    /// The process ends by it, or it fails now.
    fn reboot(&mut self) -> Option<Did> {
        if let Err(words) = reboot::begin(Path::new("/"), reboot::PROGRAM) {
            return Some(Err(words));
        }
        log::warn!("the board is started anew, as the server ordered");
        self.last += 1;
        self.at = Some(At { ask: self.last, since: Instant::now(), ends: true, did: None });
        None
    }

    /// For where nobody keeps the kernel's clock.
    fn hear_time(&mut self, wall: Wall, round_ms: u64) {
        let saying = Saying { wall, at: SystemClock.now().monotonic, round_ms };
        let within_ms = self.web.clock.hear(saying);
        if let Some(uncertainty_ms) = within_ms.filter(|_| within_ms != self.within_ms) {
            self.ask(|_| AppEvent::Clock(clock::Event::Changed { uncertainty_ms }));
        }
        self.within_ms = within_ms;
    }

    fn content(&mut self, content: Option<Content>) {
        let newest = content.as_ref().and_then(|content| content.edition);
        if let Some(edition) = newest.filter(|_| newest != self.newest) {
            self.newest = newest;
            self.ask(|_| AppEvent::Web(Event::Newest(edition)));
        }
        let place = content.map(|content| content.place);
        self.tell(Told { place, ..self.told.clone() });
    }
}

/// The last lines of the log, as many as an answer takes.
fn logs(lines: u32) -> String {
    let lines = last::lines(usize::try_from(lines).unwrap_or(usize::MAX), LOGS_LEN_MAX);
    let now_s = SystemClock.now().monotonic.0 as f64 / 1000.0;
    serde_json::json!({"now_s": now_s, "lines": lines}).to_string()
}

/// What became of a method.
fn did(outcome: Result<Value, RpcError>) -> Did {
    match outcome {
        Ok(value) => Ok(Some(value.to_string())),
        Err(error) => Err(error.message),
    }
}

impl Doer for Daemon<'_> {
    fn carry_out(&mut self, order: &Order) -> Option<Did> {
        let is_question = order.is_question();
        let method = match orders::work(order, &store_dir(&self.web.state_dir)) {
            Ok(Work::Method(method)) => method,
            Ok(Work::Methods(methods)) => return Some(self.set(methods)),
            Ok(Work::Reboot) => return self.reboot(),
            Ok(Work::Logs { lines }) => return Some(Ok(Some(logs(lines)))),
            Err(words) => return Some(Err(words)),
        };
        let Some(ask) = self.begin_method(method) else {
            return Some(Err("the device is too busy to hear it".into()));
        };
        let ends = order.ends_the_process();
        match self.answer(ask, if is_question { ANSWER_MAX } else { QUICK }) {
            Some(Said::Outcome(outcome)) if is_question => Some(did(outcome)),
            Some(Said::Outcome(Err(error))) => Some(Err(error.message)),
            Some(Said::Outcome(Ok(_))) if !ends => Some(Ok(None)),
            Some(Said::Report(_)) | None if is_question => {
                Some(Err("the device did not answer in time".into()))
            }
            Some(_) | None => {
                self.at = Some(At { ask, since: Instant::now(), ends, did: None });
                None
            }
        }
    }

    fn look(&mut self) -> Option<Did> {
        while let Ok(command) = self.web.commands.try_recv() {
            self.hear(command);
        }
        let at = self.at.as_mut()?;
        let late = match at.ends {
            true => (END_MAX, "the process did not end"),
            false => (COMMAND_MAX, "the device did not say in time what became of it"),
        };
        let did = match at.did.take() {
            // The process is about to end; the next one tells that it was started.
            Some(Ok(_)) if at.ends => None,
            Some(did) => Some(did.map(|_| None)),
            None => (at.since.elapsed() > late.0).then(|| Err(late.1.to_owned())),
        };
        if did.is_some() {
            self.at = None;
        }
        did
    }
}

impl Body for Daemon<'_> {
    fn report(&mut self) -> Report {
        let asked = self.ask(|ask| AppEvent::Web(Event::Asked(ask)));
        let said = asked.and_then(|ask| self.answer(ask, ANSWER_MAX));
        let mut report = match said {
            Some(Said::Report(report)) => *report,
            Some(Said::Outcome(_)) | None => Report::default(),
        };
        board::look(&mut report, &self.web.state_dir, Path::new("/"));
        report.plays_waiting = self.delivery.waiting();
        report
    }

    fn capabilities(&self) -> Vec<Word> {
        orders::capabilities()
    }

    fn plays(&mut self) -> Vec<PlayRecord> {
        let now_ms = SystemClock.now().monotonic.0;
        self.delivery.next(self.run, now_ms).unwrap_or_else(|words| {
            log::warn!("what was played cannot be told to the server now: {words}");
            Vec::new()
        })
    }

    fn kept(&mut self, plays: &[PlayRecord], answer: &PlayAnswer) {
        for refused in &answer.refused {
            let (run, seq) = (refused.name.run, refused.name.seq);
            log::error!("the server does not take play {seq} of run {run}: {}", refused.reason);
        }
        self.delivery.kept(plays);
    }

    fn told(&mut self, event: &WebEvent) {
        match event {
            WebEvent::Link(link) => self.link(*link),
            WebEvent::Code(code) => self.show(code),
            WebEvent::Admitted(device) => {
                log::info!("the server {} knows this device as {device}", self.told.url);
                self.tell(Told { device: Some(device.clone()), code: None, ..self.told.clone() });
            }
            WebEvent::Kept(admitted) => self.give(admitted),
            WebEvent::Content(content) => self.content(content.clone()),
            WebEvent::Failed(failure) => self.fail(failure),
            WebEvent::Time { utc_ms, round_ms } => self.hear_time(Wall(*utc_ms), *round_ms),
            WebEvent::Answered { .. } => {}
        }
    }

    fn rest(&mut self, how_long: Duration, stop: &Stop) {
        self.wait(how_long, stop, |_| false);
    }
}
