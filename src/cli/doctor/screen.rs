//! Whether a screen can be seen, and whether a TV can be switched.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use super::formats::{find, plugin_folders};
use super::report::Finding;
use crate::media::screen::connectors::{self, Connector};
use crate::video::cec;

/// What puts a picture on the board's own connector: file of GStreamer's plugin, and Debian's package.
const OWN_SINK: (&str, &str) = ("libgstkms.so", "gstreamer1.0-plugins-bad");
const NOT_SWITCHED: &str = "the TV stays on in dark hours";

/// All of it.
pub(super) fn look() -> Vec<Finding> {
    let connectors = connectors::look(&connectors::folder());
    let has_sink = plugin_folders().iter().any(|folder| folder.join(OWN_SINK.0).is_file());
    let mut all = plugged(&connectors, has_sink);
    all.extend(tv(&cec::lines(), find(cec::PROGRAM).as_deref()));
    all
}

/// The board's own connectors.
fn plugged(connectors: &[Connector], has_sink: bool) -> Vec<Finding> {
    if connectors.is_empty() {
        return vec![Finding::fine(
            "no screen connector of its own: a window shows films, where there is one",
        )];
    }
    let mut all: Vec<Finding> = connectors
        .iter()
        .filter(|connector| connector.is_connected)
        .map(|connector| match connector.native {
            Some(size) => Finding::fine(format!("{}: a screen of {}", connector.name, String::from(size))),
            None => Finding::fine(format!("{}: a screen", connector.name)),
        })
        .collect();
    if all.is_empty() {
        let names: Vec<&str> = connectors.iter().map(|connector| connector.name.as_str()).collect();
        all.push(
            Finding::note(format!("no screen is plugged to {}", names.join(", ")))
                .costs("films and pictures are not seen")
                .remedy("plug one; it is noticed within 5 s"),
        );
    }
    if !has_sink {
        let (plugin, package) = OWN_SINK;
        all.push(
            Finding::note(format!("GStreamer's plugin {plugin} is missing"))
                .costs("nothing is shown on the board's own connector")
                .remedy(format!("sudo apt-get install {package}")),
        );
    }
    all
}

/// The TV's own lines, and what speaks there.
fn tv(lines: &[PathBuf], program: Option<&Path>) -> Vec<Finding> {
    let opens = |line: &PathBuf| match OpenOptions::new().read(true).write(true).open(line) {
        Ok(_) => Finding::fine(format!("the TV's line {} (CEC) can be opened", line.display())),
        Err(error) => Finding::note(format!("the TV's line {} cannot be opened: {error}", line.display()))
            .costs(NOT_SWITCHED)
            .remedy(
                "look as the user that the device runs as; it is to be in the group of that file (video)",
            ),
    };
    let mut all: Vec<Finding> = lines.iter().map(opens).collect();
    if !lines.is_empty() && program.is_none() {
        all.push(
            Finding::note(format!("{} is not here", cec::PROGRAM))
                .costs(NOT_SWITCHED)
                .remedy(format!("sudo apt-get install {}", cec::PACKAGE)),
        );
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::report::Mark;
    use super::*;
    use crate::media::screen::message::Size;

    fn connector(name: &str, native: Option<Size>, is_connected: bool) -> Connector {
        Connector { name: name.into(), is_connected, native }
    }

    #[test]
    fn it_is_told_where_a_screen_is_and_what_keeps_it_from_being_seen() {
        let all = plugged(&[], false);
        assert!(all.len() == 1 && all[0].mark == Mark::Fine, "a machine without one lacks nothing: {all:?}");
        let hdmi = connector("card0-HDMI-A-1", Size::new(1920, 1080), true);
        let all = plugged(&[hdmi.clone(), connector("card0-HDMI-A-2", None, false)], true);
        assert_eq!(all, [Finding::fine("card0-HDMI-A-1: a screen of 1920x1080")]);
        let all = plugged(&[hdmi], false);
        assert!(all[1].what.contains("libgstkms") && all[1].remedy.contains("plugins-bad"), "{all:?}");
        let all = plugged(&[connector("card0-HDMI-A-2", None, false)], true);
        assert!(all[0].mark == Mark::Note && all[0].what.contains("card0-HDMI-A-2"), "{all:?}");
    }

    #[test]
    fn a_line_to_the_tv_needs_who_speaks_on_it_and_may_open_it() {
        assert!(tv(&[], None).is_empty(), "no TV to switch");
        let folder = tempfile::tempdir().unwrap();
        let line = folder.path().join("cec0");
        std::fs::write(&line, "").unwrap();
        let all = tv(std::slice::from_ref(&line), Some(Path::new("/usr/bin/cec-ctl")));
        assert!(all.len() == 1 && all[0].mark == Mark::Fine, "{all:?}");
        let all = tv(&[line], None);
        assert!(all[1].mark == Mark::Note && all[1].remedy.contains("v4l-utils"), "{all:?}");
        let all = tv(&[folder.path().join("gone")], Some(Path::new("/usr/bin/cec-ctl")));
        assert!(all[0].mark == Mark::Note && all[0].cost.contains("dark hours"), "{all:?}");
    }
}
