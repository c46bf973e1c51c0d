//! `orchestrion release build`: from a program and its music to a folder that can be served.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use orchestrion_program::model::{BlobId, Library, Recording, RecordingId};
use orchestrion_program::{Absolute, Date, Resolved, TimeOfDay, check};
use orchestrion_protocol::release::{
    Blob, Digest, Edition, FIRST_LEN, Kind, Manifest, OFFER_NAME, RELEASE_VERSION, blob_path, manifest_path,
};

use super::folder::{self, Folder};
use super::keys::secret;
use super::progress::Progress;
use super::write::{copy, hash, replace};
use super::{bytes, counted};
use crate::audio::tags;
use crate::cli::text::clean;
use crate::program::{below, read_limited, take_folders};
use crate::time::{Clock, SystemClock};

/// What a program is called in a folder.
const PROGRAM_NAME: &str = "program.json";
/// Missing files that are named; the rest is counted.
const MISSING_NAMED_MAX: usize = 10;

/// `orchestrion release build`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion release build ~/Music --key ~/keys/cafes.key --out /var/www/leeds-1
  orchestrion release build program.json --key cafes.key --out out --starts 2026-12-01T06:00:00Z

SOURCE is a program, or a folder with program.json in it. Each file that the program names or finds in
its folders is copied once, under the SHA-256 of its content. release.json is written last, so a device
that asks meanwhile gets the release before, whole.

The number is one more than that of the release in DIR. To go back, build the old program again: it
gets a new number. After DIR was lost or restored from a backup, raise the epoch: --epoch 2.

Serve DIR with anything that serves files; ranges (206) and strong ETags make downloads resume.

Exit codes: 0 built, 1 not built, 2 typed wrongly.")]
pub struct BuildArgs {
    /// The program, or the folder that it lies in
    #[arg(value_name = "FOLDER|PROGRAM")]
    source: PathBuf,
    /// The secret key that signs it
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where it is made; the same folder each time
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The place that it is for, if not the one of the program
    #[arg(long, value_name = "ID")]
    place: Option<String>,
    /// Its number; one more than the last in DIR if not said
    #[arg(long)]
    number: Option<u64>,
    /// Its epoch; that of the last in DIR if not said
    #[arg(long)]
    epoch: Option<u64>,
    /// From when on it is to be played, as 2026-12-01T06:00:00Z; at once if not said
    #[arg(long, value_name = "TIME", value_parser = instant)]
    starts: Option<Absolute>,
    /// Leave out recordings whose files are not there, instead of failing
    #[arg(long)]
    without_missing: bool,
}

impl BuildArgs {
    pub(super) fn run(self) -> Result<String, String> {
        let key = secret(&self.key)?;
        let file = self.program()?;
        let mut program = read_program(&file)?;
        if let Some(place) = &self.place {
            program.place.id = place.as_str().into();
        }
        let edition = self.edition(&program)?;
        let base = file.parent().unwrap_or(Path::new("")).to_owned();
        let base = std::path::absolute(&base).unwrap_or(base);
        let mut notes = Vec::new();
        let (catalogue, files) = self.stock(&mut program, &base, &mut notes)?;
        let (blobs, taken) = self.take(&files)?;
        let catalogue = named(catalogue, &taken);
        let wall = SystemClock.now().wall.map(|wall| Absolute(wall.0));
        let manifest = Manifest {
            v: RELEASE_VERSION,
            edition,
            place: program.place.id.clone(),
            made_utc_ms: wall,
            starts_utc_ms: self.starts,
            program,
            catalogue,
            blobs,
        };
        let serial = folder::last_keys(&self.out)?.map_or(0, |keys| keys.serial());
        let (text, offer) = manifest.seal(&key, serial).map_err(|refusal| refusal.to_string())?;
        replace(&self.out.join(manifest_path(&offer.manifest)), &text)?;
        // Last, so that what it names is there.
        replace(&self.out.join(OFFER_NAME), &offer.bytes())?;
        let mut lines = vec![
            format!("Built: {edition} for {}", clean(manifest.place.as_str())),
            format!(
                "  content   {}, {} in {}",
                counted(manifest.catalogue.recordings.len(), "recording"),
                bytes(manifest.blob_bytes()),
                counted(manifest.blobs.len(), "file")
            ),
            format!("  new here  {} in {}", bytes(taken.copied_bytes), counted(taken.copied, "file")),
            format!("  signed    by the key {}", offer.key),
            format!("  folder    {}", clean(&self.out.display().to_string())),
        ];
        lines.extend(notes.iter().map(|note| format!("  left out  {}", clean(note))));
        Ok(lines.join("\n") + "\n")
    }

    fn program(&self) -> Result<PathBuf, String> {
        if !self.source.is_dir() {
            return Ok(self.source.clone());
        }
        let file = self.source.join(PROGRAM_NAME);
        if file.exists() {
            return Ok(file);
        }
        let folder = self.source.display();
        Err(format!(
            "there is no {PROGRAM_NAME} in {folder}, so nobody knows when it is to be played; `orchestrion program init {folder} --clockless play` makes one to begin with"
        ))
    }

    /// Which release it will be.
    fn edition(&self, program: &Resolved) -> Result<Edition, String> {
        let last = if self.out.join(OFFER_NAME).exists() { Some(Folder::read(&self.out)?) } else { None };
        let Some(last) = last else {
            return Ok(Edition { epoch: self.epoch.unwrap_or(1), number: self.number.unwrap_or(1) });
        };
        if last.offer.place != program.place.id {
            return Err(format!(
                "{} has releases of the place \"{}\", and this is \"{}\"; each place needs a folder of its own (--out)",
                self.out.display(),
                last.offer.place,
                program.place.id
            ));
        }
        let held = last.offer.edition;
        let epoch = self.epoch.unwrap_or(held.epoch);
        let next = if epoch > held.epoch { 1 } else { held.number + 1 };
        let edition = Edition { epoch, number: self.number.unwrap_or(next) };
        if edition <= held {
            return Err(format!(
                "there is {held} already, and devices take nothing older than {edition} after it"
            ));
        }
        Ok(edition)
    }

    /// The catalogue with everything that lies in folders, and the files that it needs, each once.
    fn stock(
        &self,
        program: &mut Resolved,
        base: &Path,
        notes: &mut Vec<String>,
    ) -> Result<(Library, Vec<Source>), String> {
        let mut library = std::mem::take(&mut program.library);
        take_folders(&mut library, base, &|| false, notes);
        let mut files: Vec<Source> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        let mut missing: Vec<String> = Vec::new();
        let shown: HashSet<RecordingId> = program.shown(&library).cloned().collect();
        let mut absent: HashSet<RecordingId> = HashSet::new();
        for recording in &mut library.recordings {
            recording.blobs.clear();
            let mut found = Vec::new();
            for file in std::mem::take(&mut recording.files) {
                let path = below(base, &file);
                let size = path.as_deref().and_then(|path| fs::metadata(path).ok());
                let Some((path, size)) = path.zip(size.filter(|m| m.is_file() && m.len() > 0)) else {
                    missing.push(file);
                    continue;
                };
                let is_shown = shown.contains(&recording.id);
                if known.insert(file.clone()) {
                    let kind = if is_shown { for_screen(&path)? } else { Kind::Audio };
                    files.push(Source { name: file.clone(), path, size: size.len(), kind });
                }
                found.push(file);
            }
            if found.is_empty() {
                absent.insert(recording.id.clone());
            }
            recording.files = found;
        }
        if !missing.is_empty() && !self.without_missing {
            let named: Vec<&str> = missing.iter().take(MISSING_NAMED_MAX).map(String::as_str).collect();
            let more = if missing.len() > named.len() { ", …" } else { "" };
            return Err(format!(
                "{} below {} cannot be read or are empty: {}{more}; --without-missing makes a release without them",
                counted(missing.len(), "file"),
                base.display(),
                named.join(", ")
            ));
        }
        notes.extend(missing);
        library.recordings.retain(|recording| !absent.contains(&recording.id));
        for playlist in &mut library.playlists {
            playlist.folder = None;
            playlist.recordings.retain(|id| !absent.contains(id));
        }
        for shown in &mut library.loops {
            shown.folder = None;
            shown.items.retain(|item| !absent.contains(&item.recording));
        }
        Ok((library, files))
    }

    /// Copies what is not there.
    fn take(&self, files: &[Source]) -> Result<(Vec<Blob>, Taken), String> {
        let mut progress = Progress::new("reading", files.len(), files.iter().map(|file| file.size).sum());
        let mut taken = Taken::default();
        let mut blobs: Vec<Blob> = Vec::new();
        let mut listed: HashSet<Digest> = HashSet::new();
        for file in files {
            let mut each = |count| progress.bytes(count, &file.name);
            let (mut digest, mut size) = hash(&file.path, &mut each)?;
            let place = |digest: &Digest| self.out.join(blob_path(digest));
            let is_there = fs::metadata(place(&digest)).is_ok_and(|metadata| metadata.len() == size);
            if !is_there {
                // It is hashed again, since it may be changed meanwhile; what was copied counts.
                (digest, size) = copy(&file.path, &self.out.join("blobs"), place, &mut |_| ())?;
                taken.copied += 1;
                taken.copied_bytes += size;
            }
            progress.file_done();
            let duration_ms = tags::length_ms(&file.path);
            taken.names.insert(file.name.clone(), (digest, duration_ms));
            if listed.insert(digest) {
                blobs.push(Blob { sha256: digest, size, duration_ms, kind: file.kind });
            }
        }
        // The same content gives the same manifest, in whatever order folders are read.
        blobs.sort_by_key(|blob| blob.sha256);
        Ok((blobs, taken))
    }
}

/// A file that a release needs.
struct Source {
    name: String,
    path: PathBuf,
    size: u64,
    kind: Kind,
}

/// What became of the files.
#[derive(Default)]
struct Taken {
    names: HashMap<String, (Digest, Option<u64>)>,
    copied: usize,
    copied_bytes: u64,
}

/// The catalogue with blobs in the place of files.
fn named(mut catalogue: Library, taken: &Taken) -> Library {
    let name = |recording: &mut Recording| {
        let files = std::mem::take(&mut recording.files);
        let found: Vec<_> = files.iter().filter_map(|file| taken.names.get(file)).collect();
        recording.duration_ms = recording.duration_ms.or_else(|| found.iter().find_map(|(_, ms)| *ms));
        recording.blobs = found.iter().map(|(digest, _)| BlobId(digest.to_string())).collect();
        recording.blobs.dedup();
    };
    catalogue.recordings.iter_mut().for_each(name);
    catalogue
}

fn read_program(file: &Path) -> Result<Resolved, String> {
    let text = read_limited(file)
        .map_err(|reason| format!("the program {} cannot be read: {reason}", file.display()))?;
    check::parse(&text).map_err(|report| format!("the program {} is wrong: {report}", file.display()))
}

/// What a file of a loop is; one that is for no screen is told of now, and not by the screens.
fn for_screen(path: &Path) -> Result<Kind, String> {
    let refused = |reason: String| format!("{}: {reason}", path.display());
    let file = fs::File::open(path).map_err(|error| refused(error.to_string()))?;
    let mut first = Vec::new();
    file.take(FIRST_LEN as u64).read_to_end(&mut first).map_err(|error| refused(error.to_string()))?;
    Kind::of_screen(&first)
        .ok_or_else(|| refused("it is for screens, and begins like no film and no picture".into()))
}

/// `2026-12-01T06:00:00Z`: UTC, since a place's own time has hours that come twice.
fn instant(text: &str) -> Result<Absolute, String> {
    let read = || {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (date, time) = (date.parse::<Date>().ok()?, time.parse::<TimeOfDay>().ok()?);
        Some(Absolute(date.at(time).to_ms()))
    };
    read().ok_or_else(|| "write it as 2026-12-01T06:00:00Z, in UTC".to_owned())
}
