//! The play log as a file: CSV for tables, JSON lines for programs. It is read page by page while it is sent.

use orchestrion_protocol::fleet::PlayRecord;
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use utoipa::ToSchema;

use crate::Result;
use crate::database::values;
use crate::server::App;

/// Rows that are read at once.
const PAGE: i64 = 500;
/// From when a row has come to when others can read it, in ms: longer than a write waits for its turn.
const WRITE_WAIT_MS: i64 = 60_000;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Commas, a line of names first (RFC 4180).
    Csv,
    /// One object a line.
    Jsonl,
}

/// Which rows.
#[derive(Debug, Clone)]
pub struct Which {
    /// Begun at or after, in ms since 1970; rows without a time are always in.
    pub from_utc_ms: i64,
    /// Begun before.
    pub until_utc_ms: i64,
    /// Of this device only.
    pub device: String,
    /// Of this place only.
    pub place: String,
}

impl Which {
    /// Whether it is all that there is.
    fn is_all(&self) -> bool {
        self.from_utc_ms == i64::MIN
            && self.until_utc_ms == i64::MAX
            && self.device.is_empty()
            && self.place.is_empty()
    }
}

#[derive(FromQueryResult)]
struct Row {
    device: String,
    run: i64,
    seq: i64,
    place: String,
    record: String,
}

#[derive(Serialize)]
struct Line<'a> {
    device: &'a str,
    place: &'a str,
    #[serde(flatten)]
    record: &'a PlayRecord,
}

const NAMES: &str = "device,run,seq,place,started_utc_ms,uncertainty_ms,clock,local_date,offset_s,kind,recording,title,artist,album,blob,\
release_epoch,release_number,territory,output,duration_ms,heard_ms,audible_ms,visible_ms,volume_db,daypart,playlist,spot,campaign,\
scheduled_utc_ms,break_position,chosen_by,how,reason,showings,frames_expected,frames_presented\r\n";

/// Writes all rows; ends early when nobody reads any more.
///
/// # Errors
/// The database does not give them.
pub async fn write(
    app: &App,
    which: &Which,
    format: Format,
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<()> {
    let began_utc_ms = app.clock.utc_ms();
    if format == Format::Csv && to.write_all(NAMES.as_bytes()).await.is_err() {
        return Ok(());
    }
    let mut after = (String::new(), 0_i64, 0_i64);
    loop {
        let rows: Vec<Row> = app
            .database
            .rows(
                "SELECT device, run, seq, place, record FROM plays
                 WHERE (device > $1 OR (device = $1 AND run > $2) OR (device = $1 AND run = $2 AND seq > $3))
                   AND (started_utc_ms IS NULL OR (started_utc_ms >= $4 AND started_utc_ms < $5))
                   AND ($6 = '' OR device = $6) AND ($7 = '' OR place = $7)
                 ORDER BY device, run, seq LIMIT $8",
                values![
                    after.0.as_str(),
                    after.1,
                    after.2,
                    which.from_utc_ms,
                    which.until_utc_ms,
                    which.device.as_str(),
                    which.place.as_str(),
                    PAGE
                ],
            )
            .await?;
        let Some(last) = rows.last() else { break };
        after = (last.device.clone(), last.run, last.seq);
        let mut text = String::new();
        for row in &rows {
            // What is there was a record when it came; a row that is damaged must not take the others with it.
            match serde_json::from_str::<PlayRecord>(&row.record) {
                Ok(record) => line(&mut text, format, row, &record),
                Err(error) => {
                    log::error!("play {}/{}/{} cannot be read: {error}", row.device, row.run, row.seq)
                }
            }
        }
        if to.write_all(text.as_bytes()).await.is_err() {
            return Ok(());
        }
    }
    if to.shutdown().await.is_ok() && which.is_all() {
        // What had come and waited for its turn to be written is not in it.
        let sql =
            "UPDATE server SET exported_utc_ms = $1 WHERE exported_utc_ms IS NULL OR exported_utc_ms < $1";
        app.database.execute(sql, values![began_utc_ms - WRITE_WAIT_MS]).await?;
    }
    Ok(())
}

fn line(text: &mut String, format: Format, row: &Row, record: &PlayRecord) {
    match format {
        Format::Jsonl => {
            let line = Line { device: &row.device, place: &row.place, record };
            text.push_str(&serde_json::to_string(&line).unwrap_or_default());
            text.push('\n');
        }
        Format::Csv => {
            text.push_str(&cells(row, record).map(|cell| quoted(&cell)).join(","));
            text.push_str("\r\n");
        }
    }
}

fn cells(row: &Row, record: &PlayRecord) -> [String; 36] {
    fn told<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
    let clock = serde_json::to_value(record.clock).ok();
    [
        row.device.clone(),
        record.name.run.to_string(),
        record.name.seq.to_string(),
        row.place.clone(),
        told(record.started_utc_ms),
        told(record.uncertainty_ms),
        told(clock.as_ref().and_then(|clock| clock.as_str())),
        told(record.local_date.as_deref()),
        told(record.offset_s),
        record.kind.to_string(),
        told(record.recording.as_deref()),
        record.title.to_string(),
        record.artist.to_string(),
        record.album.to_string(),
        told(record.blob),
        told(record.release.map(|edition| edition.epoch)),
        told(record.release.map(|edition| edition.number)),
        told(record.territory.as_deref()),
        record.output.to_string(),
        told(record.duration_ms),
        record.heard_ms.to_string(),
        record.audible_ms.to_string(),
        record.visible_ms.to_string(),
        told(record.volume_db),
        told(record.daypart.as_deref()),
        told(record.playlist.as_deref()),
        told(record.spot.as_deref()),
        told(record.campaign.as_deref()),
        told(record.scheduled_utc_ms),
        told(record.break_position),
        record.chosen_by.to_string(),
        record.how.to_string(),
        record.reason.to_string(),
        told(record.showings),
        told(record.frames_expected),
        told(record.frames_presented),
    ]
}

/// A cell. One that a table's program would take for a formula is made text, since titles come from strangers.
fn quoted(cell: &str) -> String {
    let is_number = cell.parse::<f64>().is_ok();
    let is_formula = cell.starts_with(['=', '+', '-', '@']) && !is_number;
    let cell = if is_formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_is_never_a_formula() {
        assert_eq!(quoted("La vie en rose"), "La vie en rose");
        assert_eq!(quoted("Crosby, Stills \"& Nash\""), "\"Crosby, Stills \"\"& Nash\"\"\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(quoted("-12.5"), "-12.5");
        assert_eq!(NAMES.split(',').count(), 36);
    }
}
