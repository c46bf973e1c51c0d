//! What is worth a line in a log: a new song, a pause, a stop, a failure; not what lasts a moment. Pure.

use std::time::{Duration, Instant};

use orchestrion_protocol::status::{EntryId, State, Status};

use super::{INAUDIBLE, clean, is_inaudible, subject, text};

/// A device that waits for less is about to play: opening the next song takes some milliseconds, a disk that has to spin
/// up some seconds.
const WAIT_TOLD_AFTER: Duration = Duration::from_secs(3);

/// What was told last, and what is held back.
#[derive(Debug, Default)]
pub(super) struct Changes {
    told: Option<Gist>,
    waits_since: Option<Instant>,
    passed_over: Option<usize>,
}

/// What two states of a device have to differ in to be told apart.
#[derive(Debug, PartialEq, Eq)]
struct Gist {
    state: State,
    entry: Option<EntryId>,
    why: Option<String>,
    inaudible: bool,
}

impl Changes {
    /// The lines that are due at `now`, the moment at which the device was as `status` says.
    pub(super) fn lines(&mut self, status: &Status, now: Instant) -> Vec<String> {
        let mut lines: Vec<String> = self.failure(status).into_iter().collect();
        if status.state == State::Waiting {
            let since = *self.waits_since.get_or_insert(now);
            if now.saturating_duration_since(since) < WAIT_TOLD_AFTER {
                return lines;
            }
        } else {
            self.waits_since = None;
        }
        let gist = gist(status);
        if self.told.as_ref() != Some(&gist) {
            self.told = Some(gist);
            lines.push(line(status));
        }
        lines
    }

    /// Files failed since the last look.
    fn failure(&mut self, status: &Status) -> Option<String> {
        let before = self.passed_over.replace(status.quarantined)?;
        (status.quarantined > before).then(|| {
            let files = text::count(status.quarantined, "file is", "files are");
            format!("failed: {files} passed over now; `orchestrion ctl queue list` says why")
        })
    }
}

fn gist(status: &Status) -> Gist {
    let waits = status.state == State::Waiting;
    Gist {
        state: status.state,
        // Whoever waits tries one song after another.
        entry: status.current.as_ref().filter(|_| !waits).map(|song| song.entry),
        // How long it still waits is no news.
        why: status.why.as_ref().map(|why| why.chars().filter(|c| !c.is_ascii_digit()).collect()),
        inaudible: is_inaudible(status),
    }
}

fn line(status: &Status) -> String {
    let mut line = format!("{}: {}", text::state(status.state), subject(status));
    if let Some(duration_ms) = status.current.as_ref().and_then(|song| song.duration_ms) {
        line.push_str(&format!(" ({})", text::clock(duration_ms)));
    }
    // Where there is no song, the subject is the reason already.
    if let Some(why) = status.why.as_deref().filter(|_| status.current.is_some()) {
        line.push_str(&format!("; {}", clean(why)));
    }
    if is_inaudible(status) && !line.contains(INAUDIBLE) {
        line.push_str(&format!("; {INAUDIBLE}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::super::text::tests::{a_song, a_status};
    use super::*;

    const NO_SONG: &str = "no file in the queue can be played; the first is tried again in";

    fn waiting(why: &str) -> Status {
        Status { state: State::Waiting, why: Some(why.into()), ..a_status() }
    }

    /// The lines of a device that is so, so many milliseconds after the beginning.
    fn told(statuses: &[(u64, Status)]) -> Vec<String> {
        let (begin, mut changes) = (Instant::now(), Changes::default());
        let at = |ms: u64| begin + Duration::from_millis(ms);
        statuses.iter().flat_map(|(ms, status)| changes.lines(status, at(*ms))).collect()
    }

    #[test]
    fn opening_a_song_between_two_is_not_told() {
        let mut second = a_status();
        second.current = Some(a_song(13, "Blue in Green", "Miles Davis"));
        let opening = waiting("opening a song");
        let lines = told(&[
            (0, opening.clone()),
            (20, a_status()),
            (9000, opening.clone()),
            (9040, a_status()),
            (9100, opening),
            (9140, second),
        ]);
        let expected =
            ["playing: So What — Miles Davis (9:22)", "playing: Blue in Green — Miles Davis (9:22)"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_lasts_is_told_once_whatever_counts_down_in_it() {
        let mut statuses: Vec<(u64, Status)> =
            (0..20).map(|s| (1000 * s, waiting(&format!("{NO_SONG} {} s", 30 - s)))).collect();
        statuses.push((20_000, a_status()));
        statuses.push((21_000, waiting("looking for music")));
        let lines = told(&statuses);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("waiting: ") && lines[0].contains("in 27 s"), "{lines:?}");
        assert!(lines[1].starts_with("playing: "), "{lines:?}");
    }

    #[test]
    fn a_pause_a_stop_a_failure_and_an_output_that_nobody_hears_are_told_at_once() {
        let paused = Status { state: State::Paused, ..a_status() };
        let stopped = Status { state: State::Stopped, ..a_status() };
        let failed = Status { quarantined: 2, ..a_status() };
        let mut inaudible = failed.clone();
        if let Some(output) = &mut inaudible.output {
            output.audible = false;
        }
        let lines = told(&[(0, a_status()), (1, paused), (2, stopped), (3, failed), (4, inaudible)]);
        let begins = ["playing: ", "paused: ", "stopped: ", "failed: 2 files", "playing: ", "playing: "];
        assert_eq!(lines.len(), begins.len(), "{lines:?}");
        assert!(lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin)), "{lines:?}");
        assert!(lines[5].ends_with(INAUDIBLE), "{lines:?}");
    }

    #[test]
    fn without_a_song_the_reason_is_the_subject() {
        let status = Status { current: None, ..waiting("the disk is empty") };
        assert_eq!(told(&[(0, status.clone()), (3000, status)]), ["waiting: the disk is empty"]);
    }
}
