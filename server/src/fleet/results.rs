//! What became of commands, written in groups.
//!
//! A command to all is answered by ten thousand devices within seconds, and a commit waits for the disk. So whoever comes while
//! another's results are on their way to the disk waits with all who came meanwhile, and one transaction takes them all. Each is
//! told only when its own are on the disk.

use std::sync::{Mutex, PoisonError};

use orchestrion_protocol::fleet::{Ended, Outcome};
use tokio::sync::oneshot;

use crate::database::{Transaction, execute, number, values};
use crate::server::App;
use crate::{Error, Result};

/// Devices in a transaction.
const GROUP_LEN_MAX: usize = 1_000;

/// Results that wait to be written.
#[derive(Debug, Default)]
pub struct Results {
    waiting: Mutex<Vec<Pending>>,
    /// Held while a group is written.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Pending {
    device: String,
    results: Vec<Outcome>,
    done: oneshot::Sender<Result<()>>,
}

impl Results {
    fn put(&self, pending: Pending) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(pending);
    }

    fn take(&self) -> Vec<Pending> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let len = waiting.len().min(GROUP_LEN_MAX);
        waiting.drain(..len).collect()
    }
}

/// Writes what became of a device's commands. What was done once stays done.
pub(super) async fn take_results(app: &App, device: &str, results: &[Outcome]) -> Result<()> {
    let (done, written) = oneshot::channel();
    app.fleet.results.put(Pending { device: device.to_owned(), results: results.to_vec(), done });
    let shared = app.clone();
    // Not by this request: it may be given up in the middle, and others wait for what it writes.
    tokio::spawn(async move {
        let _turn = shared.fleet.results.turn.lock().await;
        let group = shared.fleet.results.take();
        if !group.is_empty() {
            write_group(&shared, group).await;
        }
    });
    written.await.unwrap_or_else(|_| Err(Error::Unavailable("the server stops".into())))
}

async fn write_group(app: &App, group: Vec<Pending>) {
    let written = write(app, &group).await;
    if written.is_ok() {
        let mut members = app.fleet.roster.lock();
        for Pending { device, results, .. } in &group {
            if let Ok(member) = members.device(device) {
                member.waiting.retain(|waiting| !results.iter().any(|result| result.name == waiting.name));
            }
        }
        drop(members);
        app.answered.notify_waiters();
    }
    for Pending { done, .. } in group {
        // Whoever has gone asks anew.
        let _ = done.send(written.clone());
    }
}

async fn write(app: &App, group: &[Pending]) -> Result<()> {
    let utc_ms = app.clock.utc_ms();
    let transaction = app.database.begin().await?;
    for Pending { device, results, .. } in group {
        for result in results {
            end(&transaction, device, result, utc_ms).await?;
        }
    }
    transaction.commit().await.map_err(Error::from)
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
