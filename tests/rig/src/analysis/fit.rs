//! Least squares in short windows: what of a window is tones, and what is left.

use std::f64::consts::TAU;

/// Columns that a new one must differ from by at least this much of its length to count.
const DEPENDENT: f64 = 1e-7;

/// An orthonormal basis of everything that given tones can do within a window while their
/// amplitudes change in a straight line.
pub(super) struct ToneBasis {
    columns: Vec<Vec<f64>>,
    window_frames: usize,
}

impl ToneBasis {
    /// The basis for tones of `freqs_hz` in windows of `window_frames`.
    pub(super) fn new(freqs_hz: &[f64], rate_hz: u32, window_frames: usize) -> Self {
        let mut basis = Self { columns: Vec::with_capacity(freqs_hz.len() * 4), window_frames };
        let middle = (window_frames as f64 - 1.0) / 2.0;
        for &freq_hz in freqs_hz {
            let step = TAU * freq_hz / f64::from(rate_hz);
            let column = |f: &dyn Fn(f64) -> f64| (0..window_frames).map(|n| f(n as f64 - middle)).collect();
            let slope = 1.0 / middle.max(1.0);
            basis.add(column(&|t| (step * t).sin()));
            basis.add(column(&|t| (step * t).cos()));
            basis.add(column(&|t| slope * t * (step * t).sin()));
            basis.add(column(&|t| slope * t * (step * t).cos()));
        }
        basis
    }

    pub(super) fn window_frames(&self) -> usize {
        self.window_frames
    }

    /// Adds what `column` has that the basis has not yet (Gram–Schmidt, twice for accuracy).
    fn add(&mut self, mut column: Vec<f64>) {
        let length = dot(&column, &column).sqrt();
        for _ in 0..2 {
            self.remove_from(&mut column);
        }
        let rest = dot(&column, &column).sqrt();
        if rest > DEPENDENT * length {
            column.iter_mut().for_each(|x| *x /= rest);
            self.columns.push(column);
        }
    }

    /// Takes the tones out of `window` and leaves what they do not explain.
    pub(super) fn remove_from(&self, window: &mut [f64]) {
        for column in &self.columns {
            let share = dot(column, window);
            window.iter_mut().zip(column).for_each(|(x, c)| *x -= share * c);
        }
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
