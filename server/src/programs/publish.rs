//! Publishing.

use std::collections::HashSet;

use orchestrion_program::model::Library;
use orchestrion_program::{Absolute, Resolved, check};
use orchestrion_protocol::release::{
    Blob, Digest, Edition, FIRST_LEN, Kind, Manifest, Offer, RELEASE_VERSION,
};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::path;
use crate::database::{execute, number, unsigned, values};
use crate::server::App;
use crate::{Error, Result, library};

/// Bytes of a program with its recordings.
pub const PROGRAM_LEN_MAX: usize = 32 * 1024 * 1024;
/// Blobs that are named when they are not there.
const MISSING_NAMED_MAX: usize = 5;

/// What publishing came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Published {
    /// The place.
    pub place: String,
    /// Which release.
    pub edition: Edition,
    /// The SHA-256 of its manifest.
    #[schema(value_type = String)]
    pub manifest: Digest,
    /// Its recordings.
    pub recordings: usize,
    /// Its files.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were not in the release before.
    pub blobs_new: usize,
    /// Bytes that a device of this place fetches.
    pub bytes_new: u64,
    /// What is odd, and is no error.
    pub warnings: Vec<String>,
}

/// The program as the place will play it, with the recordings apart, and what is odd about it.
///
/// # Errors
/// The program is wrong, or the place is not there.
pub async fn resolve(app: &App, place: &str, text: &[u8]) -> Result<(Resolved, Vec<String>)> {
    if text.len() > PROGRAM_LEN_MAX {
        return Err(Error::TooLarge { what: "program", max: PROGRAM_LEN_MAX });
    }
    let local = crate::fleet::places::get(app, place).await?.text;
    let mut program: Value = serde_json::from_slice(text)
        .map_err(|error| Error::Wrong(format!("the program is no JSON: {error}")))?;
    let object = program.as_object_mut().ok_or_else(|| Error::Wrong("a program is a JSON object".into()))?;
    let put = |object: &mut serde_json::Map<String, Value>, key: &str, value: &dyn erased::Json| {
        object.insert(key.to_owned(), value.json());
    };
    put(object, "place", &local.head(place));
    if let Some(zone) = local.zone_at(app.clock.utc_ms())? {
        put(object, "zone", &zone);
    }
    if let Some(hours) = &local.hours {
        put(object, "hours", hours);
    }
    if let Some(exceptions) = &local.exceptions {
        put(object, "exceptions", exceptions);
    }
    let text = serde_json::to_vec(&program).map_err(|error| Error::Internal(error.to_string()))?;
    let (resolved, report) = check::check(&text);
    match resolved.filter(|_| !report.is_wrong()) {
        Some(resolved) => {
            let warnings =
                report.warnings.iter().map(|warning| format!("{}: {}", warning.path, warning.message));
            Ok((resolved, warnings.take(100).collect()))
        }
        None => Err(Error::Wrong(format!("the program is wrong: {report}"))),
    }
}

/// Anything that is written as JSON.
mod erased {
    use serde::Serialize;
    use serde_json::Value;

    pub(super) trait Json {
        fn json(&self) -> Value;
    }

    impl<T: Serialize> Json for T {
        fn json(&self) -> Value {
            // Types of a program, which are made of texts, numbers and lists.
            serde_json::to_value(self).unwrap_or(Value::Null)
        }
    }
}

#[derive(FromQueryResult)]
struct Before {
    epoch: i64,
    number: i64,
    manifest: String,
}

/// Publishes a program for a place. When this returns it is on the disk, and devices are offered it.
///
/// # Errors
/// The program is wrong, a file is not in the library, or the disk refuses.
pub async fn publish(app: &App, place: &str, text: &[u8], by: &str) -> Result<Published> {
    let (mut program, warnings) = resolve(app, place, text).await?;
    let catalogue = std::mem::take(&mut program.library);
    let blobs = blobs(app, &program, &catalogue).await?;
    let _turn = app.programs.turn.lock().await;
    let before: Option<Before> = app
        .database
        .row(
            "SELECT epoch, number, manifest FROM releases WHERE place = $1 ORDER BY epoch DESC, number DESC LIMIT 1",
            values![place],
        )
        .await?;
    let held = before
        .as_ref()
        .map(|before| Edition { epoch: unsigned(before.epoch), number: unsigned(before.number) });
    let edition = next(held, app.epoch());
    let manifest = Manifest {
        v: RELEASE_VERSION,
        edition,
        place: place.into(),
        made_utc_ms: Some(Absolute(app.clock.utc_ms())),
        starts_utc_ms: None,
        program,
        catalogue,
        blobs,
    };
    let sealed =
        manifest.seal(app.key(), 0).map_err(|refusal| Error::Wrong(format!("the program: {refusal}")))?;
    let known = match before.as_ref().and_then(|before| before.manifest.parse::<Digest>().ok()) {
        Some(name) => blobs_of(app, &name).await,
        None => HashSet::new(),
    };
    write(app, place, &manifest, (&sealed.0, &sealed.1, by)).await?;
    app.programs.note(place, edition);
    let new = manifest.blobs.iter().filter(|blob| !known.contains(&blob.sha256));
    let (blobs_new, bytes_new) = new.fold((0, 0_u64), |(count, bytes), blob| (count + 1, bytes + blob.size));
    Ok(Published {
        place: place.to_owned(),
        edition,
        manifest: sealed.1.manifest,
        recordings: manifest.catalogue.recordings.len(),
        blobs: manifest.blobs.len(),
        bytes: manifest.blob_bytes(),
        blobs_new,
        bytes_new,
        warnings,
    })
}

/// Publishes an old release's content anew: numbers only rise.
///
/// # Errors
/// There is no such release, or the disk refuses.
pub async fn roll_back(app: &App, place: &str, to: u64, by: &str) -> Result<Published> {
    let row: Option<Before> = app
        .database
        .row(
            "SELECT epoch, number, manifest FROM releases WHERE place = $1 AND number = $2 ORDER BY epoch DESC LIMIT 1",
            values![place, number(to)],
        )
        .await?;
    let missing = || Error::NotFound {
        what: "release",
        name: format!("{to} of {}", crate::fleet::roster::shown_name(place)),
    };
    let row = row.ok_or_else(missing)?;
    let name: Digest =
        row.manifest.parse().map_err(|_| Error::Internal("a release without a manifest".into()))?;
    let bytes = app.objects.read(&path(&name)).await?;
    let manifest = Manifest::peek(&bytes).map_err(|refusal| Error::Internal(refusal.to_string()))?;
    let mut program = manifest.program;
    program.library = manifest.catalogue;
    let text = serde_json::to_vec(&program).map_err(|error| Error::Internal(error.to_string()))?;
    publish(app, place, &text, by).await
}

fn next(held: Option<Edition>, epoch: u64) -> Edition {
    match held {
        Some(held) if held.epoch >= epoch => Edition { epoch: held.epoch, number: held.number + 1 },
        Some(_) | None => Edition { epoch, number: 1 },
    }
}

/// The files that a catalogue needs, each once; all of them are in the library.
async fn blobs(app: &App, program: &Resolved, catalogue: &Library) -> Result<Vec<Blob>> {
    let shown: HashSet<&str> = program.shown(catalogue).map(|recording| recording.as_str()).collect();
    let (mut found, mut seen, mut missing) = (Vec::new(), HashSet::new(), Vec::new());
    for recording in &catalogue.recordings {
        if recording.blobs.is_empty() {
            return Err(Error::Wrong(format!(
                "the recording {} names no blob; put its file into the library (`admin publish` does so) and name its SHA-256",
                recording.id
            )));
        }
        for name in &recording.blobs {
            let digest: Digest = name
                .as_str()
                .parse()
                .map_err(|error| Error::Wrong(format!("the recording {}: {error}", recording.id)))?;
            if !seen.insert(digest) {
                continue;
            }
            match library::size(app, &digest).await? {
                Some(size) => {
                    let kind = if shown.contains(recording.id.as_str()) {
                        for_screen(app, recording.id.as_str(), &digest).await?
                    } else {
                        Kind::Audio
                    };
                    found.push(Blob { sha256: digest, size, duration_ms: recording.duration_ms, kind });
                }
                None => missing.push(digest.to_string()),
            }
        }
    }
    if !missing.is_empty() {
        let named = missing.iter().take(MISSING_NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::Conflict(format!("{} files are not in the library: {named}", missing.len())));
    }
    found.sort_by_key(|blob| blob.sha256);
    Ok(found)
}

/// What a file of a loop is; one that is for no screen is told of now, and not by a hundred screens.
async fn for_screen(app: &App, recording: &str, digest: &Digest) -> Result<Kind> {
    let first = library::first_bytes(app, digest, FIRST_LEN).await?;
    Kind::of_screen(&first).ok_or_else(|| {
        Error::Wrong(format!(
            "the recording {recording} is for screens, and its file {digest} begins like no film and no picture"
        ))
    })
}

async fn blobs_of(app: &App, name: &Digest) -> HashSet<Digest> {
    let bytes = app.objects.read(&path(name)).await.unwrap_or_default();
    let manifest = Manifest::peek(&bytes).ok();
    manifest.map_or_else(HashSet::new, |manifest| manifest.blobs.iter().map(|blob| blob.sha256).collect())
}

/// First the manifest's file, then the row: what is offered is there.
async fn write(
    app: &App,
    place: &str,
    manifest: &Manifest,
    (bytes, offer, by): (&[u8], &Offer, &str),
) -> Result<()> {
    app.objects.keep(&path(&offer.manifest), bytes.to_vec()).await?;
    let offer_text = String::from_utf8(offer.bytes()).map_err(|error| Error::Internal(error.to_string()))?;
    let transaction = app.database.begin().await?;
    execute(
        &transaction,
        "INSERT INTO releases (place, epoch, number, offer, manifest, size, made_by, made_utc_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        values![
            place,
            number(offer.edition.epoch),
            number(offer.edition.number),
            offer_text,
            offer.manifest.to_string(),
            number(manifest.blob_bytes()),
            by,
            app.clock.utc_ms()
        ],
    )
    .await?;
    transaction.commit().await?;
    Ok(())
}
