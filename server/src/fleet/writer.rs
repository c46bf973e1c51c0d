//! Writes how devices stand, in batches: a heartbeat itself costs no write.

use std::sync::Arc;
use std::time::Duration;

use orchestrion_protocol::fleet::{CommandRef, SettingsOrder};

use super::enrol::Newcomer;
use super::group::{Group, Grouped};
use super::roster::{Roster, Standing};
use crate::database::{execute, number, values};
use crate::server::App;
use crate::{Error, Result};

/// How often.
pub const EVERY: Duration = Duration::from_secs(1);

/// The fleet: what is in memory.
#[derive(Debug, Default)]
pub struct Fleet {
    /// Who there is.
    pub roster: Roster,
    /// New devices that wait.
    pub enrolments: super::enrol::Enrolments,
    /// What became of commands, on its way to the disk.
    pub(super) results: Group<super::results::Told>,
    /// Devices' boots, on their way to the disk.
    boots: Group<Boot>,
    /// Devices that come in by a token, on their way to the disk.
    pub(super) newcomers: Group<Arc<Newcomer>>,
    /// Held while numbers are given to commands, so that they lie on the disk in their order.
    pub(super) numbering: tokio::sync::Mutex<()>,
}

struct Change {
    device: String,
    standing: Standing,
    seen_utc_ms: Option<i64>,
}

impl Fleet {
    /// Looks at all devices, and writes what changed since.
    ///
    /// # Errors
    /// The database does not take it; it is tried again with the next batch.
    pub async fn write(&self, app: &App) -> Result<()> {
        let (mono_ms, utc_ms) = (app.clock.mono_ms(), app.clock.utc_ms());
        let (changes, set, delivered) = {
            let mut members = self.roster.lock();
            members.look_at_all(mono_ms, utc_ms);
            members.forget_tokens(utc_ms);
            let ids = std::mem::take(&mut members.changed);
            let mut changes = Vec::with_capacity(ids.len());
            for device in ids {
                if let Ok(member) = members.device(&device) {
                    let (standing, seen_utc_ms) = (member.standing.clone(), member.seen_utc_ms);
                    changes.push(Change { device, standing, seen_utc_ms });
                }
            }
            let ids = std::mem::take(&mut members.set);
            let set: Vec<(String, SettingsOrder)> = ids
                .into_iter()
                .filter_map(|device| {
                    members.device(&device).ok().map(|member| (member.id.clone(), member.settings))
                })
                .collect();
            (changes, set, std::mem::take(&mut members.delivered))
        };
        let over = super::commands::over(app);
        if changes.is_empty() && set.is_empty() && delivered.is_empty() && over.is_empty() {
            return Ok(());
        }
        let written = self.write_batch(app, (&changes, &set), (&delivered, &over)).await;
        if written.is_ok() {
            super::commands::forget(app, &over);
        } else {
            let mut members = self.roster.lock();
            members.changed.extend(changes.into_iter().map(|change| change.device));
            members.set.extend(set.into_iter().map(|(device, _)| device));
            members.delivered.extend(delivered);
        }
        written
    }

    async fn write_batch(
        &self,
        app: &App,
        (changes, set): (&[Change], &[(String, SettingsOrder)]),
        (delivered, over): (&[(String, CommandRef, i64)], &[super::commands::Over]),
    ) -> Result<()> {
        let transaction = app.database.begin().await?;
        for Change { device, standing, seen_utc_ms } in changes {
            let Standing { presence, reason, since_utc_ms } = standing;
            execute(
                &transaction,
                "UPDATE devices SET presence = $2, reason = $3, since_utc_ms = $4, seen_utc_ms = $5 WHERE id = $1",
                values![device.as_str(), presence.as_str(), reason.as_str(), *since_utc_ms, *seen_utc_ms],
            )
            .await?;
            execute(
                &transaction,
                "INSERT INTO presences (device, utc_ms, presence, reason) VALUES ($1, $2, $3, $4)",
                values![device.as_str(), *since_utc_ms, presence.as_str(), reason.as_str()],
            )
            .await?;
        }
        for (device, settings) in set {
            let text = serde_json::to_string(settings).map_err(|error| Error::Internal(error.to_string()))?;
            execute(
                &transaction,
                "UPDATE devices SET settings = $2 WHERE id = $1",
                values![device.as_str(), text],
            )
            .await?;
        }
        for (device, name, utc_ms) in delivered {
            execute(
                &transaction,
                "UPDATE commands SET state = 'delivered', delivered_utc_ms = $4
                 WHERE device = $1 AND epoch = $2 AND number = $3 AND state = 'queued'",
                values![device.as_str(), number(name.epoch), number(name.number), *utc_ms],
            )
            .await?;
        }
        super::commands::expire(app, &transaction, over).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// A device's boot. It is written before it is answered: a copied card must be noticed also after a restart.
#[derive(Debug)]
pub(super) struct Boot {
    device: String,
    boot_id: String,
    last: CommandRef,
    seen_utc_ms: Option<i64>,
}

impl Boot {
    /// As the roster has it.
    ///
    /// # Errors
    /// There is no such device.
    pub(super) fn of(app: &App, device: &str) -> Result<Self> {
        let mut members = app.fleet.roster.lock();
        let member = members.device(device)?;
        Ok(Self {
            device: device.to_owned(),
            boot_id: member.boot_id.clone(),
            last: member.last,
            seen_utc_ms: member.seen_utc_ms,
        })
    }
}

impl Grouped for Boot {
    fn group(fleet: &Fleet) -> &Group<Self> {
        &fleet.boots
    }

    async fn write(app: &App, items: &[Self]) -> Result<()> {
        let transaction = app.database.begin().await?;
        for Self { device, boot_id, last, seen_utc_ms } in items {
            execute(
                &transaction,
                "INSERT INTO boots (device, boot_id, utc_ms) SELECT id, boot_id, $3 FROM devices
                 WHERE id = $1 AND boot_id <> '' AND boot_id <> $2 ON CONFLICT DO NOTHING",
                values![device.as_str(), boot_id.as_str(), app.clock.utc_ms()],
            )
            .await?;
            execute(
                &transaction,
                "DELETE FROM boots WHERE device = $1 AND boot_id NOT IN
                     (SELECT boot_id FROM boots WHERE device = $1 ORDER BY utc_ms DESC LIMIT $2)",
                values![device.as_str(), super::heartbeat::BOOTS_MAX as i64],
            )
            .await?;
            execute(
                &transaction,
                "UPDATE devices SET boot_id = $2, last_epoch = $3, last_number = $4, seen_utc_ms = $5 WHERE id = $1",
                values![device.as_str(), boot_id.as_str(), number(last.epoch), number(last.number), *seen_utc_ms],
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}
