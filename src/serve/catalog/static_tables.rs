//! Tables of the catalogue whose rows are the same in every session: Postgres'
//! types, functions, operators and their like. Tables of objects that semql
//! lacks, such as indexes and triggers, have no rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{cast, concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use datafusion::error::{DataFusionError, Result};
use datafusion::scalar::ScalarValue;
use datafusion_pg_catalog::pg_catalog::{ArrowTable, PgCatalogStaticTables};

use super::column_kinds::{FUNCTION_COLUMNS, LIST_COLUMNS, RENAMED_COLUMNS};
use super::column_types;
use super::oids::CATALOG_SCHEMA_OID;

type TableOf = fn(&PgCatalogStaticTables) -> &Arc<ArrowTable>;

/// Tables, and whether their rows hold in semql.
const STATIC_TABLES: &[(&str, TableOf, bool)] = &[
    ("pg_aggregate", |t| &t.pg_aggregate, true),
    ("pg_am", |t| &t.pg_am, true),
    ("pg_amop", |t| &t.pg_amop, true),
    ("pg_amproc", |t| &t.pg_amproc, true),
    ("pg_auth_members", |t| &t.pg_auth_members, false),
    ("pg_cast", |t| &t.pg_cast, true),
    ("pg_collation", |t| &t.pg_collation, true),
    ("pg_constraint", |t| &t.pg_constraint, false),
    ("pg_conversion", |t| &t.pg_conversion, true),
    ("pg_db_role_setting", |t| &t.pg_db_role_setting, false),
    ("pg_default_acl", |t| &t.pg_default_acl, false),
    ("pg_description", |t| &t.pg_description, true),
    ("pg_enum", |t| &t.pg_enum, false),
    ("pg_event_trigger", |t| &t.pg_event_trigger, false),
    ("pg_extension", |t| &t.pg_extension, true),
    (
        "pg_foreign_data_wrapper",
        |t| &t.pg_foreign_data_wrapper,
        false,
    ),
    ("pg_foreign_server", |t| &t.pg_foreign_server, false),
    ("pg_foreign_table", |t| &t.pg_foreign_table, false),
    ("pg_index", |t| &t.pg_index, false),
    ("pg_inherits", |t| &t.pg_inherits, false),
    ("pg_init_privs", |t| &t.pg_init_privs, false),
    ("pg_language", |t| &t.pg_language, true),
    ("pg_largeobject", |t| &t.pg_largeobject, false),
    (
        "pg_largeobject_metadata",
        |t| &t.pg_largeobject_metadata,
        false,
    ),
    ("pg_opclass", |t| &t.pg_opclass, true),
    ("pg_operator", |t| &t.pg_operator, true),
    ("pg_opfamily", |t| &t.pg_opfamily, true),
    ("pg_partitioned_table", |t| &t.pg_partitioned_table, false),
    ("pg_policy", |t| &t.pg_policy, false),
    ("pg_proc", |t| &t.pg_proc, true),
    ("pg_publication", |t| &t.pg_publication, false),
    (
        "pg_publication_namespace",
        |t| &t.pg_publication_namespace,
        false,
    ),
    ("pg_publication_rel", |t| &t.pg_publication_rel, false),
    ("pg_range", |t| &t.pg_range, true),
    ("pg_replication_origin", |t| &t.pg_replication_origin, false),
    ("pg_seclabel", |t| &t.pg_seclabel, false),
    ("pg_sequence", |t| &t.pg_sequence, false),
    ("pg_shdepend", |t| &t.pg_shdepend, false),
    ("pg_shdescription", |t| &t.pg_shdescription, false),
    ("pg_shseclabel", |t| &t.pg_shseclabel, false),
    ("pg_statistic", |t| &t.pg_statistic, false),
    ("pg_statistic_ext", |t| &t.pg_statistic_ext, false),
    ("pg_statistic_ext_data", |t| &t.pg_statistic_ext_data, false),
    ("pg_subscription", |t| &t.pg_subscription, false),
    ("pg_subscription_rel", |t| &t.pg_subscription_rel, false),
    ("pg_tablespace", |t| &t.pg_tablespace, true),
    ("pg_trigger", |t| &t.pg_trigger, false),
    ("pg_ts_config", |t| &t.pg_ts_config, true),
    ("pg_ts_dict", |t| &t.pg_ts_dict, true),
    ("pg_ts_parser", |t| &t.pg_ts_parser, true),
    ("pg_ts_template", |t| &t.pg_ts_template, true),
    ("pg_type", |t| &t.pg_type, true),
    ("pg_user_mapping", |t| &t.pg_user_mapping, false),
];

/// Whether a table is one of the static ones.
pub fn is_static(name: &str) -> bool {
    STATIC_TABLES.iter().any(|(table, _, _)| *table == name)
}

/// Whether a table of the catalogue never has rows.
pub fn is_always_empty(name: &str) -> bool {
    let mut tables = STATIC_TABLES.iter();
    tables.any(|(table, _, has_rows)| *table == name && !has_rows)
}

/// The static tables, by name.
#[derive(Debug)]
pub struct StaticTables(HashMap<&'static str, RecordBatch>);

impl StaticTables {
    /// Reads the tables.
    ///
    /// # Errors
    /// A table that cannot be read or converted.
    pub fn read() -> Result<Self> {
        let source = PgCatalogStaticTables::try_new()?;
        let functions = function_oids(&source)?;
        let tables = STATIC_TABLES.iter().map(|(name, table, has_rows)| {
            let table = table(&source);
            let mut rows = concat_batches(&table.schema(), table.data())?;
            if !has_rows {
                rows = rows.slice(0, 0);
            }
            if *name == "pg_type" {
                rows = of_catalog(&rows)?;
            }
            Ok((*name, converted(&rows, &functions)?))
        });
        Ok(Self(tables.collect::<Result<_>>()?))
    }

    pub fn get(&self, name: &str) -> Option<&RecordBatch> {
        self.0.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.keys().copied()
    }

    /// Identifiers and names in two columns of a table.
    pub fn pairs(&self, table: &str, oid: &str, name: &str) -> Vec<(i32, String)> {
        let Some(rows) = self.get(table) else {
            return Vec::new();
        };
        pairs(rows, oid, name)
    }

    /// Values of a column of integers, by the identifier of the row.
    pub fn numbers(&self, table: &str, column: &str) -> HashMap<i32, i64> {
        let numbers = || {
            let rows = self.get(table)?;
            let oids = rows
                .column_by_name("oid")?
                .as_primitive_opt::<Int32Type>()?;
            let values = cast(rows.column_by_name(column)?, &DataType::Int64).ok()?;
            let values = values.as_primitive_opt::<Int64Type>()?;
            let pairs = oids.iter().zip(values.iter());
            Some(
                pairs
                    .filter_map(|(oid, value)| Some((oid?, value?)))
                    .collect(),
            )
        };
        numbers().unwrap_or_default()
    }
}

fn pairs(rows: &RecordBatch, oid: &str, name: &str) -> Vec<(i32, String)> {
    let (Some(oids), Some(names)) = (rows.column_by_name(oid), rows.column_by_name(name)) else {
        return Vec::new();
    };
    let (Some(oids), Some(names)) = (
        oids.as_primitive_opt::<Int32Type>(),
        names.as_string_opt::<i32>(),
    ) else {
        return Vec::new();
    };
    let pairs = oids.iter().zip(names.iter());
    let pairs = pairs.filter_map(|(oid, name)| Some((oid?, name?.to_string())));
    pairs.collect()
}

/// Types of the schema `pg_catalog`, without the domains of `information_schema`.
fn of_catalog(types: &RecordBatch) -> Result<RecordBatch> {
    let schemas = types
        .column_by_name("typnamespace")
        .and_then(|column| column.as_primitive_opt::<Int32Type>());
    let Some(schemas) = schemas else {
        return Ok(types.clone());
    };
    let keep = schemas
        .iter()
        .map(|schema| schema == Some(CATALOG_SCHEMA_OID));
    let keep = keep.map(Some).collect::<BooleanArray>();
    Ok(filter_record_batch(types, &keep)?)
}

/// Functions of Postgres, by name. Of functions with one name the first counts.
fn function_oids(source: &PgCatalogStaticTables) -> Result<HashMap<String, i32>> {
    let table = &source.pg_proc;
    let rows = concat_batches(&table.schema(), table.data())?;
    let mut oids = HashMap::new();
    for (oid, name) in pairs(&rows, "oid", "proname") {
        oids.entry(name).or_insert(oid);
    }
    Ok(oids)
}

/// Rows with lists as lists, functions as their identifiers, and no metadata.
fn converted(rows: &RecordBatch, functions: &HashMap<String, i32>) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let element = LIST_COLUMNS.iter().find(|(name, _)| name == field.name());
        let column = match element {
            Some((_, element)) => lists(column, &column_types::data_type(element))?,
            None if FUNCTION_COLUMNS.contains(&field.name().as_str()) => {
                function_numbers(column, functions)?
            }
            None => Arc::clone(column),
        };
        let renamed = RENAMED_COLUMNS
            .iter()
            .find(|(from, _)| from == field.name());
        let name = renamed.map_or(field.name().as_str(), |(_, to)| *to);
        fields.push(Field::new(name, column.data_type().clone(), true));
        columns.push(column);
    }
    let count = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let schema = Arc::new(Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(schema, columns, &count)?)
}

fn texts(column: &ArrayRef) -> Result<&arrow::array::StringArray> {
    column.as_string_opt::<i32>().ok_or_else(|| {
        DataFusionError::Internal(format!("a column of {} is not text", column.data_type()))
    })
}

/// Lists of texts such as `1 2`, `{1,2}` and `['v']`.
fn lists(column: &ArrayRef, element: &DataType) -> Result<ArrayRef> {
    let list_type = column_types::list_of(element.clone());
    let mut values = Vec::with_capacity(column.len());
    for text in texts(column)?.iter() {
        values.push(match text {
            None => ScalarValue::try_new_null(&list_type)?,
            Some(text) => {
                let inner = text.trim_matches(|c| "{}[]".contains(c));
                let elements = inner.split(|c: char| c == ',' || c.is_whitespace());
                let elements = elements
                    .filter(|element| !element.is_empty())
                    // A name may be empty: `''`.
                    .map(|element| element.trim_matches('\''))
                    .map(|text| ScalarValue::Utf8(Some(text.to_string())).cast_to(element));
                let elements = elements.collect::<Result<Vec<_>>>()?;
                ScalarValue::List(ScalarValue::new_list(&elements, element, true))
            }
        });
    }
    match values.is_empty() {
        true => Ok(arrow::array::new_empty_array(&list_type)),
        false => ScalarValue::iter_to_array(values),
    }
}

/// Identifiers of functions, which the column has as names; 0 is none.
fn function_numbers(column: &ArrayRef, functions: &HashMap<String, i32>) -> Result<ArrayRef> {
    let numbers = texts(column)?.iter().map(|name| {
        let name = name?;
        let bare = name.rsplit('.').next().unwrap_or(name);
        Some(functions.get(bare).copied().unwrap_or(0))
    });
    Ok(Arc::new(arrow::array::Int32Array::from_iter(numbers)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;

    #[test]
    fn types_name_their_functions_and_elements() {
        let tables = StaticTables::read().unwrap();
        let functions: HashMap<i32, String> = tables
            .pairs("pg_proc", "oid", "proname")
            .into_iter()
            .collect();
        let types = tables.get("pg_type").unwrap();
        let column = |name: &str| {
            let column = types.column_by_name(name).unwrap();
            column.as_primitive::<Int32Type>().clone()
        };
        let (oids, elements, receive) = (column("oid"), column("typelem"), column("typreceive"));
        let row = oids.iter().position(|oid| oid == Some(1009)).unwrap();
        assert_eq!(elements.value(row), 25);
        assert_eq!(functions[&receive.value(row)], "array_recv");
    }

    #[test]
    fn tables_of_missing_objects_have_no_rows() {
        let tables = StaticTables::read().unwrap();
        assert_eq!(tables.get("pg_index").unwrap().num_rows(), 0);
        assert!(is_always_empty("pg_index"));
        assert!(!is_always_empty("pg_type"));
    }

    #[test]
    fn vectors_are_lists() {
        let column: ArrayRef = Arc::new(StringArray::from(vec![
            Some("1 2"),
            Some("{3}"),
            Some("[4, 5]"),
            Some(""),
            None,
        ]));
        let lists = lists(&column, &DataType::Int16).unwrap();
        let lengths: Vec<usize> = (0..4)
            .map(|row| lists.as_list::<i32>().value(row).len())
            .collect();
        assert_eq!(lengths, [2, 1, 2, 0]);
        assert!(lists.is_null(4));
    }
}
