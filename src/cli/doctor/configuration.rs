//! Whether a configuration can be read, and whether what it names is there.

use std::fs;
use std::path::Path;

use super::report::Finding;
use super::sound::{Tried, try_to_open};
use crate::audio::output;
use crate::config::{Config, ConfigError};
use crate::control::group;

/// All of it.
pub(super) fn look(config: Result<Config, ConfigError>) -> Vec<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let finding = Finding::wrong(error.to_string()).costs("the device does not start with it");
            return vec![finding.remedy("put it right; `orchestrion run --help` shows an example")];
        }
    };
    let mut all = vec![Finding::fine("the configuration can be read")];
    all.extend(config.music.iter().map(|path| music(path)));
    if config.music.is_empty() && config.release.is_none() {
        let finding = Finding::note("it names no music").costs("only what is added by hand plays");
        all.push(finding.remedy("music = [\"/srv/music\"]"));
    }
    all.extend(outputs(&config.outputs, &try_to_open(&config.outputs)));
    all.extend(config.socket_group.as_deref().map(socket_group));
    all
}

fn music(path: &Path) -> Finding {
    let shown = path.display();
    let read = fs::metadata(path).and_then(|found| {
        if found.is_dir() {
            fs::read_dir(path).map(|mut entries| entries.next().is_some())
        } else {
            fs::File::open(path).map(|_| true)
        }
    });
    match read {
        Ok(true) => Finding::fine(format!("music: {shown}")),
        Ok(false) => {
            Finding::note(format!("music: {shown} is empty")).remedy("put music into it, or mount its disk")
        }
        Err(error) => Finding::wrong(format!("music: {shown}: {error}"))
            .costs("nothing of it plays")
            .remedy("correct the path, mount its disk, or let this user read it"),
    }
}

fn outputs(names: &[String], tried: &[Tried]) -> Vec<Finding> {
    let tried = names.iter().zip(tried.iter().map(|how| *how == Tried::Opens)).collect::<Vec<_>>();
    let one_is_there = tried.iter().any(|(name, there)| *there && *name != output::NULL);
    let tell = |(name, there): &(&String, bool)| {
        if *there {
            return Finding::fine(format!("output {name}"));
        }
        let what = format!("output {name} cannot be opened now");
        if one_is_there {
            return Finding::note(what)
                .costs("another one of the list is used")
                .remedy("plug it in; `orchestrion outputs`");
        }
        let finding = Finding::wrong(what).costs("everything plays on `null`: nobody hears it");
        finding.remedy("plug it in, or name one of `orchestrion outputs`")
    };
    tried.iter().map(tell).collect()
}

fn socket_group(name: &str) -> Finding {
    match group::number_of(name) {
        Ok(Some(_)) => Finding::fine(format!("socket group {name}")),
        Ok(None) => Finding::wrong(format!("there is no group \"{name}\""))
            .costs("nobody can control the device")
            .remedy(format!("sudo groupadd --system {name}")),
        Err(error) => Finding::note(format!("/etc/group: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Mark;
    use super::*;

    #[test]
    fn each_music_path_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(music(dir.path()).mark, Mark::Note, "it is empty");
        fs::write(dir.path().join("a.m3u8"), "").unwrap();
        assert_eq!(music(dir.path()).mark, Mark::Fine);
        assert_eq!(music(&dir.path().join("a.m3u8")).mark, Mark::Fine);
        assert_eq!(music(&dir.path().join("missing")).mark, Mark::Wrong);
    }

    #[test]
    fn one_output_of_the_list_is_enough() {
        let marks = |there: [Tried; 2]| -> Vec<Mark> {
            let names = ["alsa:a".to_owned(), "alsa:b".to_owned()];
            outputs(&names, &there).iter().map(|finding| finding.mark).collect()
        };
        assert_eq!(marks([Tried::Refuses, Tried::Opens]), [Mark::Note, Mark::Fine]);
        assert_eq!(marks([Tried::Refuses, Tried::Hangs]), [Mark::Wrong, Mark::Wrong]);
    }

    #[test]
    fn a_wrong_file_and_an_unknown_group_need_a_remedy() {
        let error = ConfigError::Wrong { path: "a.toml".into(), problem: "line 2".into() };
        assert!(look(Err(error))[0].what.contains("a.toml: line 2"));
        assert_eq!(socket_group("root").mark, Mark::Fine);
        assert!(socket_group("no-such-group-here").remedy.contains("groupadd"));
    }
}
