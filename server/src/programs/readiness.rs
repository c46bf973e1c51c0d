//! How far devices are with what was published.

use orchestrion_protocol::release::Edition;
use serde::Serialize;
use utoipa::ToSchema;

use crate::fleet::To;
use crate::server::App;

/// How far a fleet is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Readiness {
    /// Devices for which something was published.
    pub devices: usize,
    /// Devices that play the newest release of their place.
    pub ready: usize,
    /// All bytes that are there, in percent of all that are needed, over devices that fetch or are ready.
    pub percent: f64,
    /// Those that do not, up to 100 of them.
    pub behind: Vec<Behind>,
}

/// A device that does not play the newest release.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Behind {
    /// Which.
    pub device: String,
    /// What it plays.
    pub plays: Option<Edition>,
    /// What it should.
    pub newest: Edition,
    /// How much of it is there, in percent; null: it has not said.
    pub percent: Option<f64>,
}

/// Devices behind that are named.
const BEHIND_MAX: usize = 100;

/// How far the devices are for which something is meant.
pub fn readiness(app: &App, to: &To) -> Readiness {
    let (mut devices, mut ready, mut sum) = (0, 0, 0.0);
    let mut behind = Vec::new();
    for member in app.fleet.roster.lock().devices() {
        let Some(newest) = member.place.as_deref().and_then(|place| app.programs.newest(place)) else {
            continue;
        };
        if !to.means(&member.id, member.place.as_deref(), &member.groups) {
            continue;
        }
        devices += 1;
        let report = &member.facts.report;
        if report.release == Some(newest) {
            ready += 1;
            sum += 100.0;
            continue;
        }
        let download = report.download.filter(|download| download.edition == newest);
        let percent = download.map(|download| match download.bytes {
            0 => 0.0,
            bytes => download.bytes_done.min(bytes) as f64 * 100.0 / bytes as f64,
        });
        sum += percent.unwrap_or(0.0);
        if behind.len() < BEHIND_MAX {
            behind.push(Behind { device: member.id.clone(), plays: report.release, newest, percent });
        }
    }
    let percent = if devices == 0 { 100.0 } else { sum / devices as f64 };
    Readiness { devices, ready, percent, behind }
}
