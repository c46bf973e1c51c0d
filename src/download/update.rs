//! From an address to a generation: one pass, and passes until there is one.

use std::time::Duration;

use orchestrion_protocol::release::{
    Blob, Digest, Expected, MANIFEST_LEN_MAX, Manifest, OFFER_LEN_MAX, OFFER_NAME, Offer, ROTATION_LEN_MAX,
    ROTATIONS_MAX, blob_path, manifest_path, rotation_path,
};

use super::fetch::{Fetch, Validators};
use super::pace::{Backoff, Pace, Rate, Windows};
use super::{Address, Client, Problem, Progress, Room, SERVERS_MAX, Settings};
use crate::store::{Generation, Store};

/// How often progress is told, in ms.
const TOLD_EVERY_MS: u64 = 250;
/// Half of the weight of a rate is in so many ms.
const RATE_HALF_MS: u64 = 3_000;

/// What a pass came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// What is offered is held and whole.
    Current,
    /// This can be switched to. It is the held one itself where files of it were repaired.
    Ready(Generation),
}

/// See the head of this file.
pub struct Download {
    settings: Settings,
    client: Client,
    windows: Windows,
    rate: Option<Rate>,
    validators: Validators,
    backoff: Backoff,
    /// Which address answered last; it is asked first.
    first: usize,
    /// A manifest that is ready to be switched to, and so is not fetched again.
    ready: Option<Digest>,
}

impl Download {
    /// With these settings; the seed is the device's own.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn new(settings: Settings, seed: u64) -> Result<Self, Problem> {
        if settings.addresses.is_empty() || settings.addresses.len() > SERVERS_MAX {
            return Err(Problem::Settings(format!(
                "there are {} addresses of releases; name 1 to {SERVERS_MAX}",
                settings.addresses.len()
            )));
        }
        let client = Client::new(&settings)?;
        let windows = Windows::new(&settings.windows);
        let rate = settings.rate_max.map(|per_s| Rate::new(per_s, 0));
        let (validators, backoff) = (Validators::default(), Backoff::new(seed));
        Ok(Self { settings, client, windows, rate, validators, backoff, first: 0, ready: None })
    }

    /// The part that can be shut down from elsewhere.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// This manifest is ready to be switched to: while it is offered, nothing is new.
    pub fn set_ready(&mut self, manifest: Option<Digest>) {
        self.ready = manifest;
    }

    /// Where it asked last with success.
    pub fn address(&self) -> Option<&Address> {
        self.settings.addresses.get(self.first)
    }

    /// How long to wait after a problem; `None`: trying again is of no use. What `has_moved` waits less.
    pub fn wait_after(&mut self, problem: &Problem, has_moved: bool) -> Option<Duration> {
        if has_moved {
            self.backoff.succeeded();
        }
        self.backoff.next_wait(problem.wait())
    }

    /// A pass went well: the next problem waits as the first.
    pub fn succeeded(&mut self) {
        self.backoff.succeeded();
    }

    /// Passes until what is offered is there; between them it waits, and says why.
    ///
    /// # Errors
    /// It was stopped, or trying again is of no use.
    pub fn run(
        &mut self,
        store: &mut Store,
        pace: &mut dyn Pace,
        room: &mut dyn Room,
    ) -> Result<Outcome, Problem> {
        let mut progress = Progress::default();
        loop {
            let before = progress.bytes_done;
            let problem = match self.update(store, pace, room, &mut progress) {
                Ok(outcome) => {
                    self.backoff.succeeded();
                    return Ok(outcome);
                }
                Err(problem) => problem,
            };
            let has_moved = progress.bytes_done > before;
            let Some(wait) = self.wait_after(&problem, has_moved) else { return Err(problem) };
            log::warn!("{problem}; trying again in {:.0} s", wait.as_secs_f64().ceil());
            progress.waiting = Some((problem.to_string(), wait.as_millis() as u64));
            room.told(&progress);
            if !pace.wait(wait) {
                return Err(Problem::Stopped);
            }
            progress.waiting = None;
        }
    }

    /// One pass.
    ///
    /// # Errors
    /// What stands against it; what was fetched stays.
    pub fn update(
        &mut self,
        store: &mut Store,
        pace: &mut dyn Pace,
        room: &mut dyn Room,
        progress: &mut Progress,
    ) -> Result<Outcome, Problem> {
        let (offer, bytes, manifest) = match self.ask(store, pace)? {
            Some(found) => found,
            None => return Ok(Outcome::Current),
        };
        let used = room.used();
        store.make_room(&manifest, &used)?;
        self.blobs(store, pace, room, (&manifest, progress))?;
        let place = self.settings.place.clone();
        let expected = Expected { place: place.as_ref(), held: store.held() };
        Ok(Outcome::Ready(store.prepare(&bytes, &offer, &expected)?))
    }

    /// The offer and its manifest; `None` when it is held and whole. One that is behind the others says that nothing is
    /// new, or something older; so the others are asked too.
    fn ask(
        &mut self,
        store: &mut Store,
        pace: &mut dyn Pace,
    ) -> Result<Option<(Offer, Vec<u8>, Manifest)>, Problem> {
        let (mut last, mut is_current) = (None, false);
        for nth in 0..self.settings.addresses.len() {
            let at = (self.first + nth) % self.settings.addresses.len();
            match self.ask_one(at, store, pace) {
                Ok(Some(found)) => {
                    self.first = at;
                    return Ok(Some(found));
                }
                Ok(None) => is_current = true,
                Err(Problem::Stopped) => return Err(Problem::Stopped),
                Err(problem) => last = worse(last, problem),
            }
        }
        if is_current {
            return Ok(None);
        }
        Err(last.unwrap_or(Problem::Stopped))
    }

    fn ask_one(
        &mut self,
        at: usize,
        store: &mut Store,
        pace: &mut dyn Pace,
    ) -> Result<Option<(Offer, Vec<u8>, Manifest)>, Problem> {
        let Some(address) = self.settings.addresses.get(at).cloned() else { return Err(Problem::Stopped) };
        let place = self.settings.place.clone();
        let expected = Expected { place: place.as_ref(), held: store.held() };
        let bytes = self.fetch(pace).document(&address.beside(OFFER_NAME), OFFER_LEN_MAX)?;
        let offer = Offer::read(&bytes)?;
        offer.expect(&expected)?;
        let held = store.current().filter(|current| !current.is_factory);
        if let Some(current) = held.filter(|current| current.held.manifest == offer.manifest)
            && store.missing(&current.manifest).is_empty()
        {
            return Ok(None);
        }
        if self.ready == Some(offer.manifest) && held.is_none_or(|held| held.held.manifest != offer.manifest)
        {
            return Ok(None);
        }
        let mut fetch = self.fetch(pace);
        // Keys that were rotated since are followed one by one.
        let serials = store.keys().serial() + 1..=offer.keys_serial.min(ROTATIONS_MAX);
        for serial in serials {
            let message = fetch.document(&address.beside(&rotation_path(serial)), ROTATION_LEN_MAX)?;
            store.follow(&message)?;
        }
        let bytes = fetch.document(&address.beside(&manifest_path(&offer.manifest)), MANIFEST_LEN_MAX)?;
        let manifest = Manifest::open(&bytes, &offer, store.keys(), &expected)?;
        Ok(Some((offer, bytes, manifest)))
    }

    /// Fetches all that is missing. A file that no server gives does not keep the others from coming.
    fn blobs(
        &mut self,
        store: &mut Store,
        pace: &mut dyn Pace,
        room: &mut dyn Room,
        (manifest, progress): (&Manifest, &mut Progress),
    ) -> Result<(), Problem> {
        let missing: Vec<Blob> = store.missing(manifest).into_iter().cloned().collect();
        let missing_bytes: u64 = missing.iter().map(|blob| blob.size).sum();
        progress.edition = Some(manifest.edition);
        (progress.files, progress.bytes) = (manifest.blobs.len(), manifest.blob_bytes());
        progress.files_done = manifest.blobs.len() - missing.len();
        let mut whole_bytes = progress.bytes.saturating_sub(missing_bytes);
        progress.bytes_done = whole_bytes;
        let mut meter = Meter::new(pace.now_ms());
        let mut last = None;
        for blob in &missing {
            let mut fetched = Err(Problem::Stopped);
            let asked = usize::from(self.settings.communicate.is_some());
            for nth in 0..asked + self.settings.addresses.len() {
                let url = match self.whereabouts(nth, blob, pace) {
                    Ok(url) => url,
                    Err(problem) => {
                        fetched = Err(problem);
                        continue;
                    }
                };
                let mut told = |len: u64, read: u64, now_ms: u64| {
                    progress.bytes_done = whole_bytes.saturating_add(len);
                    progress.rate = meter.add(read, now_ms);
                    if meter.is_due(now_ms) {
                        room.told(progress);
                    }
                };
                fetched = self.one(store, pace, (blob, &url), &mut told);
                match &fetched {
                    Ok(()) => break,
                    Err(Problem::Stopped | Problem::Closed(_)) => break,
                    Err(Problem::Store(error)) if !is_servers_fault(error) => break,
                    Err(problem) => log::debug!("{}: {problem}", blob.sha256),
                }
            }
            match fetched {
                Ok(()) => {
                    progress.files_done += 1;
                    whole_bytes = whole_bytes.saturating_add(blob.size);
                    progress.bytes_done = whole_bytes;
                }
                Err(problem @ (Problem::Stopped | Problem::Closed(_))) => return Err(problem),
                Err(Problem::Store(error)) if !is_servers_fault(&error) => return Err(error.into()),
                // Without a way to anybody the other files would not come either.
                Err(
                    problem @ (Problem::Unreachable { .. } | Problem::Portal { .. } | Problem::Busy { .. }),
                ) => {
                    return Err(problem);
                }
                Err(problem) => last = worse(last, problem),
            }
        }
        room.told(progress);
        last.map_or(Ok(()), Err)
    }

    /// The address of a blob, the best first: of who is asked for it, then beside the release.
    fn whereabouts(&mut self, nth: usize, blob: &Blob, pace: &mut dyn Pace) -> Result<String, Problem> {
        let asked = self.settings.communicate.clone();
        let nth = match (&asked, nth.checked_sub(1)) {
            (Some(asked), None) => return self.fetch(pace).whereabouts(asked, &blob.sha256),
            (Some(_), Some(nth)) => nth,
            (None, _) => nth,
        };
        let at = (self.first + nth) % self.settings.addresses.len();
        let address = self.settings.addresses.get(at).ok_or(Problem::Stopped)?;
        Ok(address.beside(&blob_path(&blob.sha256)))
    }

    fn one(
        &mut self,
        store: &mut Store,
        pace: &mut dyn Pace,
        (blob, url): (&Blob, &str),
        told: &mut dyn FnMut(u64, u64, u64),
    ) -> Result<(), Problem> {
        self.fetch(pace).blob(store, blob, url, told)
    }

    fn fetch<'a>(&'a mut self, pace: &'a mut dyn Pace) -> Fetch<'a> {
        Fetch {
            client: &self.client,
            pace,
            limits: self.settings.limits,
            windows: &self.windows,
            rate: &mut self.rate,
            validators: &mut self.validators,
        }
    }
}

/// What a server did, not the disk.
fn is_servers_fault(error: &crate::store::StoreError) -> bool {
    use crate::store::StoreError;
    matches!(error, StoreError::OtherContent { .. } | StoreError::TooLong { .. })
}

/// Which of two problems is told: the one that somebody has to do something about.
fn worse(before: Option<Problem>, now: Problem) -> Option<Problem> {
    let rank = |problem: &Problem| match problem.wait() {
        super::Wait::Jitter => 0,
        super::Wait::AtLeast(_) => 1,
        super::Wait::Seldom => 2,
        super::Wait::Over => 3,
    };
    match before {
        // What may come soon is waited for, whatever else is wrong; a portal is told before a server that is away.
        Some(before) if rank(&before) <= rank(&now) && !matches!(now, Problem::Portal { .. }) => Some(before),
        Some(_) | None => Some(now),
    }
}

/// Bytes a second, with what is long ago counting less.
struct Meter {
    rate: f64,
    since_ms: u64,
    bytes: u64,
    told_ms: u64,
}

impl Meter {
    fn new(now_ms: u64) -> Self {
        Self { rate: 0.0, since_ms: now_ms, bytes: 0, told_ms: now_ms }
    }

    fn add(&mut self, bytes: u64, now_ms: u64) -> u64 {
        self.bytes += bytes;
        let elapsed_ms = now_ms.saturating_sub(self.since_ms);
        if elapsed_ms >= TOLD_EVERY_MS {
            let lately = self.bytes as f64 * 1000.0 / elapsed_ms as f64;
            let old = 0.5_f64.powf(elapsed_ms as f64 / RATE_HALF_MS as f64);
            self.rate = if self.rate == 0.0 { lately } else { self.rate * old + lately * (1.0 - old) };
            (self.since_ms, self.bytes) = (now_ms, 0);
        }
        self.rate as u64
    }

    fn is_due(&mut self, now_ms: u64) -> bool {
        let is_due = now_ms.saturating_sub(self.told_ms) >= TOLD_EVERY_MS;
        if is_due {
            self.told_ms = now_ms;
        }
        is_due
    }
}
