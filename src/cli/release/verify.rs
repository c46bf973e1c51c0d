//! `orchestrion release verify`: as a device would, and every file besides.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use orchestrion_protocol::release::{Expected, Keyring, Manifest, blob_path};

use super::folder::{self, Folder};
use super::keys::public;
use super::progress::Progress;
use super::write::hash;
use super::{bytes, counted};
use crate::cli::text::clean;

/// Files that are named as wrong; the rest is counted.
const WRONG_NAMED_MAX: usize = 10;

/// `orchestrion release verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion release verify /var/www/leeds-1 --key ~/keys/cafes.pub
  orchestrion release verify /var/www/leeds-1 --key cafes.pub --place leeds-1 --quick

It opens the manifest as a device does: by its signature, for its place, with rotated keys followed; then
it reads every file and compares size and SHA-256.

Exit codes: 0 a device takes it, 1 it does not, or a file is missing or wrong, 2 typed wrongly.")]
pub struct VerifyArgs {
    /// The release's folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// A public key that devices have pinned
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// The place that it must be for
    #[arg(long, value_name = "ID")]
    place: Option<String>,
    /// Compare the sizes of files only
    #[arg(long)]
    quick: bool,
}

impl VerifyArgs {
    pub(super) fn run(self) -> Result<String, String> {
        let keys = self.key.iter().map(|file| public(file)).collect::<Result<Vec<_>, _>>()?;
        let pinned = Keyring::pinned(keys).map_err(|refusal| refusal.to_string())?;
        let folder = Folder::read(&self.folder)?;
        let keys = folder::follow(&folder.path, pinned, folder.offer.keys_serial)?;
        let place = self.place.as_deref().map(Into::into);
        let expected = Expected { place: place.as_ref(), held: None };
        let manifest = Manifest::open(&folder.manifest_bytes, &folder.offer, &keys, &expected)
            .map_err(|refusal| format!("a device would refuse {}: {refusal}", folder.path.display()))?;
        let wrong = self.files(&folder, &manifest);
        if !wrong.is_empty() {
            let named: Vec<&str> = wrong.iter().take(WRONG_NAMED_MAX).map(String::as_str).collect();
            let more = if wrong.len() > named.len() { "\n  …" } else { "" };
            return Err(format!(
                "{} of {} missing or wrong; build it again:\n  {}{more}",
                wrong.len(),
                counted(manifest.blobs.len(), "file"),
                named.join("\n  ")
            ));
        }
        let read = if self.quick { "their sizes are right" } else { "each has the content that was signed" };
        Ok(format!(
            "{} for {} is whole: signed by the key {}; {} in {}, {read}\n",
            manifest.edition,
            clean(manifest.place.as_str()),
            folder.offer.key,
            bytes(manifest.blob_bytes()),
            counted(manifest.blobs.len(), "file"),
        ))
    }

    /// What is wrong with its files, a sentence each.
    fn files(&self, folder: &Folder, manifest: &Manifest) -> Vec<String> {
        let mut progress = Progress::new("reading", manifest.blobs.len(), manifest.blob_bytes());
        let mut wrong = Vec::new();
        for blob in &manifest.blobs {
            let name = blob_path(&blob.sha256);
            let path = folder.path.join(&name);
            match fs::metadata(&path) {
                Err(error) => wrong.push(format!("{name}: {error}")),
                Ok(metadata) if metadata.len() != blob.size => {
                    wrong.push(format!("{name}: it has {} bytes, not {}", metadata.len(), blob.size));
                }
                Ok(_) if self.quick => {}
                Ok(_) => match hash(&path, &mut |count| progress.bytes(count, &name)) {
                    Ok((digest, _)) if digest == blob.sha256 => {}
                    Ok((digest, _)) => wrong.push(format!("{name}: its SHA-256 is {digest}")),
                    Err(words) => wrong.push(words),
                },
            }
            progress.file_done();
        }
        wrong
    }
}
