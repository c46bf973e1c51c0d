//! A graphics card of the board, opened once and shared with the sink: who has opened it first may set the mode and switch
//! the screen, and nobody else.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use drm::Device;
use drm::control::{Device as _, connector, property};
use orchestrion::media::screen::connectors::{self, Connector};

/// Where cards are opened.
const CARDS: &str = "/dev/dri";
/// What the kernel calls switching a screen on and off (Display Power Management Signaling), and its values.
const DPMS: &[u8] = b"DPMS";
const DPMS_ON: u64 = 0;
const DPMS_OFF: u64 = 3;

/// See the head of this file.
#[derive(Debug)]
pub struct Card {
    file: File,
    connector: connector::Handle,
    /// Not every connector can be switched.
    dpms: Option<property::Handle>,
}

impl AsFd for Card {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Device for Card {}
impl drm::control::Device for Card {}

/// A card that is only asked.
#[derive(Debug)]
struct Asked(File);

impl AsFd for Asked {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Device for Asked {}
impl drm::control::Device for Asked {}

impl Card {
    /// Opens the card of a connector.
    ///
    /// # Errors
    /// In words.
    pub fn open(wanted: &Connector) -> Result<Self, String> {
        let (card, name) = wanted.parts().ok_or("the connector's name has no card in it")?;
        let path = connectors::place(CARDS).join(card);
        let failed = |e: io::Error| format!("{}: {e}", path.display());
        let card = Asked(open(&path).map_err(failed)?);
        let handles = card.resource_handles().map_err(failed)?;
        let connector = handles
            .connectors()
            .iter()
            .copied()
            .find(|handle| card.get_connector(*handle, false).is_ok_and(|info| info.to_string() == name))
            .ok_or_else(|| format!("{} has no connector {name}", path.display()))?;
        let dpms = dpms(&card, connector).map_err(failed)?;
        Ok(Self { file: card.0, connector, dpms })
    }

    /// The number of its open file, for the sink.
    pub fn number(&self) -> i32 {
        self.file.as_raw_fd()
    }

    /// The kernel's number of the connector, for the sink.
    pub fn connector(&self) -> i32 {
        u32::from(self.connector).cast_signed()
    }

    /// As [`probe`] for the card that is open: only who opened it first may have it look.
    pub fn probe(&self) {
        probe_card(self);
    }

    /// Switches what is plugged to the connector.
    ///
    /// # Errors
    /// In words.
    pub fn switch(&self, is_on: bool) -> Result<(), String> {
        let dpms = self.dpms.ok_or("the connector cannot be switched")?;
        let value = if is_on { DPMS_ON } else { DPMS_OFF };
        self.set_property(self.connector, dpms, value)
            .map_err(|e| format!("the connector is not switched: {e}"))
    }
}

/// Has all cards look which of their connectors have a screen. On some boards the kernel itself looks only each 10 s. It may take
/// a tenth of a second; who shows nothing has it.
pub fn probe() {
    for entry in fs::read_dir(connectors::place(CARDS)).into_iter().flatten().flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(b"card") {
            continue;
        }
        let Ok(card) = open(&entry.path()).map(Asked) else { continue };
        probe_card(&card);
    }
}

fn probe_card(card: &impl drm::control::Device) {
    let Ok(handles) = card.resource_handles() else { return };
    for connector in handles.connectors() {
        // What it finds stands where connectors are looked at.
        let _ = card.get_connector(*connector, true);
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

fn dpms(card: &Asked, connector: connector::Handle) -> io::Result<Option<property::Handle>> {
    let properties = card.get_properties(connector)?;
    let is_dpms = |handle: &property::Handle| {
        card.get_property(*handle).is_ok_and(|property| property.name().to_bytes() == DPMS)
    };
    Ok(properties.iter().map(|(handle, _)| *handle).find(is_dpms))
}
