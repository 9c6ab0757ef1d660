//! Which row has which colour.

use super::super::color::{CATEGORIES, Fill};
use super::super::layout::Scale;
use super::super::spec::Kind;
use super::{Data, Paint, value_text};

/// The fills of all rows, and what they mean.
pub struct Fills {
    pub of: Vec<Fill>,
    pub legend: Vec<(Fill, String)>,
    /// The name of the scale, its least and its greatest value.
    pub scale: Option<(String, String, String)>,
}

impl Data {
    /// How each row is filled. Where there are more categories than colours,
    /// the largest have one each.
    pub fn fills(&self) -> Fills {
        let plain = |of: Vec<Fill>| Fills {
            of,
            legend: Vec::new(),
            scale: None,
        };
        match &self.paint {
            Paint::Plain => plain(vec![Fill::Category(0); self.series.y.len()]),
            Paint::Categories { names, of, .. } => {
                let fills = self.ranked(names.len(), of);
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
                let mut fills = plain(of.iter().map(|at| fills[*at]).collect());
                fills.legend = legend;
                fills
            }
            Paint::Scale { name, axis, values } => {
                let finite = || values.iter().copied().filter(|value| value.is_finite());
                let least = finite().fold(f64::INFINITY, f64::min);
                let most = finite().fold(f64::NEG_INFINITY, f64::max);
                let scale = Scale {
                    values: (least, most),
                    pixels: (0.0, 1.0),
                };
                let fill = |value: &f64| {
                    if value.is_finite() {
                        Fill::step(scale.place(*value))
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

    fn ranked(&self, categories: usize, of: &[usize]) -> Vec<Fill> {
        let mut size = vec![0.0f64; categories];
        for (row, at) in of.iter().enumerate() {
            size[*at] += match self.kind {
                Kind::Bar => self.series.y[row].abs(),
                _ => 1.0,
            };
        }
        let mut largest: Vec<usize> = (0..categories).collect();
        largest.sort_by(|a, b| size[*b].total_cmp(&size[*a]).then(a.cmp(b)));
        largest.truncate(CATEGORIES.len());
        // Colours are given in the order in which the categories came.
        largest.sort_unstable();
        let mut fills = vec![Fill::Other; categories];
        for (color, at) in largest.into_iter().enumerate() {
            fills[at] = Fill::Category(color);
        }
        fills
    }
}
