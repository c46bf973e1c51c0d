//! The plugins that the screen loads, by name and without GStreamer's registry, for the reasons that `decode/plugins.rs`
//! gives: none of them can open a network address or write a file.

use gstreamer as gst;
use orchestrion::media::screen::message::Sink;

use crate::decode::plugins::{BAD, BASE, CORE, GOOD, LIBAV, Plugin, UGLY, folder};

/// Sinks for X servers are a package of their own.
const X: &str = "gstreamer1.0-x";

/// Without these nothing can be shown.
const NEEDED: [Plugin; 7] = [
    Plugin::new("coreelements", CORE, "reading files"),
    Plugin::new("typefindfunctions", BASE, "telling formats apart"),
    Plugin::new("playback", BASE, "finding decoders"),
    Plugin::new("app", BASE, "handing frames over"),
    Plugin::new("videoconvertscale", BASE, "sizes and colours"),
    Plugin::new("videofilter", GOOD, "turning"),
    Plugin::new("videocrop", GOOD, "cutting"),
];

/// Each of these is for some files.
const WANTED: [Plugin; 33] = [
    Plugin::new("pango", X, "words on the screen"),
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
    Plugin::new("video4linux2", GOOD, "the board's own decoders"),
    Plugin::new("v4l2codecs", BAD, "the board's own decoders, stateless"),
    Plugin::new("jpeg", GOOD, "JPEG"),
    Plugin::new("png", GOOD, "PNG"),
    Plugin::new("webp", BAD, "WebP"),
    Plugin::new("gdkpixbuf", GOOD, "GIF and other pictures"),
    Plugin::new("alphacolor", BAD, "pictures that can be seen through"),
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

/// Starts GStreamer and loads what decodes.
///
/// # Errors
/// In words: it cannot start, or what nothing works without is not there.
pub fn load() -> Result<(), String> {
    gst::init().map_err(|e| format!("GStreamer does not start: {e}"))?;
    let folder = folder()?;
    if let Some(plugin) = NEEDED.iter().find(|plugin| !plugin.load(&folder)) {
        return Err(format!("GStreamer cannot do \"{}\" here: install {}", plugin.what, plugin.package));
    }
    for plugin in WANTED {
        plugin.load(&folder);
    }
    Ok(())
}

/// Loads what a sink needs.
///
/// # Errors
/// In words: it is not installed.
pub fn load_sink(sink: Sink) -> Result<(), String> {
    let folder = folder()?;
    match SINKS.iter().find(|(of, _)| *of == sink) {
        Some((_, plugin)) if !plugin.load(&folder) => Err(format!("install {}", plugin.package)),
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
