//! Chooses columns and the kind of chart where the options leave them open.

use arrow::datatypes::{DataType, Schema};

use super::super::options::ChartOptions;
use crate::data::{find_column, interval_columns, is_plottable};
use crate::error::Result;
use crate::kind::ChartKind;
use crate::value::is_number;

/// The columns of a list separated by commas. A single name may contain commas.
pub fn listed_columns(schema: &Schema, names: &str) -> Result<Vec<usize>> {
    if let Ok(one) = find_column(schema, names) {
        return Ok(vec![one]);
    }
    let names = names.split(',').map(str::trim);
    let mut columns = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        let column = find_column(schema, name)?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    Ok(columns)
}

/// Columns named x and y that hold numbers, such as those of a map.
pub fn xy_columns(schema: &Schema) -> Option<(&str, &str)> {
    let find = |name: &str| {
        let column = find_column(schema, name).ok()?;
        let field = schema.field(column);
        is_number(field.data_type()).then(|| field.name().as_str())
    };
    Some((find("x")?, find("y")?))
}

/// The kind of chart that suits the columns.
pub fn choose_kind(schema: &Schema, options: &ChartOptions) -> Result<ChartKind> {
    let named = |name: &Option<String>| -> Result<Option<&DataType>> {
        let Some(name) = name else { return Ok(None) };
        let column = find_column(schema, name)?;
        Ok(Some(schema.field(column).data_type()))
    };
    let (x, y) = (named(&options.x)?, named(&options.y)?);
    let taken = [&options.color, &options.label];
    let free = |name: &str| {
        let mut names = taken.into_iter().flatten();
        !names.any(|taken| taken.eq_ignore_ascii_case(name))
    };
    let fields = || schema.fields().iter();
    let numbers = fields()
        .filter(|field| free(field.name()) && is_number(field.data_type()))
        .count();
    // The ends of an interval are drawn with its value.
    let first_number = fields().position(|field| is_number(field.data_type()));
    let ends = first_number.and_then(|first| interval_columns(schema, first));
    let numbers = numbers - if ends.is_some() { 2 } else { 0 };
    let texts = || fields().filter(|field| !is_number(field.data_type()));
    // The column that names the rows; the one that colours them may do so too.
    let label = texts()
        .find(|field| free(field.name()))
        .or_else(|| texts().next().filter(|_| numbers < 2))
        .map(|field| field.data_type());
    let first = match x {
        Some(x) => Some(x),
        None if y.is_none() && xy_columns(schema).is_some() => return Ok(ChartKind::Scatter),
        None => label,
    };
    Ok(match first {
        Some(x) if x.is_temporal() && (numbers > 0 || y.is_some()) => ChartKind::Line,
        Some(x) if is_plottable(x) && (numbers > 1 || y.is_some()) => ChartKind::Scatter,
        Some(x) if is_plottable(x) => ChartKind::Hist,
        Some(_) => ChartKind::Bar,
        None if numbers > 1 => ChartKind::Scatter,
        None => ChartKind::Hist,
    })
}
