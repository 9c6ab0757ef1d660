//! Horizontal bars.

use unicode_width::UnicodeWidthStr;

use crate::data::{Series, format_number};
use crate::kind::ChartKind;
use crate::value::cut;

/// Bars that are drawn; the others are counted.
const MAX_BARS: usize = 50;

/// Labels take at most the chart's width divided by this.
const LABEL_WIDTH_DIVISOR: usize = 3;

const MIN_BAR_ROOM: usize = 8;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Draws bars in the order of the rows, each with its value. Counts also have
/// their shares and their sum.
pub fn draw(series: &Series, width: usize, color: bool) -> String {
    let shown = &series.y[..series.y.len().min(MAX_BARS)];
    let sum: f64 = series.y.iter().sum();
    let shares = series.integers && sum > 0.0 && series.y.iter().all(|value| *value >= 0.0);
    let value = |value: f64, share: &str| {
        let text = series.y_axis.text(value);
        if shares {
            format!("{text} {share:>6}")
        } else {
            text
        }
    };
    let mut rows: Vec<(String, String, f64)> = shown
        .iter()
        .zip(&series.labels)
        .map(|(y, label)| {
            let share = format!("{:.1}%", 100.0 * y / sum);
            (
                cut(label, width / LABEL_WIDTH_DIVISOR),
                value(*y, &share),
                *y,
            )
        })
        .collect();
    let total = shares && series.y.len() > 1;
    if total {
        rows.push(("total".to_string(), value(sum, ""), 0.0));
    }
    let label_width = rows
        .iter()
        .map(|(label, ..)| label.width())
        .max()
        .unwrap_or(0);
    let value_width = rows
        .iter()
        .map(|(_, value, _)| value.width())
        .max()
        .unwrap_or(0);
    let room = width
        .saturating_sub(label_width + value_width + 3)
        .max(MIN_BAR_ROOM);
    let intervals = || series.intervals.iter().take(shown.len());
    let ends = intervals().flatten().flat_map(|(low, high)| [*low, *high]);
    let reach: Vec<f64> = shown.iter().copied().chain(ends).collect();
    let scale = BarScale::new(&reach, room);

    let mut chart = ChartKind::Bar.title(&series.x_name, &series.y_name);
    chart.push('\n');
    for (number, (label, value, y)) in rows.iter().enumerate() {
        let bar = if number < shown.len() {
            let interval = series.intervals.get(number).copied().flatten();
            match interval {
                Some(interval) => scale.with_interval(&scale.bar(*y), interval, room),
                None => scale.bar(*y),
            }
        } else {
            String::new()
        };
        let padding = " ".repeat(room.saturating_sub(bar.width()));
        let bar = if color && !bar.is_empty() {
            format!("\x1b[36m{bar}\x1b[0m")
        } else {
            bar
        };
        let after_label = " ".repeat(label_width - label.width());
        let border = if number < shown.len() { '│' } else { ' ' };
        let line = format!("{label}{after_label} {border}{bar}{padding} {value:>value_width$}");
        if number == shown.len() && series.y.len() > shown.len() {
            chart.push_str(&omitted(series));
        }
        chart.push_str(line.trim_end());
        chart.push('\n');
    }
    if !total && series.y.len() > shown.len() {
        chart.push_str(&omitted(series));
    }
    chart.push_str(&series.note());
    chart
}

/// The line that counts the bars that are not drawn.
fn omitted(series: &Series) -> String {
    format!(
        "… {} more\n",
        format_number((series.y.len() - MAX_BARS) as f64)
    )
}

/// Position of zero, and length of a bar for one unit.
struct BarScale {
    /// Characters left of zero.
    left: usize,
    /// Characters for one unit.
    unit: f64,
}

impl BarScale {
    fn new(values: &[f64], room: usize) -> Self {
        let below = -values.iter().copied().fold(0.0, f64::min);
        let above = values.iter().copied().fold(0.0, f64::max);
        let left = if below <= 0.0 {
            0
        } else if above <= 0.0 {
            room
        } else {
            // Halves, since the sum may overflow.
            let share = (below / 2.0) / (below / 2.0 + above / 2.0);
            ((share * room as f64).round() as usize).clamp(1, room - 1)
        };
        // Both sides have one scale and stay within their room.
        let fits = |room: usize, longest: f64| {
            if longest > 0.0 {
                room as f64 / longest
            } else {
                f64::INFINITY
            }
        };
        let unit = fits(left, below).min(fits(room - left, above));
        Self {
            left,
            unit: if unit.is_finite() { unit } else { 0.0 },
        }
    }

    /// A bar with a line over its interval.
    fn with_interval(&self, bar: &str, (low, high): (f64, f64), room: usize) -> String {
        let mut cells: Vec<char> = bar.chars().collect();
        let cell = |value: f64| {
            let cell = self.left as f64 + value * self.unit;
            (cell.round() as usize).min(room.saturating_sub(1))
        };
        let (first, last) = (cell(low), cell(high));
        if cells.len() <= last {
            cells.resize(last + 1, ' ');
        }
        cells[first..=last].fill('─');
        if first == last {
            cells[first] = '┼';
        } else {
            (cells[first], cells[last]) = ('├', '┤');
        }
        cells.into_iter().collect()
    }

    /// The bar of a value with the space before it. Only zero has no bar.
    fn bar(&self, value: f64) -> String {
        let length = value.abs() * self.unit;
        if value < 0.0 {
            // Leftwards there are only a half block and a thin one.
            let halves = (length * 2.0).round() as usize;
            let end = match halves {
                0 => "▕",
                halves if halves % 2 == 1 => "▐",
                _ => "",
            };
            let blank = self.left.saturating_sub(halves / 2 + end.width());
            return format!("{}{end}{}", " ".repeat(blank), "█".repeat(halves / 2));
        }
        if value == 0.0 {
            return String::new();
        }
        let eighths = ((length * 8.0).round() as usize).max(1);
        let blank = " ".repeat(self.left);
        format!("{blank}{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::empty_series;

    fn series(labels: &[&str], y: &[f64], integers: bool) -> Series {
        let mut series = empty_series("category", "n");
        series.labels = labels.iter().map(|label| label.to_string()).collect();
        series.x = vec![0.0; y.len()];
        series.y = y.to_vec();
        series.integers = integers;
        series
    }

    #[test]
    fn lengths_follow_the_values_and_counts_have_shares() {
        let series = series(&["Books", "家電"], &[32.0, 12.0], true);
        let expected = "\
n by category
Books │████████████████████ 32  72.7%
家電  │███████▌             12  27.3%
total                       44
";
        assert_eq!(draw(&series, 37, false), expected);
    }

    #[test]
    fn negative_values_point_left_and_small_ones_are_visible() {
        let series = series(
            &["a", "b", "c", "d", "e"],
            &[-10.0, 10.0, 0.001, -0.001, 0.0],
            false,
        );
        let expected = "\
n by category
a │██████████                 -10
b │          ██████████        10
c │          ▏           1.000e-3
d │         ▕           -1.000e-3
e │                             0
";
        let chart = draw(&series, 33, false);
        assert_eq!(chart, expected);
        assert!(chart.lines().all(|line| line.width() <= 33), "{chart}");
    }

    #[test]
    fn intervals_are_lines_over_the_bars() {
        let mut series = series(&["a", "b", "c"], &[10.0, 4.0, -5.0], false);
        series.intervals = vec![Some((5.0, 20.0)), Some((4.0, 4.1)), None];
        let expected = "\
n by category
a │     █████├────────────┤ 10
b │     ███▊┼                4
c │█████                    -5
";
        let chart = draw(&series, 30, false);
        assert!(chart.lines().all(|line| line.width() <= 30), "{chart}");
        assert_eq!(chart, expected);
    }

    #[test]
    fn bars_stay_within_the_width_whatever_the_values() {
        let all = [
            vec![-1.0, 3.0],
            vec![-7.3, -2.0],
            vec![f64::MAX, f64::MIN, 1.0],
            vec![0.0, 0.0],
            vec![1e-300, -1e300],
        ];
        for values in all {
            let labels = vec!["a label that is too long for a small chart"; values.len()];
            for width in [40, 77, 200] {
                let chart = draw(&series(&labels, &values, false), width, false);
                assert!(
                    chart.lines().all(|line| line.width() <= width),
                    "{values:?}\n{chart}"
                );
            }
        }
    }

    #[test]
    fn omitted_bars_are_counted_and_part_of_the_total() {
        let labels = vec!["x"; 60];
        let chart = draw(&series(&labels, &[2.0; 60], true), 60, false);
        assert_eq!(chart.matches('│').count(), MAX_BARS);
        let last: Vec<&str> = chart.lines().rev().take(2).collect();
        assert_eq!(last[1], "… 10 more");
        assert!(
            last[0].starts_with("total ") && last[0].ends_with(" 120"),
            "{chart}"
        );
    }
}
