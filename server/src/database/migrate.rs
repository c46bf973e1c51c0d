//! The schema's steps. A step is never changed once it was released, and steps only ever add.

use std::path::Path;

use sea_orm::{ConnectionTrait, DatabaseConnection, FromQueryResult, TransactionTrait};

use super::{execute, row, values};
use crate::{Error, Result};

const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

#[derive(FromQueryResult)]
struct Version {
    user_version: i64,
}

#[derive(FromQueryResult)]
struct Verdict {
    quick_check: String,
}

/// Brings a file up to this version, all or nothing.
pub(super) async fn migrate(connection: &DatabaseConnection, file: &Path) -> Result<()> {
    let damaged = |words: String| {
        Error::Unavailable(format!(
            "the database {} is damaged: {words}; put it aside and restore a backup (orchestrion-server admin restore)",
            file.display()
        ))
    };
    let check = row::<Verdict>(connection, "PRAGMA quick_check(1)", values![]).await;
    match check.map_err(|error| damaged(error.to_string()))? {
        Some(verdict) if verdict.quick_check == "ok" => {}
        verdict => return Err(damaged(verdict.map_or_else(String::new, |verdict| verdict.quick_check))),
    }
    let found = row::<Version>(connection, "PRAGMA user_version", values![]).await?;
    let seen = usize::try_from(found.map_or(0, |version| version.user_version)).unwrap_or(0);
    if seen > STEPS.len() {
        return Err(Error::Unavailable(format!(
            "the database {} was written by a newer version (schema {seen}; this program knows {}); use that version",
            file.display(),
            STEPS.len()
        )));
    }
    let Some(missing) = STEPS.get(seen..).filter(|missing| !missing.is_empty()) else { return Ok(()) };
    let transaction = connection.begin().await?;
    for step in missing {
        transaction.execute_unprepared(step).await?;
    }
    execute(&transaction, &format!("PRAGMA user_version = {}", STEPS.len()), values![]).await?;
    transaction.commit().await?;
    Ok(())
}
