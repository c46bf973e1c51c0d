//! Whether what a release says can be.

use std::collections::{HashMap, HashSet};

use orchestrion_program::check;

use super::{
    BLOB_LEN_MAX, BLOB_MS_MAX, BLOBS_MAX, Digest, ENCODINGS_MAX, Manifest, NUMBER_MAX, RELEASE_VERSION,
    Refusal,
};

/// The first thing in a manifest that cannot be.
pub(super) fn judge(manifest: &Manifest) -> Result<(), Refusal> {
    if manifest.v != RELEASE_VERSION {
        return Err(Refusal::Version { what: "manifest", found: u64::from(manifest.v) });
    }
    for (path, number) in [("epoch", manifest.edition.epoch), ("number", manifest.edition.number)] {
        if number == 0 || number > NUMBER_MAX {
            return Err(Refusal::wrong(path, format!("it is {number}; it goes from 1 to {NUMBER_MAX}")));
        }
    }
    if manifest.place != manifest.program.place.id {
        let problem =
            format!("it is \"{}\", that of the release \"{}\"", manifest.program.place.id, manifest.place);
        return Err(Refusal::wrong("program.place.id", problem));
    }
    if !manifest.program.library.is_empty() {
        return Err(Refusal::wrong("program.library", "recordings and playlists belong into the catalogue"));
    }
    let blobs = blobs(manifest)?;
    recordings(manifest, &blobs)?;
    let report = check::judge_with(&manifest.program, Some(&manifest.catalogue));
    match report.errors.first() {
        Some(first) if first.path.starts_with("library") => {
            Err(Refusal::wrong(first.path.replacen("library", "catalogue", 1), first.message.clone()))
        }
        Some(first) => Err(Refusal::wrong(format!("program.{}", first.path), first.message.clone())),
        None => Ok(()),
    }
}

/// The blobs by name, each with whether a recording needs it.
fn blobs(manifest: &Manifest) -> Result<HashSet<Digest>, Refusal> {
    let list = &manifest.blobs;
    if list.len() > BLOBS_MAX {
        return Err(Refusal::wrong("blobs", format!("there are {}; {BLOBS_MAX} at most", list.len())));
    }
    let mut names = HashMap::with_capacity(list.len());
    for (at, blob) in list.iter().enumerate() {
        if blob.size == 0 || blob.size > BLOB_LEN_MAX {
            let problem = format!("it is {}; a blob has 1 to {BLOB_LEN_MAX} bytes", blob.size);
            return Err(Refusal::wrong(format!("blobs[{at}].size"), problem));
        }
        if blob.duration_ms.is_some_and(|ms| ms > BLOB_MS_MAX) {
            let problem = format!("more than {BLOB_MS_MAX} ms");
            return Err(Refusal::wrong(format!("blobs[{at}].duration_ms"), problem));
        }
        if let Some(first) = names.insert(blob.sha256, at) {
            return Err(Refusal::wrong(format!("blobs[{at}].sha256"), format!("the same as blobs[{first}]")));
        }
    }
    Ok(names.into_keys().collect())
}

/// Every encoding of a recording is among the blobs.
fn recordings(manifest: &Manifest, blobs: &HashSet<Digest>) -> Result<(), Refusal> {
    for (at, recording) in manifest.catalogue.recordings.iter().enumerate() {
        if recording.blobs.len() > ENCODINGS_MAX {
            let problem = format!("there are {}; {ENCODINGS_MAX} at most", recording.blobs.len());
            return Err(Refusal::wrong(format!("catalogue.recordings[{at}].blobs"), problem));
        }
        if recording.blobs.is_empty() {
            let problem = format!("the recording {} has none, so it could never be played", recording.id);
            return Err(Refusal::wrong(format!("catalogue.recordings[{at}].blobs"), problem));
        }
        for (nth, name) in recording.blobs.iter().enumerate() {
            let path = || format!("catalogue.recordings[{at}].blobs[{nth}]");
            let digest: Digest =
                name.as_str().parse().map_err(|error| Refusal::wrong(path(), format!("{error}")))?;
            if !blobs.contains(&digest) {
                return Err(Refusal::wrong(
                    path(),
                    format!("{digest} is not among the blobs of the release"),
                ));
            }
        }
    }
    // What lies in folders of a publisher cannot be found on a device.
    for (at, list) in manifest.catalogue.playlists.iter().enumerate() {
        if list.folder.is_some() {
            let problem = "a release names recordings, not folders";
            return Err(Refusal::wrong(format!("catalogue.playlists[{at}].folder"), problem));
        }
    }
    for (at, shown) in manifest.catalogue.loops.iter().enumerate() {
        if shown.folder.is_some() {
            let problem = "a release names recordings, not folders";
            return Err(Refusal::wrong(format!("catalogue.loops[{at}].folder"), problem));
        }
    }
    Ok(())
}
