//! From a file's rate to the output's, exact to the frame.

use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _};

/// Frames that go into the transform at once; rubato rounds up to what the two rates allow. 1176 at 44.1 kHz are 1280 at
/// 48 kHz. 1024 would be rounded up to 1029 and 1120, each with a factor of 7 more, which takes half as long again.
const CHUNK_FRAMES: usize = 1176;

/// Stereo from one rate to another by rubato's FFT resampler. For n frames in, exactly ⌊n · out / in + ½⌋ come out, and the
/// filter's delay is taken away. Between equal rates it passes samples on unchanged.
pub(super) struct Resampler {
    in_hz: u64,
    out_hz: u64,
    /// `None` between equal rates.
    fft: Option<Box<Stage>>,
    in_frames: u64,
    out_frames: u64,
}

struct Stage {
    fft: Fft<f32>,
    waiting: Vec<f32>,
    fresh: Vec<f32>,
    delay_frames: usize,
}

impl Resampler {
    /// # Errors
    /// rubato's words when it cannot do these rates.
    pub(super) fn new(in_hz: u32, out_hz: u32) -> Result<Self, String> {
        let fft = if in_hz == out_hz {
            None
        } else {
            let fft = Fft::<f32>::new(in_hz as usize, out_hz as usize, CHUNK_FRAMES, 2, FixedSync::Both)
                .map_err(|e| format!("cannot resample {in_hz} Hz to {out_hz} Hz: {e}"))?;
            let delay_frames = fft.output_delay();
            let fresh = vec![0.0; fft.output_frames_max() * 2];
            Some(Box::new(Stage { fft, waiting: Vec::new(), fresh, delay_frames }))
        };
        Ok(Self { in_hz: in_hz.into(), out_hz: out_hz.into(), fft, in_frames: 0, out_frames: 0 })
    }

    /// Whether samples pass unchanged.
    pub(super) fn is_transparent(&self) -> bool {
        self.fft.is_none()
    }

    /// Frames that must have come out for what went in so far.
    pub(super) fn due_frames(&self) -> u64 {
        (self.in_frames * self.out_hz * 2 + self.in_hz) / (self.in_hz * 2)
    }

    /// Frames that have come out.
    pub(super) fn out_frames(&self) -> u64 {
        self.out_frames
    }

    /// Takes the interleaved stereo that `read` appends to what it is given, and appends to `out` what is ready; gives what
    /// `read` gave.
    ///
    /// # Errors
    /// rubato's words; they mean an error of ours.
    pub(super) fn take<T>(
        &mut self,
        out: &mut Vec<f32>,
        read: impl FnOnce(&mut Vec<f32>) -> T,
    ) -> Result<T, String> {
        let input = self.fft.as_mut().map_or(&mut *out, |stage| &mut stage.waiting);
        let before = input.len();
        let given = read(input);
        let frames = ((input.len() - before) / 2) as u64;
        self.in_frames += frames;
        self.out_frames += match &mut self.fft {
            Some(stage) => stage.run(u64::MAX, out)?,
            None => frames,
        };
        Ok(given)
    }

    /// The song is over: appends the rest, so that the length is exact.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub(super) fn finish(&mut self, out: &mut Vec<f32>) -> Result<(), String> {
        let due = self.due_frames();
        while self.out_frames < due {
            let Some(stage) = &mut self.fft else { return Ok(()) };
            let whole = stage.fft.input_frames_next() * 2;
            stage.waiting.resize(whole, 0.0);
            self.out_frames += stage.run(due - self.out_frames, out)?;
        }
        Ok(())
    }
}

impl Stage {
    /// Transforms all whole chunks that wait; appends at most `frames_max` frames and says how many.
    fn run(&mut self, frames_max: u64, out: &mut Vec<f32>) -> Result<u64, String> {
        let mut taken = 0;
        let mut given = 0u64;
        loop {
            let in_frames = self.fft.input_frames_next();
            let Some(chunk) = self.waiting.get(taken..taken + in_frames * 2) else { break };
            let out_frames_max = self.fresh.len() / 2;
            let input = InterleavedSlice::new(chunk, 2, in_frames).map_err(|e| e.to_string())?;
            let mut output =
                InterleavedSlice::new_mut(&mut self.fresh, 2, out_frames_max).map_err(|e| e.to_string())?;
            let (_, made) = self
                .fft
                .process_into_buffer(&input, &mut output, None::<&Indexing>)
                .map_err(|e| e.to_string())?;
            taken += in_frames * 2;
            let skipped = self.delay_frames.min(made);
            self.delay_frames -= skipped;
            let wanted = usize::try_from(frames_max - given).unwrap_or(usize::MAX).min(made - skipped);
            out.extend_from_slice(&self.fresh[skipped * 2..(skipped + wanted) * 2]);
            given += wanted as u64;
        }
        self.waiting.drain(..taken);
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resampled(frames: usize, in_hz: u32, out_hz: u32, sample: impl Fn(usize) -> f32) -> Vec<f32> {
        let mut resampler = Resampler::new(in_hz, out_hz).unwrap();
        let stereo: Vec<f32> = (0..frames).flat_map(|i| [sample(i), sample(i)]).collect();
        let mut out = Vec::new();
        for piece in stereo.chunks(1234) {
            resampler.take(&mut out, |input| input.extend_from_slice(piece)).unwrap();
        }
        resampler.finish(&mut out).unwrap();
        out
    }

    #[test]
    fn the_length_is_exact_for_any_rates_and_lengths() {
        for (in_hz, out_hz) in
            [(44_100, 48_000), (48_000, 44_100), (192_000, 48_000), (8_000, 48_000), (11_025, 48_000)]
        {
            for frames in [0usize, 1, 2, 1000, 12_345] {
                let out = resampled(frames, in_hz, out_hz, |_| 0.5);
                let want = (frames as f64 * f64::from(out_hz) / f64::from(in_hz)).round() as usize;
                assert_eq!(out.len(), want * 2, "{frames} frames from {in_hz} to {out_hz}");
            }
        }
    }

    #[test]
    fn a_tone_comes_out_in_time_with_distortion_and_noise_below_minus_120_db() {
        for hz in [1000.0, 10_000.0] {
            let out = resampled(44_100 * 2, 44_100, 48_000, |i| {
                (0.5 * (i as f64 / 44_100.0 * hz * std::f64::consts::TAU).sin()) as f32
            });
            // Whole periods, so that sine and cosine are orthogonal.
            let inner: Vec<f64> = out.chunks(2).map(|f| f64::from(f[0])).skip(19_200).take(48_000).collect();
            let angle = |i: usize| (i + 19_200) as f64 / 48_000.0 * hz * std::f64::consts::TAU;
            let project = |wave: fn(f64) -> f64| {
                inner.iter().enumerate().map(|(i, s)| s * wave(angle(i))).sum::<f64>() * 2.0
                    / inner.len() as f64
            };
            let (sine, cosine) = (project(f64::sin), project(f64::cos));
            let rest: f64 = inner
                .iter()
                .enumerate()
                .map(|(i, s)| (s - sine * angle(i).sin() - cosine * angle(i).cos()).powi(2))
                .sum();
            let signal: f64 = inner.iter().map(|s| s * s).sum();
            let db = 10.0 * (rest / signal).log10();
            assert!(db < -120.0, "{hz} Hz: {db} dB");
            let late_frames = -cosine.atan2(sine) / std::f64::consts::TAU * 48_000.0 / hz;
            assert!(late_frames.abs() < 0.6, "{hz} Hz: {late_frames} frames late");
        }
    }

    #[test]
    fn equal_rates_pass_unchanged() {
        let out = resampled(500, 48_000, 48_000, |i| i as f32);
        assert!(out.chunks(2).enumerate().all(|(i, f)| f[0] == i as f32));
    }
}
