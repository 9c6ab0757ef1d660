//! Lines and points, in Braille dots: two by four to a character.

use super::series::Series;
use crate::error::Result;

/// Characters from top to bottom.
const HEIGHT: usize = 16;

/// The bit of a dot in a Braille character, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

pub fn scatter(series: &Series, width: usize, color: bool) -> Result<String> {
    let mut plot = Plot::new(series, width);
    for (x, y) in series.x.iter().zip(&series.y) {
        let (x, y) = plot.place(*x, *y);
        plot.dot(x, y);
    }
    Ok(plot.finish(series, color))
}

/// Points joined in the order of x.
pub fn line(series: &Series, width: usize, color: bool) -> Result<String> {
    let mut plot = Plot::new(series, width);
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
    Ok(plot.finish(series, color))
}

struct Plot {
    columns: usize,
    cells: Vec<u8>,
    x: (f64, f64),
    y: (f64, f64),
    y_labels: [String; 2],
}

/// The least and the greatest value, apart from each other in any case.
pub fn range(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most > least {
        (least, most)
    } else {
        (least - 0.5, most + 0.5)
    }
}

/// How far `value` is on the way through `range`, from 0 to 1.
pub fn share(value: f64, range: (f64, f64)) -> f64 {
    // Halves, since the difference may be more than a number can hold.
    let share = (value / 2.0 - range.0 / 2.0) / (range.1 / 2.0 - range.0 / 2.0);
    if share.is_finite() { share } else { 0.5 }
}

impl Plot {
    fn new(series: &Series, width: usize) -> Self {
        let y = range(&series.y);
        let y_labels = [series.y_axis.text(y.1), series.y_axis.text(y.0)];
        let margin = y_labels[0].len().max(y_labels[1].len());
        let columns = width.saturating_sub(margin + 2).max(10);
        Self {
            columns,
            cells: vec![0; columns * HEIGHT],
            x: range(&series.x),
            y,
            y_labels,
        }
    }

    /// Dots from the left and from the top.
    fn place(&self, x: f64, y: f64) -> (i64, i64) {
        let across = share(x, self.x);
        let down = 1.0 - share(y, self.y);
        let dots = |share: f64, dots: usize| (share * (dots - 1) as f64).round() as i64;
        (dots(across, self.columns * 2), dots(down, HEIGHT * 4))
    }

    fn dot(&mut self, x: i64, y: i64) {
        let (x, y) = (x.max(0) as usize, y.max(0) as usize);
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            *cell |= DOTS[x % 2][y % 4];
        }
    }

    fn stroke(&mut self, from: (i64, i64), to: (i64, i64)) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            let at = |a: i64, b: i64| a + ((b - a) as f64 * share).round() as i64;
            self.dot(at(from.0, to.0), at(from.1, to.1));
        }
    }

    fn finish(self, series: &Series, color: bool) -> String {
        let [top, bottom] = &self.y_labels;
        let margin = top.len().max(bottom.len());
        let mut chart = format!("{} over {}\n", series.y_name, series.x_name);
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
    use super::super::series::named;
    use super::*;

    fn series(x: &[f64], y: &[f64]) -> Series {
        let mut series = named("x", "y");
        series.x = x.to_vec();
        series.y = y.to_vec();
        series
    }

    #[test]
    fn the_widest_range_stays_within_the_width() {
        let wide = series(&[f64::MIN, f64::MAX, 0.0], &[f64::MAX, f64::MIN, 1.0]);
        for draw in [line, scatter] {
            let chart = draw(&wide, 60, false).unwrap();
            assert!(
                chart.lines().all(|line| line.chars().count() <= 60),
                "{chart}"
            );
        }
    }

    #[test]
    fn corners_are_where_they_belong() {
        let chart = scatter(&series(&[0.0, 1.0], &[0.0, 10.0]), 60, false).unwrap();
        let lines: Vec<&str> = chart.lines().collect();
        assert!(
            lines[1].starts_with("10 │") && lines[1].ends_with('⠈'),
            "{chart}"
        );
        assert!(lines[HEIGHT].starts_with(" 0 │⡀"), "{chart}");
    }

    #[test]
    fn one_point_is_drawn_too() {
        let chart = line(&series(&[5.0], &[5.0]), 60, false).unwrap();
        assert!(
            chart
                .chars()
                .any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
            "{chart}"
        );
    }
}
