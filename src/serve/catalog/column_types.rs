//! Schemas of catalogue tables, written as lists of columns and types of
//! Postgres: `oid oid, relname name, relacl text[]`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Schema of a list of columns.
pub fn schema(columns: &str) -> SchemaRef {
    let columns = columns.split(',').map(|column| {
        let mut words = column.split_whitespace();
        let name = words.next().unwrap_or_default();
        Field::new(name, data_type(words.next().unwrap_or_default()), true)
    });
    Arc::new(Schema::new(columns.collect::<Vec<_>>()))
}

/// Arrow type of a type of Postgres. Types without a counterpart are text. OIDs
/// are 32-bit integers without metadata, so that unions and casts keep one type.
pub fn data_type(name: &str) -> DataType {
    if let Some(element) = name.strip_suffix("[]") {
        return list_of(data_type(element));
    }
    match name {
        "bool" => DataType::Boolean,
        "int2" => DataType::Int16,
        "int4" | "oid" => DataType::Int32,
        "int8" => DataType::Int64,
        "float4" => DataType::Float32,
        "float8" => DataType::Float64,
        "bytea" => DataType::Binary,
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        _ => DataType::Utf8,
    }
}

/// Type of a list of these elements.
pub fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_names_and_types() {
        let schema = schema("oid oid, relname name,\n  relacl text[], relnatts int2");
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| (field.name().as_str(), field.data_type().clone()))
            .collect();
        assert_eq!(
            fields,
            [
                ("oid", DataType::Int32),
                ("relname", DataType::Utf8),
                ("relacl", list_of(DataType::Utf8)),
                ("relnatts", DataType::Int16),
            ]
        );
    }
}
