//! What the program says of itself, for people: why it is silent, and why it plays what it plays.

use orchestrion_program::Absolute;
use orchestrion_program::now::{Closed, Sound};
use orchestrion_program::rotation::{Asked, Source, Until, why_not};
use orchestrion_protocol::status::EntryId;

use super::super::times::Times;
use super::clock::{is_trusted, told_at};
use super::{Air, Chosen};
use crate::time::Now;

/// Songs that an answer tells of.
const SONGS_MEANT_MAX: usize = 5;

impl Air {
    /// Why nothing may sound, for people; `None` when something may.
    pub(in crate::app) fn why_silent(&self, now: Now) -> Option<String> {
        if self.allows(now) {
            return None;
        }
        let Some(on) = &self.on else {
            return Some(self.problem.clone().unwrap_or_else(|| {
                let what = if self.release { "opening the releases" } else { "reading the program" };
                what.into()
            }));
        };
        let at = |at: &Absolute| {
            let local = on.program.rules.zone().local(*at);
            format!("{} {local}", local.date.weekday().title())
        };
        Some(match &on.sound {
            Sound::Closed { why: Closed::Clockless, .. } => {
                "closed: nobody knows what time it is, and then nothing may play here".into()
            }
            Sound::Closed { until: Some(until), .. } => format!("closed until {}", at(until)),
            Sound::Closed { until: None, .. } => "closed; no opening is known".into(),
            Sound::Paused { .. } => "paused by staff".into(),
            Sound::Muted => "muted by the alarm contact".into(),
            Sound::Emergency(_) => "an emergency".into(),
            Sound::Open(_) => "closing".into(),
        })
    }

    /// Why it is as it is, in sentences.
    pub(in crate::app) fn why(&self, times: &Times, now: Now, shown: Option<EntryId>) -> Vec<String> {
        let Some(on) = &self.on else { return self.problem.iter().cloned().collect() };
        let reasons = on.program.rules.why_now(&times.clock(now), &on.state);
        let mut why: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        if let Some(Chosen { choice, .. }) = on.chosen.iter().find(|chosen| Some(chosen.entry) == shown) {
            let list = choice.playlist.as_ref().map_or("none", |list| list.as_str());
            why.push(format!("chosen from the playlist {list}"));
            why.extend(choice.loosened.iter().map(|loosened| format!("not kept: {loosened}")));
        }
        why.extend(self.problem.iter().cloned());
        why
    }

    /// Why a song does not come, a sentence each; of several that are meant the first few.
    ///
    /// # Errors
    /// There is no program, no such song, or nothing is chosen now.
    pub(in crate::app) fn why_not(&self, times: &Times, now: Now, song: &str) -> Result<Vec<String>, String> {
        let Some(on) = &self.on else {
            return Err("no program decides what plays; the queue plays from top to bottom".into());
        };
        let Sound::Open(open) = &on.sound else {
            return Err(self.why_silent(now).unwrap_or_else(|| "nothing is chosen now".into()));
        };
        let rules = &on.program.rules;
        let document = rules.document();
        let source = Source::of(rules, open).ok_or("no daypart holds, and there is no fallback")?;
        let found = on.program.find(song);
        if found.is_empty() {
            return Err(format!(
                "the program has no song of which the title, an artist or the file says \"{song}\""
            ));
        }
        let today = is_trusted(now).then(|| rules.zone().local(told_at(now)).date);
        let asked = Asked { source, at: times.rotation(now), today, offline_days: 0 };
        let mut why = Vec::new();
        for recording in found.iter().take(SONGS_MEANT_MAX) {
            let name = match recording.artists.first() {
                Some(artist) => format!("{} by {artist}", recording.title),
                None => recording.title.clone(),
            };
            let kept = why_not(document, &on.program.catalogue, &on.history, &asked, &recording.id);
            if kept.is_empty() {
                why.push(format!("{name}: nothing keeps it away; chance has chosen others"));
            }
            // Rotation has a time of its own.
            let shown = |at: Absolute| told_at(now).plus_ms(at.since_ms(times.rotation(now)));
            let until = |until: &Until| until_words(until, |at| rules.zone().local(shown(at)).to_string());
            why.extend(kept.iter().map(|(kept, end)| format!("{name}: {kept}{}", until(end))));
        }
        if found.len() > SONGS_MEANT_MAX {
            why.push(format!("{} more songs are meant by \"{song}\"", found.len() - SONGS_MEANT_MAX));
        }
        Ok(why)
    }
}

/// When something keeps a song away no longer, as the end of a sentence.
fn until_words(until: &Until, local: impl Fn(Absolute) -> String) -> String {
    let songs =
        |count: u64| if count == 1 { "another song".to_owned() } else { format!("{count} other songs") };
    match (until.at, until.date, until.songs.filter(|count| *count > 0)) {
        (Some(at), _, Some(count)) => format!(", until {}, or after {}", local(at), songs(count)),
        (Some(at), _, None) => format!(", until {}", local(at)),
        (None, Some(date), _) => format!(", until {date}"),
        (None, None, Some(count)) => format!(", until {} were heard", songs(count)),
        (None, None, None) => String::new(),
    }
}
