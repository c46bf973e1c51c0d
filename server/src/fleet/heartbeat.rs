//! A heartbeat: what a device says is taken, then it is held until there is something for it or the time is up.

use std::time::Duration;

use orchestrion_protocol::fleet::{
    ANSWER_LEN_MAX, COMMANDS_MAX, Command, Content, FLEET_VERSION, HOLD_S_MAX, Heartbeat, HeartbeatAnswer,
    Line, NewToken, Sealed, SettingsOrder, Word,
};
use orchestrion_protocol::release::SecretKey;
use tokio::time::{Instant, timeout_at};

use super::enrol::{self, TOKEN_AGE_MS};
use super::group;
use super::results::Told;
use super::roster::{Member, Members};
use super::writer::Boot;
use crate::server::App;
use crate::{Error, Result};

/// From one heartbeat to the next where the settings say nothing, in s.
pub const INTERVAL_S_FIRST: u64 = 30;
/// Boots of a device that are remembered.
pub(super) const BOOTS_MAX: usize = 64;

/// Who a device is by its token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its id.
    pub device: String,
    /// The hash of the token that it showed.
    pub hash: String,
}

/// Takes a heartbeat and answers it.
///
/// # Errors
/// It is not this device's, its card was copied, or the database does not take its results.
pub async fn heartbeat(app: &App, caller: &Caller, message: Box<Heartbeat>) -> Result<HeartbeatAnswer> {
    let began = Instant::now();
    // On the heap, and gone before it is held: ten thousand requests are, and each keeps what lies in it.
    let taken = Box::pin(begin(app, caller, message)).await?;
    hold(app, caller, taken, began).await
}

/// What is left of a heartbeat that was taken.
struct Taken {
    bell: std::sync::Arc<tokio::sync::Notify>,
    turn: u64,
    hold: Duration,
    token: Option<NewToken>,
}

async fn begin(app: &App, caller: &Caller, message: Box<Heartbeat>) -> Result<Taken> {
    if message.device.as_str() != caller.device {
        return Err(Error::Forbidden("the token is that of another device".into()));
    }
    let hold = Duration::from_secs(u64::from(message.hold_s.min(HOLD_S_MAX).min(app.settings().hold_s_max)));
    let (bell, turn, is_new_boot) = take(app, caller, &message)?;
    if is_new_boot {
        group::write(app, Boot::of(app, &caller.device)?).await?;
    }
    if !message.results.is_empty() {
        let told = Told { device: caller.device.clone(), results: message.results };
        group::write(app, told).await?;
    }
    Ok(Taken { bell, turn, hold, token: rotate(app, caller).await? })
}

async fn hold(app: &App, caller: &Caller, taken: Taken, began: Instant) -> Result<HeartbeatAnswer> {
    let Taken { bell, turn, hold, token } = taken;
    loop {
        let bells = bell.notified();
        tokio::pin!(bells);
        // From here on no ring is missed.
        bells.as_mut().enable();
        let (commands, is_last) = collect(app, caller, turn)?;
        let is_over = began.elapsed() >= hold || is_last || app.is_stopping();
        if !commands.is_empty() || is_over || token.is_some() {
            return Ok(answer(app, caller, commands, (began.elapsed(), token)));
        }
        let _ = timeout_at(began + hold, bells).await;
    }
}

/// Takes what it says; gives its bell, its turn, and whether it was booted since.
fn take(
    app: &App,
    caller: &Caller,
    message: &Heartbeat,
) -> Result<(std::sync::Arc<tokio::sync::Notify>, u64, bool)> {
    let (mono_ms, utc_ms) = (app.clock.mono_ms(), app.clock.utc_ms());
    let interval_ms = u64::from(app.settings().interval_s) * 1000;
    let mut members = app.fleet.roster.lock();
    let member = members.device(&caller.device)?;
    let boot_id = message.boot_id.as_str();
    // A boot that was followed by another one is over for ever; one that comes again is another board.
    if boot_id != member.boot_id && member.boots.iter().any(|before| before == boot_id) {
        log::warn!(
            "device {}: two boards show its identity (boots {boot_id} and {})",
            member.id,
            member.boot_id
        );
        return Err(Error::Copied);
    }
    // What no device can have set is not kept for another.
    let settings = message.report.settings.filter(|settings| settings.judge().is_ok()).unwrap_or_default();
    let is_set = settings != SettingsOrder::default() && settings != member.settings;
    if is_set {
        member.settings = settings;
    }
    let is_new_boot = boot_id != member.boot_id;
    if is_new_boot {
        let before = std::mem::replace(&mut member.boot_id, boot_id.to_owned());
        if !before.is_empty() {
            member.boots.push_back(before);
        }
        while member.boots.len() > BOOTS_MAX {
            member.boots.pop_front();
        }
    }
    member.facts.take(mono_ms, interval_ms, message.run, message.report.clone());
    member.seen_utc_ms = Some(utc_ms);
    member.connection = message.connection;
    member.capabilities = message.capabilities.iter().map(ToString::to_string).collect();
    member.cursor = message.cursor;
    // A server that was restored may have forgotten numbers that the device knows.
    member.last = member.last.max(message.cursor);
    member.turn += 1;
    let (bell, turn) = (member.bell.clone(), member.turn);
    // Whoever was held before for this device is answered now: it has asked anew.
    bell.notify_waiters();
    if is_set {
        members.set.insert(caller.device.clone());
    }
    members.look(&caller.device, mono_ms, utc_ms);
    Ok((bell, turn, is_new_boot))
}

/// What is to be sent, and whether there is no sense in holding on.
fn collect(app: &App, caller: &Caller, turn: u64) -> Result<(Vec<Sealed>, bool)> {
    let utc_ms = app.clock.utc_ms();
    let mut found = Vec::new();
    {
        let mut members = app.fleet.roster.lock();
        let Members { delivered, .. } = &mut *members;
        let mut noted = std::mem::take(delivered);
        let outcome = members.device(&caller.device).map(|member| {
            if member.turn != turn {
                return true;
            }
            next(member, utc_ms, &mut found);
            for (name, _, is_first) in &found {
                if *is_first {
                    noted.push((caller.device.clone(), *name, utc_ms));
                }
            }
            false
        });
        members.delivered = noted;
        if outcome? {
            return Ok((Vec::new(), true));
        }
    }
    // Signed outside of the lock.
    Ok((sealed(&found, app.key()), false))
}

type Found = (orchestrion_protocol::fleet::CommandRef, std::sync::Arc<str>, bool);

/// The next commands beyond the device's cursor; questions first.
fn next(member: &mut Member, utc_ms: i64, found: &mut Vec<Found>) {
    let cursor = member.cursor;
    let fresh = |waiting: &&mut super::roster::Waiting| waiting.name > cursor && utc_ms < waiting.ends_utc_ms;
    for is_question in [true, false] {
        let left = COMMANDS_MAX - found.len();
        let next =
            member.waiting.iter_mut().filter(fresh).filter(|waiting| waiting.is_question == is_question);
        for waiting in next.take(left) {
            found.push((waiting.name, waiting.text.clone(), !waiting.is_delivered));
            waiting.is_delivered = true;
        }
    }
    found.sort_by_key(|(name, ..)| *name);
}

fn sealed(found: &[Found], key: &SecretKey) -> Vec<Sealed> {
    let mut len = 0;
    let mut commands = Vec::new();
    for (_, text, _) in found {
        len += text.len() * 2 + 512;
        // What does not fit comes with the next answer.
        if len > ANSWER_LEN_MAX / 2 && !commands.is_empty() {
            break;
        }
        commands.push(Command::seal(text.to_string(), key));
    }
    commands
}

/// A new token when the one that was shown is old, or is about to end because a newer one never arrived.
async fn rotate(app: &App, caller: &Caller) -> Result<Option<NewToken>> {
    let utc_ms = app.clock.utc_ms();
    let is_due = {
        let members = app.fleet.roster.lock();
        let token = members.token(&caller.hash, utc_ms);
        let token = token.ok_or(Error::Unauthorized("the token was taken back; enrol anew"))?;
        token.ends_utc_ms.is_some() || utc_ms.saturating_sub(token.made_utc_ms) > TOKEN_AGE_MS
    };
    if !is_due {
        return Ok(None);
    }
    let token = enrol::new_token(app, &caller.device, Some(&caller.hash)).await?;
    Ok(Some(NewToken { token: Line::cut(&token) }))
}

fn answer(
    app: &App,
    caller: &Caller,
    commands: Vec<Sealed>,
    (held, token): (Duration, Option<NewToken>),
) -> HeartbeatAnswer {
    let place = app.fleet.roster.lock().device(&caller.device).ok().and_then(|member| member.place.clone());
    let content = place.map(|place| Content {
        path: Line::cut(&format!("/releases/{place}/")),
        edition: app.programs.newest(&place),
        place: Word::cut(&place),
    });
    HeartbeatAnswer {
        v: FLEET_VERSION,
        server_utc_ms: app.clock.utc_ms(),
        held_ms: u64::try_from(held.as_millis()).unwrap_or(u64::MAX),
        next_s: app.settings().interval_s,
        epoch: app.epoch(),
        commands,
        token,
        rotations: Vec::new(),
        content,
    }
}
