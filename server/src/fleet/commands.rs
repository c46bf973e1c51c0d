//! Commands: given to one or many, kept before they are sent, ended by what the device says of them.

use std::sync::Arc;

use orchestrion_protocol::fleet::{Command, CommandRef, FLEET_VERSION, Line, OrderText, Word};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::roster::Waiting;
use super::{COMMANDS_WAITING_MAX, To};
use crate::database::{Transaction, execute, number, unsigned, values};
use crate::server::App;
use crate::{Error, Result, chance};

/// How long a command may be begun where nothing is said, in s.
pub const ENDS_IN_S: u32 = 600;
/// The longest that a command may wait, in s: a month.
pub const ENDS_IN_S_MAX: u32 = 31 * 24 * 3600;
/// Commands in one list.
pub const LIST_MAX: u32 = 1000;

/// Something to do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// For whom.
    pub to: To,
    /// What: `skip`, `volume`, `emergency` …
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub params: Option<serde_json::Value>,
    /// It is not begun later than in so many seconds; 600 where nothing is said, 2678400 at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2678400)]
    pub ends_in_s: Option<u32>,
}

/// Commands that were given at once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Given {
    /// By which they are asked for.
    pub batch: String,
    /// To how many devices.
    pub devices: usize,
    /// Devices for which too many commands wait already; they got none.
    pub full: Vec<String>,
}

/// A command as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema, FromQueryResult)]
pub struct Stands {
    /// For whom.
    pub device: String,
    /// The epoch of its number.
    pub epoch: i64,
    /// Its number.
    pub number: i64,
    /// All that were given at once.
    pub batch: String,
    /// What.
    pub method: String,
    /// queued, delivered, done, failed, expired.
    pub state: String,
    /// Why.
    pub reason: String,
    /// What was asked for, as JSON text.
    pub answer: Option<String>,
    /// By whom.
    pub given_by: String,
    /// When, in ms since 1970.
    pub given_utc_ms: i64,
    /// Until when it may be begun.
    pub ends_utc_ms: i64,
    /// When it was sent.
    pub delivered_utc_ms: Option<i64>,
    /// When it ended.
    pub ended_utc_ms: Option<i64>,
}

struct New {
    device: String,
    name: CommandRef,
    text: Arc<str>,
}

/// Gives a command. It is on the disk when this returns, and on its way.
///
/// # Errors
/// It is none, it is for nobody, or the database does not take it.
pub async fn give(app: &App, wanted: &Wanted, by: &str) -> Result<Given> {
    let method =
        Word::new(wanted.method.as_str()).map_err(|error| Error::Wrong(format!("method: {error}")))?;
    let order = OrderText { method, params: wanted.params.clone() };
    let meaning = order.read().map_err(|error| Error::Wrong(error.to_string()))?;
    let ends_in_s = wanted.ends_in_s.unwrap_or(ENDS_IN_S);
    if ends_in_s == 0 || ends_in_s > ENDS_IN_S_MAX {
        return Err(Error::Wrong(format!("ends_in_s is {ends_in_s}; it goes from 1 to {ENDS_IN_S_MAX}")));
    }
    let given_utc_ms = app.clock.utc_ms();
    let ends_utc_ms = given_utc_ms + i64::from(ends_in_s) * 1000;
    let batch = chance::name::<8>("b")?;
    // Numbers are given, written and handed on by one at a time; else a device might see 5 before 4.
    let _turn = app.fleet.numbering.lock().await;
    let (new, full) = number_them(app, wanted, |device, name| Command {
        v: FLEET_VERSION,
        device: Word::cut(device),
        name,
        given_utc_ms,
        ends_utc_ms,
        by: Line::cut(by),
        order: order.clone(),
    })?;
    let transaction = app.database.begin().await?;
    for New { device, name, text } in &new {
        execute(
            &transaction,
            "INSERT INTO commands (device, epoch, number, batch, method, text, state, reason, given_by, given_utc_ms, ends_utc_ms)
             VALUES ($1, $2, $3, $4, $5, $6, 'queued', '', $7, $8, $9)",
            values![
                device.as_str(), number(name.epoch), number(name.number), batch.as_str(), order.method.as_str(),
                text.as_ref(), by, given_utc_ms, ends_utc_ms
            ],
        )
        .await?;
        execute(
            &transaction,
            "UPDATE devices SET last_epoch = $2, last_number = $3 WHERE id = $1",
            values![device.as_str(), number(name.epoch), number(name.number)],
        )
        .await?;
    }
    transaction.commit().await?;
    let devices = new.len();
    hand_on(app, new, ends_utc_ms, meaning.is_question());
    Ok(Given { batch, devices, full })
}

/// The commands with their numbers; what is given here is used once, also if the database does not take it.
fn number_them(
    app: &App,
    wanted: &Wanted,
    command: impl Fn(&str, CommandRef) -> Command,
) -> Result<(Vec<New>, Vec<String>)> {
    let epoch = app.epoch();
    let (mut new, mut full) = (Vec::new(), Vec::new());
    let mut members = app.fleet.roster.lock();
    for member in members.devices() {
        if !wanted.to.means(&member.id, member.place.as_deref(), &member.groups) {
            continue;
        }
        if member.waiting.len() >= COMMANDS_WAITING_MAX {
            full.push(member.id.clone());
            continue;
        }
        let before = member.last.max(member.cursor);
        let name = if before.epoch < epoch {
            CommandRef { epoch, number: 1 }
        } else {
            CommandRef { epoch: before.epoch, number: before.number + 1 }
        };
        member.last = name;
        let device = member.id.clone();
        new.push(New { text: command(&device, name).text().into(), device, name });
    }
    if new.is_empty() && full.is_empty() {
        let nobody = match &wanted.to {
            To::Device(name) => Error::NotFound { what: "device", name: super::roster::shown_name(name) },
            To::Place(name) => {
                Error::Conflict(format!("no device is at the place \"{}\"", super::roster::shown_name(name)))
            }
            To::Group(name) => {
                Error::Conflict(format!("no device is in the group \"{}\"", super::roster::shown_name(name)))
            }
            To::All(_) => Error::Conflict("there is no device yet".to_owned()),
        };
        return Err(nobody);
    }
    if new.is_empty() {
        return Err(Error::Conflict(format!(
            "{COMMANDS_WAITING_MAX} commands wait already for {}; they end by themselves",
            full.first().map_or("it", String::as_str)
        )));
    }
    Ok((new, full))
}

fn hand_on(app: &App, new: Vec<New>, ends_utc_ms: i64, is_question: bool) {
    let mut members = app.fleet.roster.lock();
    for New { device, name, text } in new {
        if let Ok(member) = members.device(&device) {
            member.waiting.push_back(Waiting { name, text, ends_utc_ms, is_delivered: false, is_question });
            member.bell.notify_waiters();
        }
    }
}

/// A command that is over without a result.
pub(super) struct Over {
    device: String,
    name: CommandRef,
    is_delivered: bool,
}

/// Commands whose time is up: those that were never sent, and those that were and that nobody will answer any more.
pub(super) fn over(app: &App) -> Vec<Over> {
    let utc_ms = app.clock.utc_ms();
    let mut found = Vec::new();
    for member in app.fleet.roster.lock().devices() {
        for waiting in &member.waiting {
            // One that was sent may still be answered, by a device that was away meanwhile.
            let late_ms = if waiting.is_delivered { RESULT_LATE_MS } else { 0 };
            if utc_ms >= waiting.ends_utc_ms + late_ms {
                let (name, is_delivered) = (waiting.name, waiting.is_delivered);
                found.push(Over { device: member.id.clone(), name, is_delivered });
            }
        }
    }
    found
}

/// Writes that they are.
pub(super) async fn expire(app: &App, transaction: &Transaction, over: &[Over]) -> Result<()> {
    let utc_ms = app.clock.utc_ms();
    for Over { device, name, is_delivered } in over {
        let reason = if *is_delivered {
            "it was sent, and the device has never said what became of it"
        } else {
            "the device did not come for it in time"
        };
        execute(
            transaction,
            "UPDATE commands SET state = 'expired', reason = $4, ended_utc_ms = $5
             WHERE device = $1 AND epoch = $2 AND number = $3 AND (state = 'queued' OR state = 'delivered')",
            values![device.as_str(), number(name.epoch), number(name.number), reason, utc_ms],
        )
        .await?;
    }
    Ok(())
}

/// Forgets them, once that is on the disk.
pub(super) fn forget(app: &App, over: &[Over]) {
    let mut members = app.fleet.roster.lock();
    for Over { device, name, .. } in over {
        if let Ok(member) = members.device(device) {
            member.waiting.retain(|waiting| waiting.name != *name);
        }
    }
}

/// How long after a command's end its result is waited for, in ms.
const RESULT_LATE_MS: i64 = 3_600_000;

/// Commands, the newest first.
///
/// # Errors
/// The database does not give them.
pub async fn list(app: &App, device: Option<&str>, batch: Option<&str>, limit: u32) -> Result<Vec<Stands>> {
    app.database
        .rows(
            "SELECT device, epoch, number, batch, method, state, reason, answer, given_by, given_utc_ms, ends_utc_ms,
                    delivered_utc_ms, ended_utc_ms
             FROM commands WHERE ($1 = '' OR device = $1) AND ($2 = '' OR batch = $2)
             ORDER BY given_utc_ms DESC, device, epoch DESC, number DESC LIMIT $3",
            values![device.unwrap_or_default(), batch.unwrap_or_default(), i64::from(limit.clamp(1, LIST_MAX))],
        )
        .await
}

#[derive(FromQueryResult)]
struct Open {
    device: String,
    epoch: i64,
    number: i64,
    text: String,
    state: String,
    ends_utc_ms: i64,
}

/// What was given before the server started and has no result.
pub(super) async fn load(app: &App) -> Result<()> {
    let open: Vec<Open> = app
        .database
        .rows(
            "SELECT device, epoch, number, text, state, ends_utc_ms FROM commands
             WHERE state = 'queued' OR state = 'delivered' ORDER BY device, epoch, number",
            values![],
        )
        .await?;
    let mut members = app.fleet.roster.lock();
    for Open { device, epoch, number, text, state, ends_utc_ms } in open {
        let Ok(member) = members.device(&device) else { continue };
        member.waiting.push_back(Waiting {
            name: CommandRef { epoch: unsigned(epoch), number: unsigned(number) },
            text: text.into(),
            ends_utc_ms,
            is_delivered: state == "delivered",
            is_question: false,
        });
    }
    Ok(())
}

/// The first commands of a batch when all of it has ended, or `None` while some have not.
///
/// # Errors
/// The database does not say.
pub async fn ended(app: &App, batch: &str) -> Result<Option<Vec<Stands>>> {
    #[derive(FromQueryResult)]
    struct Open {
        open: i64,
    }
    let sql = "SELECT COUNT(*) AS open FROM commands WHERE batch = $1 AND (state = 'queued' OR state = 'delivered')";
    match app.database.row::<Open>(sql, values![batch]).await? {
        Some(Open { open: 0 }) => list(app, None, Some(batch), LIST_MAX).await.map(Some),
        Some(_) | None => Ok(None),
    }
}
