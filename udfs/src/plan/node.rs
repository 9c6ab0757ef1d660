//! The logical node: the columns of its input, and one more for each call.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Extension, LogicalPlan, UserDefinedLogicalNodeCore,
};

/// A call and the name of its column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd)]
pub struct NamedCall {
    pub name: String,
    pub call: Expr,
}

/// Computes model calls for every row of its input.
#[derive(Clone, Debug)]
pub struct Infer {
    pub input: LogicalPlan,
    pub calls: Vec<NamedCall>,
    schema: DFSchemaRef,
}

impl Infer {
    pub fn new(input: LogicalPlan, calls: Vec<NamedCall>) -> Result<Self> {
        let mut fields: Vec<_> = input
            .schema()
            .iter()
            .map(|(qualifier, field)| (qualifier.cloned(), field.clone()))
            .collect();
        for NamedCall { name, call } in &calls {
            let (_, field) = call.to_field(input.schema().as_ref())?;
            let field = field.as_ref().clone().with_name(name);
            fields.push((None, Arc::new(field)));
        }
        let metadata = input.schema().metadata().clone();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, metadata)?);
        Ok(Self {
            input,
            calls,
            schema,
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

impl UserDefinedLogicalNodeCore for Infer {
    fn name(&self) -> &str {
        "Infer"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.calls.iter().map(|call| call.call.clone()).collect()
    }

    /// Filters on other columns than those of the calls are pushed down.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        self.calls.iter().map(|call| call.name.clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Infer: ")?;
        for (at, NamedCall { name, call }) in self.calls.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{call} AS {name}")?;
        }
        Ok(())
    }

    fn with_exprs_and_inputs(
        &self,
        exprs: Vec<Expr>,
        mut inputs: Vec<LogicalPlan>,
    ) -> Result<Self> {
        let names = self.calls.iter().map(|call| call.name.clone());
        // Rules alias an expression that they change. The node names its columns itself.
        let calls = names
            .zip(exprs)
            .map(|(name, call)| NamedCall {
                name,
                call: call.unalias_nested().data,
            })
            .collect();
        Self::new(inputs.swap_remove(0), calls)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        // The optimizer adds the columns of `expressions`.
        let inputs = self.input.schema().fields().len();
        let needed = output_columns.iter().copied().filter(|at| *at < inputs);
        Some(vec![needed.collect()])
    }

    /// The node returns one row for each row of its input.
    fn supports_limit_pushdown(&self) -> bool {
        true
    }
}

impl PartialEq for Infer {
    fn eq(&self, other: &Self) -> bool {
        self.calls == other.calls && self.input == other.input
    }
}

impl Eq for Infer {}

impl Hash for Infer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.calls.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for Infer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.calls.partial_cmp(&other.calls) {
            Some(Ordering::Equal) => self.input.partial_cmp(&other.input),
            order => order,
        }
    }
}
