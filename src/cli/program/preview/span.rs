//! `--from` and `--to`, as they are typed. Pure.

use orchestrion_program::civil::Local;
use orchestrion_program::{Date, TimeOfDay};

/// A date, or a date and a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The whole day.
    Date(Date),
    /// A moment.
    Moment(Local),
}

impl End {
    /// Where what begins with it begins.
    pub(super) fn begin(self) -> Local {
        match self {
            Self::Date(date) => date.at(TimeOfDay::MIDNIGHT),
            Self::Moment(moment) => moment,
        }
    }

    /// Where what ends with it is over.
    pub(super) fn end(self) -> Local {
        match self {
            Self::Date(date) => date.at(TimeOfDay::END),
            Self::Moment(moment) => moment,
        }
    }
}

/// `2026-12-24`, `2026-12-24T18:00` or `2026-12-24 18:00`.
pub(super) fn end(text: &str) -> Result<End, String> {
    let wrong =
        |reason: &str| format!("{reason}; write a date like 2026-12-24, or a time like 2026-12-24T18:00");
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let date: Date = date.parse().map_err(|_| wrong(&format!("{date:?} is no date")))?;
    let Some(time) = time else { return Ok(End::Date(date)) };
    let time: TimeOfDay = time.parse().map_err(|_| wrong(&format!("{time:?} is no time of day")))?;
    Ok(End::Moment(date.at(time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_date_is_included_and_a_last_time_is_not() {
        let whole = end("2026-12-24").unwrap();
        assert_eq!(whole.begin().to_string(), "2026-12-24 00:00");
        assert_eq!(whole.end().to_ms() - whole.begin().to_ms(), 86_400_000);
        for text in ["2026-12-24T18:00", "2026-12-24 18:00"] {
            let moment = end(text).unwrap();
            assert_eq!(moment.begin(), moment.end());
            assert_eq!(moment.begin().to_string(), "2026-12-24 18:00");
        }
    }

    #[test]
    fn what_is_no_date_is_named() {
        for (text, word) in [
            ("tomorrow", "\"tomorrow\""),
            ("2026-02-30", "2026-02-30"),
            ("2026-12-24T25:00", "\"25:00\""),
            ("2026-12-24T", "\"\""),
            ("2026-12-24T18:00Z", "\"18:00Z\""),
            ("", "\"\""),
        ] {
            let words = end(text).unwrap_err();
            assert!(words.contains(word) && words.contains("write a date like"), "{words}");
        }
    }
}
