//! The gains that tags ask for; what cannot be true is not there.

use lofty::tag::{ItemKey, Tag};

use super::super::TaggedGain;

/// The loudest and softest that a file can sensibly be told to be: ReplayGain and R128 both end at about ±64 dB.
const GAIN_DB_MAX: f32 = 64.0;
/// A peak that floats may reach and that is not a slip of the writer's.
const PEAK_MAX: f32 = 64.0;
/// From −23 LUFS to −18 LUFS.
const R128_TO_REPLAYGAIN_DB: f32 = 5.0;
/// Steps of R128 in a decibel (Q7.8).
const R128_STEPS_PER_DB: f32 = 256.0;

pub(super) fn of_track(tags: &[&Tag]) -> Option<TaggedGain> {
    find(tags, [ItemKey::R128TrackGain, ItemKey::ReplayGainTrackGain, ItemKey::ReplayGainTrackPeak])
}

pub(super) fn of_album(tags: &[&Tag]) -> Option<TaggedGain> {
    find(tags, [ItemKey::R128AlbumGain, ItemKey::ReplayGainAlbumGain, ItemKey::ReplayGainAlbumPeak])
}

fn find(tags: &[&Tag], [r128, replaygain, peak]: [ItemKey; 3]) -> Option<TaggedGain> {
    let first = |key: ItemKey, read: fn(&str) -> Option<f32>| {
        tags.iter().find_map(|tag| tag.get_strings(key).find_map(read))
    };
    let gain_db = first(r128, r128_db).or_else(|| first(replaygain, replaygain_db))?;
    Some(TaggedGain { gain_db, peak: first(peak, linear_peak) })
}

/// RFC 7845, section 5.2.1: "a signed integer" in ASCII, of 16 bits.
fn r128_db(text: &str) -> Option<f32> {
    let steps: i16 = text.trim().parse().ok()?;
    // Some write no gain at all as the least possible number.
    let gain_db = f32::from(steps) / R128_STEPS_PER_DB + R128_TO_REPLAYGAIN_DB;
    (gain_db.abs() <= GAIN_DB_MAX).then_some(gain_db)
}

/// "-7.03 dB", with or without the unit; some write a comma.
fn replaygain_db(text: &str) -> Option<f32> {
    let text = text.trim();
    let unit_at = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at));
    let number = match unit_at.map(|at| text.split_at(at)) {
        Some((number, unit)) if unit.eq_ignore_ascii_case("db") => number,
        _ => text,
    };
    decimal(number).filter(|gain_db| gain_db.abs() <= GAIN_DB_MAX)
}

fn linear_peak(text: &str) -> Option<f32> {
    // A peak of 0 is silence, or a writer that knew none.
    decimal(text).filter(|peak| *peak > 0.0 && *peak <= PEAK_MAX)
}

/// Digits, a sign, a point: no "inf", "nan" or "1e9", which std would read too.
fn decimal(text: &str) -> Option<f32> {
    let text = text.trim().replace(',', ".");
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    plain.then(|| text.parse::<f32>().ok()).flatten().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_is_read_as_people_and_programs_write_it() {
        for (text, expected) in [
            ("-7.03 dB", Some(-7.03)),
            ("+6.5 dB", Some(6.5)),
            (" -7,03 db ", Some(-7.03)),
            ("0", Some(0.0)),
            ("64.0dB", Some(64.0)),
            ("64.1 dB", None),
            ("-1e3 dB", None),
            ("nan", None),
            ("inf dB", None),
            ("", None),
            ("dB", None),
            ("-", None),
            ("é", None),
            ("−7 dB", None),
            ("99999999999999999999999999999999999999999999", None),
        ] {
            assert_eq!(replaygain_db(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_r128_gain_is_a_whole_number_and_leads_to_another_reference() {
        for (text, expected) in [
            ("0", Some(5.0)),
            ("-1280", Some(0.0)),
            (" 256", Some(6.0)),
            ("-17664", Some(-64.0)),
            ("-17665", None),
            ("32767", None),
            ("40000", None),
            ("-7.03 dB", None),
            ("", None),
        ] {
            assert_eq!(r128_db(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_peak_is_a_positive_number() {
        assert_eq!(linear_peak("0.988553"), Some(0.988_553));
        assert_eq!(linear_peak("1.25"), Some(1.25));
        for text in ["0", "-1", "0.000000", "65", "nan", "0x1", ""] {
            assert_eq!(linear_peak(text), None, "{text:?}");
        }
    }
}
