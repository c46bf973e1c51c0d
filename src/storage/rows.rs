//! Rows and values: how what `App` knows stands in the tables. Statements name their columns, so that a database with
//! more of them (a newer version's) is written as well.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use orchestrion_protocol::status::{EntryId, Repeat};
use rusqlite::{Connection, Error, OptionalExtension, Result, Row, params};

use super::{
    Checkpoint, HowEnded, Memories, OpenPlay, PieceMemories, PlayEnd, PlayKey, PlayStart, Remembered,
    Settings, Viewed,
};
use crate::app::Defaults;
use crate::time::Mono;

/// SQLite's numbers are signed. What is out of its range is nothing that a device counts; it stands there as the end.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A column that cannot be negative; if it is, the file is damaged.
pub(super) fn unsigned(row: &Row<'_>, column: &str) -> Result<u64> {
    checked(row, column, row.get(column)?)
}

/// The same where there may be none.
pub(super) fn unsigned_or_null(row: &Row<'_>, column: &str) -> Result<Option<u64>> {
    row.get::<_, Option<i64>>(column)?.map(|value| checked(row, column, value)).transpose()
}

fn checked(row: &Row<'_>, column: &str, value: i64) -> Result<u64> {
    let index = row.as_ref().column_index(column)?;
    u64::try_from(value).map_err(|_| Error::IntegralValueOutOfRange(index, value))
}

pub(super) fn path_of(row: &Row<'_>, column: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(OsString::from_vec(row.get(column)?)))
}

pub(super) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Whether the row is a new one; one that is there stays as it is.
pub(super) fn open_play(connection: &Connection, play: &PlayStart) -> Result<bool> {
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO plays (run, seq, path, size, modified_ms, title, artist, album, started_mono_ms,
             started_wall_ms, duration_ms, start_offset_ms, output, volume_db, chosen_by, continues_run, continues_seq,
             blob, clock, wall_uncertainty_ms, place, zone, territory, recording, daypart, playlist, position, loosened, choice,
             local_date, offset_s, kind, spot, campaign, scheduled_wall_ms, break_position,
             release_epoch, release_number)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
             ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38)",
    )?;
    let program = play.program.as_deref();
    let choice = program.and_then(|program| program.choice.as_ref());
    let spot = program.and_then(|program| program.spot.as_ref());
    let local = program.and_then(|program| program.local);
    let release = program.and_then(|program| program.release);
    let rows = statement.execute(params![
        number(play.key.run),
        number(play.key.seq),
        path_bytes(&play.path),
        number(play.size),
        play.modified_ms,
        play.title,
        play.artist,
        play.album,
        number(play.started.0),
        play.started_wall.map(|wall| wall.0),
        play.duration_ms.map(number),
        number(play.start_offset_ms),
        play.output,
        // NaN would be stored as NULL; infinities have no place in a report either.
        play.volume_db.filter(|db| db.is_finite()).map(f64::from),
        play.chosen_by.as_str(),
        play.continues.map(|key| number(key.run)),
        play.continues.map(|key| number(key.seq)),
        play.blob.map(|blob| blob.0),
        play.clock.as_str(),
        play.clock.uncertainty_ms().map(number),
        program.map(|program| &program.place),
        program.map(|program| &program.zone),
        program.and_then(|program| program.territory.as_ref()),
        program.and_then(|program| program.recording.as_ref()),
        program.and_then(|program| program.daypart.as_ref()),
        choice.and_then(|choice| choice.playlist.as_ref()),
        choice.map(|choice| choice.position),
        choice.map(|choice| serde_json::to_string(&choice.loosened).unwrap_or_default()),
        choice.map(|choice| number(choice.number)),
        local.map(|local| local.date.to_string()),
        local.map(|local| local.offset_s),
        play.kind.as_str(),
        spot.map(|spot| &spot.spot),
        spot.and_then(|spot| spot.campaign.as_ref()),
        spot.and_then(|spot| spot.scheduled).map(|wall| wall.0),
        spot.and_then(|spot| spot.break_position),
        release.map(|release| number(release.epoch)),
        release.map(|release| number(release.number)),
    ])?;
    Ok(rows > 0)
}

/// Closes a row that is open; one that is closed, or not there, stays as it is.
pub(super) fn close_play(connection: &Connection, end: &PlayEnd) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE plays SET ended_mono_ms = ?3, heard_ms = ?4, audible_ms = ?5, how = ?6, reason = ?7,
             visible_ms = ?8, showings = ?9, frames_expected = ?10, frames_presented = ?11
         WHERE run = ?1 AND seq = ?2 AND how IS NULL",
    )?;
    statement.execute(params![
        number(end.key.run),
        number(end.key.seq),
        number(end.ended.0),
        number(end.heard_ms),
        number(end.audible_ms),
        end.how.as_str(),
        end.reason,
        end.viewed.map(|viewed| number(viewed.visible_ms)),
        end.viewed.map(|viewed| number(viewed.showings)),
        end.viewed.map(|viewed| number(viewed.frames_expected)),
        end.viewed.map(|viewed| number(viewed.frames_presented)),
    ])?;
    Ok(())
}

/// What was seen, as it stands in a row.
pub(super) fn viewed(row: &Row<'_>) -> Result<Option<Viewed>> {
    let Some(visible_ms) = unsigned_or_null(row, "visible_ms")? else { return Ok(None) };
    Ok(Some(Viewed {
        visible_ms,
        showings: unsigned_or_null(row, "showings")?.unwrap_or(0),
        frames_expected: unsigned_or_null(row, "frames_expected")?.unwrap_or(0),
        frames_presented: unsigned_or_null(row, "frames_presented")?.unwrap_or(0),
    }))
}

pub(super) fn save_checkpoint(connection: &Connection, checkpoint: &Checkpoint) -> Result<()> {
    let play = checkpoint.play.as_ref();
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO checkpoint
             (one, at_mono_ms, entry, position_ms, playing, play_run, play_seq, heard_ms, audible_ms)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    statement.execute(params![
        number(checkpoint.at.0),
        number(checkpoint.entry.0),
        number(checkpoint.position_ms),
        checkpoint.playing,
        play.map(|play| number(play.key.run)),
        play.map(|play| number(play.key.seq)),
        play.map(|play| number(play.heard_ms)),
        play.map(|play| number(play.audible_ms)),
    ])?;
    Ok(())
}

pub(super) fn load_checkpoint(connection: &Connection) -> Result<Option<Checkpoint>> {
    let read = |row: &Row<'_>| {
        let play = match (unsigned_or_null(row, "play_run")?, unsigned_or_null(row, "play_seq")?) {
            (Some(run), Some(seq)) => Some(OpenPlay {
                key: PlayKey { run, seq },
                heard_ms: unsigned_or_null(row, "heard_ms")?.unwrap_or(0),
                audible_ms: unsigned_or_null(row, "audible_ms")?.unwrap_or(0),
            }),
            _ => None,
        };
        Ok(Checkpoint {
            at: Mono(unsigned(row, "at_mono_ms")?),
            entry: EntryId(unsigned(row, "entry")?),
            position_ms: unsigned(row, "position_ms")?,
            playing: row.get("playing")?,
            play,
        })
    };
    connection.query_row("SELECT * FROM checkpoint WHERE one = 1", [], read).optional()
}

fn repeat_word(repeat: Repeat) -> &'static str {
    match repeat {
        Repeat::Off => "off",
        Repeat::All => "all",
        Repeat::One => "one",
    }
}

fn repeat_of(word: &str) -> Repeat {
    match word {
        "all" => Repeat::All,
        "one" => Repeat::One,
        // A newer version's word means nothing here; the queue then just ends.
        _ => Repeat::Off,
    }
}

pub(super) fn save_settings(connection: &Connection, settings: &Settings) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO settings (one, volume, muted, repeat, shuffle, crossfade_ms, seed, default_volume,
             default_repeat, default_shuffle, default_crossfade_ms)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    let defaults = settings.defaults.as_ref();
    statement.execute(params![
        settings.volume,
        settings.muted,
        repeat_word(settings.repeat),
        settings.shuffle,
        settings.crossfade_ms,
        // All bits of the seed matter, and the column's numbers are signed.
        settings.seed.cast_signed(),
        defaults.map(|defaults| defaults.volume),
        defaults.map(|defaults| repeat_word(defaults.repeat)),
        defaults.map(|defaults| defaults.shuffle),
        defaults.map(|defaults| defaults.crossfade_ms),
    ])?;
    Ok(())
}

pub(super) fn load_settings(connection: &Connection) -> Result<Option<Settings>> {
    let read = |row: &Row<'_>| {
        Ok(Settings {
            volume: row.get("volume")?,
            muted: row.get("muted")?,
            repeat: repeat_of(row.get_ref("repeat")?.as_str()?),
            shuffle: row.get("shuffle")?,
            crossfade_ms: row.get("crossfade_ms")?,
            seed: row.get::<_, i64>("seed")?.cast_unsigned(),
            defaults: load_defaults(row)?,
        })
    };
    connection.query_row("SELECT * FROM settings WHERE one = 1", [], read).optional()
}

pub(super) fn save_memory(connection: &Connection, whose: Remembered, text: &str) -> Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT OR REPLACE INTO memories (name, text) VALUES (?1, ?2)")?;
    statement.execute(params![whose.as_str(), text])?;
    Ok(())
}

/// Those that this version knows.
pub(super) fn load_memories(connection: &Connection) -> Result<Memories> {
    let mut statement = connection.prepare("SELECT text FROM memories WHERE name = ?1")?;
    let mut memories = Memories::new();
    for whose in Remembered::ALL {
        if let Some(text) = statement.query_row([whose.as_str()], |row| row.get(0)).optional()? {
            memories.insert(whose, text);
        }
    }
    Ok(memories)
}

/// Keeps a piece of what a part remembers, or takes it away.
pub(super) fn save_piece(
    connection: &Connection,
    whose: Remembered,
    name: &str,
    text: Option<&str>,
) -> Result<()> {
    match text {
        Some(text) => connection
            .prepare_cached("INSERT OR REPLACE INTO memory_pieces (name, piece, text) VALUES (?1, ?2, ?3)")?
            .execute(params![whose.as_str(), name, text])?,
        None => connection
            .prepare_cached("DELETE FROM memory_pieces WHERE name = ?1 AND piece = ?2")?
            .execute(params![whose.as_str(), name])?,
    };
    Ok(())
}

/// Those that this version knows.
pub(super) fn load_pieces(connection: &Connection) -> Result<PieceMemories> {
    let mut statement = connection.prepare("SELECT piece, text FROM memory_pieces WHERE name = ?1")?;
    let mut memories = PieceMemories::new();
    for whose in Remembered::ALL {
        let pieces = statement.query_map([whose.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let pieces = pieces.collect::<Result<BTreeMap<String, String>>>()?;
        if !pieces.is_empty() {
            memories.insert(whose, pieces);
        }
    }
    Ok(memories)
}

/// All or nothing: a version before this one leaves them NULL.
fn load_defaults(row: &Row<'_>) -> Result<Option<Defaults>> {
    let (Some(volume), Some(repeat), Some(shuffle), Some(crossfade_ms)) = (
        row.get("default_volume")?,
        row.get_ref("default_repeat")?.as_str_or_null()?,
        row.get("default_shuffle")?,
        row.get("default_crossfade_ms")?,
    ) else {
        return Ok(None);
    };
    Ok(Some(Defaults { volume, repeat: repeat_of(repeat), shuffle, crossfade_ms }))
}

/// How a play ended and with which words; `None` when it is open or not there.
pub(super) fn end_of(connection: &Connection, key: PlayKey) -> Result<Option<(String, String)>> {
    let ended = connection
        .query_row(
            "SELECT how, reason FROM plays WHERE run = ?1 AND seq = ?2",
            params![number(key.run), number(key.seq)],
            |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?)),
        )
        .optional()?;
    Ok(ended.and_then(|(how, reason)| Some((how?, reason.unwrap_or_default()))))
}

/// Whether a play that ended so goes on at the next start.
pub(super) fn is_unfinished(how: &str, reason: &str) -> bool {
    how == HowEnded::Power.as_str()
        || how == HowEnded::Crash.as_str()
        || (how == HowEnded::Cut.as_str() && reason == super::SHUTDOWN)
}
