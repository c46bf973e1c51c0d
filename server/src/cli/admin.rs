//! `orchestrion-server admin`: what an administrator does, on the machine where the server runs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use orchestrion_server::bootstrap;
use orchestrion_server::settings::Settings;
use serde_json::{Value, json};

use super::ask::{AskError, ask, print};
use super::{code_of, exit_code, failed, publish, runtime};

/// `orchestrion-server admin`.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
All of it but `restore` asks the server that runs here, over its socket; whoever may open the socket may do all.

Examples:
  orchestrion-server admin account add ana --role operator     # prints her token, this once
  orchestrion-server admin place add leeds-1 --name 'Leeds, ground floor' --zone Europe/London
  orchestrion-server admin device token cafes --uses 40        # for `token` in the devices' configuration
  orchestrion-server admin device accept BCDF-GHJK --place leeds-1
  orchestrion-server admin publish leeds-1 ~/releases/leeds-1
  orchestrion-server admin command volume --params '{\"percent\":40}' --group cafes
  orchestrion-server admin backup /mnt/backup/server-$(date +%F).sqlite"
)]
pub(super) struct AdminArgs {
    #[command(subcommand)]
    what: Admin,
}

#[derive(Debug, Subcommand)]
enum Admin {
    /// Who may ask over the network
    Account {
        #[command(subcommand)]
        what: AccountWhat,
    },
    /// Where something plays
    Place {
        #[command(subcommand)]
        what: PlaceWhat,
    },
    /// Boards
    Device {
        #[command(subcommand)]
        what: DeviceWhat,
    },
    /// Publish for a place: a release's folder, or a program whose recordings name their files
    Publish {
        /// The place
        place: String,
        /// What `orchestrion release build` made, or a program, or its folder
        source: PathBuf,
    },
    /// Publish an old release's content for a place anew
    RollBack {
        /// The place
        place: String,
        /// The old release's number
        number: u64,
    },
    /// Tell how far devices are with what was published
    Readiness,
    /// Give a command: skip, volume, play, pause, emergency, restart …
    Command(CommandArgs),
    /// Tell what became of commands
    Commands {
        /// Of this device only
        #[arg(long)]
        device: Option<String>,
    },
    /// Tell the server's certificate, for `fingerprint` in the devices' configuration
    Fingerprint,
    /// Write all that the database has into a file; blobs and server.key are files that you copy
    Backup {
        /// A file that is not there yet
        file: PathBuf,
    },
    /// Put a backup in the place of the database; the server must not run
    Restore {
        /// What `backup` wrote
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum AccountWhat {
    /// Make one, or give it another role and token
    Add {
        /// Its name
        name: String,
        /// viewer, operator or admin
        #[arg(long, default_value = "viewer")]
        role: String,
    },
    /// Take one away
    Remove {
        /// Its name
        name: String,
    },
    /// List them
    List,
}

#[derive(Debug, Subcommand)]
enum PlaceWhat {
    /// Make one, or change it
    Add {
        /// Its id
        id: String,
        /// What people call it
        #[arg(long)]
        name: String,
        /// Its time zone, as Europe/London
        #[arg(long)]
        zone: Option<String>,
        /// The country whose rights hold, as GB
        #[arg(long)]
        territory: Option<String>,
        /// Added to all that plays there, in dB
        #[arg(long, allow_hyphen_values = true)]
        trim_db: Option<f64>,
    },
    /// List them
    List,
}

#[derive(Debug, Subcommand)]
enum DeviceWhat {
    /// List them, and how they stand
    List,
    /// Tell about one
    Show {
        /// Its id
        id: String,
    },
    /// List those that show a code and wait
    Waiting,
    /// Accept the one that shows a code
    Accept {
        /// The code
        code: String,
        /// Its place
        #[arg(long)]
        place: Option<String>,
    },
    /// Refuse the one that shows a code
    Refuse {
        /// The code
        code: String,
    },
    /// Make a token that lets new devices in
    Token {
        /// For people
        name: String,
        /// The place that they are bound to
        #[arg(long)]
        place: Option<String>,
        /// How many
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// For how many days
        #[arg(long, default_value_t = 7)]
        days: u32,
    },
    /// Write a JPEG of what is on its screen into a file
    Snapshot {
        /// Its id
        id: String,
        /// The file to write
        out: PathBuf,
    },
    /// Bind one to a place
    Bind {
        /// Its id
        id: String,
        /// The place
        place: String,
    },
    /// Put one into a group
    Join {
        /// Its id
        id: String,
        /// The group
        group: String,
    },
    /// Let a new device take the place of a dead one
    Replace {
        /// The dead one
        old: String,
        /// The new one
        new: String,
    },
    /// Take one out of the fleet
    Remove {
        /// Its id
        id: String,
    },
}

#[derive(Debug, Args)]
struct CommandArgs {
    /// What
    method: String,
    /// Its parameters, as JSON
    #[arg(long, value_parser = json_value)]
    params: Option<Value>,
    /// To a device
    #[arg(long, group = "to")]
    device: Option<String>,
    /// To all devices of a place
    #[arg(long, group = "to")]
    place: Option<String>,
    /// To all devices of a group
    #[arg(long, group = "to")]
    group: Option<String>,
    /// To every device
    #[arg(long, group = "to")]
    all: bool,
    /// It is not begun later than in so many seconds
    #[arg(long, value_name = "SECONDS")]
    ends_in: Option<u32>,
}

fn json_value(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

type Asked = (&'static str, String, Option<Value>);

impl AdminArgs {
    pub(super) fn run(self, settings: &Settings) -> ExitCode {
        let (method, path, body) = match self.what {
            Admin::Restore { file } => return restore(settings, &file),
            Admin::Publish { place, source } => {
                return print(publish::publish(&settings.socket_path(), &place, &source));
            }
            Admin::Account { what } => account(what),
            Admin::Place { what } => place(what),
            Admin::Device { what: DeviceWhat::Snapshot { id, out } } => {
                return print(snapshot(&settings.socket_path(), &id, &out));
            }
            Admin::Device { what } => device(what),
            Admin::RollBack { place, number } => {
                ("POST", format!("/api/v1/places/{place}/roll-back"), Some(json!({"number": number})))
            }
            Admin::Fingerprint => ("GET", "/ctl/v1/fingerprint".into(), None),
            Admin::Readiness => ("GET", "/api/v1/readiness".into(), None),
            Admin::Command(args) => match args.wanted() {
                Ok(wanted) => ("POST", "/api/v1/commands".into(), Some(wanted)),
                Err(words) => return failed(&words, exit_code::USAGE),
            },
            Admin::Commands { device } => {
                let query = device.map_or_else(String::new, |id| format!("?device={id}"));
                ("GET", format!("/api/v1/commands{query}"), None)
            }
            Admin::Backup { file } => {
                let file = std::path::absolute(&file).unwrap_or(file);
                ("POST", "/ctl/v1/backup".into(), Some(json!({"file": file})))
            }
        };
        print(ask(&settings.socket_path(), method, &path, body.as_ref()))
    }
}

fn account(what: AccountWhat) -> Asked {
    match what {
        AccountWhat::Add { name, role } => {
            ("PUT", format!("/api/v1/accounts/{name}"), Some(json!({"role": role})))
        }
        AccountWhat::Remove { name } => ("DELETE", format!("/api/v1/accounts/{name}"), None),
        AccountWhat::List => ("GET", "/api/v1/accounts".into(), None),
    }
}

fn place(what: PlaceWhat) -> Asked {
    match what {
        PlaceWhat::Add { id, name, zone, territory, trim_db } => {
            let body = json!({"name": name, "zone": zone, "territory": territory, "trim_db": trim_db});
            ("PUT", format!("/api/v1/places/{id}"), Some(body))
        }
        PlaceWhat::List => ("GET", "/api/v1/places?limit=1000".into(), None),
    }
}

fn device(what: DeviceWhat) -> Asked {
    match what {
        DeviceWhat::List => ("GET", "/api/v1/devices?limit=1000".into(), None),
        DeviceWhat::Show { id } => ("GET", format!("/api/v1/devices/{id}"), None),
        DeviceWhat::Waiting => ("GET", "/api/v1/enrolments".into(), None),
        DeviceWhat::Accept { code, place } => {
            ("POST", "/api/v1/enrolments/accept".into(), Some(json!({"code": code, "place": place})))
        }
        DeviceWhat::Refuse { code } => {
            ("POST", "/api/v1/enrolments/refuse".into(), Some(json!({"code": code})))
        }
        DeviceWhat::Token { name, place, uses, days } => {
            let ends_in_s = days.saturating_mul(86_400);
            let body = json!({"name": name, "place": place, "uses": uses, "ends_in_s": ends_in_s});
            ("POST", "/api/v1/enrolment-tokens".into(), Some(body))
        }
        DeviceWhat::Bind { id, place } => {
            ("PUT", format!("/api/v1/devices/{id}/place"), Some(json!({"place": place})))
        }
        DeviceWhat::Join { id, group } => ("PUT", format!("/api/v1/groups/{group}/devices/{id}"), None),
        DeviceWhat::Replace { old, new } => {
            ("POST", format!("/api/v1/devices/{old}/replace"), Some(json!({"by": new})))
        }
        DeviceWhat::Snapshot { id, .. } => {
            ("POST", format!("/api/v1/devices/{id}/ask"), Some(json!({"method": "snapshot"})))
        }
        DeviceWhat::Remove { id } => ("DELETE", format!("/api/v1/devices/{id}"), None),
    }
}

impl CommandArgs {
    fn wanted(self) -> Result<Value, String> {
        let to = match (self.device, self.place, self.group, self.all) {
            (Some(device), ..) => json!({"device": device}),
            (_, Some(place), ..) => json!({"place": place}),
            (_, _, Some(group), _) => json!({"group": group}),
            (None, None, None, true) => json!({"all": true}),
            (None, None, None, false) => return Err("to whom? --device, --place, --group or --all".into()),
        };
        Ok(json!({"to": to, "method": self.method, "params": self.params, "ends_in_s": self.ends_in}))
    }
}

/// Asks a device for what is on its screen, and keeps that.
fn snapshot(socket: &std::path::Path, id: &str, out: &std::path::Path) -> Result<String, AskError> {
    let (method, path, body) = device(DeviceWhat::Snapshot { id: id.to_owned(), out: out.to_owned() });
    let stands: Value = serde_json::from_str(&ask(socket, method, &path, body.as_ref())?)
        .map_err(|error| AskError::Broken(error.to_string()))?;
    let answer: Option<Value> =
        stands["answer"].as_str().and_then(|answer| serde_json::from_str(answer).ok());
    let jpeg = answer.as_ref().and_then(|answer| answer["jpeg"].as_str()).and_then(bytes_of_hex);
    let Some(jpeg) = jpeg else {
        let reason = stands["reason"].as_str().unwrap_or("it sent no picture");
        return Err(AskError::Refused(format!("{id}: {reason}")));
    };
    std::fs::write(out, &jpeg)
        .map_err(|error| AskError::Broken(format!("cannot write {}: {error}", out.display())))?;
    Ok(json!(format!("{}: {} bytes", out.display(), jpeg.len())).to_string())
}

/// Bytes written as pairs of hexadecimal digits; `None` if they are not.
fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let pair = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

fn restore(settings: &Settings, file: &std::path::Path) -> ExitCode {
    let lock = match bootstrap::take_lock(settings) {
        Ok(lock) => lock,
        Err(error) => return failed(&error.to_string(), code_of(&error)),
    };
    let restored = runtime().map(|runtime| runtime.block_on(bootstrap::restore::restore(settings, file)));
    drop(lock);
    match restored {
        Ok(Ok(aside)) => {
            println!("restored; the epoch was raised, and what was there lies in {}", aside.display());
            ExitCode::SUCCESS
        }
        Ok(Err(error)) => failed(&error.to_string(), exit_code::FAILED),
        Err(error) => failed(&error.to_string(), exit_code::FAILED),
    }
}
