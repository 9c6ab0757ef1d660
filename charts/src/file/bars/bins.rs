//! The bars of a histogram.

use std::collections::HashMap;

use super::super::color::Fill;
use super::super::data::{ChartData, Coloring, Fills, amount_text};
use super::super::scale::{tick_step, ticks, widen_to_steps};
use super::super::text::shortened;
use super::bar::{Bar, BarPart, Bars};
use crate::data::{Axis, Bins, group_long_digits, sturges_bins, value_range};

/// A bar for each bin of the values; its edges are round numbers.
pub fn histogram_bars(data: &ChartData, fills: &Fills) -> Bars {
    let values = &data.series.y;
    let axis = data.series.y_axis;
    let bins = round_bins(values, axis, data.series.integers);
    let all = values.len() as f64;
    let mut counted: Vec<HashMap<Fill, f64>> = vec![HashMap::new(); bins.counts.len()];
    for (value, fill) in values.iter().zip(&fills.by_row) {
        *counted[bins.index_of(*value)].entry(*fill).or_default() += 1.0;
    }
    let name = |name: &str| shortened(name, 80);
    let mut names = vec![name(&data.series.y_name), "rows".to_string()];
    if let Coloring::Categories { name: color, .. } = &data.coloring {
        names.push(name(color));
    }
    let legend: HashMap<Fill, &str> = fills
        .legend
        .iter()
        .map(|(fill, name)| (*fill, name.as_str()))
        .collect();
    let bars = counted.into_iter().enumerate().map(|(at, counts)| {
        let edge = |at: usize| {
            let edge = axis.edge_text(bins.edge(at), bins.step);
            if axis == Axis::Numbers {
                group_long_digits(&edge)
            } else {
                edge
            }
        };
        let label = if bins.step > 0.0 {
            format!("{} to {}", edge(at), edge(at + 1))
        } else {
            edge(at)
        };
        let mut parts: Vec<BarPart> = counts
            .into_iter()
            .map(|(fill, count)| {
                let rows = amount_text(Axis::Numbers, count);
                let share = format!("{rows} ({:.1}%)", 100.0 * count / all);
                let mut tooltip = vec![label.clone(), share];
                tooltip.extend(legend.get(&fill).map(|name| name.to_string()));
                tooltip.resize(names.len(), String::new());
                BarPart {
                    fill,
                    value: count,
                    row: None,
                    tooltip,
                }
            })
            .collect();
        parts.sort_by_key(|part| part.fill);
        Bar {
            label,
            parts,
            interval: None,
            beside: String::new(),
            drawn: true,
        }
    });
    let bars = bars.collect();
    let domain = if bins.step > 0.0 {
        (bins.least, bins.edge(bins.counts.len()))
    } else {
        value_range(values)
    };
    let s = if values.len() == 1 { "" } else { "s" };
    Bars {
        bars,
        names,
        edges: (0..bins.counts.len())
            .map(|at| (bins.edge(at), bins.edge(at + 1)))
            .collect(),
        bins: Some((ticks(axis, domain, 8, data.series.integers), domain)),
        ordered: true,
        value_name: "rows".to_string(),
        label_name: data.series.y_name.clone(),
        value_axis: Axis::Numbers,
        sum: None,
        integers: true,
        notes: vec![format!(
            "{} row{s}.",
            group_long_digits(&values.len().to_string())
        )],
    }
}

/// Bins with round edges, about twice as many as in the terminal, since there is
/// more room.
fn round_bins(values: &[f64], axis: Axis, integers: bool) -> Bins {
    let most = 2 * sturges_bins(values.len());
    let range = value_range(values);
    if axis != Axis::Numbers || values.iter().all(|value| *value == values[0]) {
        return Bins::even(values, sturges_bins(values.len()));
    }
    let step = tick_step(range, most, integers);
    let wide = widen_to_steps(range, step);
    let count = (wide.1 / step - wide.0 / step).round();
    if !(1.0..=200.0).contains(&count) || wide.1 < range.1 {
        return Bins::even(values, sturges_bins(values.len()));
    }
    // A greatest value on an edge has a separate bin if the values are integers.
    let last = usize::from(integers && wide.1 == range.1 && step <= 1.0);
    Bins::between(values, wide.0, step, count as usize + last)
}
