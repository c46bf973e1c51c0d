//! Which files play here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::report::Finding;

/// What the device decodes itself.
const NATIVE: &str = "FLAC, MP3, Opus, Ogg Vorbis, AAC and ALAC in m4a, WAV, AIFF";
/// The program that decodes the rest, by GStreamer.
const MEDIA: &str = "orchestrion-media";
/// How long it may take to say its version.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Of its answer, so many bytes are looked at.
const ANSWER_LEN_MAX: usize = 200;

/// What GStreamer needs for a format that the device leaves to it: file of the plugin, formats, Debian's package.
const PLUGINS: [(&str, &str, &str); 4] = [
    ("libgstlibav.so", "HE-AAC, WMA and AC-3", "gstreamer1.0-libav"),
    ("libgstwavpack.so", "WavPack", "gstreamer1.0-plugins-good"),
    ("libgstspeex.so", "Speex", "gstreamer1.0-plugins-good"),
    ("libgstmusepack.so", "Musepack", "gstreamer1.0-plugins-bad"),
];

/// All of it.
pub(super) fn look() -> Vec<Finding> {
    let mut all = vec![Finding::fine(format!("played by itself: {NATIVE}"))];
    all.extend(media(find(MEDIA).as_deref()));
    all
}

/// What is to be said of the program that decodes the rest, and of what it needs.
fn media(program: Option<&Path>) -> Vec<Finding> {
    let Some(program) = program else {
        let finding = Finding::note(format!("{MEDIA} is not here"))
            .costs("HE-AAC, WMA, AC-3, WavPack, Speex and Musepack do not play");
        return vec![finding.remedy(format!("put {MEDIA} beside orchestrion, or into a folder of $PATH"))];
    };
    let version = match answer(program) {
        Ok(version) => version,
        Err(problem) => {
            let what = format!("{} does not run: {problem}", program.display());
            let finding =
                Finding::wrong(what).costs("HE-AAC, WMA, AC-3, WavPack, Speex and Musepack do not play");
            return vec![finding.remedy("install it anew, of the same version as orchestrion")];
        }
    };
    let mut all = vec![Finding::fine(format!("{version} ({})", program.display()))];
    let folders = plugin_folders();
    for (plugin, formats, package) in PLUGINS {
        all.push(if folders.iter().any(|folder| folder.join(plugin).is_file()) {
            Finding::fine(format!("played by GStreamer: {formats}"))
        } else {
            Finding::note(format!("GStreamer's plugin {plugin} is missing"))
                .costs(format!("{formats} may not play"))
                .remedy(format!("sudo apt-get install {package}"))
        });
    }
    all
}

/// A program beside this one, or in a folder of `$PATH`.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = beside.into_iter().chain(std::env::split_paths(&path)).map(|folder| folder.join(name));
    found.into_iter().find(|file| {
        fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

/// What it says of its version. It is killed when it takes too long.
fn answer(program: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let deadline = Instant::now() + ANSWER_MAX;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("no answer within {} s", ANSWER_MAX.as_secs()));
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    // It has ended, so all that it said lies in the pipe; what it left running may hold that open, but not for a
    // read of what is there.
    let mut said = [0; ANSWER_LEN_MAX];
    let len = child.stdout.as_mut().map_or(Ok(0), |out| std::io::Read::read(out, &mut said));
    let said = String::from_utf8_lossy(&said[..len.unwrap_or(0)]).trim().to_owned();
    if said.is_empty() { Err("it says nothing".into()) } else { Ok(said) }
}

/// Where GStreamer looks for plugins.
pub(super) fn plugin_folders() -> Vec<PathBuf> {
    let named = |name| {
        std::env::var_os(name).into_iter().flat_map(|list| std::env::split_paths(&list).collect::<Vec<_>>())
    };
    let mut folders: Vec<PathBuf> = ["GST_PLUGIN_PATH_1_0", "GST_PLUGIN_PATH", "GST_PLUGIN_SYSTEM_PATH_1_0"]
        .into_iter()
        .flat_map(named)
        .collect();
    for library in ["/usr/lib", "/usr/lib64", "/usr/local/lib"] {
        let below = fs::read_dir(library).into_iter().flatten().flatten().map(|entry| entry.path());
        folders.extend(below.chain([library.into()]).map(|folder| folder.join("gstreamer-1.0")));
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::super::report::Mark;
    use super::*;

    /// A program that does what a shell script says.
    fn program(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join(format!("program{}", fs::read_dir(dir).unwrap().count()));
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn without_the_other_program_it_is_told_what_does_not_play() {
        let all = media(None);
        assert!(all[0].mark == Mark::Note && all[0].cost.contains("WavPack"), "{all:?}");
    }

    #[test]
    fn the_other_program_tells_its_version_and_one_that_fails_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        let all =
            media(Some(&program(dir.path(), "test \"$1\" = --version && echo orchestrion-media 0.1.0")));
        assert!(all[0].mark == Mark::Fine && all[0].what.starts_with("orchestrion-media 0.1.0"), "{all:?}");
        assert_eq!(all.len(), 1 + PLUGINS.len());
        for script in ["exit 3", "true", "kill -9 $$"] {
            let all = media(Some(&program(dir.path(), script)));
            assert!(all[0].mark == Mark::Wrong && all.len() == 1, "{script}: {all:?}");
        }
        let all = media(Some(&dir.path().join("missing")));
        assert_eq!(all[0].mark, Mark::Wrong, "{all:?}");
    }
}
