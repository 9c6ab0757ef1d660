//! `COPY (...) TO 'file.parquet' OPTIONS (refresh true)`: values that a model
//! computed for unchanged rows come from the existing file.
//!
//! The query becomes a join with the old file by all columns without a model. A
//! model's column becomes `CASE WHEN known THEN old ELSE call END`, so that the
//! model runs for new and changed rows only.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, JoinType, NullEquality, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::expr::FieldMetadata;
use datafusion::logical_expr::logical_plan::{Projection, Sort};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, ident, lit, when};
use semql_udfs::provenance;

use crate::error::{Result, ShellError};
use crate::session::Session;

/// Column of the join that marks known rows.
const KNOWN: &str = "__refresh_known";

/// Rewrites `plan` so that the model runs only for rows that the file `target` lacks.
/// Returns a note for the user if no row can be reused.
///
/// # Errors
/// A query that is not a single SELECT, or that lacks columns that its model reads.
pub async fn reuse(
    session: &Session,
    plan: LogicalPlan,
    target: &str,
) -> Result<(LogicalPlan, Option<String>)> {
    let (sort, projection) = parts(plan)?;
    let query = RefreshQuery::of(&projection)?;
    let old = session
        .ctx
        .table_provider(TableReference::bare(target))
        .await;
    let old = match old {
        Ok(old) if std::path::Path::new(target).exists() => old,
        _ => return Ok((sorted(query.whole()?, sort)?, None)),
    };
    if let Some(why) = query.differs(&old.schema()) {
        let note = format!("all rows were computed anew, since {why}");
        return Ok((sorted(query.whole()?, sort)?, Some(note)));
    }
    Ok((sorted(query.joined(old)?, sort)?, None))
}

fn parts(plan: LogicalPlan) -> Result<(Option<Sort>, Projection)> {
    match plan {
        LogicalPlan::Projection(projection) => Ok((None, projection)),
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            let (_, projection) = parts(Arc::unwrap_or_clone(Arc::clone(&sort.input)))?;
            Ok((Some(sort), projection))
        }
        _ => Err(ShellError::query(
            "OPTIONS (refresh true) takes one SELECT with or without ORDER BY; put DISTINCT, UNION, LIMIT and GROUP BY into \
             a subquery below it",
        )),
    }
}

fn sorted(plan: LogicalPlan, sort: Option<Sort>) -> Result<LogicalPlan> {
    let Some(sort) = sort else {
        return Ok(plan);
    };
    // The output has the column names of the old plan without its qualifiers.
    let unqualified = |expr: Expr| {
        use datafusion::common::tree_node::{Transformed, TreeNode};
        expr.transform(|expr| {
            Ok(match expr {
                Expr::Column(column) => {
                    Transformed::yes(Expr::Column(Column::new_unqualified(column.name)))
                }
                other => Transformed::no(other),
            })
        })
        .map(|transformed| transformed.data)
    };
    let mut keys = Vec::new();
    for mut key in sort.expr {
        key.expr = unqualified(key.expr)?;
        keys.push(key);
    }
    Ok(LogicalPlanBuilder::from(plan).sort(keys)?.build()?)
}

/// Column of the query.
struct RefreshColumn {
    expr: Expr,
    field: Arc<Field>,
    /// For a model's column: metadata that the file's column must match.
    provenance: Option<BTreeMap<String, String>>,
}

struct RefreshQuery {
    input: LogicalPlan,
    columns: Vec<RefreshColumn>,
}

impl RefreshQuery {
    fn of(projection: &Projection) -> Result<Self> {
        let fields = projection.schema.fields().iter();
        let columns: Vec<RefreshColumn> = projection
            .expr
            .iter()
            .zip(fields)
            .map(|(expr, field)| RefreshColumn {
                provenance: provenance(field).map(|mut own| {
                    own.insert(
                        provenance::CALL.to_string(),
                        expr.clone().unalias().to_string(),
                    );
                    own
                }),
                expr: expr.clone().unalias(),
                field: Arc::clone(field),
            })
            .collect();
        if columns.iter().all(|column| column.provenance.is_none()) {
            return Err(ShellError::query(
                "OPTIONS (refresh true): no column of the query comes from a model",
            ));
        }
        let passed: HashSet<&Column> = columns
            .iter()
            .filter_map(|column| column.expr.try_as_col())
            .collect();
        for column in columns.iter().filter(|column| column.provenance.is_some()) {
            let reads = column.expr.column_refs();
            if let Some(missing) = reads.into_iter().find(|read| !passed.contains(read)) {
                return Err(ShellError::query(format!(
                    "OPTIONS (refresh true) finds changed rows by the columns beside {}; add {} to them",
                    column.field.name(),
                    missing.name
                )));
            }
        }
        Ok(Self {
            input: projection.input.as_ref().clone(),
            columns,
        })
    }

    /// Reason why the file cannot be used.
    fn differs(&self, old: &SchemaRef) -> Option<String> {
        let names = |fields: &mut dyn Iterator<Item = &Arc<Field>>| -> Vec<String> {
            fields.map(|field| field.name().clone()).collect()
        };
        let own = names(&mut self.columns.iter().map(|column| &column.field));
        if own != names(&mut old.fields().iter()) {
            return Some("the file has other columns".to_string());
        }
        let mut pairs = self.columns.iter().zip(old.fields());
        let (column, _) = pairs.find(|(column, old)| !column.matches(old))?;
        Some(format!(
            "{} in the file comes from another model, taxonomy or call",
            column.field.name()
        ))
    }

    /// The unchanged query, with its calls in the metadata.
    fn whole(&self) -> Result<LogicalPlan> {
        let columns = self
            .columns
            .iter()
            .map(|column| column.named(column.expr.clone()));
        let plan = LogicalPlanBuilder::from(self.input.clone());
        Ok(plan.project(columns.collect::<Vec<_>>())?.build()?)
    }

    fn joined(&self, old: Arc<dyn TableProvider>) -> Result<LogicalPlan> {
        let plain = || {
            let all = self.columns.iter().enumerate();
            all.filter(|(_, column)| column.provenance.is_none())
        };
        let mut left: Vec<Expr> = self
            .input
            .schema()
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect();
        left.extend(plain().map(|(at, column)| column.expr.clone().alias(key(at))));
        let left = LogicalPlanBuilder::from(self.input.clone()).project(left)?;

        let old = LogicalPlanBuilder::scan("refreshed", provider_as_source(old), None)?;
        let types = self.columns.iter().enumerate();
        let typed = types.map(|(at, column)| {
            let own = cast(ident(column.field.name()), column.field.data_type().clone());
            own.alias(before(at))
        });
        let old = old.project(typed.collect::<Vec<_>>())?;
        let all = (0..self.columns.len()).map(|at| ident(before(at)));
        let keys = plain().map(|(at, _)| ident(before(at))).collect();
        let old = old
            .distinct_on(keys, all.chain([lit(true).alias(KNOWN)]).collect(), None)?
            .build()?;

        let pairs = plain().map(|(at, _)| (key(at), before(at)));
        let (own, theirs): (Vec<String>, Vec<String>) = pairs.unzip();
        let joined = left.join_detailed(
            old,
            JoinType::Left,
            (own, theirs),
            None,
            NullEquality::NullEqualsNull,
        )?;
        let mut columns = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let expr = match column.provenance {
                None => ident(key(at)),
                Some(_) => when(ident(KNOWN).is_true(), ident(before(at)))
                    .otherwise(column.expr.clone())?,
            };
            columns.push(column.named(expr));
        }
        Ok(joined.project(columns)?.build()?)
    }
}

impl RefreshColumn {
    /// Whether the file's column has the same provenance.
    fn matches(&self, old: &Field) -> bool {
        let mut found = provenance(old);
        if let (Some(found), Some(own)) = (&mut found, &self.provenance)
            && let Some(pooling) = own.get(provenance::POOLING)
        {
            let found = found.entry(provenance::POOLING.to_string());
            found.or_insert_with(|| pooling.clone());
        }
        found == self.provenance
    }

    /// `expr` under the column's name, with its metadata.
    fn named(&self, expr: Expr) -> Expr {
        let mut metadata: HashMap<String, String> = self.field.metadata().clone();
        metadata.extend(self.provenance.clone().unwrap_or_default());
        let metadata = (!metadata.is_empty()).then(|| FieldMetadata::from(metadata));
        expr.alias_with_metadata(self.field.name(), metadata)
    }
}

fn provenance(field: &Field) -> Option<BTreeMap<String, String>> {
    let metadata = field.metadata();
    metadata.contains_key(provenance::MODEL).then(|| {
        let own = metadata
            .iter()
            .filter(|(key, _)| key.starts_with(provenance::PREFIX));
        own.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    })
}

/// A column of the query in the join.
fn key(at: usize) -> String {
    format!("__refresh_key_{at}")
}

/// A column of the file in the join.
fn before(at: usize) -> String {
    format!("__refresh_before_{at}")
}
