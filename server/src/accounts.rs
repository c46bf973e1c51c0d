//! Who may ask: accounts with a role and a token. Passwords and sessions come with the pages.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::database::values;
use crate::server::App;
use crate::{Error, Result, chance};

/// Accounts of a server.
const ACCOUNTS_MAX: usize = 10_000;

/// What an account may do; each may all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Give commands, publish, accept devices.
    Operator,
    /// All.
    Admin,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    fn of(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// All accounts, in memory by the hash of their token.
#[derive(Debug, Default)]
pub struct Accounts {
    by_hash: RwLock<HashMap<String, Account>>,
}

#[derive(FromQueryResult)]
struct Row {
    name: String,
    hash: String,
    role: String,
}

impl Accounts {
    /// The account of a token.
    pub fn of_token(&self, token: &str) -> Option<Account> {
        let accounts = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        accounts.get(&chance::hashed(token)).cloned()
    }

    /// All of them.
    pub fn list(&self) -> Vec<Account> {
        let accounts = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<_> = accounts.values().cloned().collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }
}

/// Reads them.
///
/// # Errors
/// The database does not give them.
pub async fn load(app: &App) -> Result<()> {
    let rows: Vec<Row> = app.database.rows("SELECT name, hash, role FROM accounts", values![]).await?;
    let mut accounts = app.accounts.by_hash.write().unwrap_or_else(PoisonError::into_inner);
    *accounts = rows
        .into_iter()
        .filter_map(|row| Some((row.hash, Account { name: row.name, role: Role::of(&row.role)? })))
        .collect();
    Ok(())
}

/// Makes an account, or gives it another role and a new token; the token is shown this once.
///
/// # Errors
/// The name cannot be one, there are too many, or the database does not take it.
pub async fn make(app: &App, name: &str, role: Role) -> Result<String> {
    crate::fleet::name_of("an account", name)?;
    let len = app.accounts.list().iter().filter(|account| account.name != name).count();
    if len >= ACCOUNTS_MAX {
        return Err(Error::Conflict(format!("there are {ACCOUNTS_MAX} accounts already")));
    }
    let token = chance::name::<32>("oat_")?;
    app.database
        .execute(
            "INSERT INTO accounts (name, hash, role, made_utc_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, role = excluded.role",
            values![name, chance::hashed(&token), role.as_str(), app.clock.utc_ms()],
        )
        .await?;
    load(app).await?;
    Ok(token)
}

/// Takes an account away.
///
/// # Errors
/// There is none of this name.
pub async fn remove(app: &App, name: &str) -> Result<()> {
    let gone = app.database.execute("DELETE FROM accounts WHERE name = $1", values![name]).await?;
    if gone == 0 {
        return Err(Error::NotFound { what: "account", name: crate::fleet::roster::shown_name(name) });
    }
    load(app).await
}
