//! The bars of a histogram.

use std::collections::HashMap;

use super::super::super::chart::axis::{Axis, grouped};
use super::super::super::chart::hist::{Bins, wanted};
use super::super::super::chart::plot::range;
use super::super::color::Fill;
use super::super::data::{Data, Fills, Paint, amount_text};
use super::super::layout::{step, ticks, widened};
use super::super::text::shortened;
use super::{Bar, Bars, Part};

/// A bar for each bin of the values; its edges are round numbers.
pub fn of_bins(data: &Data, fills: &Fills) -> Bars {
    let values = &data.series.y;
    let axis = data.series.y_axis;
    let bins = bins(values, axis, data.series.counts);
    let all = values.len() as f64;
    let mut counted: Vec<HashMap<Fill, f64>> = vec![HashMap::new(); bins.counts.len()];
    for (value, fill) in values.iter().zip(&fills.of) {
        *counted[bins.bin(*value)].entry(*fill).or_default() += 1.0;
    }
    let name = |name: &str| shortened(name, 80);
    let mut names = vec![name(&data.series.y_name), "rows".to_string()];
    if let Paint::Categories { name: color, .. } = &data.paint {
        names.push(name(color));
    }
    let legend: HashMap<Fill, &str> = fills
        .legend
        .iter()
        .map(|(fill, name)| (*fill, name.as_str()))
        .collect();
    let bars = counted.into_iter().enumerate().map(|(at, counts)| {
        let edge = |at: usize| {
            let edge = axis.edge(bins.edge(at), bins.step);
            if axis == Axis::Numbers {
                grouped(&edge)
            } else {
                edge
            }
        };
        let label = if bins.step > 0.0 {
            format!("{} to {}", edge(at), edge(at + 1))
        } else {
            edge(at)
        };
        let mut parts: Vec<Part> = counts
            .into_iter()
            .map(|(fill, count)| {
                let rows = amount_text(Axis::Numbers, count);
                let share = format!("{rows} ({:.1}%)", 100.0 * count / all);
                let mut tip = vec![label.clone(), share];
                tip.extend(legend.get(&fill).map(|name| name.to_string()));
                tip.resize(names.len(), String::new());
                Part {
                    fill,
                    value: count,
                    row: None,
                    tip,
                }
            })
            .collect();
        parts.sort_by_key(|part| part.fill);
        Bar {
            label,
            parts,
            beside: String::new(),
            drawn: true,
        }
    });
    let bars = bars.collect();
    let domain = if bins.step > 0.0 {
        (bins.least, bins.edge(bins.counts.len()))
    } else {
        range(values)
    };
    let s = if values.len() == 1 { "" } else { "s" };
    Bars {
        bars,
        names,
        edges: (0..bins.counts.len())
            .map(|at| (bins.edge(at), bins.edge(at + 1)))
            .collect(),
        bins: Some((ticks(axis, domain, 8, data.series.counts), domain)),
        ordered: true,
        value_name: "rows".to_string(),
        label_name: data.series.y_name.clone(),
        value_axis: Axis::Numbers,
        sum: None,
        whole: true,
        notes: vec![format!("{} row{s}.", grouped(&values.len().to_string()))],
    }
}

/// About twice as many bins as in the terminal, since there is room.
fn bins(values: &[f64], axis: Axis, whole: bool) -> Bins {
    let many = 2 * wanted(values.len());
    let range = range(values);
    if axis != Axis::Numbers || values.iter().all(|value| *value == values[0]) {
        return Bins::even(values, wanted(values.len()));
    }
    let step = step(range, many, whole);
    let wide = widened(range, step);
    let count = (wide.1 / step - wide.0 / step).round();
    if !(1.0..=200.0).contains(&count) || wide.1 < range.1 {
        return Bins::even(values, wanted(values.len()));
    }
    // The greatest value, if it is an edge, belongs into a bin of its own where
    // the values are whole numbers.
    let last = usize::from(whole && wide.1 == range.1 && step <= 1.0);
    Bins::between(values, wide.0, step, count as usize + last)
}
