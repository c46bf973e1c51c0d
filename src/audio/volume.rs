//! The perceptual volume scale, and decibels.

/// The amplitude for 0–100 percent: the cube, PulseAudio's software volume, which loudness follows more evenly than
/// the amplitude itself. 50 % is −18 dB, 10 % is −60 dB.
pub fn amplitude(percent: u8) -> f32 {
    (f32::from(percent.min(100)) / 100.0).powi(3)
}

/// The same in dB of full scale; `None` at 0 %.
pub fn decibels(percent: u8) -> Option<f32> {
    (percent > 0).then(|| 20.0 * amplitude(percent).log10())
}

/// A load's gain, kept within its limits; what is no number stays so.
pub(super) fn load_db(gain_db: f32) -> f32 {
    gain_db.clamp(super::GAIN_DB_MIN, super::GAIN_DB_MAX)
}

/// The amplitude of a level in dB of full scale.
pub(super) fn of_decibels(db: f32) -> f32 {
    10.0f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_goes_from_silence_to_unity_in_rising_steps() {
        assert_eq!(amplitude(0), 0.0);
        assert_eq!(amplitude(100), 1.0);
        assert!((0..100).all(|p| amplitude(p) < amplitude(p + 1)));
        assert!((decibels(50).unwrap() + 18.06).abs() < 0.01);
        assert_eq!(decibels(0), None);
    }
}
