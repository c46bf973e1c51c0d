//! The loop of a device's connection, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use orchestrion_protocol::fleet::PlayBatch;
use orchestrion_protocol::fleet::{
    Admission, Code, Content, EnrolAnswer, EnrolRequest, EnrolText, FLEET_VERSION, Heartbeat,
    HeartbeatAnswer, Line, PlayAnswer, PlayRecord, Report, Word,
};
use orchestrion_protocol::release::Keyring;

use super::machine::{Answered, Link, Machine, Step};
use super::{Admitted, Failure, Http, Identity};
use crate::workshop::{Doer, Ledger, Workshop};

/// Batches of plays that are sent after one heartbeat; what is more goes after the next.
const BATCHES_AT_ONCE: usize = 4;

/// The device that a client speaks for.
pub trait Body: Doer {
    /// What the device does.
    fn report(&mut self) -> Report;

    /// What it can do, by name.
    fn capabilities(&self) -> Vec<Word>;

    /// Closed rows of its play log that were not acknowledged, at most [`orchestrion_protocol::fleet::BATCH_PLAYS_MAX`].
    fn plays(&mut self) -> Vec<PlayRecord>;

    /// The server has these.
    fn kept(&mut self, plays: &[PlayRecord], answer: &PlayAnswer);

    /// Something changed between it and its server.
    fn told(&mut self, event: &WebEvent);

    /// Waits until it is time to ask again.
    fn rest(&mut self, how_long: Duration, stop: &Stop) {
        stop.wait(how_long);
    }
}

/// What changed between a device and its server.
#[derive(Debug, Clone, PartialEq)]
pub enum WebEvent {
    /// How it stands.
    Link(Link),
    /// Somebody has to type this code.
    Code(Code),
    /// It is in.
    Admitted(Word),
    /// The server's own word for the time of day.
    Time {
        /// When it answered, in ms since 1970.
        utc_ms: i64,
        /// How long request and answer were on their way, in ms.
        round_ms: u64,
    },
    /// What is to be played, as far as the server knows.
    Content(Option<Content>),
    /// What is kept of it now, for the next start.
    Kept(Box<Admitted>),
    /// It was answered; how long that took beyond what it was held, in ms.
    Answered {
        /// In ms.
        late_ms: u64,
    },
    /// Why it does not work.
    Failed(Failure),
}

/// Stops a client from elsewhere.
#[derive(Debug, Clone)]
pub struct Stop(Arc<(AtomicBool, Sender<()>, Receiver<()>)>);

impl Default for Stop {
    fn default() -> Self {
        let (wake, woken) = bounded(1);
        Self(Arc::new((AtomicBool::new(false), wake, woken)))
    }
}

impl Stop {
    /// Ends its waiting. A request that is held ends by itself, unless it is sent by a thread of its own ([`Http::apart`]).
    pub fn stop(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        // Full means that it is woken already.
        let _ = self.0.1.try_send(());
    }

    /// Whether it was told to.
    pub fn is_stopped(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    /// Where a word comes when it was told to.
    pub(super) fn woken(&self) -> &Receiver<()> {
        &self.0.2
    }

    /// Waits, unless it was told to stop.
    pub fn wait(&self, how_long: Duration) {
        if !self.is_stopped() {
            let _ = self.woken().recv_timeout(how_long);
        }
    }
}

/// See the head of this file.
pub struct WebClient<L: Ledger> {
    http: Http,
    server: String,
    identity: Identity,
    /// Made when it is in, from the ledger that waits until then.
    workshop: Option<Workshop<L>>,
    ledger: Option<L>,
    machine: Machine,
    began: Instant,
    stop: Stop,
    about: EnrolText,
    run: u64,
    boot_id: Word,
    seq: u64,
    challenge: Word,
}

impl<L: Ledger> WebClient<L> {
    /// For a server; `about` is what the device says of itself when it comes in, `run` and `boot_id` which start of it this is.
    pub fn new(
        (http, server): (Http, &str),
        identity: Identity,
        ledger: L,
        about: EnrolText,
        (run, boot_id, seed): (u64, &str, u64),
    ) -> Self {
        let admitted = identity.admitted(server);
        let interval_s = admitted.and_then(|admitted| admitted.next_s);
        let machine = Machine::new(0, seed, admitted.is_some());
        let machine = match interval_s {
            Some(interval_s) => machine.with_interval(0, interval_s),
            None => machine,
        };
        Self {
            http,
            server: server.to_owned(),
            identity,
            workshop: None,
            ledger: Some(ledger),
            machine,
            began: Instant::now(),
            stop: Stop::default(),
            about,
            run,
            boot_id: Word::cut(boot_id),
            seq: 0,
            challenge: Word::default(),
        }
    }

    /// The same, stopped by this.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// What stops it from elsewhere.
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// Runs until it is told to stop.
    pub fn run(&mut self, body: &mut dyn Body) {
        let mut link = None;
        if let Some(admitted) = self.identity.admitted(&self.server) {
            body.told(&WebEvent::Admitted(admitted.admission.device.clone()));
            body.told(&WebEvent::Kept(Box::new(admitted.clone())));
        }
        loop {
            if self.stop.is_stopped() {
                self.machine.stop();
            }
            let step = self.machine.step(self.now_ms());
            if link != Some(self.machine.link()) {
                link = Some(self.machine.link());
                body.told(&WebEvent::Link(self.machine.link()));
            }
            match step {
                Step::Stop => return,
                Step::Wait(ms) => {
                    body.rest(Duration::from_millis(ms), &self.stop);
                    self.work(body);
                }
                Step::Enrol => {
                    let outcome = self.enrol(body);
                    self.ended(outcome, body);
                }
                Step::Beat { hold_s } => {
                    let outcome = self.beat(hold_s, body);
                    self.ended(outcome, body);
                }
            }
        }
    }

    /// Goes on with commands, also while the server is away.
    fn work(&mut self, body: &mut dyn Body) {
        if let Some(workshop) = &mut self.workshop
            && let Err(error) = workshop.work(body)
        {
            body.told(&WebEvent::Failed(Failure::NotKept(error.to_string())));
        }
    }

    fn now_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn ended(&mut self, outcome: Result<Answered, Failure>, body: &mut dyn Body) {
        let now_ms = self.now_ms();
        match outcome {
            Ok(answered) => self.machine.answered(now_ms, answered),
            Err(failure) => {
                if let Failure::Copied(_) = failure {
                    self.become_another(body);
                }
                self.machine.failed(now_ms, &failure);
                body.told(&WebEvent::Failed(failure));
            }
        }
    }

    /// Another board has this card: this one is a new device from now on.
    fn become_another(&mut self, body: &mut dyn Body) {
        let mut chance = [0; 32];
        let made = std::fs::File::open("/dev/urandom")
            .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut chance));
        let forgot = made
            .map_err(|error| error.to_string())
            .and_then(|()| self.identity.forget(&chance).map_err(|error| error.to_string()));
        if let Err(words) = forgot {
            body.told(&WebEvent::Failed(Failure::Copied(words)));
        }
    }

    fn enrol(&mut self, body: &mut dyn Body) -> Result<Answered, Failure> {
        // With the answer to the first try the second one follows at once.
        for _ in 0..2 {
            let text = EnrolText { challenge: std::mem::take(&mut self.challenge), ..self.about.clone() };
            match self.http.enrol(&EnrolRequest::new(&text, self.identity.key()))? {
                EnrolAnswer::Challenge { challenge, .. } => self.challenge = challenge,
                EnrolAnswer::Pending(pending) => {
                    self.challenge = pending.challenge;
                    body.told(&WebEvent::Code(pending.code));
                    return Ok(Answered::AskAgain { in_s: pending.ask_in_s });
                }
                EnrolAnswer::Accepted(admission) => {
                    self.admit(admission, body)?;
                    return Ok(Answered::Admitted);
                }
                EnrolAnswer::Refused { reason, .. } => return Err(Failure::Refused(reason.to_string())),
            }
        }
        Ok(Answered::AskAgain { in_s: 5 })
    }

    fn admit(&mut self, admission: Admission, body: &mut dyn Body) -> Result<(), Failure> {
        let keys = Keyring::pinned(admission.keys.clone())
            .map_err(|error| Failure::NotUnderstood(error.to_string()))?;
        let device = admission.device.clone();
        match self.workshop.take() {
            // It lost its token and is the same as before.
            Some(mut workshop) if workshop.device() == device.as_str() => {
                workshop.set_keys(keys.clone());
                self.workshop = Some(workshop);
            }
            Some(workshop) => self.ledger = Some(workshop.into_ledger()),
            None => {}
        }
        let admitted = Admitted { server: self.server.clone(), admission, keys, next_s: None, content: None };
        self.identity.admit(admitted).map_err(|error| Failure::NotKept(error.to_string()))?;
        body.told(&WebEvent::Admitted(device));
        Ok(())
    }

    fn beat(&mut self, hold_s: u32, body: &mut dyn Body) -> Result<Answered, Failure> {
        let admitted = self.identity.admitted(&self.server).cloned();
        let admitted = admitted.ok_or_else(|| Failure::Unknown("it has no token".into()))?;
        if self.workshop.is_none()
            && let Some(ledger) = self.ledger.take()
        {
            let made = Workshop::open(&admitted.admission.device, admitted.keys.clone(), ledger);
            self.workshop = Some(made.map_err(|error| Failure::NotKept(error.to_string()))?);
        }
        let Some(workshop) = &mut self.workshop else {
            return Err(Failure::NotKept(
                "what was kept of commands cannot be used, so none is taken".into(),
            ));
        };
        workshop.work(body).map_err(|error| Failure::NotKept(error.to_string()))?;
        self.seq += 1;
        let results = workshop.results();
        let message = Heartbeat {
            v: FLEET_VERSION,
            device: admitted.admission.device.clone(),
            run: self.run,
            boot_id: self.boot_id.clone(),
            seq: self.seq,
            connection: self.machine.connection(),
            hold_s: if results.is_empty() { hold_s } else { 0 },
            cursor: workshop.cursor(),
            results,
            keys_serial: admitted.keys.serial(),
            capabilities: body.capabilities(),
            report: body.report(),
        };
        let sent = Instant::now();
        let patience = Duration::from_millis(self.machine.patience_ms());
        let answer = self.http.heartbeat(&admitted.admission.token, &message, patience)?;
        let took_ms = sent.elapsed().as_millis() as u64;
        let round_ms = took_ms.saturating_sub(answer.held_ms);
        body.told(&WebEvent::Answered { late_ms: round_ms });
        if self.http.is_authentic() {
            body.told(&WebEvent::Time { utc_ms: answer.server_utc_ms, round_ms });
        }
        body.told(&WebEvent::Content(answer.content.clone()));
        self.took(&message, &answer, admitted, body)?;
        let is_busy = self.workshop.as_ref().is_some_and(Workshop::is_busy);
        Ok(Answered::Beat { next_s: answer.next_s, is_busy })
    }

    /// Does what the answer says.
    fn took(
        &mut self,
        message: &Heartbeat,
        answer: &HeartbeatAnswer,
        mut admitted: Admitted,
        body: &mut dyn Body,
    ) -> Result<(), Failure> {
        let Some(workshop) = &mut self.workshop else { return Ok(()) };
        let kept = |error: crate::workshop::LedgerError| Failure::NotKept(error.to_string());
        workshop.acknowledged(&message.results).map_err(kept)?;
        let mut is_new = false;
        for rotation in &answer.rotations {
            match admitted.keys.follow(&rotation.bytes()) {
                Ok(keys) => {
                    workshop.set_keys(keys.clone());
                    (admitted.keys, is_new) = (keys, true);
                }
                Err(refusal) => {
                    body.told(&WebEvent::Failed(Failure::NotUnderstood(format!(
                        "a rotation of keys: {refusal}"
                    ))));
                    break;
                }
            }
        }
        if let Some(new) = &answer.token {
            (admitted.admission.token, is_new) = (new.token.clone(), true);
        }
        if admitted.next_s != Some(answer.next_s) || !is_same_content(&admitted, answer) {
            admitted.next_s = Some(answer.next_s);
            // A server that does not say where a release lies any more takes none away.
            admitted.content = answer.content.clone().or(admitted.content);
            is_new = true;
        }
        if is_new {
            self.identity.admit(admitted.clone()).map_err(|error| Failure::NotKept(error.to_string()))?;
            body.told(&WebEvent::Kept(Box::new(admitted.clone())));
        }
        workshop.take(&answer.commands, answer.server_utc_ms, body).map_err(kept)?;
        if !workshop.results().is_empty() {
            self.machine.hurry();
        }
        self.send_plays(&admitted, body)
    }

    fn send_plays(&mut self, admitted: &Admitted, body: &mut dyn Body) -> Result<(), Failure> {
        for _ in 0..BATCHES_AT_ONCE {
            let plays = body.plays();
            if plays.is_empty() {
                return Ok(());
            }
            let batch = PlayBatch { v: FLEET_VERSION, device: admitted.admission.device.clone(), plays };
            let answer = self.http.plays(&admitted.admission.token, &batch)?;
            body.kept(&batch.plays, &answer);
        }
        self.machine.hurry();
        Ok(())
    }
}

/// Whether what is to be played lies where it lay; which release is the newest there is no news for a disk.
fn is_same_content(admitted: &Admitted, answer: &HeartbeatAnswer) -> bool {
    let place = |content: &Option<Content>| content.as_ref().map(|it| (it.place.clone(), it.path.clone()));
    answer.content.is_none() || place(&admitted.content) == place(&answer.content)
}

/// What a device says of itself when it comes in.
pub fn about(name: &str, board: &str, token: Option<&str>) -> EnrolText {
    EnrolText {
        v: FLEET_VERSION,
        challenge: Word::default(),
        token: token.map(Line::cut),
        name: Line::cut(name),
        board: Line::cut(board),
        version: Word::cut(env!("CARGO_PKG_VERSION")),
    }
}
