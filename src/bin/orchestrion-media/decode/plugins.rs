//! The plugins that are loaded, and the Debian packages that they come from.
//!
//! Only what stands here is ever loaded, by file, without GStreamer's registry: no scan of all plugins at the first start,
//! no cache that must be written somewhere, and no element in this process that could open a network address, write a file or drive a device.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use gstreamer as gst;

pub(crate) const CORE: &str = "libgstreamer1.0-0";
pub(crate) const BASE: &str = "gstreamer1.0-plugins-base";
pub(crate) const GOOD: &str = "gstreamer1.0-plugins-good";
pub(crate) const BAD: &str = "gstreamer1.0-plugins-bad";
pub(crate) const UGLY: &str = "gstreamer1.0-plugins-ugly";
pub(crate) const LIBAV: &str = "gstreamer1.0-libav";

/// Without these nothing can be decoded.
const NEEDED: [Plugin; 6] = [
    Plugin::new("coreelements", CORE, "reading files"),
    Plugin::new("typefindfunctions", BASE, "telling formats apart"),
    Plugin::new("playback", BASE, "finding decoders"),
    Plugin::new("audioconvert", BASE, "sample formats"),
    Plugin::new("audioresample", BASE, "sample rates"),
    Plugin::new("app", BASE, "handing samples over"),
];

/// Each of these is for some files.
const WANTED: [Plugin; 23] = [
    Plugin::new(
        "libav",
        LIBAV,
        "WMA, AC-3, E-AC-3, DTS, AAC and HE-AAC, TTA, APE, TAK, Musepack 8, MP2, AMR, DSD",
    ),
    Plugin::new("audioparsers", GOOD, "AAC (ADTS), AC-3, DTS, MP2, WavPack"),
    Plugin::new("isomp4", GOOD, "AAC in m4a, mp4, mov"),
    Plugin::new("asf", UGLY, "WMA (ASF files)"),
    Plugin::new("wavpack", GOOD, "WavPack"),
    Plugin::new("musepack", BAD, "Musepack 7 and 8"),
    Plugin::new("speex", GOOD, "Speex"),
    Plugin::new("ogg", BASE, "Ogg files"),
    Plugin::new("matroska", GOOD, "Matroska and WebM"),
    Plugin::new("id3demux", GOOD, "files with ID3 tags"),
    Plugin::new("apetag", GOOD, "files with APE tags"),
    Plugin::new("mpg123", GOOD, "MP1, MP2, MP3"),
    Plugin::new("vorbis", BASE, "Vorbis in other files than Ogg"),
    Plugin::new("opus", BASE, "Opus in other files than Ogg"),
    Plugin::new("flac", GOOD, "FLAC in Ogg"),
    Plugin::new("wavparse", GOOD, "other codecs in WAV"),
    Plugin::new("adpcmdec", BAD, "ADPCM in WAV"),
    Plugin::new("aiff", BAD, "other codecs in AIFF"),
    Plugin::new("auparse", GOOD, "Sun audio"),
    Plugin::new("avi", GOOD, "sound in AVI"),
    Plugin::new("flv", GOOD, "sound in Flash video"),
    Plugin::new("mpegtsdemux", BAD, "sound in MPEG-2 transport streams"),
    Plugin::new("openmpt", BAD, "module music"),
];

/// Which package brings the decoder for what GStreamer calls a missing one, by the beginning of its name.
const MISSING: [(&str, &str, &str); 14] = [
    ("video/x-ms-asf", "WMA", UGLY),
    ("audio/x-wma", "WMA", LIBAV),
    ("audio/x-ac3", "AC-3", LIBAV),
    ("audio/x-eac3", "E-AC-3", LIBAV),
    ("audio/x-dts", "DTS", LIBAV),
    ("audio/x-wavpack", "WavPack", GOOD),
    ("audio/x-musepack", "Musepack", BAD),
    ("audio/x-speex", "Speex", GOOD),
    ("audio/x-tta", "TTA", LIBAV),
    ("application/x-ape", "Monkey's Audio", LIBAV),
    ("audio/mpeg, mpegversion=(int)1", "MPEG audio", GOOD),
    ("audio/mpeg", "AAC", LIBAV),
    ("video/quicktime", "m4a", GOOD),
    ("audio/x-m4a", "m4a", GOOD),
];

/// One plugin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plugin {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) what: &'static str,
}

impl Plugin {
    pub(crate) const fn new(name: &'static str, package: &'static str, what: &'static str) -> Self {
        Self { name, package, what }
    }

    pub(crate) fn load(self, folder: &Path) -> bool {
        gst::Plugin::load_file(folder.join(format!("libgst{}.so", self.name))).is_ok()
    }
}

/// What could be loaded.
#[derive(Debug)]
pub struct Loaded {
    folder: PathBuf,
    absent: Vec<&'static str>,
}

/// Starts GStreamer and loads the plugins.
///
/// # Errors
/// In words: it cannot start, or what nothing works without is not there.
pub fn load() -> Result<Loaded, String> {
    gst::init().map_err(|e| format!("GStreamer does not start: {e}"))?;
    let folder = folder()?;
    if let Some(plugin) = NEEDED.iter().find(|plugin| !plugin.load(&folder)) {
        return Err(format!("GStreamer cannot do \"{}\" here: install {}", plugin.what, plugin.package));
    }
    let absent = WANTED.iter().filter(|plugin| !plugin.load(&folder)).map(|plugin| plugin.name).collect();
    Ok(Loaded { folder, absent })
}

/// Where the plugins are: beside GStreamer itself, wherever that was loaded from.
pub(crate) fn folder() -> Result<PathBuf, String> {
    let maps =
        fs::read_to_string("/proc/self/maps").map_err(|e| format!("cannot read /proc/self/maps: {e}"))?;
    maps.lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])))
        .find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libgstreamer-1.0.so"))
        })
        .and_then(Path::parent)
        .map(|folder| folder.join("gstreamer-1.0"))
        .ok_or_else(|| "cannot tell where GStreamer was loaded from".into())
}

impl Loaded {
    /// Words for what GStreamer says is missing (its caps, or the name of an element).
    pub fn missing(&self, detail: &str) -> String {
        let short: String = detail.split(", ").next().unwrap_or_default().chars().take(64).collect();
        if let Some((_, what, package)) = MISSING.iter().find(|(begin, ..)| detail.starts_with(begin)) {
            return format!("there is no decoder for {what} ({short}): install {package}");
        }
        let mut packages: Vec<_> = self.absent().map(|plugin| plugin.package).collect();
        packages.sort_unstable();
        packages.dedup();
        match packages.as_slice() {
            [] => format!("there is no decoder for it ({short})"),
            some => format!("there is no decoder for it ({short}): {} may have one", some.join(", ")),
        }
    }

    /// What people see of all this.
    pub fn table(&self) -> String {
        let mut table = format!("GStreamer's plugins in {}:\n", self.folder.display());
        for plugin in &WANTED {
            let state = match self.absent.contains(&plugin.name) {
                true => format!("missing: install {}", plugin.package),
                false => "there".into(),
            };
            let _ = writeln!(table, "  {:<14} {:<44} {state}", plugin.name, plugin.what);
        }
        table
    }

    fn absent(&self) -> impl Iterator<Item = &'static Plugin> + '_ {
        WANTED.iter().filter(|plugin| self.absent.contains(&plugin.name))
    }
}
