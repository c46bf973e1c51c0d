//! Places, which device is at which, and groups.

use orchestrion_program::Absolute;
use orchestrion_program::model::{Exception, Hours, Place, Territory, Zone};
use orchestrion_protocol::fleet::{COMMAND_LEN_MAX, SettingsOrder};
use orchestrion_protocol::limits::INHERITED_LEN_MAX;
use orchestrion_protocol::method::{InheritParams, InheritedPlay};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::roster::shown_name;
use super::{GROUPS_OF_DEVICE_MAX, PLACES_MAX, To, commands, name_of};
use crate::database::{execute, values};
use crate::server::App;
use crate::{Error, Result, playlog};

/// Songs that a new board is told of the one before: as many as a day of a venue has.
const INHERITED_SONGS: u32 = 400;
/// Bytes of them in one command.
const INHERITED_BYTES_MAX: usize = COMMAND_LEN_MAX * 3 / 4;
/// Bytes of what is a place's own.
const LOCAL_LEN_MAX: usize = 64 * 1024;

/// A place: what is its own, whatever program it plays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceText {
    /// What people call it.
    #[schema(max_length = 200)]
    pub name: String,
    /// Its time zone, as `Europe/London`; without one, that of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The country whose rights hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub territory: Option<Territory>,
    /// Added to everything that plays there, in dB, from −40 to 12.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trim_db: Option<f64>,
    /// When it is open; without it, as the program says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub hours: Option<Hours>,
    /// Other times on some dates; without it, as the program says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub exceptions: Option<Vec<Exception>>,
}

/// A place as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShownPlace {
    /// Its id.
    pub id: String,
    /// What is its own.
    #[serde(flatten)]
    pub text: PlaceText,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    local: String,
}

impl PlaceText {
    /// Its zone with the transitions that a device needs.
    ///
    /// # Errors
    /// No zone is called so.
    pub fn zone_at(&self, utc_ms: i64) -> Result<Option<Zone>> {
        let Some(name) = &self.zone else { return Ok(None) };
        orchestrion_program::zone::zone(name, Absolute(utc_ms))
            .map(Some)
            .map_err(|error| Error::Wrong(error.to_string()))
    }

    /// Its head in a program.
    pub fn head(&self, id: &str) -> Place {
        Place {
            id: id.into(),
            name: self.name.clone(),
            territory: self.territory.clone(),
            trim_db: self.trim_db.unwrap_or(0.0),
        }
    }
}

/// Makes a place, or changes it.
///
/// # Errors
/// It says what cannot be, there are too many, or the database does not take it.
pub async fn put(app: &App, id: &str, text: &PlaceText) -> Result<()> {
    name_of("a place", id)?;
    if text.name.is_empty() || text.name.chars().count() > 200 || text.name.chars().any(char::is_control) {
        return Err(Error::Wrong("the name of a place has 1 to 200 characters".into()));
    }
    if text.trim_db.is_some_and(|db| !(-40.0..=12.0).contains(&db)) {
        return Err(Error::Wrong("trim_db goes from -40 to 12".into()));
    }
    text.zone_at(app.clock.utc_ms())?;
    let local = serde_json::to_string(text).map_err(|error| Error::Internal(error.to_string()))?;
    if local.len() > LOCAL_LEN_MAX {
        return Err(Error::TooLarge { what: "place", max: LOCAL_LEN_MAX });
    }
    #[derive(FromQueryResult)]
    struct Count {
        count: i64,
    }
    let sql = "SELECT COUNT(*) AS count FROM places WHERE id <> $1";
    let count = app.database.row::<Count>(sql, values![id]).await?.map_or(0, |found| found.count);
    if usize::try_from(count).unwrap_or(0) >= PLACES_MAX {
        return Err(Error::Conflict(format!("there are {PLACES_MAX} places already")));
    }
    app.database
        .execute(
            "INSERT INTO places (id, name, local, made_utc_ms) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, local = excluded.local",
            values![id, text.name.as_str(), local, app.clock.utc_ms()],
        )
        .await?;
    Ok(())
}

/// A place.
///
/// # Errors
/// There is none of this id.
pub async fn get(app: &App, id: &str) -> Result<ShownPlace> {
    let row: Option<Row> =
        app.database.row("SELECT id, local FROM places WHERE id = $1", values![id]).await?;
    row.map(shown).transpose()?.ok_or_else(|| Error::NotFound { what: "place", name: shown_name(id) })
}

/// Some places after an id, in their order.
///
/// # Errors
/// The database does not give them.
pub async fn list(app: &App, after: &str, limit: u32) -> Result<Vec<ShownPlace>> {
    let sql = "SELECT id, local FROM places WHERE id > $1 ORDER BY id LIMIT $2";
    let rows: Vec<Row> = app.database.rows(sql, values![after, i64::from(limit.clamp(1, 1000))]).await?;
    rows.into_iter().map(shown).collect()
}

fn shown(row: Row) -> Result<ShownPlace> {
    let text = serde_json::from_str(&row.local)
        .map_err(|error| Error::Internal(format!("the place {} cannot be read: {error}", row.id)))?;
    Ok(ShownPlace { id: row.id, text })
}

/// Fails where there is no such place.
///
/// # Errors
/// As said.
pub async fn expect(app: &App, id: &str) -> Result<()> {
    get(app, id).await.map(|_| ())
}

/// Binds a device to a place, or takes it away from one.
///
/// # Errors
/// There is no such device or place.
pub async fn bind(app: &App, device: &str, place: Option<&str>) -> Result<()> {
    app.fleet.roster.lock().device(device)?;
    if let Some(place) = place {
        expect(app, place).await?;
    }
    let sql = "UPDATE devices SET place = $2 WHERE id = $1";
    app.database.execute(sql, values![device, place.map(str::to_owned)]).await?;
    app.fleet.roster.lock().device(device)?.place = place.map(str::to_owned);
    Ok(())
}

/// Puts a device into a group, or takes it out.
///
/// # Errors
/// There is no such device, or it is in too many groups.
pub async fn join(app: &App, device: &str, group: &str, is_in: bool) -> Result<()> {
    name_of("a group", group)?;
    let len = app.fleet.roster.lock().device(device)?.groups.len();
    if is_in && len >= GROUPS_OF_DEVICE_MAX {
        return Err(Error::Conflict(format!("{device} is in {GROUPS_OF_DEVICE_MAX} groups already")));
    }
    let sql = if is_in {
        "INSERT INTO members (group_name, device) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM members WHERE group_name = $1 AND device = $2"
    };
    app.database.execute(sql, values![group, device]).await?;
    let mut members = app.fleet.roster.lock();
    let groups = &mut members.device(device)?.groups;
    if is_in {
        groups.insert(group.to_owned());
    } else {
        groups.remove(group);
    }
    Ok(())
}

/// Takes a device out of the fleet. What it played stays told.
///
/// # Errors
/// There is no such device.
pub async fn remove(app: &App, device: &str, replaced_by: Option<&str>) -> Result<()> {
    app.fleet.roster.lock().device(device)?;
    let transaction = app.database.begin().await?;
    for sql in ["DELETE FROM device_tokens WHERE device = $1", "DELETE FROM members WHERE device = $1"] {
        execute(&transaction, sql, values![device]).await?;
    }
    execute(
        &transaction,
        "UPDATE devices SET deleted_utc_ms = $2, replaced_by = $3, place = NULL WHERE id = $1",
        values![device, app.clock.utc_ms(), replaced_by.map(str::to_owned)],
    )
    .await?;
    transaction.commit().await?;
    app.fleet.roster.lock().dismiss(device);
    Ok(())
}

/// A new device takes the place and the groups of a dead one, which leaves the fleet; by commands it gets what people have set
/// there, and the last songs that were played.
///
/// # Errors
/// One of them is not there, or both are the same.
pub async fn replace(app: &App, (old, new): (&str, &str), by: &str) -> Result<()> {
    if old == new {
        return Err(Error::Wrong("a device cannot replace itself".into()));
    }
    let (place, groups, settings) = {
        let mut members = app.fleet.roster.lock();
        members.device(new)?;
        let old = members.device(old)?;
        (old.place.clone(), old.groups.clone(), old.settings)
    };
    // Before its place, so that it does not begin there with what was just played; and without it rather than not at all.
    if let Err(error) = inherit(app, (old, new), settings, by).await {
        log::warn!("the device {new} does not begin with all that {old} left: {error}");
    }
    bind(app, new, place.as_deref()).await?;
    for group in groups {
        join(app, new, &group, true).await?;
    }
    remove(app, old, Some(new)).await
}

/// Gives a device what another one leaves.
async fn inherit(app: &App, (old, new): (&str, &str), settings: SettingsOrder, by: &str) -> Result<()> {
    let give = async |method: &str, params: serde_json::Value| {
        let wanted = commands::Wanted {
            to: To::Device(new.to_owned()),
            method: method.to_owned(),
            params: Some(params),
            // The board may lie in a drawer for a while.
            ends_in_s: Some(commands::ENDS_IN_S_MAX),
        };
        commands::give(app, &wanted, by).await.map(|_| ())
    };
    if settings != SettingsOrder::default() {
        give("settings", json!(settings)).await?;
    }
    // The newest list first: each counts as played before all that is known.
    for plays in lists(playlog::last_songs(app, old, INHERITED_SONGS).await?) {
        give("inherit", json!(InheritParams { plays })).await?;
    }
    Ok(())
}

/// Songs, the newest first, as lists that fit into a command, the newest first; in each the oldest comes first.
fn lists(songs: Vec<InheritedPlay>) -> Vec<Vec<InheritedPlay>> {
    let mut lists: Vec<Vec<InheritedPlay>> = Vec::new();
    let mut len = 0;
    for song in songs {
        let more = json!(song).to_string().len() + 1;
        match lists
            .last_mut()
            .filter(|list| list.len() < INHERITED_LEN_MAX && len + more <= INHERITED_BYTES_MAX)
        {
            Some(list) => {
                list.push(song);
                len += more;
            }
            None => {
                lists.push(vec![song]);
                len = more;
            }
        }
    }
    lists.iter_mut().for_each(|list| list.reverse());
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn songs_are_told_in_lists_that_fit_the_newest_list_first_and_in_each_the_oldest_song() {
        let song = |nth: usize, len: usize| InheritedPlay {
            recording: format!("{nth:0len$}"),
            at_utc_ms: nth as i64,
            playlist: Some("all".into()),
        };
        for len in [4, 60, 200] {
            let songs: Vec<_> = (0..400).rev().map(|nth| song(nth, len)).collect();
            let lists = lists(songs.clone());
            for list in &lists {
                let text = json!(InheritParams { plays: list.clone() }).to_string();
                assert!(
                    list.len() <= INHERITED_LEN_MAX && text.len() < COMMAND_LEN_MAX - 1024,
                    "{}",
                    text.len()
                );
            }
            let mut back: Vec<_> = lists.into_iter().rev().flatten().collect();
            back.reverse();
            assert_eq!(back, songs);
        }
        assert!(lists(Vec::new()).is_empty());
    }
}
