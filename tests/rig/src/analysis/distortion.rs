//! How much of a tone is not the tone.

use std::f64::consts::TAU;

/// Total harmonic distortion and noise of a sine of exactly `freq_hz`, in dB of that sine (−100 is
/// good, −150 the floor of `f32`). The inner eight tenths are looked at; direct current does not count.
///
/// `None` if they hold fewer than 8 periods, or no such tone.
#[must_use]
pub fn thd_n_db(samples: &[f32], rate_hz: u32, freq_hz: f64) -> Option<f64> {
    let edge = samples.len() / 10;
    let inner: Vec<f64> = samples[edge..samples.len() - edge].iter().map(|&x| f64::from(x)).collect();
    let turns_per_frame = freq_hz / f64::from(rate_hz);
    if turns_per_frame <= 0.0 || inner.len() as f64 * turns_per_frame < 8.0 {
        return None;
    }

    let columns: Vec<[f64; 3]> = (0..inner.len())
        .map(|n| {
            let (sin, cos) = (TAU * (turns_per_frame * n as f64).fract()).sin_cos();
            [1.0, sin, cos]
        })
        .collect();
    let mut normal = [[0.0; 4]; 3];
    for (row, &x) in columns.iter().zip(&inner) {
        for i in 0..3 {
            for j in 0..3 {
                normal[i][j] += row[i] * row[j];
            }
            normal[i][3] += row[i] * x;
        }
    }
    let [mean, sin, cos] = solved(normal)?;

    let rest: f64 = columns
        .iter()
        .zip(&inner)
        .map(|(row, x)| (x - mean * row[0] - sin * row[1] - cos * row[2]).powi(2))
        .sum();
    let tone = (sin * sin + cos * cos) / 2.0 * inner.len() as f64;
    if tone < 1e-20 * inner.len() as f64 {
        return None;
    }
    Some(10.0 * (rest / tone).max(1e-30).log10())
}

/// Three equations, by elimination with the largest pivot.
fn solved(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot = (column..3).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let pivot = rows[column];
        if pivot[column].abs() < 1e-9 {
            return None;
        }
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = row[column] / pivot[column];
            if index != column {
                row.iter_mut().zip(pivot).for_each(|(x, p)| *x -= factor * p);
            }
        }
    }
    Some([rows[0][3] / rows[0][0], rows[1][3] / rows[1][1], rows[2][3] / rows[2][2]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{mix, sine};

    #[test]
    fn a_pure_sine_is_as_good_as_f32_can_be() {
        for (freq_hz, rate_hz) in [(997.0, 48_000), (10_000.0, 44_100), (1000.0, 48_000)] {
            let db = thd_n_db(&sine(freq_hz, 0.9, 0.4, rate_hz, 480_000), rate_hz, freq_hz).unwrap();
            assert!(db < -145.0, "{freq_hz} Hz: {db} dB");
        }
    }

    #[test]
    fn a_known_harmonic_is_measured() {
        for level_db in [-40.0_f64, -100.0, -130.0] {
            let mut tone = sine(997.0, 0.5, 0.0, 48_000, 96_000);
            let harmonic = 0.5 * 10.0_f64.powf(level_db / 20.0);
            mix(&mut tone, &sine(2991.0, harmonic, 0.0, 48_000, 96_000), 1.0, 0);
            tone.iter_mut().for_each(|x| *x += 0.01);
            let db = thd_n_db(&tone, 48_000, 997.0).unwrap();
            assert!((db - level_db).abs() < 0.3, "{db} instead of {level_db}");
        }
    }

    #[test]
    fn nothing_is_said_of_silence_and_of_scraps() {
        assert_eq!(thd_n_db(&[0.0; 48_000], 48_000, 1000.0), None);
        assert_eq!(thd_n_db(&sine(100.0, 0.5, 0.0, 48_000, 2000), 48_000, 100.0), None);
        assert_eq!(thd_n_db(&[], 48_000, 1000.0), None);
    }
}
