//! Horizontal bars.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::number;
use super::series::Series;
use crate::error::Result;

/// More bars than this are counted, not drawn.
const MOST_BARS: usize = 50;

/// The widest label, as a share of the chart.
const LABEL_SHARE: usize = 3;

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Bars in the order of the rows, each with its value, and its share where the
/// values are counts.
pub fn draw(series: &Series, width: usize, color: bool) -> Result<String> {
    let shown = series.y.len().min(MOST_BARS);
    let total: f64 = series.y.iter().sum();
    let shares = series.counts && total > 0.0 && series.y.iter().all(|v| *v >= 0.0);
    let labels: Vec<String> = series.labels[..shown].iter().map(|label| shortened(label, width / LABEL_SHARE)).collect();
    let values: Vec<String> = series.y[..shown]
        .iter()
        .map(|value| {
            let share = if shares { format!(" {:>5.1}%", 100.0 * value / total) } else { String::new() };
            format!("{}{share}", number(*value))
        })
        .collect();
    let label_width = labels.iter().map(|label| label.width()).max().unwrap_or(0);
    let value_width = values.iter().map(|value| value.width()).max().unwrap_or(0);
    let room = width.saturating_sub(label_width + value_width + 4).max(8);
    let least = series.y[..shown].iter().copied().fold(0.0, f64::min);
    let most = series.y[..shown].iter().copied().fold(0.0, f64::max);
    let span = if most > least { most - least } else { 1.0 };
    // Bars to the left of zero take their share of the room.
    let left = ((-least / span) * room as f64).round() as usize;

    let mut chart = format!("{} by {}\n", series.y_name, series.x_name);
    for ((label, value), y) in labels.iter().zip(&values).zip(&series.y) {
        let length = (y.abs() / span * (room * 8) as f64).round() as usize;
        let bar = if *y < 0.0 {
            let whole = (length / 8).min(left);
            format!("{}{}", " ".repeat(left - whole), "█".repeat(whole))
        } else {
            let sliver = usize::from(*y > 0.0 && length == 0);
            format!("{}{}{}", " ".repeat(left), "█".repeat(length / 8), EIGHTHS[(length % 8).max(sliver)])
        };
        let padding = " ".repeat(room.saturating_sub(bar.width()));
        let bar = if color { format!("\x1b[36m{bar}\x1b[0m") } else { bar };
        let pad_label = " ".repeat(label_width - label.width());
        chart.push_str(&format!("{label}{pad_label} │{bar}{padding} {value:>value_width$}\n"));
    }
    if series.y.len() > shown {
        chart.push_str(&format!("… {} more\n", series.y.len() - shown));
    }
    chart.push_str(&series.note());
    Ok(chart)
}

fn shortened(label: &str, width: usize) -> String {
    if label.width() <= width {
        return label.to_string();
    }
    let mut short = String::new();
    for c in label.chars() {
        if short.width() + c.width().unwrap_or(0) + 1 > width {
            break;
        }
        short.push(c);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[&str], y: &[f64], counts: bool) -> Series {
        Series {
            x_name: "category".into(),
            y_name: "n".into(),
            labels: labels.iter().map(|l| l.to_string()).collect(),
            x: vec![0.0; y.len()],
            y: y.to_vec(),
            skipped: 0,
            counts,
        }
    }

    #[test]
    fn lengths_follow_the_values() {
        let chart = draw(&series(&["Books", "Sports"], &[30.0, 15.0], true), 60, false).unwrap();
        let bars: Vec<usize> = chart.lines().skip(1).map(|line| line.matches('█').count()).collect();
        assert_eq!(bars[0], bars[1] * 2, "{chart}");
        assert!(chart.contains("30  66.7%") && chart.contains("15  33.3%"), "{chart}");
        assert!(chart.lines().all(|line| line.width() <= 60), "{chart}");
    }

    #[test]
    fn negative_values_go_to_the_left_and_small_ones_show() {
        let chart = draw(&series(&["a", "b", "c"], &[-10.0, 10.0, 0.001], false), 60, false).unwrap();
        let lines: Vec<&str> = chart.lines().collect();
        assert!(lines[1].find('█').unwrap() < lines[2].find('█').unwrap(), "{chart}");
        assert!(lines[3].contains('▏'), "{chart}");
    }
}
