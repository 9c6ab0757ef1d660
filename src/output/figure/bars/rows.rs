//! The bars of rows: the largest, and what is left of the others.

use std::collections::HashMap;

use super::super::super::chart::axis::grouped;
use super::super::color::Fill;
use super::super::data::{Data, Fills, Hover, Paint, Shown};
use super::{Bar, Bars, Part};

/// The largest are drawn, the rest are one bar or none.
const MOST_BARS: usize = 50;

/// Others that are more than so many times the longest bar have none, since all
/// others would be too short to be compared.
const MOST_OF_OTHERS: f64 = 3.0;

/// A bar for each row; rows of one label are its parts where categories colour
/// them.
pub fn of_rows(data: &Data, fills: &Fills) -> Bars {
    let stacked = matches!(data.paint, Paint::Categories { .. }) && !data.color_is_x();
    let sums = data.sums();
    let sum: f64 = data.series.y.iter().sum();
    let sum = (sums && sum > 0.0 && data.series.y.len() > 1).then_some(sum);
    let mut bars: Vec<Bar> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for row in 0..data.series.y.len() {
        let value = data.series.y[row];
        let part = Part {
            fill: fills.of[row],
            value,
            row: Some(row),
            tip: tip(data, row, value, sum),
        };
        let label = data.series.labels[row].as_str();
        let at = match known.get(label) {
            Some(at) if stacked => *at,
            _ => {
                known.insert(label, bars.len());
                bars.push(Bar {
                    label: data.x_text(row),
                    parts: Vec::new(),
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
        // The same order in every bar.
        for bar in &mut bars {
            bar.parts.sort_by_key(|part| part.fill);
        }
    }
    let mut notes = Vec::new();
    let count = bars.len();
    if count > MOST_BARS {
        let rest = keep_largest(&mut bars);
        let largest = format!(
            "The largest {MOST_BARS} of {} are shown",
            grouped(&count.to_string())
        );
        if data.series.counts {
            let mut others = others(&rest, data, sum);
            let longest = bars.iter().map(Bar::size).fold(0.0, f64::max);
            others.drawn = others.size() <= MOST_OF_OTHERS * longest;
            notes.push(if others.drawn {
                format!("{largest}; the rest are summed in others.")
            } else {
                format!("{largest}; the rest are summed in others, too many for a bar.")
            });
            bars.push(others);
        } else {
            // Averages and prices are not to be summed.
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
        ordered: count > 8 && count <= MOST_BARS && data.is_ordered(),
        value_name: data.series.y_name.clone(),
        label_name: data.series.x_name.clone(),
        value_axis: data.series.y_axis,
        sum,
        whole: data.series.counts,
        notes,
    }
}

fn tip(data: &Data, row: usize, value: f64, sum: Option<f64>) -> Vec<String> {
    let cell = |hover| match (hover, sum) {
        (&Hover { is: Shown::Y, .. }, Some(sum)) => {
            format!("{} ({:.1}%)", data.y_text(value), 100.0 * value / sum)
        }
        (hover, _) => data.cell(hover, row),
    };
    data.hover.iter().map(cell).collect()
}

/// Adds a part; two of one colour, where it does not tell them apart, are one.
fn merge(parts: &mut Vec<Part>, part: Part, data: &Data) {
    let same = |other: &&mut Part| other.fill == part.fill && part.fill == Fill::Other;
    let Some(other) = parts.iter_mut().find(same) else {
        parts.push(part);
        return;
    };
    other.value += part.value;
    other.row = None;
    other.tip = data
        .hover
        .iter()
        .zip(&other.tip)
        .map(|(hover, text)| match hover.is {
            Shown::Y => data.y_text(other.value),
            Shown::X => text.clone(),
            Shown::Color => "others".to_string(),
            Shown::Texts(_) => "…".to_string(),
        })
        .collect();
}

/// Leaves the largest in their order, and gives the others.
fn keep_largest(bars: &mut Vec<Bar>) -> Vec<Bar> {
    let mut order: Vec<usize> = (0..bars.len()).collect();
    order.sort_by(|a, b| bars[*b].size().total_cmp(&bars[*a].size()).then(a.cmp(b)));
    let mut largest = vec![false; bars.len()];
    for at in order.into_iter().take(MOST_BARS) {
        largest[at] = true;
    }
    let (kept, rest): (Vec<_>, Vec<_>) = std::mem::take(bars)
        .into_iter()
        .zip(largest)
        .partition(|(_, largest)| *largest);
    bars.extend(kept.into_iter().map(|(bar, _)| bar));
    rest.into_iter().map(|(bar, _)| bar).collect()
}

fn others(rest: &[Bar], data: &Data, sum: Option<f64>) -> Bar {
    let label = format!("others ({})", grouped(&rest.len().to_string()));
    let value: f64 = rest.iter().map(Bar::total).sum();
    let text = match sum {
        Some(sum) => format!("{} ({:.1}%)", data.y_text(value), 100.0 * value / sum),
        None => data.y_text(value),
    };
    let cell = |hover: &Hover| match hover.is {
        Shown::X => label.clone(),
        Shown::Y => text.clone(),
        _ => "…".to_string(),
    };
    Bar {
        parts: vec![Part {
            fill: Fill::Other,
            value,
            row: None,
            tip: data.hover.iter().map(cell).collect(),
        }],
        label,
        beside: String::new(),
        drawn: true,
    }
}
