//! The only door to SQLite.
//!
//! One connection writes, each commit is synced (`synchronous=FULL`): what was answered is on the disk. Others read beside it
//! (WAL). Statements are written in what SQLite and PostgreSQL have in common (`$1`, `ON CONFLICT`, `RETURNING`), so that
//! another engine is an address and no rewriting.

mod migrate;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::Connection as _;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, FromQueryResult,
    Statement, TransactionTrait, Value,
};

use crate::{Error, Result};

/// The file's name in the state folder.
pub const DATABASE_NAME: &str = "server.sqlite";
/// Connections that read.
const READERS: u32 = 4;
/// How long a statement waits for a lock that another program holds (a backup, somebody who looks).
const BUSY: Duration = Duration::from_secs(5);
/// How long a request waits for its turn to write.
const TURN: Duration = Duration::from_secs(10);

/// See the head of this file.
#[derive(Debug, Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    file: PathBuf,
}

/// Several writes that are all done, or none.
pub type Transaction = DatabaseTransaction;

impl Database {
    /// Opens the database of a state folder, makes it if it is not there, and brings it up to date.
    ///
    /// # Errors
    /// It cannot be opened, is damaged, or of a newer version that this program does not know.
    pub async fn open(state_dir: &Path) -> Result<Self> {
        let file = state_dir.join(DATABASE_NAME);
        let writer = connect(&file, 1).await?;
        migrate::migrate(&writer, &file).await?;
        let reader = connect(&file, READERS).await?;
        Ok(Self { writer, reader, file })
    }

    /// Where it lies.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Begins to write. Dropped without [`Transaction::commit`], nothing was written.
    ///
    /// # Errors
    /// It is not this one's turn within some seconds.
    pub async fn begin(&self) -> Result<Transaction> {
        Ok(self.writer.begin().await?)
    }

    /// One write.
    ///
    /// # Errors
    /// The database does not take it.
    pub async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64> {
        execute(&self.writer, sql, values).await
    }

    /// Rows, as they were committed.
    ///
    /// # Errors
    /// The database does not give them.
    pub async fn rows<T: FromQueryResult>(&self, sql: &str, values: Vec<Value>) -> Result<Vec<T>> {
        rows(&self.reader, sql, values).await
    }

    /// The first row.
    ///
    /// # Errors
    /// The database does not give it.
    pub async fn row<T: FromQueryResult>(&self, sql: &str, values: Vec<Value>) -> Result<Option<T>> {
        row(&self.reader, sql, values).await
    }

    /// A copy of all that is committed, as a file of its own.
    ///
    /// # Errors
    /// The file is there already, or the disk refuses.
    pub async fn copy_to(&self, file: &Path) -> Result<()> {
        if file.exists() {
            return Err(Error::Conflict(format!("{} is there already; it is not replaced", file.display())));
        }
        let name =
            file.to_str().ok_or_else(|| Error::Wrong("the name of a backup has to be UTF-8".into()))?;
        self.execute("VACUUM INTO $1", values![name]).await?;
        let synced = std::fs::File::open(file).and_then(|file| file.sync_all());
        synced.map_err(|error| Error::Unavailable(format!("{}: {error}", file.display())))
    }

    /// Closes it, with the write-ahead log moved into the file.
    pub async fn close(self) {
        let _ = self.reader.close().await;
        let _ = execute(&self.writer, "PRAGMA wal_checkpoint(TRUNCATE)", values![]).await;
        let _ = self.writer.close().await;
    }
}

/// Values of a statement, in its order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(sea_orm::Value::from($value)),*] };
}
pub(crate) use values;

/// One statement on a connection or in a transaction.
///
/// # Errors
/// The database does not take it.
pub async fn execute(on: &impl ConnectionTrait, sql: &str, values: Vec<Value>) -> Result<u64> {
    Ok(on.execute_raw(statement(sql, values)).await?.rows_affected())
}

/// Rows on a connection or in a transaction.
///
/// # Errors
/// The database does not give them.
pub async fn rows<T: FromQueryResult>(
    on: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<T>> {
    let found = on.query_all_raw(statement(sql, values)).await?;
    Ok(found.iter().map(|row| T::from_query_result(row, "")).collect::<std::result::Result<_, _>>()?)
}

/// The first row on a connection or in a transaction.
///
/// # Errors
/// The database does not give it.
pub async fn row<T: FromQueryResult>(
    on: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<T>> {
    let found = on.query_one_raw(statement(sql, values)).await?;
    Ok(found.map(|row| T::from_query_result(&row, "")).transpose()?)
}

fn statement(sql: &str, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)
}

/// SQLite's numbers are signed; what is beyond them is nothing that is counted here.
pub fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The same back.
pub fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

async fn connect(file: &Path, connections: u32) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new("sqlite://state");
    let file = file.to_owned();
    let shown = file.display().to_string();
    options
        .max_connections(connections)
        .min_connections(connections)
        .acquire_timeout(TURN)
        .sqlx_logging(false)
        // A transaction that the disk did not take may neither be over nor can be ended: SQLite rolls some back by itself, and then
        // a rollback fails. What was written with such a connection afterwards would never be committed.
        .map_sqlx_sqlite_pool_opts(|options| {
            options.after_release(|connection, _| {
                Box::pin(async move {
                    // What was abandoned is rolled back before this is answered.
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
        })
        .map_sqlx_sqlite_opts(move |options| {
            options
                .filename(&file)
                .create_if_missing(true)
                .busy_timeout(BUSY)
                .foreign_keys(true)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
                .pragma("trusted_schema", "OFF")
                .pragma("cell_size_check", "ON")
                .pragma("journal_size_limit", "16777216")
                .pragma("cache_size", "-2048")
        });
    sea_orm::Database::connect(options).await.map_err(|error| {
        Error::Unavailable(format!(
            "the database {shown} cannot be opened: {error}; may this user write there?"
        ))
    })
}

#[cfg(test)]
mod tests;
