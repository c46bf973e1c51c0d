//! `orchestrion release show`: what is in a release.

use std::path::PathBuf;

use clap::Args;
use orchestrion_protocol::release::{Kind, Manifest};

use super::{bytes, counted, folder, json_text};
use crate::cli::text::clean;

/// `orchestrion release show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion release show /var/www/leeds-1
  orchestrion release show /var/www/leeds-1 --json | jq '.catalogue.recordings[].title'

It does not ask who signed it; `orchestrion release verify` does.")]
pub struct ShowArgs {
    /// The release's folder, or a manifest
    #[arg(value_name = "FOLDER|MANIFEST")]
    release: PathBuf,
    /// Print the whole manifest as JSON
    #[arg(long)]
    json: bool,
}

impl ShowArgs {
    pub(super) fn run(self) -> Result<String, String> {
        let manifest = folder::look(&self.release)?;
        Ok(if self.json { json_text(&manifest) } else { text(&manifest) })
    }
}

fn text(manifest: &Manifest) -> String {
    let program = &manifest.program;
    let name = if program.place.name.is_empty() { manifest.place.as_str() } else { &program.place.name };
    let mut lines =
        vec![format!("{} for {} ({})", manifest.edition, clean(name), clean(manifest.place.as_str()))];
    lines.extend(manifest.made_utc_ms.map(|at| format!("  made       {at}")));
    lines.push(match manifest.starts_utc_ms {
        Some(at) => format!("  plays      from {at} on"),
        None => "  plays      as soon as a device has it, after the song that plays".to_owned(),
    });
    let counts = [
        counted(program.dayparts.len(), "daypart"),
        counted(program.spots.len(), "spot"),
        counted(manifest.catalogue.playlists.len(), "playlist"),
        counted(manifest.catalogue.recordings.len(), "recording"),
    ];
    let loops = manifest.catalogue.loops.len();
    let loops = if loops > 0 { format!(", {}", counted(loops, "loop")) } else { String::new() };
    lines.push(format!("  program    {}, {}{loops}", clean(&program.zone.id), counts.join(", ")));
    for (kind, what) in
        [(Kind::Audio, "music"), (Kind::Film, "films"), (Kind::Picture, "pictures"), (Kind::Other, "other")]
    {
        let of_kind = || manifest.blobs.iter().filter(|blob| blob.kind == kind);
        let size = of_kind().map(|blob| blob.size).fold(0_u64, u64::saturating_add);
        if of_kind().count() > 0 {
            lines.push(format!("  {what:9}  {} in {}", bytes(size), counted(of_kind().count(), "file")));
        }
    }
    lines.join("\n") + "\n"
}
