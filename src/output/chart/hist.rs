//! How the values of one column are spread.

use super::series::Series;
use super::{bar, number};
use crate::error::Result;

const MOST_BINS: usize = 20;

/// Bars over bins of equal width; Sturges' rule says how many.
pub fn draw(series: &Series, width: usize, color: bool) -> Result<String> {
    let least = series.y.iter().copied().fold(f64::INFINITY, f64::min);
    let most = series.y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bins = ((series.y.len() as f64).log2().ceil() as usize + 1).clamp(1, MOST_BINS);
    let bins = if most > least { bins } else { 1 };
    let step = (most - least) / bins as f64;
    let mut counts = vec![0f64; bins];
    for value in &series.y {
        let bin = if step > 0.0 { ((value - least) / step) as usize } else { 0 };
        counts[bin.min(bins - 1)] += 1.0;
    }
    let edges: Vec<String> = (0..=bins).map(|edge| number(rounded(least + step * edge as f64, step))).collect();
    let labels = (0..bins).map(|bin| format!("{} to {}", edges[bin], edges[bin + 1])).collect();
    let counted = Series {
        x_name: series.y_name.clone(),
        y_name: "rows".to_string(),
        labels,
        x: vec![0.0; bins],
        y: counts,
        skipped: series.skipped,
        counts: true,
    };
    bar::draw(&counted, width, color)
}

/// An edge with no more digits than tell it from its neighbour.
fn rounded(edge: f64, step: f64) -> f64 {
    if step <= 0.0 {
        return edge;
    }
    let unit = 10f64.powf((step / 100.0).log10().floor());
    (edge / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bin() {
        let y: Vec<f64> = (0..100).map(f64::from).collect();
        let series = Series {
            x_name: "v".into(),
            y_name: "v".into(),
            labels: vec![String::new(); 100],
            x: y.clone(),
            y,
            skipped: 0,
            counts: true,
        };
        let chart = draw(&series, 60, false).unwrap();
        let counted: f64 = chart.lines().skip(1).map(|l| l.split_whitespace().rev().nth(1).unwrap().parse::<f64>().unwrap()).sum();
        assert_eq!(counted, 100.0, "{chart}");
    }
}
