//! The optimizer rule that has searches go by an index.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Float32Type};
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
use super::file::{IndexFile, IndexFileError};
use super::search::Search;
use super::table::IndexedTable;
use crate::functions::{Vectors, narrow, narrow_type};
use crate::options::AiOptions;
use crate::plan::is_cheap;
use crate::vector::normalize;

/// Rows of a search at most; beyond, looking at all is no slower.
const MOST: usize = 1_000;

/// Rows that are compared exactly beside those that are wanted.
const SPARE: usize = 8;

/// The functions for which a vector's length makes no difference.
const COSINES: &[&str] = &["cosine_similarity", "cosine_distance"];

/// Narrows the scan of `ORDER BY cosine_distance(column, vector) LIMIT k`, with
/// nothing between but filters, down to the rows that a fresh index of the
/// column names. Filters apply first: the index is searched for rows that pass.
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
        let Some(Sorted { sort, limit, above }) = sorted(&plan) else {
            return Ok(Transformed::no(plan));
        };
        let extensions = &config.options().extensions;
        let (Some(wanted), Some(options)) = (wanted(sort, above), extensions.get::<AiOptions>())
        else {
            return Ok(Transformed::no(plan));
        };
        let Some(input) = narrowed(&sort.input, &wanted, options)? else {
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

/// A sort, and the projection above it, which tells what of it is needed.
struct Sorted<'a> {
    sort: &'a Sort,
    /// A limit that the sort knows of already, and that has not gone yet.
    limit: Option<&'a Limit>,
    above: Option<&'a Projection>,
}

fn sorted(plan: &LogicalPlan) -> Option<Sorted<'_>> {
    match plan {
        LogicalPlan::Sort(sort) => Some(Sorted {
            sort,
            limit: None,
            above: None,
        }),
        LogicalPlan::Limit(limit) => match sorted(&limit.input)? {
            Sorted {
                sort,
                limit: None,
                above: None,
            } => Some(Sorted {
                sort,
                limit: Some(limit),
                above: None,
            }),
            _ => None,
        },
        LogicalPlan::Projection(above) => match sorted(&above.input)? {
            Sorted {
                sort,
                limit,
                above: None,
            } => Some(Sorted {
                sort,
                limit,
                above: Some(above),
            }),
            _ => None,
        },
        _ => None,
    }
}

/// The projection over another input, which has the same columns.
fn over(projection: &Projection, input: LogicalPlan) -> Result<LogicalPlan> {
    let (expr, schema) = (projection.expr.clone(), Arc::clone(&projection.schema));
    let projection = Projection::try_new_with_schema(expr, Arc::new(input), schema)?;
    Ok(LogicalPlan::Projection(projection))
}

/// What a sort looks for.
struct Wanted {
    column: Column,
    query: Vec<f32>,
    rows: usize,
    /// Whether rows without a vector come first.
    nulls_first: bool,
    /// Whether all that is asked of the vectors is their direction.
    directions: bool,
    /// What rows have to pass before they are compared, over the scan's columns.
    filter: Option<Expr>,
}

fn wanted(sort: &Sort, above: Option<&Projection>) -> Option<Wanted> {
    let rows = sort.fetch.filter(|rows| *rows > 0 && *rows <= MOST)?;
    let key = sort.expr.first()?;
    let expr = through(&sort.input, key.expr.clone())?;
    let expr = expr.unalias();
    let Expr::ScalarFunction(call) = &expr else {
        return None;
    };
    match (call.name(), key.asc) {
        ("cosine_similarity", false) | ("cosine_distance", true) => {}
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
            // Rows without a vector are the last to be found.
            Expr::IsNotNull(of) => matches!(of.as_ref(), Expr::Column(own) if own == column),
            // The nearest are the first to be found.
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                **left == expr && nearer.contains(op) && matches!(**right, Expr::Literal(..))
            }
            _ => false,
        };
        let filter = unnormalize_col(filter);
        // A scan may have been told of it too.
        if implied || filters.contains(&filter) {
            continue;
        }
        // Reading all vectors for a filter is what an index is to spare.
        if filter.column_refs().iter().any(|of| of.name == column.name) || !is_cheap(&filter) {
            return None;
        }
        filters.push(filter);
    }
    Some(Wanted {
        column: column.clone(),
        query: unit(query)?,
        rows,
        nulls_first: key.nulls_first,
        directions: only_directions(&sort.input, needed(sort, above), column),
        filter: conjunction(filters),
    })
}

/// All conditions between a sort and the scan, each over the columns of the
/// scan; `None` where something else lies between.
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

/// The columns of a sort, by their places, whose values are needed.
fn needed(sort: &Sort, above: Option<&Projection>) -> BTreeSet<usize> {
    let schema = sort.input.schema();
    let mut needed = BTreeSet::new();
    match above {
        Some(above) => above
            .expr
            .iter()
            .for_each(|expr| need(expr, schema, &mut needed)),
        None => needed.extend(0..schema.fields().len()),
    }
    sort.expr
        .iter()
        .for_each(|key| need(&key.expr, schema, &mut needed));
    needed
}

/// Adds the columns whose values `expr` needs: not only their direction, as a
/// cosine does.
fn need(expr: &Expr, schema: &DFSchema, needed: &mut BTreeSet<usize>) {
    match expr {
        Expr::Column(column) => needed.extend(schema.maybe_index_of_column(column)),
        Expr::ScalarFunction(call) if COSINES.contains(&call.name()) => {
            let args = call.args.iter();
            let args = args.filter(|arg| !matches!(arg, Expr::Column(_)));
            args.for_each(|arg| need(arg, schema, needed));
        }
        // An index knows which rows have none.
        Expr::IsNull(of) | Expr::IsNotNull(of) if matches!(**of, Expr::Column(_)) => {}
        _ => {
            // Nothing here fails.
            let _ = expr.apply_children(|child| {
                need(child, schema, needed);
                Ok(TreeNodeRecursion::Continue)
            });
        }
    }
}

/// Whether of a column of the scan at the end of `plan`, whose columns `needed`
/// are needed, nothing is needed but the direction of its vectors, and an index
/// holds those as the column does: as 32-bit floats.
fn only_directions(plan: &LogicalPlan, needed: BTreeSet<usize>, column: &Column) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            let mut below = BTreeSet::new();
            for (at, expr) in projection.expr.iter().enumerate() {
                // What only passes a column on needs it where that is needed.
                let passed_on = match expr {
                    Expr::Alias(alias) => matches!(*alias.expr, Expr::Column(_)),
                    expr => matches!(expr, Expr::Column(_)),
                };
                if needed.contains(&at) || !passed_on {
                    need(expr, projection.input.schema(), &mut below);
                }
            }
            only_directions(&projection.input, below, column)
        }
        LogicalPlan::SubqueryAlias(alias) => only_directions(&alias.input, needed, column),
        LogicalPlan::Filter(filter) => {
            let mut needed = needed;
            need(&filter.predicate, filter.input.schema(), &mut needed);
            only_directions(&filter.input, needed, column)
        }
        LogicalPlan::TableScan(scan) => {
            let at = scan.projected_schema.maybe_index_of_column(column);
            at.is_some_and(|at| {
                let vector = scan.projected_schema.field(at).data_type();
                !needed.contains(&at) && narrow_type(vector).as_ref() == Some(vector)
            })
        }
        _ => false,
    }
}

/// `expr`, written over the columns of the scan at the end of projections.
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

/// The query as a vector of 32-bit floats of unit length.
fn unit(query: &ScalarValue) -> Option<Vec<f32>> {
    let array = query.to_array().ok()?;
    let vectors = Vectors::<Float32Type>::new(&narrow(&array).ok()?).ok()?;
    let mut vector = vectors.get(0)?.to_vec();
    normalize(&mut vector);
    let length: f32 = vector.iter().map(|v| v * v).sum();
    ((length - 1.0).abs() < 1e-3).then_some(vector)
}

/// The plan with its scan narrowed down; `None` where no index serves.
fn narrowed(
    plan: &LogicalPlan,
    wanted: &Wanted,
    options: &AiOptions,
) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let input = narrowed(&projection.input, wanted, options)?;
            input.map(|input| over(projection, input)).transpose()
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let input = narrowed(&alias.input, wanted, options)?;
            input
                .map(|input| {
                    let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone());
                    alias.map(LogicalPlan::SubqueryAlias)
                })
                .transpose()
        }
        LogicalPlan::Filter(filter) => {
            let input = narrowed(&filter.input, wanted, options)?;
            let over = |input| Filter::try_new(filter.predicate.clone(), Arc::new(input));
            let filter = input.map(|input| over(input).map(LogicalPlan::Filter));
            filter.transpose()
        }
        LogicalPlan::TableScan(scan) => Ok(indexed(scan, wanted, options)),
        _ => Ok(None),
    }
}

fn indexed(scan: &TableScan, wanted: &Wanted, options: &AiOptions) -> Option<LogicalPlan> {
    if scan.fetch.is_some() || options.settings.index_recall.get() >= 1.0 {
        return None;
    }
    let table = source_as_provider(&scan.source).ok()?;
    let data = DataFiles::of(table.as_ref())?;
    let schema = table.schema();
    let column = schema.field_with_name(&wanted.column.name).ok()?;
    let index = data.indexes().iter().find_map(|name| {
        let index = usable(name, &data, options)?;
        let serves = serves(&index, &data, wanted, options)
            && has_dims_of(&index, name, column.data_type(), options);
        serves.then_some(index)
    })?;
    let narrowed = IndexedTable {
        table,
        index,
        search: Search {
            query: wanted.query.clone(),
            rows: wanted.rows + SPARE,
        },
        directions: wanted.directions,
        filter: wanted.filter.clone(),
    };
    Some(LogicalPlan::TableScan(TableScan {
        source: provider_as_source(Arc::new(narrowed)),
        // No row is found that does not pass them.
        filters: Vec::new(),
        ..scan.clone()
    }))
}

/// The index of that name, unless its file cannot be used.
fn usable(name: &str, data: &DataFiles, options: &AiOptions) -> Option<Arc<IndexFile>> {
    match options.runtime.indexes().index(&data.index_path(name)) {
        Ok(index) => Some(index),
        // A file that is gone by now is not an index of the table.
        Err(IndexFileError::Unreadable(_)) => None,
        Err(error) => {
            note_unusable(name, &error, options);
            None
        }
    }
}

/// Whether a fresh index has the dimensions of its column.
fn has_dims_of(index: &IndexFile, name: &str, column: &DataType, options: &AiOptions) -> bool {
    let equal = match column {
        DataType::FixedSizeList(_, dims) => usize::try_from(*dims) == Ok(index.about.dims),
        _ => true,
    };
    if !equal {
        let error = IndexFileError::Damaged("its dimensions are not those of the column");
        note_unusable(name, &error, options);
    }
    equal
}

fn note_unusable(name: &str, error: &IndexFileError, options: &AiOptions) {
    options.runtime.note(format!(
        "The index {name} {error}. Rows were compared one by one."
    ));
}

/// Whether the index is of the column, fresh, and good enough.
fn serves(index: &IndexFile, data: &DataFiles, wanted: &Wanted, options: &AiOptions) -> bool {
    let about = &index.about;
    if about.column != wanted.column.name || about.dims != wanted.query.len() {
        return false;
    }
    // Rows without a vector are not in it.
    let complete = about.total_rows() == Some(about.vectors);
    let least = options.settings.index_recall.get();
    if about.recall < least
        || (wanted.nulls_first && !complete)
        || (wanted.rows as u64) > about.vectors
    {
        return false;
    }
    let fresh = data.stamps().is_ok_and(|stamps| stamps == about.files);
    if !fresh {
        options.runtime.note(format!(
            "The index {} is out of date, since the data changed: rows were compared one by one. CREATE OR REPLACE INDEX \
             makes it anew.",
            about.name
        ));
    }
    fresh
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};
    use datafusion::prelude::{ParquetReadOptions, SessionContext};

    use super::super::create::{Wanted as WantedIndex, create};
    use super::*;

    const SEARCH: &str = "SELECT id FROM points ORDER BY cosine_distance(v, [1.0, 0.5]) LIMIT 3";

    /// The plan of a search, and what is noted of it.
    async fn plan_search(ctx: &SessionContext) -> (String, Vec<String>) {
        let plan = ctx.sql(SEARCH).await.unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        let plan = datafusion::physical_plan::displayable(plan.as_ref());
        let options = AiOptions::of(ctx).unwrap();
        (plan.indent(false).to_string(), options.runtime.take_notes())
    }

    #[tokio::test]
    async fn a_damaged_index_is_noted_and_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.parquet");
        let ctx = SessionContext::new();
        crate::register_all(&ctx).unwrap();
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
        let table = ctx.table_provider("points").await.unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let wanted = WantedIndex {
            name: "i".to_string(),
            column: "v".to_string(),
            replace: true,
        };
        let options = AiOptions::of(&ctx).unwrap();
        let make = || create(table.as_ref(), &wanted, &options, &pool, &|_| {}).unwrap();
        make();
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
                "The index i is damaged: make it again with CREATE OR REPLACE INDEX",
            ),
            (
                &older[..],
                "The index i was made by another version of semql: make it again",
            ),
        ] {
            std::fs::remove_file(&file).unwrap();
            std::fs::write(&file, bytes).unwrap();
            let (plan, notes) = plan_search(&ctx).await;
            assert!(!plan.contains("IndexScanExec"), "{plan}");
            assert!(
                notes.len() == 1 && notes[0].starts_with(expected),
                "{notes:?}"
            );
        }
        make();
        let (plan, notes) = plan_search(&ctx).await;
        assert!(plan.contains("IndexScanExec"), "{plan}");
        assert!(notes.is_empty(), "{notes:?}");
    }

    /// Whether the search in a query asks for nothing but directions.
    async fn directions(ctx: &SessionContext, sql: &str) -> bool {
        let plan = ctx.sql(sql).await.unwrap().into_unoptimized_plan();
        let plan = ctx.state().optimize(&plan).unwrap();
        let mut found = None;
        plan.apply(|plan| {
            let own = sorted(plan).and_then(|found| wanted(found.sort, found.above));
            found = found.or(own.map(|wanted| wanted.directions));
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        found.unwrap()
    }

    #[tokio::test]
    async fn vectors_that_only_cosines_read_are_known_as_such() {
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
            assert_eq!(directions(&ctx, sql).await, expected, "{sql}");
        }
    }
}
