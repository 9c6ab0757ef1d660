//! Result and intermediate states of `contrast` as Arrow values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, LargeListArray, ListArray, StringArray, StructArray,
    UInt32Array, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, UInt32Type, UInt64Type};
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;
use semql_learning::contrast::{
    DistinctiveTerm, GroupTerms, GroupedText, GroupedTexts, GroupedTextsParts, TermKind,
};

use crate::error::to_datafusion;

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("group", DataType::Utf8, true),
        Field::new("term", DataType::Utf8, true),
        Field::new("kind", DataType::Utf8, true),
        Field::new("count", DataType::UInt64, true),
        Field::new("texts", DataType::UInt64, true),
        Field::new("other_count", DataType::UInt64, true),
        Field::new("other_texts", DataType::UInt64, true),
        Field::new("ratio", DataType::Float64, true),
        Field::new("p_value", DataType::Float64, true),
        Field::new("q_value", DataType::Float64, true),
    ])
}

/// Type of the result.
pub fn output_type() -> DataType {
    DataType::new_list(DataType::Struct(fields()), true)
}

/// The result: the terms of all groups in one list.
pub fn term_list(groups: &[GroupTerms]) -> Result<ScalarValue> {
    let rows: Vec<(&str, &DistinctiveTerm)> = groups
        .iter()
        .flat_map(|group| group.terms.iter().map(|term| (group.group.as_str(), term)))
        .collect();
    let texts = |value: fn(&(&str, &DistinctiveTerm)) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(value)))
    };
    let counts = |value: fn(&DistinctiveTerm) -> u64| -> ArrayRef {
        let values = rows.iter().map(|(_, term)| value(term));
        Arc::new(UInt64Array::from_iter_values(values))
    };
    let numbers = |value: fn(&DistinctiveTerm) -> f64| -> ArrayRef {
        let values = rows.iter().map(|(_, term)| value(term));
        Arc::new(Float64Array::from_iter_values(values))
    };
    let columns = vec![
        texts(|(group, _)| group.to_string()),
        texts(|(_, term)| term.term.clone()),
        texts(|(_, term)| kind_name(term.kind).to_string()),
        counts(|term| term.counts.with_term),
        counts(|term| term.counts.texts),
        counts(|term| term.counts.all_with_term - term.counts.with_term),
        counts(|term| term.counts.all_texts - term.counts.texts),
        numbers(|term| term.counts.smoothed_ratio()),
        numbers(|term| term.p_value),
        numbers(|term| term.q_value),
    ];
    let terms: ArrayRef = Arc::new(StructArray::try_new(fields(), columns, None)?);
    let item = Arc::new(Field::new_list_field(terms.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([terms.len()]);
    let list = ListArray::try_new(item, offsets, terms, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

fn kind_name(kind: TermKind) -> &'static str {
    match kind {
        TermKind::Word => "word",
        TermKind::Phrase => "phrase",
        TermKind::Attribute => "attribute",
    }
}

/// Names and types of the states, in the order of [`states`].
pub fn state_types() -> Vec<(&'static str, DataType)> {
    let list = |item| DataType::LargeList(Arc::new(Field::new_list_field(item, true)));
    vec![
        ("terms", list(DataType::Utf8)),
        ("groups", list(DataType::Utf8)),
        ("tokens", list(DataType::UInt32)),
        ("text_groups", list(DataType::UInt32)),
        ("text_hashes", list(DataType::UInt64)),
        ("text_ends", list(DataType::UInt64)),
        ("halvings", DataType::UInt32),
    ]
}

/// The texts of an accumulator as states.
pub fn states(parts: &GroupedTextsParts<'_>) -> Result<Vec<ScalarValue>> {
    let texts = parts.texts.iter();
    let groups = UInt32Array::from_iter_values(texts.clone().map(|text| text.group));
    let hashes = UInt64Array::from_iter_values(texts.clone().map(|text| text.hash));
    let ends = UInt64Array::from_iter_values(texts.map(|text| text.end));
    Ok(vec![
        one_list(Arc::new(StringArray::from(parts.terms.clone())))?,
        one_list(Arc::new(StringArray::from(parts.groups.clone())))?,
        one_list(Arc::new(UInt32Array::from(parts.tokens.to_vec())))?,
        one_list(Arc::new(groups))?,
        one_list(Arc::new(hashes))?,
        one_list(Arc::new(ends))?,
        ScalarValue::UInt32(Some(parts.halvings)),
    ])
}

/// One list of all values.
fn one_list(values: ArrayRef) -> Result<ScalarValue> {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let list = LargeListArray::try_new(item, offsets, values, None)?;
    Ok(ScalarValue::LargeList(Arc::new(list)))
}

/// Adds [`states`] of other accumulators.
///
/// # Errors
/// Too many groups.
pub fn merge_states(texts: &mut GroupedTexts, states: &[ArrayRef]) -> Result<()> {
    let lists = |position: usize| states[position].as_list::<i64>();
    let halvings = states[6].as_primitive::<UInt32Type>();
    for row in 0..halvings.len() {
        if (0..6).any(|position| lists(position).is_null(row)) {
            continue;
        }
        let [terms, groups, tokens, text_groups, hashes, ends] =
            [0, 1, 2, 3, 4, 5].map(|position| lists(position).value(row));
        let of_texts = text_groups.as_primitive::<UInt32Type>().values().iter();
        let of_texts = of_texts
            .zip(hashes.as_primitive::<UInt64Type>().values())
            .zip(ends.as_primitive::<UInt64Type>().values());
        let of_texts: Vec<GroupedText> = of_texts
            .map(|((group, hash), end)| GroupedText {
                group: *group,
                hash: *hash,
                end: *end,
            })
            .collect();
        let parts = GroupedTextsParts {
            terms: terms.as_string::<i32>().iter().flatten().collect(),
            groups: groups.as_string::<i32>().iter().flatten().collect(),
            tokens: tokens.as_primitive::<UInt32Type>().values(),
            texts: &of_texts,
            halvings: halvings.value(row),
        };
        texts.append(&parts).map_err(to_datafusion)?;
    }
    Ok(())
}
