//! Shell with tables of Delta Lake: `semql-delta` takes the command line of `semql`.
//!
//! The shell decides what a statement reads and writes, resolves locations and checks the
//! policy. This crate reads logs, scans and writes tables through the stores that it gets.

mod contained;
mod error;
mod log_store;
mod rows_table;
mod sink;
mod snapshot;
mod stored_types;
mod table;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::physical_plan::ExecutionPlan;
use semql::{DeltaLake, DeltaLocation, DeltaVersion, DeltaWrite, Extensions, Result};

#[global_allocator]
static ALLOCATOR: semql::Allocator = semql::Allocator;

fn main() {
    let extensions = Extensions {
        delta: Some(Arc::new(DeltaTables)),
        ..Extensions::default()
    };
    semql::main_with_args(std::env::args_os(), extensions)
}

#[derive(Debug)]
struct DeltaTables;

#[async_trait]
impl DeltaLake for DeltaTables {
    async fn open(
        &self,
        session: &dyn Session,
        location: DeltaLocation,
        version: DeltaVersion,
    ) -> Result<Arc<dyn TableProvider>> {
        let table = table::DeltaTable::open(session, location, version).await?;
        Ok(Arc::new(table))
    }

    fn write_plan(
        &self,
        location: DeltaLocation,
        write: DeltaWrite,
        input: Arc<dyn ExecutionPlan>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        sink::write_plan(location, write, input)
    }
}
