//! ALSA outputs: cpal knows which there are, `stream` writes to one, `troubles` tells which errors mean that it is lost.

mod stream;
mod troubles;

use std::sync::Arc;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{DeviceId, HostId};

use super::writer::Writer;
use super::{Listed, Loan, Pulse, Wake, Wanted};
use stream::{Device, Samples};
use troubles::Troubles;

/// What the names of these outputs begin with.
const PREFIX: &str = "alsa:";
/// The rate of compact discs, for outputs that can do nothing else.
const CD_HZ: u32 = 44_100;

/// What ALSA lists as outputs and which only convert for others.
const CONVERTERS: [&str; 7] =
    ["lavrate", "samplerate", "speexrate", "speex", "upmix", "vdownmix", "usbstream"];

/// The outputs that ALSA knows, each once.
pub(super) fn list() -> Vec<Listed> {
    let _quiet = super::quiet_thread();
    let Ok(host) = cpal::host_from_id(HostId::Alsa) else { return Vec::new() };
    let Ok(devices) = host.output_devices() else { return Vec::new() };
    let mut outputs: Vec<Listed> = Vec::new();
    for device in devices {
        let Ok(id) = device.id() else { continue };
        // Counted card numbers change with the order of plugging; names do not.
        let name = id.id().to_owned();
        let is_counted = name.split(['=', ',']).nth(1).is_some_and(|card| card.parse::<u32>().is_ok());
        let converts = CONVERTERS.contains(&name.split(':').next().unwrap_or_default());
        if name == super::NULL
            || converts
            || is_counted
            || outputs.iter().any(|o| o.name == format!("{PREFIX}{name}"))
        {
            continue;
        }
        let description = device.description().map(|d| d.name().to_owned()).unwrap_or_default();
        outputs.push(Listed { name: format!("{PREFIX}{name}"), description });
    }
    outputs
}

fn device(name: &str) -> Option<cpal::Device> {
    let id = name.strip_prefix(PREFIX).unwrap_or(name);
    let host = cpal::host_from_id(HostId::Alsa).ok()?;
    host.device_by_id(&DeviceId::new(HostId::Alsa, id))
}

pub(super) fn is_there(name: &str) -> bool {
    device(name).is_some_and(|device| {
        device.supported_output_configs().is_ok_and(|mut configs| configs.next().is_some())
    })
}

/// A device that is open; nothing is written to it yet.
pub(super) struct Waiting {
    device: Device,
    rate_hz: u32,
    troubles: Troubles,
}

impl Waiting {
    pub(super) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    pub(super) fn start(self, loan: Loan) -> Result<Writer, String> {
        self.device.start(loan, self.troubles).map_err(|error| error.to_string())
    }
}

/// Opens a device with floats or whatever else it can do, at the wanted rate or the usual other one.
///
/// # Errors
/// ALSA's words.
pub(super) fn open(name: &str, wanted: Wanted, pulse: &Arc<Pulse>, wake: &Wake) -> Result<Waiting, String> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let mut refusal = String::new();
    for rate_hz in [wanted.rate_hz, CD_HZ] {
        for samples in Samples::ALL {
            match Device::open(name, Wanted { rate_hz, ..wanted }, samples) {
                Ok(device) => {
                    let troubles = Troubles::new(Arc::clone(pulse), Arc::clone(wake));
                    return Ok(Waiting { device, rate_hz, troubles });
                }
                Err(error) => {
                    refusal = error.to_string();
                    if error.errno() != libc::EINVAL {
                        return Err(refusal);
                    }
                }
            }
        }
    }
    Err(refusal)
}
