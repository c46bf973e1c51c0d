//! Whether sound can come out: the library, the cards, the rights, the outputs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use orchestrion_protocol::status::Output;
use rustix::fs::{Access, access};

use super::report::Finding;
use crate::audio::output;
use crate::control::group;

/// Outputs that are told one by one; a card has about ten.
const OUTPUTS_SHOWN_MAX: usize = 24;
/// How long an output may take to open; it takes some milliseconds.
const OPEN_MAX: Duration = Duration::from_secs(4);
/// Where ALSA's own definitions lie, without which it knows no output.
#[cfg(feature = "sound")]
const ALSA_CONFIGURATION: &str = "/usr/share/alsa/alsa.conf";
const DEVICES: &str = "/dev/snd";
const CARDS: &str = "/proc/asound/cards";
const SILENCE: &str = "everything plays on `null`: nobody hears it";

/// All of it. `device` asks the device that runs here where it plays.
pub(super) fn look(device: impl FnOnce() -> Option<Output>) -> Vec<Finding> {
    let mut all = library();
    all.extend(cards(&fs::read_to_string(CARDS).unwrap_or_default()));
    all.extend(rights(Path::new(DEVICES)));
    let listed = real_outputs();
    all.extend(servers(&listed, |name| std::env::var(name).ok().filter(|value| !value.is_empty())));
    let names: Vec<String> = listed.iter().map(|listed| listed.name.clone()).collect();
    let tried: Vec<_> = listed.into_iter().zip(try_to_open(&names)).collect();
    all.extend(outputs(&tried, device()));
    all
}

/// What became of the attempt to open an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    Opens,
    Refuses,
    /// It did neither in [`OPEN_MAX`].
    Hangs,
}

/// Opens outputs without using them, all at a time and each on a thread of its own.
pub(super) fn try_to_open(names: &[String]) -> Vec<Tried> {
    let begin = |name: &String| {
        let (name, (told, tried)) = (name.clone(), channel());
        let _ =
            thread::Builder::new().name("output".into()).spawn(move || told.send(output::is_there(&name)));
        tried
    };
    let waiting: Vec<_> = names.iter().map(begin).collect();
    let deadline = Instant::now() + OPEN_MAX;
    let end = |tried: Receiver<bool>| {
        match tried.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(true) => Tried::Opens,
            // A thread that died or was never made has opened nothing.
            Ok(false) | Err(RecvTimeoutError::Disconnected) => Tried::Refuses,
            Err(RecvTimeoutError::Timeout) => Tried::Hangs,
        }
    };
    waiting.into_iter().map(end).collect()
}

/// The outputs that somebody can hear, if they work.
pub(super) fn real_outputs() -> Vec<output::Listed> {
    output::list().into_iter().filter(|listed| listed.name != output::NULL).collect()
}

/// What can be said of the outputs, and of where the device plays that runs here.
fn outputs(tried: &[(output::Listed, Tried)], device: Option<Output>) -> Vec<Finding> {
    let those = |wanted: Tried| tried.iter().filter(move |(_, how)| *how == wanted).map(|(listed, _)| listed);
    let names = |wanted: Tried| {
        let names: Vec<&str> =
            those(wanted).map(|listed| listed.name.as_str()).take(OUTPUTS_SHOWN_MAX).collect();
        names.join(", ")
    };
    let mut all: Vec<Finding> = those(Tried::Opens)
        .take(OUTPUTS_SHOWN_MAX)
        .map(|listed| Finding::fine(format!("output {}: {}", listed.name, listed.description.trim())))
        .collect();
    let rest = those(Tried::Opens).count().saturating_sub(OUTPUTS_SHOWN_MAX);
    if rest > 0 {
        all.push(Finding::fine(format!("{rest} more outputs: `orchestrion outputs`")));
    }
    match &device {
        Some(device) if device.audible => {
            all.push(Finding::fine(format!("the device plays to {}", device.name)))
        }
        Some(device) => {
            let problem = device.problem.clone().unwrap_or_default();
            let finding = Finding::wrong(format!("the device plays to {}: {problem}", device.name))
                .costs("nobody hears it");
            all.push(finding.remedy("name an output that works in its configuration, then send it SIGHUP"));
        }
        None if all.is_empty() => {
            let finding = Finding::wrong("no sound output can be opened").costs(SILENCE);
            all.push(
                finding.remedy("plug in a sound card or start a sound server, then `orchestrion outputs`"),
            );
        }
        None => {}
    }
    let (refuse, hang) = (names(Tried::Refuses), names(Tried::Hangs));
    if !refuse.is_empty() {
        let finding = Finding::note(format!("cannot be opened now: {refuse}"));
        all.push(finding.costs("a list of outputs passes over them while they are in use or not plugged in"));
    }
    if !hang.is_empty() {
        let finding =
            Finding::wrong(format!("neither opens nor refuses within {} s: {hang}", OPEN_MAX.as_secs()));
        all.push(
            finding
                .costs("a device that uses it hangs as well")
                .remedy("restart the sound server, or plug the card in anew"),
        );
    }
    all
}

#[cfg(feature = "sound")]
fn library() -> Vec<Finding> {
    // The program does not start without the library; its definitions are a package of their own.
    let named = std::env::var_os("ALSA_CONFIG_PATH").map(PathBuf::from);
    let path = named.unwrap_or_else(|| ALSA_CONFIGURATION.into());
    if path.is_file() {
        return vec![Finding::fine(format!("ALSA's library and its definitions ({})", path.display()))];
    }
    let what = format!("ALSA's definitions are missing ({})", path.display());
    vec![Finding::wrong(what).costs("no output is found").remedy("sudo apt-get install libasound2-data")]
}

#[cfg(not(feature = "sound"))]
fn library() -> Vec<Finding> {
    let finding = Finding::wrong("this program was built without sound").costs(SILENCE);
    vec![finding.remedy("cargo build --release --features sound")]
}

/// The cards by the kernel's list: ` 0 [Device         ]: USB-Audio - USB Audio Device`, each followed by a line more.
fn cards(list: &str) -> Vec<Finding> {
    let cards: Vec<&str> = list
        .lines()
        .filter(|line| line.contains("]: "))
        .filter_map(|line| line.split_once(" - ").map(|(_, name)| name.trim()))
        .collect();
    if cards.is_empty() {
        let finding = Finding::note("the kernel knows no sound card")
            .costs("sound only by a sound server, if one runs");
        return vec![finding.remedy("plug one in, or load its driver; `cat /proc/asound/cards` lists them")];
    }
    cards.into_iter().map(|card| Finding::fine(format!("sound card: {card}"))).collect()
}

/// Whether this user may play on the cards.
fn rights(devices: &Path) -> Option<Finding> {
    let nodes = fs::read_dir(devices).ok()?.flatten().map(|entry| entry.path());
    // pcmC0D0p is what plays on card 0; those with `c` record.
    let mut playing =
        nodes.filter(|node| node.to_str().is_some_and(|name| name.contains("/pcmC") && name.ends_with('p')));
    let first = playing.next()?;
    let closed = std::iter::once(&first)
        .chain(&playing.collect::<Vec<_>>())
        .find(|node| access(node.as_path(), Access::READ_OK | Access::WRITE_OK).is_err())
        .cloned();
    let Some(closed) = closed else {
        return Some(Finding::fine(format!("this user may use the cards ({})", devices.display())));
    };
    let group = fs::metadata(&closed).map_or_else(|_| "audio".to_owned(), |node| group::name_of(node.gid()));
    let finding = Finding::wrong(format!("this user may not use {}", closed.display())).costs(SILENCE);
    Some(finding.remedy(format!("sudo usermod -aG {group} $USER, then log in again")))
}

/// How a sound server is reached: by itself, by ALSA's bridge to it, or by neither.
fn servers(outputs: &[output::Listed], variable: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from).unwrap_or_default();
    let pulse = match variable("PULSE_SERVER") {
        Some(server) => Path::new(server.trim_start_matches("unix:")).exists(),
        None => runtime.join("pulse/native").exists(),
    };
    let known = [
        ("PulseAudio", pulse, "libasound_module_pcm_pulse.so", "libasound2-plugins"),
        (
            "PipeWire",
            runtime.join("pipewire-0").exists(),
            "libasound_module_pcm_pipewire.so",
            "pipewire-alsa",
        ),
    ];
    let is_spoken_to = outputs.iter().any(|output| output.name == "pulse:default");
    let mut all = Vec::new();
    for (name, _, plugin, package) in known.into_iter().filter(|(_, runs, ..)| *runs) {
        if plugin_is_there(plugin) {
            all.push(Finding::fine(format!("{name} runs, and ALSA can play to it")));
        } else if is_spoken_to {
            all.push(Finding::fine(format!("{name} runs, and `pulse:default` plays to it")));
        } else {
            let what = format!("{name} runs, but ALSA's bridge to it is missing");
            let finding = if outputs.is_empty() { Finding::wrong(what) } else { Finding::note(what) };
            all.push(
                finding
                    .costs(format!("no sound by {name}"))
                    .remedy(format!("sudo apt-get install {package}")),
            );
        }
    }
    all
}

/// `/usr/lib/TRIPLE/alsa-lib/NAME`, where distributions put it.
fn plugin_is_there(name: &str) -> bool {
    let beside = |library: PathBuf| library.join("alsa-lib").join(name).is_file();
    ["/usr/lib", "/usr/lib64", "/usr/local/lib"].into_iter().any(|library| {
        let below = fs::read_dir(library).into_iter().flatten().flatten().map(|entry| entry.path());
        beside(library.into()) || below.into_iter().any(beside)
    })
}

#[cfg(test)]
mod tests {
    use super::super::report::Mark;
    use super::*;

    #[test]
    fn cards_are_read_as_the_kernel_lists_them() {
        let list = " 0 [vc4hdmi        ]: vc4-hdmi - vc4-hdmi\n                      vc4-hdmi\n 1 [Device         ]: USB-Audio - USB Audio Device\n                      C-Media at usb-1.2, full speed\n";
        let whats: Vec<String> = cards(list).into_iter().map(|finding| finding.what).collect();
        assert_eq!(whats, ["sound card: vc4-hdmi", "sound card: USB Audio Device"]);
        assert_eq!(cards("--- no soundcards ---\n")[0].mark, Mark::Note);
    }

    #[test]
    fn a_card_that_this_user_may_not_use_names_the_group() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(rights(dir.path()), None, "without a card there is nothing to open");
        fs::write(dir.path().join("pcmC0D0p"), "").unwrap();
        assert_eq!(rights(dir.path()).unwrap().mark, Mark::Fine);
        // Also root cannot use what is not there any more.
        std::os::unix::fs::symlink(dir.path().join("gone"), dir.path().join("pcmC1D0p")).unwrap();
        let finding = rights(dir.path()).unwrap();
        assert!(finding.mark == Mark::Wrong && finding.remedy.contains("usermod -aG"), "{finding:?}");
    }

    #[test]
    fn an_output_that_can_be_opened_or_a_device_that_is_heard_is_enough() {
        let device = |audible| Output { name: "alsa:a".into(), audible, rate_hz: 48_000, problem: None };
        let worst = |tried: &[Tried], device| {
            let listed = output::Listed { name: "alsa:a".into(), description: "A".into() };
            let tried: Vec<_> = tried.iter().map(|how| (listed.clone(), *how)).collect();
            outputs(&tried, device).iter().map(|finding| finding.mark).max().unwrap_or(Mark::Fine)
        };
        assert_eq!(worst(&[Tried::Opens], None), Mark::Fine);
        assert_eq!(worst(&[Tried::Opens, Tried::Refuses], None), Mark::Note);
        assert_eq!(worst(&[Tried::Opens, Tried::Hangs], None), Mark::Wrong);
        assert_eq!(worst(&[Tried::Refuses], None), Mark::Wrong);
        assert_eq!(worst(&[], None), Mark::Wrong);
        assert_eq!(worst(&[Tried::Refuses], Some(device(true))), Mark::Note, "it holds the card");
        assert_eq!(worst(&[Tried::Opens], Some(device(false))), Mark::Wrong, "it plays to nobody");
    }

    #[test]
    fn a_sound_server_is_found_by_its_socket() {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().display().to_string();
        let with = |server: Option<&str>| {
            servers(&[], |name| match name {
                "XDG_RUNTIME_DIR" => Some(runtime.clone()),
                "PULSE_SERVER" => server.map(str::to_owned),
                _ => None,
            })
        };
        assert_eq!(with(None), []);
        fs::write(dir.path().join("pa.sock"), "").unwrap();
        let found = with(Some(&format!("unix:{runtime}/pa.sock")));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.starts_with("PulseAudio runs"));
        // Whether the bridge is installed is the machine's business; both are told rightly.
        assert_eq!(found[0].mark == Mark::Fine, plugin_is_there("libasound_module_pcm_pulse.so"));
        let itself = output::Listed { name: "pulse:default".into(), description: "its own".into() };
        let found = servers(&[itself], |name| (name == "PULSE_SERVER").then(|| format!("{runtime}/pa.sock")));
        assert_eq!(found[0].mark, Mark::Fine, "no bridge is needed");
    }
}
