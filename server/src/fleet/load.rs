//! The fleet as it was before the server started.

use orchestrion_protocol::fleet::CommandRef;
use sea_orm::FromQueryResult;

use super::presence::Presence;
use super::roster::{Member, Standing, Token};
use crate::Result;
use crate::database::{unsigned, values};
use crate::server::App;

#[derive(FromQueryResult)]
struct Device {
    id: String,
    public: String,
    name: String,
    board: String,
    place: Option<String>,
    last_epoch: i64,
    last_number: i64,
    boot_id: String,
    seen_utc_ms: Option<i64>,
    presence: String,
    reason: String,
    since_utc_ms: i64,
    settings: String,
}

#[derive(FromQueryResult)]
struct Pair {
    device: String,
    other: String,
}

#[derive(FromQueryResult)]
struct TokenRow {
    hash: String,
    device: String,
    made_utc_ms: i64,
    ends_utc_ms: Option<i64>,
}

/// Reads it all.
///
/// # Errors
/// The database does not give it.
pub async fn load(app: &App) -> Result<()> {
    let devices: Vec<Device> = app
        .database
        .rows(
            "SELECT id, public, name, board, place, last_epoch, last_number, boot_id, seen_utc_ms, presence, reason, since_utc_ms,
                    settings
             FROM devices WHERE deleted_utc_ms IS NULL",
            values![],
        )
        .await?;
    let members: Vec<Pair> =
        app.database.rows("SELECT device, group_name AS other FROM members", values![]).await?;
    let boots: Vec<Pair> =
        app.database.rows("SELECT device, boot_id AS other FROM boots ORDER BY utc_ms", values![]).await?;
    let tokens: Vec<TokenRow> = app
        .database
        .rows("SELECT hash, device, made_utc_ms, ends_utc_ms FROM device_tokens", values![])
        .await?;
    {
        let mut roster = app.fleet.roster.lock();
        for device in devices {
            roster.admit(member(device));
        }
        for Pair { device, other } in members {
            if let Ok(member) = roster.device(&device) {
                member.groups.insert(other);
            }
        }
        for Pair { device, other } in boots {
            if let Ok(member) = roster.device(&device) {
                member.boots.push_back(other);
            }
        }
        for TokenRow { hash, device, made_utc_ms, ends_utc_ms } in tokens {
            if roster.device(&device).is_ok() {
                roster.add_token(hash, Token { device, made_utc_ms, ends_utc_ms });
            }
        }
    }
    super::commands::load(app).await
}

fn member(device: Device) -> Member {
    let mut member = Member::new(&device.id, &device.public, device.since_utc_ms);
    // What nobody can read is set anew by the next heartbeat.
    member.settings = serde_json::from_str(&device.settings).unwrap_or_default();
    (member.name, member.board, member.place) = (device.name, device.board, device.place);
    member.last = CommandRef { epoch: unsigned(device.last_epoch), number: unsigned(device.last_number) };
    member.boot_id = device.boot_id;
    member.seen_utc_ms = device.seen_utc_ms;
    member.standing = Standing {
        presence: Presence::of(&device.presence),
        reason: device.reason,
        since_utc_ms: device.since_utc_ms,
    };
    member
}
