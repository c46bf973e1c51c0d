//! Times of day that are filled in afterwards: the rows of a boot in which nobody knew the time, when somebody does.

use orchestrion_program::zone::ZoneMap;
use orchestrion_program::{Absolute, civil::Local};
use rusqlite::{Connection, Result, params};

use super::KnownTime;
use super::rows::number;

/// Gives each row of this boot without a time of day its own; `run` stands for the boot where that has no name.
pub(super) fn complete(connection: &Connection, known: &KnownTime, boot_id: &str, run: u64) -> Result<()> {
    let zone = known.zone.as_deref().map(ZoneMap::new);
    let mut untimed = connection.prepare_cached(
        "SELECT run, seq, started_mono_ms FROM plays WHERE started_wall_ms IS NULL
         AND (run = ?2 OR run IN (SELECT run FROM runs WHERE boot_id = ?1 AND boot_id <> ''))",
    )?;
    let rows = untimed.query_map(params![boot_id, number(run)], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    })?;
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let mut fill = connection.prepare_cached(
        "UPDATE plays SET started_wall_ms = ?3, clock = 'later', local_date = ?4, offset_s = ?5
         WHERE run = ?1 AND seq = ?2 AND started_wall_ms IS NULL",
    )?;
    for (run, seq, mono_ms) in rows {
        let wall_ms = mono_ms.saturating_add(known.offset_ms);
        let offset_s = zone.as_ref().map(|zone| zone.offset_s(Absolute(wall_ms)));
        let date = offset_s.map(|offset_s| {
            Local::from_ms(wall_ms.saturating_add(i64::from(offset_s) * 1000)).date.to_string()
        });
        fill.execute(params![run, seq, wall_ms, date, offset_s])?;
    }
    connection.execute(
        "UPDATE runs SET started_wall_ms = started_mono_ms + ?3 WHERE started_wall_ms IS NULL
         AND (run = ?2 OR (boot_id = ?1 AND boot_id <> ''))",
        params![boot_id, number(run), known.offset_ms],
    )?;
    Ok(())
}
