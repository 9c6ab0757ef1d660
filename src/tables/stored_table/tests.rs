//! Tests of tables in memory.

use super::*;
use arrow::array::{ArrayRef, Int64Array};
use std::collections::HashMap;

use crate::tables::definition::KeyRule;

fn rows(values: Vec<i64>) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from(values));
    RecordBatch::try_from_iter_with_nullable([("a", column, true)]).unwrap()
}

fn table() -> StoredTable {
    let mut definition = TableDefinition::of_schema(rows(vec![]).schema());
    definition.keys.push(KeyRule {
        name: "t_pkey".into(),
        columns: vec![0],
        primary: true,
    });
    StoredTable::new("t", definition, vec![vec![rows(vec![1, 2])]]).unwrap()
}

#[test]
fn a_refused_insert_changes_nothing() {
    let table = table();
    let insert = |values| table.apply(None, &TableChanges::insert(rows(values)));
    insert(vec![3]).unwrap();
    assert!(insert(vec![4, 3]).is_err());
    assert_eq!(table.version(None).row_count(), 3);
    insert(vec![4]).unwrap();
    assert!(insert(vec![4]).is_err());
}

#[test]
fn a_transaction_is_private_until_it_commits() {
    let table = table();
    let versions = PrivateVersions::default();
    versions.replace(Some(HashMap::new()));
    let insert = |versions, values| table.apply(versions, &TableChanges::insert(rows(values)));
    insert(Some(&versions), vec![3]).unwrap();
    assert_eq!(table.version(None).row_count(), 2);
    assert_eq!(table.version(Some(&versions)).row_count(), 3);
    // Rows of others are kept, unless they have the same key.
    insert(None, vec![4]).unwrap();
    let private = versions.get(table.id()).unwrap();
    let merged = private.rows.merged(&private).unwrap();
    assert_eq!(merged.row_count(), 4);
    insert(None, vec![3]).unwrap();
    assert!(private.rows.merged(&private).is_err());
}

#[test]
fn rewritten_tables_do_not_merge() {
    let table = table();
    let versions = PrivateVersions::default();
    versions.replace(Some(HashMap::new()));
    table.clear(Some(&versions)).unwrap();
    table
        .apply(None, &TableChanges::insert(rows(vec![7])))
        .unwrap();
    let private = versions.get(table.id()).unwrap();
    assert!(private.rows.merged(&private).is_err());
}

#[test]
fn a_table_that_was_replaced_refuses_writes() {
    let table = table();
    let versions = PrivateVersions::default();
    versions.replace(Some(HashMap::new()));
    let insert = |versions, values| table.apply(versions, &TableChanges::insert(rows(values)));
    insert(Some(&versions), vec![3]).unwrap();
    let private = versions.get(table.id()).unwrap();
    table.retire();
    assert!(insert(None, vec![4]).is_err());
    assert!(table.clear(None).is_err());
    assert!(private.rows.merged(&private).is_err());
    assert_eq!(table.version(None).row_count(), 2);
}
