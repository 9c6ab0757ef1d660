//! Names that JSON objects and files cannot have twice.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Fields, Schema};

use crate::error::{Result, ShellError};

/// Checks that no two columns have one name, and no two fields of a struct: a reader
/// of JSON keeps one of two members of a name, and loses the other value.
///
/// # Errors
/// The name, and how to rename it.
pub fn check_member_names(schema: &Schema) -> Result<()> {
    if let Some(name) = repeated_name(schema.fields()) {
        return Err(ShellError::query(format!(
            "two columns are called '{name}'; rename one of them with AS"
        )));
    }
    check_field_names(schema.fields())
}

/// Checks that no two fields of a struct in these columns have one name.
///
/// # Errors
/// The name and the column, and how to rename it.
pub fn check_field_names(columns: &Fields) -> Result<()> {
    for column in columns {
        if let Some(name) = repeated_field(column.data_type()) {
            return Err(ShellError::query(format!(
                "two fields of a struct in the column '{}' are called '{name}'; \
                 make the struct with other names, as in named_struct('a', x, 'b', y)",
                column.name()
            )));
        }
    }
    Ok(())
}

/// First name that occurs twice.
fn repeated_name(fields: &Fields) -> Option<&str> {
    let mut seen = HashSet::new();
    let mut names = fields.iter().map(|field| field.name().as_str());
    names.find(|name| !seen.insert(*name))
}

/// First name that occurs twice in a struct within a type.
fn repeated_field(data_type: &DataType) -> Option<&str> {
    match data_type {
        DataType::Struct(fields) => repeated_name(fields).or_else(|| {
            let mut types = fields.iter().map(|field| field.data_type());
            types.find_map(repeated_field)
        }),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => repeated_field(item.data_type()),
        DataType::Dictionary(_, value) => repeated_field(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    fn message(fields: Vec<Field>) -> String {
        let checked = check_member_names(&Schema::new(fields));
        checked.map_or_else(|error| error.message, |()| String::new())
    }

    #[test]
    fn a_repeated_name_is_named_at_any_depth() {
        let field = |name: &str| Field::new(name, DataType::Int64, true);
        assert_eq!(message(vec![field("a"), field("A")]), "");
        let twice = message(vec![field("a"), field("b"), field("a")]);
        assert!(twice.contains("'a'") && twice.contains("AS"), "{twice}");
        let record = DataType::Struct(vec![field("x"), field("x")].into());
        let nested = Field::new("s", DataType::new_list(record, true), true);
        let nested = message(vec![nested]);
        assert!(nested.contains("'s'") && nested.contains("'x'"), "{nested}");
        let once = DataType::Struct(vec![field("a"), field("b")].into());
        assert_eq!(message(vec![field("a"), Field::new("s", once, true)]), "");
    }
}
