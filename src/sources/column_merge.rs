//! Columns of files that are one table: by name, with types that hold the values of
//! all files.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema};

use crate::error::{Result, ShellError};

/// Columns of a file.
pub struct FileColumns {
    /// The file's name for messages.
    pub name: String,
    pub schema: Schema,
}

/// Merges the columns of files by name, in the order of their first occurrence. A
/// column that a file lacks is NULL in its rows. `common_type` is the type that holds
/// the values of both types. Metadata is that of the first file with the column.
///
/// # Errors
/// A column whose types have no common one, with the names of both files; a file that
/// shares no column with those before it.
pub fn merge_columns(
    location: &str,
    files: &[FileColumns],
    common_type: fn(&DataType, &DataType) -> Option<DataType>,
) -> Result<Schema> {
    let mut columns: Vec<MergedColumn> = Vec::new();
    let mut positions: HashMap<&str, usize> = HashMap::new();
    for (number, file) in files.iter().enumerate() {
        let mut shared = number == 0 || file.schema.fields().is_empty();
        for field in file.schema.fields() {
            let Some(&position) = positions.get(field.name().as_str()) else {
                positions.insert(field.name(), columns.len());
                columns.push(MergedColumn {
                    field: field.as_ref().clone(),
                    decided_by: &file.name,
                    files: 1,
                });
                continue;
            };
            shared = true;
            columns[position].widen(location, field, &file.name, common_type)?;
        }
        if !shared {
            return Err(no_shared_column(location, &files[0], file));
        }
    }
    let fields = columns.into_iter().map(|column| {
        let nullable = column.field.is_nullable() || column.files < files.len();
        column.field.with_nullable(nullable)
    });
    let metadata = files
        .first()
        .map(|file| file.schema.metadata().clone())
        .unwrap_or_default();
    Ok(Schema::new_with_metadata(
        fields.collect::<Vec<Field>>(),
        metadata,
    ))
}

/// A column of the files so far.
struct MergedColumn<'a> {
    field: Field,
    /// Name of the file whose column has the type.
    decided_by: &'a str,
    /// Number of files with the column.
    files: usize,
}

impl<'a> MergedColumn<'a> {
    fn widen(
        &mut self,
        location: &str,
        other: &Field,
        name: &'a str,
        common_type: fn(&DataType, &DataType) -> Option<DataType>,
    ) -> Result<()> {
        let (known, next) = (self.field.data_type(), other.data_type());
        let Some(common) = common_type(known, next) else {
            return Err(ShellError::query(format!(
                "the files of '{location}' cannot be one table: the column '{}' is {known} in '{}' and \
                 {next} in '{name}', and no type holds the values of both; read the files separately, \
                 and convert the column with CAST",
                other.name(),
                self.decided_by
            )));
        };
        if common != *known {
            self.decided_by = name;
        }
        let nullable = self.field.is_nullable() || other.is_nullable();
        let metadata = self.field.metadata().clone();
        self.field = Field::new(self.field.name(), common, nullable).with_metadata(metadata);
        self.files += 1;
        Ok(())
    }
}

fn no_shared_column(location: &str, first: &FileColumns, other: &FileColumns) -> ShellError {
    let names = |file: &FileColumns| {
        let names = file
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        names.take(8).collect::<Vec<_>>().join(", ")
    };
    ShellError::query(format!(
        "the files of '{location}' cannot be one table: '{}' has other columns than '{}' ({} in place of {}); \
         read them separately",
        other.name,
        first.name,
        names(other),
        names(first)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::common_type::common_type;
    use super::*;

    fn columns(name: &str, fields: &[(&str, DataType)]) -> FileColumns {
        let fields: Vec<Field> = fields
            .iter()
            .map(|(name, data_type)| Field::new(*name, data_type.clone(), false))
            .collect();
        FileColumns {
            name: name.to_string(),
            schema: Schema::new(fields),
        }
    }

    #[test]
    fn columns_are_merged_by_name() {
        let merged = merge_columns(
            "*.parquet",
            &[
                columns("a", &[("n", DataType::Int32), ("t", DataType::Utf8)]),
                columns("b", &[("x", DataType::Date32), ("n", DataType::Int64)]),
            ],
            common_type,
        )
        .unwrap();
        let shown: Vec<_> = merged
            .fields()
            .iter()
            .map(|field| {
                (
                    field.name().as_str(),
                    field.data_type().clone(),
                    field.is_nullable(),
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("n", DataType::Int64, false),
                ("t", DataType::Utf8, true),
                ("x", DataType::Date32, true)
            ]
        );
    }

    #[test]
    fn a_conflict_names_both_files_and_the_column() {
        let files = [
            columns("a", &[("n", DataType::Int32)]),
            columns("b", &[("n", DataType::Int64)]),
            columns("c", &[("n", DataType::Utf8)]),
        ];
        let error = merge_columns("*.parquet", &files, common_type).unwrap_err();
        for part in ["'n'", "Int64 in 'b'", "Utf8 in 'c'"] {
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn files_without_a_shared_column_are_refused() {
        let files = [
            columns("a", &[("n", DataType::Int32)]),
            columns("b", &[("m", DataType::Int32)]),
        ];
        let error = merge_columns("*.csv", &files, common_type).unwrap_err();
        assert!(
            error.message.contains("'b' has other columns than 'a'"),
            "{error}"
        );
    }
}
