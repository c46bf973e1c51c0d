//! From a program and a place to a signed release, as `docs/RELEASES.md` has it.
//!
//! A program is a chain's; a place has its own zone, hours, exceptions, territory and trim, which take the place of the program's.
//! A release is for a place: all devices that are bound to it play the same one. Its number only rises; going back is a new
//! release with the old content.

pub mod publish;
pub mod readiness;

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use object_store::path::Path;
use orchestrion_protocol::release::{Digest, Edition, manifest_path};
use sea_orm::FromQueryResult;

use crate::database::{unsigned, values};
use crate::server::App;
use crate::{Error, Result};

/// What was published.
#[derive(Debug, Default)]
pub struct Programs {
    newest: RwLock<HashMap<String, Edition>>,
    /// Held while a number is given, so that each is given once.
    turn: tokio::sync::Mutex<()>,
}

#[derive(FromQueryResult)]
struct Newest {
    place: String,
    epoch: i64,
    number: i64,
}

#[derive(FromQueryResult)]
struct Offered {
    offer: String,
}

impl Programs {
    /// The newest release of a place.
    pub fn newest(&self, place: &str) -> Option<Edition> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner).get(place).copied()
    }

    fn note(&self, place: &str, edition: Edition) {
        let mut newest = self.newest.write().unwrap_or_else(PoisonError::into_inner);
        let held = newest.entry(place.to_owned()).or_insert(edition);
        *held = (*held).max(edition);
    }
}

/// Where a manifest lies.
pub fn path(name: &Digest) -> Path {
    Path::from(format!("releases/{}", manifest_path(name)))
}

/// Reads which releases there are.
///
/// # Errors
/// The database does not say.
pub async fn load(app: &App) -> Result<()> {
    let rows: Vec<Newest> = app
        .database
        .rows("SELECT place, epoch, number FROM releases ORDER BY place, epoch, number", values![])
        .await?;
    for Newest { place, epoch, number } in rows {
        app.programs.note(&place, Edition { epoch: unsigned(epoch), number: unsigned(number) });
    }
    Ok(())
}

/// The offer of a place's newest release: `release.json`.
///
/// # Errors
/// Nothing was published for it.
pub async fn offer(app: &App, place: &str) -> Result<String> {
    let sql = "SELECT offer FROM releases WHERE place = $1 ORDER BY epoch DESC, number DESC LIMIT 1";
    let row: Option<Offered> = app.database.row(sql, values![place]).await?;
    row.map(|row| row.offer).ok_or_else(|| Error::NotFound {
        what: "release for the place",
        name: crate::fleet::roster::shown_name(place),
    })
}
