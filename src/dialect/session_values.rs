//! Values of the session that SQL writes without parentheses: `CURRENT_USER`.

use datafusion::sql::sqlparser::ast::{DataType, Expr, FunctionArguments, Ident, TimezoneInfo};
use datafusion::sql::sqlparser::parser::ParserError;

use super::expressions::{call, cast};

/// Words that Postgres reserves for values of the session, and their functions, the
/// innermost last.
const SESSION_VALUES: &[(&str, &[&str])] = &[
    ("current_user", &["current_user"]),
    ("session_user", &["session_user"]),
    ("current_role", &["current_user"]),
    ("current_catalog", &["current_database"]),
    ("current_schema", &["current_schema"]),
    ("localtimestamp", &["wall_clock", "now"]),
];

/// Makes a reserved word a call; `localtime` is the time of `localtimestamp`.
pub fn session_values(expr: &mut Expr) -> Result<(), ParserError> {
    let value = bare_word(expr).and_then(|word| {
        let mut values = SESSION_VALUES.iter();
        values.find(|(name, _)| word.value.eq_ignore_ascii_case(name))
    });
    if bare_word(expr).is_some_and(|word| word.value.eq_ignore_ascii_case("localtime")) {
        let now = call("wall_clock", vec![call("now", Vec::new())]);
        *expr = cast(now, DataType::Time(None, TimezoneInfo::None));
    } else if let Some((_, functions)) = value {
        let calls = functions.iter().rev();
        let whole = calls.fold(Vec::new(), |arguments, name| vec![call(name, arguments)]);
        *expr = whole.into_iter().next().unwrap_or_else(|| expr.clone());
    }
    Ok(())
}

/// Makes `user` a call in a select list without tables. Data often has a column of
/// that name, so the word stays a column next to tables.
pub fn user_without_tables(expr: &mut Expr) {
    if bare_word(expr).is_some_and(|word| word.value.eq_ignore_ascii_case("user")) {
        *expr = call("current_user", Vec::new());
    }
}

/// A word without quotes and parentheses. The parser reads some as calls.
fn bare_word(expr: &Expr) -> Option<&Ident> {
    let word = match expr {
        Expr::Identifier(word) => word,
        Expr::Function(function) if matches!(function.args, FunctionArguments::None) => {
            match function.name.0.as_slice() {
                [word] => word.as_ident()?,
                _ => return None,
            }
        }
        _ => return None,
    };
    word.quote_style.is_none().then_some(word)
}
