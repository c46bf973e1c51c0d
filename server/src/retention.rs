//! What is kept how long: the play log, commands, what devices answered (their logs too), and how devices stood.
//!
//! A task of its own looks each minute, takes the oldest away in small batches, each a transaction, and rests between two, so that
//! whoever writes waits for no more than one of them. Sums by the hour stay for ever, and so do the numbers of plays that are
//! gone: a device that sends one again is told that it is known, and nothing is counted twice.
//!
//! Rows go by when they came by the server's clock, never by what a device said of its own. A clock that jumped is not trusted for
//! a while: it must not take three years away because it was wrong for a minute.

use std::time::Duration;

use sea_orm::FromQueryResult;

use crate::Result;
use crate::database::{Transaction, execute, rows, values};
use crate::server::App;
use crate::settings::Kept;

/// How often it looks.
pub const EVERY: Duration = Duration::from_secs(60);
/// Between two batches.
pub const REST: Duration = Duration::from_millis(100);
/// Rows of a batch.
pub const BATCH_LEN_MAX: i64 = 500;
/// Looks from one counting of all rows to the next, since counting reads an index from end to end.
const LOOKS_PER_COUNT: u64 = 60;
/// A day, in ms.
const DAY_MS: i64 = 24 * 3_600_000;
/// The clock jumped if it went by so much more or less than time did, in ms.
const JUMP_MS: i64 = 600_000;
/// How long a clock is not trusted after a start or a jump, in ms.
const TRUST_AFTER_MS: u64 = 600_000;

/// Whether the server's time of day can be believed far enough to take something away for ever.
#[derive(Debug, Clone, Copy)]
pub struct Trust {
    mono_ms: u64,
    utc_ms: i64,
    since_mono_ms: u64,
}

impl Trust {
    /// From a start on.
    pub fn new(mono_ms: u64, utc_ms: i64) -> Self {
        Self { mono_ms, utc_ms, since_mono_ms: mono_ms }
    }

    /// Both clocks at a later moment.
    pub fn is_trusted(&mut self, mono_ms: u64, utc_ms: i64) -> bool {
        let went_ms = i64::try_from(mono_ms.saturating_sub(self.mono_ms)).unwrap_or(i64::MAX);
        let jumped_ms = utc_ms.saturating_sub(self.utc_ms).saturating_sub(went_ms);
        if jumped_ms.saturating_abs() >= JUMP_MS {
            log::warn!(
                "the time of day jumped by {} s; nothing is taken away for {} s",
                jumped_ms / 1000,
                TRUST_AFTER_MS / 1000
            );
            self.since_mono_ms = mono_ms;
        }
        (self.mono_ms, self.utc_ms) = (mono_ms, utc_ms);
        mono_ms.saturating_sub(self.since_mono_ms) >= TRUST_AFTER_MS
    }
}

/// What one look takes away. Each kind is asked until it has nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rows of the play log.
    Plays,
    /// Commands that have ended.
    Commands,
    /// What devices answered; the command itself stays.
    Answers,
    /// Changes of how devices stand.
    Presences,
}

/// In the order in which they are looked at.
pub const KINDS: [Kind; 4] = [Kind::Plays, Kind::Commands, Kind::Answers, Kind::Presences];

#[derive(FromQueryResult)]
struct Count {
    count: i64,
}

/// How many rows are more than are to be kept; reads an index from end to end.
///
/// # Errors
/// The database does not say.
pub async fn excess(app: &App, kind: Kind, kept: &Kept) -> Result<i64> {
    let (sql, max) = match kind {
        Kind::Plays => ("SELECT COUNT(*) AS count FROM plays", kept.plays_len_max),
        Kind::Commands => ("SELECT COUNT(*) AS count FROM commands", kept.commands_len_max),
        Kind::Presences => ("SELECT COUNT(*) AS count FROM presences", kept.presences_len_max),
        Kind::Answers => return Ok(0),
    };
    let found: Option<Count> = app.database.row(sql, values![]).await?;
    Ok(found.map_or(0, |found| found.count.saturating_sub(crate::database::number(max))).max(0))
}

/// Takes one batch away: what is too old at `utc_ms`, and up to `excess` of the oldest. Gives how many rows; less than
/// [`BATCH_LEN_MAX`]: there is nothing more now.
///
/// # Errors
/// The database does not take it; nothing of the batch is gone.
pub async fn trim(app: &App, kind: Kind, kept: &Kept, (utc_ms, excess): (i64, i64)) -> Result<i64> {
    let before = |days: u32| {
        if days == 0 { i64::MIN } else { utc_ms.saturating_sub(i64::from(days) * DAY_MS) }
    };
    let transaction = app.database.begin().await?;
    let gone = match kind {
        Kind::Plays => plays(&transaction, kept, before(kept.plays_days), excess).await?,
        Kind::Commands => {
            let sql = "DELETE FROM commands WHERE (device, epoch, number) IN (
                SELECT device, epoch, number FROM commands WHERE state <> 'queued' AND state <> 'delivered'
                ORDER BY given_utc_ms LIMIT $1)";
            let old = "DELETE FROM commands WHERE (device, epoch, number) IN (
                SELECT device, epoch, number FROM commands
                WHERE given_utc_ms < $2 AND state <> 'queued' AND state <> 'delivered' ORDER BY given_utc_ms LIMIT $1)";
            by_age_or_number(&transaction, (old, sql), before(kept.commands_days), excess).await?
        }
        Kind::Answers => {
            let sql = "UPDATE commands SET answer = NULL WHERE (device, epoch, number) IN (
                SELECT device, epoch, number FROM commands WHERE answer IS NOT NULL AND ended_utc_ms < $2
                ORDER BY ended_utc_ms LIMIT $1)";
            execute(&transaction, sql, values![BATCH_LEN_MAX, before(kept.answers_days)]).await? as i64
        }
        Kind::Presences => {
            let sql = "DELETE FROM presences WHERE (device, utc_ms) IN (
                SELECT device, utc_ms FROM presences ORDER BY utc_ms LIMIT $1)";
            let old = "DELETE FROM presences WHERE (device, utc_ms) IN (
                SELECT device, utc_ms FROM presences WHERE utc_ms < $2 ORDER BY utc_ms LIMIT $1)";
            by_age_or_number(&transaction, (old, sql), before(kept.presences_days), excess).await?
        }
    };
    transaction.commit().await?;
    Ok(gone)
}

/// A batch of what is too old; where there is none, of what is too many.
async fn by_age_or_number(
    transaction: &Transaction,
    (old, many): (&str, &str),
    before_utc_ms: i64,
    excess: i64,
) -> Result<i64> {
    let gone = execute(transaction, old, values![BATCH_LEN_MAX, before_utc_ms]).await?;
    if gone > 0 || excess <= 0 {
        return Ok(i64::try_from(gone).unwrap_or(i64::MAX));
    }
    Ok(execute(transaction, many, values![excess.min(BATCH_LEN_MAX)]).await? as i64)
}

#[derive(FromQueryResult)]
struct Key {
    device: String,
    run: i64,
    seq: i64,
}

/// A batch of the play log, whose numbers are remembered.
async fn plays(transaction: &Transaction, kept: &Kept, before_utc_ms: i64, excess: i64) -> Result<i64> {
    // Where nothing was exported yet, nothing is before it.
    let exported = "($3 = 0 OR came_utc_ms < (SELECT COALESCE(MAX(exported_utc_ms), $4) FROM server))";
    let only_exported = i64::from(kept.plays_until_exported);
    let find = |condition: &str| {
        format!(
            "SELECT device, run, seq FROM plays WHERE {condition} AND {exported} ORDER BY came_utc_ms LIMIT $1"
        )
    };
    let sql = find("came_utc_ms < $2");
    let mut found: Vec<Key> =
        rows(transaction, &sql, values![BATCH_LEN_MAX, before_utc_ms, only_exported, i64::MIN]).await?;
    if found.is_empty() && excess > 0 {
        let values = values![excess.min(BATCH_LEN_MAX), i64::MAX, only_exported, i64::MIN];
        found = rows(transaction, &sql, values).await?;
    }
    for Key { device, run, seq } in &found {
        execute(
            transaction,
            "INSERT INTO plays_trimmed (device, run, seq) VALUES ($1, $2, $3)
             ON CONFLICT (device) DO UPDATE SET run = excluded.run, seq = excluded.seq
             WHERE (excluded.run, excluded.seq) > (plays_trimmed.run, plays_trimmed.seq)",
            values![device.as_str(), *run, *seq],
        )
        .await?;
        let sql = "DELETE FROM plays WHERE device = $1 AND run = $2 AND seq = $3";
        execute(transaction, sql, values![device.as_str(), *run, *seq]).await?;
    }
    Ok(i64::try_from(found.len()).unwrap_or(i64::MAX))
}

/// The last play of a device that was taken away, by run and number; (−1, −1): none.
pub(crate) async fn trimmed(transaction: &Transaction, device: &str) -> Result<(i64, i64)> {
    let sql = "SELECT device, run, seq FROM plays_trimmed WHERE device = $1";
    let found: Vec<Key> = rows(transaction, sql, values![device]).await?;
    Ok(found.first().map_or((-1, -1), |key| (key.run, key.seq)))
}

/// All that is too much now, batch by batch; ends early when the server stops. Gives how many rows.
///
/// # Errors
/// The database does not take it; it is tried again with the next look.
pub async fn look(app: &App, utc_ms: i64, is_counted: bool) -> Result<i64> {
    let kept = app.settings().kept.clone();
    let mut sum = 0;
    for kind in KINDS {
        let mut many = if is_counted { excess(app, kind, &kept).await? } else { 0 };
        loop {
            if app.is_stopping() {
                return Ok(sum);
            }
            let gone = trim(app, kind, &kept, (utc_ms, many)).await?;
            (sum, many) = (sum + gone, many - gone);
            if gone == 0 {
                break;
            }
            tokio::time::sleep(REST).await;
        }
    }
    Ok(sum)
}

/// Looks each minute, until `stop` says so.
pub(crate) async fn look_often(app: App, mut stop: tokio::sync::watch::Receiver<bool>) {
    let mut trust = Trust::new(app.clock.mono_ms(), app.clock.utc_ms());
    let mut looks = 0_u64;
    let mut refused = false;
    while tokio::time::timeout(EVERY, stop.wait_for(|stop| *stop)).await.is_err() {
        let utc_ms = app.clock.utc_ms();
        if !trust.is_trusted(app.clock.mono_ms(), utc_ms) {
            continue;
        }
        match look(&app, utc_ms, looks.is_multiple_of(LOOKS_PER_COUNT)).await {
            Ok(0) => refused = false,
            Ok(gone) => {
                refused = false;
                log::info!("took {gone} rows away that were older or more than is to be kept");
            }
            // Said once, not every minute.
            Err(error) if !refused => {
                refused = true;
                log::error!("what is old cannot be taken away: {error}; it is tried again");
            }
            Err(_) => {}
        }
        looks += 1;
    }
}

#[cfg(test)]
mod tests;
