//! Arrow types and arrays of answers.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanArray, Float64Builder, Int64Builder, ListBuilder, StringArray,
    StringBuilder, StructArray, StructBuilder,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::internal_err;
use datafusion::error::Result;
use semql_learning::extraction::{SourceTexts, Span, best_span};

use super::answer::{RowAnswer, RowValue};
use super::char_offsets::CharOffsets;

/// Name of the field of `ai_extract_details` with the error of a language model.
const ERROR_FIELD: &str = "error";

/// Struct with a text for each attribute.
pub fn values_type(attributes: &[String]) -> DataType {
    DataType::Struct(value_fields(attributes))
}

fn value_fields(attributes: &[String]) -> Fields {
    let attributes = attributes.iter();
    attributes
        .map(|attribute| Field::new(attribute, DataType::Utf8, true))
        .collect()
}

/// The best value of each attribute; a NULL struct for rows without an answer.
pub fn values_array(
    attributes: &[String],
    rows: &[SourceTexts<'_>],
    answers: &[&RowAnswer],
) -> Result<ArrayRef> {
    if attributes.is_empty() {
        return internal_err!("a call without attributes was planned");
    }
    let column = |attribute: usize| -> ArrayRef {
        let values = answers.iter().zip(rows).map(|(answer, texts)| {
            let span = best_span(spans(answer)?, attribute)?;
            span.value(texts)
        });
        Arc::new(values.collect::<StringArray>())
    };
    let columns = (0..attributes.len()).map(column).collect();
    let valid = answers.iter().map(|answer| spans(answer).is_some());
    let valid: NullBuffer = valid.collect::<Vec<bool>>().into();
    let array = StructArray::try_new(value_fields(attributes), columns, Some(valid))?;
    Ok(Arc::new(array))
}

fn spans(answer: &RowAnswer) -> Option<&[Span]> {
    match answer {
        RowAnswer::Value(RowValue::Spans(spans)) => Some(spans),
        _ => None,
    }
}

fn span_fields() -> Fields {
    Fields::from(vec![
        Field::new("value", DataType::Utf8, true),
        Field::new("normalized", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
        Field::new("column", DataType::Utf8, true),
        Field::new("start", DataType::Int64, true),
        Field::new("end", DataType::Int64, true),
    ])
}

/// Struct with a list of spans for each attribute; with `has_error`, also the error.
pub fn details_type(attributes: &[String], has_error: bool) -> DataType {
    DataType::Struct(detail_fields(attributes, has_error))
}

fn detail_fields(attributes: &[String], has_error: bool) -> Fields {
    let list = || DataType::new_list(DataType::Struct(span_fields()), true);
    let mut fields: Vec<Field> = attributes
        .iter()
        .map(|attribute| Field::new(attribute, list(), true))
        .collect();
    if has_error {
        let mut name = ERROR_FIELD.to_string();
        while attributes.contains(&name) {
            name.push('_');
        }
        fields.push(Field::new(name, DataType::Utf8, true));
    }
    fields.into()
}

/// Every span of each attribute, in the order of the texts. `columns` are the names of
/// the text arguments; `start` and `end` count characters.
pub fn details_array(
    attributes: &[String],
    has_error: bool,
    columns: &[String],
    rows: &[SourceTexts<'_>],
    answers: &[&RowAnswer],
) -> Result<ArrayRef> {
    let builder = || {
        let fields: Vec<Box<dyn ArrayBuilder>> = vec![
            Box::new(StringBuilder::new()),
            Box::new(StringBuilder::new()),
            Box::new(Float64Builder::new()),
            Box::new(StringBuilder::new()),
            Box::new(Int64Builder::new()),
            Box::new(Int64Builder::new()),
        ];
        ListBuilder::new(StructBuilder::new(span_fields(), fields))
    };
    let mut lists: Vec<_> = attributes.iter().map(|_| builder()).collect();
    for (answer, texts) in answers.iter().zip(rows) {
        let Some(spans) = spans(answer) else {
            lists.iter_mut().for_each(|list| list.append(false));
            continue;
        };
        let offsets: Vec<Option<CharOffsets<'_>>> = (0..texts.len())
            .map(|column| {
                let needed = spans.iter().any(|span| span.column == column);
                needed
                    .then(|| texts[column].map(CharOffsets::new))
                    .flatten()
            })
            .collect();
        for (attribute, list) in lists.iter_mut().enumerate() {
            for span in spans.iter().filter(|span| span.attribute == attribute) {
                let (Some(value), Some(Some(offsets))) =
                    (span.value(texts), offsets.get(span.column))
                else {
                    continue;
                };
                let name = columns.get(span.column).map(String::as_str);
                append_span(list.values(), span, value, name, offsets)?;
            }
            list.append(true);
        }
    }
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(lists.len() + 1);
    arrays.extend(
        lists
            .iter_mut()
            .map(|list| Arc::new(list.finish()) as ArrayRef),
    );
    if has_error {
        let errors = answers.iter().map(|answer| match answer {
            RowAnswer::Failed(message) => Some(message.as_str()),
            _ => None,
        });
        arrays.push(Arc::new(errors.collect::<StringArray>()));
    }
    // A failed row is a struct with its error, and without lists.
    let valid = answers.iter().map(|answer| match answer {
        RowAnswer::NoText => false,
        RowAnswer::Failed(_) => has_error,
        RowAnswer::Value(_) => true,
    });
    let valid: NullBuffer = valid.collect::<Vec<bool>>().into();
    let fields = detail_fields(attributes, has_error);
    Ok(Arc::new(StructArray::try_new(fields, arrays, Some(valid))?))
}

fn append_span(
    builder: &mut StructBuilder,
    span: &Span,
    value: &str,
    column: Option<&str>,
    offsets: &CharOffsets<'_>,
) -> Result<()> {
    let texts = [Some(value), span.normalized.as_deref(), column];
    for (at, text) in [0, 1, 3].into_iter().zip(texts) {
        match builder.field_builder::<StringBuilder>(at) {
            Some(field) => field.append_option(text),
            None => return internal_err!("field {at} of a span is not a text"),
        }
    }
    for (at, offset) in [(4, span.start), (5, span.end)] {
        match builder.field_builder::<Int64Builder>(at) {
            Some(field) => field.append_value(offsets.at(offset) as i64),
            None => return internal_err!("field {at} of a span is not a number"),
        }
    }
    match builder.field_builder::<Float64Builder>(2) {
        Some(field) => field.append_value(rounded(span.score)),
        None => return internal_err!("the score of a span is not a number"),
    }
    builder.append(true);
    Ok(())
}

/// The score to four decimals, so that it does not show the digits of its conversion.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1e4).round() / 1e4
}

/// The label of each answer.
pub fn labels_array(labels: &[String], answers: &[&RowAnswer]) -> ArrayRef {
    let labels = answers.iter().map(|answer| match answer {
        RowAnswer::Value(RowValue::Label(label)) => labels.get(*label).map(String::as_str),
        _ => None,
    });
    Arc::new(labels.collect::<StringArray>())
}

/// The truth value of each answer.
pub fn conditions_array(answers: &[&RowAnswer]) -> ArrayRef {
    let conditions = answers.iter().map(|answer| match answer {
        RowAnswer::Value(RowValue::Condition(holds)) => Some(*holds),
        _ => None,
    });
    Arc::new(conditions.collect::<BooleanArray>())
}

/// The text of each answer.
pub fn texts_array(answers: &[&RowAnswer]) -> ArrayRef {
    let texts = answers.iter().map(|answer| match answer {
        RowAnswer::Value(RowValue::Text(text)) => Some(text.as_str()),
        _ => None,
    });
    Arc::new(texts.collect::<StringArray>())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn span(column: usize, start: usize, end: usize, score: f32) -> Span {
        Span {
            attribute: 0,
            column,
            start,
            end,
            score,
            normalized: None,
        }
    }

    #[test]
    fn values_and_details_are_literal_parts_of_the_texts() {
        let rows = [
            vec![Some("Tür é rot"), None],
            vec![None, Some("blau")],
            vec![None, None],
        ];
        let found = RowAnswer::Value(RowValue::Spans(vec![
            span(0, 5, 7, 0.5),
            span(0, 8, 11, 0.9),
        ]));
        let failed = RowAnswer::Failed("timeout".to_string());
        let answers = [&found, &failed, &RowAnswer::NoText];
        let attributes = ["color".to_string()];
        let values = values_array(&attributes, &rows, &answers).unwrap();
        let values = values.as_struct();
        assert_eq!(values.column(0).as_string::<i32>().value(0), "rot");
        assert!(values.is_null(1) && values.is_null(2));

        let columns = ["title".to_string(), "text".to_string()];
        let details = details_array(&attributes, true, &columns, &rows, &answers).unwrap();
        let details = details.as_struct();
        assert_eq!(*details.data_type(), details_type(&attributes, true));
        assert!(details.is_valid(1) && details.is_null(2));
        assert_eq!(details.column(1).as_string::<i32>().value(1), "timeout");
        let spans = details.column(0).as_list::<i32>().value(0);
        let starts = spans.as_struct().column(4).as_primitive::<Int64Type>();
        let ends = spans.as_struct().column(5).as_primitive::<Int64Type>();
        let text: Vec<char> = "Tür é rot".chars().collect();
        for (at, value) in ["é", "rot"].into_iter().enumerate() {
            let part = &text[starts.value(at) as usize..ends.value(at) as usize];
            assert_eq!(part.iter().collect::<String>(), value);
        }
    }

    #[test]
    fn an_attribute_called_error_keeps_its_name() {
        let fields = detail_fields(&["error".to_string()], true);
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["error", "error_"]);
    }
}
