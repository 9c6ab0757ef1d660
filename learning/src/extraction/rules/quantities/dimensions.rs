//! Chains of measures: dimensions such as `30 x 40 cm`, packs such as `6 x 330 ml`.

use super::axis_words::{axes_after, axes_before, axis_before, axis_of_letter};
use super::measure::{Measure, read_measure};
use super::quantity::{Amount, Axis, Quantity};
use super::text_around::{char_after, skip_spaces, starts_number, word_after};
use super::unit::{Dimension, Unit};

/// Most measures of a chain.
const MAX_CHAIN: usize = 4;

/// The measures from `first` that separators join. `prefix` is the axis before it.
pub fn read_chain(
    text: &str,
    first: Measure,
    prefix: Option<Axis>,
) -> Vec<(Measure, Option<Axis>)> {
    let mut chain = vec![(first, prefix)];
    while chain.len() < MAX_CHAIN {
        let (last, last_prefix) = &chain[chain.len() - 1];
        let mut ends = Vec::with_capacity(3);
        if let Some((number_end, _)) = last.as_axis {
            // The letter belongs to this number, or to the next one: `L 30 W 20`.
            if last_prefix.is_some() {
                ends.push(number_end);
            }
            ends.push(skip_spaces(text, number_end) + 1);
        }
        ends.push(last.scan_end);
        let next = ends
            .into_iter()
            .find_map(|end| next_number(text, end, last_prefix.is_some()));
        let Some(at) = next else { break };
        let Some(measure) = read_measure(text, at, false) else {
            break;
        };
        let axis = axis_before(text, at);
        chain.push((measure, axis));
    }
    chain
}

/// Place of the next number after a separator at `at`.
fn next_number(text: &str, at: usize, has_prefix: bool) -> Option<usize> {
    let start = skip_spaces(text, at);
    let mark = char_after(text, start)?;
    let after = match mark {
        'x' | 'X' | '×' | '*' => start + mark.len_utf8(),
        'b' | 'B' if start > at && word_after(text, start).eq_ignore_ascii_case("by") => start + 2,
        ',' | '/' | ';' if has_prefix => start + 1,
        _ if has_prefix && start > at => start,
        _ => return None,
    };
    let joined = matches!(mark, 'x' | 'X' | '×' | '*' | 'b' | 'B');
    let next = skip_spaces(text, after);
    if joined && starts_number(text, next) {
        return Some(next);
    }
    // An axis letter before the number.
    axis_of_letter(char_after(text, next)?)?;
    let mut number = next + 1;
    if char_after(text, number) == Some(':') {
        number += 1;
    }
    let number = skip_spaces(text, number);
    starts_number(text, number).then_some(number)
}

/// Dimensions of a chain, if two or more measures in front are lengths; with the number
/// of measures used.
pub fn dimensions(text: &str, chain: &[(Measure, Option<Axis>)]) -> Option<(Quantity, usize)> {
    let is_length = |unit: &Unit| unit.dimension == Dimension::Length;
    let fits = |(measure, _): &&(Measure, Option<Axis>)| {
        measure.unit.is_none_or(is_length) || measure.as_axis.is_some()
    };
    let count = chain.iter().take_while(fits).count();
    if count < 2 {
        return None;
    }
    let chain = &chain[..count];
    let unit = chain
        .iter()
        .rev()
        .find_map(|(measure, _)| measure.unit.filter(|unit| is_length(unit)))?;
    let mut amounts = Vec::with_capacity(count);
    for (measure, prefix) in chain {
        let is_own = measure.unit.is_some_and(is_length);
        let own = measure.unit.filter(|unit| is_length(unit)).unwrap_or(unit);
        let (end, axis) = match measure.as_axis {
            Some((end, axis)) if !is_own => (end, prefix.or(Some(axis))),
            _ => (measure.end, measure.axis),
        };
        amounts.push(Amount {
            start: measure.start,
            end,
            low: own.convert(measure.low, unit)?,
            high: own.convert(measure.high, unit)?,
            axis: axis.or(*prefix),
        });
    }
    add_header_axes(text, &mut amounts, chain);
    let quantity = Quantity {
        start: amounts.first()?.start,
        end: amounts.last()?.end,
        amounts,
        unit,
    };
    Some((quantity, count))
}

/// Takes the axes of a header such as `(L x W x H)` where the amounts name none.
fn add_header_axes(text: &str, amounts: &mut [Amount], chain: &[(Measure, Option<Axis>)]) {
    let count = amounts.len();
    let (Some(first), Some((last, _))) = (amounts.first(), chain.last()) else {
        return;
    };
    // A letter of the header may look like the axis of the amount next to it.
    let inner = &amounts[1..count - 1];
    if inner.iter().any(|amount| amount.axis.is_some()) {
        return;
    }
    let axes = axes_after(text, last.end, count).or_else(|| axes_before(text, first.start, count));
    if let Some(axes) = axes {
        for (amount, axis) in amounts.iter_mut().zip(axes) {
            amount.axis = Some(axis);
        }
    }
}

/// The measures of a pack, `6 x 330 ml` or `330 ml x 6`: the count first.
pub fn pack(chain: &[(Measure, Option<Axis>)]) -> Option<[&Measure; 2]> {
    let [(first, _), (second, _), ..] = chain else {
        return None;
    };
    let is_count = |measure: &Measure| {
        measure.is_integer
            && measure.low >= 1.0
            && measure
                .unit
                .is_none_or(|unit| unit.dimension == Dimension::Count)
    };
    let is_content = |measure: &Measure| {
        measure
            .unit
            .is_some_and(|unit| !matches!(unit.dimension, Dimension::Count | Dimension::Length))
    };
    if is_count(first) && is_content(second) {
        return Some([first, second]);
    }
    (is_content(first) && is_count(second)).then_some([second, first])
}
