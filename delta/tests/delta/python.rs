//! Another implementation reads what semql writes, and writes what semql reads.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::process;
use crate::program::{fail, rows, succeed, value};
use crate::skip::skip;

/// Interpreter with the packages of `tests/requirements.txt`; `make test-delta` sets it.
const PYTHON_VARIABLE: &str = "SEMQL_DELTA_PYTHON";

/// The interpreter; skips the test without one.
pub fn interpreter() -> Option<String> {
    let found = std::env::var(PYTHON_VARIABLE).ok();
    if found.is_none() {
        skip("deltalake");
    }
    found
}

/// Runs Python in `folder`, and returns what it prints; `None` without an interpreter.
fn python(folder: &Path, code: &str) -> Option<String> {
    let mut command = Command::new(interpreter()?);
    let output = process::output(command.current_dir(folder).args(["-c", code]));
    let error = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(output.status.success(), "{code}: {error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn python_reads_what_semql_writes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        "SET ai.model = 'deterministic';
         COPY (SELECT id, 'title ' || id AS title, id % 2 AS part, embed('title ' || id) AS v,
                      TIMESTAMPTZ '2026-01-31 12:30:00Z' AS at, 12.50::decimal(10, 2) AS price
               FROM generate_series(1, 10) AS t(id))
         TO 'table/' STORED AS DELTA PARTITIONED BY (part);
         CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'table/';
         INSERT INTO t (id, title, part) VALUES (11, 'inserted', 7)",
    );
    let Some(printed) = python(
        folder,
        "import json
from deltalake import DeltaTable
table = DeltaTable('table')
data = table.to_pyarrow_table()
fields = {field.name: field for field in table.schema().fields}
rows = sorted(data.to_pylist(), key=lambda row: row['id'])
print(json.dumps({
    'version': table.version(), 'rows': len(rows), 'last': rows[-1]['title'],
    'partitions': table.metadata().partition_columns,
    'vector': len(rows[0]['v']), 'model': fields['v'].metadata.get('semql.model'),
    'price': str(rows[0]['price']), 'at': rows[0]['at'].isoformat(),
    'operations': [commit['operation'] for commit in table.history()],
}))",
    ) else {
        return;
    };
    let read: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(read["version"], 1, "{read}");
    assert_eq!(read["rows"], 11);
    assert_eq!(read["last"], "inserted");
    assert_eq!(read["partitions"], json!(["part"]));
    assert!(read["vector"].as_u64().unwrap() > 1, "{read}");
    assert_eq!(read["model"], "deterministic");
    assert_eq!(read["price"], "12.50");
    assert_eq!(read["at"], "2026-01-31T12:30:00+00:00");
}

#[test]
fn semql_reads_what_python_writes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(_) = python(
        folder,
        "import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
data = pa.table({'id': pa.array([1, 2, 3], pa.int64()), 'name': ['a', 'b', None], 'part': ['x', 'x', 'y'],
                 'scores': pa.array([[1.0, 2.0], [], None], pa.list_(pa.float32()))})
write_deltalake('table', data, partition_by=['part'])
write_deltalake('table', data, mode='append')
DeltaTable('table').delete(\"id = 2\")
DeltaTable('table').update(updates={'name': \"'updated'\"}, predicate='id = 3')
DeltaTable('table').create_checkpoint()
write_deltalake('table', data.slice(0, 1), mode='append')",
    ) else {
        return;
    };
    let sql =
        "SELECT id, name, part, scores, count(*) AS n FROM 'table/' GROUP BY ALL ORDER BY id, n";
    let read = rows(folder, sql);
    assert_eq!(read.len(), 2, "{read:?}");
    assert_eq!(
        read[0],
        json!({"id": 1, "name": "a", "part": "x", "scores": [1.0, 2.0], "n": 3})
    );
    assert_eq!(
        read[1],
        json!({"id": 3, "name": "updated", "part": "y", "scores": null, "n": 2})
    );
    let version = "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'table/' OPTIONS (version 1);";
    assert_eq!(
        value(folder, &format!("{version} SELECT count(*) FROM t")),
        6
    );
}

#[test]
fn columns_with_other_names_in_the_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(_) = python(
        folder,
        "import pyarrow as pa
from deltalake import write_deltalake
write_deltalake('mapped', pa.table({'id': [1, 2], 'a b': ['x', 'y']}),
                configuration={'delta.columnMapping.mode': 'name'})",
    ) else {
        return;
    };
    let files = rows(folder, "SELECT * FROM 'mapped/*/*.parquet'");
    assert!(
        files.iter().all(|row| row.get("a b").is_none()),
        "{files:?}"
    );
    assert_eq!(
        rows(folder, "SELECT \"a b\" AS name FROM 'mapped/' WHERE id = 2"),
        [json!({"name": "y"})]
    );
    succeed(
        folder,
        "COPY (SELECT 3 AS id, 'z' AS \"a b\") TO 'mapped/' STORED AS DELTA OPTIONS (mode 'append')",
    );
    assert_eq!(value(folder, "SELECT max(\"a b\") FROM 'mapped/'"), "z");
}

#[test]
fn constraints_of_a_table_hold() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(_) = python(
        folder,
        "import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
write_deltalake('table', pa.table({'price': pa.array([1, 2], pa.int64())}))
DeltaTable('table').alter.add_constraint({'positive': 'price > 0'})",
    ) else {
        return;
    };
    let copy = |price: i64| {
        format!(
            "COPY (SELECT {price}::bigint AS price) TO 'table/' STORED AS DELTA OPTIONS (mode 'append')"
        )
    };
    let error = fail(folder, &copy(-1));
    assert!(error.contains("failed validation"), "{error}");
    let insert =
        "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'table/'; INSERT INTO t VALUES (-1)";
    assert!(fail(folder, insert).contains("failed validation"));
    succeed(folder, &copy(3));
    assert_eq!(value(folder, "SELECT sum(price) FROM 'table/'"), 6);
}
