//! What stands behind a command, read into what the protocol knows. Pure.

use std::path::Path;

use orchestrion_protocol::limits::{
    CROSSFADE_MS_MAX, EMERGENCY_S_MAX, LINE_LEN_MAX, PATHS_LEN_MAX, VOLUME_MAX,
};
use orchestrion_protocol::location;
use orchestrion_protocol::method::{SeekParams, VolumeParams};

/// Room in a line for what stands around the paths of a request.
const ENVELOPE_LEN_MAX: usize = 1024;

/// `1:30` from the start, `+10` and `-10` from here.
pub(super) fn seek(text: &str) -> Result<SeekParams, String> {
    let wrong =
        || format!("\"{text}\" is no place in a song; write 1:30 or 90 from the start, +10 or -10 from here");
    let (sign, digits) = signed(text);
    let ms = duration_ms(digits).ok_or_else(wrong)?;
    let Some(sign) = sign else {
        return Ok(SeekParams { position_ms: Some(ms), by_ms: None });
    };
    let ms = i64::try_from(ms).map_err(|_| wrong())?;
    Ok(SeekParams { position_ms: None, by_ms: Some(sign * ms) })
}

/// `40`, `+5` and `-5`; a percent sign may follow.
pub(super) fn volume(text: &str) -> Result<VolumeParams, String> {
    let wrong = || format!("\"{text}\" is no volume; write 0 to {VOLUME_MAX}, or +5 or -5 to change it");
    let (sign, digits) = signed(text.strip_suffix('%').unwrap_or(text));
    let percent = whole(digits)
        .and_then(|n| u8::try_from(n).ok())
        .filter(|&percent| percent <= VOLUME_MAX)
        .ok_or_else(wrong)?;
    Ok(match sign {
        None => VolumeParams { percent: Some(percent), by: None },
        Some(sign) if sign < 0 => VolumeParams { percent: None, by: Some(-i16::from(percent)) },
        Some(_) => VolumeParams { percent: None, by: Some(i16::from(percent)) },
    })
}

/// Seconds, with tenths where they are wanted.
pub(super) fn crossfade_ms(text: &str) -> Result<u32, String> {
    let most = CROSSFADE_MS_MAX / 1000;
    duration_ms(text.strip_suffix('s').unwrap_or(text))
        .and_then(|ms| u32::try_from(ms).ok())
        .filter(|&ms| ms <= CROSSFADE_MS_MAX)
        .ok_or_else(|| format!("\"{text}\" is no crossfade; write seconds from 0 to {most}, like 5 or 2.5"))
}

/// A path as another process understands it: absolute, or a `file:` URL.
pub(super) fn location(path: &Path) -> Result<String, String> {
    if let Some(url) = path.to_str().filter(|text| location::has_scheme(text)) {
        return location::from_text(url).map(|_| url.to_owned()).map_err(|e| e.to_string());
    }
    let absolute = std::path::absolute(path).map_err(|e| format!("\"{}\": {e}", path.display()))?;
    Ok(location::to_text(&absolute))
}

/// How long something lasts, in seconds: 90, 90s, 10m, 2h.
pub(super) fn lasting_s(text: &str) -> Result<u32, String> {
    let (number, unit_s) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) if text.ends_with('h') => (number, 3600),
        Some(number) if text.ends_with('m') => (number, 60),
        Some(number) => (number, 1),
        None => (text, 1),
    };
    let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit_s));
    seconds.filter(|seconds| (1..=EMERGENCY_S_MAX).contains(seconds)).ok_or_else(|| {
        format!("\"{text}\" is no time from 1s to {}h; for example 10m", EMERGENCY_S_MAX / 3600)
    })
}

/// Locations in as many portions as requests are needed for them.
pub(super) fn portions(locations: Vec<String>) -> Vec<Vec<String>> {
    let mut portions: Vec<Vec<String>> = Vec::new();
    let mut len = 0;
    for location in locations {
        let needed = json_len(&location);
        match portions.last_mut() {
            Some(last) if last.len() < PATHS_LEN_MAX && len + needed <= LINE_LEN_MAX - ENVELOPE_LEN_MAX => {
                len += needed;
                last.push(location);
            }
            _ => {
                len = needed;
                portions.push(vec![location]);
            }
        }
    }
    portions
}

/// Bytes of a text in JSON at most, with its quotes and a comma: a control character takes six.
fn json_len(text: &str) -> usize {
    3 + text
        .bytes()
        .map(|b| match b {
            b'"' | b'\\' => 2,
            0..=0x1f => 6,
            _ => 1,
        })
        .sum::<usize>()
}

fn signed(text: &str) -> (Option<i64>, &str) {
    match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (Some(1), rest),
        (_, Some(rest)) => (Some(-1), rest),
        (None, None) => (None, text),
    }
}

/// `[[h:]m:]s[.fff]` in milliseconds. What stands behind a colon is below 60.
fn duration_ms(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts = clock.split(':').map(whole).collect::<Option<Vec<u64>>>()?;
    let seconds = match parts.as_slice() {
        [s] => Some(*s),
        [m, s @ 0..60] => m.checked_mul(60)?.checked_add(*s),
        [h, m @ 0..60, s @ 0..60] => h.checked_mul(3600)?.checked_add(m * 60 + s),
        _ => None,
    }?;
    let digits = fraction.len();
    let fraction_ms = whole(fraction).filter(|_| digits <= 3)? * 10_u64.pow(3 - digits as u32);
    seconds.checked_mul(1000)?.checked_add(fraction_ms)
}

/// Digits and nothing else; std would also take a sign.
fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Bytes written as pairs of hexadecimal digits; `None` if they are not.
pub fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_place_in_a_song_is_read_as_people_write_it() {
        let at = |text| seek(text).map(|params| params.position_ms.unwrap()).ok();
        assert_eq!(at("0"), Some(0));
        assert_eq!(at("90"), Some(90_000));
        assert_eq!(at("1:30"), Some(90_000));
        assert_eq!(at("01:05.5"), Some(65_500));
        assert_eq!(at("1:00:00.250"), Some(3_600_250));
        let by = |text| seek(text).map(|params| params.by_ms.unwrap()).ok();
        assert_eq!(by("+10"), Some(10_000));
        assert_eq!(by("-10"), Some(-10_000));
        assert_eq!(by("-1:30"), Some(-90_000));
    }

    #[test]
    fn what_is_no_place_in_a_song_is_refused_with_an_example() {
        for text in
            ["", "+", "-", "1:", ":30", "1:60", "1:2:3:4", "--5", "+-5", "1.2345", "1.", "x", "1:-5", "١"]
        {
            assert!(seek(text).unwrap_err().contains("1:30"), "{text}");
        }
        let huge = u64::MAX.to_string();
        assert!(seek(&huge).is_err() && seek(&format!("{huge}:00:00")).is_err());
        assert!(seek("+10000000000000000").is_err(), "no more than fits");
    }

    #[test]
    fn a_volume_is_set_or_changed() {
        assert_eq!(volume("40"), Ok(VolumeParams { percent: Some(40), by: None }));
        assert_eq!(volume("100%"), Ok(VolumeParams { percent: Some(100), by: None }));
        assert_eq!(volume("+5"), Ok(VolumeParams { percent: None, by: Some(5) }));
        assert_eq!(volume("-100"), Ok(VolumeParams { percent: None, by: Some(-100) }));
        for text in ["", "101", "-101", "+", "4.5", "loud", "%", "256", "1e2"] {
            assert!(volume(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_crossfade_is_given_in_seconds() {
        assert_eq!(crossfade_ms("5"), Ok(5000));
        assert_eq!(crossfade_ms("2.5s"), Ok(2500));
        assert_eq!(crossfade_ms("12"), Ok(CROSSFADE_MS_MAX));
        assert!(
            crossfade_ms("12.001").is_err() && crossfade_ms("-1").is_err() && crossfade_ms("5000").is_err()
        );
    }

    #[test]
    fn paths_are_made_such_that_another_process_finds_the_same_file() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(location(Path::new("a b.flac")).unwrap(), here.join("a b.flac").to_str().unwrap());
        assert_eq!(location(Path::new("/m/./a")).unwrap(), "/m/a");
        assert_eq!(
            location(Path::new(OsStr::from_bytes(b"/m/caf\xe9.mp3"))).unwrap(),
            "file:///m/caf%E9.mp3"
        );
        assert_eq!(location(Path::new("file:///m/a%20b")).unwrap(), "file:///m/a%20b");
        assert!(location(Path::new("http://radio/live")).unwrap_err().contains("only files"));
        assert!(location(Path::new("")).is_err());
    }

    #[test]
    fn many_paths_are_split_into_requests_that_fit_a_line() {
        let paths: Vec<String> = (0..600).map(|n| format!("/m/{n}")).collect();
        let lens: Vec<usize> = portions(paths.clone()).iter().map(Vec::len).collect();
        assert_eq!(lens, [256, 256, 88]);
        assert_eq!(portions(paths.clone()).concat(), paths);
        let long: Vec<String> = (0..100).map(|n| format!("/{n}/{}", "\u{1}\"x".repeat(400))).collect();
        for portion in portions(long.clone()) {
            assert!(serde_json::to_string(&portion).unwrap().len() < LINE_LEN_MAX - 512);
        }
        assert_eq!(portions(long.clone()).concat(), long);
        assert!(portions(Vec::new()).is_empty());
    }
}
