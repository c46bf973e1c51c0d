//! What the program allows staff on the spot.

use std::path::Path;

use orchestrion_program::Absolute;
use orchestrion_program::model::Rights;
use orchestrion_program::now::Sound;
use orchestrion_program::staff::{self, Playing, Refused, Skips};
use orchestrion_protocol::status::EntryId;

use super::Air;

impl Air {
    /// Whether staff may leave what plays, to the next song or back. The moment is one that does not jump with the time of day.
    ///
    /// # Errors
    /// They may not, now.
    pub(in crate::app) fn ask_skip(
        &self,
        at: Absolute,
        (entry, path): (EntryId, Option<&Path>),
        skips: &Skips,
        is_back: bool,
    ) -> Result<(), Refused> {
        let Some(on) = &self.on else { return Ok(()) };
        let rules = &on.program.rules;
        let id = path.and_then(|path| on.program.recording(path));
        let recording = rules.document().library.recordings.iter().find(|one| Some(&one.id) == id);
        // What somebody put into the queue and the program does not know has the usual rights.
        let usual = Rights::default();
        let playing = match (on.spotting.of_entry(entry), recording) {
            (Some(_), _) => Playing::Spot,
            (None, Some(recording)) => Playing::Song(&recording.rights),
            (None, None) => Playing::Song(&usual),
        };
        if is_back { skips.ask_previous(rules, playing, at) } else { skips.ask(rules, playing, at) }
    }

    /// The volume that staff get when they want this one.
    ///
    /// # Errors
    /// They may not change it.
    pub(in crate::app) fn ask_volume(&self, wanted: u8) -> Result<u8, Refused> {
        let Some(on) = &self.on else { return Ok(wanted) };
        let daypart = match &on.sound {
            Sound::Open(open) => open.daypart,
            _ => None,
        };
        staff::volume(&on.program.rules, daypart, wanted)
    }

    /// Whether there is a program and it cannot be used.
    pub(in crate::app) fn is_broken(&self) -> bool {
        self.on.is_none() && self.problem.is_some()
    }
}
