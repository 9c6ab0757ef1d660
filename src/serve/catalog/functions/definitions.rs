//! Functions that define objects in SQL or describe them. Objects that semql lacks,
//! such as indexes, have no definition: NULL.

use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::function::{CatalogCall, CatalogFunction, strict, volatile};
use super::values;
use crate::serve::catalog::names::ObjectKind;
use crate::serve::catalog::procedure::{Procedure, ProcedureArgument};

pub const FUNCTIONS: &[CatalogFunction] = &[
    strict("pg_get_constraintdef", &[1, 2], "text", no_text),
    strict("pg_get_indexdef", &[1, 2, 3], "text", no_text),
    strict("pg_get_partkeydef", &[1], "text", no_text),
    strict("pg_get_partition_constraintdef", &[1], "text", no_text),
    strict("pg_get_ruledef", &[1, 2], "text", no_text),
    strict("pg_get_serial_sequence", &[2], "text", no_text),
    strict("pg_get_statisticsobjdef", &[1], "text", no_text),
    strict("pg_get_statisticsobjdef_columns", &[1], "text", no_text),
    strict("pg_get_triggerdef", &[1, 2], "text", no_text),
    strict("pg_get_expr", &[2, 3], "text", expression),
    strict("pg_get_function_arguments", &[1], "text", arguments),
    strict(
        "pg_get_function_identity_arguments",
        &[1],
        "text",
        arguments,
    ),
    strict("pg_get_function_arg_default", &[2], "text", no_text),
    strict("pg_get_function_result", &[1], "text", result),
    strict("pg_get_function_sqlbody", &[1], "text", no_text),
    strict("pg_get_functiondef", &[1], "text", function_definition),
    strict("pg_describe_object", &[3], "text", describe),
    strict("shobj_description", &[2], "text", no_text),
    strict("pg_relation_filenode", &[1], "int4", no_integer),
    strict("pg_relation_filepath", &[1], "text", no_text),
    strict("pg_relation_is_publishable", &[1], "bool", no),
    strict("pg_relation_is_updatable", &[2], "int4", zero),
    strict("pg_column_is_updatable", &[3], "bool", no),
    strict("pg_partition_root", &[1], "int4", no_integer),
    strict("pg_relation_size", &[1, 2], "int8", no_bigint),
    strict("pg_table_size", &[1], "int8", no_bigint),
    strict("pg_indexes_size", &[1], "int8", no_bigint),
    strict("pg_total_relation_size", &[1], "int8", no_bigint),
    strict("pg_database_size", &[1], "int8", no_bigint),
    strict("pg_tablespace_size", &[1], "int8", no_bigint),
    strict("pg_sequence_last_value", &[1], "int8", no_bigint),
    strict("pg_stat_get_numscans", &[1], "int8", no_bigint),
    strict("pg_stat_get_live_tuples", &[1], "int8", no_bigint),
    strict("pg_stat_get_dead_tuples", &[1], "int8", no_bigint),
    strict("pg_stat_get_tuples_inserted", &[1], "int8", no_bigint),
    strict("pg_stat_get_tuples_updated", &[1], "int8", no_bigint),
    strict("pg_stat_get_tuples_deleted", &[1], "int8", no_bigint),
    volatile("pg_stat_get_snapshot_timestamp", &[0], "text", no_text),
];

/// Type `"any"`.
const ANY_TYPE: i32 = 2276;

fn no_text(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_optional_text(None))
}

fn no_integer(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_int4(None))
}

/// Size or count that semql does not keep.
fn no_bigint(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_int8(None))
}

fn no(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_boolean(false))
}

fn zero(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_int4(Some(0)))
}

/// Text of a stored expression. The catalogue stores it as text.
fn expression(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_text(values::text(&call.arguments[0])?))
}

fn procedure<'a>(call: &'a CatalogCall<'_>) -> Result<Option<&'a Procedure>> {
    let oid = values::oid(&call.arguments[0])?;
    Ok(call.context.names.procedures.get(oid))
}

fn type_text(call: &CatalogCall<'_>, type_oid: i32) -> String {
    match type_oid {
        ANY_TYPE => "\"any\"".to_string(),
        oid => call
            .context
            .names
            .name(&call.database(), ObjectKind::Type, oid, call.user()),
    }
}

/// `text text, labels text[]`.
fn written_arguments(call: &CatalogCall<'_>, arguments: &[ProcedureArgument]) -> String {
    let arguments = arguments.iter().map(|argument| {
        let type_name = type_text(call, argument.type_oid);
        match argument.name.as_str() {
            "" => type_name,
            name => format!("{name} {type_name}"),
        }
    });
    arguments.collect::<Vec<_>>().join(", ")
}

fn written_result(call: &CatalogCall<'_>, procedure: &Procedure) -> String {
    let type_name = type_text(call, procedure.result);
    match procedure.returns_set {
        true => format!("SETOF {type_name}"),
        false => type_name,
    }
}

fn arguments(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let text = procedure(call)?.map(|found| written_arguments(call, &found.arguments));
    Ok(values::of_optional_text(text))
}

fn result(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let text = procedure(call)?.map(|found| written_result(call, found));
    Ok(values::of_optional_text(text))
}

fn function_definition(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let text = procedure(call)?.map(|found| {
        format!(
            "CREATE OR REPLACE FUNCTION {}.{}({})\n RETURNS {}\n LANGUAGE internal\nAS $function${}$function$\n",
            found.schema,
            found.name,
            written_arguments(call, &found.arguments),
            written_result(call, found),
            found.name,
        )
    });
    Ok(values::of_optional_text(text))
}

/// `table shop`, `function upper`: an object given by class, identifier and column.
fn describe(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    const CLASSES: &[(&str, ObjectKind, &str)] = &[
        ("pg_class", ObjectKind::Relation, "table"),
        ("pg_proc", ObjectKind::Function, "function"),
        ("pg_type", ObjectKind::Type, "type"),
        ("pg_namespace", ObjectKind::Schema, "schema"),
        ("pg_authid", ObjectKind::Role, "role"),
    ];
    let names = &call.context.names;
    let class = values::oid(&call.arguments[0])?;
    let object = values::oid(&call.arguments[1])?;
    let class = names
        .relation(&call.database(), class)
        .map(|(_, name)| name);
    let found = CLASSES
        .iter()
        .find(|(table, _, _)| Some(*table) == class.as_deref());
    let text = found.map(|(_, kind, word)| {
        let name = names.name(&call.database(), *kind, object, call.user());
        format!("{word} {name}")
    });
    Ok(values::of_optional_text(text))
}
