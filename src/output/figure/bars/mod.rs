//! Bars: one for each label, or for each bin of a histogram, in one or more
//! coloured parts.

mod bins;
mod drawing;
mod rows;

use super::super::chart::axis::Axis;
use super::color::Fill;
use super::layout::Tick;

pub use bins::of_bins;
pub use rows::of_rows;

/// A bar in its parts, from zero outwards.
pub struct Bar {
    pub label: String,
    pub parts: Vec<Part>,
    /// A text beside it, from the column that the user named.
    beside: String,
    /// Whether there is room for its length; its value is told in any case.
    drawn: bool,
}

pub struct Part {
    pub fill: Fill,
    pub value: f64,
    /// The row it shows; `None` for several.
    pub row: Option<usize>,
    pub tip: Vec<String>,
}

impl Bar {
    fn total(&self) -> f64 {
        let sum: f64 = self.parts.iter().map(|part| part.value).sum();
        sum.clamp(f64::MIN, f64::MAX)
    }

    fn size(&self) -> f64 {
        self.parts.iter().map(|part| part.value.abs()).sum()
    }

    /// How far it reaches below zero and above.
    fn reach(&self) -> (f64, f64) {
        let sum = |sign: f64| -> f64 {
            let values = self.parts.iter().map(|part| part.value * sign);
            let sum: f64 = values.filter(|value| *value > 0.0).sum();
            sum.min(f64::MAX) * sign
        };
        (sum(-1.0), sum(1.0))
    }
}

pub struct Bars {
    pub bars: Vec<Bar>,
    names: Vec<String>,
    /// For histograms: where the bins are.
    bins: Option<(Vec<Tick>, (f64, f64))>,
    /// For histograms: the edges of each bar.
    pub edges: Vec<(f64, f64)>,
    /// Whether labels are places on an axis, of which some may be left out.
    ordered: bool,
    value_name: String,
    label_name: String,
    value_axis: Axis,
    /// What all bars are together, where shares are shown.
    sum: Option<f64>,
    whole: bool,
    pub notes: Vec<String>,
}
