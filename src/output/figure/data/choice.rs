//! Which columns and which kind of chart, where the options do not say.

use arrow::datatypes::{DataType, Schema};

use super::super::super::chart::series::{column, plottable};
use super::super::super::value::is_number;
use super::super::spec::{Kind, Spec};
use crate::error::Result;

/// The columns of a list parted by commas; a name may have commas in it.
pub fn listed(schema: &Schema, names: &str) -> Result<Vec<usize>> {
    if let Ok(one) = column(schema, names) {
        return Ok(vec![one]);
    }
    let names = names.split(',').map(str::trim);
    let mut columns = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        let column = column(schema, name)?;
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    Ok(columns)
}

/// Columns called x and y that hold numbers, as maps have them.
pub fn xy(schema: &Schema) -> Option<(&str, &str)> {
    let find = |name: &str| {
        let column = column(schema, name).ok()?;
        let field = schema.field(column);
        is_number(field.data_type()).then(|| field.name().as_str())
    };
    Some((find("x")?, find("y")?))
}

/// The kind of chart that suits the columns.
pub fn chosen(schema: &Schema, spec: &Spec) -> Result<Kind> {
    let named = |name: &Option<String>| -> Result<Option<&DataType>> {
        let Some(name) = name else { return Ok(None) };
        let column = column(schema, name)?;
        Ok(Some(schema.field(column).data_type()))
    };
    let (x, y) = (named(&spec.x)?, named(&spec.y)?);
    let taken = [&spec.color, &spec.label];
    let free = |name: &str| {
        let mut names = taken.into_iter().flatten();
        !names.any(|taken| taken.eq_ignore_ascii_case(name))
    };
    let fields = || schema.fields().iter();
    let numbers = fields()
        .filter(|field| free(field.name()) && is_number(field.data_type()))
        .count();
    let texts = || fields().filter(|field| !is_number(field.data_type()));
    // What names the rows, if anything does; what colours them may do so too.
    let label = texts()
        .find(|field| free(field.name()))
        .or_else(|| texts().next().filter(|_| numbers < 2))
        .map(|field| field.data_type());
    let first = match x {
        Some(x) => Some(x),
        None if y.is_none() && xy(schema).is_some() => return Ok(Kind::Scatter),
        None => label,
    };
    Ok(match first {
        Some(x) if x.is_temporal() && (numbers > 0 || y.is_some()) => Kind::Line,
        Some(x) if plottable(x) && (numbers > 1 || y.is_some()) => Kind::Scatter,
        Some(x) if plottable(x) => Kind::Hist,
        Some(_) => Kind::Bar,
        None if numbers > 1 => Kind::Scatter,
        None => Kind::Hist,
    })
}
