//! Catalogue: what psql, drivers and tools read when they connect.

use super::server::{Server, for_psql};

/// Rows of a query, or the error in place of them.
fn shown(server: &Server, sql: &str) -> String {
    let done = server.run(&[sql]);
    match done.code {
        Some(0) => done.out.trim_end().to_string(),
        _ => format!("ERROR: {}", done.err),
    }
}

/// Commands of psql that list objects. Each answers rows or an empty list.
const COMMANDS: &[&str] = &[
    "\\d",
    "\\d+",
    "\\d shop",
    "\\d+ shop",
    "\\d pg_class",
    "\\d missing",
    "\\da",
    "\\dA+",
    "\\dAc",
    "\\dAf",
    "\\dAo",
    "\\dAp",
    "\\db+",
    "\\dc",
    "\\dC+",
    "\\dconfig",
    "\\dd",
    "\\dD+",
    "\\ddp",
    "\\dE",
    "\\des+",
    "\\det",
    "\\deu",
    "\\dew",
    "\\df+",
    "\\df+ categorize",
    "\\dF+",
    "\\dFd",
    "\\dFp",
    "\\dFt",
    "\\dg",
    "\\di+",
    "\\dl",
    "\\dL+",
    "\\dm",
    "\\dn+",
    "\\do+",
    "\\dO+",
    "\\dp",
    "\\dP+",
    "\\drds",
    "\\dRp",
    "\\dRs",
    "\\ds",
    "\\dS",
    "\\dt+",
    "\\dT+",
    "\\du+",
    "\\dv+",
    "\\dx+",
    "\\dX",
    "\\dy",
    "\\ef categorize",
    "\\l+",
    "\\sf categorize",
    "\\z",
];

#[test]
fn every_list_of_psql_is_answered() {
    let Some((_folder, server)) = for_psql(&["--allow-writes"]) else {
        return;
    };
    for command in COMMANDS {
        let done = server.run(&[command]);
        assert!(!done.err.contains("ERROR"), "{command}: {}", done.err);
    }
    let functions = shown(&server, "\\df+ categorize");
    assert!(functions.contains("public|categorize|text|"), "{functions}");
    let roles = shown(&server, "\\du");
    assert!(roles.starts_with("ada|"), "{roles}");
    assert!(shown(&server, "\\dconfig search_path").contains("public"));
}

#[test]
fn views_have_definitions() {
    let Some((_folder, server)) = for_psql(&["--allow-writes"]) else {
        return;
    };
    let view = "CREATE VIEW cheap AS SELECT title FROM shop WHERE price < 10";
    let done = server.run(&[
        view,
        "\\d+ cheap",
        "SELECT definition FROM pg_views WHERE viewname = 'cheap'",
    ]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    // Without headers, psql leaves out the footer of `\d+`, the definition.
    assert!(done.out.starts_with("title|text"), "{}", done.out);
    assert_eq!(
        done.out.matches("SELECT title FROM shop").count(),
        1,
        "{}",
        done.out
    );
    for (sql, expected) in [
        (
            "SELECT table_type FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name",
            "VIEW\nBASE TABLE",
        ),
        (
            "SELECT count(*) FROM information_schema.views WHERE table_schema = 'public'",
            "1",
        ),
        ("SELECT relkind FROM pg_class WHERE relname = 'cheap'", "v"),
        (
            "SELECT pg_get_viewdef('cheap'::regclass) LIKE '%price < 10%'",
            "t",
        ),
    ] {
        let view_and_query = server.run(&[sql]);
        assert_eq!(
            view_and_query.out.trim_end(),
            expected,
            "{sql}: {}",
            view_and_query.err
        );
    }
}

#[test]
fn information_schema_has_the_types_of_postgres() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    for (sql, expected) in [
        (
            "SELECT column_name, ordinal_position, data_type, udt_name FROM information_schema.columns WHERE table_name = 'shop' ORDER BY ordinal_position",
            "id|1|bigint|int8\ntitle|2|text|text\nprice|3|bigint|int8",
        ),
        (
            "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'public'",
            "shop",
        ),
        (
            "SELECT columns.data_type FROM information_schema.columns WHERE information_schema.columns.column_name = 'title' AND table_name = 'shop'",
            "text",
        ),
        (
            "SELECT privilege_type FROM information_schema.role_table_grants WHERE table_name = 'shop'",
            "SELECT",
        ),
        (
            "SELECT count(*) FROM information_schema.table_constraints",
            "0",
        ),
        (
            "SELECT count(*) FROM information_schema.key_column_usage",
            "0",
        ),
        (
            "SELECT count(*) FROM information_schema.referential_constraints",
            "0",
        ),
        (
            "SELECT count(*) FROM information_schema.constraint_column_usage",
            "0",
        ),
        ("SELECT count(*) FROM information_schema.sequences", "0"),
        ("SELECT count(*) FROM information_schema.triggers", "0"),
        (
            "SELECT schema_name FROM information_schema.schemata ORDER BY 1",
            "information_schema\npg_catalog\npublic",
        ),
        (
            "SELECT routine_schema FROM information_schema.routines WHERE routine_name = 'categorize'",
            "public",
        ),
        (
            "SELECT parameter_name FROM information_schema.parameters WHERE specific_name LIKE 'categorize\\_%' ORDER BY ordinal_position LIMIT 1",
            "title",
        ),
        (
            "SELECT count(*) > 0 FROM information_schema.df_settings",
            "t",
        ),
    ] {
        assert_eq!(shown(&server, sql), expected, "{sql}");
    }
}

#[test]
fn objects_have_names_and_identifiers() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    for (sql, expected) in [
        (
            "SELECT 'pg_class'::regclass, 'pg_class'::regclass::oid",
            "pg_class|1259",
        ),
        (
            "SELECT 1259::regclass::text, 25::regtype::text",
            "pg_class|text",
        ),
        (
            "SELECT 'integer'::regtype::oid, 'int4'::regtype",
            "23|integer",
        ),
        (
            "SELECT typinput FROM pg_type WHERE typname = 'text'",
            "textin",
        ),
        (
            "SELECT typname FROM pg_type WHERE typinput = 'array_in'::regproc AND typelem = 25",
            "_text",
        ),
        (
            "SELECT relname FROM pg_class WHERE oid = 'public.shop'::regclass",
            "shop",
        ),
        (
            "SELECT attname FROM pg_attribute WHERE attrelid = '\"shop\"'::regclass AND attnum > 0 ORDER BY attnum",
            "id\ntitle\nprice",
        ),
        ("SELECT to_regclass('missing') IS NULL", "t"),
        (
            "SELECT c.tableoid = 'pg_class'::regclass FROM pg_class c LIMIT 1",
            "t",
        ),
        (
            "SELECT pg_describe_object('pg_class'::regclass, 'shop'::regclass, 0)",
            "table shop",
        ),
        (
            "SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'shop'",
            "public",
        ),
    ] {
        assert_eq!(shown(&server, sql), expected, "{sql}");
    }
    let missing = shown(&server, "SELECT 'missing'::regclass");
    assert!(
        missing.contains("relation \"missing\" does not exist"),
        "{missing}"
    );
}

#[test]
fn vectors_of_the_catalogue_are_arrays() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    for sql in [
        "SELECT a.attname FROM pg_attribute a JOIN pg_index ix ON a.attrelid = ix.indrelid AND a.attnum = ANY(ix.indkey)",
        "SELECT a.attname FROM pg_attribute a JOIN pg_constraint c ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)",
        "SELECT ix.indkey[0], unnest(ix.indoption), ix.indclass FROM pg_index ix",
        "SELECT relname FROM pg_class WHERE 'x' = ANY(relacl)",
        "SELECT polname, ARRAY(SELECT rolname FROM pg_roles WHERE oid = ANY(polroles)) FROM pg_policy",
    ] {
        assert_eq!(shown(&server, sql), "", "{sql}");
    }
    assert_eq!(
        shown(
            &server,
            "SELECT proargtypes FROM pg_proc WHERE proname = 'int4pl'"
        ),
        "{23,23}"
    );
}

#[test]
fn functions_of_the_catalogue_are_answered() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    for (sql, expected) in [
        ("SELECT current_setting('server_version_num')", "160006"),
        ("SELECT current_setting('no_such', true) IS NULL", "t"),
        ("SELECT current_setting('max_index_keys')", "32"),
        (
            "SELECT pg_my_temp_schema(), pg_is_other_temp_schema(1)",
            "0|f",
        ),
        ("SELECT pg_get_serial_sequence('shop', 'id') IS NULL", "t"),
        ("SELECT pg_advisory_unlock_all()", ""),
        (
            "SELECT pg_try_advisory_lock(1), pg_advisory_unlock(1, 2)",
            "t|t",
        ),
        (
            "SELECT pg_encoding_to_char(6), pg_char_to_encoding('UTF8')",
            "UTF8|6",
        ),
        ("SELECT pg_backend_pid() > 0, txid_current() > 0", "t|t"),
        ("SELECT pg_postmaster_start_time() <= now()", "t"),
        ("SELECT user, current_database()", "ada|datafusion"),
        ("SELECT current_schemas(true)", "{pg_catalog,public}"),
        (
            "SELECT pg_size_pretty(10240), pg_size_pretty(123456789)",
            "10 kB|118 MB",
        ),
        ("SELECT has_table_privilege('shop', 'SELECT')", "t"),
        ("SELECT has_table_privilege('shop', 'INSERT')", "f"),
        ("SELECT pg_get_userbyid(10)", "ada"),
        ("SELECT pg_table_size('shop'::regclass) IS NULL", "t"),
        (
            "SELECT obj_description('shop'::regclass, 'pg_class')",
            "What the shop sells",
        ),
        (
            "SELECT col_description('shop'::regclass, 2)",
            "What it says on the label",
        ),
        (
            "SELECT pg_get_function_result('categorize'::regproc)",
            "text",
        ),
    ] {
        assert_eq!(shown(&server, sql), expected, "{sql}");
    }
    let unknown = shown(&server, "SELECT current_setting('no_such')");
    assert!(
        unknown.contains("unrecognized configuration parameter"),
        "{unknown}"
    );
}

#[test]
fn set_config_changes_the_setting_of_the_connection() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let done = server.run(&[
        "SELECT set_config('application_name', 'probe', false)",
        "SELECT current_setting('application_name')",
        "SHOW application_name",
        "SELECT set_config('client_encoding', 'LATIN1', false)",
    ]);
    assert_eq!(
        done.out
            .lines()
            .collect::<Vec<_>>()
            .join(" ")
            .matches("probe")
            .count(),
        3,
        "{}",
        done.out
    );
    assert!(done.err.contains("cannot be 'LATIN1'"), "{}", done.err);
    assert_eq!(
        shown(&server, "SELECT current_setting('application_name')"),
        "psql"
    );
}

#[test]
fn the_search_path_can_be_taken_apart() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let path = "string_to_array(current_setting('search_path'), ',')";
    let sql = format!(
        "SELECT quote_ident(t.table_name) FROM information_schema.tables t WHERE quote_ident(t.table_schema) IN \
         (SELECT CASE WHEN trim(p[k]) = '\"$user\"' THEN user ELSE trim(p[k]) END \
         FROM generate_series(array_lower({path}, 1), array_upper({path}, 1)) AS k, {path} p)"
    );
    assert_eq!(shown(&server, &sql), "shop");
}

#[test]
fn types_name_their_functions() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let sql = "SELECT n.nspname, t.oid, t.typname, p.proname, CASE WHEN p.proname = 'array_recv' THEN t.typelem WHEN t.typtype = 'r' THEN r.rngsubtype END \
        FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace \
        LEFT JOIN pg_class AS c ON c.oid = t.typrelid LEFT JOIN pg_proc AS p ON p.oid = t.typreceive \
        LEFT JOIN pg_range AS r ON r.rngtypid = t.oid \
        WHERE t.oid IN (25, 1009, 3904) ORDER BY t.oid";
    assert_eq!(
        shown(&server, sql),
        "pg_catalog|25|text|textrecv|\npg_catalog|1009|_text|array_recv|25\npg_catalog|3904|int4range|range_recv|23"
    );
}
