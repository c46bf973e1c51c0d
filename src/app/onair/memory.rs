//! What the program remembers of what was heard, and what it says of it in the play log.

use std::path::Path;

use orchestrion_program::Absolute;
use orchestrion_program::model::SpotId;
use orchestrion_program::rotation::{Heard, History};
use orchestrion_protocol::status::EntryId;

use super::super::times::Times;
use super::{Air, Chosen};
use crate::program::Program;
use crate::storage::{self, LocalDay, PAST_LEN_MAX, Past, PastPlay, PastSong, Programmed, SpotPlay};
use crate::time::{Now, Wall};

/// What these plays leave behind.
pub(super) fn restore(program: &Program, past: &Past) -> History {
    let heard = past.plays.iter().map(|play| {
        let recording = match &play.song {
            PastSong::Recording(recording) => recording.as_str(),
            // One that the program does not know still counts as a song between others.
            PastSong::File(path) => program.recording(path).map_or("", |recording| recording.as_str()),
        };
        let from = play.from.as_ref().map(|(list, position)| (list.as_str(), Some(*position)));
        Heard { recording, at_ms: play.at_ms, from }
    });
    History::restore(&program.catalogue, heard)
}

impl Air {
    /// A song began, at this moment of rotation.
    pub(in crate::app) fn heard(&mut self, at: Absolute, entry: EntryId, path: &Path) {
        let Some(on) = &mut self.on else {
            let play = PastPlay { song: PastSong::File(path.to_owned()), at_ms: at.0, from: None };
            if self.past.plays.len() < PAST_LEN_MAX * 2 {
                self.past.plays.push(play);
            }
            return;
        };
        let chosen = on.chosen.iter().find(|chosen| chosen.entry == entry);
        let heard = match (chosen, on.program.recording(path)) {
            (Some(chosen), _) => chosen.choice.heard(at),
            (None, recording) => {
                let recording = recording.map_or("", |recording| recording.as_str());
                Heard { recording, at_ms: at.0, from: None }
            }
        };
        on.history.heard(&on.program.catalogue, heard);
    }

    /// What the program says of a file that begins to be heard, for the play log.
    pub(in crate::app) fn programmed(&self, times: &Times, now: Now, path: &Path) -> Option<Programmed> {
        let on = self.on.as_ref()?;
        let rules = &on.program.rules;
        let document = rules.document();
        let daypart = on.daypart().and_then(|number| rules.daypart(number));
        let local = times
            .clock(now)
            .wall
            .trusted()
            .map(|at| LocalDay { date: rules.zone().local(at).date, offset_s: rules.zone().offset_s(at) });
        Some(Programmed {
            place: document.place.id.as_str().to_owned(),
            zone: document.zone.id.clone(),
            territory: document.place.territory.as_ref().map(|territory| territory.as_str().to_owned()),
            recording: on.program.recording(path).map(|recording| recording.as_str().to_owned()),
            daypart: daypart.map(|daypart| daypart.id.as_str().to_owned()),
            choice: None,
            local,
            spot: None,
            release: on.program.edition,
        })
    }

    /// The same of an entry of the queue: how the program came to it.
    pub(in crate::app) fn tell_why(&self, row: &mut Programmed, entry: EntryId) {
        let Some(on) = &self.on else { return };
        if let Some((said, position)) = on.spotting.in_break(entry) {
            row.spot = self.spot_play(&said.spot, row.local.map(|_| said.scheduled_for), Some(position));
        }
        let Some(Chosen { number, choice, .. }) = on.chosen.iter().find(|chosen| chosen.entry == entry)
        else {
            return;
        };
        row.recording = Some(choice.recording.as_str().to_owned());
        row.daypart =
            choice.daypart.as_ref().map(|daypart| daypart.as_str().to_owned()).or(row.daypart.take());
        row.choice = Some(storage::Chosen {
            number: *number,
            playlist: choice.playlist.as_ref().map(|list| list.as_str().to_owned()),
            position: choice.position,
            loosened: choice.loosened.clone(),
        });
    }

    /// What the program says of a spot that is said or missed; `scheduled` is when it was due, if that is known.
    pub(in crate::app) fn spot_play(
        &self,
        spot: &SpotId,
        scheduled: Option<Absolute>,
        break_position: Option<u32>,
    ) -> Option<SpotPlay> {
        let rule = self.on.as_ref()?.program.rules.spot(spot.as_str());
        Some(SpotPlay {
            spot: spot.as_str().to_owned(),
            campaign: rule.and_then(|rule| rule.campaign.clone()),
            scheduled: scheduled.map(|at| Wall(at.0)),
            break_position,
        })
    }
}
