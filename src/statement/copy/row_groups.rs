//! Rows of a row group of Parquet, which the writer holds in memory.

use arrow::datatypes::{DataType, Schema};

/// Bytes of the vectors of a row group. The writer needs several times as much.
const GROUP_BYTES: usize = 16 << 20;

/// Fewest rows of a group: smaller ones cost time in readers.
const MIN_ROWS: usize = 8192;

/// The number of rows, at most `max`, with which the vectors of a group do not grow beyond
/// [`GROUP_BYTES`]: with the engine's default they would be gigabytes.
pub fn rows_of_group(schema: &Schema, max: usize) -> usize {
    let types = schema.fields().iter().map(|field| field.data_type());
    let row = types.map(bytes_of_vectors).fold(0, usize::saturating_add);
    match GROUP_BYTES.checked_div(row) {
        Some(rows) => rows.max(MIN_ROWS).min(max),
        None => max,
    }
}

/// Bytes of the lists of a fixed size in a value.
fn bytes_of_vectors(data_type: &DataType) -> usize {
    match data_type {
        DataType::FixedSizeList(item, count) => {
            let width = item.data_type().primitive_width().unwrap_or_default();
            let count = usize::try_from(*count).unwrap_or_default();
            width.saturating_mul(count)
        }
        DataType::Struct(fields) => {
            let types = fields.iter().map(|field| field.data_type());
            types.map(bytes_of_vectors).fold(0, usize::saturating_add)
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn rows_with_vectors_are_fewer() {
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let vector = |dims| DataType::FixedSizeList(Arc::clone(&item), dims);
        let rows = |types: Vec<DataType>| {
            let fields = types
                .into_iter()
                .map(|data_type| Field::new("c", data_type, true));
            rows_of_group(&Schema::new(fields.collect::<Vec<_>>()), 1 << 20)
        };
        assert_eq!(rows(vec![]), 1 << 20);
        assert_eq!(rows(vec![DataType::Int64, DataType::Utf8]), 1 << 20);
        assert_eq!(rows(vec![DataType::Utf8, vector(384)]), (16 << 20) / 1536);
        assert_eq!(rows(vec![vector(i32::MAX), vector(i32::MAX)]), MIN_ROWS);
        let inside = Field::new("v", vector(256), true);
        assert_eq!(
            rows(vec![DataType::Struct(vec![inside].into())]),
            (16 << 20) / 1024
        );
    }
}
