//! ALSA outputs through cpal.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, DeviceId, ErrorKind, FromSample, HostId, SizedSample, Stream, StreamConfig};

use super::{Dock, Listed, Loan, Opened, Pull, STUCK, Wanted};

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

pub(super) fn open(name: &str, wanted: Wanted, dock: &Dock) -> Result<Opened, String> {
    let device = device(name).ok_or("there is no such output")?;
    let mut refusal = String::new();
    for rate_hz in [wanted.rate_hz, CD_HZ] {
        let config = StreamConfig {
            channels: 2,
            sample_rate: rate_hz,
            buffer_size: BufferSize::Fixed(wanted.buffer_frames),
        };
        for build in [build::<f32>, build::<i32>, build::<i16>] {
            let loan = dock.lend().ok_or(STUCK)?;
            let pulse = Arc::clone(&loan.pulse);
            match build(&device, config, loan).and_then(|stream| stream.play().map(|()| stream)) {
                Ok(stream) => {
                    let pull = Pull::Alsa(stream);
                    return Ok(Opened { name: name.into(), audible: true, rate_hz, pulse, _pull: pull });
                }
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
    mut loan: Loan,
) -> Result<Stream, cpal::Error> {
    let errors = Arc::clone(&loan.pulse);
    let mut stereo = [0.0f32; CONVERT_FRAMES * 2];
    device.build_output_stream::<T, _, _>(
        config,
        move |data: &mut [T], _| {
            for piece in data.chunks_mut(CONVERT_FRAMES * 2) {
                let block = &mut stereo[..piece.len()];
                loan.render(block);
                for (to, from) in piece.iter_mut().zip(block.iter()) {
                    *to = T::from_sample(*from);
                }
            }
        },
        // A lost output calls this millions of times: nothing but a count.
        move |error| {
            if error.kind() != ErrorKind::Xrun {
                errors.errors.fetch_add(1, Ordering::Relaxed);
            }
        },
        None,
    )
}
