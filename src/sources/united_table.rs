//! Table of scans with different columns: a union whose columns are found by name and
//! cast to the types of the table.
//!
//! The engine would optimize a union of projections in a view wrongly: it moves the
//! fields of structs below the casts, and loses the types of other columns.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{ScalarValue, project_schema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr::projection::ProjectionExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;

use super::exact_cast::widen;

/// Scan of files with equal columns.
#[derive(Debug)]
pub struct TablePart {
    pub table: Arc<dyn TableProvider>,
    /// Names of its files, for messages.
    pub files: String,
}

/// Table of the rows of all parts.
#[derive(Debug)]
pub struct UnitedTable {
    schema: SchemaRef,
    parts: Vec<TablePart>,
}

impl UnitedTable {
    /// Table with the columns of `schema`, whose types hold the values of all parts. A
    /// part without one of the columns has NULL there.
    pub fn new(schema: SchemaRef, parts: Vec<TablePart>) -> Self {
        Self { schema, parts }
    }

    /// Plan of a part with the columns at `projection`.
    async fn scan_part(
        &self,
        state: &dyn Session,
        part: &TablePart,
        projection: &[usize],
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let own = part.table.schema();
        let mut read = Vec::with_capacity(projection.len());
        let mut outputs = Vec::with_capacity(projection.len());
        for position in projection {
            let field = &self.schema.fields()[*position];
            let expr: Arc<dyn PhysicalExpr> = match own.fields().find(field.name()) {
                Some((column, from)) => {
                    let input = Arc::new(Column::new(field.name(), read.len()));
                    read.push(column);
                    widen(input, from.data_type(), field, &part.files)
                }
                None => {
                    let null = Arc::new(Literal::new(ScalarValue::Null));
                    Arc::new(CastExpr::new(null, field.data_type().clone(), None))
                }
            };
            outputs.push(ProjectionExpr {
                expr,
                alias: field.name().clone(),
            });
        }
        let filters: Vec<Expr> = filters
            .iter()
            .filter(|filter| self.has_columns_of(&own, filter))
            .cloned()
            .collect();
        let scan = part.table.scan(state, Some(&read), &filters, limit).await?;
        let schema = project_schema(&self.schema, Some(&projection))?;
        let plan = ProjectionExec::try_new_with_schema_metadata(outputs, scan, &schema)?;
        Ok(Arc::new(plan))
    }

    /// Whether a part with these columns can evaluate a filter as the table does.
    fn has_columns_of(&self, part: &SchemaRef, filter: &Expr) -> bool {
        let names: HashSet<String> = filter
            .column_refs()
            .into_iter()
            .map(|column| column.name.clone())
            .collect();
        names.iter().all(
            |name| match (part.fields().find(name), self.schema.fields().find(name)) {
                (Some((_, own)), Some((_, field))) => own.data_type() == field.data_type(),
                _ => false,
            },
        )
    }
}

#[async_trait]
impl TableProvider for UnitedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Parts skip files and row groups; the engine filters their rows.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize>;
        let projection = match projection {
            Some(projection) => projection,
            None => {
                all = (0..self.schema.fields().len()).collect();
                &all
            }
        };
        let mut plans = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            plans.push(
                self.scan_part(state, part, projection, filters, limit)
                    .await?,
            );
        }
        UnionExec::try_new(plans)
    }
}
