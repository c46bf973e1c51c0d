//! Where log lines go: to the journal when systemd started us, to standard error else.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

/// Installs the logger; later calls change nothing.
pub fn install(level: LevelFilter) {
    let journal = systemd_journal_logger::connected_to_journal()
        && systemd_journal_logger::JournalLog::new().is_ok_and(|journal| journal.install().is_ok());
    if !journal {
        let _ = log::set_boxed_logger(Box::new(Terminal));
    }
    log::set_max_level(level);
}

/// One line each to standard error.
struct Terminal;

impl Log for Terminal {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("orchestrion") || metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_lowercase();
            let words: String =
                record.args().to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            // Whoever closed standard error does not want to know.
            let _ = writeln!(std::io::stderr(), "orchestrion-server: {level}: {words}");
        }
    }

    fn flush(&self) {}
}
