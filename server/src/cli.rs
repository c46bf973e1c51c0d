//! The command line.

mod admin;
mod ask;
mod publish;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use orchestrion_server::bootstrap::{self, StartError, lock::LockError};
use orchestrion_server::settings::Settings;
use orchestrion_server::{Server, database};

/// Exit codes, beside 0.
mod exit_code {
    /// It could not start or go on; the server refused.
    pub const FAILED: u8 = 1;
    /// The command line or the settings are wrong.
    pub const USAGE: u8 = 2;
    /// There is no server to talk to.
    pub const NO_SERVER: u8 = 3;
    /// Another server runs here already.
    pub const RUNS_ALREADY: u8 = 4;
}

/// The control server of a fleet of Orchestrions.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "\
Try it, in a folder of its own:
  echo 'state_dir = \"/tmp/os\"' > server.toml
  orchestrion-server --config server.toml serve
From a second terminal:
  orchestrion-server --config server.toml admin place add leeds-1 --name 'Leeds, ground floor' --zone Europe/London
  orchestrion-server --config server.toml admin device waiting
  orchestrion-server --config server.toml admin device accept BCDF-GHJK --place leeds-1
  orchestrion-server --config server.toml admin command skip --place leeds-1

Exit codes: 0 done, 1 failed or refused, 2 typed or set wrongly, 3 no server there, 4 one runs already."
)]
pub struct Cli {
    /// The settings; without a file, the defaults
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop
    Serve,
    /// Bring the database up to this version, and end
    Migrate,
    /// Accounts, places, devices, commands, publishing, backup
    Admin(admin::AdminArgs),
    /// Ask a server that runs here for its status, or to stop
    Ctl {
        #[command(subcommand)]
        what: Ctl,
    },
    /// Print the description of its interface (OpenAPI)
    Openapi,
}

#[derive(Debug, Subcommand)]
enum Ctl {
    /// Tell how it is
    Status,
    /// End it, in order
    Stop,
    /// Read the settings again
    Reload,
}

impl Cli {
    /// Does it.
    pub fn run(self) -> ExitCode {
        let settings = match Settings::read(self.config.as_deref()) {
            Ok(settings) => settings,
            Err(error) => return failed(&error.to_string(), exit_code::USAGE),
        };
        match self.command {
            Command::Serve => serve(settings, self.config),
            Command::Migrate => migrate(settings),
            Command::Admin(args) => args.run(&settings),
            Command::Ctl { what } => ctl(&settings, what, self.config),
            Command::Openapi => {
                println!("{}", orchestrion_server::http::describe().to_pretty_json().unwrap_or_default());
                ExitCode::SUCCESS
            }
        }
    }
}

fn failed(words: &str, code: u8) -> ExitCode {
    log::error!("{words}");
    ExitCode::from(code)
}

fn code_of(error: &StartError) -> u8 {
    match error {
        StartError::Settings(_) => exit_code::USAGE,
        StartError::Lock(LockError::Held { .. }) => exit_code::RUNS_ALREADY,
        StartError::Lock(LockError::Io { .. }) | StartError::State(_) | StartError::Listen { .. } => {
            exit_code::FAILED
        }
    }
}

/// A runtime of its own for what needs one.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

fn serve(settings: Settings, config: Option<PathBuf>) -> ExitCode {
    let run = async {
        let running =
            bootstrap::start(settings).await.map_err(|error| (code_of(&error), error.to_string()))?;
        if let Some(tls) = running.app.tls() {
            log::info!("its certificate is {}", tls.fingerprint);
        }
        log::info!("listens on {}", running.app.url());
        running.until_told(config).await.map_err(|error| (exit_code::FAILED, error.to_string()))
    };
    let ended =
        runtime().map_err(|error| (exit_code::FAILED, error.to_string())).and_then(|rt| rt.block_on(run));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, words)) => failed(&words, code),
    }
}

fn migrate(settings: Settings) -> ExitCode {
    let run = async {
        let _lock = bootstrap::take_lock(&settings)?;
        let app = Server::open(settings.clone()).await?;
        app.database.clone().close().await;
        Ok::<(), StartError>(())
    };
    match runtime().map(|rt| rt.block_on(run)) {
        Ok(Ok(())) => {
            println!("{} is up to date", settings.state_dir.join(database::DATABASE_NAME).display());
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => failed(&error.to_string(), code_of(&error)),
        Err(error) => failed(&error.to_string(), exit_code::FAILED),
    }
}

fn ctl(settings: &Settings, what: Ctl, config: Option<PathBuf>) -> ExitCode {
    let config = config.map(|path| std::path::absolute(&path).unwrap_or(path));
    let (method, path, body) = match what {
        Ctl::Status => ("GET", "/ctl/v1/status", None),
        Ctl::Stop => ("POST", "/ctl/v1/stop", None),
        Ctl::Reload => ("POST", "/ctl/v1/reload", Some(serde_json::json!({"config": config}))),
    };
    ask::print(ask::ask(&settings.socket_path(), method, path, body.as_ref()))
}
