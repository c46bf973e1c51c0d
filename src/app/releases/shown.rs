//! What the device says of its releases.

use orchestrion_program::Absolute;
use orchestrion_protocol::status::Release;

use super::Due;
use crate::app::App;
use crate::time::{Now, Wall};

impl App {
    /// For the status; `None` where the configuration names no releases.
    pub(in crate::app) fn release_status(&self, now: Now) -> Option<Release> {
        if !self.releases.are_wanted() {
            return None;
        }
        let told = &self.releases.told;
        let held = self.releases.held;
        let fetching = told.fetching;
        let next = self.releases.next.as_ref().map(|next| next.ready.edition);
        Some(Release {
            held: held.map(|held| held.edition),
            is_factory: held.is_some_and(|held| held.is_factory),
            since_utc_ms: held.and_then(|held| held.since).map(|since| since.0),
            offered: next.max(told.offered),
            from: told.from.clone(),
            percent: fetching.map(|fetching| fetching.percent),
            files_done: fetching.map(|fetching| fetching.files_done),
            files: fetching.map(|fetching| fetching.files),
            rate: fetching.map(|fetching| fetching.rate),
            left_ms: fetching.and_then(|fetching| fetching.left_ms),
            waits: self.why_release_waits(now),
            problem: told.problem.clone(),
            store: told.store.clone(),
            damaged: told.damaged,
            asked_s: told.answered.map(|at| now.monotonic.since_ms(at) / 1000),
            again_s: told.again.map(|at| at.since_ms(now.monotonic) / 1000),
        })
    }

    /// What is waited for, in words.
    fn why_release_waits(&self, now: Now) -> Option<String> {
        if let (Some(next), Some(due)) = (&self.releases.next, self.due(now)) {
            let edition = next.ready.edition;
            return Some(match due {
                _ if next.asked.is_some() => format!("{edition} is whole; it is being changed over to"),
                Due::AtSongsEnd | Due::AtItsTime => format!("{edition} is whole; it is changed over to"),
                Due::Later => format!("{edition} is whole and follows this song"),
                Due::From(starts) => {
                    let at = self.shown_time(starts);
                    match now.wall {
                        Some(_) => format!("{edition} is whole and plays from {at} on"),
                        None => format!(
                            "{edition} is whole and plays from {at} on, and nobody knows what time it is"
                        ),
                    }
                }
            });
        }
        if self.releases.opening.is_some() {
            return Some("the store is being opened".into());
        }
        self.releases.told.waits.clone()
    }

    /// What plays in the place of a release, in words; `None` if one does.
    pub(in crate::app) fn why_no_release(&self) -> Option<String> {
        if !self.releases.are_wanted() || self.releases.held.is_some() {
            return None;
        }
        let what = if self.air.is_programmed() { "program" } else { "music" };
        Some(format!("no release is there yet, so the configured {what} plays"))
    }

    /// Which release plays, in words.
    pub(in crate::app) fn why_release(&self) -> Option<String> {
        let held = self.releases.held?;
        let factory = if held.is_factory { ", the factory's" } else { "" };
        Some(format!("it is {}{factory}", held.edition))
    }

    fn shown_time(&self, at: Wall) -> String {
        match self.air.local(Absolute(at.0)) {
            Some(local) => local,
            None => format!("{} s since 1970", at.0 / 1000),
        }
    }
}
