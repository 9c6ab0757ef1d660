//! Which column of a table is the title, the text, the category, ...

use arrow::datatypes::{DataType, Schema};
use semql_udfs::relations::{IDS, TEXTS, TITLES, first_called};

use crate::args::Explore;
use crate::dictionary::types::is_text;
use crate::error::{Result, ShellError};
use crate::suggest::hint;

const CATEGORIES: &[&str] = &["category", "label"];
const VECTORS: &[&str] = &["vector", "embedding"];
const CLUSTERS: &[&str] = &["cluster"];

/// The columns that a page is made from, by their names in the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    pub id: Option<String>,
    pub title: Option<String>,
    pub text: Option<String>,
    /// What the table has already is not computed.
    pub category: Option<String>,
    pub vector: Option<String>,
    pub cluster: Option<String>,
    pub x: Option<String>,
    pub y: Option<String>,
    /// The model that made `vector`, where the table remembers.
    pub model: Option<String>,
}

impl Columns {
    /// Reads the columns off a table's schema and the options.
    ///
    /// # Errors
    /// A column that an option names and the table lacks; neither a title nor
    /// a text.
    pub fn of(schema: &Schema, source: &str, options: &Explore) -> Result<Self> {
        let named = |option: &str, given: &Option<String>| match given {
            Some(name) => existing(schema, source, option, name).map(Some),
            None => Ok(None),
        };
        let found = |names: &[&str], fits: fn(&DataType) -> bool| {
            first_called(schema.fields(), names, fits)
        };
        let title = named("--title", &options.title)?.or_else(|| found(TITLES, is_text));
        let text = named("--text", &options.text)?.or_else(|| found(TEXTS, is_text));
        if title.is_none() && text.is_none() {
            return Err(nothing_to_read(schema, source));
        }
        let (x, y) = (found(&["x"], is_number), found(&["y"], is_number));
        let (x, y) = x.zip(y).unzip();
        let vector = found(VECTORS, is_vector);
        let model = vector.as_deref().and_then(|name| {
            let field = schema.field_with_name(name).ok()?;
            field.metadata().get("semql.model").cloned()
        });
        Ok(Self {
            id: named("--id", &options.id)?.or_else(|| found(IDS, |_| true)),
            category: named("--category", &options.category)?
                .or_else(|| found(CATEGORIES, is_text)),
            cluster: found(CLUSTERS, |_| true),
            title,
            text,
            vector,
            x,
            y,
            model,
        })
    }
}

fn existing(schema: &Schema, source: &str, option: &str, name: &str) -> Result<String> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    names()
        .find(|known| *known == name)
        .or_else(|| names().find(|known| known.eq_ignore_ascii_case(name)))
        .map(str::to_string)
        .ok_or_else(|| {
            let near = hint(name, names());
            ShellError::usage(format!(
                "{option} {name}: {source} has no such column{near}"
            ))
        })
}

fn nothing_to_read(schema: &Schema, source: &str) -> ShellError {
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    ShellError::usage(format!(
        "there is nothing to read in {source}: it has the columns {}, and none is a text called {} or {}; \
         name one with --title or --text",
        names.join(", "),
        TITLES.join(", "),
        TEXTS.join(", ")
    ))
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

fn is_vector(data_type: &DataType) -> bool {
    match data_type {
        DataType::FixedSizeList(item, _) | DataType::List(item) | DataType::LargeList(item) => {
            item.data_type().is_floating()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        let fields = columns
            .iter()
            .map(|(name, t)| Field::new(*name, t.clone(), true));
        Schema::new(fields.collect::<Vec<_>>())
    }

    #[test]
    fn usual_names_are_known_and_types_count() {
        let schema = schema(&[
            ("ID", DataType::Int64),
            ("Name", DataType::Utf8View),
            ("body", DataType::LargeUtf8),
            ("category", DataType::Int64),
            ("vector", DataType::new_list(DataType::Float32, true)),
            ("x", DataType::Float64),
        ]);
        let columns = Columns::of(&schema, "t", &Explore::default()).unwrap();
        let expected = Columns {
            id: Some("ID".into()),
            title: Some("Name".into()),
            text: Some("body".into()),
            vector: Some("vector".into()),
            ..Columns::default()
        };
        assert_eq!(
            columns, expected,
            "x alone is no place, a number no category"
        );
    }

    #[test]
    fn columns_can_be_named_and_must_exist() {
        let schema = schema(&[("headline", DataType::Utf8), ("n", DataType::Int64)]);
        let error = Columns::of(&schema, "t.csv", &Explore::default()).unwrap_err();
        assert!(error.message.contains("headline, n"), "{}", error.message);
        let options = |title: &str| Explore {
            title: Some(title.into()),
            ..Explore::default()
        };
        let columns = Columns::of(&schema, "t.csv", &options("headline")).unwrap();
        assert_eq!(columns.title.as_deref(), Some("headline"));
        let error = Columns::of(&schema, "t.csv", &options("headlin")).unwrap_err();
        assert_eq!(
            error.message,
            "--title headlin: t.csv has no such column; did you mean 'headline'?"
        );
    }
}
