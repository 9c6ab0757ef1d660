//! `\gset`: variables from the row of a statement.

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::output::value::Cells;
use crate::shell::Shell;

/// Runs the statement and sets a variable for each column of its only row; NULL removes
/// the variable.
///
/// # Errors
/// Those of the statement; other numbers of rows; a column whose name is not a name of
/// variables.
pub async fn set_from_row(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let prefix = call.first().unwrap_or_default();
    let sql = shell
        .statement
        .clone()
        .ok_or_else(|| ShellError::query("no statement has run yet"))?;
    let wrong = |rows: usize| {
        ShellError::query(format!(
            "\\gset takes a statement with one row, and this one has {rows}"
        ))
    };
    if !shell.run_hidden(&sql).await? {
        return Err(wrong(0));
    }
    let Some((schema, batches)) = shell.last_result.result() else {
        return Err(ShellError::query(
            "\\gset takes a statement with one row, and this one has too many to keep",
        ));
    };
    let rows = batches.iter().map(|batch| batch.num_rows()).sum();
    let mut filled = batches.iter().filter(|batch| batch.num_rows() > 0);
    let (1, Some(batch)) = (rows, filled.next()) else {
        return Err(wrong(rows));
    };
    let mut values = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let cells = Cells::of(column)?;
        let mut text = String::new();
        let value = match cells.is_null(0) {
            true => None,
            false => {
                cells.write(0, &mut text)?;
                Some(text)
            }
        };
        values.push((format!("{prefix}{}", field.name()), value));
    }
    for (name, value) in values {
        match value {
            Some(value) => shell.variables.set(&name, value)?,
            None if shell.variables.get(&name).is_some() => shell.variables.unset(&name)?,
            None => {}
        }
    }
    Ok(Action::Continue)
}
