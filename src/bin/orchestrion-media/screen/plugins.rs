//! The plugins that the screen loads, by name and without GStreamer's registry, for the reasons that `decode/plugins.rs`
//! gives: none of them can open a network address or write a file.
//!
//! That takes most of the time from the start of the process to its first frame (`libav` alone more than half, since a hundred
//! libraries come with it), and GStreamer loads one at a time. So the main thread loads only what the screen is opened
//! with, and opens that while another loads the rest; what no picture needs comes last, while the first one is decoded.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use gstreamer as gst;
use orchestrion::media::screen::message::Sink;

use crate::decode::plugins::{BAD, BASE, CORE, GOOD, LIBAV, Plugin, UGLY, folder};

/// Sinks for X servers are a package of their own.
const X: &str = "gstreamer1.0-x";

/// Without these there is no screen.
const FIRST: [Plugin; 2] =
    [Plugin::new("coreelements", CORE, "reading files"), Plugin::new("app", BASE, "handing frames over")];

/// Without these nothing can be shown on it.
const NEEDED: [Plugin; 5] = [
    Plugin::new("typefindfunctions", BASE, "telling formats apart"),
    Plugin::new("playback", BASE, "finding decoders"),
    Plugin::new("videoconvertscale", BASE, "sizes and colours"),
    Plugin::new("videofilter", GOOD, "turning"),
    Plugin::new("videocrop", GOOD, "cutting"),
];

/// Each of these is for the pictures of some files.
const WANTED: [Plugin; 22] = [
    Plugin::new("libav", LIBAV, "H.264, H.265, MPEG-1, 2 and 4, ProRes, DV and many more"),
    Plugin::new("isomp4", GOOD, "mp4, mov"),
    Plugin::new("matroska", GOOD, "Matroska and WebM"),
    Plugin::new("avi", GOOD, "AVI"),
    Plugin::new("flv", GOOD, "Flash video"),
    Plugin::new("ogg", BASE, "Ogg"),
    Plugin::new("asf", UGLY, "Windows media"),
    Plugin::new("mpegtsdemux", BAD, "MPEG transport streams"),
    Plugin::new("mpegpsdemux", BAD, "MPEG program streams"),
    Plugin::new("videoparsersbad", BAD, "H.264, H.265, MPEG, VP9, AV1"),
    Plugin::new("jpegformat", BAD, "JPEG"),
    Plugin::new("theora", BASE, "Theora"),
    Plugin::new("vpx", GOOD, "VP8 and VP9"),
    Plugin::new("dav1d", BAD, "AV1"),
    Plugin::new("aom", BAD, "AV1"),
    Plugin::new("openh264", BAD, "H.264"),
    Plugin::new("de265", BAD, "H.265"),
    Plugin::new("jpeg", GOOD, "JPEG"),
    Plugin::new("png", GOOD, "PNG"),
    Plugin::new("webp", BAD, "WebP"),
    Plugin::new("gdkpixbuf", GOOD, "GIF and other pictures"),
    Plugin::new("alphacolor", BAD, "pictures that can be seen through"),
];

/// The same, where there is such a device: they look for it, which takes its time.
const OF_THE_BOARD: [Plugin; 2] = [
    Plugin::new("video4linux2", GOOD, "the board's own decoders"),
    Plugin::new("v4l2codecs", BAD, "the board's own decoders, stateless"),
];
/// How such devices are called.
const BOARD_DEVICES: [&str; 2] = ["video", "media"];

/// No picture waits for these.
const LATER: [Plugin; 9] = [
    Plugin::new("pango", X, "words on the screen"),
    Plugin::new("audioconvert", BASE, "the sound of films"),
    Plugin::new("audioresample", BASE, "the sound of films"),
    Plugin::new("audioparsers", GOOD, "AAC, AC-3, DTS, MP2"),
    Plugin::new("mpg123", GOOD, "MP2, MP3"),
    Plugin::new("vorbis", BASE, "Vorbis"),
    Plugin::new("opus", BASE, "Opus"),
    Plugin::new("flac", GOOD, "FLAC"),
    Plugin::new("opusparse", BAD, "Opus"),
];

/// What puts pictures on a screen.
const SINKS: [(Sink, Plugin); 3] = [
    (Sink::X11, Plugin::new("ximagesink", X, "a window of an X server")),
    (Sink::Wayland, Plugin::new("waylandsink", BAD, "a window under Wayland")),
    (Sink::Kms, Plugin::new("kms", BAD, "the board's own connector")),
];

/// Which package brings the decoder for what GStreamer calls a missing one, by the beginning of its name.
const MISSING: [(&str, &str, &str); 9] = [
    ("video/quicktime", "mp4", GOOD),
    ("video/x-matroska", "Matroska", GOOD),
    ("video/webm", "WebM", GOOD),
    ("video/x-ms-asf", "Windows media", UGLY),
    ("video/mpegts", "MPEG transport streams", BAD),
    ("image/jpeg", "JPEG", GOOD),
    ("image/png", "PNG", GOOD),
    ("image/webp", "WebP", BAD),
    ("image/gif", "GIF", GOOD),
];

/// From a slow card loading may take long: so often it is said that it goes on.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// What is being loaded on a thread of its own.
#[derive(Debug)]
pub struct Loading {
    pictures: Receiver<Result<(), String>>,
    later: Later,
}

/// Whether all is loaded. Clones tell of the same.
#[derive(Debug, Clone)]
pub struct Later(Receiver<()>);

impl Later {
    /// Waits until it is.
    pub fn wait(&self) {
        // Nothing is ever sent; the end of the thread ends it.
        let _ = self.0.recv();
    }
}

impl Loading {
    /// Waits for what decodes pictures, and calls `say` each second meanwhile.
    ///
    /// # Errors
    /// In words: what nothing works without is not there.
    pub fn pictures(self, say: impl Fn()) -> Result<Later, String> {
        loop {
            match self.pictures.recv_timeout(SAY_EVERY) {
                Ok(loaded) => return loaded.map(|()| self.later),
                Err(RecvTimeoutError::Timeout) => say(),
                Err(RecvTimeoutError::Disconnected) => return Err("a plugin cannot be loaded".into()),
            }
        }
    }
}

/// Starts GStreamer, loads what a screen is opened with, and has the rest loaded.
///
/// # Errors
/// In words: it cannot start, or what nothing works without is not there.
pub fn load() -> Result<Loading, String> {
    gst::init().map_err(|e| format!("GStreamer does not start: {e}"))?;
    let folder = folder()?;
    need(&FIRST, &folder)?;
    // All of them: which is needed is not known yet, and while the others are loaded none can be.
    for (_, plugin) in SINKS {
        plugin.load(&folder);
    }
    let (last, later) = bounded(0);
    let (loaded, pictures) = bounded(1);
    let load_rest = move || {
        // Nobody waits any more if the screen could not be opened.
        let _ = loaded.send(load_pictures(&folder));
        for plugin in LATER {
            plugin.load(&folder);
        }
        drop(last);
    };
    thread::Builder::new().name("plugins".into()).spawn(load_rest).map_err(|e| format!("no thread: {e}"))?;
    Ok(Loading { pictures, later: Later(later) })
}

fn load_pictures(folder: &Path) -> Result<(), String> {
    need(&NEEDED, folder)?;
    for plugin in WANTED {
        plugin.load(folder);
    }
    if has_board_devices(Path::new("/dev")) {
        for plugin in OF_THE_BOARD {
            plugin.load(folder);
        }
    }
    Ok(())
}

fn need(plugins: &[Plugin], folder: &Path) -> Result<(), String> {
    match plugins.iter().find(|plugin| !plugin.load(folder)) {
        Some(plugin) => {
            Err(format!("GStreamer cannot do \"{}\" here: install {}", plugin.what, plugin.package))
        }
        None => Ok(()),
    }
}

fn has_board_devices(devices: &Path) -> bool {
    fs::read_dir(devices).into_iter().flatten().flatten().any(|entry| {
        BOARD_DEVICES.iter().any(|begin| entry.file_name().as_encoded_bytes().starts_with(begin.as_bytes()))
    })
}

/// Whether what a sink needs was loaded.
///
/// # Errors
/// In words: it is not installed.
pub fn has_sink(sink: Sink) -> Result<(), String> {
    match SINKS.iter().find(|(of, _)| *of == sink) {
        Some((_, plugin)) if gst::Registry::get().find_plugin(plugin.name).is_none() => {
            Err(format!("install {}", plugin.package))
        }
        Some(_) | None => Ok(()),
    }
}

/// Words for what GStreamer says is missing (its caps, or the name of an element).
pub fn missing(detail: &str) -> String {
    let short: String = detail.split(", ").next().unwrap_or_default().chars().take(64).collect();
    let known = MISSING.iter().find(|(begin, ..)| detail.starts_with(begin));
    let (what, package) = known.map_or(("it", LIBAV), |(_, what, package)| (what, package));
    format!("there is no decoder for {what} ({short}): {package} may have one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_such_devices_does_not_look_for_decoders_of_its_own() {
        let devices = tempfile::tempdir().unwrap();
        fs::write(devices.path().join("null"), "").unwrap();
        assert!(!has_board_devices(devices.path()) && !has_board_devices(&devices.path().join("none")));
        fs::write(devices.path().join("video10"), "").unwrap();
        assert!(has_board_devices(devices.path()));
    }
}
