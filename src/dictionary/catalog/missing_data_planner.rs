//! Errors of statements that name tables of the dictionary without data.

use std::cell::Cell;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::sql::sqlparser::ast::TableFactor;

use super::schema::DictionarySchema;
use crate::dictionary::missing_data::missing_data_message;

/// Planner that replaces the engine's "not found" for tables of the dictionary
/// without data by the expected location.
#[derive(Debug)]
pub struct MissingDataPlanner {
    pub default_schema: String,
    pub schema: Arc<DictionarySchema>,
}

thread_local! {
    /// Set while the engine plans a relation for [`MissingDataPlanner`].
    static IS_DELEGATED: Cell<bool> = const { Cell::new(false) };
}

impl RelationPlanner for MissingDataPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let missing = match &relation {
            TableFactor::Table {
                name, args: None, ..
            } if !IS_DELEGATED.get() => {
                let table = context.object_name_to_table_reference(name.clone())?;
                let is_default = table
                    .schema()
                    .is_none_or(|named| named == self.default_schema);
                let name = table.table();
                let declared = self.schema.declared(name).is_some();
                (is_default && declared)
                    .then(|| missing_data_message(&self.schema.dictionary, name))
                    .flatten()
            }
            _ => None,
        };
        let Some(message) = missing else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        // The name may be that of a common table expression, which only the engine
        // can resolve. So the engine plans the relation first.
        IS_DELEGATED.set(true);
        let planned = context.plan(relation);
        IS_DELEGATED.set(false);
        match planned {
            Ok(plan) => {
                let planned = PlannedRelation::new(plan, None);
                Ok(RelationPlanning::Planned(Box::new(planned)))
            }
            Err(_) => Err(DataFusionError::Plan(message)),
        }
    }
}
