//! Change of the definition of a table in memory.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::physical_plan::collect_partitioned;
use tokio::sync::OwnedMutexGuard;

use super::alteration::Alteration;
use super::dependents::check_none;
use super::object::ObjectPath;
use crate::error::Result;
use crate::session::Session;
use crate::statement::planning::run_blocking;
use crate::tables::StoredTable;

/// Change of a table, which no other session writes meanwhile.
pub struct TableChange<'a> {
    pub alteration: Alteration,
    session: &'a Session,
    path: &'a ObjectPath,
    table: StoredTable,
    _exclusive: Option<OwnedMutexGuard<()>>,
}

impl<'a> TableChange<'a> {
    /// Begins with the present definition. `what` is the statement in words.
    ///
    /// # Errors
    /// A table that does not exist or is not in memory; views over it.
    pub async fn begin(session: &'a Session, path: &'a ObjectPath, what: &str) -> Result<Self> {
        let next = "drop the views, and create them again after the change";
        loop {
            let table = path.stored(session, what).await?;
            check_none(session, &table, &path.shown, next).await?;
            let exclusive = match session.tables.is_open() {
                true => None,
                false => Some(table.writer().lock_owned().await),
            };
            // Another session may have altered the table before the lock was free.
            if exclusive.is_none() || !table.is_retired() {
                return Ok(Self {
                    alteration: Alteration::of(&path.name.table, table.definition()),
                    session,
                    path,
                    table,
                    _exclusive: exclusive,
                });
            }
        }
    }

    /// The table before the change.
    pub fn table(&self) -> &StoredTable {
        &self.table
    }

    /// Stores the altered table in place of the one before.
    ///
    /// # Errors
    /// Rows that do not conform to the new definition.
    pub async fn store(self) -> Result<()> {
        let (session, path) = (self.session, self.path);
        let (definition, values) = self.alteration.finish(session)?;
        let partitions = rows(session, &self.table, values).await?;
        let altered = StoredTable::new(&path.name.table, definition, partitions)?;
        let altered: Arc<dyn TableProvider> = Arc::new(altered);
        self.table.claim(session.tables.versions());
        if path.is_temporary(session) {
            session.tables.replace_temporary(&path.name.table, &altered);
            return Ok(());
        }
        let schema = path.schema(session)?;
        schema.deregister_table(&path.name.table)?;
        schema.register_table(path.name.table.clone(), altered)?;
        if !session.tables.is_open() {
            self.table.retire();
        }
        Ok(())
    }
}

/// The rows of the altered table, in the order of those before.
async fn rows(
    session: &Session,
    table: &StoredTable,
    values: Vec<Expr>,
) -> Result<Vec<Vec<RecordBatch>>> {
    let source = provider_as_source(Arc::new(table.clone()));
    let plan = LogicalPlanBuilder::scan(table.name(), source, None)?;
    let plan = plan.project(values)?.build()?;
    let mut state = session.ctx.state();
    // A repartition would change the order.
    state.config_mut().options_mut().execution.target_partitions = 1;
    let task = state.task_ctx();
    let plan = run_blocking(async move { Ok(state.create_physical_plan(&plan).await?) }).await?;
    Ok(collect_partitioned(plan, task).await?)
}
