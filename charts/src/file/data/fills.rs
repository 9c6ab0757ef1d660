//! Colours of rows.

use super::super::color::{CATEGORY_COLORS, Fill};
use super::super::scale::PixelScale;
use super::chart_data::{ChartData, Coloring};
use super::text::value_text;
use crate::kind::ChartKind;

/// Fills of all rows, and their meaning.
pub struct Fills {
    pub by_row: Vec<Fill>,
    pub legend: Vec<(Fill, String)>,
    /// The name of the scale, its least and its greatest value.
    pub scale: Option<(String, String, String)>,
}

impl ChartData {
    /// The fill of each row. With more categories than colours, the largest
    /// categories have a colour each.
    pub fn fills(&self) -> Fills {
        let plain = |by_row: Vec<Fill>| Fills {
            by_row,
            legend: Vec::new(),
            scale: None,
        };
        match &self.coloring {
            Coloring::Plain => plain(vec![Fill::Category(0); self.series.y.len()]),
            Coloring::Categories { names, rows, .. } => {
                let fills = self.category_fills(names.len(), rows);
                let mut legend: Vec<(Fill, String)> = names
                    .iter()
                    .zip(&fills)
                    .filter(|(_, fill)| **fill != Fill::Other)
                    .map(|(name, fill)| (*fill, name.clone()))
                    .collect();
                let rest = names.len() - legend.len();
                if rest > 0 {
                    legend.push((Fill::Other, format!("others ({rest})")));
                }
                let mut fills = plain(rows.iter().map(|category| fills[*category]).collect());
                fills.legend = legend;
                fills
            }
            Coloring::Scale { name, axis, values } => {
                let finite = || values.iter().copied().filter(|value| value.is_finite());
                let least = finite().fold(f64::INFINITY, f64::min);
                let most = finite().fold(f64::NEG_INFINITY, f64::max);
                let scale = PixelScale {
                    values: (least, most),
                    pixels: (0.0, 1.0),
                };
                let fill = |value: &f64| {
                    if value.is_finite() {
                        Fill::step(scale.pixel(*value))
                    } else {
                        Fill::Other
                    }
                };
                let mut fills = plain(values.iter().map(fill).collect());
                if least <= most {
                    let text = |value| value_text(*axis, value);
                    fills.scale = Some((name.clone(), text(least), text(most)));
                }
                if values.iter().any(|value| !value.is_finite()) {
                    fills.legend.push((Fill::Other, "no value".to_string()));
                }
                fills
            }
        }
    }

    /// The fill of each category; only the largest have a colour.
    fn category_fills(&self, categories: usize, rows: &[usize]) -> Vec<Fill> {
        let mut size = vec![0.0f64; categories];
        for (row, category) in rows.iter().enumerate() {
            size[*category] += match self.kind {
                ChartKind::Bar => self.series.y[row].abs(),
                _ => 1.0,
            };
        }
        let mut largest: Vec<usize> = (0..categories).collect();
        largest.sort_by(|a, b| size[*b].total_cmp(&size[*a]).then(a.cmp(b)));
        largest.truncate(CATEGORY_COLORS.len());
        // Colours follow the order of the categories' first rows.
        largest.sort_unstable();
        let mut fills = vec![Fill::Other; categories];
        for (color, category) in largest.into_iter().enumerate() {
            fills[category] = Fill::Category(color);
        }
        fills
    }
}
