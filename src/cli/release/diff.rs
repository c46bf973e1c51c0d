//! `orchestrion release diff`: what changes from one release to another.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use orchestrion_program::model::{Playlist, Recording, ScreenLoop};
use orchestrion_protocol::release::Manifest;
use serde_json::{Value, json};

use super::{bytes, counted, folder, json_text};
use crate::cli::text::clean;

/// Things that are named of each kind; the rest is counted.
const NAMED_MAX: usize = 20;

/// `orchestrion release diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion release diff /var/www/leeds-1 /var/www/york-1
  orchestrion release diff /var/www/leeds-1/manifests/1a2b….json /var/www/leeds-1

Exit codes: 0 told, 1 one of them cannot be read, 2 typed wrongly.")]
pub struct DiffArgs {
    /// The release before: its folder, or a manifest
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The release after
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl DiffArgs {
    pub(super) fn run(self) -> Result<String, String> {
        let change = Change::of(&folder::look(&self.old)?, &folder::look(&self.new)?);
        Ok(if self.json { json_text(&change.json()) } else { change.text() })
    }
}

/// What came, went and changed, by name.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lists {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
}

struct Change {
    from: String,
    to: String,
    /// Keys of the program.
    program: Vec<String>,
    recordings: Lists,
    playlists: Lists,
    loops: Lists,
    fetch_files: usize,
    fetch_bytes: u64,
    gone_bytes: u64,
}

impl Change {
    fn of(old: &Manifest, new: &Manifest) -> Self {
        let sizes = |manifest: &Manifest| -> HashMap<_, _> {
            manifest.blobs.iter().map(|blob| (blob.sha256, blob.size)).collect()
        };
        let (before, after) = (sizes(old), sizes(new));
        let fetched: Vec<u64> =
            after.iter().filter(|(name, _)| !before.contains_key(*name)).map(|(_, size)| *size).collect();
        let gone = before.iter().filter(|(name, _)| !after.contains_key(*name)).map(|(_, size)| *size);
        Self {
            from: format!("{} for {}", old.edition, old.place),
            to: format!("{} for {}", new.edition, new.place),
            program: program(old, new),
            recordings: lists(&old.catalogue.recordings, &new.catalogue.recordings, title),
            playlists: lists(&old.catalogue.playlists, &new.catalogue.playlists, |one: &Playlist| {
                (one.id.as_str().to_owned(), one.id.as_str().to_owned())
            }),
            loops: lists(&old.catalogue.loops, &new.catalogue.loops, |one: &ScreenLoop| {
                (one.id.as_str().to_owned(), one.id.as_str().to_owned())
            }),
            fetch_files: fetched.len(),
            fetch_bytes: fetched.into_iter().fold(0, u64::saturating_add),
            gone_bytes: gone.fold(0, u64::saturating_add),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("{} → {}", clean(&self.from), clean(&self.to))];
        if !self.program.is_empty() {
            lines.push(format!("  program     changed: {}", self.program.join(", ")));
        }
        let all = [("recordings", &self.recordings), ("playlists", &self.playlists), ("loops", &self.loops)];
        for (what, lists) in all {
            for (mark, names) in [("+", &lists.added), ("-", &lists.removed), ("~", &lists.changed)] {
                lines.extend(
                    names.iter().take(NAMED_MAX).map(|name| format!("  {what:10}  {mark} {}", clean(name))),
                );
                if names.len() > NAMED_MAX {
                    lines.push(format!("  {what:10}  {mark} and {} more", names.len() - NAMED_MAX));
                }
            }
        }
        lines.push(format!(
            "  a device    fetches {} in {}, and needs {} no more",
            bytes(self.fetch_bytes),
            counted(self.fetch_files, "file"),
            bytes(self.gone_bytes)
        ));
        lines.join("\n") + "\n"
    }

    fn json(&self) -> Value {
        let lists =
            |lists: &Lists| json!({"added": lists.added, "removed": lists.removed, "changed": lists.changed});
        json!({
            "from": self.from, "to": self.to, "program": self.program,
            "recordings": lists(&self.recordings), "playlists": lists(&self.playlists),
            "loops": lists(&self.loops),
            "fetch_files": self.fetch_files, "fetch_bytes": self.fetch_bytes, "gone_bytes": self.gone_bytes,
        })
    }
}

/// The keys of the program that are not the same.
fn program(old: &Manifest, new: &Manifest) -> Vec<String> {
    let object = |manifest: &Manifest| serde_json::to_value(&manifest.program).unwrap_or_default();
    let (old, new) = (object(old), object(new));
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return Vec::new() };
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter().filter(|key| old.get(*key) != new.get(*key)).cloned().collect()
}

/// A recording's id, and what people call it.
fn title(recording: &Recording) -> (String, String) {
    let name = match (recording.title.as_str(), recording.artists.first()) {
        ("", _) => recording.id.as_str().to_owned(),
        (title, Some(artist)) => format!("{title} — {artist}"),
        (title, None) => title.to_owned(),
    };
    (recording.id.as_str().to_owned(), name)
}

fn lists<T: PartialEq>(old: &[T], new: &[T], named: impl Fn(&T) -> (String, String)) -> Lists {
    let by_id = |list: &[T]| -> HashMap<String, usize> {
        list.iter().enumerate().map(|(at, one)| (named(one).0, at)).collect()
    };
    let (before, after) = (by_id(old), by_id(new));
    let mut lists = Lists::default();
    for one in new {
        let (id, name) = named(one);
        match before.get(&id).and_then(|at| old.get(*at)) {
            None => lists.added.push(name),
            Some(was) if was != one => lists.changed.push(name),
            Some(_) => {}
        }
    }
    lists.removed =
        old.iter().map(&named).filter(|(id, _)| !after.contains_key(id)).map(|(_, name)| name).collect();
    lists
}
