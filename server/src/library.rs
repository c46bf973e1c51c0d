//! Files by their content: a folder of blobs, each named by its SHA-256.
//!
//! A blob is written beside, hashed, synced, renamed, and its folder synced; then it is told to the database. What lies there
//! is what its name says, or it is not there.

use std::path::{Path, PathBuf};

use orchestrion_protocol::release::{BLOB_LEN_MAX, Digest, Hasher};
use sea_orm::FromQueryResult;
use tokio::fs::{self, File};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::database::{number, unsigned, values};
use crate::server::App;
use crate::{Error, Result, chance};

/// Bytes that are read at once.
const READ_LEN: usize = 64 * 1024;

/// See the head of this file.
#[derive(Debug)]
pub struct Library {
    folder: PathBuf,
}

#[derive(FromQueryResult)]
struct Row {
    size: i64,
}

impl Library {
    /// In a state folder.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub async fn open(state_dir: &Path) -> Result<Self> {
        let folder = state_dir.join("blobs");
        fs::create_dir_all(&folder).await.map_err(refused(&folder))?;
        let incoming = folder.join("incoming");
        // What was being written when the server ended is of no use.
        let _ = fs::remove_dir_all(&incoming).await;
        fs::create_dir_all(&incoming).await.map_err(refused(&incoming))?;
        Ok(Self { folder })
    }

    /// Where a blob lies.
    pub fn path(&self, name: &Digest) -> PathBuf {
        self.folder.join(name.folder()).join(name.to_string())
    }

    /// How long a blob is, if it is there.
    ///
    /// # Errors
    /// The database does not say.
    pub async fn size(&self, app: &App, name: &Digest) -> Result<Option<u64>> {
        let sql = "SELECT size FROM blobs WHERE sha256 = $1";
        let row: Option<Row> = app.database.row(sql, values![name.to_string()]).await?;
        Ok(row.map(|row| unsigned(row.size)))
    }

    /// Takes a blob from whoever sends it.
    ///
    /// # Errors
    /// It breaks off, is too long, is not what its name says, or the disk refuses.
    pub async fn put(&self, app: &App, name: &Digest, from: &mut (impl AsyncRead + Unpin)) -> Result<u64> {
        if let Some(size) = self.size(app, name).await? {
            return Ok(size);
        }
        let beside = self.folder.join("incoming").join(chance::name::<8>("")?);
        let written = self.write(&beside, name, from).await;
        if written.is_err() {
            let _ = fs::remove_file(&beside).await;
        }
        let size = written?;
        app.database
            .execute(
                "INSERT INTO blobs (sha256, size, made_utc_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                values![name.to_string(), number(size), app.clock.utc_ms()],
            )
            .await?;
        Ok(size)
    }

    async fn write(&self, beside: &Path, name: &Digest, from: &mut (impl AsyncRead + Unpin)) -> Result<u64> {
        let mut file = File::create(beside).await.map_err(refused(beside))?;
        let (mut hasher, mut size, mut buffer) = (Hasher::default(), 0_u64, vec![0; READ_LEN]);
        loop {
            let read = from.read(&mut buffer).await;
            let read = read.map_err(|error| Error::Wrong(format!("the blob broke off: {error}")))?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            size += read as u64;
            if size > BLOB_LEN_MAX {
                return Err(Error::TooLarge {
                    what: "blob",
                    max: usize::try_from(BLOB_LEN_MAX).unwrap_or(usize::MAX),
                });
            }
            hasher.update(bytes);
            file.write_all(bytes).await.map_err(refused(beside))?;
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
        file.sync_all().await.map_err(refused(beside))?;
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        fs::create_dir_all(&folder).await.map_err(refused(&folder))?;
        fs::rename(beside, &path).await.map_err(refused(&path))?;
        sync_folder(&folder).await?;
        sync_folder(&self.folder).await?;
        Ok(size)
    }
}

/// Makes a folder's names last.
///
/// # Errors
/// The disk refuses.
pub async fn sync_folder(folder: &Path) -> Result<()> {
    let file = File::open(folder).await.map_err(refused(folder))?;
    file.sync_all().await.map_err(refused(folder))
}

/// What the system says of a path.
pub fn refused(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let shown = path.display().to_string();
    move |error| Error::Unavailable(format!("{shown}: {error}"))
}
