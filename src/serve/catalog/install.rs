//! Installation of the catalogue in the session of the server.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use datafusion_pg_catalog::pg_catalog::PgCatalogStaticTables;
use datafusion_pg_catalog::pg_catalog::array_bounds_udf::{
    create_array_lower_udf, create_array_upper_udf,
};
use datafusion_pg_catalog::pg_catalog::format_type::create_format_type_udf;
use datafusion_pg_catalog::pg_catalog::generate_series_arg_coercion::CoerceIntArgsToBigInt;
use datafusion_pg_catalog::pg_catalog::quote_ident_udf::{
    create_parse_ident_udf, create_quote_ident_udf,
};

use super::functions;
use super::names::Names;
use super::oids::{CATALOG_SCHEMA, INFORMATION_SCHEMA, OidRegistry};
use super::procedures::Procedures;
use super::schema::{CatalogContext, CatalogSchema, SessionTable, table_names};
use super::static_tables::{self, StaticTables};
use super::type_planner::CatalogTypePlanner;
use super::{constraints, dependencies, information, relations, roles, routines, views};
use crate::error::{Result, ShellError};
use crate::session::Session;

/// Name of the only database, that of the catalogue in the engine.
pub const DATABASE: &str = "datafusion";

/// Tables whose rows depend on the session.
const SESSION_TABLES: &[&[SessionTable]] = &[
    relations::TABLES,
    roles::TABLES,
    routines::TABLES,
    views::TABLES,
    information::TABLES,
    constraints::TABLES,
    dependencies::TABLES,
];

/// Whether an unqualified name is a table of the schema `pg_catalog`.
pub fn is_catalog_table(name: &str) -> bool {
    static_tables::is_static(name) || session_table(CATALOG_SCHEMA, name).is_some()
}

/// Whether a name is a view of `information_schema` that Postgres defines.
pub fn is_information_view(name: &str) -> bool {
    session_table(INFORMATION_SCHEMA, name).is_some()
}

/// A table whose rows depend on the session.
pub fn session_table(schema: &str, name: &str) -> Option<&'static SessionTable> {
    let mut tables = SESSION_TABLES.iter().copied().flatten();
    tables.find(|table| table.schema == schema && table.name == name)
}

/// Adds the types and functions of the library that the session lacks.
fn register_library(ctx: &SessionContext) -> std::result::Result<(), DataFusionError> {
    let functions: [fn() -> ScalarUDF; 5] = [
        create_array_lower_udf,
        create_array_upper_udf,
        create_format_type_udf,
        create_parse_ident_udf,
        create_quote_ident_udf,
    ];
    for function in functions {
        let function = function();
        if !ctx.state().scalar_functions().contains_key(function.name()) {
            ctx.register_udf(function);
        }
    }
    let keywords = PgCatalogStaticTables::try_new()?.pg_get_keywords;
    ctx.register_udtf("pg_get_keywords", keywords);
    let state = SessionStateBuilder::new_from_existing(ctx.state())
        .with_type_planner(Arc::new(CatalogTypePlanner))
        .build();
    *ctx.state_ref().write() = state;
    CoerceIntArgsToBigInt::widen(ctx);
    Ok(())
}

/// Adds the catalogue and its functions to a session.
///
/// # Errors
/// If the engine refuses one of them.
pub async fn install(session: &Session) -> Result<()> {
    let ctx = &session.ctx;
    let failed =
        |error: DataFusionError| ShellError::setup(format!("cannot create the catalogue: {error}"));
    let statics = Arc::new(StaticTables::read().map_err(failed)?);
    let oids = OidRegistry::default();
    let procedures = Procedures::of(&ctx.state(), &statics, &oids);
    register_library(ctx).map_err(failed)?;
    let names = Names::new(
        Arc::clone(ctx.state().catalog_list()),
        DATABASE,
        oids,
        procedures,
        &statics,
        table_names(&statics, SESSION_TABLES),
    );
    let context = Arc::new(CatalogContext {
        names: Arc::new(names),
        statics,
        dictionary: Arc::clone(&session.dictionary),
        descriptions: Arc::clone(session.tables.descriptions()),
        database: DATABASE,
        allows_writes: session.policy.allows_writes(),
    });
    functions::register(ctx, &context);
    let catalog = ctx
        .catalog(DATABASE)
        .ok_or_else(|| ShellError::setup(format!("catalogue {DATABASE} does not exist")))?;
    let schema = CatalogSchema::new(context, SESSION_TABLES);
    catalog
        .register_schema(CATALOG_SCHEMA, Arc::new(schema))
        .map_err(failed)?;
    Ok(())
}
