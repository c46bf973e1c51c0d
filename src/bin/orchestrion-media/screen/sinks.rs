//! Which sinks are tried, in which order, and how large the screen is behind each. Pure, but for [`Surroundings::look`].

use std::env;

use orchestrion::media::screen::connectors::{self, Connector};
use orchestrion::media::screen::message::{Setup, Sink, Size};

use super::x11::{self, Asked};

/// The size of a screen that does not tell its own.
const SIZE: Size = Size { width: 1280, height: 720 };

/// What there is to show on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// An X server's name, and the size of its screen if it told it.
    pub x11: Option<(String, Option<Size>)>,
    /// A Wayland compositor is named.
    pub wayland: bool,
    /// The board's connectors, whether a screen is plugged to them or not.
    pub connectors: Vec<Connector>,
}

/// One that is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub sink: Sink,
    pub size: Size,
    /// Where the screen is plugged, for the sink that takes a connector.
    pub connector: Option<Connector>,
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
        (Self { x11, wayland, connectors: connectors::look(&connectors::folder()) }, asked)
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
                    let connector = self.plugged().filter(|_| sink == Sink::Kms).cloned();
                    let size = setup.size.or(size).unwrap_or(SIZE);
                    candidates.push(Candidate { sink, size, connector });
                }
                Err(why) => passed_over.push(format!("{}: {why}", sink.as_str())),
            }
        }
        (candidates, passed_over)
    }

    /// The first connector with a screen.
    fn plugged(&self) -> Option<&Connector> {
        self.connectors.iter().find(|connector| connector.is_connected)
    }

    fn size_of(&self, sink: Sink) -> Result<Option<Size>, &'static str> {
        match sink {
            Sink::Wayland if !self.wayland => Err("WAYLAND_DISPLAY is not set"),
            Sink::X11 => self.x11.as_ref().map(|(_, size)| *size).ok_or("DISPLAY is not set"),
            Sink::Kms => {
                self.plugged().map(|found| found.native).ok_or("no screen is plugged to a connector")
            }
            Sink::Wayland | Sink::Null | Sink::Auto => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Size = Size { width: 1920, height: 1080 };

    fn plugged() -> Connector {
        Connector { name: "card0-HDMI-A-2".into(), is_connected: true, native: Some(HD) }
    }

    fn unplugged() -> Connector {
        Connector { name: "card0-HDMI-A-1".into(), is_connected: false, native: None }
    }

    fn all() -> Surroundings {
        Surroundings {
            x11: Some((":0".into(), Some(HD))),
            wayland: true,
            connectors: vec![unplugged(), plugged()],
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
        assert_eq!(candidates[0], Candidate { sink: Sink::Kms, size: HD, connector: Some(plugged()) });
        assert_eq!(passed_over, ["wayland: WAYLAND_DISPLAY is not set", "x11: DISPLAY is not set"]);
        let (candidates, passed_over) = Surroundings::default().candidates(&auto);
        assert_eq!(candidates, [Candidate { sink: Sink::Null, size: SIZE, connector: None }]);
        assert_eq!(passed_over.len(), 3);
    }

    #[test]
    fn a_wanted_sink_is_the_only_one_and_a_wanted_size_goes_before_the_screens() {
        let setup = Setup { sink: Sink::X11, size: Size::new(640, 360), ..Setup::default() };
        let (candidates, _) = all().candidates(&setup);
        let size = Size { width: 640, height: 360 };
        let expected = [Sink::X11, Sink::Null].map(|sink| Candidate { sink, size, connector: None });
        assert_eq!(candidates, expected);
        let null = Setup { sink: Sink::Null, ..Setup::default() };
        assert_eq!(sinks(&all(), &null), [Sink::Null]);
        let kms = Setup { sink: Sink::Kms, ..Setup::default() };
        for connectors in [vec![], vec![unplugged()]] {
            let board = Surroundings { connectors, ..Surroundings::default() };
            assert_eq!(board.candidates(&kms).1, ["kms: no screen is plugged to a connector"]);
        }
    }
}
