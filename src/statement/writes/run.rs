//! Execution of writes.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::LogicalPlanBuilder;
use futures::TryStreamExt;

use super::affected::affected;
use super::node::{WriteKind, WriteNode};
use crate::error::Result;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::planning::stream;
use crate::statement::row_count::rows;

/// Runs a write: reads its query, then stores all rows at once.
///
/// # Errors
/// The query; rows that do not conform to the table; a key that exists; a table that
/// was dropped meanwhile.
pub async fn run(context: &StatementContext, node: &WriteNode) -> Result<Outcome> {
    let session = &context.session;
    let table = &node.target.table;
    // A transaction writes a version of its own.
    let exclusive = match session.tables.is_open() {
        true => None,
        false => Some(table.writer().lock_owned().await),
    };
    node.target.check_current(session).await?;
    let input = stream(context, node.input.clone()).await?;
    let input: Vec<RecordBatch> = input.try_collect().await?;
    let affected = affected(session, node, &input)?;
    table.apply(Some(session.tables.versions()), &affected.changes)?;
    drop(exclusive);
    let count = affected.count();
    if node.returning.is_empty() {
        let verb = match node.kind {
            WriteKind::Insert => "inserted",
            WriteKind::Update => "updated",
            WriteKind::Delete => "deleted",
            WriteKind::Merge => "merged",
        };
        return Ok(Outcome::Done {
            message: format!("{verb} {}", rows(count)),
            rows: Some(count),
        });
    }
    let schema = affected.rows.schema();
    let returned = MemTable::try_new(schema, vec![vec![affected.rows]])?;
    let source = provider_as_source(Arc::new(returned));
    let plan = LogicalPlanBuilder::scan(node.target.qualifier(), source, None)?;
    let plan = plan.project(node.returning.clone())?.build()?;
    let stream = stream(context, plan).await?;
    Ok(Outcome::Rows {
        schema: stream.schema(),
        stream,
    })
}
