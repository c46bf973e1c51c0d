//! What systemd and its tools are told. In a root that does not run only the users are made; all else comes with its first boot.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// The users that `systemd/orchestrion.sysusers` makes. The group `gpio` stays: others may use it.
const USERS: [&str; 2] = ["orchestrion", "orchestrion-watchdog"];

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    words: Vec<String>,
    weight: Weight,
}

/// What it means when a command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Nothing works without it.
    Needed,
    /// It goes on, and says so.
    Wanted,
    /// There may be nothing to do.
    IfAny,
}

impl Order {
    fn new(words: &[&str], weight: Weight) -> Self {
        Self { words: words.iter().map(|word| (*word).to_owned()).collect(), weight }
    }

    /// As a person would type it.
    pub fn words(&self) -> String {
        format!("run    {}", self.words.join(" "))
    }
}

/// Whether systemd runs this machine.
pub fn runs_here() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// After everything was put under a root.
pub fn after_install(root: &Path, starts: bool) -> Vec<Order> {
    if root != Path::new("/") {
        let root = format!("--root={}", root.display());
        return vec![Order::new(&["systemd-sysusers", &root, "orchestrion.conf"], Weight::Needed)];
    }
    let mut orders = vec![
        Order::new(&["systemd-sysusers", "orchestrion.conf"], Weight::Needed),
        Order::new(&["systemd-tmpfiles", "--create", "orchestrion.conf"], Weight::Needed),
        Order::new(&["systemctl", "daemon-reload"], Weight::Needed),
        Order::new(&["udevadm", "control", "--reload"], Weight::Wanted),
        Order::new(
            &["udevadm", "trigger", "--subsystem-match=gpio", "--subsystem-match=watchdog"],
            Weight::Wanted,
        ),
        Order::new(&["systemctl", "try-restart", "systemd-journald.service"], Weight::Wanted),
    ];
    if starts {
        // The watchdog first: it knows a player that was stopped, and waits for one that starts.
        orders.push(Order::new(
            &["systemctl", "restart", "orchestrion-watchdog.service", "orchestrion.service"],
            Weight::Needed,
        ));
    }
    orders
}

/// Before anything is taken off.
pub fn before_uninstall(root: &Path) -> Vec<Order> {
    if root != Path::new("/") {
        return Vec::new();
    }
    // The player says that it stops, then the watchdog closes the hardware.
    ["orchestrion.service", "orchestrion-watchdog.service"]
        .map(|unit| Order::new(&["systemctl", "stop", unit], Weight::Needed))
        .into()
}

/// After everything was taken off.
pub fn after_uninstall(root: &Path, purge: bool) -> Vec<Order> {
    let is_here = root == Path::new("/");
    let mut orders = Vec::new();
    if is_here {
        orders.push(Order::new(&["systemctl", "daemon-reload"], Weight::Needed));
        orders.push(Order::new(&["systemctl", "reset-failed"], Weight::Wanted));
        orders.push(Order::new(&["udevadm", "control", "--reload"], Weight::Wanted));
        orders.push(Order::new(&["systemctl", "try-restart", "systemd-journald.service"], Weight::Wanted));
    }
    if purge {
        let prefix = root.display().to_string();
        for user in USERS {
            let own = |program| if is_here { vec![program] } else { vec![program, "--prefix", &prefix] };
            orders.push(Order::new(&[own("userdel"), vec![user]].concat(), Weight::Wanted));
            // Where the system's settings do not let it go with its user.
            orders.push(Order::new(&[own("groupdel"), vec![user]].concat(), Weight::IfAny));
        }
    }
    orders
}

/// Carries orders out, one after another.
///
/// # Errors
/// One that is needed failed; its words are in the error.
pub fn carry_out(orders: &[Order]) -> anyhow::Result<()> {
    orders.iter().try_for_each(|order| match run(order) {
        Err(error) if order.weight == Weight::Wanted => {
            log::warn!("{error:#}; it goes on without");
            Ok(())
        }
        Err(error) if order.weight == Weight::IfAny => {
            log::debug!("{error:#}");
            Ok(())
        }
        outcome => outcome,
    })
}

fn run(order: &Order) -> anyhow::Result<()> {
    let shown = order.words.join(" ");
    let Some((program, words)) = order.words.split_first() else { return Ok(()) };
    let output = Command::new(program).args(words).output().with_context(|| shown.clone())?;
    if output.status.success() {
        return Ok(());
    }
    bail!("`{shown}` ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_to_this_machine_when_it_goes_into_another_root() {
        let root = Path::new("/mnt/card");
        let orders =
            [after_install(root, true), before_uninstall(root), after_uninstall(root, true)].concat();
        assert!(!orders.is_empty());
        for order in orders {
            assert!(order.words.iter().any(|word| word.contains("/mnt/card")), "{}", order.words());
        }
    }
}
