//! The program of a release: its recordings are blobs, wherever the store has them.

use std::path::PathBuf;

use orchestrion_program::check::Report;
use orchestrion_protocol::release::{Digest, Manifest};

use super::Program;

impl Program {
    /// Makes the program of a release; `blob` says where a blob lies, if it is there and whole. A recording is its first
    /// encoding of which that is so; one without any is not chosen.
    ///
    /// # Errors
    /// What it says cannot be, which a manifest that was opened does not do.
    pub fn of_release(
        manifest: &Manifest,
        blob: impl Fn(&Digest) -> Option<PathBuf>,
    ) -> Result<Self, Report> {
        let mut document = manifest.program.clone();
        document.library = manifest.catalogue.clone();
        let program = Self::assemble_by(document, |recording| {
            recording.blobs.iter().filter_map(|name| name.as_str().parse().ok()).find_map(|name| blob(&name))
        })?;
        Ok(Self { edition: Some(manifest.edition), ..program })
    }
}
