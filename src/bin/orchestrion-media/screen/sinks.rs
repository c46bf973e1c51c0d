//! Which sinks are tried, in which order, and how large the screen is behind each. Pure, but for [`Surroundings::look`].

use std::env;
use std::fs;
use std::path::Path;

use orchestrion::media::screen::message::{Setup, Sink, Size};

use super::x11::{self, Asked};

/// The size of a screen that does not tell its own.
const SIZE: Size = Size { width: 1280, height: 720 };
/// Where the kernel tells of connectors.
const CONNECTORS: &str = "/sys/class/drm";
/// Connectors that are looked at, at most.
const CONNECTORS_MAX: usize = 64;

/// What there is to show on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// An X server's name, and the size of its screen if it told it.
    pub x11: Option<(String, Option<Size>)>,
    /// A Wayland compositor is named.
    pub wayland: bool,
    /// Connectors to which a screen is plugged, with their native size.
    pub connectors: Vec<(String, Option<Size>)>,
}

/// One that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub sink: Sink,
    pub size: Size,
}

impl Surroundings {
    /// As this process finds them; `display` goes before what the environment says. The X server that was asked is held
    /// by the caller while it opens the sink.
    pub fn look(display: Option<&str>) -> (Self, Option<Asked>) {
        let named = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let display = display.map(str::to_owned).or_else(|| named("DISPLAY"));
        let asked = display.as_deref().and_then(x11::ask);
        let x11 = display.map(|display| (display, asked.as_ref().map(|asked| asked.size)));
        let wayland = named("WAYLAND_DISPLAY").is_some();
        (Self { x11, wayland, connectors: connectors(Path::new(CONNECTORS)) }, asked)
    }

    /// What is tried, best first, and why the others are not; the last always works.
    ///
    /// A desktop goes before the connector: where there is one, it owns that.
    pub fn candidates(&self, setup: &Setup) -> (Vec<Candidate>, Vec<String>) {
        let mut candidates = Vec::new();
        let mut passed_over = Vec::new();
        for sink in [Sink::Wayland, Sink::X11, Sink::Kms, Sink::Null] {
            if setup.sink != Sink::Auto && setup.sink != sink && sink != Sink::Null {
                continue;
            }
            match self.size_of(sink) {
                Ok(size) => {
                    candidates.push(Candidate { sink, size: setup.size.or(size).unwrap_or(SIZE) });
                }
                Err(why) => passed_over.push(format!("{}: {why}", sink.as_str())),
            }
        }
        (candidates, passed_over)
    }

    fn size_of(&self, sink: Sink) -> Result<Option<Size>, &'static str> {
        match sink {
            Sink::Wayland if !self.wayland => Err("WAYLAND_DISPLAY is not set"),
            Sink::X11 => self.x11.as_ref().map(|(_, size)| *size).ok_or("DISPLAY is not set"),
            Sink::Kms => {
                self.connectors.first().map(|(_, size)| *size).ok_or("no screen is plugged to a connector")
            }
            Sink::Wayland | Sink::Null | Sink::Auto => Ok(None),
        }
    }
}

/// Connectors with a screen, by name, and the first of their modes, which is the native one.
fn connectors(folder: &Path) -> Vec<(String, Option<Size>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .take(CONNECTORS_MAX)
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let status = fs::read_to_string(path.join("status")).ok()?;
            let modes = fs::read_to_string(path.join("modes")).unwrap_or_default();
            let native = modes.lines().next().and_then(|mode| Size::try_from(mode.to_owned()).ok());
            let name = path.file_name()?.to_string_lossy().into_owned();
            (status.trim() == "connected").then_some((name, native))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Size = Size { width: 1920, height: 1080 };

    fn all() -> Surroundings {
        Surroundings {
            x11: Some((":0".into(), Some(HD))),
            wayland: true,
            connectors: vec![("card0-HDMI-A-1".into(), Some(HD))],
        }
    }

    fn sinks(surroundings: &Surroundings, setup: &Setup) -> Vec<Sink> {
        surroundings.candidates(setup).0.into_iter().map(|candidate| candidate.sink).collect()
    }

    #[test]
    fn the_desktop_goes_before_the_connector_and_nothing_at_all_is_last() {
        let auto = Setup::default();
        assert_eq!(sinks(&all(), &auto), [Sink::Wayland, Sink::X11, Sink::Kms, Sink::Null]);
        let board = Surroundings { x11: None, wayland: false, ..all() };
        let (candidates, passed_over) = board.candidates(&auto);
        assert_eq!(candidates[0], Candidate { sink: Sink::Kms, size: HD });
        assert_eq!(passed_over, ["wayland: WAYLAND_DISPLAY is not set", "x11: DISPLAY is not set"]);
        let (candidates, passed_over) = Surroundings::default().candidates(&auto);
        assert_eq!(candidates, [Candidate { sink: Sink::Null, size: SIZE }]);
        assert_eq!(passed_over.len(), 3);
    }

    #[test]
    fn a_wanted_sink_is_the_only_one_and_a_wanted_size_goes_before_the_screens() {
        let setup = Setup { sink: Sink::X11, size: Size::new(640, 360), ..Setup::default() };
        let (candidates, _) = all().candidates(&setup);
        let size = Size { width: 640, height: 360 };
        let expected = [Sink::X11, Sink::Null].map(|sink| Candidate { sink, size });
        assert_eq!(candidates, expected);
        let null = Setup { sink: Sink::Null, ..Setup::default() };
        assert_eq!(sinks(&all(), &null), [Sink::Null]);
        let kms = Setup { sink: Sink::Kms, ..Setup::default() };
        assert_eq!(Surroundings::default().candidates(&kms).1, ["kms: no screen is plugged to a connector"]);
    }

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
        fs::create_dir(folder.path().join("card0")).unwrap();
        let found = connectors(folder.path());
        assert_eq!(found, [("card0-DSI-1".into(), None), ("card0-HDMI-A-2".into(), Size::new(3840, 2160))]);
        assert_eq!(connectors(&folder.path().join("none")), []);
    }
}
