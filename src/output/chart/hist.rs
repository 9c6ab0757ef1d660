//! How the values of one column are spread.

use super::axis::Axis;
use super::bar;
use super::series::Series;
use crate::error::Result;

const MOST_BINS: usize = 20;

/// Bars over bins of equal width; Sturges' rule says how many.
pub fn draw(series: &Series, width: usize, color: bool) -> Result<String> {
    let least = series.y.iter().copied().fold(f64::INFINITY, f64::min);
    let most = series.y.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bins = ((series.y.len() as f64).log2().ceil() as usize + 1).clamp(1, MOST_BINS);
    let bins = if most > least { bins } else { 1 };
    // Divided first, since the difference may be more than a number can hold.
    let step = most / bins as f64 - least / bins as f64;
    let mut counts = vec![0f64; bins];
    for value in &series.y {
        let bin = if step > 0.0 {
            (value / step - least / step) as usize
        } else {
            0
        };
        counts[bin.min(bins - 1)] += 1.0;
    }
    let edges: Vec<String> = (0..=bins)
        .map(|edge| series.y_axis.edge(least + step * edge as f64, step))
        .collect();
    let labels = if step > 0.0 {
        edges
            .windows(2)
            .map(|edges| format!("{} to {}", edges[0], edges[1]))
            .collect()
    } else {
        vec![edges[0].clone()]
    };
    let counted = Series {
        x_name: series.y_name.clone(),
        y_name: "rows".to_string(),
        labels,
        x: vec![0.0; bins],
        y: counts,
        x_axis: series.y_axis,
        y_axis: Axis::Numbers,
        skipped: series.skipped,
        counts: true,
    };
    bar::draw(&counted, width, color)
}

#[cfg(test)]
mod tests {
    use super::super::series::named;
    use super::*;

    fn chart(values: Vec<f64>) -> String {
        let mut series = named("price", "price");
        series.y = values;
        draw(&series, 60, false).unwrap()
    }

    /// The counts of the bins, in order.
    fn counts(chart: &str) -> Vec<f64> {
        let bins = chart.lines().filter(|line| line.contains('│'));
        bins.map(|line| {
            line.split_whitespace()
                .rev()
                .nth(1)
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect()
    }

    #[test]
    fn every_value_is_in_its_bin() {
        let chart = chart((0..128).map(f64::from).collect());
        assert!(chart.starts_with("rows by price\n"), "{chart}");
        assert_eq!(counts(&chart), [16.0; 8], "{chart}");
        assert!(
            chart.contains("0 to 15.9") && chart.contains("to 127 "),
            "{chart}"
        );
    }

    #[test]
    fn one_value_and_the_widest_range_are_drawn_too() {
        assert_eq!(counts(&chart(vec![7.0; 5])), [5.0]);
        let widest = chart(vec![f64::MIN, f64::MAX, 0.0]);
        assert_eq!(counts(&widest).iter().sum::<f64>(), 3.0, "{widest}");
    }
}
