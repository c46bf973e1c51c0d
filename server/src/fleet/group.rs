//! Writes of many devices in one transaction.
//!
//! A command to all is answered by ten thousand devices within seconds, and after a power cut all of them have a new boot to tell;
//! a commit waits for the disk. So whoever comes while others' rows are on their way to the disk waits with all who came
//! meanwhile, and one transaction takes them all. Each is told only when its own are on the disk.

use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use super::writer::Fleet;
use crate::server::App;
use crate::{Error, Result};

/// Devices in a transaction.
const GROUP_LEN_MAX: usize = 1_000;

/// What is written in groups.
pub(super) trait Grouped: Send + Sync + Sized + 'static {
    /// Where it waits.
    fn group(fleet: &Fleet) -> &Group<Self>;

    /// Writes all of them, or none.
    fn write(app: &App, items: &[Self]) -> impl Future<Output = Result<()>> + Send;
}

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Group<T> {
    waiting: Mutex<Vec<(T, oneshot::Sender<Result<()>>)>>,
    /// Held while a group is written.
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self { waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> Group<T> {
    fn put(&self, item: T, done: oneshot::Sender<Result<()>>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((item, done));
    }

    fn take(&self) -> (Vec<T>, Vec<oneshot::Sender<Result<()>>>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let len = waiting.len().min(GROUP_LEN_MAX);
        waiting.drain(..len).unzip()
    }
}

/// Writes one, with whatever else waits; returns when it is on the disk.
///
/// # Errors
/// The database does not take it.
pub(super) async fn write<T: Grouped>(app: &App, item: T) -> Result<()> {
    let (done, written) = oneshot::channel();
    T::group(&app.fleet).put(item, done);
    let shared = app.clone();
    // Not by this request: it may be given up in the middle, and others wait for what it writes.
    tokio::spawn(async move {
        let group = T::group(&shared.fleet);
        let _turn = group.turn.lock().await;
        let (items, told) = group.take();
        if items.is_empty() {
            return;
        }
        let written = T::write(&shared, &items).await;
        for done in told {
            // Whoever has gone asks anew.
            let _ = done.send(written.clone());
        }
    });
    written.await.unwrap_or_else(|_| Err(Error::Unavailable("the server stops".into())))
}
