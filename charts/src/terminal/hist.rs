//! Histograms.

use super::bar;
use crate::data::{Axis, Bins, Series, sturges_bins};

/// Draws a bar for each bin; all bins have one width.
pub fn draw(series: &Series, width: usize, color: bool) -> String {
    let bins = Bins::even(&series.y, sturges_bins(series.y.len()));
    let step = bins.step;
    let edges: Vec<String> = (0..=bins.counts.len())
        .map(|edge| series.y_axis.edge_text(bins.edge(edge), step))
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
        x: vec![0.0; bins.counts.len()],
        y: bins.counts,
        x_axis: series.y_axis,
        y_axis: Axis::Numbers,
        intervals: Vec::new(),
        skipped: series.skipped,
        integers: true,
    };
    bar::draw(&counted, width, color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::empty_series;

    fn chart(values: Vec<f64>) -> String {
        let mut series = empty_series("price", "price");
        series.y = values;
        draw(&series, 60, false)
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
    fn a_single_value_and_the_widest_range_are_drawn() {
        assert_eq!(counts(&chart(vec![7.0; 5])), [5.0]);
        let widest = chart(vec![f64::MIN, f64::MAX, 0.0]);
        assert_eq!(counts(&widest).iter().sum::<f64>(), 3.0, "{widest}");
    }
}
