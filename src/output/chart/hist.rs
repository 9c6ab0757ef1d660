//! How the values of one column are spread.

use super::axis::Axis;
use super::bar;
use super::series::Series;
use crate::error::Result;

const MOST_BINS: usize = 20;

/// Values counted between edges that are equally far apart.
pub struct Bins {
    /// Where the first bin begins.
    pub least: f64,
    /// How wide each is; 0 where all values are equal.
    pub step: f64,
    pub counts: Vec<f64>,
}

impl Bins {
    /// So many bins from the least value to the greatest.
    pub fn even(values: &[f64], bins: usize) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let bins = if most > least { bins.max(1) } else { 1 };
        // Divided first, since the difference may be more than a number can hold.
        Self::between(
            values,
            least,
            most / bins as f64 - least / bins as f64,
            bins,
        )
    }

    /// The bins that begin at `least`, each `step` wide.
    pub fn between(values: &[f64], least: f64, step: f64, bins: usize) -> Self {
        let mut counted = Self {
            least,
            step,
            counts: vec![0.0; bins],
        };
        for value in values {
            let bin = counted.bin(*value);
            counted.counts[bin] += 1.0;
        }
        counted
    }

    /// The bin that a value falls into.
    pub fn bin(&self, value: f64) -> usize {
        if self.step > 0.0 {
            ((value / self.step - self.least / self.step) as usize).min(self.counts.len() - 1)
        } else {
            0
        }
    }

    /// Where bin number `bin` begins.
    pub fn edge(&self, bin: usize) -> f64 {
        // In two halves, since the whole way may be more than a number can hold.
        let half = self.step * (bin as f64 / 2.0);
        (self.least + half + half).clamp(f64::MIN, f64::MAX)
    }
}

/// How many bins so many values want: Sturges' rule.
pub fn wanted(values: usize) -> usize {
    ((values as f64).log2().ceil() as usize + 1).clamp(1, MOST_BINS)
}

/// Bars over bins of equal width.
pub fn draw(series: &Series, width: usize, color: bool) -> Result<String> {
    let bins = Bins::even(&series.y, wanted(series.y.len()));
    let step = bins.step;
    let edges: Vec<String> = (0..=bins.counts.len())
        .map(|edge| series.y_axis.edge(bins.edge(edge), step))
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
