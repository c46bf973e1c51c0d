//! When and how one song goes over into the next: a pure value from what is known of both.

use crate::audio::{JoinAt, Media, Tags};

/// A fade takes at most this part of either song, so that a short song is still heard alone for a third of its time,
/// and there is time to make the one after it ready.
const PART_OF_SONG_MAX: u64 = 3;
/// Shorter fades are not worth it; the songs are joined.
const FADE_MS_MIN: u64 = 100;

/// One side of a crossfade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) media: &'a Media,
    /// Where in the file it began.
    pub(super) start_ms: u64,
}

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
/// tracks follow each other as they were meant to.
pub(super) fn plan(fade_ms: u32, from: Side<'_>, to: Side<'_>, in_order: bool) -> Plan {
    let Some(from_ms) = from.media.duration_ms else { return Plan::GAPLESS };
    if in_order && follows(&from.media.tags, &to.media.tags) {
        return Plan::GAPLESS;
    }
    let heard = |side: Side<'_>| side.media.duration_ms.map(|ms| ms.saturating_sub(side.start_ms));
    let longest = [heard(from), heard(to)].into_iter().flatten().map(|ms| ms / PART_OF_SONG_MAX).min();
    let fade_ms = u64::from(fade_ms).min(longest.unwrap_or(u64::MAX));
    if fade_ms < FADE_MS_MIN {
        return Plan::GAPLESS;
    }
    Plan { at: JoinAt::Position(from_ms - fade_ms), fade_ms: fade_ms as u32 }
}

/// Whether two songs stand next to each other on an album.
fn follows(first: &Tags, second: &Tags) -> bool {
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

    fn media(duration_ms: impl Into<Option<u64>>) -> Media {
        Media { duration_ms: duration_ms.into(), ..Media::default() }
    }

    fn track(album: &str, disc: u32, track: u32) -> Media {
        let tags =
            Tags { album: Some(album.into()), disc: Some(disc), track: Some(track), ..Tags::default() };
        Media { duration_ms: Some(200_000), tags, ..Media::default() }
    }

    fn planned(fade_ms: u32, from: &Media, to: &Media) -> Plan {
        plan(fade_ms, Side { media: from, start_ms: 0 }, Side { media: to, start_ms: 0 }, true)
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
        let side = |media| Side { media, start_ms: 0 };
        assert_eq!(plan(5000, side(&from), side(&to), false).fade_ms, 5000);
    }

    #[test]
    fn after_a_seek_only_what_is_left_counts() {
        let (from, to) = (media(200_000), media(200_000));
        let plan =
            plan(5000, Side { media: &from, start_ms: 197_000 }, Side { media: &to, start_ms: 0 }, true);
        assert_eq!(plan, Plan { at: JoinAt::Position(199_000), fade_ms: 1000 });
    }
}
