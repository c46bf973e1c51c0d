//! Puts things under a root and takes them off. A file is there whole or not at all, and the manifest names it before it is.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::manifest::{self, Manifest, Thing, name_of};
use super::plan::{File, Plan, Whose};

/// What a device leaves behind when it has run, from the root; taken off with all that lies in it.
const LEFT_BEHIND: [&str; 5] = [
    "var/lib/orchestrion",
    "var/lib/orchestrion-watchdog",
    "run/orchestrion",
    "run/orchestrion-watchdog",
    "etc/orchestrion",
];

/// Looks whether something of somebody else lies where ours is to go.
///
/// # Errors
/// It does.
pub fn check(root: &Path, plan: &Plan, known: &Manifest) -> anyhow::Result<()> {
    for file in plan.files.iter().filter(|file| file.whose == Whose::Ours) {
        let path = root.join(&file.path);
        let is_known = known.things.contains_key(&file.path);
        match fs::read(&path) {
            Ok(found) if !is_known && found != file.bytes => bail!(
                "{} is there already, and was not put there by this; take off what it belongs to, or move it away",
                path.display()
            ),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    Ok(())
}

/// Puts everything there; what another version has put and this one has not is taken off.
///
/// # Errors
/// A path, and what the system says about it. What was put so far stands in the manifest.
pub fn install(root: &Path, plan: &Plan, known: Manifest) -> anyhow::Result<()> {
    let mut work = Work { root, manifest: known.clone() };
    work.folder(manifest_folder())?;
    plan.folders.iter().try_for_each(|folder| work.folder(folder))?;
    for file in &plan.files {
        work.file(file, &known)?;
    }
    for link in &plan.links {
        work.parent(&link.path)?;
        work.remember(&link.path, Thing::Link)?;
        let path = root.join(&link.path);
        remove_if_there(&path, |path| fs::remove_file(path))?;
        symlink(&link.target, &path).with_context(|| path.display().to_string())?;
    }
    let is_planned = |path: &Path| {
        plan.files.iter().any(|file| file.path == path) || plan.links.iter().any(|link| link.path == path)
    };
    let old = known.things.keys().filter(|path| known.things[*path] != Thing::Folder && !is_planned(path));
    for path in old {
        remove_if_there(&root.join(path), |path| fs::remove_file(path))?;
        work.manifest.things.remove(path);
    }
    work.save()
}

fn manifest_folder() -> &'static Path {
    Path::new("usr/lib/orchestrion")
}

struct Work<'a> {
    root: &'a Path,
    manifest: Manifest,
}

impl Work<'_> {
    fn save(&self) -> anyhow::Result<()> {
        write(&manifest::path(self.root), self.manifest.text().as_bytes(), 0o644)
    }

    /// Whatever comes in between, what is there is known.
    fn remember(&mut self, path: &Path, thing: Thing) -> anyhow::Result<()> {
        let before = self.manifest.things.insert(path.to_owned(), thing.clone());
        if before == Some(thing) { Ok(()) } else { self.save() }
    }

    fn parent(&mut self, path: &Path) -> anyhow::Result<()> {
        path.parent().map_or(Ok(()), |parent| self.folder(parent))
    }

    /// Makes a folder and those above it, and remembers those that were not there.
    fn folder(&mut self, folder: &Path) -> anyhow::Result<()> {
        let above: Vec<&Path> = folder.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
        for path in above.into_iter().rev() {
            let here = self.root.join(path);
            match fs::create_dir(&here) {
                Ok(()) => {
                    fs::set_permissions(&here, fs::Permissions::from_mode(0o755))?;
                    self.manifest.things.insert(path.to_owned(), Thing::Folder);
                }
                Err(_) if here.is_dir() => {}
                Err(error) => return Err(error).with_context(|| here.display().to_string()),
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &File, known: &Manifest) -> anyhow::Result<()> {
        self.parent(&file.path)?;
        let path = self.root.join(&file.path);
        if file.whose == Whose::Theirs
            && let Ok(found) = fs::read(&path)
        {
            if found != file.bytes && !known.has(&file.path, &found) {
                log::warn!("{} stays as it is", path.display());
            }
            return Ok(());
        }
        self.remember(&file.path, Thing::File(name_of(&file.bytes)))?;
        write(&path, &file.bytes, file.mode)
    }
}

/// Writes a file beside its place and puts it there at once, on the disk.
fn write(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let beside = path.with_file_name(format!(
        ".{}.new",
        path.file_name().and_then(|name| name.to_str()).unwrap_or("file")
    ));
    let put = || -> io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    put().inspect_err(|_| drop(fs::remove_file(&beside))).with_context(|| path.display().to_string())
}

/// What is to be taken off.
#[derive(Debug)]
pub struct Removal {
    /// Files and links.
    files: Vec<PathBuf>,
    /// Folders that were not there before, the innermost first; only if they are empty.
    folders: Vec<PathBuf>,
    /// With all that lies in them.
    trees: Vec<PathBuf>,
    /// Changed by somebody.
    kept: Vec<PathBuf>,
}

impl Removal {
    /// Of what was installed.
    pub fn new(root: &Path, known: &Manifest, purge: bool) -> Self {
        let mut removal =
            Self { files: Vec::new(), folders: Vec::new(), trees: Vec::new(), kept: Vec::new() };
        // Backwards, so that what lies in a folder comes before it.
        for (path, thing) in known.things.iter().rev() {
            let here = root.join(path);
            match thing {
                Thing::Folder => removal.folders.push(here),
                Thing::Link => removal.files.push(here),
                Thing::File(name) => {
                    let is_theirs = path.starts_with("etc")
                        && fs::read(&here).is_ok_and(|found| name_of(&found) != *name);
                    if is_theirs && !purge {
                        removal.kept.push(here);
                    } else {
                        removal.files.push(here);
                    }
                }
            }
        }
        removal.files.push(manifest::path(root));
        if purge {
            removal.trees = LEFT_BEHIND.map(|path| root.join(path)).into();
        }
        removal
    }

    /// What would be taken off, a line each.
    pub fn words(&self) -> impl Iterator<Item = String> {
        let files = self.files.iter().map(|path| format!("remove {}", path.display()));
        let trees = self.trees.iter().map(|path| format!("remove {} with all in it", path.display()));
        let folders = self.folders.iter().map(|path| format!("remove {} if it is empty", path.display()));
        let kept =
            self.kept.iter().map(|path| format!("keep   {}, since somebody changed it", path.display()));
        kept.chain(files).chain(trees).chain(folders)
    }

    /// Takes it off; gives what was kept.
    ///
    /// # Errors
    /// A path, and what the system says about it.
    pub fn carry_out(self) -> anyhow::Result<Vec<PathBuf>> {
        self.files.iter().try_for_each(|path| remove_if_there(path, |path| fs::remove_file(path)))?;
        self.trees.iter().try_for_each(|path| remove_if_there(path, |path| fs::remove_dir_all(path)))?;
        for folder in &self.folders {
            match fs::remove_dir(folder) {
                Ok(()) => {}
                // Somebody uses it.
                Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => {}
                Err(error) => return Err(error).with_context(|| folder.display().to_string()),
            }
        }
        Ok(self.kept)
    }
}

fn remove_if_there(path: &Path, remove: impl Fn(&Path) -> io::Result<()>) -> anyhow::Result<()> {
    match remove(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
