//! The argument `labels`: texts, or labels with descriptions, phrases and examples.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;
use semql_inference::{Example, Label, Taxonomy};

use super::label_types::{
    DESCRIPTION, DESCRIPTIVE_FIELDS, LABEL_FIELDS, LABELS, PHRASES, item_type,
};

/// The taxonomy of the labels of a call.
///
/// # Errors
/// NULL, fewer than two labels, too many, a blank label, description or phrase, and a
/// label that is given twice.
pub fn labels_taxonomy(labels: &ScalarValue) -> Result<Taxonomy> {
    let labels = match labels {
        _ if labels.is_null() => None,
        ScalarValue::List(list) => Some(from_list(&list.value(0))?),
        ScalarValue::Map(map) => {
            let entries = map.value(0);
            Some(from_columns(entries.column(0), entries.column(1))?)
        }
        ScalarValue::Struct(labels) => Some(from_struct(labels)?),
        _ => None,
    };
    let Some(labels) = labels else {
        return plan_err!("the labels are NULL; give an array of two or more, such as ['a', 'b']");
    };
    let taxonomy = Taxonomy::of_labels(labels);
    match taxonomy.validate() {
        Ok(()) => Ok(taxonomy),
        Err(error) => plan_err!("{error}"),
    }
}

/// Labels of an array of texts, or of structs with the field of the label.
fn from_list(items: &ArrayRef) -> Result<Vec<Label>> {
    let Some(structs) = items.as_struct_opt() else {
        let names = texts(items)?;
        let names = names.iter().map(|name| name.unwrap_or_default());
        return Ok(names.map(Label::named).collect());
    };
    let names = LABEL_FIELDS
        .iter()
        .find_map(|field| structs.column_by_name(field));
    match names {
        Some(names) => from_columns(names, items),
        None => plan_err!("the labels must be {LABELS}"),
    }
}

/// Labels of a struct whose fields are the labels.
fn from_struct(labels: &StructArray) -> Result<Vec<Label>> {
    let fields = labels.fields().iter().zip(labels.columns());
    let label = |(field, value): (&Arc<Field>, &ArrayRef)| {
        let mut label = Label::named(field.name());
        describe(std::slice::from_mut(&mut label), value)?;
        Ok(label)
    };
    fields.map(label).collect()
}

/// Labels with the names and descriptions in two columns.
fn from_columns(names: &ArrayRef, values: &ArrayRef) -> Result<Vec<Label>> {
    let names = texts(names)?;
    let names = names.iter().map(|name| name.unwrap_or_default());
    let mut labels: Vec<Label> = names.map(Label::named).collect();
    describe(&mut labels, values)?;
    Ok(labels)
}

/// Adds a value to each label: its description, its phrases, or a struct of both and of
/// examples.
fn describe(labels: &mut [Label], values: &ArrayRef) -> Result<()> {
    if let Some(structs) = values.as_struct_opt() {
        for field in DESCRIPTIVE_FIELDS {
            if let Some(column) = structs.column_by_name(field) {
                add_field(labels, field, column)?;
            }
        }
        return Ok(());
    }
    let field = match item_type(values.data_type()) {
        Some(_) => PHRASES,
        None => DESCRIPTION,
    };
    add_field(labels, field, values)
}

fn add_field(labels: &mut [Label], field: &str, values: &ArrayRef) -> Result<()> {
    if field == DESCRIPTION {
        for (label, text) in labels.iter_mut().zip(texts(values)?.iter()) {
            let Some(text) = text else {
                continue;
            };
            if text.trim().is_empty() {
                return plan_err!(
                    "the label list: the description of label '{}' is blank; write NULL, or leave it out",
                    label.name
                );
            }
            label.description = text.to_string();
        }
        return Ok(());
    }
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    let lists = cast(values, &list)?;
    let lists = lists.as_list::<i32>();
    for (row, label) in labels.iter_mut().enumerate() {
        if lists.is_null(row) {
            continue;
        }
        let items = texts(&lists.value(row))?;
        let items = items
            .iter()
            .map(|item| item.unwrap_or_default().to_string());
        match field {
            PHRASES => label.phrases = items.collect(),
            _ => label.examples = items.map(Example::of_text).collect(),
        }
    }
    Ok(())
}

fn texts(values: &ArrayRef) -> Result<StringArray> {
    Ok(cast(values, &DataType::Utf8)?.as_string::<i32>().clone())
}
