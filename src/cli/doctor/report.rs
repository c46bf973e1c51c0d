//! What the doctor found, for people and for programs. Pure.

use std::fmt::Write;

use serde::Serialize;

use super::super::text::clean;

/// How well it is with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// As it should be.
    Fine,
    /// Worth knowing; music plays all the same.
    Note,
    /// Needs a remedy.
    Wrong,
}

/// One thing that was looked at: a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    /// What is so.
    pub(super) what: String,
    /// What does not work because of it; empty when nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) cost: String,
    /// What to do or to type; empty when nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn fine(what: impl Into<String>) -> Self {
        Self::new(Mark::Fine, what)
    }

    pub(super) fn note(what: impl Into<String>) -> Self {
        Self::new(Mark::Note, what)
    }

    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self::new(Mark::Wrong, what)
    }

    fn new(mark: Mark, what: impl Into<String>) -> Self {
        Self { mark, what: what.into(), cost: String::new(), remedy: String::new() }
    }

    pub(super) fn costs(self, cost: impl Into<String>) -> Self {
        Self { cost: cost.into(), ..self }
    }

    pub(super) fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }
}

/// What was found about one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) findings: Vec<Finding>,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Report {
    /// Of this program.
    pub(super) version: &'static str,
    pub(super) groups: Vec<Group>,
}

impl Report {
    /// The worst mark of all.
    pub(super) fn worst(&self) -> Mark {
        let all = self.groups.iter().flat_map(|group| &group.findings);
        all.map(|finding| finding.mark).max().unwrap_or(Mark::Fine)
    }
}

/// The characters that a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    Utf8,
    Ascii,
}

impl Letters {
    /// By the locale, which the first of these three variables decides that says anything.
    pub(super) fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|v| !v.is_empty());
        let locale = locale.unwrap_or_default().to_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Utf8 } else { Self::Ascii }
    }

    fn mark(self, mark: Mark) -> &'static str {
        match (self, mark) {
            (Self::Utf8, Mark::Fine) => "✓",
            (Self::Utf8, Mark::Wrong) => "✗",
            (_, Mark::Note) => "!",
            (Self::Ascii, Mark::Fine) => "+",
            (Self::Ascii, Mark::Wrong) => "x",
        }
    }

    fn dash(self) -> &'static str {
        if self == Self::Utf8 { "—" } else { "-" }
    }

    fn arrow(self) -> &'static str {
        if self == Self::Utf8 { "→" } else { "->" }
    }
}

/// A finding in one line.
pub(super) fn line(finding: &Finding, letters: Letters) -> String {
    let mut line = format!("  {} {}", letters.mark(finding.mark), finding.what);
    // Writing into a string cannot fail.
    if !finding.cost.is_empty() {
        let _ = write!(line, " {} {}", letters.dash(), finding.cost);
    }
    if !finding.remedy.is_empty() {
        let _ = write!(line, " {} {}", letters.arrow(), finding.remedy);
    }
    clean(&line)
}

/// A group, a line for each finding.
pub(super) fn group(group: &Group, letters: Letters) -> String {
    let lines = group.findings.iter().map(|finding| line(finding, letters));
    std::iter::once(group.name.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

/// The last line: whether something has to be done.
pub(super) fn verdict(report: &Report) -> String {
    let count = |mark| {
        report.groups.iter().flat_map(|group| &group.findings).filter(|finding| finding.mark == mark).count()
    };
    match (count(Mark::Wrong), count(Mark::Note)) {
        (0, 0) => "All is well.".to_owned(),
        (0, notes) => format!("All is well; {}.", super::super::text::count(notes, "note", "notes")),
        (wrong, _) => {
            format!("{} a remedy.", super::super::text::count(wrong, "thing needs", "things need"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_report() -> Report {
        let card = Finding::wrong("no sound card\u{1b}[31m").costs("nobody hears it").remedy("plug one in");
        let groups = vec![
            Group { name: "Sound", findings: vec![Finding::fine("ALSA is here"), card] },
            Group { name: "Clock", findings: vec![Finding::note("not set")] },
        ];
        Report { version: "1", groups }
    }

    #[test]
    fn a_line_tells_what_what_it_costs_and_what_to_do() {
        let report = a_report();
        assert_eq!(
            group(&report.groups[0], Letters::Utf8),
            "Sound\n  ✓ ALSA is here\n  ✗ no sound card[31m — nobody hears it → plug one in\n"
        );
        let ascii = group(&report.groups[0], Letters::Ascii);
        assert!(ascii.is_ascii() && ascii.contains("  x no sound card"), "{ascii}");
    }

    #[test]
    fn the_worst_finding_decides() {
        let mut report = a_report();
        assert_eq!((report.worst(), verdict(&report).as_str()), (Mark::Wrong, "1 thing needs a remedy."));
        report.groups.remove(0);
        assert_eq!((report.worst(), verdict(&report).as_str()), (Mark::Note, "All is well; 1 note."));
        report.groups.clear();
        assert_eq!((report.worst(), verdict(&report).as_str()), (Mark::Fine, "All is well."));
    }

    #[test]
    fn the_first_variable_that_says_anything_decides_about_the_letters() {
        let with = |set: &[(&str, &str)]| {
            Letters::of_locale(|name| set.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(with(&[]), Letters::Ascii);
        assert_eq!(with(&[("LANG", "de_DE.UTF-8")]), Letters::Utf8);
        assert_eq!(with(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]), Letters::Ascii);
        assert_eq!(with(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]), Letters::Utf8);
    }
}
