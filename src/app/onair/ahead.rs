//! What the program will play, for whoever asks.

use orchestrion_program::Absolute;
use orchestrion_program::civil::DAY_MS;
use orchestrion_program::preview::{Row, What, week_table};
use orchestrion_protocol::limits::PROGRAM_ROWS_MAX;
use orchestrion_protocol::status::{ProgramPage, ProgramRow};

use super::Air;
use crate::time::Now;

/// Characters of a name: a whole page fits into the answer to a server.
const NAME_LEN_MAX: usize = 40;

impl Air {
    /// The next 24 hours.
    ///
    /// # Errors
    /// No program decides, or nobody knows the time of day; in words.
    pub(in crate::app) fn ahead(&self, now: Now) -> Result<ProgramPage, String> {
        let Some(on) = &self.on else {
            return Err("no program decides what plays; the queue plays from top to bottom".into());
        };
        let Some(wall) = now.wall else {
            return Err("the time of day is not known, so nobody can say when what is played".into());
        };
        let rules = &on.program.rules;
        let from = Absolute(wall.0);
        let rows = week_table(rules, from, from.plus_ms(DAY_MS));
        Ok(ProgramPage {
            place: rules.document().place.id.to_string(),
            zone: rules.document().zone.id.clone(),
            release: on.program.edition.map(|edition| edition.to_string()),
            left_out: rows.len().saturating_sub(PROGRAM_ROWS_MAX),
            rows: rows.into_iter().take(PROGRAM_ROWS_MAX).map(told).collect(),
        })
    }
}

fn told(row: Row) -> ProgramRow {
    let what = match row.what {
        What::Music => "music",
        What::Closed => "closed",
        What::Spot => "spot",
        What::Unheard => "unheard",
    };
    ProgramRow {
        from_utc_ms: row.from.0,
        to_utc_ms: row.to.0,
        from: row.wall.0.to_string(),
        to: row.wall.1.to_string(),
        what: what.to_owned(),
        name: row.name.chars().take(NAME_LEN_MAX).collect(),
        volume: row.volume,
    }
}
