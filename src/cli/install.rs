//! `orchestrion install` and `orchestrion uninstall`: units, users, rules and binaries on a Debian or what is made of it, and off again.
//!
//! `plan` says what goes where, `apply` puts it there and takes it off, `manifest` remembers what was put, `live` tells a systemd that runs.

mod apply;
mod live;
mod manifest;
mod plan;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::exit_code;
use manifest::Manifest;
use plan::Plan;

/// `orchestrion install`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sudo orchestrion install                       # on this machine; it starts at once, and with every boot
  orchestrion install --dry-run                  # lists what would be done
  orchestrion install --root /mnt/card           # into an image or a card; it starts with the first boot
  sudo orchestrion install --watchdog-identity 'My Watchdog'     # cat /sys/class/watchdog/*/identity

The programs beside this one (orchestrion-watchdog, and orchestrion-media if it was built) go with it. A configuration that is there stays.
Exit codes: 0 done, 1 failed.")]
pub struct InstallArgs {
    /// The root of the system into which it goes
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// List what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The hardware watchdog that guards this board, as it calls itself; any that is hardware without it
    #[arg(long, value_name = "TEXT", value_parser = identity)]
    watchdog_identity: Option<String>,
    /// Install and enable it, but do not start it now
    #[arg(long)]
    no_start: bool,
}

/// `orchestrion uninstall`.
#[derive(Debug, Args)]
#[command(after_help = "\
What people changed stays, and so do the play log, the music and the users; --purge takes all of these but the music.
Exit codes: 0 done, 1 failed or not installed.")]
pub struct UninstallArgs {
    /// The root of the system from which it goes
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// List what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Take off the state, the play log, changed configurations and the users, too
    #[arg(long)]
    purge: bool,
}

/// It stands in quotes in a line that systemd splits.
fn identity(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 64 || text.chars().any(|c| c.is_control() || "'\"\\$".contains(c)) {
        return Err("1 to 64 characters without quotes, `\\` and `$`".into());
    }
    Ok(text.to_owned())
}

impl InstallArgs {
    /// Puts it there.
    pub fn run(self) -> ExitCode {
        ended(self.install())
    }

    fn install(self) -> anyhow::Result<()> {
        let root = looked_at(&self.root, self.dry_run)?;
        let programs = std::env::current_exe().context("this program does not know where it lies")?;
        let folder = programs.parent().context("this program lies nowhere")?;
        let plan = Plan::new(folder, self.watchdog_identity.as_deref())?;
        let known = Manifest::read(&root)?;
        apply::check(&root, &plan, &known)?;
        let orders = live::after_install(&root, !self.no_start);
        if self.dry_run {
            return tell(plan.words(&root).chain(orders.iter().map(live::Order::words)));
        }
        apply::install(&root, &plan, known)?;
        live::carry_out(&orders)?;
        let where_to = if root == Path::new("/") { String::new() } else { format!(" in {}", root.display()) };
        tell([
            format!(
                "Orchestrion is installed{where_to}; music goes to /srv/music, its configuration is /etc/orchestrion/orchestrion.toml"
            ),
            "`systemctl status orchestrion` shows how it is, `orchestrion uninstall` takes it off".to_owned(),
        ])
    }
}

impl UninstallArgs {
    /// Takes it off.
    pub fn run(self) -> ExitCode {
        ended(self.uninstall())
    }

    fn uninstall(self) -> anyhow::Result<()> {
        let root = looked_at(&self.root, self.dry_run)?;
        let known = Manifest::read(&root)?;
        if known.is_empty() {
            bail!("nothing is installed here: there is no {}", manifest::path(&root).display());
        }
        let (before, after) = (live::before_uninstall(&root), live::after_uninstall(&root, self.purge));
        let removal = apply::Removal::new(&root, &known, self.purge);
        if self.dry_run {
            let words = before.iter().map(live::Order::words).chain(removal.words());
            return tell(words.chain(after.iter().map(live::Order::words)));
        }
        live::carry_out(&before)?;
        let kept = removal.carry_out()?;
        live::carry_out(&after)?;
        let kept = kept.iter().map(|path| format!("kept, since somebody changed it: {}", path.display()));
        tell(kept.chain(["Orchestrion is taken off".to_owned()]))
    }
}

/// The root, if something can be installed there.
fn looked_at(root: &Path, dry_run: bool) -> anyhow::Result<PathBuf> {
    let root = root.canonicalize().with_context(|| format!("{}: there is no such folder", root.display()))?;
    let has_systemd =
        ["usr/lib/systemd/systemd", "lib/systemd/systemd"].iter().any(|place| root.join(place).exists());
    if !has_systemd {
        bail!(
            "{} has no systemd, which starts and guards Orchestrion; name the root of a Debian by --root",
            root.display()
        );
    }
    if root == Path::new("/") && !dry_run {
        if !rustix::process::geteuid().is_root() {
            bail!("this changes the system, so it must run as root: sudo orchestrion …");
        }
        if !live::runs_here() {
            bail!(
                "systemd does not run here (there is no /run/systemd/system); for an image name its root by --root"
            );
        }
    }
    Ok(root)
}

/// Prints lines. Whoever closed the pipe has seen enough.
fn tell(lines: impl IntoIterator<Item = String>) -> anyhow::Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    for line in lines {
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    Ok(())
}

fn ended(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::from(exit_code::FAILED)
        }
    }
}
