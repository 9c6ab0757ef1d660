//! Groups of files that one scan reads.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::datasource::file_format::FileFormat;

/// How a format finds the columns of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnLookup {
    /// A missing column is NULL.
    ByName,
    /// The schema must list all columns of the file, in its order.
    ByPosition,
}

/// Files that are read with one format and one schema.
#[derive(Clone, Debug)]
pub struct ScanGroup {
    pub format: Arc<dyn FileFormat>,
    /// Columns of the files, without those in the names of folders.
    pub schema: SchemaRef,
    pub lookup: ColumnLookup,
    /// Positions of the files among those of the location.
    pub files: Vec<usize>,
}

impl ScanGroup {
    /// The group without the columns `names`, which the names of folders hold too. A
    /// column that is found by its position gets another name instead.
    pub fn without_columns(&self, names: &[FieldRef]) -> Self {
        let taken = |name: &String| names.iter().any(|taken| taken.name() == name);
        let fields = self.schema.fields().iter().filter_map(|field| {
            match (taken(field.name()), self.lookup) {
                (false, _) => Some(Arc::clone(field)),
                (true, ColumnLookup::ByName) => None,
                (true, ColumnLookup::ByPosition) => {
                    let hidden = format!("{} in the file", field.name());
                    let hidden = Field::clone(field).with_name(hidden);
                    Some(Arc::new(hidden))
                }
            }
        });
        let fields: Vec<FieldRef> = fields.collect();
        let metadata = self.schema.metadata().clone();
        Self {
            schema: Arc::new(Schema::new_with_metadata(fields, metadata)),
            ..self.clone()
        }
    }
}

/// Adds a file to the first group whose schema reads it, or to a new one.
pub fn add_to_group(
    groups: &mut Vec<ScanGroup>,
    format: &Arc<dyn FileFormat>,
    lookup: ColumnLookup,
    schema: SchemaRef,
    file: usize,
) {
    for group in groups.iter_mut() {
        let joined = match lookup {
            ColumnLookup::ByName => join_by_name(&group.schema, &schema),
            ColumnLookup::ByPosition => {
                same_columns(&group.schema, &schema).then(|| Arc::clone(&group.schema))
            }
        };
        if let Some(joined) = joined {
            group.schema = joined;
            group.files.push(file);
            return;
        }
    }
    groups.push(ScanGroup {
        format: Arc::clone(format),
        schema,
        lookup,
        files: vec![file],
    });
}

/// Schema of all columns of both, if those of the same name have the same type.
fn join_by_name(a: &SchemaRef, b: &SchemaRef) -> Option<SchemaRef> {
    if a.fields() == b.fields() {
        return Some(Arc::clone(a));
    }
    let lacks = |schema: &Schema, field: &Field| schema.fields().find(field.name()).is_none();
    let mut fields: Vec<Field> = Vec::with_capacity(a.fields().len());
    for field in a.fields() {
        let nullable = match b.fields().find(field.name()) {
            Some((_, other)) if field.data_type() != other.data_type() => return None,
            Some((_, other)) => field.is_nullable() || other.is_nullable(),
            None => true,
        };
        fields.push(Field::clone(field).with_nullable(nullable));
    }
    let added = b.fields().iter().filter(|field| lacks(a, field));
    fields.extend(added.map(|field| Field::clone(field).with_nullable(true)));
    let metadata = a.metadata().clone();
    Some(Arc::new(Schema::new_with_metadata(fields, metadata)))
}

fn same_columns(a: &Schema, b: &Schema) -> bool {
    a.fields().len() == b.fields().len()
        && a.fields()
            .iter()
            .zip(b.fields())
            .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use datafusion::datasource::file_format::json::JsonFormat;

    use super::*;

    fn schema(fields: &[(&str, DataType, bool)]) -> SchemaRef {
        let fields: Vec<Field> = fields
            .iter()
            .map(|(name, data_type, nullable)| Field::new(*name, data_type.clone(), *nullable))
            .collect();
        Arc::new(Schema::new(fields))
    }

    fn grouped(lookup: ColumnLookup, schemas: &[SchemaRef]) -> Vec<ScanGroup> {
        let format: Arc<dyn FileFormat> = Arc::new(JsonFormat::default());
        let mut groups = Vec::new();
        for (file, schema) in schemas.iter().enumerate() {
            add_to_group(&mut groups, &format, lookup, Arc::clone(schema), file);
        }
        groups
    }

    #[test]
    fn a_group_by_name_has_one_type_for_each_column() {
        let groups = grouped(
            ColumnLookup::ByName,
            &[
                schema(&[("a", DataType::Int32, false)]),
                schema(&[("a", DataType::Int64, false)]),
                schema(&[("b", DataType::Utf8, false), ("a", DataType::Int32, false)]),
            ],
        );
        let files: Vec<&[usize]> = groups.iter().map(|group| group.files.as_slice()).collect();
        assert_eq!(files, [&[0, 2][..], &[1]]);
        // The column that a file lacks is NULL there.
        assert_eq!(
            groups[0].schema,
            schema(&[("a", DataType::Int32, false), ("b", DataType::Utf8, true)])
        );
    }

    #[test]
    fn a_group_by_position_has_one_order() {
        let (a, b) = (("a", DataType::Utf8, true), ("b", DataType::Utf8, true));
        let groups = grouped(
            ColumnLookup::ByPosition,
            &[schema(&[a.clone(), b.clone()]), schema(&[b, a])],
        );
        assert_eq!(groups.len(), 2);
    }

    #[test]
    fn columns_in_the_names_of_folders_are_hidden() {
        let taken: Vec<FieldRef> = vec![Arc::new(Field::new("a", DataType::Utf8, true))];
        let both = schema(&[("a", DataType::Utf8, true), ("b", DataType::Utf8, true)]);
        let names = |lookup| -> Vec<String> {
            let group = grouped(lookup, &[Arc::clone(&both)]).remove(0);
            let left = group.without_columns(&taken);
            let names = left
                .schema
                .fields()
                .iter()
                .map(|field| field.name().clone());
            names.collect()
        };
        assert_eq!(names(ColumnLookup::ByName), ["b"]);
        assert_eq!(names(ColumnLookup::ByPosition), ["a in the file", "b"]);
    }
}
