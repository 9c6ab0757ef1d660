//! Dependencies of views on what they read. As in Postgres, the rule of a view depends
//! on the relations of its query; dbt reads this to know what CASCADE drops.

use arrow::array::RecordBatch;
use datafusion::error::Result;

use super::oids::{OidKey, catalog_table};
use super::row_builder::RowBuilder;
use super::schema::{CatalogRequest, SessionTable, table};
use super::snapshot::CatalogRelation;

/// Name of the rule that makes a relation a view.
const RULE: &str = "_RETURN";

/// Tables about dependencies.
pub const TABLES: &[SessionTable] = &[
    table(
        "pg_depend",
        "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char",
        depend,
    ),
    table(
        "pg_rewrite",
        "oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool, ev_qual text, ev_action text",
        rewrite,
    ),
];

fn rule_oid(request: &CatalogRequest<'_>, view: &CatalogRelation) -> i32 {
    let key = OidKey::Part(view.schema.clone(), view.name.clone(), RULE.to_string());
    request.context.names.oids.oid(key)
}

fn views<'a>(request: &'a CatalogRequest<'_>) -> impl Iterator<Item = &'a CatalogRelation> {
    let relations = request.relations.iter();
    relations.filter(|relation| relation.is_view && !relation.is_of_catalog())
}

fn rewrite(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for view in views(request) {
        rows.push([
            ("oid", rule_oid(request, view).into()),
            ("rulename", RULE.into()),
            ("ev_class", view.oid.into()),
            ("ev_type", "1".into()),
            ("ev_enabled", "O".into()),
            ("is_instead", true.into()),
        ]);
    }
    rows.finish()
}

fn depend(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let class = |table: &str| catalog_table(table).unwrap_or(0);
    for view in views(request) {
        let read = request.relations.iter().filter(|other| view.reads(other));
        // The rule belongs to its view, and reads the others.
        let view_itself = std::iter::once((view, "i"));
        for (relation, kind) in view_itself.chain(read.map(|relation| (relation, "n"))) {
            rows.push([
                ("classid", class("pg_rewrite").into()),
                ("objid", rule_oid(request, view).into()),
                ("objsubid", 0.into()),
                ("refclassid", class("pg_class").into()),
                ("refobjid", relation.oid.into()),
                ("refobjsubid", 0.into()),
                ("deptype", kind.into()),
            ]);
        }
    }
    rows.finish()
}
