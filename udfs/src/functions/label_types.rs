//! Types of the argument `labels`: texts, or labels with descriptions, phrases and
//! examples.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields};

use super::text_types::text_type;

/// The forms of the argument `labels`, for errors.
pub const LABELS: &str = "an array of text such as ['a', 'b'], an array of structs such as \
     [{'label': 'a', 'description': '...'}, ...], or a map such as MAP {'a': '...', 'b': '...'} of labels to \
     descriptions";

/// Names of the field with the label.
pub const LABEL_FIELDS: [&str; 2] = ["label", "name"];

/// Fields that describe a label.
pub const DESCRIPTION: &str = "description";
pub const PHRASES: &str = "phrases";
pub const EXAMPLES: &str = "examples";
pub const DESCRIPTIVE_FIELDS: [&str; 3] = [DESCRIPTION, PHRASES, EXAMPLES];

/// The type that labels of the type `given` are cast to; `None` for a type that holds no
/// labels. Structs and maps are not cast: their fields are read by name.
pub fn labels_type(given: &DataType) -> Option<DataType> {
    let list = |item: DataType| DataType::List(Arc::new(Field::new_list_field(item, true)));
    match given {
        DataType::Null => Some(list(DataType::Utf8)),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                let (key, value) = (fields[0].data_type(), fields[1].data_type());
                (text_type(key).is_some() && describes(value)).then(|| given.clone())
            }
            _ => None,
        },
        DataType::Struct(fields) => {
            let all = fields.iter().all(|field| describes(field.data_type()));
            all.then(|| given.clone())
        }
        _ => match item_type(given)? {
            item if text_type(item).is_some() => Some(list(DataType::Utf8)),
            DataType::Struct(fields) => is_label_struct(fields).then(|| match given {
                DataType::List(_) => given.clone(),
                _ => list(DataType::Struct(fields.clone())),
            }),
            _ => None,
        },
    }
}

/// The type of the items of a list; `None` for other types.
pub fn item_type(list: &DataType) -> Option<&DataType> {
    match list {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => Some(item.data_type()),
        _ => None,
    }
}

/// Whether values of a type describe a label: a description, a list of phrases, or a
/// struct of [`DESCRIPTIVE_FIELDS`].
fn describes(value: &DataType) -> bool {
    match value {
        DataType::Struct(fields) => fields.iter().all(|field| describes_as(field)),
        other => text_type(other).is_some() || is_text_list(other),
    }
}

fn is_text_list(given: &DataType) -> bool {
    given.is_null() || item_type(given).is_some_and(|item| text_type(item).is_some())
}

/// Whether the field is one of [`DESCRIPTIVE_FIELDS`], of its type.
fn describes_as(field: &Field) -> bool {
    match field.name().as_str() {
        DESCRIPTION => text_type(field.data_type()).is_some(),
        PHRASES | EXAMPLES => is_text_list(field.data_type()),
        _ => false,
    }
}

fn is_label_field(field: &Field) -> bool {
    LABEL_FIELDS.contains(&field.name().as_str()) && text_type(field.data_type()).is_some()
}

fn is_label_struct(fields: &Fields) -> bool {
    let labels = fields.iter().filter(|field| is_label_field(field)).count();
    labels == 1
        && fields
            .iter()
            .all(|field| is_label_field(field) || describes_as(field))
}

/// The fields that a struct of a label may have, where `given` is a list of structs with
/// other ones.
pub fn field_hint(given: &DataType) -> String {
    match item_type(given) {
        Some(DataType::Struct(_)) => format!(
            ": the fields are {} or {}, and {}",
            LABEL_FIELDS[0],
            LABEL_FIELDS[1],
            DESCRIPTIVE_FIELDS.join(", ")
        ),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&str, DataType)]) -> DataType {
        let fields = fields.iter();
        DataType::Struct(
            fields
                .map(|(name, kind)| Field::new(*name, kind.clone(), true))
                .collect(),
        )
    }

    fn list(item: DataType) -> DataType {
        DataType::new_list(item, true)
    }

    #[test]
    fn labels_have_fields_of_their_names_and_types() {
        let text = || DataType::Utf8View;
        let full = of(&[
            ("label", text()),
            ("description", DataType::Null),
            ("phrases", list(text())),
            ("examples", DataType::LargeUtf8),
        ]);
        assert_eq!(labels_type(&list(full)), None, "examples are a list");
        let valid = list(of(&[("name", text()), ("phrases", list(text()))]));
        assert_eq!(labels_type(&valid), Some(valid.clone()));
        for fields in [
            vec![("description", text())],
            vec![("label", text()), ("name", text())],
            vec![("label", text()), ("weight", DataType::Int64)],
            vec![("label", DataType::Int64)],
        ] {
            assert_eq!(labels_type(&list(of(&fields))), None, "{fields:?}");
        }
    }

    #[test]
    fn the_fields_of_a_struct_are_labels() {
        let text = || DataType::Utf8;
        let labels = of(&[
            ("red", text()),
            ("blue", list(text())),
            ("green", of(&[("description", text())])),
        ]);
        assert_eq!(labels_type(&labels), Some(labels.clone()));
        assert_eq!(labels_type(&of(&[("red", DataType::Int64)])), None);
        assert_eq!(
            labels_type(&of(&[("red", of(&[("weight", text())]))])),
            None
        );
    }
}
