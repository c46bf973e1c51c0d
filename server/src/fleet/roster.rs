//! Who there is, in memory: what devices said last, the commands that wait for them, their tokens.
//!
//! One lock, held for microseconds and never over a wait. Everything in it was on the disk first, but for what devices say of
//! themselves.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orchestrion_protocol::fleet::{CommandRef, Report, SettingsOrder};
use serde::Serialize;
use tokio::sync::Notify;
use utoipa::ToSchema;

use super::presence::{Facts, Presence};
use crate::{Error, Result};

/// See the head of this file.
#[derive(Debug, Default)]
pub struct Roster {
    inner: Mutex<Members>,
}

/// What is under the lock.
#[derive(Debug, Default)]
pub struct Members {
    devices: HashMap<String, Member>,
    tokens: HashMap<String, Token>,
    by_key: HashMap<String, String>,
    /// Devices whose standing is to be written.
    pub(super) changed: BTreeSet<String>,
    /// Devices whose settings are to be written.
    pub(super) set: BTreeSet<String>,
    /// Commands that were sent, to be written.
    pub(super) delivered: Vec<(String, CommandRef, i64)>,
}

/// A token by its hash.
#[derive(Debug, Clone)]
pub struct Token {
    /// Whose.
    pub device: String,
    /// When it was made.
    pub made_utc_ms: i64,
    /// Until when it is taken; `None`: it is the newest one.
    pub ends_utc_ms: Option<i64>,
}

/// A device.
#[derive(Debug)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Its key.
    pub public: String,
    /// What people call it.
    pub name: String,
    /// The board by its own words.
    pub board: String,
    /// Its place.
    pub place: Option<String>,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// What it said last.
    pub facts: Facts,
    /// What people have set on it, also before the server started.
    pub settings: SettingsOrder,
    /// How it stands.
    pub standing: Standing,
    /// When it was last heard.
    pub seen_utc_ms: Option<i64>,
    /// The kernel's name of its boot.
    pub boot_id: String,
    /// Those before.
    pub boots: VecDeque<String>,
    /// Its connection's number.
    pub connection: u64,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// The last command that it has begun.
    pub cursor: CommandRef,
    /// The last one that was given to it.
    pub last: CommandRef,
    /// Commands without a result, in the order of their numbers.
    pub waiting: VecDeque<Waiting>,
    /// Told when there is something for it.
    pub bell: Arc<Notify>,
    /// Rises with each heartbeat, so that one that is held knows that another came.
    pub turn: u64,
}

/// How a device stands, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Standing {
    /// How.
    pub presence: Presence,
    /// Why.
    pub reason: String,
    /// Since when, in ms since 1970.
    pub since_utc_ms: i64,
}

/// A command without a result.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Which.
    pub name: CommandRef,
    /// What is signed.
    pub text: Arc<str>,
    /// Until when it may be begun.
    pub ends_utc_ms: i64,
    /// Whether it was sent.
    pub is_delivered: bool,
    /// A question that does not wait for what is before it.
    pub is_question: bool,
}

/// A device as it is shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Shown {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The board by its own words.
    pub board: String,
    /// Its place.
    pub place: Option<String>,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// When it was last heard, in ms since 1970.
    pub seen_utc_ms: Option<i64>,
    /// Its connection's number in this run.
    pub connection: u64,
    /// Its run.
    pub run: u64,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// Commands without a result.
    pub commands_waiting: usize,
    /// What it said last; null since the server started.
    pub report: Option<Report>,
}

impl Roster {
    /// What is under the lock. A thread that panicked left it whole: each change is one step.
    pub fn lock(&self) -> MutexGuard<'_, Members> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// A device.
    ///
    /// # Errors
    /// There is none of this id.
    pub fn device(&mut self, id: &str) -> Result<&mut Member> {
        self.devices.get_mut(id).ok_or_else(|| Error::NotFound { what: "device", name: shown_name(id) })
    }

    /// Every device.
    pub fn devices(&mut self) -> impl Iterator<Item = &mut Member> {
        self.devices.values_mut()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Takes a device in.
    pub fn admit(&mut self, member: Member) {
        self.by_key.insert(member.public.clone(), member.id.clone());
        self.devices.insert(member.id.clone(), member);
    }

    /// Takes a device out, with its tokens; whoever is held for it is let go.
    pub fn dismiss(&mut self, id: &str) {
        if let Some(member) = self.devices.remove(id) {
            self.by_key.remove(&member.public);
            member.bell.notify_waiters();
        }
        self.tokens.retain(|_, token| token.device != id);
        self.changed.remove(id);
    }

    /// The device of a key.
    pub fn of_key(&self, public: &str) -> Option<&str> {
        self.by_key.get(public).map(String::as_str)
    }

    /// A token that is taken now.
    pub fn token(&self, hash: &str, utc_ms: i64) -> Option<&Token> {
        self.tokens.get(hash).filter(|token| token.ends_utc_ms.is_none_or(|ends| utc_ms < ends))
    }

    /// Takes a token in.
    pub fn add_token(&mut self, hash: String, token: Token) {
        self.tokens.insert(hash, token);
    }

    /// A new token of a device; the one that it shows, or else its newest, ends then, and others go.
    pub fn renew_token(&mut self, shows: Option<&str>, (hash, new): (String, Token), ends_utc_ms: i64) {
        self.tokens.retain(|hash, token| {
            token.device != new.device || shows.map_or(token.ends_utc_ms.is_none(), |shows| hash == shows)
        });
        for token in self.tokens.values_mut().filter(|token| token.device == new.device) {
            token.ends_utc_ms.get_or_insert(ends_utc_ms);
        }
        self.tokens.insert(hash, new);
    }

    /// Tokens that are taken no more go.
    pub fn forget_tokens(&mut self, utc_ms: i64) {
        self.tokens.retain(|_, token| token.ends_utc_ms.is_none_or(|ends| utc_ms < ends));
    }

    /// Looks how a device stands now; a change is noted, to be written.
    pub fn look(&mut self, id: &str, mono_ms: u64, utc_ms: i64) {
        let Some(member) = self.devices.get_mut(id) else { return };
        if member.look(mono_ms, utc_ms) {
            self.changed.insert(id.to_owned());
        }
    }

    /// The same for every device: time alone makes one offline.
    pub fn look_at_all(&mut self, mono_ms: u64, utc_ms: i64) {
        for (id, member) in &mut self.devices {
            if member.look(mono_ms, utc_ms) {
                self.changed.insert(id.clone());
            }
        }
    }
}

impl Member {
    /// One that was never seen.
    pub fn new(id: &str, public: &str, utc_ms: i64) -> Self {
        Self {
            id: id.to_owned(),
            public: public.to_owned(),
            name: String::new(),
            board: String::new(),
            place: None,
            groups: BTreeSet::new(),
            facts: Facts::default(),
            settings: SettingsOrder::default(),
            standing: Standing {
                presence: Presence::NeverSeen,
                reason: "it has not reported yet".to_owned(),
                since_utc_ms: utc_ms,
            },
            seen_utc_ms: None,
            boot_id: String::new(),
            boots: VecDeque::new(),
            connection: 0,
            capabilities: Vec::new(),
            cursor: CommandRef::default(),
            last: CommandRef::default(),
            waiting: VecDeque::new(),
            bell: Arc::new(Notify::new()),
            turn: 0,
        }
    }

    fn look(&mut self, mono_ms: u64, utc_ms: i64) -> bool {
        // Since the server started it has said nothing: how it stood before is all that is known, until it is late.
        if self.facts.seen_ms.is_none() && self.seen_utc_ms.is_some() {
            let late = mono_ms > super::heartbeat::INTERVAL_S_FIRST * 3000;
            if !late || self.standing.presence == Presence::Offline {
                return false;
            }
            let reason = "it has not reported since the server started".to_owned();
            self.standing = Standing { presence: Presence::Offline, reason, since_utc_ms: utc_ms };
            return true;
        }
        let (presence, reason) = self.facts.judge(mono_ms);
        if presence == self.standing.presence {
            self.standing.reason = reason;
            return false;
        }
        self.standing = Standing { presence, reason, since_utc_ms: utc_ms };
        true
    }

    /// As it is shown.
    pub fn shown(&self) -> Shown {
        Shown {
            id: self.id.clone(),
            name: self.name.clone(),
            board: self.board.clone(),
            place: self.place.clone(),
            groups: self.groups.clone(),
            standing: self.standing.clone(),
            seen_utc_ms: self.seen_utc_ms,
            connection: self.connection,
            run: self.facts.run,
            capabilities: self.capabilities.clone(),
            commands_waiting: self.waiting.len(),
            report: self.facts.seen_ms.map(|_| self.facts.report.clone()),
        }
    }
}

/// As much of a name that somebody sent as fits into a sentence.
pub fn shown_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(80).collect()
}
