//! What a program plays, as text for people.

use std::fmt::Write;

use orchestrion_protocol::status::{ProgramPage, ProgramRow};

use super::clean;

/// A line for each stretch and spot, by the clock on the place's wall; the date stands where a day begins.
pub fn program(page: &ProgramPage) -> String {
    let mut text = format!("{}, in the time of {}", clean(&page.place), clean(&page.zone));
    if let Some(release) = &page.release {
        let _ = write!(text, ", by {}", clean(release));
    }
    text.push('\n');
    let mut day = "";
    for row in &page.rows {
        let (date, from) = row.from.split_once(' ').unwrap_or(("", &row.from));
        if date != day {
            let _ = writeln!(text, "{}", clean(date));
            day = date;
        }
        let to = row.to.split_once(' ').map_or(row.to.as_str(), |(_, to)| to);
        let span = if row.from == row.to { from.to_owned() } else { format!("{from}–{to}") };
        let _ = writeln!(text, "  {:17} {}", clean(&span), what(row));
    }
    if page.left_out > 0 {
        let _ = writeln!(text, "  and {} more", page.left_out);
    }
    text
}

fn what(row: &ProgramRow) -> String {
    let name = clean(&row.name);
    match (row.what.as_str(), row.volume) {
        ("spot", _) => format!("says {name}"),
        ("unheard", _) => format!("says {name}, which nobody hears then"),
        (_, Some(volume)) => format!("{name}, volume {volume}"),
        (_, None) => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_has_its_date_and_each_row_a_line() {
        let row = |from: &str, to: &str, what: &str, name: &str, volume| ProgramRow {
            from: from.into(),
            to: to.into(),
            what: what.into(),
            name: name.into(),
            volume,
            ..ProgramRow::default()
        };
        let page = ProgramPage {
            place: "leeds-1".into(),
            zone: "Europe/London".into(),
            release: None,
            rows: vec![
                row("2026-12-24 08:00", "2026-12-24 18:00", "music", "Morning", Some(55)),
                row("2026-12-24 12:00", "2026-12-24 12:00", "spot", "Lunch", None),
                row("2026-12-25 00:00", "2026-12-25 08:00", "closed", "closed", None),
            ],
            left_out: 2,
        };
        let expected = "leeds-1, in the time of Europe/London\n2026-12-24\n  08:00–18:00       Morning, volume 55\n  \
                        12:00             says Lunch\n2026-12-25\n  00:00–08:00       closed\n  and 2 more\n";
        assert_eq!(program(&page), expected);
    }
}
