//! Where log lines go: to the journal when systemd started us, to the terminal else.

use std::io::{IsTerminal, Write};

use log::{LevelFilter, Log, Metadata, Record};

use super::last;
use crate::cli::text::clean;

/// Installs the logger; later calls change nothing.
pub fn install(level: LevelFilter) {
    let is_installed = if systemd_journal_logger::connected_to_journal() {
        systemd_journal_logger::JournalLog::new()
            .and_then(|journal| {
                let journal = journal.with_extra_fields([("VERSION", env!("CARGO_PKG_VERSION"))]);
                log::set_boxed_logger(Box::new(Journal(journal))).map_err(std::io::Error::other)
            })
            .is_ok()
    } else {
        false
    };
    if !is_installed {
        let terminal = Terminal { clears_line: std::io::stderr().is_terminal() };
        let _ = log::set_boxed_logger(Box::new(terminal));
    }
    log::set_max_level(level);
}

/// The journal.
struct Journal(systemd_journal_logger::JournalLog);

impl Log for Journal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if is_worth(record.metadata()) {
            last::note(record);
        }
        self.0.log(record);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// One line each to standard error.
struct Terminal {
    /// Standard error is a terminal, where the live line may stand.
    clears_line: bool,
}

impl Log for Terminal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_worth(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        last::note(record);
        let clear = if self.clears_line { "\r\x1b[K" } else { "" };
        let level = record.level().as_str().to_lowercase();
        let words = clean(&record.args().to_string());
        // Whoever closed standard error does not want to know.
        let _ = writeln!(std::io::stderr(), "{clear}orchestrion: {level}: {words}");
    }

    fn flush(&self) {}
}

/// What libraries find worth saying is seldom worth reading here.
fn is_worth(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("orchestrion")
        || metadata.level() <= log::Level::Warn && !is_noisy(metadata)
}

/// Decoders warn about each damaged frame; the file is reported once by us.
fn is_noisy(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("symphonia") || metadata.target().starts_with("lofty")
}
