//! Views of the catalogue: tables, views, settings and activity as Postgres shows
//! them to people.

use arrow::array::RecordBatch;
use datafusion::error::Result;
use semql_udfs::inference::sync::lock;

use super::relations::query_of;
use super::row_builder::RowBuilder;
use super::schema::{CatalogRequest, SessionTable, no_rows, table, view};
use crate::serve::settings::ClientSettings;

const SETTING_COLUMNS: &str = "\
name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, vartype text,
source text, min_val text, max_val text, enumvals text[], boot_val text, reset_val text, sourcefile text,
sourceline int4, pending_restart bool";

const STAT_TABLE_COLUMNS: &str = "\
relid oid, schemaname name, relname name, seq_scan int8, last_seq_scan timestamptz, seq_tup_read int8, idx_scan int8,
last_idx_scan timestamptz, idx_tup_fetch int8, n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8,
n_tup_newpage_upd int8, n_live_tup int8, n_dead_tup int8, n_mod_since_analyze int8, n_ins_since_vacuum int8,
last_vacuum timestamptz, last_autovacuum timestamptz, last_analyze timestamptz, last_autoanalyze timestamptz,
vacuum_count int8, autovacuum_count int8, analyze_count int8, autoanalyze_count int8";

const STAT_ACTIVITY_COLUMNS: &str = "\
datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, application_name text,
client_addr text, client_hostname text, client_port int4, backend_start timestamptz, xact_start timestamptz,
query_start timestamptz, state_change timestamptz, wait_event_type text, wait_event text, state text,
backend_xid int4, backend_xmin int4, query_id int8, query text, backend_type text";

/// Views for people, and tables of features that semql lacks.
pub const TABLES: &[SessionTable] = &[
    view(
        "pg_tables",
        "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, hastriggers bool, rowsecurity bool",
        tables,
    ),
    view(
        "pg_views",
        "schemaname name, viewname name, viewowner name, definition text",
        views,
    ),
    view("pg_settings", SETTING_COLUMNS, settings),
    view("pg_stat_user_tables", STAT_TABLE_COLUMNS, no_rows),
    view("pg_stat_all_tables", STAT_TABLE_COLUMNS, no_rows),
    view("pg_stat_activity", STAT_ACTIVITY_COLUMNS, activity),
    view(
        "pg_stat_gssapi",
        "pid int4, gss_authenticated bool, principal text, encrypted bool, credentials_delegated bool",
        no_rows,
    ),
    view(
        "pg_stat_ssl",
        "pid int4, ssl bool, version text, cipher text, bits int4, client_dn text, client_serial numeric, issuer_dn text",
        no_rows,
    ),
    view(
        "pg_matviews",
        "schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, ispopulated bool, definition text",
        no_rows,
    ),
    view(
        "pg_indexes",
        "schemaname name, tablename name, indexname name, tablespace name, indexdef text",
        no_rows,
    ),
    view(
        "pg_sequences",
        "schemaname name, sequencename name, sequenceowner name, data_type oid, start_value int8, min_value int8, max_value int8, increment_by int8, cycle bool, cache_size int8, last_value int8",
        no_rows,
    ),
    view(
        "pg_rules",
        "schemaname name, tablename name, rulename name, definition text",
        no_rows,
    ),
    view(
        "pg_policies",
        "schemaname name, tablename name, policyname name, permissive text, roles text[], cmd text, qual text, with_check text",
        no_rows,
    ),
    view(
        "pg_publication_tables",
        "pubname name, schemaname name, tablename name, attnames text[], rowfilter text",
        no_rows,
    ),
    view(
        "pg_stats",
        "schemaname name, tablename name, attname name, inherited bool, null_frac float4, avg_width int4, n_distinct float4, most_common_vals text, most_common_freqs float4[], histogram_bounds text, correlation float4",
        no_rows,
    ),
    view(
        "pg_locks",
        "locktype text, database oid, relation oid, page int4, tuple int2, virtualxid text, transactionid int4, classid oid, objid oid, objsubid int2, virtualtransaction text, pid int4, mode text, granted bool, fastpath bool, waitstart timestamptz",
        no_rows,
    ),
    view(
        "pg_cursors",
        "name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, creation_time timestamptz",
        no_rows,
    ),
    view(
        "pg_prepared_statements",
        "name text, statement text, prepare_time timestamptz, parameter_types oid[], result_types oid[], from_sql bool, generic_plans int8, custom_plans int8",
        no_rows,
    ),
    view(
        "pg_prepared_xacts",
        "transaction int4, gid text, prepared timestamptz, owner name, database name",
        no_rows,
    ),
    view(
        "pg_seclabels",
        "objoid oid, classoid oid, objsubid int4, objtype text, objnamespace oid, objname text, provider text, label text",
        no_rows,
    ),
    view(
        "pg_available_extensions",
        "name name, default_version text, installed_version text, comment text",
        no_rows,
    ),
    view(
        "pg_available_extension_versions",
        "name name, version text, installed bool, superuser bool, trusted bool, relocatable bool, schema name, requires text[], comment text",
        no_rows,
    ),
    view(
        "pg_replication_slots",
        "slot_name name, plugin name, slot_type text, datoid oid, database name, temporary bool, active bool, active_pid int4, xmin int4, catalog_xmin int4, restart_lsn text, confirmed_flush_lsn text",
        no_rows,
    ),
    view(
        "pg_stat_database",
        "datid oid, datname name, numbackends int4, xact_commit int8, xact_rollback int8, blks_read int8, blks_hit int8, tup_returned int8, tup_fetched int8, tup_inserted int8, tup_updated int8, tup_deleted int8, conflicts int8, temp_files int8, temp_bytes int8, deadlocks int8, stats_reset timestamptz",
        no_rows,
    ),
    view(
        "pg_statio_user_tables",
        "relid oid, schemaname name, relname name, heap_blks_read int8, heap_blks_hit int8, idx_blks_read int8, idx_blks_hit int8",
        no_rows,
    ),
    view(
        "pg_stat_user_indexes",
        "relid oid, indexrelid oid, schemaname name, relname name, indexrelname name, idx_scan int8, last_idx_scan timestamptz, idx_tup_read int8, idx_tup_fetch int8",
        no_rows,
    ),
    view(
        "pg_timezone_names",
        "name text, abbrev text, utc_offset interval, is_dst bool",
        no_rows,
    ),
    table(
        "pg_parameter_acl",
        "oid oid, parname text, paracl text[]",
        no_rows,
    ),
    table(
        "pg_transform",
        "oid oid, trftype oid, trflang oid, trffromsql oid, trftosql oid",
        no_rows,
    ),
    table(
        "pg_ts_config_map",
        "mapcfg oid, maptokentype int4, mapseqno int4, mapdict oid",
        no_rows,
    ),
];

fn tables(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for relation in request
        .relations
        .iter()
        .filter(|relation| !relation.is_view)
    {
        rows.push([
            ("schemaname", relation.schema.clone().into()),
            ("tablename", relation.name.clone().into()),
            ("tableowner", request.user().into()),
            ("hasindexes", false.into()),
            ("hasrules", false.into()),
            ("hastriggers", false.into()),
            ("rowsecurity", false.into()),
        ]);
    }
    rows.finish()
}

fn views(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    for relation in request.relations.iter().filter(|relation| relation.is_view) {
        rows.push([
            ("schemaname", relation.schema.clone().into()),
            ("viewname", relation.name.clone().into()),
            ("viewowner", request.user().into()),
        ]);
        if let Some(definition) = &relation.definition {
            rows.extend([("definition", query_of(definition).into())]);
        }
    }
    rows.finish()
}

fn settings(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    let of_client = match request.client {
        Some(client) => lock(&client.settings).all(),
        None => ClientSettings::default().all(),
    };
    for setting in of_client {
        let source = match setting.value == setting.default {
            true => "default",
            false => "session",
        };
        let context = if setting.read_only {
            "internal"
        } else {
            "user"
        };
        rows.push([
            ("name", setting.name.into()),
            ("setting", setting.value.into()),
            ("category", "Client".into()),
            ("context", context.into()),
            ("vartype", "string".into()),
            ("source", source.into()),
            ("boot_val", setting.default.into()),
            ("reset_val", setting.default.into()),
            ("pending_restart", false.into()),
        ]);
    }
    for entry in request.options.entries() {
        rows.push([
            ("name", entry.key.clone().into()),
            ("category", "Engine".into()),
            ("short_desc", entry.description.into()),
            ("context", "user".into()),
            ("vartype", "string".into()),
            ("source", "session".into()),
            ("pending_restart", false.into()),
        ]);
        if let Some(value) = &entry.value {
            rows.extend([("setting", value.clone().into())]);
        }
    }
    rows.finish()
}

fn activity(request: &CatalogRequest<'_>, mut rows: RowBuilder) -> Result<RecordBatch> {
    if let Some(client) = request.client {
        let application = lock(&client.settings).show("application_name");
        rows.push([
            ("datname", request.context.database.into()),
            ("pid", client.pid.into()),
            ("usename", client.user.clone().into()),
            ("client_addr", client.peer.ip().to_string().into()),
            ("client_port", i32::from(client.peer.port()).into()),
            ("state", "active".into()),
            ("backend_type", "client backend".into()),
        ]);
        if let Some((_, application)) = application {
            rows.extend([("application_name", application.into())]);
        }
    }
    rows.finish()
}
