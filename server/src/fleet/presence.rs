//! How a device stands: a pure function of what it said, when it said so, and the time.

use orchestrion_protocol::fleet::{Doing, Report};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Beyond two intervals a device has so long before it counts as offline, in ms: a slow network, a busy server.
const GRACE_MS: u64 = 10_000;
/// Two heartbeats that are closer, in ms, do not tell whether samples move.
const APART_MIN_MS: u64 = 2_000;

/// How a device stands. Of several that are true the first of this list is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It never said anything.
    NeverSeen,
    /// It has not said anything for too long.
    Offline,
    /// The alarm contact mutes it.
    MutedByAlarm,
    /// It is not to sound now.
    Closed,
    /// It says that it plays, and no samples move.
    Stalled,
    /// Something does not work: it should play and cannot, nobody can hear it, or a part has a fault.
    Degraded,
    /// Samples move to a real output.
    Playing,
    /// It is there, and held or stopped by somebody.
    Online,
}

impl Presence {
    /// As it stands in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverSeen => "never_seen",
            Self::Offline => "offline",
            Self::MutedByAlarm => "muted_by_alarm",
            Self::Closed => "closed",
            Self::Stalled => "stalled",
            Self::Degraded => "degraded",
            Self::Playing => "playing",
            Self::Online => "online",
        }
    }

    /// The same back; what no version wrote counts as never seen.
    pub fn of(text: &str) -> Self {
        let all = [
            Self::Offline,
            Self::MutedByAlarm,
            Self::Closed,
            Self::Stalled,
            Self::Degraded,
            Self::Playing,
            Self::Online,
        ];
        all.into_iter().find(|presence| presence.as_str() == text).unwrap_or(Self::NeverSeen)
    }
}

/// Whether samples move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Motion {
    /// It has not said so twice.
    #[default]
    Unknown,
    /// They moved between the last two heartbeats.
    Moves,
    /// They stood still.
    Still,
}

/// What a device said last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// When, in ms of the server's monotonic clock; `None`: never since the server started.
    pub seen_ms: Option<u64>,
    /// When it is to say the next, in ms after that.
    pub interval_ms: u64,
    /// What.
    pub report: Report,
    /// Its run.
    pub run: u64,
    /// Whether samples move.
    pub motion: Motion,
    /// What `frames` was, and when, when that was looked at.
    looked: Option<(u64, u64)>,
}

impl Facts {
    /// Takes a heartbeat.
    pub fn take(&mut self, now_ms: u64, interval_ms: u64, run: u64, report: Report) {
        let frames = report.frames;
        let same_run = self.run == run && self.seen_ms.is_some();
        match self.looked.filter(|_| same_run) {
            Some((before, _)) if frames > before => {
                self.motion = Motion::Moves;
                self.looked = Some((frames, now_ms));
            }
            Some((_, at)) if now_ms.saturating_sub(at) >= APART_MIN_MS => {
                self.motion = Motion::Still;
                self.looked = Some((frames, now_ms));
            }
            Some(_) => {}
            None => {
                self.motion = Motion::Unknown;
                self.looked = Some((frames, now_ms));
            }
        }
        (self.seen_ms, self.interval_ms, self.run, self.report) = (Some(now_ms), interval_ms, run, report);
    }

    /// How it stands, and why in a sentence.
    pub fn judge(&self, now_ms: u64) -> (Presence, String) {
        let Some(seen_ms) = self.seen_ms else {
            return (Presence::NeverSeen, "it has not reported yet".to_owned());
        };
        let silent_ms = now_ms.saturating_sub(seen_ms);
        if silent_ms > self.interval_ms.saturating_mul(2).saturating_add(GRACE_MS) {
            return (Presence::Offline, "it has not reported for more than two intervals".to_owned());
        }
        let report = &self.report;
        let why = |else_: &str| report.why.as_ref().map_or_else(|| else_.to_owned(), ToString::to_string);
        if report.alarm {
            return (Presence::MutedByAlarm, "the alarm contact is closed".to_owned());
        }
        match (report.doing, self.motion) {
            (Doing::Closed, _) => (Presence::Closed, why("it is closed")),
            (Doing::Waiting, _) => (Presence::Degraded, why("it should play and cannot")),
            (Doing::Playing, Motion::Still) => {
                (Presence::Stalled, "it says that it plays, and no samples move".to_owned())
            }
            (Doing::Playing, Motion::Moves) if !report.audible => {
                let why_not =
                    if report.muted { "it plays muted" } else { "it plays, and nobody can hear it" };
                (Presence::Degraded, why_not.to_owned())
            }
            (Doing::Playing | Doing::Paused | Doing::Stopped | Doing::Other, _)
                if !report.faults.is_empty() =>
            {
                let fault = report.faults.first();
                (Presence::Degraded, fault.map_or_else(String::new, |f| format!("{}: {}", f.part, f.words)))
            }
            (Doing::Playing, Motion::Moves) => (Presence::Playing, why("samples move")),
            (Doing::Playing, Motion::Unknown) => (
                Presence::Online,
                "it says that it plays; whether samples move is told by its next report".to_owned(),
            ),
            (Doing::Paused, _) => (Presence::Online, why("somebody has paused it")),
            (Doing::Stopped, _) => (Presence::Online, why("it is stopped")),
            (Doing::Other, _) => (Presence::Online, why("it does something that this version does not know")),
        }
    }
}

#[cfg(test)]
mod tests {
    use orchestrion_protocol::fleet::{Fault, Sentence, Word};

    use super::*;

    const INTERVAL_MS: u64 = 30_000;

    fn playing(frames: u64) -> Report {
        Report { doing: Doing::Playing, frames, audible: true, ..Report::default() }
    }

    fn after(reports: &[(u64, Report)]) -> Facts {
        let mut facts = Facts::default();
        for (at, report) in reports {
            facts.take(*at, INTERVAL_MS, 1, report.clone());
        }
        facts
    }

    #[test]
    fn it_plays_only_when_samples_moved_between_two_reports() {
        assert_eq!(Facts::default().judge(5).0, Presence::NeverSeen);
        assert_eq!(after(&[(0, playing(1000))]).judge(1).0, Presence::Online);
        let moving = after(&[(0, playing(1000)), (30_000, playing(2000))]);
        assert_eq!(moving.judge(30_001).0, Presence::Playing);
        let still = after(&[(0, playing(1000)), (30_000, playing(2000)), (60_000, playing(2000))]);
        assert_eq!(still.judge(60_001).0, Presence::Stalled);
        // Two reports in the same moment tell nothing.
        let close = after(&[(0, playing(1000)), (30_000, playing(2000)), (30_500, playing(2000))]);
        assert_eq!(close.judge(30_501).0, Presence::Playing);
    }

    #[test]
    fn a_new_run_counts_anew() {
        let mut facts = after(&[(0, playing(9000)), (30_000, playing(90_000))]);
        facts.take(60_000, INTERVAL_MS, 2, playing(10));
        assert_eq!(facts.judge(60_000).0, Presence::Online);
        facts.take(90_000, INTERVAL_MS, 2, playing(20));
        assert_eq!(facts.judge(90_000).0, Presence::Playing);
    }

    #[test]
    fn it_is_offline_after_two_intervals_and_some_grace_and_not_before() {
        let facts = after(&[(0, playing(1)), (30_000, playing(2))]);
        assert_eq!(facts.judge(30_000 + 70_000).0, Presence::Playing);
        assert_eq!(facts.judge(30_000 + 70_001).0, Presence::Offline);
        // A clock that went backwards does not panic.
        assert_eq!(facts.judge(0).0, Presence::Playing);
    }

    #[test]
    fn the_worst_that_is_true_is_told_with_its_reason() {
        let moving =
            |report: &dyn Fn(u64) -> Report| after(&[(0, report(1)), (30_000, report(2))]).judge(30_001);
        let fault = Fault { part: Word::cut("screen"), words: Sentence::cut("no cable") };
        let faulty = |frames| Report { faults: vec![fault.clone()], ..playing(frames) };
        assert_eq!(moving(&faulty), (Presence::Degraded, "screen: no cable".to_owned()));
        assert_eq!(moving(&|f| Report { alarm: true, ..faulty(f) }).0, Presence::MutedByAlarm);
        assert_eq!(moving(&|f| Report { audible: false, ..playing(f) }).0, Presence::Degraded);
        let closed =
            |f| Report { doing: Doing::Closed, why: Some(Sentence::cut("opens at 08:00")), ..playing(f) };
        assert_eq!(moving(&closed), (Presence::Closed, "opens at 08:00".to_owned()));
        assert_eq!(moving(&|f| Report { doing: Doing::Waiting, ..playing(f) }).0, Presence::Degraded);
        assert_eq!(moving(&|f| Report { doing: Doing::Paused, ..playing(f) }).0, Presence::Online);
    }

    #[test]
    fn every_state_is_read_back() {
        for presence in [Presence::NeverSeen, Presence::MutedByAlarm, Presence::Stalled, Presence::Online] {
            assert_eq!(Presence::of(presence.as_str()), presence);
        }
        assert_eq!(Presence::of("asleep"), Presence::NeverSeen);
    }
}
