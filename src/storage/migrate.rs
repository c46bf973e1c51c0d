//! The schema's steps. `user_version` counts those that a file has seen.
//!
//! **Additive only**: after a fall-back of the system, the version before opens a file that a newer one has changed,
//! and must be able to read and write it. So a step only adds what an older version can leave out (see the head of
//! `schema/1.sql`), a newer `user_version` is left as it is, and every statement names its columns.

use std::collections::BTreeSet;

use rusqlite::{Connection, Result, TransactionBehavior};

const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
];

/// The `user_version` of this program.
#[cfg(test)]
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// Brings the file up to this version, all or nothing.
pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let seen = usize::try_from(found).unwrap_or(0);
    if seen > STEPS.len() {
        log::info!(
            "state.sqlite was written by a newer version (schema {seen}, mine is {}); it is used as it is",
            STEPS.len()
        );
    }
    let Some(missing) = STEPS.get(seen..).filter(|missing| !missing.is_empty()) else { return Ok(()) };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in missing {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", STEPS.len() as i64)?;
    transaction.commit()
}

/// A column that this program needs and the file lacks, although its `user_version` promises it: its schema is
/// damaged, or it is another program's.
pub(super) fn missing_column(connection: &Connection) -> Result<Option<String>> {
    let mut fresh = Connection::open_in_memory()?;
    migrate(&mut fresh)?;
    let there = columns(connection)?;
    Ok(columns(&fresh)?.into_iter().find(|column| !there.contains(column)))
}

/// All columns, each as "table.name type, …".
fn columns(connection: &Connection) -> Result<BTreeSet<String>> {
    let mut statement = connection.prepare(
        "SELECT format('%s.%s %s, not null %d, key %d', t.name, c.name, c.type, c.\"notnull\", c.pk)
         FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table'",
    )?;
    let columns = statement.query_map([], |row| row.get(0))?;
    columns.collect()
}
