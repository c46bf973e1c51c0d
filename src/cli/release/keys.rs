//! `orchestrion release keygen` and `rotate`: keys, and how devices learn of new ones.

use std::fs::{DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;
use orchestrion_protocol::release::{KEYS_MAX, Keyring, PublicKey, SecretKey, rotation_path};

use super::folder;
use super::write::{create, read_limited, replace};
use crate::cli::text::clean;

/// Bytes of a file with a key.
const KEY_FILE_LEN_MAX: usize = 1024;

/// `orchestrion release keygen`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion release keygen ~/keys/cafes       # writes cafes.key (secret) and cafes.pub

NAME.key signs: whoever has it decides what plays in your rooms. Keep it off the servers that serve
releases, and keep a copy of it in another house: without it nothing new reaches devices that believe
only this key. NAME.pub goes to the devices. Make a second key, pin both, and lock the second away:
then a lost or stolen key is replaced with `orchestrion release rotate`.")]
pub struct KeygenArgs {
    /// The files' names, without their ends
    #[arg(value_name = "NAME")]
    name: PathBuf,
}

/// `orchestrion release rotate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrion release rotate /var/www/leeds-1 --key old.key --believe new.pub
  orchestrion release rotate /var/www/leeds-1 --key spare.key --believe new.pub --believe spare.pub

It writes the next message to FOLDER/keys/. Devices read it when they see a release that was built
afterwards (`orchestrion release build --key new.key`), and believe only the keys that it names from
then on. Copy the messages into the folder of each place; never delete one: devices that were away
follow them one by one.")]
pub struct RotateArgs {
    /// The release's folder
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// A secret key that devices believe now
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A public key that they believe from then on; all of them have to be named
    #[arg(long, value_name = "FILE", required = true)]
    believe: Vec<PathBuf>,
    /// The public keys that devices have pinned, if there are more than the one that signs here and none was rotated yet
    #[arg(long, value_name = "FILE")]
    pinned: Vec<PathBuf>,
}

impl KeygenArgs {
    pub(super) fn run(self) -> Result<String, String> {
        let mut chance = [0; 32];
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut chance))
            .map_err(|error| format!("this machine has no chance to make a key of: /dev/urandom: {error}"))?;
        let key = SecretKey::from_chance(&chance);
        let (secret, public) = (ended(&self.name, "key"), ended(&self.name, "pub"));
        if public.exists() {
            return Err(format!("{} is there already; it is not replaced", public.display()));
        }
        if let Some(folder) = secret.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
        }
        create(&secret, format!("{}\n", key.reveal()).as_bytes(), 0o600)?;
        create(&public, format!("{}\n", key.public()).as_bytes(), 0o644)?;
        Ok(format!(
            "Written: {} (secret: keep it, and a copy of it) and {}\n  key      {}\n  devices  {}\n",
            clean(&secret.display().to_string()),
            clean(&public.display().to_string()),
            key.public().id(),
            key.public()
        ))
    }
}

impl RotateArgs {
    pub(super) fn run(self) -> Result<String, String> {
        if self.believe.len() > KEYS_MAX {
            return Err(format!("{} keys; {KEYS_MAX} at most", self.believe.len()));
        }
        let key = secret(&self.key)?;
        let believed = self.believe.iter().map(|file| public(file)).collect::<Result<Vec<_>, _>>()?;
        let now = match folder::last_keys(&self.folder)? {
            Some(keys) => keys,
            None => {
                let mut keys = self.pinned.iter().map(|file| public(file)).collect::<Result<Vec<_>, _>>()?;
                if keys.is_empty() {
                    keys.push(key.public());
                }
                Keyring::pinned(keys).map_err(|refusal| refusal.to_string())?
            }
        };
        let message = now.rotate(believed.clone(), &key).map_err(|refusal| refusal.to_string())?;
        let serial = now.serial() + 1;
        let file = self.folder.join(rotation_path(serial));
        replace(&file, &message.bytes())?;
        let names: Vec<String> = believed.iter().map(|key| key.id().to_string()).collect();
        Ok(format!(
            "Written: {}\n  from then on devices believe: {}\n  they read it with the next release that is built here\n",
            clean(&file.display().to_string()),
            names.join(", ")
        ))
    }
}

fn ended(name: &Path, end: &str) -> PathBuf {
    let mut file = name.as_os_str().to_owned();
    file.push(".");
    file.push(end);
    file.into()
}

/// The secret key of a file.
pub(super) fn secret(file: &Path) -> Result<SecretKey, String> {
    text(file)?.parse().map_err(|error| format!("{}: {error}", file.display()))
}

/// The public key of a file.
pub(super) fn public(file: &Path) -> Result<PublicKey, String> {
    text(file)?.parse().map_err(|error| format!("{}: {error}", file.display()))
}

fn text(file: &Path) -> Result<String, String> {
    let bytes = read_limited(file, KEY_FILE_LEN_MAX)?;
    String::from_utf8(bytes).map_err(|_| format!("{} is no text, so it is no key", file.display()))
}
