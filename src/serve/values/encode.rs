//! Rows as messages of the protocol.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::BytesMut;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::messages::data::DataRow;

use super::columns::Column;
use super::lists;
use crate::error::Result;

/// Encoder of the rows of one batch.
pub struct RowEncoder {
    columns: Vec<Column>,
    rows: usize,
}

impl RowEncoder {
    /// Prepares the columns of a batch.
    ///
    /// # Errors
    /// A type that Postgres lacks; a value beyond its range.
    pub fn new(batch: &RecordBatch) -> Result<Self> {
        let schema = batch.schema();
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| Column::of(column, field));
        Ok(Self {
            columns: columns.collect::<Result<_>>()?,
            rows: batch.num_rows(),
        })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// A row in the formats of its fields.
    ///
    /// # Errors
    /// A value beyond the range of its type.
    pub fn data_row(&self, row: usize, fields: &Arc<Vec<FieldInfo>>) -> Result<DataRow> {
        let mut out = BytesMut::new();
        for (column, field) in self.columns.iter().zip(fields.iter()) {
            match field.format() {
                FieldFormat::Binary => lists::write_sized(column, row, &mut out)?,
                FieldFormat::Text => lists::write_sized_text(column, row, &mut out)?,
            }
        }
        Ok(DataRow::new(out, self.columns.len() as i16))
    }

    /// Writes a row as lengths and binary values.
    ///
    /// # Errors
    /// As [`data_row`](Self::data_row).
    pub fn write_binary(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        self.columns
            .iter()
            .try_for_each(|column| lists::write_sized(column, row, out))
    }

    /// Writes the text of one value; gives false for NULL, which has none.
    pub fn write_text(&self, column: usize, row: usize, out: &mut BytesMut) -> bool {
        let column = &self.columns[column];
        let present = !column.is_null(row);
        if present {
            lists::write_text(column, row, out);
        }
        present
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, Decimal256Array, FixedSizeListArray, Float32Array, IntervalMonthDayNanoArray,
        ListArray, StringArray, StructArray, UInt64Array,
    };
    use arrow::datatypes::{DataType, Field, Float32Type, IntervalMonthDayNanoType, i256};

    fn encoder(column: ArrayRef) -> RowEncoder {
        RowEncoder::new(&RecordBatch::try_from_iter([("a", column)]).unwrap()).unwrap()
    }

    fn texts(column: ArrayRef) -> Vec<Option<String>> {
        let encoder = encoder(column);
        let rows = 0..encoder.rows();
        rows.map(|row| {
            let mut out = BytesMut::new();
            let present = encoder.write_text(0, row, &mut out);
            present.then(|| String::from_utf8(out.to_vec()).unwrap())
        })
        .collect()
    }

    fn binary(column: ArrayRef, row: usize) -> Vec<u8> {
        let mut out = BytesMut::new();
        encoder(column).write_binary(row, &mut out).unwrap();
        out.to_vec()
    }

    #[test]
    fn null_intervals_are_null() {
        let hour = IntervalMonthDayNanoType::make_value(0, 0, 3_600_000_000_000);
        let column: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from(vec![Some(hour), None]));
        assert_eq!(
            texts(Arc::clone(&column)),
            [Some("01:00:00".to_string()), None]
        );
        assert_eq!(binary(column, 1), (-1_i32).to_be_bytes());
    }

    #[test]
    fn large_numbers_keep_all_digits() {
        let column: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(texts(column), [Some("18446744073709551615".to_string())]);
        let value = i256::from_string(&"9".repeat(60)).unwrap();
        let column = Decimal256Array::from(vec![value]).with_precision_and_scale(76, 30);
        let expected = format!("{0}.{0}", "9".repeat(30));
        assert_eq!(texts(Arc::new(column.unwrap())), [Some(expected)]);
    }

    #[test]
    fn elements_are_quoted_if_necessary() {
        let list = ListArray::from_nested_iter::<arrow::array::StringBuilder, _, _, _>([
            Some(vec![
                Some("a"),
                None,
                Some("NULL"),
                Some(""),
                Some("b c\"\\"),
            ]),
            Some(vec![]),
            None,
        ]);
        let expected = "{a,NULL,\"NULL\",\"\",\"b c\\\"\\\\\"}";
        assert_eq!(
            texts(Arc::new(list)),
            [Some(expected.to_string()), Some("{}".to_string()), None]
        );
    }

    #[test]
    fn vectors_are_arrays_of_floats() {
        let list = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
            [Some(vec![Some(0.5), None]), None],
            2,
        );
        let column: ArrayRef = Arc::new(list);
        assert_eq!(
            texts(Arc::clone(&column)),
            [Some("{0.5,NULL}".to_string()), None]
        );
        let expected = [
            &32_i32.to_be_bytes()[..],
            &1_i32.to_be_bytes(),
            &1_i32.to_be_bytes(),
            &700_i32.to_be_bytes(),
            &2_i32.to_be_bytes(),
            &1_i32.to_be_bytes(),
            &4_i32.to_be_bytes(),
            &0.5_f32.to_be_bytes(),
            &(-1_i32).to_be_bytes(),
        ];
        assert_eq!(binary(column, 0), expected.concat());
    }

    #[test]
    fn fields_of_records_may_be_null() {
        let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a,b"), None]));
        let weights: ArrayRef = Arc::new(Float32Array::from(vec![1.0, 2.5]));
        let record = StructArray::from(vec![
            (Arc::new(Field::new("name", DataType::Utf8, true)), names),
            (
                Arc::new(Field::new("weight", DataType::Float32, true)),
                weights,
            ),
        ]);
        assert_eq!(
            texts(Arc::new(record)),
            [Some("(\"a,b\",1)".to_string()), Some("(,2.5)".to_string())]
        );
    }
}
