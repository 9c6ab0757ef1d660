//! Sigmoid from a table.

/// 1 / (1 + e^-x) from a table.
pub struct Sigmoid(Vec<f32>);

impl Sigmoid {
    const STEPS: usize = 1_024;
    /// Largest argument; beyond, the result is 0 or 1.
    const MAX_ARGUMENT: f32 = 6.0;

    pub fn new() -> Self {
        let value = |step: usize| {
            let x = (step as f32 + 0.5) / Self::STEPS as f32 * 2.0 - 1.0;
            1.0 / (1.0 + (-x * Self::MAX_ARGUMENT).exp())
        };
        Self((0..Self::STEPS).map(value).collect())
    }

    /// Sigmoid of `x`.
    pub fn at(&self, x: f32) -> f32 {
        if x >= Self::MAX_ARGUMENT {
            return 1.0;
        }
        if x <= -Self::MAX_ARGUMENT {
            return 0.0;
        }
        let step = (x / Self::MAX_ARGUMENT + 1.0) / 2.0 * Self::STEPS as f32;
        self.0[(step as usize).min(Self::STEPS - 1)]
    }
}
