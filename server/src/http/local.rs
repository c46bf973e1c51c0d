//! What is asked over the UNIX socket only: `ctl`, and what touches the server's own disk.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use axum::routing::{get, post};
use orchestrion_protocol::fleet::Fingerprint;
use serde::{Deserialize, Serialize};
use utoipa_axum::router::OpenApiRouter;

use super::extract::Told;
use crate::fleet::presence::Presence;
use crate::server::App;
use crate::settings::Settings;
use crate::{Error, Result};

/// How the server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// How long it has run, in s.
    pub up_s: u64,
    /// Where it listens.
    pub url: String,
    /// Its certificate, for `fingerprint` in a device's `[server]`; none: plain HTTP.
    pub fingerprint: Option<Fingerprint>,
    /// The epoch of its numbers.
    pub epoch: u64,
    /// The key that devices believe.
    pub key: String,
    /// Its devices.
    pub devices: usize,
    /// Of them, those that play.
    pub playing: usize,
    /// Of them, those that have not reported for too long or never.
    pub offline: usize,
    /// Devices that wait to be accepted.
    pub waiting: usize,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .route("/ctl/v1/status", get(status))
        .route("/ctl/v1/fingerprint", get(fingerprint))
        .route("/ctl/v1/stop", post(stop))
        .route("/ctl/v1/reload", post(reload))
        .route("/ctl/v1/backup", post(backup))
}

async fn status(State(app): State<App>) -> Json<Status> {
    let mono_ms = app.clock.mono_ms();
    let waiting = app.fleet.enrolments.waiting(mono_ms).len();
    let mut members = app.fleet.roster.lock();
    let (mut playing, mut offline) = (0, 0);
    for member in members.devices() {
        playing += usize::from(member.standing.presence == Presence::Playing);
        offline += usize::from(matches!(member.standing.presence, Presence::Offline | Presence::NeverSeen));
    }
    Json(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        up_s: mono_ms / 1000,
        url: app.url().to_owned(),
        fingerprint: app.tls().map(|tls| tls.fingerprint),
        epoch: app.epoch(),
        key: app.key().public().to_string(),
        devices: members.len(),
        playing,
        offline,
        waiting,
    })
}

/// The certificate's fingerprint, as a device writes it.
async fn fingerprint(State(app): State<App>) -> Result<Json<String>> {
    match app.tls() {
        Some(tls) => Ok(Json(tls.fingerprint.to_string())),
        None => Err(Error::Conflict(format!(
            "{} is plain HTTP and shows no certificate; say tls = \"own\" and start it anew",
            app.url()
        ))),
    }
}

async fn stop(State(app): State<App>) -> Json<&'static str> {
    log::info!("asked to stop over its socket");
    app.stop();
    Json("it stops")
}

/// The file with the settings.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reload {
    /// Without one, the defaults.
    pub config: Option<PathBuf>,
}

async fn reload(State(app): State<App>, Told(told): Told<Reload>) -> Result<Json<Vec<&'static str>>> {
    let settings = Settings::read(told.config.as_deref()).map_err(|error| Error::Wrong(error.to_string()))?;
    app.reload(settings).map(Json).map_err(|error| Error::Wrong(error.to_string()))
}

/// Where a backup goes.
#[derive(Debug, Serialize, Deserialize)]
pub struct BackupTo {
    /// A file that is not there yet.
    pub file: PathBuf,
}

async fn backup(State(app): State<App>, Told(to): Told<BackupTo>) -> Result<Json<PathBuf>> {
    app.database.copy_to(&to.file).await?;
    Ok(Json(to.file))
}
