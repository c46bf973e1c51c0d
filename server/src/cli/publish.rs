//! `orchestrion-server admin publish`: a program with its music, from this machine's disk into the library, then published.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use orchestrion_protocol::release::{Digest, Hasher, Manifest, OFFER_NAME, Offer, blob_path, manifest_path};
use serde_json::{Value, json};

use super::ask::{AskError, ask, put_file};

/// Bytes that are read at once.
const READ_LEN: usize = 256 * 1024;

/// Publishes `source` for a place: a folder that `orchestrion release build` made, or a program whose recordings name their
/// files.
pub(super) fn publish(socket: &Path, place: &str, source: &Path) -> Result<String, AskError> {
    let program = if source.join(OFFER_NAME).exists() {
        of_release(socket, source)?
    } else {
        of_program(socket, source)?
    };
    ask(socket, "POST", &format!("/api/v1/places/{place}/publish"), Some(&program))
}

fn wrong(path: &Path, words: impl std::fmt::Display) -> AskError {
    AskError::Refused(format!("{}: {words}", path.display()))
}

/// Program and catalogue of a release; its files go into the library.
fn of_release(socket: &Path, folder: &Path) -> Result<Value, AskError> {
    let path = folder.join(OFFER_NAME);
    let offer = std::fs::read(&path).map_err(|error| wrong(&path, error))?;
    let offer = Offer::read(&offer).map_err(|refusal| wrong(&path, refusal))?;
    let path = folder.join(manifest_path(&offer.manifest));
    let bytes = std::fs::read(&path).map_err(|error| wrong(&path, error))?;
    let manifest = Manifest::peek(&bytes).map_err(|refusal| wrong(&path, refusal))?;
    for blob in &manifest.blobs {
        put_file(socket, &format!("/api/v1/blobs/{}", blob.sha256), &folder.join(blob_path(&blob.sha256)))?;
    }
    let mut program = manifest.program;
    program.library = manifest.catalogue;
    serde_json::to_value(&program).map_err(|error| wrong(&path, error))
}

/// A program as people write it; each file that a recording names goes into the library.
fn of_program(socket: &Path, source: &Path) -> Result<Value, AskError> {
    let file = if source.is_dir() { source.join("program.json") } else { source.to_owned() };
    let text = std::fs::read(&file).map_err(|error| wrong(&file, error))?;
    let mut program: Value = serde_json::from_slice(&text).map_err(|error| wrong(&file, error))?;
    let base = file.parent().unwrap_or(Path::new("")).to_owned();
    let has_folder = |lists: &str| {
        program["library"][lists]
            .as_array()
            .is_some_and(|lists| lists.iter().any(|list| list.get("folder").is_some()))
    };
    if has_folder("playlists") || has_folder("loops") {
        return Err(wrong(
            &file,
            "its playlists or loops are folders; `orchestrion release build` reads them and their tags: publish the folder that it makes",
        ));
    }
    let mut known: HashMap<PathBuf, Digest> = HashMap::new();
    let recordings = program["library"]["recordings"].as_array_mut();
    for recording in recordings.into_iter().flatten() {
        let files: Vec<String> = recording["files"]
            .as_array()
            .map(|files| files.iter().filter_map(|file| file.as_str().map(str::to_owned)).collect())
            .unwrap_or_default();
        if files.is_empty() {
            continue;
        }
        let mut blobs = Vec::new();
        for name in files {
            let path = below(&base, &name)
                .ok_or_else(|| wrong(&file, format!("\"{name}\" lies outside of its folder")))?;
            let digest = match known.get(&path) {
                Some(digest) => *digest,
                None => {
                    let digest = hash(&path)?;
                    put_file(socket, &format!("/api/v1/blobs/{digest}"), &path)?;
                    known.insert(path, digest);
                    digest
                }
            };
            blobs.push(digest.to_string());
        }
        recording["blobs"] = json!(blobs);
        if let Some(recording) = recording.as_object_mut() {
            recording.remove("files");
        }
    }
    Ok(program)
}

/// A file below a folder, and nowhere else.
fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    let inside = name
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    inside.then(|| folder.join(name))
}

fn hash(path: &Path) -> Result<Digest, AskError> {
    let mut file = File::open(path).map_err(|error| wrong(path, error))?;
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; READ_LEN]);
    loop {
        let read = file.read(&mut buffer).map_err(|error| wrong(path, error))?;
        match buffer.get(..read) {
            Some(bytes) if !bytes.is_empty() => hasher.update(bytes),
            _ => return Ok(hasher.digest()),
        }
    }
}
