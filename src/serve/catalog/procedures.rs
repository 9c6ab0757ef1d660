//! Functions of the catalogue: those of Postgres, and those that the session adds.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::Int32Type;
use datafusion::error::Result;
use datafusion::execution::SessionState;

use super::oids::{CATALOG_SCHEMA, OWNER_OID, OidKey, OidRegistry};
use super::procedure::{Procedure, ProcedureArgument};
use super::row_builder::{CatalogValue, RowBuilder};
use super::session_functions::of_session;
use super::static_tables::StaticTables;

/// Language of functions that are part of the server.
const INTERNAL_LANGUAGE: i32 = 12;

/// All functions.
#[derive(Debug)]
pub struct Procedures {
    /// Functions that Postgres lacks, by name.
    added: Vec<Procedure>,
    by_oid: HashMap<i32, Procedure>,
    by_name: HashMap<String, i32>,
}

impl Procedures {
    /// Collects the functions of a session.
    pub fn of(state: &SessionState, tables: &StaticTables, oids: &OidRegistry) -> Self {
        let postgres = tables.get("pg_proc").map(of_postgres).unwrap_or_default();
        let known: HashSet<&str> = postgres.iter().map(|p| p.name.as_str()).collect();
        let added: Vec<Procedure> = of_session(state)
            .into_values()
            .filter(|procedure| !known.contains(procedure.name.as_str()))
            .map(|procedure| Procedure {
                oid: oids.oid(OidKey::Function(procedure.name.clone())),
                ..procedure
            })
            .collect();
        let mut by_oid = HashMap::new();
        let mut by_name = HashMap::new();
        for procedure in postgres.iter().chain(&added) {
            by_name
                .entry(procedure.name.clone())
                .or_insert(procedure.oid);
            by_oid.insert(procedure.oid, procedure.clone());
        }
        Self {
            added,
            by_oid,
            by_name,
        }
    }

    /// Functions that Postgres lacks.
    pub fn added(&self) -> &[Procedure] {
        &self.added
    }

    pub fn get(&self, oid: i32) -> Option<&Procedure> {
        self.by_oid.get(&oid)
    }

    /// Identifier of the first function with a name.
    pub fn oid(&self, name: &str) -> Option<i32> {
        self.by_name.get(name).copied()
    }

    /// Rows of `pg_proc`.
    ///
    /// # Errors
    /// A value that does not fit its column.
    pub fn rows(
        &self,
        mut rows: RowBuilder,
        postgres: &RecordBatch,
        schema_oids: &OidRegistry,
    ) -> Result<RecordBatch> {
        for procedure in &self.added {
            let types = procedure.arguments.iter().map(|a| i64::from(a.type_oid));
            let names = procedure.arguments.iter().map(|a| a.name.clone());
            let schema = schema_oids.oid(OidKey::Schema(procedure.schema.to_string()));
            let count = i32::try_from(procedure.arguments.len()).unwrap_or(i32::MAX);
            rows.push([
                ("oid", procedure.oid.into()),
                ("proname", procedure.name.clone().into()),
                ("pronamespace", schema.into()),
                ("proowner", OWNER_OID.into()),
                ("prolang", INTERNAL_LANGUAGE.into()),
                ("procost", 1.into()),
                ("prorows", 0.into()),
                ("provariadic", 0.into()),
                ("prosupport", 0.into()),
                ("prokind", procedure.kind.clone().into()),
                ("prosecdef", false.into()),
                ("proleakproof", false.into()),
                ("proisstrict", false.into()),
                ("proretset", procedure.returns_set.into()),
                ("provolatile", procedure.volatility.into()),
                ("proparallel", "s".into()),
                ("pronargs", count.into()),
                ("pronargdefaults", 0.into()),
                ("prorettype", procedure.result.into()),
                ("proargtypes", CatalogValue::Integers(types.collect())),
                ("proargnames", CatalogValue::Texts(names.collect())),
                ("prosrc", procedure.name.clone().into()),
            ]);
        }
        let added = rows.finish()?;
        Ok(concat_batches(&added.schema(), [postgres, &added])?)
    }
}

fn of_postgres(rows: &RecordBatch) -> Vec<Procedure> {
    let integers = |name: &str| rows.column_by_name(name)?.as_primitive_opt::<Int32Type>();
    let texts = |name: &str| rows.column_by_name(name)?.as_string_opt::<i32>();
    let (Some(oids), Some(names), Some(results), Some(kinds)) = (
        integers("oid"),
        texts("proname"),
        integers("prorettype"),
        texts("prokind"),
    ) else {
        return Vec::new();
    };
    let types = rows.column_by_name("proargtypes");
    let argument_names = rows.column_by_name("proargnames");
    let sets = rows
        .column_by_name("proretset")
        .and_then(|column| column.as_boolean_opt());
    let rows = (0..rows.num_rows()).map(|row| Procedure {
        oid: oids.value(row),
        name: names.value(row).to_string(),
        schema: CATALOG_SCHEMA,
        kind: kinds.value(row).to_string(),
        arguments: arguments(types, argument_names, row),
        result: results.value(row),
        returns_set: sets.is_some_and(|sets| sets.value(row)),
        volatility: "s",
        description: None,
    });
    rows.collect()
}

fn arguments(
    types: Option<&ArrayRef>,
    names: Option<&ArrayRef>,
    row: usize,
) -> Vec<ProcedureArgument> {
    let list = |column: Option<&ArrayRef>| -> Option<ArrayRef> {
        let list = column?.as_list_opt::<i32>()?;
        (!list.is_null(row)).then(|| list.value(row))
    };
    let Some(types) = list(types) else {
        return Vec::new();
    };
    let Some(types) = types.as_primitive_opt::<Int32Type>() else {
        return Vec::new();
    };
    let names = list(names);
    let names: Option<&StringArray> = names.as_ref().and_then(|names| names.as_string_opt());
    let arguments = types.values().iter().enumerate();
    let arguments = arguments.map(|(at, type_oid)| ProcedureArgument {
        name: names
            .filter(|names| at < names.len())
            .map_or_else(String::new, |names| names.value(at).to_string()),
        type_oid: *type_oid,
    });
    arguments.collect()
}
