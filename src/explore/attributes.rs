//! Columns of attributes, such as brand and color, which filter and colour a page.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, Schema};

use super::columns::PageColumns;
use crate::dictionary::sql::{identifier, string};
use crate::dictionary::types::is_text;

/// Columns that a page reads. Further ones are ignored.
const MAX_ATTRIBUTES: usize = 20;

/// Columns of the table of rows, which an attribute cannot be called.
const RESERVED_NAMES: &[&str] = &[
    "row_id",
    "id",
    "title",
    "text",
    "category",
    "vector",
    "cluster",
    "x",
    "y",
    "components",
    "coordinates",
];

/// Column with a text for each row, or such a field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeColumn {
    /// Name in the table of rows.
    pub name: String,
    /// Expression over the source.
    pub sql: String,
    /// Whether an attribute set has an attribute of this name.
    pub is_known: bool,
}

impl AttributeColumn {
    /// Columns of `schema` that may be attributes, the known ones first in the order
    /// of `known`: texts and fields of structs that `used` has no other use for.
    pub fn of(schema: &Schema, used: &PageColumns, known: &[String]) -> Vec<Self> {
        let place = |name: &str| {
            let mut known = known.iter();
            known.position(|known| known.eq_ignore_ascii_case(name))
        };
        let fields = schema.fields().iter();
        let mut found: Vec<(usize, Self)> = fields
            .filter(|field| !used.uses(field.name()))
            .flat_map(|field| texts_of(field))
            .filter(|(name, _)| !used.uses(name))
            .filter(|(name, _)| !RESERVED_NAMES.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, sql)| {
                let place = place(&name);
                let is_known = place.is_some();
                let column = Self {
                    name,
                    sql,
                    is_known,
                };
                (place.unwrap_or(usize::MAX), column)
            })
            .collect();
        found.sort_by_key(|(place, _)| *place);
        let mut names = HashSet::new();
        let mut columns: Vec<Self> = found.into_iter().map(|(_, column)| column).collect();
        columns.retain(|column| names.insert(column.name.to_ascii_lowercase()));
        columns.truncate(MAX_ATTRIBUTES);
        columns
    }

    /// Whether the values partition the rows: those of a known attribute if there are
    /// any, and others if each has two rows on average.
    pub fn groups(&self, values: &[Option<String>]) -> bool {
        let with_value = values.iter().flatten().count();
        let distinct = values.iter().flatten().collect::<HashSet<_>>().len();
        let is_constant = distinct == 1 && with_value == values.len();
        let recurs = self.is_known || 2 * distinct <= with_value;
        distinct > 0 && !is_constant && recurs
    }

    /// Name on the page, such as Target group.
    pub fn label(&self) -> String {
        let words = self.name.replace('_', " ");
        let mut chars = words.trim().chars();
        match chars.next() {
            Some(first) => first.to_uppercase().chain(chars).collect(),
            None => self.name.clone(),
        }
    }
}

/// Names and expressions of the texts of a column: the column itself, the texts of a
/// struct of `ai_extract`, or the first values of one of `ai_extract_details`.
fn texts_of(field: &Field) -> Vec<(String, String)> {
    let column = identifier(field.name());
    match field.data_type() {
        data_type if is_text(data_type) => vec![(field.name().clone(), column)],
        DataType::Struct(parts) => {
            let parts = parts.iter().filter_map(|part| {
                let path = format!("{column}[{}]", string(part.name()));
                match part.data_type() {
                    data_type if is_text(data_type) => Some((part.name().clone(), path)),
                    data_type if has_normalized(data_type) => {
                        Some((part.name().clone(), format!("{path}[1]['normalized']")))
                    }
                    _ => None,
                }
            });
            parts.collect()
        }
        _ => Vec::new(),
    }
}

/// Whether the type is that of the values of an attribute in `ai_extract_details`.
fn has_normalized(data_type: &DataType) -> bool {
    let (DataType::List(item) | DataType::LargeList(item)) = data_type else {
        return false;
    };
    match item.data_type() {
        DataType::Struct(fields) => fields
            .iter()
            .any(|field| field.name() == "normalized" && is_text(field.data_type())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> Field {
        Field::new(name, DataType::Utf8View, true)
    }

    fn names(columns: &[AttributeColumn]) -> Vec<&str> {
        columns.iter().map(|column| column.name.as_str()).collect()
    }

    fn values(values: &[&str]) -> Vec<Option<String>> {
        let value = |value: &&str| (!value.is_empty()).then(|| value.to_string());
        values.iter().map(value).collect()
    }

    #[test]
    fn known_attributes_are_first_and_used_columns_are_absent() {
        let schema = Schema::new(vec![
            text("title"),
            text("seller"),
            Field::new("weight", DataType::Float64, true),
            text("Color"),
            text("brand"),
            text("X"),
        ]);
        let used = PageColumns {
            title: Some("title".into()),
            ..PageColumns::default()
        };
        let known = ["brand".to_string(), "color".to_string()];
        let columns = AttributeColumn::of(&schema, &used, &known);
        assert_eq!(names(&columns), ["brand", "Color", "seller"]);
        assert!(columns[1].is_known && !columns[2].is_known);
        let many = Schema::new((0..30).map(|n| text(&format!("c{n}"))).collect::<Vec<_>>());
        let columns = AttributeColumn::of(&many, &used, &known);
        assert_eq!(columns.len(), MAX_ATTRIBUTES);
    }

    #[test]
    fn fields_of_structs_are_read_by_path() {
        let value = vec![
            text("value"),
            text("normalized"),
            Field::new("score", DataType::Float32, true),
        ];
        let list = DataType::new_list(DataType::Struct(value.into()), true);
        let parts = vec![
            text("color"),
            Field::new("size", list, true),
            Field::new("n", DataType::Int64, true),
            text("it's"),
        ];
        let schema = Schema::new(vec![
            Field::new("found", DataType::Struct(parts.into()), true),
            text("color"),
        ]);
        let columns = AttributeColumn::of(&schema, &PageColumns::default(), &[]);
        let sql: Vec<&str> = columns.iter().map(|column| column.sql.as_str()).collect();
        assert_eq!(
            sql,
            [
                "\"found\"['color']",
                "\"found\"['size'][1]['normalized']",
                "\"found\"['it''s']"
            ],
            "the second column called color is ignored"
        );
    }

    #[test]
    fn columns_of_other_texts_group_if_their_values_recur() {
        let column = |is_known| AttributeColumn {
            name: "target_group".into(),
            sql: String::new(),
            is_known,
        };
        let (known, other) = (column(true), column(false));
        assert_eq!(known.label(), "Target group");
        let unique = values(&["a", "b", "c", ""]);
        assert!(known.groups(&unique) && !other.groups(&unique));
        assert!(other.groups(&values(&["a", "b", "b", "a"])));
        assert!(other.groups(&values(&["a", "a", ""])));
        for empty in [&["", ""][..], &["a", "a"], &[]] {
            assert!(!known.groups(&values(empty)), "{empty:?}");
        }
    }
}
