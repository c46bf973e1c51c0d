//! The server's files: objects under a path in a store, each there whole or not at all.
//!
//! The store is a folder, synced before anything is told of what lies in it (`with_fsync`): a blob that the database names, or a
//! manifest that a release offers, outlives a power cut. Whatever else `object_store` speaks to could take the folder's place.

use std::ops::Range;
use std::path::Path as File;

use axum::body::{Body, Bytes};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

use crate::{Error, Result};

/// Folders of the store in which objects lie; what else a state folder has is not touched.
const FOLDERS: [&str; 2] = ["blobs", "releases"];

/// See the head of this file.
#[derive(Debug)]
pub struct Objects {
    store: LocalFileSystem,
}

impl Objects {
    /// In a state folder. What was being written when the server ended is taken away.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(state_dir: &File) -> Result<Self> {
        for folder in FOLDERS.map(|name| state_dir.join(name)) {
            std::fs::create_dir_all(&folder).map_err(refused(&folder))?;
            sweep(&folder).map_err(refused(&folder))?;
        }
        let store = LocalFileSystem::new_with_prefix(state_dir).map_err(failed)?.with_fsync(true);
        Ok(Self { store })
    }

    /// Begins one that comes in parts; it is there when it is complete, and leaves nothing if it is dropped before.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn upload(&self, path: &Path) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart(path).await.map_err(failed)
    }

    /// Keeps one whole, in the place of what was there.
    ///
    /// # Errors
    /// The store refuses.
    pub async fn keep(&self, path: &Path, bytes: Vec<u8>) -> Result<()> {
        self.store.put(path, PutPayload::from(bytes)).await.map_err(failed)?;
        Ok(())
    }

    /// One, whole.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn read(&self, path: &Path) -> Result<Bytes> {
        self.store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    /// The first bytes of one, at most so many.
    ///
    /// # Errors
    /// It is not there, is empty, or cannot be read.
    pub async fn first(&self, path: &Path, len_max: u64) -> Result<Bytes> {
        self.store.get_range(path, 0..len_max).await.map_err(failed)
    }

    /// How many bytes one has.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn size(&self, path: &Path) -> Result<u64> {
        Ok(self.store.head(path).await.map_err(failed)?.size)
    }

    /// A part of one, or the whole, read as it is sent.
    ///
    /// # Errors
    /// It is not there or has no such part.
    pub async fn part(&self, path: &Path, bytes: Option<Range<u64>>) -> Result<Body> {
        let options = GetOptions { range: bytes.map(GetRange::Bounded), ..GetOptions::default() };
        let found = self.store.get_opts(path, options).await.map_err(failed)?;
        Ok(Body::from_stream(found.into_stream()))
    }
}

/// What the store says, as what stands against a request.
pub fn failed(error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { path, .. } => Error::NotFound { what: "file", name: path },
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(&other);
            // The system's own words stand at the end of the row.
            while let Some(next) = cause {
                let words = next.to_string();
                if !text.contains(&words) {
                    text = format!("{text}: {words}");
                }
                cause = next.source();
            }
            Error::Unavailable(text)
        }
    }
}

/// What the system says of a path.
pub fn refused(path: &File) -> impl Fn(std::io::Error) -> Error {
    let shown = path.display().to_string();
    move |error| Error::Unavailable(format!("{shown}: {error}"))
}

/// Takes away what the store calls `NAME#NUMBER`: objects that were never complete.
fn sweep(folder: &File) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sweep(&entry.path())?;
        } else if entry.file_name().as_encoded_bytes().contains(&b'#') {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_object_is_there_when_it_is_complete_and_leaves_nothing_before() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::open(dir.path()).unwrap();
        let path = Path::from("blobs/ab/one");
        let mut upload = objects.upload(&path).await.unwrap();
        upload.put_part(PutPayload::from_static(b"half")).await.unwrap();
        assert!(matches!(objects.size(&path).await, Err(Error::NotFound { .. })));
        upload.put_part(PutPayload::from_static(b" and half")).await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(objects.read(&path).await.unwrap().as_ref(), b"half and half");
        let part = objects.part(&path, Some(5..8)).await.unwrap();
        assert_eq!(axum::body::to_bytes(part, 100).await.unwrap().as_ref(), b"and");
    }

    #[tokio::test]
    async fn what_a_killed_server_was_writing_is_swept_away_and_what_was_complete_stays() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::open(dir.path()).unwrap();
        objects.keep(&Path::from("blobs/ab/whole"), b"whole".to_vec()).await.unwrap();
        // As `kill -9` leaves it: its end is never run.
        std::mem::forget(objects.upload(&Path::from("blobs/ab/half")).await.unwrap());
        let names = || {
            let names = std::fs::read_dir(dir.path().join("blobs/ab")).unwrap();
            let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["half#1", "whole"]);
        let again = Objects::open(dir.path()).unwrap();
        assert_eq!(names(), ["whole"]);
        assert_eq!(again.read(&Path::from("blobs/ab/whole")).await.unwrap().as_ref(), b"whole");
    }

    #[tokio::test]
    async fn what_the_disk_says_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("blobs/ab"), "a file where a folder should be").unwrap();
        let told = objects.keep(&Path::from("blobs/ab/one"), b"one".to_vec()).await.unwrap_err().to_string();
        assert!(told.contains("Not a directory") || told.contains("File exists"), "{told}");
    }
}
