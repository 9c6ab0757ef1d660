//! Choice of the columns of title, text, category and so on.

use arrow::datatypes::{DataType, Schema};
use semql_udfs::provenance;
use semql_udfs::relations::{IDS, TEXTS, TITLES, first_called};

use crate::args::ExploreArgs;
use crate::dictionary::types::is_text;
use crate::error::{Result, ShellError};
use crate::suggest::hint;

const CATEGORIES: &[&str] = &["category", "label"];
const VECTORS: &[&str] = &["vector", "embedding"];
const CLUSTERS: &[&str] = &["cluster"];

/// Columns of the source that a page uses, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageColumns {
    pub id: Option<String>,
    pub title: Option<String>,
    pub text: Option<String>,
    /// Computed if the source has none, like the columns below.
    pub category: Option<String>,
    pub vector: Option<String>,
    pub cluster: Option<String>,
    pub x: Option<String>,
    pub y: Option<String>,
    /// Model of `vector`, if the metadata names it.
    pub model: Option<String>,
}

impl PageColumns {
    /// Chooses the columns by the options, then by name and type.
    ///
    /// # Errors
    /// A column of an option that does not exist; neither a title nor a text.
    pub fn of(schema: &Schema, source: &str, options: &ExploreArgs) -> Result<Self> {
        let chosen = |option: &str, given: &Option<String>| match given {
            Some(name) => existing(schema, source, option, name).map(Some),
            None => Ok(None),
        };
        let detected = |names: &[&str], fits: fn(&DataType) -> bool| {
            first_called(schema.fields(), names, fits)
        };
        let title = chosen("--title", &options.title)?.or_else(|| detected(TITLES, is_text));
        let text = chosen("--text", &options.text)?.or_else(|| detected(TEXTS, is_text));
        if title.is_none() && text.is_none() {
            return Err(no_readable_column(schema, source));
        }
        let (x, y) = (detected(&["x"], is_number), detected(&["y"], is_number));
        let (x, y) = x.zip(y).unzip();
        let vector = detected(VECTORS, is_vector);
        let model = vector.as_deref().and_then(|name| {
            let field = schema.field_with_name(name).ok()?;
            field.metadata().get(provenance::MODEL).cloned()
        });
        Ok(Self {
            id: chosen("--id", &options.id)?.or_else(|| detected(IDS, |_| true)),
            category: chosen("--category", &options.category)?
                .or_else(|| detected(CATEGORIES, is_text)),
            cluster: detected(CLUSTERS, |_| true),
            title,
            text,
            vector,
            x,
            y,
            model,
        })
    }

    /// Whether the page reads the column `name` already.
    pub fn uses(&self, name: &str) -> bool {
        let columns = [
            &self.id,
            &self.title,
            &self.text,
            &self.category,
            &self.vector,
            &self.cluster,
            &self.x,
            &self.y,
        ];
        columns
            .into_iter()
            .any(|column| column.as_deref() == Some(name))
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
                "{option} {name}: {source} has no column {name}{near}"
            ))
        })
}

fn no_readable_column(schema: &Schema, source: &str) -> ShellError {
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    ShellError::usage(format!(
        "{source} has no title and no text: its columns are {}, and none is a text named {} or {}; \
         choose one with --title or --text",
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
    fn columns_are_detected_by_name_and_type() {
        let schema = schema(&[
            ("ID", DataType::Int64),
            ("Name", DataType::Utf8View),
            ("body", DataType::LargeUtf8),
            ("category", DataType::Int64),
            ("vector", DataType::new_list(DataType::Float32, true)),
            ("x", DataType::Float64),
        ]);
        let columns = PageColumns::of(&schema, "t", &ExploreArgs::default()).unwrap();
        let expected = PageColumns {
            id: Some("ID".into()),
            title: Some("Name".into()),
            text: Some("body".into()),
            vector: Some("vector".into()),
            ..PageColumns::default()
        };
        assert_eq!(
            columns, expected,
            "x without y is ignored, a number is not a category"
        );
    }

    #[test]
    fn columns_can_be_named_and_must_exist() {
        let schema = schema(&[("headline", DataType::Utf8), ("n", DataType::Int64)]);
        let error = PageColumns::of(&schema, "t.csv", &ExploreArgs::default()).unwrap_err();
        assert!(error.message.contains("headline, n"), "{}", error.message);
        let options = |title: &str| ExploreArgs {
            title: Some(title.into()),
            ..ExploreArgs::default()
        };
        let columns = PageColumns::of(&schema, "t.csv", &options("headline")).unwrap();
        assert_eq!(columns.title.as_deref(), Some("headline"));
        let error = PageColumns::of(&schema, "t.csv", &options("headlin")).unwrap_err();
        assert_eq!(
            error.message,
            "--title headlin: t.csv has no column headlin; did you mean 'headline'?"
        );
    }
}
