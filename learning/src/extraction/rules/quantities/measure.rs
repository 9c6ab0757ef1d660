//! A number or range with its unit and axis.

use super::axis_words::{axis_after, axis_of_letter};
use super::number::{TextNumber, read_number};
use super::quantity::Axis;
use super::text_around::{
    char_after, char_before, skip_spaces, skip_spaces_back, starts_number, word_after,
};
use super::unit::{Dimension, Unit};
use super::unit_lookup::unit_of_spelling;
use super::unit_reader::read_unit;

/// A number or range, with a unit if one follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    pub start: usize,
    /// End of the number and its unit.
    pub end: usize,
    /// End of the axis after the unit.
    pub scan_end: usize,
    pub low: f64,
    pub high: f64,
    pub is_integer: bool,
    pub unit: Option<&'static Unit>,
    pub axis: Option<Axis>,
    /// Second reading of `30W`: the end of the number, and the axis.
    pub as_axis: Option<(usize, Axis)>,
}

/// Reads the measure at `at`.
pub fn read_measure(text: &str, at: usize, quote_is_open: bool) -> Option<Measure> {
    let number = read_number(text, at)?;
    if let Some(priced) = price(text, &number) {
        return Some(priced);
    }
    let unit = read_unit(text, &number, quote_is_open);
    let unit_end = unit.map_or(number.end, |(_, end)| end);
    if let Some(range) = range(text, &number, unit, unit_end, quote_is_open) {
        return Some(with_axis(text, range));
    }
    let mut measure = Measure {
        start: number.start,
        end: unit_end,
        scan_end: unit_end,
        low: number.value,
        high: number.value,
        is_integer: number.is_integer,
        unit: unit.map(|(unit, _)| unit),
        axis: None,
        as_axis: None,
    };
    add_smaller_unit(text, &mut measure);
    if measure
        .unit
        .is_some_and(|unit| unit.dimension == Dimension::Temperature)
        && is_negative(text, number.start)
    {
        measure.start -= 1;
        (measure.low, measure.high) = (-number.value, -number.value);
    }
    let letter_at = skip_spaces(text, number.end);
    let letter = word_after(text, letter_at);
    if letter.len() == 1 && unit.is_none_or(|(unit, _)| unit.dimension != Dimension::Length) {
        let next = char_after(text, letter_at + 1);
        let ends = next.is_none_or(|c| !c.is_alphanumeric());
        measure.as_axis = letter
            .chars()
            .next()
            .and_then(axis_of_letter)
            .filter(|_| ends)
            .map(|axis| (number.end, axis));
    }
    add_unit_after_axis(text, &number, letter_at + 1, quote_is_open, &mut measure);
    Some(with_axis(text, measure))
}

/// Takes the unit after an axis letter: `10H cm`.
fn add_unit_after_axis(
    text: &str,
    number: &TextNumber,
    at: usize,
    quote_is_open: bool,
    measure: &mut Measure,
) {
    let Some((_, axis)) = measure.as_axis else {
        return;
    };
    let lettered = TextNumber { end: at, ..*number };
    if let Some((unit, end)) = read_unit(text, &lettered, quote_is_open)
        && unit.dimension == Dimension::Length
    {
        measure.unit = Some(unit);
        measure.axis = Some(axis);
        measure.as_axis = None;
        measure.end = end;
        measure.scan_end = end;
    }
}

fn with_axis(text: &str, mut measure: Measure) -> Measure {
    if measure.axis.is_none()
        && measure
            .unit
            .is_some_and(|unit| unit.dimension == Dimension::Length)
        && let Some((axis, end)) = axis_after(text, measure.end)
    {
        measure.axis = Some(axis);
        measure.scan_end = end;
    }
    measure
}

/// An amount of money: the sign is before the number.
fn price(text: &str, number: &TextNumber) -> Option<Measure> {
    let sign_end = skip_spaces_back(text, number.start);
    let sign = char_before(text, sign_end).filter(|c| matches!(c, '$' | '€' | '£' | '¥' | '₹'))?;
    let start = sign_end - sign.len_utf8();
    Some(Measure {
        start,
        end: number.end,
        scan_end: number.end,
        low: number.value,
        high: number.value,
        is_integer: number.is_integer,
        unit: unit_of_spelling(&text[start..sign_end]),
        axis: None,
        as_axis: None,
    })
}

/// The range that starts with `first`: `5-10 kg`, `5 kg to 10 kg`.
fn range(
    text: &str,
    first: &TextNumber,
    first_unit: Option<(&'static Unit, usize)>,
    at: usize,
    quote_is_open: bool,
) -> Option<Measure> {
    let after = skip_spaces(text, at);
    let mark = char_after(text, after)?;
    let next = if matches!(mark, '-' | '–' | '—' | '~' | '\u{2011}') {
        skip_spaces(text, after + mark.len_utf8())
    } else {
        let word = word_after(text, after);
        let is_to = ["to", "bis", "til"]
            .iter()
            .any(|to| word.eq_ignore_ascii_case(to));
        if !is_to || after == at {
            return None;
        }
        skip_spaces(text, after + word.len())
    };
    if !starts_number(text, next) {
        return None;
    }
    let last = read_number(text, next)?;
    let (unit, end) = read_unit(text, &last, quote_is_open)?;
    let same_unit = first_unit.is_none_or(|(first, _)| first == unit);
    (same_unit && last.value > first.value).then_some(Measure {
        start: first.start,
        end,
        scan_end: end,
        low: first.value,
        high: last.value,
        is_integer: false,
        unit: Some(unit),
        axis: None,
        as_axis: None,
    })
}

/// Adds the inches after feet, and the ounces after pounds: `5' 6"`.
fn add_smaller_unit(text: &str, measure: &mut Measure) {
    let Some(unit) = measure.unit else { return };
    let (smaller, parts) = match unit.name {
        "ft" => ("in", 12.0),
        "lb" => ("oz", 16.0),
        _ => return,
    };
    let at = skip_spaces(text, measure.end);
    if !measure.is_integer || !starts_number(text, at) {
        return;
    }
    let Some(number) = read_number(text, at) else {
        return;
    };
    let Some((next, end)) = read_unit(text, &number, false) else {
        return;
    };
    if next.name == smaller && number.value < parts {
        measure.low += number.value / parts;
        measure.high = measure.low;
        measure.is_integer = false;
        measure.end = end;
        measure.scan_end = end;
    }
}

fn is_negative(text: &str, at: usize) -> bool {
    char_before(text, at) == Some('-')
        && char_before(text, at - 1).is_none_or(|c| c.is_whitespace() || c == '(')
}
