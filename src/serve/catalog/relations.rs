//! Tables of the catalogue about relations: `pg_class`, `pg_attribute`,
//! `pg_namespace`, `pg_database`, `pg_description` and the definitions of views.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datafusion::error::Result;

use super::oids::{OWNER_OID, OidKey, catalog_table};
use super::row_builder::{CatalogValue, RowBuilder};
use super::schema::{CatalogRequest, SessionTable, table, view};
use crate::tables::TableName;

const CLASS_COLUMNS: &str = "\
oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid, relfilenode oid,
reltablespace oid, relpages int4, reltuples float4, relallvisible int4, reltoastrelid oid, relhasindex bool,
relisshared bool, relpersistence char, relkind char, relnatts int2, relchecks int2, relhasrules bool,
relhastriggers bool, relhassubclass bool, relrowsecurity bool, relforcerowsecurity bool, relispopulated bool,
relreplident char, relispartition bool, relrewrite oid, relfrozenxid int4, relminmxid int4, relacl text[],
reloptions text[], relpartbound text";

const ATTRIBUTE_COLUMNS: &str = "\
attrelid oid, attname name, atttypid oid, attlen int2, attnum int2, attcacheoff int4, atttypmod int4, attndims int2,
attbyval bool, attalign char, attstorage char, attcompression char, attnotnull bool, atthasdef bool,
atthasmissing bool, attidentity char, attgenerated char, attisdropped bool, attislocal bool, attinhcount int2,
attstattarget int2, attcollation oid, attacl text[], attoptions text[], attfdwoptions text[], attmissingval text";

const NAMESPACE_COLUMNS: &str = "oid oid, nspname name, nspowner oid, nspacl text[]";

const DATABASE_COLUMNS: &str = "\
oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, datallowconn bool,
datconnlimit int4, datfrozenxid int4, datminmxid int4, dattablespace oid, datcollate text, datctype text,
daticulocale text, daticurules text, datcollversion text, datacl text[]";

const VIEW_DEFINITION_COLUMNS: &str = "oid oid, definition text";

const DESCRIPTION_COLUMNS: &str = "objoid oid, classoid oid, objsubid int4, description text";

/// Identifier of the only database.
const DATABASE_OID: i32 = 16_383;
/// Tablespace `pg_default`.
const TABLESPACE_OID: i32 = 1663;
/// Access method `heap` of tables.
const HEAP_OID: i32 = 2;
/// Encoding UTF8.
const UTF8_ENCODING: i32 = 6;
/// Tables about relations.
pub const TABLES: &[SessionTable] = &[
    table("pg_class", CLASS_COLUMNS, class),
    table(
        "pg_attrdef",
        "oid oid, adrelid oid, adnum int2, adbin text",
        defaults,
    ),
    table("pg_attribute", ATTRIBUTE_COLUMNS, attribute),
    table("pg_namespace", NAMESPACE_COLUMNS, namespace),
    table("pg_database", DATABASE_COLUMNS, database),
    table("pg_description", DESCRIPTION_COLUMNS, description),
    view(
        "pg_view_definitions",
        VIEW_DEFINITION_COLUMNS,
        view_definitions,
    ),
];

/// Rows of `pg_class`.
fn class(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let names = &request.context.names;
    for relation in request.relations {
        let columns = i32::try_from(relation.columns.fields().len()).unwrap_or(i32::MAX);
        let access_method = if relation.is_view { 0 } else { HEAP_OID };
        rows.push([
            ("oid", relation.oid.into()),
            ("relname", relation.name.clone().into()),
            ("relnamespace", names.schema_oid(&relation.schema).into()),
            ("reltype", 0.into()),
            ("reloftype", 0.into()),
            ("relowner", OWNER_OID.into()),
            ("relam", access_method.into()),
            ("relfilenode", 0.into()),
            ("reltablespace", 0.into()),
            ("relpages", 0.into()),
            // -1: the table was never analyzed.
            ("reltuples", (-1).into()),
            ("relallvisible", 0.into()),
            ("reltoastrelid", 0.into()),
            ("relhasindex", false.into()),
            ("relisshared", false.into()),
            ("relpersistence", "p".into()),
            ("relkind", relation.kind().into()),
            ("relnatts", columns.into()),
            ("relchecks", 0.into()),
            ("relhasrules", relation.is_view.into()),
            ("relhastriggers", false.into()),
            ("relhassubclass", false.into()),
            ("relrowsecurity", false.into()),
            ("relforcerowsecurity", false.into()),
            ("relispopulated", true.into()),
            ("relreplident", "d".into()),
            ("relispartition", false.into()),
            ("relrewrite", 0.into()),
            ("relfrozenxid", 0.into()),
            ("relminmxid", 0.into()),
        ]);
    }
    rows.finish()
}

/// Rows of `pg_attribute`.
fn attribute(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let types = &request.context.statics;
    let lengths = types.numbers("pg_type", "typlen");
    let collations = types.numbers("pg_type", "typcollation");
    for relation in request.relations {
        for column in relation.columns() {
            let length = lengths.get(&column.type_oid).copied().unwrap_or(-1);
            let storage = if length > 0 { "p" } else { "x" };
            let identity = match column.identity {
                Some("ALWAYS") => "a",
                Some(_) => "d",
                None => "",
            };
            let collation = collations.get(&column.type_oid).copied().unwrap_or(0);
            rows.push([
                ("attrelid", relation.oid.into()),
                ("attname", column.name.into()),
                ("atttypid", column.type_oid.into()),
                ("attlen", length.into()),
                ("attnum", column.position.into()),
                ("attcacheoff", (-1).into()),
                ("atttypmod", column.modifier.into()),
                ("attndims", column.dimensions.into()),
                ("attbyval", (1..=8).contains(&length).into()),
                ("attalign", "i".into()),
                ("attstorage", storage.into()),
                ("attcompression", "".into()),
                ("attnotnull", (!column.nullable).into()),
                ("atthasdef", column.default.is_some().into()),
                ("atthasmissing", false.into()),
                ("attidentity", identity.into()),
                ("attgenerated", "".into()),
                ("attisdropped", false.into()),
                ("attislocal", true.into()),
                ("attinhcount", 0.into()),
                ("attstattarget", (-1).into()),
                ("attcollation", collation.into()),
            ]);
        }
    }
    rows.finish()
}

/// Rows of `pg_attrdef`: defaults of columns.
fn defaults(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for relation in request.relations {
        for column in relation.columns() {
            let Some(default) = column.default else {
                continue;
            };
            let key = OidKey::Part(relation.schema.clone(), relation.name.clone(), column.name);
            rows.push([
                ("oid", request.context.names.oids.oid(key).into()),
                ("adrelid", relation.oid.into()),
                ("adnum", column.position.into()),
                ("adbin", default.into()),
            ]);
        }
    }
    rows.finish()
}

/// Rows of `pg_namespace`.
fn namespace(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let names = &request.context.names;
    for name in names.schemas(request.database) {
        rows.push([
            ("oid", names.schema_oid(&name).into()),
            ("nspname", name.into()),
            ("nspowner", OWNER_OID.into()),
        ]);
    }
    rows.finish()
}

/// Rows of `pg_database`.
fn database(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    rows.push([
        ("oid", DATABASE_OID.into()),
        ("datname", request.context.database.into()),
        ("datdba", OWNER_OID.into()),
        ("encoding", UTF8_ENCODING.into()),
        ("datlocprovider", "c".into()),
        ("datistemplate", false.into()),
        ("datallowconn", true.into()),
        ("datconnlimit", (-1).into()),
        ("datfrozenxid", 0.into()),
        ("datminmxid", 0.into()),
        ("dattablespace", TABLESPACE_OID.into()),
        ("datcollate", "C.UTF-8".into()),
        ("datctype", "C.UTF-8".into()),
    ]);
    rows.finish()
}

/// Queries of views, by the identifier of the view.
fn view_definitions(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for relation in request.relations {
        if let (true, Some(definition)) = (relation.is_view, &relation.definition) {
            rows.push([
                ("oid", relation.oid.into()),
                ("definition", query_of(definition).into()),
            ]);
        }
    }
    rows.finish()
}

/// Query of a view's definition, which may be the whole `CREATE VIEW`. It ends
/// with a semicolon, as in Postgres.
pub fn query_of(definition: &str) -> String {
    use datafusion::sql::sqlparser::ast::Statement;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    let parsed = Parser::parse_sql(&GenericDialect {}, definition);
    let query = match parsed.ok().as_deref() {
        Some([Statement::CreateView(view)]) => view.query.to_string(),
        _ => definition.trim_end().trim_end_matches(';').to_string(),
    };
    format!(" {query};")
}

/// Rows of `pg_description`: of Postgres' functions, semql's functions, and the
/// tables and columns of the dictionary.
fn description(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let context = request.context;
    let class_oid = |table: &str| catalog_table(table).unwrap_or(0);
    let mut push = |object: i32, class: &str, column: i64, text: &str| {
        rows.push([
            ("objoid", object.into()),
            ("classoid", class_oid(class).into()),
            ("objsubid", column.into()),
            ("description", CatalogValue::from(text)),
        ]);
    };
    for procedure in context.names.procedures.added() {
        if let Some(text) = &procedure.description {
            push(procedure.oid, "pg_proc", 0, text);
        }
    }
    for relation in request.relations {
        if relation.is_of_catalog() {
            continue;
        }
        // COMMENT ON counts more than the dictionary.
        let table = context.dictionary.table(&relation.name);
        let name = TableName {
            catalog: context.database.to_string(),
            schema: relation.schema.clone(),
            table: relation.name.clone(),
        };
        let comment = |column: Option<&str>| context.descriptions.get(&name, column);
        let declared = table.and_then(|table| table.description.clone());
        if let Some(text) = comment(None).or(declared) {
            push(relation.oid, "pg_class", 0, &text);
        }
        for column in relation.columns() {
            let declared = table.and_then(|table| table.column(&column.name)?.description.clone());
            if let Some(text) = comment(Some(&column.name)).or(declared) {
                push(relation.oid, "pg_class", column.position, &text);
            }
        }
    }
    let added = rows.finish()?;
    match context.statics.get("pg_description") {
        Some(postgres) => Ok(concat_batches(&added.schema(), [postgres, &added])?),
        None => Ok(added),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_shown_as_queries() {
        let query = query_of("CREATE VIEW v AS SELECT 1 AS a FROM t;");
        assert_eq!(query, " SELECT 1 AS a FROM t;");
        assert_eq!(query_of("SELECT 1"), " SELECT 1;");
    }
}
