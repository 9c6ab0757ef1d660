//! Charts in the terminal: one file each, and this list.

pub(super) mod axis;
mod bar;
pub(super) mod hist;
pub(super) mod plot;
pub(super) mod series;

use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{Result, ShellError};
use series::{Needs, Series};

type Draw = fn(&Series, usize, bool) -> Result<String>;

/// Every kind of chart: its name, its columns, its drawing.
const KINDS: &[(&str, Needs, Draw)] = &[
    ("bar", Needs::LabelAndNumber, bar::draw),
    ("line", Needs::Positions, plot::line),
    ("scatter", Needs::Positions, plot::scatter),
    ("hist", Needs::Numbers, hist::draw),
];

/// What to draw: a kind, and columns where the usual ones will not do.
#[derive(Clone, Debug)]
pub struct ChartSpec {
    kind: &'static (&'static str, Needs, Draw),
    x: Option<String>,
    y: Option<String>,
}

impl FromStr for ChartSpec {
    type Err = ShellError;

    /// `[bar|line|scatter|hist] [x [y]]`; names with blanks stand in quotes.
    fn from_str(text: &str) -> Result<Self> {
        let mut words = crate::script::words(text)?.into_iter().peekable();
        let named = words.peek().and_then(|word| {
            KINDS
                .iter()
                .find(|(name, ..)| name.eq_ignore_ascii_case(word))
        });
        if named.is_some() {
            words.next();
        }
        let spec = Self {
            kind: named.unwrap_or(&KINDS[0]),
            x: words.next(),
            y: words.next(),
        };
        match words.next() {
            None => Ok(spec),
            Some(extra) => Err(ShellError::query(format!(
                "\\chart takes [{}] [x [y]]; '{extra}' is one word too many",
                KINDS
                    .iter()
                    .map(|(name, ..)| *name)
                    .collect::<Vec<_>>()
                    .join("|")
            ))),
        }
    }
}

/// The chart of a result, `width` columns wide.
///
/// # Errors
/// Columns that are not there or hold no numbers.
pub fn render(
    schema: &SchemaRef,
    batches: &[RecordBatch],
    spec: &ChartSpec,
    width: usize,
    color: bool,
) -> Result<String> {
    let (_, needs, draw) = spec.kind;
    let series = Series::read(
        schema,
        batches,
        spec.x.as_deref(),
        spec.y.as_deref(),
        *needs,
    )?;
    if series.is_empty() {
        return Ok(format!("(no rows to draw)\n{}", series.note()));
    }
    draw(&series, width.clamp(40, 200), color)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Int64Array, StringArray};

    use super::*;

    fn draw(spec: &str) -> Result<String> {
        let batch = RecordBatch::try_from_iter([
            ("id", Arc::new(Int64Array::from(vec![7, 8, 9])) as _),
            (
                "Label",
                Arc::new(StringArray::from(vec![Some("tea"), None, Some("pen")])) as _,
            ),
            (
                "amount",
                Arc::new(Int64Array::from(vec![Some(30), Some(10), None])) as _,
            ),
            (
                "day",
                Arc::new(Date32Array::from(vec![19_723, 19_724, 19_725])) as _,
            ),
        ])
        .unwrap();
        render(&batch.schema(), &[batch], &spec.parse()?, 60, false)
    }

    #[test]
    fn the_usual_columns_are_a_text_and_a_number() {
        let chart = draw("").unwrap();
        assert!(chart.starts_with("id by Label\n"), "{chart}");
        assert!(chart.contains("\nNULL "), "{chart}");
        assert!(draw("line").unwrap().starts_with("amount over id\n"));
        assert!(draw("line day").unwrap().contains("2024-01-01"));
        assert!(draw("hist").unwrap().starts_with("rows by id\n"));
    }

    #[test]
    fn columns_are_named_in_any_case_and_missing_values_are_told() {
        let chart = draw("BAR label Amount").unwrap();
        assert!(chart.starts_with("amount by Label\n"), "{chart}");
        assert!(
            chart.contains("75.0%") && chart.contains("25.0%"),
            "{chart}"
        );
        assert!(
            chart.ends_with("1 row without a value is not drawn\n"),
            "{chart}"
        );
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error_that_names_the_column() {
        for (spec, expected) in [
            (
                "bar nothing amount",
                "no column 'nothing'; it has id, Label, amount, day",
            ),
            ("bar day label", "column 'Label' holds no numbers"),
            ("scatter label amount", "column 'Label' holds no numbers"),
            ("hist label", "column 'Label' holds no numbers"),
            ("bar a b c", "'c' is one word too many"),
            ("bar amuont", "did you mean 'amount'?"),
        ] {
            let error = draw(spec).unwrap_err();
            assert!(error.message.contains(expected), "{spec}: {error}");
        }
    }

    #[test]
    fn two_columns_of_numbers_are_label_and_value() {
        let numbers = || Arc::new(Int64Array::from(vec![3, 1, 2])) as _;
        let batch = RecordBatch::try_from_iter([("year", numbers()), ("n", numbers())]).unwrap();
        let chart = render(
            &batch.schema(),
            &[batch],
            &"bar".parse().unwrap(),
            60,
            false,
        );
        assert!(chart.unwrap().starts_with("n by year\n"));
    }

    #[test]
    fn a_lone_column_is_drawn_over_its_rows() {
        let numbers = Int64Array::from(vec![3, 1, 2]);
        let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        for (spec, title) in [
            ("line", "n over row"),
            ("line n", "n over row"),
            ("bar", "n by n"),
        ] {
            let chart = render(
                &batch.schema(),
                std::slice::from_ref(&batch),
                &spec.parse().unwrap(),
                60,
                false,
            );
            assert!(chart.unwrap().starts_with(title), "{spec}");
        }
    }
}
