//! ALSA outputs through cpal. `troubles` tells which of its errors mean that an output is lost.

mod troubles;

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, DeviceId, ErrorKind, FromSample, HostId, SizedSample, Stream, StreamConfig};

use super::{Listed, Loan, Pulse, Wake, Wanted};
use troubles::Troubles;

/// What the names of these outputs begin with.
const PREFIX: &str = "alsa:";
/// The rate of compact discs, for outputs that can do nothing else.
const CD_HZ: u32 = 44_100;
/// Frames that are converted at once for outputs without floats.
const CONVERT_FRAMES: usize = 256;

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

/// A stream whose device is open; its thread waits until it is started.
pub(super) struct Waiting {
    stream: Stream,
    rate_hz: u32,
    /// How the callback comes by the mixer.
    lend: Sender<Loan>,
}

impl Waiting {
    pub(super) fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    pub(super) fn start(self, loan: Loan) -> Result<Stream, String> {
        // It has room for one, and this is the only one.
        let _ = self.lend.try_send(loan);
        self.stream.play().map_err(|error| error.to_string())?;
        Ok(self.stream)
    }
}

/// Opens a device with floats or whatever else it can do, at the wanted rate or the usual other one.
///
/// # Errors
/// ALSA's words.
pub(super) fn open(name: &str, wanted: Wanted, pulse: &Arc<Pulse>, wake: &Wake) -> Result<Waiting, String> {
    let device = device(name).ok_or("there is no such output")?;
    let mut refusal = String::new();
    for rate_hz in [wanted.rate_hz, CD_HZ] {
        let config = StreamConfig {
            channels: 2,
            sample_rate: rate_hz,
            buffer_size: BufferSize::Fixed(wanted.buffer_frames),
        };
        for build in [build::<f32>, build::<i32>, build::<i16>] {
            let (lend, lent) = bounded(1);
            let troubles = Troubles::new(Arc::clone(pulse), Arc::clone(wake));
            match build(&device, config, lent, troubles) {
                Ok(stream) => return Ok(Waiting { stream, rate_hz, lend }),
                Err(error) => {
                    refusal = error.to_string();
                    if !matches!(error.kind(), ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput) {
                        return Err(refusal);
                    }
                }
            }
        }
    }
    Err(refusal)
}

fn build<T: SizedSample + FromSample<f32>>(
    device: &cpal::Device,
    config: StreamConfig,
    lent: Receiver<Loan>,
    mut troubles: Troubles,
) -> Result<Stream, cpal::Error> {
    let mut stereo = [0.0f32; CONVERT_FRAMES * 2];
    let mut loan: Option<Loan> = None;
    device.build_output_stream::<T, _, _>(
        config,
        move |data: &mut [T], info: &cpal::OutputCallbackInfo| {
            if loan.is_none() {
                loan = lent.try_recv().ok();
            }
            // A stream that is dropped before it was started may still ask once; its silence is cpal's.
            let Some(loan) = &mut loan else { return };
            let moments = info.timestamp();
            loan.begin(moments.playback.saturating_duration_since(moments.callback), config.sample_rate);
            for piece in data.chunks_mut(CONVERT_FRAMES * 2) {
                let block = &mut stereo[..piece.len()];
                loan.render(block);
                for (to, from) in piece.iter_mut().zip(block.iter()) {
                    *to = T::from_sample(*from);
                }
            }
        },
        move |error| troubles.add(&error),
        None,
    )
}
