//! Parameters in a syntax tree, and their numbers.

use datafusion::sql::sqlparser::ast::{Expr, Value};

use crate::error::{Result, ShellError};

/// Parameters allowed per statement, as in Postgres.
const MAX_PARAMETERS: usize = 65_535;

/// The number in `$1`.
///
/// # Errors
/// Names other than `$1`, `$2`, ...
pub fn of(name: &str) -> Result<usize> {
    name.strip_prefix('$')
        .and_then(|digits| digits.parse().ok())
        .filter(|number| (1..=MAX_PARAMETERS).contains(number))
        .ok_or_else(|| {
            ShellError::query(format!("parameter {name}: write parameters as $1, $2, ..."))
        })
}

/// The name of a parameter, such as `$1`.
pub fn placeholder(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers() {
        assert_eq!(of("$12").unwrap(), 12);
        for wrong in ["$0", "$x", "1", "$65536", "?"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
