//! What goes where. The texts are in the program itself, so that they always fit it.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// What people may change, and what then stays theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Replaced by each installation.
    Ours,
    /// Written where there is none.
    Theirs,
}

/// A file as it is to be.
#[derive(Debug)]
pub struct File {
    /// From the root, without a slash before it.
    pub path: PathBuf,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    pub whose: Whose,
}

/// A link as it is to be: what enables a unit.
#[derive(Debug)]
pub struct Link {
    /// From the root, without a slash before it.
    pub path: PathBuf,
    /// As the running system sees it.
    pub target: PathBuf,
}

/// Everything.
#[derive(Debug)]
pub struct Plan {
    /// Folders that people use; others are made for what lies in them.
    pub folders: Vec<PathBuf>,
    pub files: Vec<File>,
    pub links: Vec<Link>,
}

const PLAYER: &str = include_str!("../../../systemd/orchestrion.service");
const WATCHDOG: &str = include_str!("../../../systemd/orchestrion-watchdog.service");
const UNITS: [(&str, &str); 2] =
    [("orchestrion.service", PLAYER), ("orchestrion-watchdog.service", WATCHDOG)];
/// Where units lie.
const UNIT_FOLDER: &str = "usr/lib/systemd/system";
/// Where links enable them.
const ENABLED_FOLDER: &str = "etc/systemd/system";

/// What else there is, and where.
const TEXTS: [(&str, &str, Whose); 8] = [
    // The units name them as their documentation.
    ("usr/share/doc/orchestrion/HARDWARE.md", include_str!("../../../docs/HARDWARE.md"), Whose::Ours),
    ("usr/share/doc/orchestrion/PROGRAMS.md", include_str!("../../../docs/PROGRAMS.md"), Whose::Ours),
    (
        "usr/lib/sysusers.d/orchestrion.conf",
        include_str!("../../../systemd/orchestrion.sysusers"),
        Whose::Ours,
    ),
    (
        "usr/lib/tmpfiles.d/orchestrion.conf",
        include_str!("../../../systemd/orchestrion.tmpfiles"),
        Whose::Ours,
    ),
    (
        "usr/lib/udev/rules.d/70-orchestrion.rules",
        include_str!("../../../systemd/70-orchestrion.rules"),
        Whose::Ours,
    ),
    (
        "usr/share/polkit-1/rules.d/50-orchestrion.rules",
        include_str!("../../../systemd/50-orchestrion.rules"),
        Whose::Ours,
    ),
    (
        "etc/systemd/journald.conf.d/orchestrion.conf",
        include_str!("../../../systemd/journald-orchestrion.conf"),
        Whose::Theirs,
    ),
    ("etc/orchestrion/orchestrion.toml", include_str!("../../../systemd/orchestrion.toml"), Whose::Theirs),
];

/// The programs, and whether it goes without.
const PROGRAMS: [(&str, bool); 3] =
    [("orchestrion", true), ("orchestrion-watchdog", true), ("orchestrion-media", false)];

impl Plan {
    /// With the programs that lie in a folder, and the watchdog that is to be used.
    ///
    /// # Errors
    /// A program is missing there.
    pub fn new(programs: &Path, watchdog_identity: Option<&str>) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        for (name, is_needed) in PROGRAMS {
            let path = programs.join(name);
            if !is_needed && !path.exists() {
                continue;
            }
            let bytes = std::fs::read(&path).with_context(|| {
                format!(
                    "{}: it is built beside this program by `cargo build --release --workspace`",
                    path.display()
                )
            })?;
            files.push(File {
                path: Path::new("usr/bin").join(name),
                bytes,
                mode: 0o755,
                whose: Whose::Ours,
            });
        }
        let text = |path: PathBuf, text: &str, whose| File { path, bytes: text.into(), mode: 0o644, whose };
        files.extend(UNITS.map(|(name, unit)| text(Path::new(UNIT_FOLDER).join(name), unit, Whose::Ours)));
        files.extend(TEXTS.map(|(path, words, whose)| text(path.into(), words, whose)));
        // Who names a watchdog wants it.
        let whose = if watchdog_identity.is_some() { Whose::Ours } else { Whose::Theirs };
        files.push(text("etc/default/orchestrion-watchdog".into(), &options(watchdog_identity), whose));
        let folders = ["etc/orchestrion/boards", "srv/music"].map(PathBuf::from).into();
        let links = UNITS.iter().flat_map(|(name, unit)| enabling(name, unit)).collect();
        Ok(Self { folders, files, links })
    }

    /// What would be done, a line each.
    pub fn words(&self, root: &Path) -> impl Iterator<Item = String> {
        let folders = self.folders.iter().map(|path| format!("folder {}", root.join(path).display()));
        let files = self.files.iter().map(|file| {
            let stays = if file.whose == Whose::Theirs { ", unless there is one" } else { "" };
            format!(
                "file   {} ({} bytes, {:o}{stays})",
                root.join(&file.path).display(),
                file.bytes.len(),
                file.mode
            )
        });
        let links = self
            .links
            .iter()
            .map(|link| format!("link   {} -> {}", root.join(&link.path).display(), link.target.display()));
        folders.chain(files).chain(links)
    }
}

/// The links that enable a unit, as `systemctl enable` makes them.
fn enabling(name: &str, unit: &str) -> Vec<Link> {
    let wanted_by = unit.lines().filter_map(|line| line.strip_prefix("WantedBy="));
    let link = |target: &str| Link {
        path: Path::new(ENABLED_FOLDER).join(format!("{target}.wants")).join(name),
        target: Path::new("/").join(UNIT_FOLDER).join(name),
    };
    wanted_by.flat_map(str::split_whitespace).map(link).collect()
}

/// What the watchdog's unit reads.
fn options(identity: Option<&str>) -> String {
    let words = identity.map_or(String::new(), |identity| format!("--identity '{identity}'"));
    format!(
        "# What orchestrion-watchdog is started with; `orchestrion-watchdog --help` lists it.\n\
         # --identity TEXT chooses the hardware, as /sys/class/watchdog/*/identity calls it.\n\
         WATCHDOG_OPTIONS=\"{words}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_units_are_enabled_where_they_say() {
        let links: Vec<_> = UNITS.iter().flat_map(|(name, unit)| enabling(name, unit)).collect();
        let shown: Vec<_> =
            links.iter().map(|link| (link.path.to_str().unwrap(), link.target.to_str().unwrap())).collect();
        assert_eq!(
            shown,
            [
                (
                    "etc/systemd/system/multi-user.target.wants/orchestrion.service",
                    "/usr/lib/systemd/system/orchestrion.service"
                ),
                (
                    "etc/systemd/system/orchestrion.service.wants/orchestrion-watchdog.service",
                    "/usr/lib/systemd/system/orchestrion-watchdog.service"
                ),
            ]
        );
    }

    #[test]
    fn the_configuration_that_is_installed_is_a_right_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orchestrion.toml");
        let (_, text, _) = TEXTS.iter().find(|(path, ..)| path.ends_with("orchestrion.toml")).unwrap();
        std::fs::write(&path, text).unwrap();
        let config = crate::config::Config::read(&path).unwrap();
        assert_eq!(config.music, [PathBuf::from("/srv/music")]);
    }

    #[test]
    fn an_identity_stands_in_the_options_as_one_word() {
        assert!(options(Some("Broadcom X")).contains("WATCHDOG_OPTIONS=\"--identity 'Broadcom X'\""));
        assert!(options(None).ends_with("WATCHDOG_OPTIONS=\"\"\n"));
    }
}
