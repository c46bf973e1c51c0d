//! How a device comes in. See `orchestrion_protocol::fleet` for the messages.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use orchestrion_protocol::fleet::{
    Admission, CODE_S, Code, EnrolAnswer, EnrolRequest, EnrolText, FLEET_VERSION, Line, Pending, Sentence,
    Word,
};
use sea_orm::FromQueryResult;
use serde::Serialize;
use utoipa::ToSchema;

use super::DEVICES_MAX;
use super::group::{self, Group, Grouped};
use super::roster::{Member, Token};
use super::writer::Fleet;
use crate::database::{Transaction, execute, row, values};
use crate::server::App;
use crate::{Error, Result, chance};

/// Challenges that wait for their answer.
const CHALLENGES_MAX: usize = 20_000;
/// How long one does, in ms.
const CHALLENGE_MS: u64 = 15 * 60 * 1000;
/// Devices that wait for somebody to accept them.
const PENDING_MAX: usize = 2_000;
/// Addresses that are counted.
const ADDRESSES_MAX: usize = 10_000;
/// Codes that may be typed wrongly in ten minutes, by everybody together. 18⁸ codes, so guessing is of no use.
const WRONG_CODES_MAX: u32 = 30;
/// When a device that waits asks again, in s.
const ASK_S: u32 = 5;
/// When one that is not wanted does, in s.
const REFUSED_ASK_S: u32 = 3600;
/// A token that is older is replaced, in ms: 30 days.
pub const TOKEN_AGE_MS: i64 = 30 * 24 * 3_600_000;
/// For so long the one before is taken too, in ms: a week.
const TOKEN_OVERLAP_MS: i64 = 7 * 24 * 3_600_000;

/// New devices that wait.
#[derive(Debug, Default)]
pub struct Enrolments {
    inner: Mutex<Desk>,
}

#[derive(Debug, Default)]
struct Desk {
    challenges: HashMap<String, (String, u64)>,
    pending: HashMap<String, Waits>,
    addresses: HashMap<IpAddr, u32>,
    minute: u64,
    wrong_codes: u32,
    wrong_since_ms: u64,
}

#[derive(Debug, Clone)]
struct Waits {
    code: Code,
    text: EnrolText,
    ends_ms: u64,
    is_refused: bool,
}

/// A device that waits, as it is shown to whoever accepts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Applicant {
    /// Its code.
    pub code: String,
    /// Its name by its own words.
    pub name: String,
    /// The board by its own words.
    pub board: String,
    /// Its version.
    pub version: String,
    /// Its key.
    pub public: String,
    /// The code is good for so long, in s.
    pub ends_in_s: u64,
}

impl Enrolments {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who waits.
    pub fn waiting(&self, mono_ms: u64) -> Vec<Applicant> {
        let desk = self.desk();
        let waits = desk.pending.iter().filter(|(_, waits)| mono_ms < waits.ends_ms && !waits.is_refused);
        let mut list: Vec<_> = waits
            .map(|(public, waits)| Applicant {
                code: waits.code.to_string(),
                name: waits.text.name.to_string(),
                board: waits.text.board.to_string(),
                version: waits.text.version.to_string(),
                public: public.clone(),
                ends_in_s: (waits.ends_ms - mono_ms) / 1000,
            })
            .collect();
        list.sort_by(|a, b| a.code.cmp(&b.code));
        list
    }
}

impl Desk {
    /// Counts a request of an address.
    fn count(&mut self, from: Option<IpAddr>, mono_ms: u64, max: u32) -> Result<()> {
        let minute = mono_ms / 60_000;
        if minute != self.minute {
            self.addresses.clear();
            self.minute = minute;
        }
        let Some(from) = from else { return Ok(()) };
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&from) {
            return Err(Error::TooMany { what: "too many addresses enrol at once", after_s: 60 });
        }
        let count = self.addresses.entry(from).or_default();
        *count += 1;
        if *count > max {
            return Err(Error::TooMany { what: "this address enrols too often", after_s: 60 });
        }
        Ok(())
    }

    fn challenge(&mut self, public: &str, mono_ms: u64) -> Result<Word> {
        if self.challenges.len() >= CHALLENGES_MAX {
            self.challenges.retain(|_, (_, ends)| mono_ms < *ends);
        }
        if self.challenges.len() >= CHALLENGES_MAX {
            return Err(Error::TooMany { what: "too many devices enrol at once", after_s: 60 });
        }
        let challenge = chance::name::<16>("")?;
        self.challenges.insert(challenge.clone(), (public.to_owned(), mono_ms + CHALLENGE_MS));
        Ok(Word::cut(&challenge))
    }

    /// Whether this is a challenge that was given to this key; it is used up.
    fn answers(&mut self, challenge: &str, public: &str, mono_ms: u64) -> bool {
        match self.challenges.get(challenge) {
            Some((whose, _)) if whose != public => false,
            Some(_) => self.challenges.remove(challenge).is_some_and(|(_, ends)| mono_ms < ends),
            None => false,
        }
    }

    /// The code of a key, the same while it is good.
    fn wait(&mut self, public: &str, text: &EnrolText, mono_ms: u64) -> Result<Waits> {
        self.pending.retain(|_, waits| mono_ms < waits.ends_ms);
        if let Some(waits) = self.pending.get(public) {
            return Ok(waits.clone());
        }
        if self.pending.len() >= PENDING_MAX {
            return Err(Error::TooMany { what: "too many devices wait to be accepted", after_s: 60 });
        }
        let code = loop {
            let code = Code::from_chance(&chance::bytes::<32>()?);
            if let Some(code) = code.filter(|code| self.pending.values().all(|waits| waits.code != *code)) {
                break code;
            }
        };
        let waits = Waits { code, text: text.clone(), ends_ms: mono_ms + CODE_S * 1000, is_refused: false };
        self.pending.insert(public.to_owned(), waits.clone());
        Ok(waits)
    }

    /// Takes the applicant of a code out of those who wait.
    fn take(&mut self, code: Code, mono_ms: u64) -> Result<(String, Waits)> {
        if mono_ms.saturating_sub(self.wrong_since_ms) > CODE_S * 1000 {
            (self.wrong_codes, self.wrong_since_ms) = (0, mono_ms);
        }
        if self.wrong_codes >= WRONG_CODES_MAX {
            return Err(Error::TooMany { what: "too many wrong codes were typed", after_s: 600 });
        }
        let found = self
            .pending
            .iter()
            .find(|(_, waits)| waits.code == code && mono_ms < waits.ends_ms && !waits.is_refused);
        let Some(public) = found.map(|(public, _)| public.clone()) else {
            self.wrong_codes += 1;
            return Err(Error::NotFound { what: "device that shows the code", name: code.to_string() });
        };
        match self.pending.remove(&public) {
            Some(waits) => Ok((public, waits)),
            None => Err(Error::Internal("a device that waits is gone".into())),
        }
    }
}

/// Answers a device that wants to come in.
///
/// # Errors
/// It is not signed by its own key, comes too often, or the database does not take it.
pub async fn enrol(app: &App, request: &EnrolRequest, from: Option<IpAddr>) -> Result<EnrolAnswer> {
    let mono_ms = app.clock.mono_ms();
    app.fleet.enrolments.desk().count(from, mono_ms, app.settings().enrolments_per_minute)?;
    let text = request.open().map_err(|error| Error::Wrong(format!("the enrolment: {error}")))?;
    let public = request.public.to_string();
    {
        let mut desk = app.fleet.enrolments.desk();
        if !desk.answers(text.challenge.as_str(), &public, mono_ms) {
            let challenge = desk.challenge(&public, mono_ms)?;
            return Ok(EnrolAnswer::Challenge { v: FLEET_VERSION, challenge });
        }
    }
    let known = app.fleet.roster.lock().of_key(&public).map(str::to_owned);
    if let Some(device) = known {
        return Ok(EnrolAnswer::Accepted(admission(app, &device).await?));
    }
    if is_deleted(app, &public).await? {
        return Ok(refused(
            "this device was taken out of the fleet; delete its key to enrol it as a new one",
        ));
    }
    if let Some(token) = &text.token {
        return match by_token(app, token.as_str(), &public, &text).await? {
            Some(admission) => Ok(EnrolAnswer::Accepted(admission)),
            None => Ok(refused("the token of its configuration is not known, used up or too old")),
        };
    }
    let mut desk = app.fleet.enrolments.desk();
    let waits = desk.wait(&public, &text, mono_ms)?;
    if waits.is_refused {
        return Ok(refused("somebody refused it"));
    }
    Ok(EnrolAnswer::Pending(Pending {
        v: FLEET_VERSION,
        code: waits.code,
        ends_in_s: u32::try_from(waits.ends_ms.saturating_sub(mono_ms) / 1000).unwrap_or(0),
        challenge: desk.challenge(&public, mono_ms)?,
        ask_in_s: ASK_S,
    }))
}

/// Accepts the device that shows a code.
///
/// # Errors
/// No device shows it, too many wrong ones were typed, or there is no such place.
pub async fn accept(app: &App, code: &str, place: Option<&str>) -> Result<String> {
    let code: Code = code.parse().map_err(|error| Error::Wrong(format!("{error}")))?;
    if let Some(place) = place {
        super::places::expect(app, place).await?;
    }
    let (public, waits) = app.fleet.enrolments.desk().take(code, app.clock.mono_ms())?;
    let made = make(app, &public, &waits.text, place).await;
    if made.is_err() {
        // It may be accepted again when the database takes it.
        app.fleet.enrolments.desk().pending.insert(public, waits);
    }
    made
}

/// Refuses it.
///
/// # Errors
/// No device shows this code.
pub fn refuse(app: &App, code: &str) -> Result<()> {
    let code: Code = code.parse().map_err(|error| Error::Wrong(format!("{error}")))?;
    let mut desk = app.fleet.enrolments.desk();
    let (public, waits) = desk.take(code, app.clock.mono_ms())?;
    desk.pending.insert(public, Waits { is_refused: true, ..waits });
    Ok(())
}

fn refused(reason: &str) -> EnrolAnswer {
    EnrolAnswer::Refused { v: FLEET_VERSION, reason: Sentence::cut(reason), ask_in_s: REFUSED_ASK_S }
}

#[derive(FromQueryResult)]
struct Found {
    place: Option<String>,
}

async fn is_deleted(app: &App, public: &str) -> Result<bool> {
    let sql = "SELECT place FROM devices WHERE public = $1 AND deleted_utc_ms IS NOT NULL";
    Ok(app.database.row::<Found>(sql, values![public]).await?.is_some())
}

/// A device that comes in by a token of its configuration.
#[derive(Debug)]
pub(super) struct Newcomer {
    token_hash: String,
    public: String,
    text: EnrolText,
    /// What came of it, once that is on the disk; `None`: the token is worth nothing.
    made: OnceLock<Option<Admission>>,
}

/// Uses a token up, and makes the device, or neither.
async fn by_token(app: &App, token: &str, public: &str, text: &EnrolText) -> Result<Option<Admission>> {
    let newcomer = Arc::new(Newcomer {
        token_hash: chance::hashed(token),
        public: public.to_owned(),
        text: text.clone(),
        made: OnceLock::new(),
    });
    group::write(app, Arc::clone(&newcomer)).await?;
    let made = newcomer.made.get().cloned();
    made.ok_or_else(|| Error::Unavailable("this device is coming in just now".into()))
}

impl Grouped for Arc<Newcomer> {
    fn group(fleet: &Fleet) -> &Group<Self> {
        &fleet.newcomers
    }

    async fn write(app: &App, items: &[Self]) -> Result<()> {
        let transaction = app.database.begin().await?;
        let (mut made, mut seen) = (Vec::new(), HashSet::new());
        for newcomer in items {
            let Newcomer { token_hash, public, text, .. } = &**newcomer;
            // One that asks again before it was answered is told when it asks once more.
            if !seen.insert(public) || app.fleet.roster.lock().of_key(public).is_some() {
                continue;
            }
            let found: Option<Found> = row(
                &transaction,
                "UPDATE enrolment_tokens SET uses_left = uses_left - 1
                 WHERE hash = $1 AND uses_left > 0 AND ends_utc_ms > $2 RETURNING place",
                values![token_hash.as_str(), app.clock.utc_ms()],
            )
            .await?;
            let Some(Found { place }) = found else {
                let _ = newcomer.made.set(None);
                continue;
            };
            let member = insert(app, &transaction, public, (text, place.as_deref())).await?;
            let fresh = Fresh::write(app, &transaction, &member.id, None).await?;
            made.push((newcomer, member, fresh));
        }
        transaction.commit().await?;
        for (newcomer, member, fresh) in made {
            let id = member.id.clone();
            app.fleet.roster.lock().admit(member);
            let token = fresh.enter(app, &id, None);
            let _ = newcomer.made.set(Some(admitted(app, &id, &token)?));
        }
        Ok(())
    }
}

async fn make(app: &App, public: &str, text: &EnrolText, place: Option<&str>) -> Result<String> {
    let transaction = app.database.begin().await?;
    let member = insert(app, &transaction, public, (text, place)).await?;
    transaction.commit().await?;
    let id = member.id.clone();
    app.fleet.roster.lock().admit(member);
    Ok(id)
}

async fn insert(
    app: &App,
    transaction: &Transaction,
    public: &str,
    (text, place): (&EnrolText, Option<&str>),
) -> Result<Member> {
    if app.fleet.roster.lock().len() >= DEVICES_MAX {
        return Err(Error::Conflict(format!("there are {DEVICES_MAX} devices already")));
    }
    let utc_ms = app.clock.utc_ms();
    let mut member = Member::new(&chance::name::<8>("d")?, public, utc_ms);
    (member.name, member.board) = (text.name.to_string(), text.board.to_string());
    member.place = place.map(str::to_owned);
    execute(
        transaction,
        "INSERT INTO devices (id, public, name, board, place, last_epoch, last_number, boot_id, presence, reason,
                              since_utc_ms, made_utc_ms)
         VALUES ($1, $2, $3, $4, $5, 0, 0, '', $6, $7, $8, $8)",
        values![
            member.id.as_str(), public, member.name.as_str(), member.board.as_str(), member.place.clone(),
            member.standing.presence.as_str(), member.standing.reason.as_str(), utc_ms
        ],
    )
    .await?;
    Ok(member)
}

async fn admission(app: &App, device: &str) -> Result<Admission> {
    let token = new_token(app, device, None).await?;
    admitted(app, device, &token)
}

fn admitted(app: &App, device: &str, token: &str) -> Result<Admission> {
    let place = app.fleet.roster.lock().device(device)?.place.clone();
    Ok(Admission {
        v: FLEET_VERSION,
        device: Word::cut(device),
        token: Line::cut(token),
        epoch: app.epoch(),
        keys: vec![app.key().public()],
        keys_serial: 0,
        place: place.as_deref().map(Word::cut),
    })
}

/// Makes a token for a device. The one that it `shows`, or its newest, is taken for a while; others go, so that a device never has
/// more than two.
///
/// # Errors
/// The database does not take it.
pub async fn new_token(app: &App, device: &str, shows: Option<&str>) -> Result<String> {
    let transaction = app.database.begin().await?;
    let fresh = Fresh::write(app, &transaction, device, shows).await?;
    transaction.commit().await?;
    Ok(fresh.enter(app, device, shows))
}

/// A token that was written, and counts once that is committed.
struct Fresh {
    token: String,
    hash: String,
    made_utc_ms: i64,
    old_ends_utc_ms: i64,
}

impl Fresh {
    async fn write(app: &App, transaction: &Transaction, device: &str, shows: Option<&str>) -> Result<Self> {
        let token = chance::name::<32>("odt_")?;
        let (hash, made_utc_ms) = (chance::hashed(&token), app.clock.utc_ms());
        let old_ends_utc_ms = made_utc_ms + TOKEN_OVERLAP_MS;
        execute(
            transaction,
            "DELETE FROM device_tokens WHERE device = $1 AND (($2 <> '' AND hash <> $2) OR ($2 = '' AND ends_utc_ms IS NOT NULL))",
            values![device, shows.unwrap_or_default()],
        )
        .await?;
        execute(
            transaction,
            "UPDATE device_tokens SET ends_utc_ms = $2 WHERE device = $1 AND ends_utc_ms IS NULL",
            values![device, old_ends_utc_ms],
        )
        .await?;
        execute(
            transaction,
            "INSERT INTO device_tokens (hash, device, made_utc_ms) VALUES ($1, $2, $3)",
            values![hash.as_str(), device, made_utc_ms],
        )
        .await?;
        Ok(Self { token, hash, made_utc_ms, old_ends_utc_ms })
    }

    fn enter(self, app: &App, device: &str, shows: Option<&str>) -> String {
        let Self { token, hash, made_utc_ms, old_ends_utc_ms } = self;
        let token_now = Token { device: device.to_owned(), made_utc_ms, ends_utc_ms: None };
        app.fleet.roster.lock().renew_token(shows, (hash, token_now), old_ends_utc_ms);
        token
    }
}

/// Makes a token for configurations of new devices.
///
/// # Errors
/// There is no such place, or the database does not take it.
pub async fn make_enrolment_token(
    app: &App,
    name: &str,
    place: Option<&str>,
    (uses, ends_in_s): (u32, u32),
) -> Result<String> {
    if let Some(place) = place {
        super::places::expect(app, place).await?;
    }
    let token = chance::name::<20>("oet_")?;
    let utc_ms = app.clock.utc_ms();
    let ends = utc_ms + i64::from(ends_in_s) * 1000;
    app.database
        .execute(
            "INSERT INTO enrolment_tokens (hash, name, place, uses_left, ends_utc_ms, made_utc_ms)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![chance::hashed(&token), name, place.map(str::to_owned), i64::from(uses), ends, utc_ms],
        )
        .await?;
    Ok(token)
}
