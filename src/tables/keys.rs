//! Index of the keys of a table, which finds duplicates.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::array_value_to_string;
use datafusion::error::Result;

use super::definition::{KeyRule, TableDefinition};
use super::errors::violation;
use super::version::TableVersion;
use crate::error::ErrorKind;

/// Row ids by the values of each key.
#[derive(Debug)]
pub struct KeyIndex {
    /// Number of the version that it describes.
    pub number: u64,
    maps: Vec<HashMap<Box<[u8]>, u64>>,
}

impl KeyIndex {
    /// Index of a version.
    ///
    /// # Errors
    /// Two rows with the same key.
    pub fn of(definition: &TableDefinition, table: &str, version: &TableVersion) -> Result<Self> {
        let mut index = Self {
            number: version.number,
            maps: vec![HashMap::new(); definition.keys.len()],
        };
        let mut first = 0;
        for batch in version.batches() {
            index.add(definition, table, batch, first)?;
            first += batch.num_rows() as u64;
        }
        Ok(index)
    }

    /// Adds rows with the ids from `first`. The index is unusable after an error.
    ///
    /// # Errors
    /// A key that exists.
    pub fn add(
        &mut self,
        definition: &TableDefinition,
        table: &str,
        rows: &RecordBatch,
        first: u64,
    ) -> Result<()> {
        for (key, map) in definition.keys.iter().zip(&mut self.maps) {
            for (at, value) in encode(key, rows)?.into_iter().enumerate() {
                let Some(value) = value else { continue };
                match map.entry(value) {
                    Entry::Vacant(free) => drop(free.insert(first + at as u64)),
                    Entry::Occupied(_) => return Err(duplicate(definition, table, key, rows, at)),
                }
            }
        }
        Ok(())
    }

    /// For each row, the id of a row with the same value of key number `key`.
    ///
    /// # Errors
    /// Columns that cannot be compared.
    pub fn find(
        &self,
        definition: &TableDefinition,
        key: usize,
        rows: &RecordBatch,
    ) -> Result<Vec<Option<u64>>> {
        let values = encode(&definition.keys[key], rows)?;
        let map = &self.maps[key];
        let found = values
            .iter()
            .map(|value| value.as_ref().and_then(|value| map.get(value)));
        Ok(found.map(Option::<&u64>::copied).collect())
    }
}

/// For each row, whether no row before it has the same key.
///
/// # Errors
/// Columns that cannot be compared.
pub fn is_first_of_key(key: &KeyRule, rows: &RecordBatch) -> Result<Vec<bool>> {
    let mut seen = HashSet::new();
    let values = encode(key, rows)?.into_iter();
    Ok(values
        .map(|value| value.is_none_or(|value| seen.insert(value)))
        .collect())
}

/// The key of each row as bytes; `None` if a part of it is NULL.
fn encode(key: &KeyRule, rows: &RecordBatch) -> Result<Vec<Option<Box<[u8]>>>> {
    let columns: Vec<ArrayRef> = key
        .columns
        .iter()
        .map(|at| rows.column(*at).clone())
        .collect();
    let fields = columns
        .iter()
        .map(|column| SortField::new(column.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let encoded = converter.convert_columns(&columns)?;
    let value = |at: usize| {
        let is_null = columns.iter().any(|column| column.is_null(at));
        (!is_null).then(|| Box::from(encoded.row(at).as_ref()))
    };
    Ok((0..rows.num_rows()).map(value).collect())
}

fn duplicate(
    definition: &TableDefinition,
    table: &str,
    key: &KeyRule,
    rows: &RecordBatch,
    at: usize,
) -> datafusion::error::DataFusionError {
    let values = key.columns.iter().map(|column| {
        array_value_to_string(rows.column(*column), at).unwrap_or_else(|_| "?".to_string())
    });
    let values: Vec<String> = values.collect();
    violation(
        ErrorKind::UniqueViolation,
        format!(
            "duplicate key value violates unique constraint '{}' of table '{table}': ({})=({}) exists",
            key.name,
            definition.column_names(key),
            values.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int64Array, StringArray};
    use std::sync::Arc;

    fn rows(numbers: Vec<Option<i64>>, texts: Vec<&str>) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
        let texts: ArrayRef = Arc::new(StringArray::from(texts));
        RecordBatch::try_from_iter_with_nullable([("a", numbers, true), ("b", texts, true)])
            .unwrap()
    }

    #[test]
    fn duplicates_are_found_and_nulls_differ() {
        let first = rows(vec![Some(1), None, None], vec!["x", "x", "x"]);
        let mut definition = TableDefinition::of_schema(first.schema());
        definition.keys.push(KeyRule {
            name: "t_key".into(),
            columns: vec![1, 0],
            primary: false,
        });
        let version = TableVersion::new(vec![vec![first]]);
        let mut index = KeyIndex::of(&definition, "t", &version).unwrap();
        let other = rows(vec![Some(1), Some(2)], vec!["y", "x"]);
        index.add(&definition, "t", &other, 3).unwrap();
        let found = index.find(
            &definition,
            0,
            &rows(vec![Some(2), Some(9)], vec!["x", "x"]),
        );
        assert_eq!(found.unwrap(), [Some(4), None]);
        let again = index.add(&definition, "t", &rows(vec![Some(1)], vec!["x"]), 5);
        let error = again.unwrap_err().to_string();
        assert!(
            error.contains("t_key") && error.contains("(x, 1)"),
            "{error}"
        );
    }
}
