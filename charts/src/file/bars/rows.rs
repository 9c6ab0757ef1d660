//! Bars of rows: the largest, and one bar for the others.

use std::collections::HashMap;

use super::super::color::Fill;
use super::super::data::{ChartData, Coloring, Fills, TooltipColumn, TooltipSource};
use super::bar::{Bar, BarPart, Bars};
use crate::data::group_long_digits;

/// Bars that are drawn; the others are one bar or none.
const MAX_BARS: usize = 50;

/// Longest bar of the others, as a multiple of the longest other bar. Beside a
/// longer one, the rest would be too short to compare.
const MAX_OTHERS_RATIO: f64 = 3.0;

/// A bar for each row. Rows of one label are parts of one bar where categories
/// colour them.
pub fn row_bars(data: &ChartData, fills: &Fills) -> Bars {
    let stacked = matches!(data.coloring, Coloring::Categories { .. }) && !data.color_is_x();
    let summable = data.is_summable();
    let sum: f64 = data.series.y.iter().sum();
    let sum = (summable && sum > 0.0 && data.series.y.len() > 1).then_some(sum);
    let mut bars: Vec<Bar> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for row in 0..data.series.y.len() {
        let value = data.series.y[row];
        let part = BarPart {
            fill: fills.by_row[row],
            value,
            row: Some(row),
            tooltip: row_tooltip(data, row, value, sum),
        };
        let label = data.series.labels[row].as_str();
        let at = match known.get(label) {
            Some(at) if stacked => *at,
            _ => {
                known.insert(label, bars.len());
                bars.push(Bar {
                    label: data.x_text(row),
                    parts: Vec::new(),
                    // Parts of one bar have no common interval.
                    interval: data
                        .series
                        .intervals
                        .get(row)
                        .copied()
                        .flatten()
                        .filter(|_| !stacked),
                    beside: data
                        .label
                        .as_ref()
                        .map_or(String::new(), |l| l[row].clone()),
                    drawn: true,
                });
                bars.len() - 1
            }
        };
        merge(&mut bars[at].parts, part, data);
    }
    if stacked {
        // Every bar has the same order.
        for bar in &mut bars {
            bar.parts.sort_by_key(|part| part.fill);
        }
    }
    let mut notes = Vec::new();
    let count = bars.len();
    if count > MAX_BARS {
        let rest = keep_largest(&mut bars);
        let largest = format!(
            "The largest {MAX_BARS} of {} are shown",
            group_long_digits(&count.to_string())
        );
        if data.series.integers {
            let mut others = others(&rest, data, sum);
            let longest = bars.iter().map(Bar::size).fold(0.0, f64::max);
            others.drawn = others.size() <= MAX_OTHERS_RATIO * longest;
            notes.push(if others.drawn {
                format!("{largest}; the rest are summed in others.")
            } else {
                format!("{largest}; the rest are summed in others, too many for a bar.")
            });
            bars.push(others);
        } else {
            // Averages and prices have no meaningful sum.
            notes.push(format!("{largest}."));
        }
    }
    if let Some(sum) = sum {
        notes.push(format!("Total {}.", data.y_text(sum)));
    }
    Bars {
        bars,
        names: data.hover.iter().map(|hover| hover.name.clone()).collect(),
        bins: None,
        edges: Vec::new(),
        ordered: count > 8 && count <= MAX_BARS && data.is_ordered(),
        value_name: data.series.y_name.clone(),
        label_name: data.series.x_name.clone(),
        value_axis: data.series.y_axis,
        sum,
        integers: data.series.integers,
        notes,
    }
}

fn row_tooltip(data: &ChartData, row: usize, value: f64, sum: Option<f64>) -> Vec<String> {
    let cell = |hover| match (hover, sum) {
        (
            &TooltipColumn {
                source: TooltipSource::Y,
                ..
            },
            Some(sum),
        ) => {
            format!("{} ({:.1}%)", data.y_text(value), 100.0 * value / sum)
        }
        (hover, _) => data.tooltip_text(hover, row),
    };
    data.hover.iter().map(cell).collect()
}

/// Adds a part; parts with the fill of all other categories become one.
fn merge(parts: &mut Vec<BarPart>, part: BarPart, data: &ChartData) {
    let same = |other: &&mut BarPart| other.fill == part.fill && part.fill == Fill::Other;
    let Some(other) = parts.iter_mut().find(same) else {
        parts.push(part);
        return;
    };
    other.value += part.value;
    other.row = None;
    other.tooltip = data
        .hover
        .iter()
        .zip(&other.tooltip)
        .map(|(hover, text)| match hover.source {
            TooltipSource::Y => data.y_text(other.value),
            TooltipSource::X => text.clone(),
            TooltipSource::Color => "others".to_string(),
            TooltipSource::Texts(_) => "…".to_string(),
        })
        .collect();
}

/// Keeps the largest in their order, and returns the others.
fn keep_largest(bars: &mut Vec<Bar>) -> Vec<Bar> {
    let mut order: Vec<usize> = (0..bars.len()).collect();
    order.sort_by(|a, b| bars[*b].size().total_cmp(&bars[*a].size()).then(a.cmp(b)));
    let mut largest = vec![false; bars.len()];
    for at in order.into_iter().take(MAX_BARS) {
        largest[at] = true;
    }
    let (kept, rest): (Vec<_>, Vec<_>) = std::mem::take(bars)
        .into_iter()
        .zip(largest)
        .partition(|(_, largest)| *largest);
    bars.extend(kept.into_iter().map(|(bar, _)| bar));
    rest.into_iter().map(|(bar, _)| bar).collect()
}

/// One bar for all of `rest`.
fn others(rest: &[Bar], data: &ChartData, sum: Option<f64>) -> Bar {
    let label = format!("others ({})", group_long_digits(&rest.len().to_string()));
    let value: f64 = rest.iter().map(Bar::total).sum();
    let text = match sum {
        Some(sum) => format!("{} ({:.1}%)", data.y_text(value), 100.0 * value / sum),
        None => data.y_text(value),
    };
    let cell = |hover: &TooltipColumn| match hover.source {
        TooltipSource::X => label.clone(),
        TooltipSource::Y => text.clone(),
        _ => "…".to_string(),
    };
    Bar {
        parts: vec![BarPart {
            fill: Fill::Other,
            value,
            row: None,
            tooltip: data.hover.iter().map(cell).collect(),
        }],
        label,
        interval: None,
        beside: String::new(),
        drawn: true,
    }
}
