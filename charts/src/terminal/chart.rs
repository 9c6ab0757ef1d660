//! A chart for the terminal: its kind, its columns, its text.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::{bar, hist, plot};
use crate::data::{ChartColumns, Series};
use crate::error::{ChartError, Result};
use crate::kind::{CHART_KINDS, ChartKind};

/// Columns of text that a chart may take.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=200;

/// A chart for the terminal. Columns without a name are chosen by their types.
#[derive(Clone, Debug)]
pub struct TerminalChart {
    kind: ChartKind,
    x: Option<String>,
    y: Option<String>,
}

impl TerminalChart {
    /// Reads `[bar|line|scatter|hist] [x [y]]`; the default is a bar chart.
    ///
    /// # Errors
    /// More words than these.
    pub fn from_words(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut words = words.into_iter().peekable();
        let kind = words.peek().and_then(|word| {
            CHART_KINDS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(word))
        });
        if kind.is_some() {
            words.next();
        }
        let chart = Self {
            kind: kind.map_or(ChartKind::Bar, |(_, kind)| *kind),
            x: words.next(),
            y: words.next(),
        };
        match words.next() {
            None => Ok(chart),
            Some(extra) => {
                let kinds: Vec<&str> = CHART_KINDS.iter().map(|(name, _)| *name).collect();
                Err(ChartError::Invalid(format!(
                    "a chart takes [{}] [x [y]]; '{extra}' is one word too many",
                    kinds.join("|")
                )))
            }
        }
    }

    /// The chart of a result, `width` columns wide.
    ///
    /// # Errors
    /// Columns that do not exist or hold no numbers.
    pub fn render(
        &self,
        schema: &Schema,
        batches: &[RecordBatch],
        width: usize,
        color: bool,
    ) -> Result<String> {
        let (x, y) = (self.x.as_deref(), self.y.as_deref());
        let columns = ChartColumns::choose(schema, x, y, self.kind)?;
        let series = Series::read(schema, batches, &columns)?;
        if series.is_empty() {
            return Ok(format!("(no rows to draw)\n{}", series.note()));
        }
        let draw: fn(&Series, usize, bool) -> String = match self.kind {
            ChartKind::Bar => bar::draw,
            ChartKind::Line => plot::line,
            ChartKind::Scatter => plot::scatter,
            ChartKind::Hist => hist::draw,
        };
        let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
        Ok(draw(&series, width, color))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Int64Array, StringArray};

    use super::*;

    fn chart(words: &str) -> Result<TerminalChart> {
        TerminalChart::from_words(words.split_whitespace().map(str::to_string))
    }

    fn draw(words: &str) -> Result<String> {
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
        chart(words)?.render(&batch.schema(), &[batch], 60, false)
    }

    #[test]
    fn the_default_columns_are_a_text_and_a_number() {
        let chart = draw("").unwrap();
        assert!(chart.starts_with("id by Label\n"), "{chart}");
        assert!(chart.contains("\nNULL "), "{chart}");
        assert!(draw("line").unwrap().starts_with("amount over id\n"));
        assert!(draw("line day").unwrap().contains("2024-01-01"));
        assert!(draw("hist").unwrap().starts_with("rows by id\n"));
    }

    #[test]
    fn columns_have_names_in_any_case_and_missing_values_are_counted() {
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
    fn errors_name_the_column_or_word() {
        for (spec, expected) in [
            (
                "bar nothing amount",
                "no column 'nothing'; it has id, Label, amount, day",
            ),
            ("bar day label", "column 'Label' holds no numbers"),
            ("scatter label amount", "column 'Label' holds no numbers"),
            ("hist label", "column 'Label' holds no numbers"),
            ("bar a b c", "'c' is one word too many"),
            ("bar amuont", "no column 'amuont'"),
        ] {
            let error = draw(spec).unwrap_err();
            assert!(error.to_string().contains(expected), "{spec}: {error}");
        }
    }

    #[test]
    fn two_columns_of_numbers_are_label_and_value() {
        let numbers = || Arc::new(Int64Array::from(vec![3, 1, 2])) as _;
        let batch = RecordBatch::try_from_iter([("year", numbers()), ("n", numbers())]).unwrap();
        let bars = chart("bar").unwrap();
        let text = bars.render(&batch.schema(), &[batch], 60, false).unwrap();
        assert!(text.starts_with("n by year\n"), "{text}");
    }

    #[test]
    fn a_lone_column_is_drawn_over_its_rows() {
        let numbers = Int64Array::from(vec![3, 1, 2]);
        let batch = RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap();
        let batches = [batch];
        for (words, title) in [
            ("line", "n over row"),
            ("line n", "n over row"),
            ("bar", "n by n"),
        ] {
            let chart = chart(words).unwrap();
            let text = chart.render(&batches[0].schema(), &batches, 60, false);
            assert!(text.unwrap().starts_with(title), "{words}");
        }
    }
}
