//! Draws points and the lines through them.

use std::collections::HashMap;

use super::color::Fill;
use super::data::{ChartData, Coloring, Fills};
use super::scale::{PixelScale, tick_step, ticks, widen_to_steps};
use super::scene::{
    BOTTOM_AXIS_HEIGHT, LEFT_AXIS_NAME_HEIGHT, PlotArea, PointMarks, SMALL, Scene, Shape,
    TextAnchor, Tooltips, left_axis_width,
};
use super::text::{shortened, width};
use crate::data::{Axis, value_range};
use crate::kind::ChartKind;

/// Space around the outermost points of a scatter plot, as a part of its range.
const PADDING: f64 = 0.03;

/// Points of a line up to which each has a dot.
const MAX_LINE_DOTS: usize = 60;

/// Labels for which a free position is looked for.
const MAX_LABELS_TRIED: usize = 4_000;

/// Labels that are drawn.
const MAX_LABELS: usize = 150;

/// Height of the bands in which labels look for points, in pixels.
const LABEL_BAND: f64 = 8.0;

/// The axis of a line begins at zero if its least value is below this part of its
/// greatest.
const ZERO_BASE_RATIO: f64 = 0.3;

/// Draws the rows as points or lines, with axes and labels, into `area`.
pub fn draw(scene: &mut Scene, data: &ChartData, fills: &Fills, area: PlotArea) {
    let series = &data.series;
    let line = data.kind == ChartKind::Line;
    let integers = series.integers;
    let mut x = value_range(&series.x);
    let mut y = value_range(&series.y);
    let rows = ((area.bottom - area.top) / 60.0).max(2.0) as usize;
    if line {
        if series.y_axis == Axis::Numbers {
            if y.0 > 0.0 && y.0 < ZERO_BASE_RATIO * y.1 {
                y.0 = 0.0;
            }
            y = widen_to_steps(y, tick_step(y, rows, integers));
        }
    } else {
        (x, y) = (padded(x), padded(y));
    }
    let down = ticks(series.y_axis, y, rows, integers);
    let left = area.left + left_axis_width(&down);
    let inner = PlotArea {
        left,
        top: area.top + LEFT_AXIS_NAME_HEIGHT,
        right: area.right - 8.0,
        bottom: area.bottom - BOTTOM_AXIS_HEIGHT,
    };
    let across = ticks(
        series.x_axis,
        x,
        ((inner.right - left) / 95.0).max(2.0) as usize,
        false,
    );
    let x = PixelScale {
        values: x,
        pixels: (inner.left, inner.right),
    };
    let y = PixelScale {
        values: y,
        pixels: (inner.bottom, inner.top),
    };
    scene.axis_left(inner, &y, &down, &series.y_name);
    scene.axis_below(inner, &x, &across, &series.x_name, !line);
    scene.line(
        (inner.left, inner.bottom),
        (inner.right, inner.bottom),
        "axis",
    );

    let at: Vec<(f64, f64)> = series
        .x
        .iter()
        .zip(&series.y)
        .map(|(a, b)| (x.pixel(*a), y.pixel(*b)))
        .collect();
    if line {
        for (through, fill) in lines(data, fills, &at) {
            scene.shapes.push(Shape::Stroke { through, fill });
        }
    }
    if let Some(labels) = &data.label {
        draw_labels(scene, labels, &at, inner);
    }
    let count = at.len();
    let (radius, opacity) = match count {
        _ if line => (3.0, 1.0),
        0..=200 => (4.5, 0.85),
        201..=2_000 => (3.2, 0.7),
        2_001..=10_000 => (2.2, 0.6),
        _ => (1.5, 0.5),
    };
    scene.tooltips = Tooltips {
        names: data.hover.iter().map(|hover| hover.name.clone()).collect(),
        cells: (0..count)
            .map(|row| {
                data.hover
                    .iter()
                    .map(|hover| data.tooltip_text(hover, row))
                    .collect()
            })
            .collect(),
    };
    scene.points = Some(PointMarks {
        at,
        fill: fills.by_row.clone(),
        radius,
        opacity,
        drawn: !line || count <= MAX_LINE_DOTS,
    });
}

fn padded(range: (f64, f64)) -> (f64, f64) {
    let pad = range.1 * PADDING - range.0 * PADDING;
    let wide = (range.0 - pad, range.1 + pad);
    if wide.0.is_finite() && wide.1.is_finite() {
        wide
    } else {
        range
    }
}

/// The points of each category, sorted by x.
fn lines(data: &ChartData, fills: &Fills, at: &[(f64, f64)]) -> Vec<(Vec<(f64, f64)>, Fill)> {
    let categories = match &data.coloring {
        Coloring::Categories { names, .. } => names.len(),
        Coloring::Plain | Coloring::Scale { .. } => 1,
    };
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); categories];
    for row in 0..at.len() {
        let category = match &data.coloring {
            Coloring::Categories { rows, .. } => rows[row],
            Coloring::Plain | Coloring::Scale { .. } => 0,
        };
        rows[category].push(row);
    }
    rows.retain(|rows| !rows.is_empty());
    // Lines that share a colour are below the others.
    rows.sort_by_key(|rows| fills.by_row[rows[0]] != Fill::Other);
    rows.into_iter()
        .map(|mut rows| {
            rows.sort_by(|a, b| data.series.x[*a].total_cmp(&data.series.x[*b]));
            let fill = fills.by_row[rows[0]];
            (rows.into_iter().map(|row| at[row]).collect(), fill)
        })
        .collect()
}

/// Draws labels beside their points, as far as they overlap neither each other
/// nor points.
fn draw_labels(scene: &mut Scene, labels: &[String], at: &[(f64, f64)], area: PlotArea) {
    let line = |y: f64| (y / LABEL_BAND).floor() as i64;
    let mut points: HashMap<i64, Vec<f64>> = HashMap::new();
    for (x, y) in at {
        points.entry(line(*y)).or_default().push(*x);
    }
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for (label, (x, y)) in labels.iter().zip(at).take(MAX_LABELS_TRIED) {
        if taken.len() >= MAX_LABELS {
            break;
        }
        let label = shortened(label, 40);
        if label.is_empty() {
            continue;
        }
        let wide = width(&label, SMALL);
        let free = |from: f64| {
            let clear = |x: &f64| *x < from - 3.0 || *x > from + wide + 3.0;
            let lines = line(*y) - 1..=line(*y) + 1;
            let mut near = lines.filter_map(|line| points.get(&line)).flatten();
            from >= area.left
                && from + wide <= area.right + 8.0
                && near.all(clear)
                && taken.iter().all(|(left, right, line)| {
                    (line - y).abs() > SMALL + 2.0 || from > right + 4.0 || from + wide < left - 4.0
                })
        };
        let (from, place, anchor) = if free(x + 8.0) {
            (x + 8.0, x + 8.0, TextAnchor::Start)
        } else if free(x - 8.0 - wide) {
            (x - 8.0 - wide, x - 8.0, TextAnchor::End)
        } else {
            continue;
        };
        taken.push((from, from + wide, *y));
        scene.text((place, y + 4.0), &label, SMALL, anchor, "text");
    }
}
