//! The optimizer rule that finds searches which an index may serve.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::Float32Type;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, Limit, LogicalPlan, Operator, Projection, Sort, SubqueryAlias,
    TableScan,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;

use super::data::DataFiles;
use super::table::{NearestRows, SearchedTable};
use crate::functions::{
    CosineMeasure, Vectors, cosine_measure, float32_vector_type, to_float32_vectors,
};
use crate::options::AiOptions;
use crate::plan::is_cheap;
use semql_inference::vector::normalize;

/// Largest result of a search with an index. A larger search is no slower without.
const MAX_ROWS: usize = 1_000;

/// Replaces the table in the scan of `ORDER BY cosine_distance(column, vector) LIMIT k`
/// by a `SearchedTable`, which reads the rows of an index if there is a fresh one.
/// Between scan and sort there may be filters: the index returns rows that pass.
#[derive(Debug, Default)]
pub struct SearchByIndex;

impl OptimizerRule for SearchByIndex {
    fn name(&self) -> &str {
        "search_by_index"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let Some(SortedPlan { sort, limit, above }) = sorted(&plan) else {
            return Ok(Transformed::no(plan));
        };
        let extensions = &config.options().extensions;
        let uses_indexes = extensions
            .get::<AiOptions>()
            .is_some_and(|options| options.settings.index_recall.get() < 1.0);
        let Some(search) = nearest_rows(sort, above).filter(|_| uses_indexes) else {
            return Ok(Transformed::no(plan));
        };
        let Some(input) = with_searched_table(&sort.input, &search)? else {
            return Ok(Transformed::no(plan));
        };
        let mut plan = LogicalPlan::Sort(Sort {
            input: Arc::new(input),
            ..sort.clone()
        });
        if let Some(limit) = limit {
            plan = LogicalPlan::Limit(Limit {
                input: Arc::new(plan),
                ..limit.clone()
            });
        }
        Ok(Transformed::yes(match above {
            Some(above) => over(above, plan)?,
            None => plan,
        }))
    }
}

/// A sort, and the projection above it.
struct SortedPlan<'a> {
    sort: &'a Sort,
    /// A limit that is part of the sort already, and that is not removed yet.
    limit: Option<&'a Limit>,
    above: Option<&'a Projection>,
}

fn sorted(plan: &LogicalPlan) -> Option<SortedPlan<'_>> {
    match plan {
        LogicalPlan::Sort(sort) => Some(SortedPlan {
            sort,
            limit: None,
            above: None,
        }),
        LogicalPlan::Limit(limit) => match sorted(&limit.input)? {
            SortedPlan {
                sort,
                limit: None,
                above: None,
            } => Some(SortedPlan {
                sort,
                limit: Some(limit),
                above: None,
            }),
            _ => None,
        },
        LogicalPlan::Projection(above) => match sorted(&above.input)? {
            SortedPlan {
                sort,
                limit,
                above: None,
            } => Some(SortedPlan {
                sort,
                limit,
                above: Some(above),
            }),
            _ => None,
        },
        _ => None,
    }
}

/// The projection over another input with the same columns.
fn over(projection: &Projection, input: LogicalPlan) -> Result<LogicalPlan> {
    let (expr, schema) = (projection.expr.clone(), Arc::clone(&projection.schema));
    let projection = Projection::try_new_with_schema(expr, Arc::new(input), schema)?;
    Ok(LogicalPlan::Projection(projection))
}

/// The search of a sort; `None` if an index cannot serve it.
fn nearest_rows(sort: &Sort, above: Option<&Projection>) -> Option<NearestRows> {
    let rows = sort.fetch.filter(|rows| *rows > 0 && *rows <= MAX_ROWS)?;
    let key = sort.expr.first()?;
    let expr = through(&sort.input, key.expr.clone())?;
    let expr = expr.unalias();
    let Expr::ScalarFunction(call) = &expr else {
        return None;
    };
    match (cosine_measure(&call.func)?, key.asc) {
        (CosineMeasure::Similarity, false) | (CosineMeasure::Distance, true) => {}
        _ => return None,
    }
    let [a, b] = call.args.as_slice() else {
        return None;
    };
    let (column, query) = match (a, b) {
        (Expr::Column(column), Expr::Literal(query, _))
        | (Expr::Literal(query, _), Expr::Column(column)) => (column, query),
        _ => return None,
    };
    let nearer = match key.asc {
        true => [Operator::Lt, Operator::LtEq],
        false => [Operator::Gt, Operator::GtEq],
    };
    let mut filters = Vec::new();
    for filter in filters_of(&sort.input)? {
        let implied = match &filter {
            // Rows without a vector are last.
            Expr::IsNotNull(of) => matches!(of.as_ref(), Expr::Column(own) if own == column),
            // The nearest rows are first.
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                **left == expr && nearer.contains(op) && matches!(**right, Expr::Literal(..))
            }
            _ => false,
        };
        let filter = unnormalize_col(filter);
        // The filter may be part of the scan as well.
        if implied || filters.contains(&filter) {
            continue;
        }
        // An index saves nothing if the filter reads all vectors.
        if filter.column_refs().iter().any(|of| of.name == column.name) || !is_cheap(&filter) {
            return None;
        }
        filters.push(filter);
    }
    Some(NearestRows {
        column: column.name.clone(),
        query: unit(query)?,
        rows,
        nulls_first: key.nulls_first,
        only_directions: only_directions(&sort.input, needed_columns(sort, above), column),
        filter: conjunction(filters),
    })
}

/// All conditions between a sort and the scan, over the columns of the scan; `None` if
/// there are other nodes between them.
fn filters_of(plan: &LogicalPlan) -> Option<Vec<Expr>> {
    match plan {
        LogicalPlan::Projection(projection) => filters_of(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => filters_of(&alias.input),
        LogicalPlan::Filter(filter) => {
            let mut all = filters_of(&filter.input)?;
            let own = through(&filter.input, filter.predicate.clone())?;
            all.extend(split_conjunction_owned(own));
            Some(all)
        }
        LogicalPlan::TableScan(scan) => Some(scan.filters.clone()),
        _ => None,
    }
}

/// The positions of the columns below a sort whose values are needed.
fn needed_columns(sort: &Sort, above: Option<&Projection>) -> BTreeSet<usize> {
    let schema = sort.input.schema();
    let mut needed = BTreeSet::new();
    match above {
        Some(above) => above
            .expr
            .iter()
            .for_each(|expr| add_needed_columns(expr, schema, &mut needed)),
        None => needed.extend(0..schema.fields().len()),
    }
    sort.expr
        .iter()
        .for_each(|key| add_needed_columns(&key.expr, schema, &mut needed));
    needed
}

/// Adds the columns whose values `expr` needs. A cosine needs the direction only.
fn add_needed_columns(expr: &Expr, schema: &DFSchema, needed: &mut BTreeSet<usize>) {
    match expr {
        Expr::Column(column) => needed.extend(schema.maybe_index_of_column(column)),
        Expr::ScalarFunction(call) if cosine_measure(&call.func).is_some() => {
            let args = call.args.iter();
            let args = args.filter(|arg| !matches!(arg, Expr::Column(_)));
            args.for_each(|arg| add_needed_columns(arg, schema, needed));
        }
        // The index has the rows without a vector too.
        Expr::IsNull(of) | Expr::IsNotNull(of) if matches!(**of, Expr::Column(_)) => {}
        _ => {
            // The closure returns no error.
            let _ = expr.apply_children(|child| {
                add_needed_columns(child, schema, needed);
                Ok(TreeNodeRecursion::Continue)
            });
        }
    }
}

/// Whether `plan`, whose columns `needed` are needed, uses the directions of the vectors
/// in `column` only, and the column has 32-bit floats as an index does.
fn only_directions(plan: &LogicalPlan, needed: BTreeSet<usize>, column: &Column) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let mut below = BTreeSet::new();
            for (at, expr) in projection.expr.iter().enumerate() {
                // A column that is passed on is needed below if it is needed here.
                let is_column = match expr {
                    Expr::Alias(alias) => matches!(*alias.expr, Expr::Column(_)),
                    expr => matches!(expr, Expr::Column(_)),
                };
                if needed.contains(&at) || !is_column {
                    add_needed_columns(expr, projection.input.schema(), &mut below);
                }
            }
            only_directions(&projection.input, below, column)
        }
        LogicalPlan::SubqueryAlias(alias) => only_directions(&alias.input, needed, column),
        LogicalPlan::Filter(filter) => {
            let mut needed = needed;
            add_needed_columns(&filter.predicate, filter.input.schema(), &mut needed);
            only_directions(&filter.input, needed, column)
        }
        LogicalPlan::TableScan(scan) => {
            let at = scan.projected_schema.maybe_index_of_column(column);
            at.is_some_and(|at| {
                let vector = scan.projected_schema.field(at).data_type();
                !needed.contains(&at) && float32_vector_type(vector).as_ref() == Some(vector)
            })
        }
        _ => false,
    }
}

/// Rewrites `expr` over the columns of the scan below projections.
fn through(plan: &LogicalPlan, expr: Expr) -> Option<Expr> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let expr = crate::plan::replace(expr, |part| match part {
                Expr::Column(column) => {
                    let at = projection.schema.maybe_index_of_column(column)?;
                    Some(projection.expr[at].clone().unalias_nested().data)
                }
                _ => None,
            });
            through(&projection.input, expr.ok()?)
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let expr = crate::plan::replace(expr, |part| match part {
                Expr::Column(column) => {
                    let at = alias.schema.maybe_index_of_column(column)?;
                    let (qualifier, field) = alias.input.schema().qualified_field(at);
                    Some(Expr::Column(Column::new(qualifier.cloned(), field.name())))
                }
                _ => None,
            });
            through(&alias.input, expr.ok()?)
        }
        LogicalPlan::Filter(filter) => through(&filter.input, expr),
        LogicalPlan::TableScan(_) => Some(expr),
        _ => None,
    }
}

/// The query as a unit vector of 32-bit floats.
fn unit(query: &ScalarValue) -> Option<Vec<f32>> {
    let array = query.to_array().ok()?;
    let vectors = Vectors::<Float32Type>::new(&to_float32_vectors(&array).ok()?).ok()?;
    let mut vector = vectors.get(0)?.to_vec();
    normalize(&mut vector);
    let length: f32 = vector.iter().map(|v| v * v).sum();
    ((length - 1.0).abs() < 1e-3).then_some(vector)
}

/// The plan with a [`SearchedTable`] in its scan; `None` if the table cannot have indexes.
fn with_searched_table(plan: &LogicalPlan, search: &NearestRows) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let input = with_searched_table(&projection.input, search)?;
            input.map(|input| over(projection, input)).transpose()
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let input = with_searched_table(&alias.input, search)?;
            input
                .map(|input| {
                    let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone());
                    alias.map(LogicalPlan::SubqueryAlias)
                })
                .transpose()
        }
        LogicalPlan::Filter(filter) => {
            let input = with_searched_table(&filter.input, search)?;
            let over = |input| Filter::try_new(filter.predicate.clone(), Arc::new(input));
            let filter = input.map(|input| over(input).map(LogicalPlan::Filter));
            filter.transpose()
        }
        LogicalPlan::TableScan(scan) => Ok(searched(scan, search)),
        _ => Ok(None),
    }
}

/// The scan of a table that may have indexes, as one that searches.
fn searched(scan: &TableScan, search: &NearestRows) -> Option<LogicalPlan> {
    if scan.fetch.is_some() {
        return None;
    }
    let table = source_as_provider(&scan.source).ok()?;
    if !DataFiles::may_have_indexes(table.as_ref()) {
        return None;
    }
    table.schema().field_with_name(&search.column).ok()?;
    let table = SearchedTable::new(table, search.clone());
    Some(LogicalPlan::TableScan(TableScan {
        source: provider_as_source(Arc::new(table)),
        ..scan.clone()
    }))
}

#[cfg(test)]
mod tests {
    use datafusion::datasource::source::DataSourceExec;
    use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
    use datafusion::physical_plan::collect;
    use datafusion::physical_plan::execution_plan::reset_plan_states;
    use datafusion::prelude::{ParquetReadOptions, SessionContext};

    use super::super::create::{IndexDefinition, create};
    use super::*;

    const SEARCH: &str = "SELECT id FROM points ORDER BY cosine_distance(v, [1.0, 0.5]) LIMIT 3";

    /// The physical plan of a search, and the notices of its planning.
    async fn plan_search(ctx: &SessionContext) -> (String, Vec<String>) {
        let plan = ctx.sql(SEARCH).await.unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        let plan = datafusion::physical_plan::displayable(plan.as_ref());
        let options = AiOptions::from_session(ctx).unwrap();
        (
            plan.indent(false).to_string(),
            options.runtime.take_notices(),
        )
    }

    /// Writes a file of 100 vectors, and registers it as the table `points`.
    async fn register_points(ctx: &SessionContext, path: &std::path::Path) {
        let copy = format!(
            "COPY (SELECT value AS id, arrow_cast([cos(value), sin(value)], 'FixedSizeList(2, Float32)') AS v
                FROM generate_series(1, 100) AS t(value)) TO '{}'",
            path.display()
        );
        ctx.sql(&copy).await.unwrap().collect().await.unwrap();
        let options = ParquetReadOptions::default();
        ctx.register_parquet("points", path.to_string_lossy(), options)
            .await
            .unwrap();
    }

    /// Creates the index `i` of the vectors of `points`, or replaces it.
    async fn index_points(ctx: &SessionContext) {
        let table = ctx.table_provider("points").await.unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let definition = IndexDefinition {
            name: "i".to_string(),
            column: "v".to_string(),
            replace: true,
        };
        let options = AiOptions::from_session(ctx).unwrap();
        create(table.as_ref(), &definition, &options, &pool, &|_| {}).unwrap();
    }

    #[tokio::test]
    async fn a_damaged_index_is_noted_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.parquet");
        let ctx = SessionContext::new();
        crate::register_all(&ctx).unwrap();
        register_points(&ctx, &path).await;
        let options = AiOptions::from_session(&ctx).unwrap();
        index_points(&ctx).await;
        let (plan, notes) = plan_search(&ctx).await;
        assert!(plan.contains("IndexScanExec"), "{plan}");
        assert!(notes.is_empty(), "{notes:?}");

        let file = folder.path().join("points.parquet.i.hnsw");
        let whole = std::fs::read(&file).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        let mut older = whole.clone();
        older[..8].copy_from_slice(&u64::from_le_bytes(*b"smqlhns1").to_ne_bytes());
        for (bytes, expected) in [
            (
                &damaged[..],
                "The index i is damaged: create it again with CREATE OR REPLACE INDEX",
            ),
            (
                &older[..],
                "The index i was created by another version of semql: create it again",
            ),
        ] {
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, bytes).unwrap();
            let plan = ctx.sql(SEARCH).await.unwrap().into_unoptimized_plan();
            ctx.state().optimize(&plan).unwrap();
            let notes = options.runtime.take_notices();
            assert!(
                notes.is_empty(),
                "the optimizer opened the index: {notes:?}"
            );
            let (plan, notes) = plan_search(&ctx).await;
            assert!(!plan.contains("IndexScanExec"), "{plan}");
            assert!(
                notes.len() == 1 && notes[0].starts_with(expected),
                "{notes:?}"
            );
        }
        index_points(&ctx).await;
        let (plan, notes) = plan_search(&ctx).await;
        assert!(plan.contains("IndexScanExec"), "{plan}");
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[tokio::test]
    async fn the_scan_below_an_index_reports_the_rows_that_it_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.parquet");
        let ctx = SessionContext::new();
        crate::register_all(&ctx).unwrap();
        register_points(&ctx, &path).await;
        index_points(&ctx).await;
        let frame = ctx.sql(SEARCH).await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        for runs in 1..=2 {
            // The filter that a top-k derives from its rows belongs to one run.
            let plan = reset_plan_states(Arc::clone(&plan)).unwrap();
            let batches = collect(Arc::clone(&plan), ctx.task_ctx()).await.unwrap();
            assert_eq!(
                batches.iter().map(|batch| batch.num_rows()).sum::<usize>(),
                3
            );
            let mut rows = None;
            plan.apply(|node| {
                if node.is::<DataSourceExec>() {
                    rows = node.metrics().and_then(|metrics| metrics.output_rows());
                }
                Ok(TreeNodeRecursion::Continue)
            })
            .unwrap();
            assert!(
                rows.is_some_and(|rows| (3 * runs..50 * runs).contains(&rows)),
                "{rows:?}"
            );
        }
    }

    /// Whether the search in a query uses the directions of the vectors only.
    async fn uses_directions_only(ctx: &SessionContext, sql: &str) -> bool {
        let plan = ctx.sql(sql).await.unwrap().into_unoptimized_plan();
        let plan = ctx.state().optimize(&plan).unwrap();
        let mut found = None;
        plan.apply(|plan| {
            let own = sorted(plan).and_then(|found| nearest_rows(found.sort, found.above));
            found = found.or(own.map(|search| search.only_directions));
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        found.unwrap()
    }

    #[tokio::test]
    async fn a_search_with_cosines_alone_uses_directions_only() {
        let ctx = SessionContext::new();
        crate::register_all(&ctx).unwrap();
        let made = ctx.sql(
            "CREATE TABLE t AS SELECT 'a' AS title, arrow_cast([1.0, 0.0], 'FixedSizeList(2, Float32)') AS v,
                [1.0, 0.0] AS w",
        );
        made.await.unwrap().collect().await.unwrap();
        for (sql, expected) in [
            (
                "SELECT title, score FROM vector_search(t, [1.0, 2.0], column => v)",
                true,
            ),
            (
                "SELECT * FROM vector_search(t, [1.0, 2.0], column => v)",
                false,
            ),
            (
                "SELECT title FROM t ORDER BY cosine_distance(v, [1.0, 2.0]) LIMIT 5",
                true,
            ),
            (
                "SELECT title, v FROM t ORDER BY cosine_distance(v, [1.0, 2.0]) LIMIT 5",
                false,
            ),
            (
                "SELECT title, inner_product(v, v) FROM t ORDER BY cosine_distance(v, [1.0, 2.0]) LIMIT 5",
                false,
            ),
            (
                "SELECT title, cosine_similarity(v, w) FROM t ORDER BY cosine_distance(v, [1.0, 2.0]) LIMIT 5",
                true,
            ),
            (
                "SELECT title FROM t ORDER BY cosine_distance(v, [1.0, 2.0]), v LIMIT 5",
                false,
            ),
            // An index holds 32 bits of these 64.
            (
                "SELECT title FROM t ORDER BY cosine_distance(w, [1.0, 2.0]) LIMIT 5",
                false,
            ),
        ] {
            assert_eq!(uses_directions_only(&ctx, sql).await, expected, "{sql}");
        }
    }
}
