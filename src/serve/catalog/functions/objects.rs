//! Functions about names and identifiers of objects. The functions called `*_oid`
//! and `*_text` are what casts such as `'shop'::regclass` become.

use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

use super::function::{CatalogCall, CatalogFunction, strict};
use super::values;
use crate::serve::catalog::names::ObjectKind;
use crate::serve::catalog::oids::{INFORMATION_SCHEMA, OWNER_OID};

pub const FUNCTIONS: &[CatalogFunction] = &[
    strict("regclass_oid", &[1], "int4", |call| {
        required(call, ObjectKind::Relation)
    }),
    strict("regtype_oid", &[1], "int4", |call| {
        required(call, ObjectKind::Type)
    }),
    strict("regproc_oid", &[1], "int4", |call| {
        required(call, ObjectKind::Function)
    }),
    strict("regnamespace_oid", &[1], "int4", |call| {
        required(call, ObjectKind::Schema)
    }),
    strict("regrole_oid", &[1], "int4", |call| {
        required(call, ObjectKind::Role)
    }),
    strict("regclass_text", &[1], "text", |call| {
        name(call, ObjectKind::Relation)
    }),
    strict("regtype_text", &[1], "text", |call| {
        name(call, ObjectKind::Type)
    }),
    strict("regproc_text", &[1], "text", |call| {
        name(call, ObjectKind::Function)
    }),
    strict("regnamespace_text", &[1], "text", |call| {
        name(call, ObjectKind::Schema)
    }),
    strict("regrole_text", &[1], "text", |call| {
        name(call, ObjectKind::Role)
    }),
    strict("to_regclass", &[1], "int4", |call| {
        optional(call, ObjectKind::Relation)
    }),
    strict("to_regtype", &[1], "int4", |call| {
        optional(call, ObjectKind::Type)
    }),
    strict("to_regproc", &[1], "int4", |call| {
        optional(call, ObjectKind::Function)
    }),
    strict("to_regprocedure", &[1], "int4", |call| {
        optional(call, ObjectKind::Function)
    }),
    strict("to_regnamespace", &[1], "int4", |call| {
        optional(call, ObjectKind::Schema)
    }),
    strict("to_regrole", &[1], "int4", |call| {
        optional(call, ObjectKind::Role)
    }),
    strict("pg_get_userbyid", &[1], "text", user_name),
    strict("pg_table_is_visible", &[1], "bool", table_is_visible),
    strict("pg_type_is_visible", &[1], "bool", is_visible),
    strict("pg_function_is_visible", &[1], "bool", is_visible),
    strict("pg_operator_is_visible", &[1], "bool", is_visible),
    strict("pg_opclass_is_visible", &[1], "bool", is_visible),
    strict("pg_opfamily_is_visible", &[1], "bool", is_visible),
    strict("pg_collation_is_visible", &[1], "bool", is_visible),
    strict("pg_conversion_is_visible", &[1], "bool", is_visible),
    strict("pg_ts_config_is_visible", &[1], "bool", is_visible),
    strict("pg_ts_dict_is_visible", &[1], "bool", is_visible),
    strict("pg_ts_parser_is_visible", &[1], "bool", is_visible),
    strict("pg_ts_template_is_visible", &[1], "bool", is_visible),
    strict("pg_statistics_obj_is_visible", &[1], "bool", is_visible),
];

/// Identifier of an object given by its name or its identifier.
fn optional(call: &CatalogCall<'_>, kind: ObjectKind) -> Result<ScalarValue> {
    let value = &call.arguments[0];
    if value.data_type().is_integer() {
        return Ok(values::of_int4(Some(values::oid(value)?)));
    }
    let text = values::text(value)?;
    Ok(values::of_int4(call.context.names.oid(
        &call.database(),
        kind,
        &text,
    )))
}

fn required(call: &CatalogCall<'_>, kind: ObjectKind) -> Result<ScalarValue> {
    match optional(call, kind)? {
        ScalarValue::Int32(None) => exec_err!(
            "{} \"{}\" does not exist",
            kind.word(),
            values::text(&call.arguments[0])?
        ),
        found => Ok(found),
    }
}

fn name(call: &CatalogCall<'_>, kind: ObjectKind) -> Result<ScalarValue> {
    let ScalarValue::Int32(Some(oid)) = required(call, kind)? else {
        return ScalarValue::try_new_null(&DataType::Utf8);
    };
    let names = &call.context.names;
    let name = names.name(&call.database(), kind, oid, call.user());
    Ok(values::of_text(name))
}

fn user_name(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let oid = values::oid(&call.arguments[0])?;
    Ok(values::of_text(match oid {
        OWNER_OID => call.user().to_string(),
        other => format!("unknown (OID={other})"),
    }))
}

fn is_visible(_: &CatalogCall<'_>) -> Result<ScalarValue> {
    Ok(values::of_boolean(true))
}

fn table_is_visible(call: &CatalogCall<'_>) -> Result<ScalarValue> {
    let oid = values::oid(&call.arguments[0])?;
    let relation = call.context.names.relation(&call.database(), oid);
    let visible = relation.is_some_and(|(schema, _)| schema != INFORMATION_SCHEMA);
    Ok(values::of_boolean(visible))
}
