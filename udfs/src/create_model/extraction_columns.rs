//! Columns of the query of `CREATE MODEL ... EXTRACT`: texts, labels and groups.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use datafusion::error::Result as DataFusionResult;
use semql_learning::extraction::model::ExtractionExamples;

use super::attribute_labels::{AttributeLabels, attribute_labels, check_attributes};
use super::extract_options::ExtractOptions;
use super::label_values::{is_text, texts};
use crate::error::{Error, Result};

/// Columns of the query, by purpose. A position is that of a column in the query.
#[derive(Debug, PartialEq)]
pub struct ExtractionColumns {
    /// Positions and names of the texts.
    texts: Vec<(usize, String)>,
    /// By attribute.
    labels: Vec<AttributeLabels>,
    group: Option<usize>,
}

impl ExtractionColumns {
    /// Columns of a query with this schema. All columns but `labels` and the group are
    /// texts.
    ///
    /// # Errors
    /// A missing or duplicate column, a column of another type, a query without texts.
    pub fn with_labels(
        schema: &Schema,
        labels: &[String],
        options: &ExtractOptions,
    ) -> Result<Self> {
        let mut of_attributes = Vec::new();
        for name in labels {
            let column = position(schema, name, "to extract")?;
            of_attributes.extend(attribute_labels(schema, column)?);
        }
        check_attributes(of_attributes.iter().map(|labels| labels.attribute.as_str()))?;
        Self::new(schema, of_attributes, options)
    }

    /// Columns of a query without labels.
    ///
    /// # Errors
    /// A missing column of groups, a column that is not a text, a query without texts.
    pub fn without_labels(schema: &Schema, options: &ExtractOptions) -> Result<Self> {
        Self::new(schema, Vec::new(), options)
    }

    fn new(
        schema: &Schema,
        labels: Vec<AttributeLabels>,
        options: &ExtractOptions,
    ) -> Result<Self> {
        let group = options.group.as_deref();
        let group = group
            .map(|name| position(schema, name, "of groups"))
            .transpose()?;
        if labels.iter().any(|labels| Some(labels.column) == group) {
            return Err(Error::Invalid(
                "the column of groups is also a column to extract; name another one in OPTIONS (group ...)"
                    .to_string(),
            ));
        }
        let mut texts = Vec::new();
        for (at, field) in schema.fields().iter().enumerate() {
            let is_label = labels.iter().any(|labels| labels.column == at);
            if is_label || group == Some(at) {
                continue;
            }
            if !is_text(field.data_type()) {
                return Err(Error::Invalid(format!(
                    "the column {} is {}, but must be a text; cast it, leave it out of the query, or list it after EXTRACT",
                    field.name(),
                    field.data_type()
                )));
            }
            texts.push((at, field.name().clone()));
        }
        if texts.is_empty() {
            return Err(Error::Invalid(
                "the query has no text to extract from beside the labels".to_string(),
            ));
        }
        check_context(&texts, options.training.context.as_deref())?;
        Ok(Self {
            texts,
            labels,
            group,
        })
    }

    /// Examples with these columns, without rows.
    pub fn empty_examples(&self) -> ExtractionExamples {
        let attributes = self.labels.iter().map(|labels| labels.attribute.clone());
        ExtractionExamples {
            columns: self.texts.iter().map(|(_, name)| name.clone()).collect(),
            texts: vec![Vec::new(); self.texts.len()],
            attributes: attributes.collect(),
            values: vec![Vec::new(); self.labels.len()],
            groups: self.group.map(|_| Vec::new()),
        }
    }

    /// Adds the rows of a batch to examples of [`empty_examples`](Self::empty_examples).
    ///
    /// # Errors
    /// A batch with other columns.
    pub fn add_rows(
        &self,
        examples: &mut ExtractionExamples,
        batch: &RecordBatch,
    ) -> DataFusionResult<()> {
        for ((column, _), out) in self.texts.iter().zip(&mut examples.texts) {
            out.extend(texts(batch.column(*column))?);
        }
        for (labels, out) in self.labels.iter().zip(&mut examples.values) {
            out.extend(labels.values(batch)?);
        }
        if let (Some(column), Some(groups)) = (self.group, &mut examples.groups) {
            for group in texts(batch.column(column))? {
                // A row without a group is a group by itself.
                let row = groups.len();
                groups.push(group.unwrap_or_else(|| format!("\0{row}")));
            }
        }
        Ok(())
    }
}

/// Position of a column in a query.
///
/// # Errors
/// A missing column.
fn position(schema: &Schema, name: &str, purpose: &str) -> Result<usize> {
    let mut fields = schema.fields().iter();
    fields
        .position(|field| field.name() == name)
        .ok_or_else(|| {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            Error::Invalid(format!(
                "the query has no column {name} {purpose}; it has {}",
                names.join(", ")
            ))
        })
}

/// Checks the option `context`.
///
/// # Errors
/// A column that is not a text of the query; context columns alone.
fn check_context(texts: &[(usize, String)], context: Option<&[String]>) -> Result<()> {
    let context = context.unwrap_or_default();
    let is_context = |name: &String| context.contains(name);
    let names: Vec<&str> = texts.iter().map(|(_, name)| name.as_str()).collect();
    if let Some(unknown) = context.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(Error::Invalid(format!(
            "context names the column {unknown}, but the texts of the query are {}",
            names.join(", ")
        )));
    }
    match texts.iter().all(|(_, name)| is_context(name)) {
        true => Err(Error::Invalid(
            "every text of the query is context; leave one out of OPTIONS (context ...) to extract from"
                .to_string(),
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
    use arrow::buffer::NullBuffer;
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn batch() -> RecordBatch {
        let texts =
            |texts: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
        let fields = ["color", "size"].map(|name| Field::new(name, DataType::Utf8, true));
        let labels = StructArray::new(
            fields.to_vec().into(),
            vec![
                texts([Some("red"), Some("blue"), Some("")]),
                texts([Some(""), Some("XL"), None]),
            ],
            Some(NullBuffer::from(vec![true, false, true])),
        );
        RecordBatch::try_from_iter_with_nullable([
            (
                "title",
                texts([Some(" a red mug "), Some("a blue shirt XL"), None]),
                true,
            ),
            ("brand", texts([None, Some(" Acme "), Some(" ")]), true),
            ("labels", Arc::new(labels) as ArrayRef, true),
            (
                "product",
                Arc::new(Int64Array::from(vec![Some(7), None, None])) as ArrayRef,
                true,
            ),
        ])
        .unwrap()
    }

    fn options(group: Option<&str>, context: &[&str]) -> ExtractOptions {
        let mut options = ExtractOptions {
            group: group.map(str::to_string),
            ..ExtractOptions::default()
        };
        let names = context.iter().map(|name| name.to_string());
        options.training.context = (!context.is_empty()).then(|| names.collect());
        options
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn rows_have_texts_labels_and_groups() {
        let batch = batch();
        let labels = names(&["brand", "labels"]);
        let columns = ExtractionColumns::with_labels(
            &batch.schema(),
            &labels,
            &options(Some("product"), &[]),
        )
        .unwrap();
        let mut examples = columns.empty_examples();
        columns.add_rows(&mut examples, &batch).unwrap();
        assert_eq!(examples.columns, ["title"]);
        let title = |text: &str| Some(text.to_string());
        assert_eq!(
            examples.texts,
            [[title(" a red mug "), title("a blue shirt XL"), None]]
        );
        assert_eq!(examples.attributes, ["brand", "color", "size"]);
        let value = |value: &str| Some(vec![value.to_string()]);
        let absent = || Some(Vec::new());
        assert_eq!(
            examples.values,
            [
                [None, value("Acme"), absent()],
                [value("red"), None, absent()],
                [absent(), None, None],
            ]
        );
        let groups = examples.groups.unwrap();
        assert_eq!(groups[0], "7");
        assert_ne!(
            groups[1], groups[2],
            "rows without a group are not one group"
        );
    }

    #[test]
    fn errors_name_the_column() {
        let group = Some("product");
        for (labels, options, says) in [
            (
                &["maker"][..],
                options(group, &[]),
                "no column maker to extract; it has title, brand",
            ),
            (
                &["brand", "brand"],
                options(group, &[]),
                "the attribute brand is listed twice",
            ),
            (
                &["product"],
                options(None, &[]),
                "product is Int64, but the labels",
            ),
            (
                &["brand"],
                options(Some("shop"), &[]),
                "no column shop of groups",
            ),
            (
                &["brand"],
                options(Some("brand"), &[]),
                "also a column to extract",
            ),
            (
                &["labels"],
                options(None, &[]),
                "the column product is Int64, but must be a text",
            ),
            (
                &["labels", "title", "brand"],
                options(group, &[]),
                "no text to extract from",
            ),
            (
                &["labels"],
                options(group, &["Title"]),
                "context names the column Title",
            ),
            (
                &["labels"],
                options(group, &["title", "brand"]),
                "every text of the query is context",
            ),
            (&[], options(group, &[]), "no attribute to extract"),
        ] {
            let labels = names(labels);
            let error =
                ExtractionColumns::with_labels(&batch().schema(), &labels, &options).unwrap_err();
            assert!(error.to_string().contains(says), "{labels:?}: {error}");
        }
    }
}
