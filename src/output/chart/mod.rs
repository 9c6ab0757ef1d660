//! Charts in the terminal: one file each, and this list.

mod bar;
mod hist;
mod plot;
mod series;

use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::{Result, ShellError};
use series::Series;

type Draw = fn(&Series, usize, bool) -> Result<String>;

/// Every kind of chart: its name, whether the x axis must be numbers, its drawing.
const KINDS: &[(&str, bool, Draw)] =
    &[("bar", false, bar::draw), ("line", true, plot::line), ("scatter", true, plot::scatter), ("hist", true, hist::draw)];

/// What to draw: a kind, and columns where the usual ones will not do.
#[derive(Clone, Debug)]
pub struct ChartSpec {
    kind: &'static (&'static str, bool, Draw),
    x: Option<String>,
    y: Option<String>,
}

impl FromStr for ChartSpec {
    type Err = ShellError;

    /// `[bar|line|scatter|hist] [x [y]]`; names with blanks stand in quotes.
    fn from_str(text: &str) -> Result<Self> {
        let mut words = crate::script::words(text)?.into_iter().peekable();
        let named = words.peek().and_then(|word| KINDS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(word)));
        if named.is_some() {
            words.next();
        }
        let spec = Self { kind: named.unwrap_or(&KINDS[0]), x: words.next(), y: words.next() };
        match words.next() {
            None => Ok(spec),
            Some(extra) => Err(ShellError::query(format!(
                "\\chart takes [{}] [x [y]]; '{extra}' is one word too many",
                KINDS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join("|")
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
    let (name, numeric_x, draw) = spec.kind;
    let series = Series::read(schema, batches, spec.x.as_deref(), spec.y.as_deref(), *numeric_x, *name == "hist")?;
    if series.is_empty() {
        return Ok("(no rows to draw)\n".to_string());
    }
    draw(&series, width.clamp(40, 200), color)
}

/// A number as people write it on an axis.
pub(self) fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        format!("{value:.0}")
    } else if value.abs() >= 0.01 && value.abs() < 1e6 {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        format!("{value:.3e}")
    }
}
