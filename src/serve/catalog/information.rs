//! Views of `information_schema`, as the SQL standard and Postgres define them.

use arrow::array::RecordBatch;
use datafusion::error::Result;

use super::relations::query_of;
use super::row_builder::RowBuilder;
use super::schema::{CatalogRequest, SessionTable, information, no_rows};
use super::snapshot::CatalogColumn;
use super::type_names::display_name;

const TABLE_COLUMNS: &str = "\
table_catalog name, table_schema name, table_name name, table_type text, self_referencing_column_name name,
reference_generation text, user_defined_type_catalog name, user_defined_type_schema name,
user_defined_type_name name, is_insertable_into text, is_typed text, commit_action text";

const COLUMN_COLUMNS: &str = "\
table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4,
column_default text, is_nullable text, data_type text, character_maximum_length int4, character_octet_length int4,
numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, datetime_precision int4,
interval_type text, interval_precision int4, character_set_catalog name, character_set_schema name,
character_set_name name, collation_catalog name, collation_schema name, collation_name name, domain_catalog name,
domain_schema name, domain_name name, udt_catalog name, udt_schema name, udt_name name, scope_catalog name,
scope_schema name, scope_name name, maximum_cardinality int4, dtd_identifier text, is_self_referencing text,
is_identity text, identity_generation text, identity_start text, identity_increment text, identity_maximum text,
identity_minimum text, identity_cycle text, is_generated text, generation_expression text, is_updatable text";

const VIEW_COLUMNS: &str = "\
table_catalog name, table_schema name, table_name name, view_definition text, check_option text, is_updatable text,
is_insertable_into text, is_trigger_updatable text, is_trigger_deletable text, is_trigger_insertable_into text";

const SCHEMA_COLUMNS: &str = "\
catalog_name name, schema_name name, schema_owner name, default_character_set_catalog name,
default_character_set_schema name, default_character_set_name name, sql_path text";

const TABLE_GRANT_COLUMNS: &str = "\
grantor name, grantee name, table_catalog name, table_schema name, table_name name, privilege_type text,
is_grantable text, with_hierarchy text";

const COLUMN_GRANT_COLUMNS: &str = "\
grantor name, grantee name, table_catalog name, table_schema name, table_name name, column_name name,
privilege_type text, is_grantable text";

const DOMAIN_COLUMNS: &str = "\
domain_catalog name, domain_schema name, domain_name name, data_type text, character_maximum_length int4,
character_octet_length int4, numeric_precision int4, numeric_scale int4, datetime_precision int4,
domain_default text, udt_catalog name, udt_schema name, udt_name name";

/// Views of the schema. Those of sequences and triggers have no rows.
pub const TABLES: &[SessionTable] = &[
    information("tables", TABLE_COLUMNS, tables),
    information("columns", COLUMN_COLUMNS, columns),
    information("views", VIEW_COLUMNS, views),
    information("schemata", SCHEMA_COLUMNS, schemata),
    information(
        "information_schema_catalog_name",
        "catalog_name name",
        catalog_name,
    ),
    information("table_privileges", TABLE_GRANT_COLUMNS, table_grants),
    information("role_table_grants", TABLE_GRANT_COLUMNS, table_grants),
    information("column_privileges", COLUMN_GRANT_COLUMNS, column_grants),
    information("role_column_grants", COLUMN_GRANT_COLUMNS, column_grants),
    information("enabled_roles", "role_name name", roles),
    information(
        "applicable_roles",
        "grantee name, role_name name, is_grantable text",
        no_rows,
    ),
    information(
        "referential_constraints",
        "constraint_catalog name, constraint_schema name, constraint_name name, unique_constraint_catalog name, unique_constraint_schema name, unique_constraint_name name, match_option text, update_rule text, delete_rule text",
        no_rows,
    ),
    information(
        "sequences",
        "sequence_catalog name, sequence_schema name, sequence_name name, data_type text, numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, start_value text, minimum_value text, maximum_value text, increment text, cycle_option text",
        no_rows,
    ),
    information(
        "triggers",
        "trigger_catalog name, trigger_schema name, trigger_name name, event_manipulation text, event_object_catalog name, event_object_schema name, event_object_table name, action_order int4, action_condition text, action_statement text, action_orientation text, action_timing text, action_reference_old_table name, action_reference_new_table name, action_reference_old_row name, action_reference_new_row name, created timestamptz",
        no_rows,
    ),
    information(
        "view_table_usage",
        "view_catalog name, view_schema name, view_name name, table_catalog name, table_schema name, table_name name",
        no_rows,
    ),
    information(
        "view_column_usage",
        "view_catalog name, view_schema name, view_name name, table_catalog name, table_schema name, table_name name, column_name name",
        no_rows,
    ),
    information(
        "element_types",
        "object_catalog name, object_schema name, object_name name, object_type text, collection_type_identifier text, data_type text, udt_catalog name, udt_schema name, udt_name name, dtd_identifier text",
        no_rows,
    ),
    information("domains", DOMAIN_COLUMNS, no_rows),
    information(
        "foreign_tables",
        "foreign_table_catalog name, foreign_table_schema name, foreign_table_name name, foreign_server_catalog name, foreign_server_name name",
        no_rows,
    ),
    information(
        "usage_privileges",
        "grantor name, grantee name, object_catalog name, object_schema name, object_name name, object_type text, privilege_type text, is_grantable text",
        no_rows,
    ),
    information(
        "routine_privileges",
        "grantor name, grantee name, specific_catalog name, specific_schema name, specific_name name, routine_catalog name, routine_schema name, routine_name name, privilege_type text, is_grantable text",
        no_rows,
    ),
    information(
        "character_sets",
        "character_set_catalog name, character_set_schema name, character_set_name name, character_repertoire name, form_of_use name, default_collate_catalog name, default_collate_schema name, default_collate_name name",
        no_rows,
    ),
    information(
        "collations",
        "collation_catalog name, collation_schema name, collation_name name, pad_attribute text",
        no_rows,
    ),
];

/// `YES` or `NO`, the truth values of the schema.
fn yes_or_no(value: bool) -> &'static str {
    match value {
        true => "YES",
        false => "NO",
    }
}

fn tables(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for relation in request.relations {
        let table_type = match relation.is_view {
            true => "VIEW",
            false => "BASE TABLE",
        };
        let accepts_rows =
            request.context.allows_writes && !relation.is_view && !relation.is_of_catalog();
        rows.push([
            ("table_catalog", request.context.database.into()),
            ("table_schema", relation.schema.clone().into()),
            ("table_name", relation.name.clone().into()),
            ("table_type", table_type.into()),
            ("is_insertable_into", yes_or_no(accepts_rows).into()),
            ("is_typed", "NO".into()),
        ]);
    }
    rows.finish()
}

/// Precision, radix and scale of a number.
fn number_form(column: &CatalogColumn, type_name: &str) -> Option<(i32, i32, Option<i32>)> {
    Some(match type_name {
        "int2" => (16, 2, Some(0)),
        "int4" => (32, 2, Some(0)),
        "int8" => (64, 2, Some(0)),
        "float4" => (24, 2, None),
        "float8" => (53, 2, None),
        "numeric" => {
            let (precision, scale) = column.precision?;
            (i32::from(precision), 10, Some(i32::from(scale)))
        }
        _ => return None,
    })
}

fn columns(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let names = &request.context.names;
    for relation in request.relations {
        let can_update =
            request.context.allows_writes && !relation.is_view && !relation.is_of_catalog();
        for column in relation.columns() {
            let type_name = names.type_name(column.type_oid).unwrap_or("text");
            let data_type = match type_name.starts_with('_') {
                true => "ARRAY".to_string(),
                false => display_name(type_name),
            };
            rows.push([
                ("table_catalog", request.context.database.into()),
                ("table_schema", relation.schema.clone().into()),
                ("table_name", relation.name.clone().into()),
                ("column_name", column.name.clone().into()),
                ("ordinal_position", column.position.into()),
                ("is_nullable", yes_or_no(column.nullable).into()),
                ("data_type", data_type.into()),
                ("udt_catalog", request.context.database.into()),
                ("udt_schema", "pg_catalog".into()),
                ("udt_name", type_name.into()),
                ("dtd_identifier", column.position.to_string().into()),
                ("is_self_referencing", "NO".into()),
                ("is_identity", "NO".into()),
                ("identity_cycle", "NO".into()),
                ("is_generated", "NEVER".into()),
                ("is_updatable", yes_or_no(can_update).into()),
            ]);
            if let Some(default) = &column.default {
                rows.extend([("column_default", default.clone().into())]);
            }
            if let Some(generation) = column.identity {
                rows.extend([
                    ("is_identity", "YES".into()),
                    ("identity_generation", generation.into()),
                ]);
            }
            if ["text", "varchar", "bpchar"].contains(&type_name) {
                const MAX_TEXT_BYTES: i32 = 1 << 30;
                rows.extend([("character_octet_length", MAX_TEXT_BYTES.into())]);
            }
            if let Some(length) = column.max_length() {
                rows.extend([("character_maximum_length", length.into())]);
            }
            if let Some((precision, radix, scale)) = number_form(&column, type_name) {
                rows.extend([
                    ("numeric_precision", precision.into()),
                    ("numeric_precision_radix", radix.into()),
                ]);
                if let Some(scale) = scale {
                    rows.extend([("numeric_scale", scale.into())]);
                }
            }
            match type_name {
                "date" => rows.extend([("datetime_precision", 0.into())]),
                "time" | "timetz" | "timestamp" | "timestamptz" | "interval" => {
                    rows.extend([("datetime_precision", 6.into())]);
                }
                _ => {}
            }
        }
    }
    rows.finish()
}

fn views(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for relation in request.relations.iter().filter(|relation| relation.is_view) {
        rows.push([
            ("table_catalog", request.context.database.into()),
            ("table_schema", relation.schema.clone().into()),
            ("table_name", relation.name.clone().into()),
            ("check_option", "NONE".into()),
            ("is_updatable", "NO".into()),
            ("is_insertable_into", "NO".into()),
            ("is_trigger_updatable", "NO".into()),
            ("is_trigger_deletable", "NO".into()),
            ("is_trigger_insertable_into", "NO".into()),
        ]);
        if let Some(definition) = &relation.definition {
            rows.extend([("view_definition", query_of(definition).into())]);
        }
    }
    rows.finish()
}

fn schemata(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let names = &request.context.names;
    for schema in names.schemas(request.database) {
        rows.push([
            ("catalog_name", request.context.database.into()),
            ("schema_name", schema.into()),
            ("schema_owner", request.user().into()),
        ]);
    }
    rows.finish()
}

fn catalog_name(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    rows.push([("catalog_name", request.context.database.into())]);
    rows.finish()
}

fn roles(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    rows.push([("role_name", request.user().into())]);
    rows.finish()
}

/// Privileges of the user on tables.
fn privileges(request: &CatalogRequest<'_>) -> &'static [&'static str] {
    match request.context.allows_writes {
        true => &["INSERT", "SELECT", "UPDATE", "DELETE"],
        false => &["SELECT"],
    }
}

fn table_grants(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let relations = request.relations.iter();
    for relation in relations.filter(|relation| !relation.is_of_catalog()) {
        for privilege in privileges(request) {
            rows.push([
                ("grantor", request.user().into()),
                ("grantee", request.user().into()),
                ("table_catalog", request.context.database.into()),
                ("table_schema", relation.schema.clone().into()),
                ("table_name", relation.name.clone().into()),
                ("privilege_type", (*privilege).into()),
                ("is_grantable", "NO".into()),
                ("with_hierarchy", yes_or_no(*privilege == "SELECT").into()),
            ]);
        }
    }
    rows.finish()
}

fn column_grants(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let relations = request.relations.iter();
    for relation in relations.filter(|relation| !relation.is_of_catalog()) {
        for column in relation.columns() {
            rows.push([
                ("grantor", request.user().into()),
                ("grantee", request.user().into()),
                ("table_catalog", request.context.database.into()),
                ("table_schema", relation.schema.clone().into()),
                ("table_name", relation.name.clone().into()),
                ("column_name", column.name.into()),
                ("privilege_type", "SELECT".into()),
                ("is_grantable", "NO".into()),
            ]);
        }
    }
    rows.finish()
}
