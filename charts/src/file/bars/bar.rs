//! Bars and their parts.

use super::super::color::Fill;
use super::super::scale::Tick;
use crate::data::Axis;

/// A bar; its parts are stacked from zero outwards.
pub struct Bar {
    pub label: String,
    pub parts: Vec<BarPart>,
    /// Interval of its value.
    pub interval: Option<(f64, f64)>,
    /// The text beside it, from the label column of the options.
    pub beside: String,
    /// Whether its length is drawn. Its value is in the tooltips in any case.
    pub drawn: bool,
}

/// A part of a bar, in one colour.
pub struct BarPart {
    pub fill: Fill,
    pub value: f64,
    /// The row of the value; `None` for several rows.
    pub row: Option<usize>,
    /// A cell for each of [`Bars::names`].
    pub tooltip: Vec<String>,
}

impl Bar {
    pub fn total(&self) -> f64 {
        let sum: f64 = self.parts.iter().map(|part| part.value).sum();
        sum.clamp(f64::MIN, f64::MAX)
    }

    /// Length of all parts, whatever their signs.
    pub fn size(&self) -> f64 {
        self.parts.iter().map(|part| part.value.abs()).sum()
    }

    /// Its least and its greatest value with its interval, around zero.
    pub fn reach(&self) -> (f64, f64) {
        let sum = |sign: f64| -> f64 {
            let values = self.parts.iter().map(|part| part.value * sign);
            let sum: f64 = values.filter(|value| *value > 0.0).sum();
            sum.min(f64::MAX) * sign
        };
        let (low, high) = self.interval.unwrap_or((0.0, 0.0));
        (sum(-1.0).min(low), sum(1.0).max(high))
    }
}

/// Bars of a chart, with the names and ticks of its axes.
pub struct Bars {
    pub bars: Vec<Bar>,
    /// Names of the lines of the tooltips.
    pub names: Vec<String>,
    /// Ticks and range of the bins, for histograms.
    pub bins: Option<(Vec<Tick>, (f64, f64))>,
    /// Edges of each bar, for histograms.
    pub edges: Vec<(f64, f64)>,
    /// Whether labels are positions on an axis, some of which may be omitted.
    pub ordered: bool,
    pub value_name: String,
    pub label_name: String,
    pub value_axis: Axis,
    /// Sum of all bars, where shares are shown.
    pub sum: Option<f64>,
    pub integers: bool,
    pub notes: Vec<String>,
}
