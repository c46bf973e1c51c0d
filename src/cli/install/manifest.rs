//! What an installation has put where, as a file beside it: so that what is taken off is that and nothing else, also by a later version.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

/// Where it lies, from the root.
const PATH: &str = "usr/lib/orchestrion/installed";
/// Lines of it that are read.
const LINES_MAX: usize = 256;

/// What one thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thing {
    /// A folder that was not there.
    Folder,
    /// A file with this content.
    File(String),
    /// A link.
    Link,
}

/// All things, by their paths from the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    pub things: BTreeMap<PathBuf, Thing>,
}

/// Where it lies under a root.
pub fn path(root: &Path) -> PathBuf {
    root.join(PATH)
}

/// The name of a content.
pub fn name_of(bytes: &[u8]) -> String {
    let mut name = String::new();
    for byte in Sha256::digest(bytes) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

impl Manifest {
    /// What was installed; nothing where there is no manifest.
    ///
    /// # Errors
    /// It cannot be read, is somebody else's, or says what it never would: then nothing is taken off by it.
    pub fn read(root: &Path) -> anyhow::Result<Self> {
        let path = path(root);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        // Root takes off what it lists, so nobody else may have written it.
        let writer = std::fs::metadata(&path).with_context(|| path.display().to_string())?.uid();
        let user = rustix::process::geteuid();
        if user.is_root() && writer != user.as_raw() {
            bail!("{}: it belongs to the user {writer}, so it is not believed", path.display());
        }
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        if text.lines().count() > LINES_MAX {
            bail!("it has more than {LINES_MAX} lines, which none of ours has");
        }
        let mut things = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let mut words = line.splitn(3, ' ');
            let (kind, name, path) = (words.next(), words.next(), words.next());
            let (Some(kind), Some(name), Some(path)) = (kind, name, path) else {
                bail!("line {}: it is damaged", index + 1)
            };
            let thing = match kind {
                "folder" => Thing::Folder,
                "file" => Thing::File(name.to_owned()),
                "link" => Thing::Link,
                _ => bail!("line {}: it is damaged", index + 1),
            };
            let path = PathBuf::from(path);
            if !path.components().all(|part| matches!(part, Component::Normal(_))) {
                bail!("line {}: it leads elsewhere", index + 1);
            }
            things.insert(path, thing);
        }
        Ok(Self { things })
    }

    /// As it is written.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (path, thing) in &self.things {
            let (kind, name) = match thing {
                Thing::Folder => ("folder", "-"),
                Thing::File(name) => ("file", name.as_str()),
                Thing::Link => ("link", "-"),
            };
            let _ = writeln!(text, "{kind} {name} {}", path.display());
        }
        text
    }

    /// Whether nothing was installed.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// Whether a file is as it was installed.
    pub fn has(&self, path: &Path, bytes: &[u8]) -> bool {
        self.things.get(path) == Some(&Thing::File(name_of(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_leads_elsewhere_is_refused() {
        let mut manifest = Manifest::default();
        manifest.things.insert("srv/music".into(), Thing::Folder);
        manifest.things.insert("usr/bin/a b".into(), Thing::File(name_of(b"x")));
        manifest.things.insert("etc/l".into(), Thing::Link);
        assert_eq!(Manifest::parse(&manifest.text()).unwrap(), manifest);
        assert!(
            manifest.has(Path::new("usr/bin/a b"), b"x") && !manifest.has(Path::new("usr/bin/a b"), b"y")
        );
        for wrong in ["file - /etc/passwd", "file - ../etc/passwd", "file", "song - a", "file - a/../../b"] {
            assert!(Manifest::parse(wrong).is_err(), "{wrong}");
        }
        assert!(Manifest::parse(&"link - a\n".repeat(LINES_MAX + 1)).is_err());
    }
}
