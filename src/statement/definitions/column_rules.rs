//! Columns of CREATE TABLE: what the engine does not read is taken from them.

use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, ColumnOptionDef, Expr, Function, GeneratedAs, SequenceOptions,
    UnaryOperator, Value,
};

use super::column_types::stored_type;
use super::constraint_rules::{DeclaredConstraint, check_nulls, named};
use crate::error::{ErrorKind, Result, ShellError};
use crate::statement::syntax::folded;
use crate::tables::{ForeignKeyRule, IdentityKind, MaxLength};

/// Function of a default that takes the next number of a sequence.
const NEXT_VALUE: &str = "nextval";

/// Collations by code points, the order of the engine.
const CODE_POINT_COLLATIONS: &[&str] = &["c", "posix", "default", "ucs_basic"];

/// Identity of a column: kind, first number, increment.
pub type DeclaredIdentity = (IdentityKind, i64, i64);

/// Column of a statement.
#[derive(Clone, Debug)]
pub struct DeclaredColumn {
    pub name: String,
    pub not_null: bool,
    pub identity: Option<DeclaredIdentity>,
    pub max_length: Option<MaxLength>,
    /// Type in the words of Postgres, if another type stores it.
    pub declared: Option<String>,
    /// The default as SQL.
    pub default_sql: Option<String>,
}

/// Takes the rules of a column, and leaves a definition that the engine reads. Its
/// constraints are added to `constraints`.
///
/// # Errors
/// Options that are not supported.
pub fn take(
    column: &mut ColumnDef,
    constraints: &mut Vec<DeclaredConstraint>,
) -> Result<DeclaredColumn> {
    let name = folded(column.name.clone());
    let stored = stored_type(column.data_type.clone());
    column.data_type = stored.data_type;
    let declared = stored.declared.clone();
    let max_length = stored.max_length.map(|length| MaxLength {
        characters: usize::try_from(length).unwrap_or(usize::MAX),
        declared: stored.declared.unwrap_or_default(),
    });
    let mut rule = DeclaredColumn {
        name,
        not_null: stored.is_serial,
        identity: stored.is_serial.then_some((IdentityKind::ByDefault, 1, 1)),
        max_length,
        declared,
        default_sql: None,
    };
    let options = std::mem::take(&mut column.options);
    for option in options {
        let kept = take_option(option, &mut rule, constraints)?;
        column.options.extend(kept);
    }
    Ok(rule)
}

/// Takes an option, or returns what the engine reads.
fn take_option(
    option: ColumnOptionDef,
    rule: &mut DeclaredColumn,
    constraints: &mut Vec<DeclaredConstraint>,
) -> Result<Option<ColumnOptionDef>> {
    let key = |name, primary, column: &str| DeclaredConstraint::Key {
        name,
        columns: vec![column.to_string()],
        primary,
    };
    match option.option {
        ColumnOption::Null => {}
        ColumnOption::NotNull => rule.not_null = true,
        ColumnOption::Default(value) => {
            if is_next_value(&value) {
                rule.identity.get_or_insert((IdentityKind::ByDefault, 1, 1));
                return Ok(None);
            }
            rule.default_sql = Some(value.to_string());
            let option = ColumnOption::Default(value);
            return Ok(Some(ColumnOptionDef { name: None, option }));
        }
        ColumnOption::PrimaryKey(_) => {
            constraints.push(key(named(option.name), true, &rule.name));
        }
        ColumnOption::Unique(unique) => {
            check_nulls(&unique.nulls_distinct)?;
            constraints.push(key(named(option.name), false, &rule.name));
        }
        ColumnOption::Check(check) => constraints.push(DeclaredConstraint::Check {
            name: named(option.name.or(check.name)),
            column: Some(rule.name.clone()),
            condition: check.expr,
        }),
        ColumnOption::ForeignKey(_) => {
            let sql = format!("FOREIGN KEY (\"{}\") {}", rule.name, option.option);
            let name = named(option.name);
            constraints.push(DeclaredConstraint::ForeignKey(ForeignKeyRule { name, sql }));
        }
        ColumnOption::Generated {
            generated_as,
            sequence_options,
            generation_expr: None,
            ..
        } => {
            let kind = match generated_as {
                GeneratedAs::Always => IdentityKind::Always,
                GeneratedAs::ByDefault => IdentityKind::ByDefault,
                GeneratedAs::ExpStored => return Err(not_supported("a generated column", rule)),
            };
            let (start, increment) = sequence(sequence_options.unwrap_or_default(), rule)?;
            rule.identity = Some((kind, start, increment));
            rule.not_null = true;
        }
        ColumnOption::Generated { .. } => return Err(not_supported("a generated column", rule)),
        ColumnOption::Collation(name) => {
            let last = name.0.last().and_then(|part| part.as_ident());
            let last = last.map_or_else(String::new, |last| last.value.to_lowercase());
            if !CODE_POINT_COLLATIONS.contains(&last.as_str()) {
                return Err(not_supported(
                    &format!("the collation {name} (texts are ordered by code points)"),
                    rule,
                ));
            }
        }
        other => return Err(not_supported(&format!("the option {other}"), rule)),
    }
    Ok(None)
}

/// First number and increment of an identity column.
fn sequence(options: Vec<SequenceOptions>, rule: &DeclaredColumn) -> Result<(i64, i64)> {
    let (mut start, mut increment) = (None, 1);
    for option in options {
        match option {
            SequenceOptions::StartWith(value, _) => start = Some(number(&value, rule)?),
            SequenceOptions::IncrementBy(value, _) => increment = number(&value, rule)?,
            SequenceOptions::Cache(_)
            | SequenceOptions::Cycle(false)
            | SequenceOptions::MinValue(None)
            | SequenceOptions::MaxValue(None) => {}
            SequenceOptions::MinValue(Some(_)) => return Err(not_supported("MINVALUE", rule)),
            SequenceOptions::MaxValue(Some(_)) => return Err(not_supported("MAXVALUE", rule)),
            SequenceOptions::Cycle(true) => return Err(not_supported("CYCLE", rule)),
        }
    }
    if increment == 0 {
        return Err(not_supported("INCREMENT BY 0", rule));
    }
    // A falling sequence starts with the largest number that is allowed.
    Ok((start.unwrap_or(increment.signum()), increment))
}

fn number(value: &Expr, rule: &DeclaredColumn) -> Result<i64> {
    let (value, sign) = match value {
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => (expr.as_ref(), -1),
        other => (other, 1),
    };
    let digits = match value {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.to_string().parse::<i64>().ok(),
            _ => None,
        },
        _ => None,
    };
    digits
        .map(|digits| digits * sign)
        .ok_or_else(|| not_supported(&format!("the number {value} of a sequence"), rule))
}

/// Whether a default is `nextval(...)`, as dumps of serial columns have it.
fn is_next_value(value: &Expr) -> bool {
    let Expr::Function(Function { name, .. }) = value else {
        return false;
    };
    let last = name.0.last().and_then(|part| part.as_ident());
    last.is_some_and(|last| last.value.eq_ignore_ascii_case(NEXT_VALUE))
}

fn not_supported(what: &str, rule: &DeclaredColumn) -> ShellError {
    ShellError::of_kind(
        ErrorKind::NotSupported,
        format!("column '{}': {what} is not supported", rule.name),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::ast::Statement as Ast;
    use datafusion::sql::sqlparser::parser::Parser;

    use crate::dialect::SemqlDialect;

    fn of(column: &str) -> Result<(DeclaredColumn, Vec<DeclaredConstraint>, String)> {
        let sql = format!("CREATE TABLE t ({column})");
        let mut parsed = Parser::parse_sql(&SemqlDialect, &sql).unwrap();
        let Ast::CreateTable(create) = &mut parsed[0] else {
            panic!("{sql}");
        };
        let mut constraints = Vec::new();
        let rule = take(&mut create.columns[0], &mut constraints)?;
        Ok((rule, constraints, create.columns[0].to_string()))
    }

    #[test]
    fn rules_are_taken_from_columns() {
        let (rule, constraints, rest) = of("id SERIAL PRIMARY KEY").unwrap();
        assert!(rule.not_null && rule.identity.is_some());
        assert_eq!(constraints.len(), 1);
        assert_eq!(rest, "id INTEGER");
        let (rule, _, rest) =
            of("n INT GENERATED ALWAYS AS IDENTITY (START WITH 5 INCREMENT BY -2)").unwrap();
        assert_eq!(rule.identity, Some((IdentityKind::Always, 5, -2)));
        assert_eq!(rest, "n INT");
        let (rule, constraints, rest) =
            of("name VARCHAR(3) NOT NULL DEFAULT 'x' CHECK (name <> '')").unwrap();
        assert_eq!(rule.max_length.unwrap().characters, 3);
        assert_eq!(rest, "name TEXT DEFAULT 'x'");
        assert_eq!(constraints.len(), 1);
    }

    #[test]
    fn options_without_a_meaning_are_refused() {
        for column in [
            "a INT GENERATED ALWAYS AS (b + 1) STORED",
            "a TEXT COLLATE \"de_DE\"",
        ] {
            assert!(of(column).is_err(), "{column}");
        }
        assert!(of("a TEXT COLLATE \"C\"").is_ok());
    }
}
