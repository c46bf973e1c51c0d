//! A backup in the place of the database. Devices may know newer numbers than it: so its epoch rises.

use std::path::{Path, PathBuf};

use crate::database::{DATABASE_NAME, Database, values};
use crate::objects::refused;
use crate::settings::Settings;
use crate::{Error, Result};

/// Puts a backup in the place of the database; what was there is kept beside it. No server may run: the caller has the lock.
///
/// # Errors
/// The backup cannot be read or is none; then nothing was changed.
pub async fn restore(settings: &Settings, backup: &Path) -> Result<PathBuf> {
    let dir = &settings.state_dir;
    let trial = dir.join("restoring");
    let _ = std::fs::remove_dir_all(&trial);
    std::fs::create_dir_all(&trial).map_err(refused(&trial))?;
    std::fs::copy(backup, trial.join(DATABASE_NAME)).map_err(refused(backup))?;
    let tried = raise(&trial).await;
    if let Err(error) = tried {
        let _ = std::fs::remove_dir_all(&trial);
        return Err(Error::Unavailable(format!("{} is no backup of a server: {error}", backup.display())));
    }
    let aside = dir.join(format!("{DATABASE_NAME}.before-{}", crate::time::Clock::default().utc_ms()));
    let file = dir.join(DATABASE_NAME);
    if file.exists() {
        // With its write-ahead log, or it would be cut off.
        Database::open(dir).await?.close().await;
        std::fs::rename(&file, &aside).map_err(refused(&file))?;
    }
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(dir.join(format!("{DATABASE_NAME}{end}")));
    }
    std::fs::rename(trial.join(DATABASE_NAME), &file).map_err(refused(&file))?;
    let _ = std::fs::remove_dir_all(&trial);
    std::fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(refused(dir))?;
    Ok(aside)
}

async fn raise(dir: &Path) -> Result<()> {
    let database = Database::open(dir).await?;
    let raised = database.execute("UPDATE server SET epoch = epoch + 1", values![]).await;
    database.close().await;
    match raised? {
        1 => Ok(()),
        _ => Err(Error::Wrong("it has no epoch".into())),
    }
}
