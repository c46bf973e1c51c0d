//! Files by their content: blobs, each named by its SHA-256.
//!
//! A blob is hashed while it comes, and is complete only if it is what its name says; then it is told to the database.

use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload};
use orchestrion_protocol::release::{BLOB_LEN_MAX, Digest, Hasher, blob_path};
use sea_orm::FromQueryResult;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::database::{number, unsigned, values};
use crate::objects::failed;
use crate::server::App;
use crate::{Error, Result};

/// Bytes that are taken before they are written.
const PART_LEN: u64 = 1024 * 1024;
/// So much of what is refused is still taken, in bytes: a song whole, and most films.
const REFUSED_LEN_MAX: u64 = 256 * 1024 * 1024;

#[derive(FromQueryResult)]
struct Row {
    size: i64,
}

/// Where a blob lies.
pub fn path(name: &Digest) -> Path {
    Path::from(blob_path(name))
}

/// How long a blob is, if it is there.
///
/// # Errors
/// The database does not say.
pub async fn size(app: &App, name: &Digest) -> Result<Option<u64>> {
    let sql = "SELECT size FROM blobs WHERE sha256 = $1";
    let row: Option<Row> = app.database.row(sql, values![name.to_string()]).await?;
    Ok(row.map(|row| unsigned(row.size)))
}

/// The first bytes of a blob that is there, at most so many.
///
/// # Errors
/// The disk does not give them.
pub async fn first_bytes(app: &App, name: &Digest, len_max: usize) -> Result<Vec<u8>> {
    Ok(app.objects.first(&path(name), len_max as u64).await?.to_vec())
}

/// Takes a blob from whoever sends it.
///
/// # Errors
/// It breaks off, is too long, is not what its name says, or the disk refuses.
pub async fn put(app: &App, name: &Digest, from: &mut (impl AsyncRead + Unpin)) -> Result<u64> {
    if let Some(size) = size(app, name).await? {
        // Who sends it would find the connection cut if nobody took the rest.
        let read = tokio::io::copy(&mut from.take(BLOB_LEN_MAX), &mut tokio::io::sink()).await;
        read.map_err(|error| Error::Wrong(format!("the blob broke off: {error}")))?;
        return Ok(size);
    }
    let kept = keep(app, name, from).await;
    if kept.is_err() {
        // Nor would they hear why it is refused.
        let _ = tokio::io::copy(&mut from.take(REFUSED_LEN_MAX), &mut tokio::io::sink()).await;
    }
    kept
}

async fn keep(app: &App, name: &Digest, from: &mut (impl AsyncRead + Unpin)) -> Result<u64> {
    let mut upload = app.objects.upload(&path(name)).await?;
    let size = match take(upload.as_mut(), name, from).await {
        Ok(size) => size,
        Err(error) => {
            let _ = upload.abort().await;
            return Err(error);
        }
    };
    upload.complete().await.map_err(failed)?;
    app.database
        .execute(
            "INSERT INTO blobs (sha256, size, made_utc_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            values![name.to_string(), number(size), app.clock.utc_ms()],
        )
        .await?;
    Ok(size)
}

/// Its parts; what they are together is what the name says.
async fn take(
    upload: &mut dyn MultipartUpload,
    name: &Digest,
    from: &mut (impl AsyncRead + Unpin),
) -> Result<u64> {
    let (mut hasher, mut size) = (Hasher::default(), 0_u64);
    loop {
        let mut part = Vec::new();
        let read = (&mut *from).take(PART_LEN).read_to_end(&mut part).await;
        read.map_err(|error| Error::Wrong(format!("the blob broke off: {error}")))?;
        if part.is_empty() {
            break;
        }
        size += part.len() as u64;
        if size > BLOB_LEN_MAX {
            return Err(Error::TooLarge {
                what: "blob",
                max: usize::try_from(BLOB_LEN_MAX).unwrap_or(usize::MAX),
            });
        }
        hasher.update(&part);
        upload.put_part(PutPayload::from(part)).await.map_err(failed)?;
    }
    let found = hasher.digest();
    if found != *name {
        return Err(Error::Wrong(format!(
            "the blob's SHA-256 is {found}, not {name}; it was changed or cut off"
        )));
    }
    if size == 0 {
        return Err(Error::Wrong("an empty file is no blob".into()));
    }
    Ok(size)
}
