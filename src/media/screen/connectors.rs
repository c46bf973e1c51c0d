//! The board's connectors as the kernel tells of them, and whether a screen is plugged to one. Daemon and child look.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::message::Size;

/// A folder that stands for `/` where connectors and the TV's own line are looked for. For tests.
pub const ROOT_VAR: &str = "ORCHESTRION_SCREEN_ROOT";
/// Connectors that are looked at, at most.
const CONNECTORS_MAX: usize = 64;
/// What the kernel writes into memory is called a connector too.
const WRITEBACK: &str = "Writeback";

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// The kernel's name, with its card's: `card0-HDMI-A-1`.
    pub name: String,
    /// A screen is plugged to it.
    pub is_connected: bool,
    /// The first of the screen's modes, which is the native one.
    pub native: Option<Size>,
}

impl Connector {
    /// Its card's name and its own: `card0` and `HDMI-A-1`.
    #[must_use]
    pub fn parts(&self) -> Option<(&str, &str)> {
        self.name.split_once('-')
    }
}

/// Where `path`, which begins with `/`, is looked for.
#[must_use]
pub fn place(path: &str) -> PathBuf {
    under(env::var_os(ROOT_VAR), path)
}

fn under(root: Option<OsString>, path: &str) -> PathBuf {
    match root.filter(|root| !root.is_empty()) {
        Some(root) => Path::new(&root).join(path.trim_start_matches('/')),
        None => path.into(),
    }
}

/// Where the kernel tells of connectors.
#[must_use]
pub fn folder() -> PathBuf {
    place("/sys/class/drm")
}

/// All connectors of all cards, by name. The kernel answers from memory: nothing is asked of the screen.
#[must_use]
pub fn look(folder: &Path) -> Vec<Connector> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_string_lossy().into_owned();
            let status = fs::read_to_string(path.join("status")).ok()?;
            let modes = fs::read_to_string(path.join("modes")).unwrap_or_default();
            let native = modes.lines().next().and_then(|mode| Size::try_from(mode.to_owned()).ok());
            let is_connected = status.trim() == "connected";
            (!name.contains(WRITEBACK)).then_some(Connector { name, is_connected, native })
        })
        .take(CONNECTORS_MAX)
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_which_connector_has_a_screen_and_its_native_size() {
        let folder = tempfile::tempdir().unwrap();
        let connector = |name: &str, status: &str, modes: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("status"), status).unwrap();
            fs::write(path.join("modes"), modes).unwrap();
        };
        connector("card0-HDMI-A-2", "connected\n", "3840x2160\n1920x1080\n");
        connector("card0-HDMI-A-1", "disconnected\n", "");
        connector("card0-DSI-1", "connected\n", "800x480i\n");
        connector("card0-Writeback-1", "unknown\n", "");
        fs::create_dir(folder.path().join("card0")).unwrap();
        let found = look(folder.path());
        let wanted = [
            ("card0-DSI-1", true, None),
            ("card0-HDMI-A-1", false, None),
            ("card0-HDMI-A-2", true, Size::new(3840, 2160)),
        ];
        let wanted =
            wanted.map(|(name, is_connected, native)| Connector { name: name.into(), is_connected, native });
        assert_eq!(found, wanted);
        assert_eq!(found[1].parts(), Some(("card0", "HDMI-A-1")));
        assert_eq!(look(&folder.path().join("none")), []);
    }

    #[test]
    fn tests_have_a_root_of_their_own() {
        assert_eq!(under(None, "/dev"), Path::new("/dev"));
        assert_eq!(under(Some("".into()), "/dev"), Path::new("/dev"));
        assert_eq!(under(Some("/tmp/a".into()), "/sys/class/drm"), Path::new("/tmp/a/sys/class/drm"));
    }
}
