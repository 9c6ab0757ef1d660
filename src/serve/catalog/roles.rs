//! Tables and views of the catalogue about users and their privileges. The user of
//! the connection is the only role, and owns every object.

use arrow::array::RecordBatch;
use datafusion::error::Result;

use super::oids::OWNER_OID;
use super::row_builder::RowBuilder;
use super::schema::{CatalogRequest, SessionTable, no_rows, table, view};

const ROLE_COLUMNS: &str = "\
rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool,
rolreplication bool, rolconnlimit int4, rolpassword text, rolvaliduntil timestamptz, rolbypassrls bool,
rolconfig text[], oid oid";

const AUTHID_COLUMNS: &str = "\
oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool,
rolreplication bool, rolbypassrls bool, rolconnlimit int4, rolpassword text, rolvaliduntil timestamptz";

const USER_COLUMNS: &str = "\
usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, passwd text,
valuntil timestamptz, useconfig text[]";

/// Tables about roles.
pub const TABLES: &[SessionTable] = &[
    table("pg_authid", AUTHID_COLUMNS, role),
    view("pg_roles", ROLE_COLUMNS, role),
    view("pg_user", USER_COLUMNS, user),
    view("pg_shadow", USER_COLUMNS, user),
    view(
        "pg_group",
        "groname name, grosysid oid, grolist oid[]",
        no_rows,
    ),
    view(
        "pg_user_mappings",
        "umid oid, srvid oid, srvname name, umuser oid, usename name, umoptions text[]",
        no_rows,
    ),
];

fn role(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    rows.push([
        ("oid", OWNER_OID.into()),
        ("rolname", request.user().into()),
        ("rolsuper", false.into()),
        ("rolinherit", true.into()),
        ("rolcreaterole", false.into()),
        ("rolcreatedb", false.into()),
        ("rolcanlogin", true.into()),
        ("rolreplication", false.into()),
        ("rolbypassrls", false.into()),
        ("rolconnlimit", (-1).into()),
    ]);
    rows.finish()
}

fn user(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    rows.push([
        ("usename", request.user().into()),
        ("usesysid", OWNER_OID.into()),
        ("usecreatedb", false.into()),
        ("usesuper", false.into()),
        ("userepl", false.into()),
        ("usebypassrls", false.into()),
    ]);
    rows.finish()
}
