//! A peak limiter for the sum of two songs: it turns down at once and up again slowly. What stays within full scale
//! passes through it unchanged, bit by bit.

/// How long it takes to come back up by 1/e, in milliseconds.
const RELEASE_MS: f32 = 120.0;

#[derive(Debug, Clone)]
pub(super) struct Limiter {
    gain: f32,
    release: f32,
}

impl Limiter {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self { gain: 1.0, release: 1.0 - (-1000.0 / (RELEASE_MS * rate_hz as f32)).exp() }
    }

    /// Keeps interleaved stereo within ±1 and returns its highest sample.
    pub(super) fn apply(&mut self, stereo: &mut [f32]) -> f32 {
        let mut highest = 0.0f32;
        for frame in stereo.chunks_exact_mut(2) {
            let peak = frame[0].abs().max(frame[1].abs());
            if self.gain < 1.0 {
                self.gain += (1.0 - self.gain) * self.release;
                if self.gain > 0.9999 {
                    self.gain = 1.0;
                }
            }
            if peak * self.gain > 1.0 {
                self.gain = 1.0 / peak;
            }
            if self.gain < 1.0 {
                frame[0] *= self.gain;
                frame[1] *= self.gain;
            }
            highest = highest.max(peak * self.gain);
        }
        highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_passes_unchanged_and_what_does_not_is_kept_within_full_scale() {
        let mut limiter = Limiter::new(48_000);
        let mut soft: Vec<f32> = (0..2000).map(|i| (i as f32 * 0.1).sin()).collect();
        let before = soft.clone();
        limiter.apply(&mut soft);
        assert_eq!(soft, before);
        let mut loud: Vec<f32> = (0..2000).map(|i| 1.4 * (i as f32 * 0.1).sin()).collect();
        let highest = limiter.apply(&mut loud);
        assert!(loud.iter().all(|s| s.abs() <= 1.0) && highest <= 1.0);
    }
}
