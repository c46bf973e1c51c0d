//! The place's trim as somebody set it from afar. It outlives a restart, and ends when the configuration says another one than it
//! was set over: whoever edits the file means what it says.

use orchestrion_protocol::limits::{TRIM_DB_MAX, TRIM_DB_MIN};
use orchestrion_protocol::rpc::{RpcError, code};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::levels::Levels;
use super::{App, Effect};
use crate::storage::Remembered;

/// What was set, in dB, and what the configuration said then.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Trim {
    db: f32,
    over_db: f32,
}

impl Trim {
    /// How much louder or softer.
    pub(super) fn db(self) -> f32 {
        self.db
    }
}

impl App {
    /// At the start, before anything sounds.
    pub(super) fn resume_trim(&mut self, kept: &str) {
        match serde_json::from_str::<Trim>(kept) {
            Ok(trim) if trim.over_db == self.levels.trim_db && in_range(trim.db) => {
                self.levels.trim_db = trim.db;
                self.trim = Some(trim);
            }
            Ok(_) => {}
            Err(error) => log::error!("the trim that was set is forgotten: {error}"),
        }
    }

    /// Somebody sets it: how loud songs are changes evenly, as when a measurement comes.
    pub(super) fn set_trim(&mut self, db: f32, effects: &mut Vec<Effect>) -> Result<Option<Value>, RpcError> {
        if !in_range(db) {
            let text = format!("a trim of {db} dB cannot be; {TRIM_DB_MIN} to {TRIM_DB_MAX} dB");
            return Err(RpcError::new(code::INVALID_PARAMS, text));
        }
        let over_db = self.trim.map_or(self.levels.trim_db, |trim| trim.over_db);
        let trim = Trim { db, over_db };
        self.trim = Some(trim);
        self.levels.trim_db = db;
        self.keeper.remember(Remembered::Trim, json!(trim).to_string(), effects);
        self.level_current(effects);
        self.level_incoming(effects);
        self.dirty = true;
        Ok(Some(json!({ "trim_db": db })))
    }

    /// What the configuration says, with the trim that was set over it.
    pub(super) fn with_trim(&mut self, configured: Levels) -> Levels {
        self.trim = self.trim.filter(|trim| trim.over_db == configured.trim_db);
        Levels { trim_db: self.trim.map_or(configured.trim_db, |trim| trim.db), ..configured }
    }
}

fn in_range(db: f32) -> bool {
    (TRIM_DB_MIN..=TRIM_DB_MAX).contains(&db)
}
