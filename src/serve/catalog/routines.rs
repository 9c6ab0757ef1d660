//! Tables of the catalogue about functions: `pg_proc` and the routines of
//! `information_schema`.

use arrow::array::RecordBatch;
use datafusion::error::Result;

use super::row_builder::RowBuilder;
use super::schema::{CatalogRequest, SessionTable, information, table};
use super::type_names::display_name;

const PROCEDURE_COLUMNS: &str = "\
oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, prorows float4, provariadic oid,
prosupport oid, prokind char, prosecdef bool, proleakproof bool, proisstrict bool, proretset bool, provolatile char,
proparallel char, pronargs int2, pronargdefaults int2, prorettype oid, proargtypes oid[], proallargtypes oid[],
proargmodes char[], proargnames text[], proargdefaults text, protrftypes oid[], prosrc text, probin text,
prosqlbody text, proconfig text[], proacl text[]";

const ROUTINE_COLUMNS: &str = "\
specific_catalog name, specific_schema name, specific_name name, routine_catalog name, routine_schema name,
routine_name name, routine_type text, data_type text, type_udt_catalog name, type_udt_schema name,
type_udt_name name, routine_body text, routine_definition text, external_name text, external_language text,
is_deterministic text, sql_data_access text, is_null_call text, security_type text";

const PARAMETER_COLUMNS: &str = "\
specific_catalog name, specific_schema name, specific_name name, ordinal_position int4, parameter_mode text,
is_result text, as_locator text, parameter_name name, data_type text, udt_catalog name, udt_schema name,
udt_name name, parameter_default text";

/// Tables about functions. Those of `information_schema` have the functions that
/// semql adds.
pub const TABLES: &[SessionTable] = &[
    table("pg_proc", PROCEDURE_COLUMNS, procedures),
    information("routines", ROUTINE_COLUMNS, routines),
    information("parameters", PARAMETER_COLUMNS, parameters),
];

fn procedures(request: &CatalogRequest<'_>, rows: RowBuilder) -> Result<RecordBatch> {
    let context = request.context;
    match context.statics.get("pg_proc") {
        Some(postgres) => {
            let names = &context.names;
            names.procedures.rows(rows, postgres, &names.oids)
        }
        None => rows.finish(),
    }
}

fn routines(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let names = &request.context.names;
    for procedure in names.procedures.added() {
        let type_name = names.type_name(procedure.result).unwrap_or("any");
        let is_deterministic = if procedure.volatility == "i" {
            "YES"
        } else {
            "NO"
        };
        rows.push([
            ("specific_catalog", request.context.database.into()),
            ("specific_schema", procedure.schema.into()),
            (
                "specific_name",
                format!("{}_{}", procedure.name, procedure.oid).into(),
            ),
            ("routine_catalog", request.context.database.into()),
            ("routine_schema", procedure.schema.into()),
            ("routine_name", procedure.name.clone().into()),
            ("routine_type", "FUNCTION".into()),
            ("data_type", display_name(type_name).into()),
            ("type_udt_catalog", request.context.database.into()),
            ("type_udt_schema", "pg_catalog".into()),
            ("type_udt_name", type_name.into()),
            ("routine_body", "EXTERNAL".into()),
            ("external_name", procedure.name.clone().into()),
            ("external_language", "INTERNAL".into()),
            ("is_deterministic", is_deterministic.into()),
            ("sql_data_access", "READS".into()),
            ("is_null_call", "NO".into()),
            ("security_type", "INVOKER".into()),
        ]);
    }
    rows.finish()
}

fn parameters(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let names = &request.context.names;
    for procedure in names.procedures.added() {
        for (argument, position) in procedure.arguments.iter().zip(1_i64..) {
            let type_name = names.type_name(argument.type_oid).unwrap_or("any");
            rows.push([
                ("specific_catalog", request.context.database.into()),
                ("specific_schema", procedure.schema.into()),
                (
                    "specific_name",
                    format!("{}_{}", procedure.name, procedure.oid).into(),
                ),
                ("ordinal_position", position.into()),
                ("parameter_mode", "IN".into()),
                ("is_result", "NO".into()),
                ("as_locator", "NO".into()),
                ("parameter_name", argument.name.clone().into()),
                ("data_type", display_name(type_name).into()),
                ("udt_catalog", request.context.database.into()),
                ("udt_schema", "pg_catalog".into()),
                ("udt_name", type_name.into()),
            ]);
        }
    }
    rows.finish()
}
