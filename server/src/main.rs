//! The server's binary: `orchestrion-server serve`, `migrate`, `admin`, `ctl`.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    orchestrion_server::bootstrap::logger::install(log::LevelFilter::Info);
    cli::Cli::parse().run()
}
