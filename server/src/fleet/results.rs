//! What became of commands.

use orchestrion_protocol::fleet::{Ended, Outcome};

use super::group::{Group, Grouped};
use super::writer::Fleet;
use crate::database::{Transaction, execute, number, values};
use crate::server::App;
use crate::{Error, Result};

/// What became of a device's commands. What was done once stays done.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) device: String,
    pub(super) results: Vec<Outcome>,
}

impl Grouped for Told {
    fn group(fleet: &Fleet) -> &Group<Self> {
        &fleet.results
    }

    async fn write(app: &App, items: &[Self]) -> Result<()> {
        let utc_ms = app.clock.utc_ms();
        let transaction = app.database.begin().await?;
        for Self { device, results } in items {
            for result in results {
                end(&transaction, device, result, utc_ms).await?;
            }
        }
        transaction.commit().await.map_err(Error::from)?;
        {
            let mut members = app.fleet.roster.lock();
            for Self { device, results } in items {
                if let Ok(member) = members.device(device) {
                    member
                        .waiting
                        .retain(|waiting| !results.iter().any(|result| result.name == waiting.name));
                }
            }
        }
        app.answered.notify_waiters();
        Ok(())
    }
}

async fn end(transaction: &Transaction, device: &str, result: &Outcome, utc_ms: i64) -> Result<()> {
    let Outcome { name, ended, reason, answer } = result;
    let (state, reason) = match ended {
        Ended::Done => ("done", reason.to_string()),
        Ended::Failed => ("failed", reason.to_string()),
        Ended::Expired => ("expired", "it came too late for the device".to_owned()),
        Ended::Refused => ("failed", format!("refused: {reason}")),
    };
    execute(
        transaction,
        "UPDATE commands SET state = $4, reason = $5, answer = $6, ended_utc_ms = $7
         WHERE device = $1 AND epoch = $2 AND number = $3 AND state <> 'done' AND state <> 'failed'",
        values![device, number(name.epoch), number(name.number), state, reason, answer.clone(), utc_ms],
    )
    .await?;
    Ok(())
}
