//! Logical node of a write.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, UserDefinedLogicalNodeCore,
};

use super::target::WriteTarget;

/// Kind of a write, with the columns of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteKind {
    /// The columns of the table.
    Insert,
    /// The ids of rows and the columns of the table.
    Update,
    /// The ids of rows.
    Delete,
    /// The ids of rows, a [`MergeStep`], and the columns of the table.
    Merge,
}

/// What MERGE does with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeStep {
    Nothing = 0,
    Insert = 1,
    Update = 2,
    Delete = 3,
}

/// `ON CONFLICT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConflictRule {
    /// Positions of the keys that are checked.
    pub keys: Vec<usize>,
    /// Columns and new values of the existing row; `DO NOTHING` for `None`.
    pub update: Option<Vec<(usize, Expr)>>,
    /// Condition of the update.
    pub condition: Option<Expr>,
}

/// Write to a table in memory.
#[derive(Clone, Debug)]
pub struct WriteNode {
    pub kind: WriteKind,
    pub target: WriteTarget,
    pub input: LogicalPlan,
    pub conflict: Option<ConflictRule>,
    /// Expressions of RETURNING; empty without it.
    pub returning: Vec<Expr>,
    schema: DFSchemaRef,
}

impl WriteNode {
    /// Node whose schema is that of RETURNING.
    ///
    /// # Errors
    /// Expressions without a type, or with equal names.
    pub fn new(
        kind: WriteKind,
        target: WriteTarget,
        input: LogicalPlan,
        conflict: Option<ConflictRule>,
        returning: Vec<Expr>,
    ) -> Result<Self> {
        let table = target.schema()?;
        let fields = returning.iter().map(|expr| expr.to_field(&table));
        let fields = fields.collect::<Result<Vec<_>>>()?;
        let schema = DFSchema::new_with_metadata(fields, table.metadata().clone())?;
        Ok(Self {
            kind,
            target,
            input,
            conflict,
            returning,
            schema: Arc::new(schema),
        })
    }

    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension {
            node: Arc::new(self),
        })
    }

    /// The node of `plan`; `None` for any other plan.
    pub fn of(plan: &LogicalPlan) -> Option<&Self> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
            _ => None,
        }
    }
}

impl UserDefinedLogicalNodeCore for WriteNode {
    fn name(&self) -> &str {
        "Write"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    /// RETURNING, then the assignments and the condition of ON CONFLICT.
    fn expressions(&self) -> Vec<Expr> {
        let mut all = self.returning.clone();
        if let Some(conflict) = &self.conflict {
            let values = conflict.update.iter().flatten().map(|(_, value)| value);
            all.extend(values.cloned());
            all.extend(conflict.condition.clone());
        }
        all
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.target.name)
    }

    fn with_exprs_and_inputs(
        &self,
        exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        let mut exprs = exprs.into_iter();
        let returning = exprs.by_ref().take(self.returning.len()).collect();
        let conflict = self.conflict.as_ref().map(|conflict| {
            let update = conflict.update.as_ref().map(|update| {
                let columns = update.iter().map(|(column, _)| *column);
                columns.zip(exprs.by_ref()).collect::<Vec<_>>()
            });
            ConflictRule {
                keys: conflict.keys.clone(),
                update,
                condition: exprs.next(),
            }
        });
        let target = self.target.clone();
        Self::new(
            self.kind,
            target,
            inputs.swap_remove(0),
            conflict,
            returning,
        )
    }
}

impl PartialEq for WriteNode {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.target.table.id() == other.target.table.id()
            && self.conflict == other.conflict
            && self.returning == other.returning
            && self.input == other.input
    }
}

impl Eq for WriteNode {}

impl PartialOrd for WriteNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self == other).then_some(Ordering::Equal)
    }
}

impl Hash for WriteNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.target.table.id().hash(state);
        self.conflict.hash(state);
        self.returning.hash(state);
        self.input.hash(state);
    }
}
