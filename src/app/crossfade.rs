//! When and how one song goes over into the next: a pure value from what is known of both.

use crate::audio::{JoinAt, Media, Tags};

/// A fade takes at most this part of either song, so that a short song is still heard alone for a third of its time,
/// and there is time to make the one after it ready.
const PART_OF_SONG_MAX: u64 = 3;
/// Shorter fades are not worth it; the songs are joined.
const FADE_MS_MIN: u64 = 100;

/// The fade with which music that ends before its file is cut: what is left is silence, or nearly.
const CUT_FADE_MS: u32 = 20;

/// The plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) at: JoinAt,
    pub(super) fade_ms: u32,
}

impl Plan {
    const GAPLESS: Self = Self { at: JoinAt::End, fade_ms: 0 };
}

/// Plans the join of `from` and `to` for a crossfade of `fade_ms`. `in_order`: nothing was shuffled, so that an album's
/// tracks follow each other as they were meant to. The silence at the end of a file is left out, but not on an album.
pub(super) fn plan(fade_ms: u32, from: &Media, to: &Media, in_order: bool) -> Plan {
    let Some(duration_ms) = from.duration_ms else { return Plan::GAPLESS };
    if in_order && follows(&from.tags, &to.tags) {
        return Plan::GAPLESS;
    }
    let end_ms = music_end_ms(from).unwrap_or(duration_ms);
    let heard_ms = |media: &Media| {
        let end_ms = music_end_ms(media).or(media.duration_ms)?;
        Some(end_ms.saturating_sub(media.start_ms))
    };
    let longest = [heard_ms(from), heard_ms(to)].into_iter().flatten().map(|ms| ms / PART_OF_SONG_MAX).min();
    let fade_ms = u64::from(fade_ms).min(longest.unwrap_or(u64::MAX));
    if fade_ms >= FADE_MS_MIN {
        return Plan { at: JoinAt::Position(end_ms - fade_ms), fade_ms: fade_ms as u32 };
    }
    if end_ms < duration_ms {
        return Plan { at: JoinAt::Position(end_ms), fade_ms: CUT_FADE_MS };
    }
    Plan::GAPLESS
}

/// Where the music of a song ends, if that is before its file does; nothing for one that began behind that place.
fn music_end_ms(media: &Media) -> Option<u64> {
    let tail_ms = media.measurement.as_ref()?.cues.tail_ms;
    (tail_ms > media.start_ms && media.duration_ms.is_none_or(|duration_ms| tail_ms < duration_ms))
        .then_some(tail_ms)
}

/// Whether two songs stand next to each other on an album.
pub(super) fn follows(first: &Tags, second: &Tags) -> bool {
    let (Some(album), Some(track), Some(next)) = (&first.album, first.track, second.track) else {
        return false;
    };
    if second.album.as_ref() != Some(album) {
        return false;
    }
    let (disc, next_disc) = (first.disc.unwrap_or(1), second.disc.unwrap_or(1));
    (disc == next_disc && next == track + 1) || (next_disc == disc + 1 && next == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Blob, Cues, Measurement};

    fn media(duration_ms: impl Into<Option<u64>>) -> Media {
        Media { duration_ms: duration_ms.into(), ..Media::default() }
    }

    fn track(album: &str, disc: u32, track: u32) -> Media {
        let tags =
            Tags { album: Some(album.into()), disc: Some(disc), track: Some(track), ..Tags::default() };
        Media { duration_ms: Some(200_000), tags, ..Media::default() }
    }

    fn planned(fade_ms: u32, from: &Media, to: &Media) -> Plan {
        plan(fade_ms, from, to, true)
    }

    /// A song with silence before and after its music.
    fn with_silence(head_ms: u64, tail_ms: u64, duration_ms: u64) -> Media {
        let cues = Cues { head_ms, tail_ms, swing_end_ms: tail_ms, silence_ms: 0 };
        let measurement = Measurement { blob: Blob([0; 32]), duration_ms, loudness: None, cues };
        Media { start_ms: head_ms, measurement: Some(measurement), ..media(duration_ms) }
    }

    #[test]
    fn long_songs_overlap_by_the_crossfade() {
        let plan = planned(5000, &media(180_000), &media(200_000));
        assert_eq!(plan, Plan { at: JoinAt::Position(175_000), fade_ms: 5000 });
    }

    #[test]
    fn a_short_song_shortens_the_fade_on_either_side() {
        assert_eq!(planned(5000, &media(6000), &media(200_000)).fade_ms, 2000);
        assert_eq!(planned(5000, &media(200_000), &media(6000)).fade_ms, 2000);
        assert_eq!(
            planned(12_000, &media(2000), &media(2000)),
            Plan { at: JoinAt::Position(1334), fade_ms: 666 }
        );
    }

    #[test]
    fn what_is_too_short_or_unknown_is_joined() {
        assert_eq!(planned(5000, &media(200), &media(200_000)), Plan::GAPLESS);
        assert_eq!(planned(5000, &media(None), &media(200_000)), Plan::GAPLESS);
        assert_eq!(planned(0, &media(200_000), &media(200_000)), Plan::GAPLESS);
        assert_eq!(planned(5000, &media(200_000), &media(None)).fade_ms, 5000);
    }

    #[test]
    fn an_album_in_order_is_gapless_and_shuffled_it_is_not() {
        assert_eq!(planned(5000, &track("A", 1, 3), &track("A", 1, 4)), Plan::GAPLESS);
        assert_eq!(planned(5000, &track("A", 1, 12), &track("A", 2, 1)), Plan::GAPLESS);
        assert_ne!(planned(5000, &track("A", 1, 3), &track("A", 1, 5)), Plan::GAPLESS);
        assert_ne!(planned(5000, &track("A", 1, 3), &track("B", 1, 4)), Plan::GAPLESS);
        let (from, to) = (track("A", 1, 3), track("A", 1, 4));
        assert_eq!(plan(5000, &from, &to, false).fade_ms, 5000);
    }

    #[test]
    fn after_a_seek_only_what_is_left_counts() {
        let from = Media { start_ms: 197_000, ..media(200_000) };
        let plan = planned(5000, &from, &media(200_000));
        assert_eq!(plan, Plan { at: JoinAt::Position(199_000), fade_ms: 1000 });
    }

    #[test]
    fn silence_at_the_end_is_left_out() {
        let (from, to) = (with_silence(2000, 170_000, 180_000), media(200_000));
        assert_eq!(planned(5000, &from, &to), Plan { at: JoinAt::Position(165_000), fade_ms: 5000 });
        assert_eq!(planned(0, &from, &to), Plan { at: JoinAt::Position(170_000), fade_ms: CUT_FADE_MS });
        // What is left of the music counts: 7.5 s.
        let short = with_silence(2000, 9500, 180_000);
        assert_eq!(planned(5000, &short, &to), Plan { at: JoinAt::Position(7000), fade_ms: 2500 });
    }

    #[test]
    fn a_seek_into_the_silence_plays_it_out() {
        let from = Media { start_ms: 175_000, ..with_silence(0, 170_000, 180_000) };
        let plan = planned(5000, &from, &media(200_000));
        assert_eq!(plan, Plan { at: JoinAt::Position(178_334), fade_ms: 1666 });
    }

    #[test]
    fn an_album_keeps_its_silence() {
        let silent = with_silence(0, 170_000, 200_000);
        let from = Media { measurement: silent.measurement, ..track("A", 1, 3) };
        assert_eq!(planned(5000, &from, &track("A", 1, 4)), Plan::GAPLESS);
    }
}
