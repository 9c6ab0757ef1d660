//! Lines and points in Braille dots: two by four in a character.

use crate::data::{Series, fraction, value_range};
use crate::kind::ChartKind;

/// Lines of text between the axes.
const HEIGHT: usize = 16;

/// The bit of a dot in a Braille character, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// Draws a point for each row.
pub fn scatter(series: &Series, width: usize, color: bool) -> String {
    let mut plot = BrailleCanvas::new(series, width);
    for (x, y) in series.x.iter().zip(&series.y) {
        let (x, y) = plot.place(*x, *y);
        plot.dot(x, y);
    }
    plot.finish(series, color)
}

/// Joins the points in the order of x.
pub fn line(series: &Series, width: usize, color: bool) -> String {
    let mut plot = BrailleCanvas::new(series, width);
    let mut points: Vec<(f64, f64)> = series
        .x
        .iter()
        .copied()
        .zip(series.y.iter().copied())
        .collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut before = None;
    for (x, y) in points {
        let here = plot.place(x, y);
        plot.stroke(before.unwrap_or(here), here);
        before = Some(here);
    }
    plot.finish(series, color)
}

/// Dots between two axes.
struct BrailleCanvas {
    columns: usize,
    cells: Vec<u8>,
    x: (f64, f64),
    y: (f64, f64),
    y_labels: [String; 2],
}

impl BrailleCanvas {
    fn new(series: &Series, width: usize) -> Self {
        let y = value_range(&series.y);
        let y_labels = [series.y_axis.text(y.1), series.y_axis.text(y.0)];
        let margin = y_labels[0].len().max(y_labels[1].len());
        let columns = width.saturating_sub(margin + 2).max(10);
        Self {
            columns,
            cells: vec![0; columns * HEIGHT],
            x: value_range(&series.x),
            y,
            y_labels,
        }
    }

    /// The dot of a point, counted from the left and from the top.
    fn place(&self, x: f64, y: f64) -> (i64, i64) {
        let across = fraction(x, self.x);
        let down = 1.0 - fraction(y, self.y);
        let dots = |fraction: f64, dots: usize| (fraction * (dots - 1) as f64).round() as i64;
        (dots(across, self.columns * 2), dots(down, HEIGHT * 4))
    }

    fn dot(&mut self, x: i64, y: i64) {
        let (x, y) = (x.max(0) as usize, y.max(0) as usize);
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            *cell |= DOTS[x % 2][y % 4];
        }
    }

    /// Draws a straight line of dots.
    fn stroke(&mut self, from: (i64, i64), to: (i64, i64)) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
        for step in 0..=steps {
            let fraction = step as f64 / steps as f64;
            let at = |a: i64, b: i64| a + ((b - a) as f64 * fraction).round() as i64;
            self.dot(at(from.0, to.0), at(from.1, to.1));
        }
    }

    /// The chart with its axes and texts.
    fn finish(self, series: &Series, color: bool) -> String {
        let [top, bottom] = &self.y_labels;
        let margin = top.len().max(bottom.len());
        let mut chart = ChartKind::Line.title(&series.x_name, &series.y_name);
        chart.push('\n');
        for (row, cells) in self.cells.chunks(self.columns).enumerate() {
            let label = match row {
                0 => top.as_str(),
                row if row == HEIGHT - 1 => bottom.as_str(),
                _ => "",
            };
            let dots: String = cells
                .iter()
                .map(|cell| char::from_u32(0x2800 + u32::from(*cell)).unwrap_or(' '))
                .collect();
            let dots = dots.trim_end_matches('\u{2800}');
            let dots = if color {
                format!("\x1b[36m{dots}\x1b[0m")
            } else {
                dots.to_string()
            };
            chart.push_str(format!("{label:>margin$} │{dots}").trim_end());
            chart.push('\n');
        }
        let (first, last) = (series.x_axis.text(self.x.0), series.x_axis.text(self.x.1));
        let gap = " ".repeat(self.columns.saturating_sub(first.len() + last.len()));
        chart.push_str(&format!(
            "{:>margin$} └{}\n{:>margin$}  {first}{gap}{last}\n",
            "",
            "─".repeat(self.columns),
            ""
        ));
        chart.push_str(&series.note());
        chart
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::empty_series;

    fn series(x: &[f64], y: &[f64]) -> Series {
        let mut series = empty_series("x", "y");
        series.x = x.to_vec();
        series.y = y.to_vec();
        series
    }

    #[test]
    fn the_widest_range_stays_within_the_width() {
        let wide = series(&[f64::MIN, f64::MAX, 0.0], &[f64::MAX, f64::MIN, 1.0]);
        for draw in [line, scatter] {
            let chart = draw(&wide, 60, false);
            assert!(
                chart.lines().all(|line| line.chars().count() <= 60),
                "{chart}"
            );
        }
    }

    #[test]
    fn extreme_points_are_in_the_corners() {
        let chart = scatter(&series(&[0.0, 1.0], &[0.0, 10.0]), 60, false);
        let lines: Vec<&str> = chart.lines().collect();
        assert!(
            lines[1].starts_with("10 │") && lines[1].ends_with('⠈'),
            "{chart}"
        );
        assert!(lines[HEIGHT].starts_with(" 0 │⡀"), "{chart}");
    }

    #[test]
    fn a_single_point_is_drawn() {
        let chart = line(&series(&[5.0], &[5.0]), 60, false);
        assert!(
            chart
                .chars()
                .any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
            "{chart}"
        );
    }
}
