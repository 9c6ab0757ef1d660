//! Points and the lines through them.

use std::collections::HashMap;

use super::super::chart::axis::Axis;
use super::super::chart::plot::range;
use super::color::Fill;
use super::data::{Data, Fills, Paint};
use super::layout::{Scale, step, ticks, widened};
use super::scene::{ABOVE, Anchor, Area, BELOW, Item, Points, SMALL, Scene, Tips, beside};
use super::spec::Kind;
use super::text::{shortened, width};

/// Space around the outermost points of a scatter plot, as a part of its range.
const PADDING: f64 = 0.03;

/// Lines with more points than this have no dots on them.
const MOST_DOTS: usize = 60;

/// Labels that are tried, and drawn.
const LABELS_TRIED: usize = 4_000;
const MOST_LABELS: usize = 150;

/// Points this far above or below, in pixels, are in a label's way.
const LINE: f64 = 8.0;

/// A line whose least value is below this part of its greatest begins at zero.
const NEAR_ZERO: f64 = 0.3;

pub fn draw(scene: &mut Scene, data: &Data, fills: &Fills, area: Area) {
    let series = &data.series;
    let line = data.kind == Kind::Line;
    let whole = series.counts;
    let mut x = range(&series.x);
    let mut y = range(&series.y);
    let rows = ((area.bottom - area.top) / 60.0).max(2.0) as usize;
    if line {
        if series.y_axis == Axis::Numbers {
            if y.0 > 0.0 && y.0 < NEAR_ZERO * y.1 {
                y.0 = 0.0;
            }
            y = widened(y, step(y, rows, whole));
        }
    } else {
        (x, y) = (padded(x), padded(y));
    }
    let down = ticks(series.y_axis, y, rows, whole);
    let left = area.left + beside(&down);
    let inner = Area {
        left,
        top: area.top + ABOVE,
        right: area.right - 8.0,
        bottom: area.bottom - BELOW,
    };
    let across = ticks(
        series.x_axis,
        x,
        ((inner.right - left) / 95.0).max(2.0) as usize,
        false,
    );
    let x = Scale {
        values: x,
        pixels: (inner.left, inner.right),
    };
    let y = Scale {
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
        .map(|(a, b)| (x.place(*a), y.place(*b)))
        .collect();
    if line {
        for (through, fill) in lines(data, fills, &at) {
            scene.items.push(Item::Stroke { through, fill });
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
    scene.tips = Tips {
        names: data.hover.iter().map(|hover| hover.name.clone()).collect(),
        cells: (0..count)
            .map(|row| {
                data.hover
                    .iter()
                    .map(|hover| data.cell(hover, row))
                    .collect()
            })
            .collect(),
    };
    scene.points = Some(Points {
        at,
        fill: fills.of.clone(),
        radius,
        opacity,
        drawn: !line || count <= MOST_DOTS,
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

/// The points of each category in the order of x.
fn lines(data: &Data, fills: &Fills, at: &[(f64, f64)]) -> Vec<(Vec<(f64, f64)>, Fill)> {
    let categories = match &data.paint {
        Paint::Categories { names, .. } => names.len(),
        Paint::Plain | Paint::Scale { .. } => 1,
    };
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); categories];
    for row in 0..at.len() {
        let category = match &data.paint {
            Paint::Categories { of, .. } => of[row],
            Paint::Plain | Paint::Scale { .. } => 0,
        };
        rows[category].push(row);
    }
    rows.retain(|rows| !rows.is_empty());
    // Those that share a colour lie below the others.
    rows.sort_by_key(|rows| fills.of[rows[0]] != Fill::Other);
    rows.into_iter()
        .map(|mut rows| {
            rows.sort_by(|a, b| data.series.x[*a].total_cmp(&data.series.x[*b]));
            let fill = fills.of[rows[0]];
            (rows.into_iter().map(|row| at[row]).collect(), fill)
        })
        .collect()
}

/// Labels beside their points, as many as find a place free of other labels and
/// of points.
fn draw_labels(scene: &mut Scene, labels: &[String], at: &[(f64, f64)], area: Area) {
    let line = |y: f64| (y / LINE).floor() as i64;
    let mut points: HashMap<i64, Vec<f64>> = HashMap::new();
    for (x, y) in at {
        points.entry(line(*y)).or_default().push(*x);
    }
    let mut taken: Vec<(f64, f64, f64)> = Vec::new();
    for (label, (x, y)) in labels.iter().zip(at).take(LABELS_TRIED) {
        if taken.len() >= MOST_LABELS {
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
            (x + 8.0, x + 8.0, Anchor::Start)
        } else if free(x - 8.0 - wide) {
            (x - 8.0 - wide, x - 8.0, Anchor::End)
        } else {
            continue;
        };
        taken.push((from, from + wide, *y));
        scene.text((place, y + 4.0), &label, SMALL, anchor, "text");
    }
}
