//! Labels of `CREATE MODEL ... EXTRACT`: texts, or lists of texts.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::compute::cast;
use arrow::datatypes::{ArrowNativeType, DataType};
use datafusion::error::Result;

/// Whether values of this type are texts.
pub fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Whether values of this type are texts or lists of texts.
pub fn is_label(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => is_text(item.data_type()),
        other => is_text(other),
    }
}

/// Texts by row; `None` for NULL.
///
/// # Errors
/// A type without a text form.
pub fn texts(array: &ArrayRef) -> Result<Vec<Option<String>>> {
    let texts = cast(array, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>().iter();
    Ok(texts.map(|text| text.map(str::to_string)).collect())
}

/// Values of a label by row, trimmed: `None` for NULL, empty for a blank text or a list
/// without texts.
///
/// # Errors
/// A type that is not a [label](is_label).
pub fn label_values(array: &ArrayRef) -> Result<Vec<Option<Vec<String>>>> {
    let Some((items, ranges)) = list_items(array) else {
        let values = texts(array)?.into_iter();
        return Ok(values.map(|text| Some(present(&[Some(text?)]))).collect());
    };
    let items = texts(items)?;
    let values = ranges.into_iter().enumerate().map(|(row, range)| {
        let items = items.get(range).unwrap_or_default();
        (!array.is_null(row)).then(|| present(items))
    });
    Ok(values.collect())
}

/// The texts that are not blank, trimmed.
fn present(items: &[Option<String>]) -> Vec<String> {
    let texts = items.iter().flatten().map(|text| text.trim());
    texts
        .filter(|text| !text.is_empty())
        .map(str::to_string)
        .collect()
}

/// Items of an array of lists, and the range of each row in them; `None` for an array of
/// another type.
fn list_items(array: &ArrayRef) -> Option<(&ArrayRef, Vec<Range<usize>>)> {
    Some(match array.data_type() {
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            (lists.values(), between(lists.value_offsets()))
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            (lists.values(), between(lists.value_offsets()))
        }
        DataType::ListView(_) => {
            let lists = array.as_list_view::<i32>();
            let ranges = sized(lists.value_offsets(), lists.value_sizes());
            (lists.values(), ranges)
        }
        DataType::LargeListView(_) => {
            let lists = array.as_list_view::<i64>();
            let ranges = sized(lists.value_offsets(), lists.value_sizes());
            (lists.values(), ranges)
        }
        DataType::FixedSizeList(..) => {
            let lists = array.as_fixed_size_list();
            let size = lists.value_length().as_usize();
            let ranges = (0..lists.len()).map(|row| row * size..(row + 1) * size);
            (lists.values(), ranges.collect())
        }
        _ => return None,
    })
}

/// Ranges between neighbouring offsets.
fn between<O: OffsetSizeTrait>(offsets: &[O]) -> Vec<Range<usize>> {
    let pairs = offsets.windows(2);
    pairs
        .map(|pair| pair[0].as_usize()..pair[1].as_usize())
        .collect()
}

/// Ranges with these starts and sizes.
fn sized<O: OffsetSizeTrait>(offsets: &[O], sizes: &[O]) -> Vec<Range<usize>> {
    let ranges = offsets.iter().zip(sizes);
    ranges
        .map(|(start, size)| start.as_usize()..start.as_usize() + size.as_usize())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        FixedSizeListArray, Int64Array, ListArray, ListViewArray, NullArray, StringArray,
        StringViewArray,
    };
    use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
    use arrow::datatypes::Field;

    use super::*;

    fn some(values: &[&str]) -> Option<Vec<String>> {
        Some(values.iter().map(|value| value.to_string()).collect())
    }

    fn item() -> Arc<Field> {
        Arc::new(Field::new("item", DataType::Utf8, true))
    }

    fn items() -> ArrayRef {
        Arc::new(StringArray::from(vec![
            Some(" red "),
            None,
            Some("blue"),
            Some(" "),
        ]))
    }

    #[test]
    fn blank_is_none_and_null_is_unlabelled() {
        let texts = [Some(" Navy Blue "), Some("  "), None];
        let expected = [some(&["Navy Blue"]), some(&[]), None];
        let utf8: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let view: ArrayRef = Arc::new(StringViewArray::from(texts.to_vec()));
        for array in [utf8, view] {
            assert!(is_label(array.data_type()));
            assert_eq!(label_values(&array).unwrap(), expected);
        }
        let nulls: ArrayRef = Arc::new(NullArray::new(2));
        assert_eq!(label_values(&nulls).unwrap(), [None, None]);
    }

    #[test]
    fn lists_of_every_layout_have_the_same_values() {
        let valid = NullBuffer::from(vec![true, true, false, true]);
        let list = ListArray::new(
            item(),
            OffsetBuffer::new(ScalarBuffer::from(vec![0, 3, 3, 3, 4])),
            items(),
            Some(valid.clone()),
        );
        // Rows share items, in any order.
        let view = ListViewArray::new(
            item(),
            ScalarBuffer::from(vec![0, 0, 1, 3]),
            ScalarBuffer::from(vec![3, 0, 2, 1]),
            items(),
            Some(valid),
        );
        let expected = [some(&["red", "blue"]), some(&[]), None, some(&[])];
        let (list, view): (ArrayRef, ArrayRef) = (Arc::new(list), Arc::new(view));
        for array in [&list, &view] {
            assert!(is_label(array.data_type()));
            assert_eq!(label_values(array).unwrap(), expected);
            assert_eq!(label_values(&array.slice(2, 2)).unwrap(), expected[2..]);
        }
        let fixed = FixedSizeListArray::new(item(), 2, items(), None);
        let fixed: ArrayRef = Arc::new(fixed);
        let expected = [some(&["red"]), some(&["blue"])];
        assert_eq!(label_values(&fixed).unwrap(), expected);
        assert_eq!(label_values(&fixed.slice(1, 1)).unwrap(), expected[1..]);
    }

    #[test]
    fn numbers_and_lists_of_numbers_are_not_labels() {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let lists = DataType::List(Arc::new(Field::new("item", DataType::Int64, true)));
        let nested = DataType::List(Arc::new(Field::new("item", list_of_texts(), true)));
        assert!(!is_label(numbers.data_type()));
        assert!(!is_label(&lists));
        assert!(!is_label(&nested));
        assert!(is_label(&list_of_texts()));
    }

    fn list_of_texts() -> DataType {
        DataType::List(item())
    }
}
