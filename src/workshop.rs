//! Workshop: commands become work, one after another, each at most once.
//!
//! A command's number is on the disk before it is begun ([`Ledger`]), its result after it was done. So whatever is cut when:
//! no command is begun twice, and one that was cut off has failed, with words that say so. What is old, replayed, for another
//! device or not signed by a key of the server is refused and reported. Questions change nothing: they are answered at once, before
//! what waits, and move no number. Runs on the thread of who calls it; does no network, and waits for nobody.

mod ledger;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use orchestrion_protocol::fleet::{
    Command, CommandRef, Ended, Line, Order, Outcome, REQUEST_LEN_MAX, RESULTS_MAX, Sealed, Word,
};
use orchestrion_protocol::release::Keyring;

pub(crate) use ledger::replace;
pub use ledger::{FileLedger, Kept, Ledger, LedgerError, MemoryLedger, RESULTS_KEPT_MAX};

/// Commands that wait for those before them; what is more comes again with the next answer.
pub const WAITING_MAX: usize = 64;

/// Bytes of results in a heartbeat; what is more goes with the next one.
const RESULTS_LEN_MAX: usize = REQUEST_LEN_MAX / 2;

/// What became of work: what was asked for as JSON text, if it was a question; or why it could not be done.
pub type Did = Result<Option<String>, String>;

/// Who can do what an order asks for, one order after another.
pub trait Doer {
    /// Does it. `None`: it is at it, and [`Doer::look`] tells when that has ended; never so for a question.
    fn carry_out(&mut self, order: &Order) -> Option<Did>;

    /// What became of the order that it is at, once that has ended.
    fn look(&mut self) -> Option<Did> {
        None
    }
}

/// See the head of this file.
#[derive(Debug)]
pub struct Workshop<L: Ledger> {
    device: String,
    keys: Keyring,
    ledger: L,
    kept: Kept,
    /// What comes after the one that is being done.
    waiting: VecDeque<Job>,
}

/// A command that is believed and was not begun.
#[derive(Debug)]
struct Job {
    name: CommandRef,
    by: Line,
    method: Word,
    order: Result<Order, String>,
    /// From then on it is not begun any more.
    ends: Option<Instant>,
}

impl<L: Ledger> Workshop<L> {
    /// For a device, by the keys of its server. What was cut off by the end of the process before has failed; an order that was
    /// to end the process is done. What another device did on this disk is nothing to this one.
    ///
    /// # Errors
    /// What was kept cannot be read or written.
    pub fn open(device: &str, keys: Keyring, mut ledger: L) -> Result<Self, LedgerError> {
        let mut kept = ledger.load()?;
        if kept.device.as_deref().is_some_and(|before| before != device) {
            kept = Kept::default();
        }
        kept.device = Some(device.to_owned());
        if let Some((name, ends_process)) = kept.running.take() {
            let outcome = if ends_process {
                Outcome::new(name, Ended::Done, "it was started again")
            } else {
                let words = "the device stopped while it was at it; whether it was done is not known, and it is not done again";
                Outcome::new(name, Ended::Failed, words)
            };
            kept.put(outcome);
            ledger.store(&kept)?;
        }
        Ok(Self { device: device.to_owned(), keys, ledger, kept, waiting: VecDeque::new() })
    }

    /// For whom it works.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// What it kept its books in, for the workshop after it.
    pub fn into_ledger(self) -> L {
        self.ledger
    }

    /// Whether it is at something, or something waits.
    pub fn is_busy(&self) -> bool {
        self.kept.running.is_some() || !self.waiting.is_empty()
    }

    /// The last command that was begun.
    pub fn cursor(&self) -> CommandRef {
        self.kept.cursor
    }

    /// Results that were not acknowledged, the oldest first; as many as one heartbeat takes.
    pub fn results(&self) -> Vec<Outcome> {
        let mut len = 0;
        let fits = |outcome: &&Outcome| {
            let is_first = len == 0;
            len += serde_json::to_string(outcome).map_or(0, |text| text.len());
            is_first || len <= RESULTS_LEN_MAX
        };
        self.kept.results.iter().take(RESULTS_MAX).take_while(fits).cloned().collect()
    }

    /// The server has these on its disk.
    ///
    /// # Errors
    /// The disk refuses; they are told again then, which does no harm.
    pub fn acknowledged(&mut self, told: &[Outcome]) -> Result<(), LedgerError> {
        if told.is_empty() {
            return Ok(());
        }
        self.kept.results.retain(|kept| !told.contains(kept));
        self.ledger.store(&self.kept)
    }

    /// Other keys.
    pub fn set_keys(&mut self, keys: Keyring) {
        self.keys = keys;
    }

    /// The keys that are believed.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Takes what is commanded, at the server's time of day when it said so, answers what is only asked, and begins.
    ///
    /// # Errors
    /// The disk refuses to keep a number: then nothing was begun, and it comes again with the next answer.
    pub fn take(
        &mut self,
        sealed: &[Sealed],
        server_utc_ms: i64,
        doer: &mut dyn Doer,
    ) -> Result<(), LedgerError> {
        for one in sealed {
            self.sort(one, server_utc_ms, doer)?;
        }
        self.work(doer)
    }

    /// Goes on with what waits, if what it was at has ended.
    ///
    /// # Errors
    /// As [`Workshop::take`].
    pub fn work(&mut self, doer: &mut dyn Doer) -> Result<(), LedgerError> {
        loop {
            if let Some((name, _)) = self.kept.running {
                match doer.look() {
                    None => return Ok(()),
                    Some(did) => self.end(name, did),
                }
            }
            let Some(job) = self.waiting.pop_front() else { return Ok(()) };
            // When the disk does not take its number, what waits comes again, too.
            self.begin(job, doer).inspect_err(|_| self.waiting.clear())?;
        }
    }

    /// Believes it or not, answers it or lets it wait.
    fn sort(&mut self, sealed: &Sealed, server_utc_ms: i64, doer: &mut dyn Doer) -> Result<(), LedgerError> {
        let command = match Command::open(sealed, |id| self.keys.key(id)) {
            Ok(command) => command,
            Err(error) => return self.refuse(claimed(sealed), &error.to_string()),
        };
        let name = command.name;
        if command.device.as_str() != self.device {
            return self.refuse(Some(name), &format!("it is for the device {}", command.device));
        }
        // It came again because an answer was lost, or it is still waited for. Its result is told again, if it is still here.
        let is_known = self.kept.results.iter().any(|result| result.name == name)
            || self.kept.running.is_some_and(|(running, _)| running == name)
            || self.waiting.iter().any(|job| job.name == name);
        if is_known {
            return Ok(());
        }
        if name <= self.kept.cursor {
            let words = format!("it is not newer than {}, which was begun already", self.kept.cursor);
            return self.refuse(Some(name), &words);
        }
        let left_ms = command.ends_utc_ms.saturating_sub(server_utc_ms).max(0).unsigned_abs();
        let order = command.order.read().map_err(|error| error.to_string());
        if order.as_ref().is_ok_and(Order::is_question) && left_ms > 0 {
            log::info!("{name} by {}: {}", command.by, command.order.method);
            let did =
                order.and_then(|order| doer.carry_out(&order).unwrap_or(Err("it has no answer".into())));
            let mut next = self.kept.clone();
            next.put(outcome(name, did));
            return self.keep(next);
        }
        if self.waiting.len() < WAITING_MAX {
            let ends = Instant::now().checked_add(Duration::from_millis(left_ms));
            self.waiting.push_back(Job { name, by: command.by, method: command.order.method, order, ends });
        }
        Ok(())
    }

    /// Begins the next one.
    fn begin(&mut self, job: Job, doer: &mut dyn Doer) -> Result<(), LedgerError> {
        let Job { name, by, method, order, ends } = job;
        if name <= self.kept.cursor {
            // One that was sent out of order, behind one that is newer.
            let words = format!("it came after {}, which is newer", self.kept.cursor);
            return self.refuse(Some(name), &words);
        }
        if ends.is_some_and(|ends| Instant::now() >= ends) {
            let mut next = self.kept.clone();
            next.cursor = name;
            next.put(Outcome::new(name, Ended::Expired, "it came after its end"));
            return self.keep(next);
        }
        let ends_process = order.as_ref().is_ok_and(Order::ends_the_process);
        // When this is on the disk it is begun, whatever comes.
        self.keep(Kept { cursor: name, running: Some((name, ends_process)), ..self.kept.clone() })?;
        log::info!("{name} by {by}: {method}");
        let did = match order {
            Ok(order) => doer.carry_out(&order),
            Err(words) => Some(Err(words)),
        };
        if let Some(did) = did {
            self.end(name, did);
        }
        Ok(())
    }

    fn end(&mut self, name: CommandRef, did: Did) {
        self.kept.running = None;
        self.kept.put(outcome(name, did));
        if let Err(error) = self.ledger.store(&self.kept) {
            // It was done; in memory its result lives, and after a restart it counts as cut off.
            log::error!("the result of {name} cannot be kept: {error}");
        }
    }

    /// On the disk, and then in memory: what the disk refuses is not so.
    fn keep(&mut self, next: Kept) -> Result<(), LedgerError> {
        self.ledger.store(&next)?;
        self.kept = next;
        Ok(())
    }

    /// Reports what was not believed; nothing of it is kept on the disk, so that nobody can fill it.
    fn refuse(&mut self, name: Option<CommandRef>, reason: &str) -> Result<(), LedgerError> {
        log::warn!("a command was refused: {reason}");
        if let Some(name) = name
            && !self.kept.results.iter().any(|result| result.name == name)
        {
            self.kept.put(Outcome::new(name, Ended::Refused, reason));
        }
        Ok(())
    }
}

fn outcome(name: CommandRef, did: Did) -> Outcome {
    match did {
        Ok(None) => Outcome::new(name, Ended::Done, ""),
        Ok(Some(answer)) => Outcome::new(name, Ended::Done, "").with_answer(answer),
        Err(reason) => {
            log::warn!("{name} failed: {reason}");
            Outcome::new(name, Ended::Failed, &reason)
        }
    }
}

/// The number that something unbelieved claims to have, to report it by.
fn claimed(sealed: &Sealed) -> Option<CommandRef> {
    #[derive(serde::Deserialize)]
    struct Claim {
        #[serde(flatten)]
        name: CommandRef,
    }
    serde_json::from_str::<Claim>(&sealed.text).ok().map(|claim| claim.name)
}
