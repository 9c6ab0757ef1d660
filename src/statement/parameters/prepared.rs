//! Prepared statements.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::CastOptions;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as EngineStatement;

use super::declared_types;
use super::inference::{infer, with_types};
use super::table_functions::{self, PlanningParameters};
use crate::error::{ErrorKind, Result, ShellError};
use crate::functions::array_text;
use crate::session::Session;
use crate::statement::parsed::Statement;
use crate::statement::{plan_tables, query};

/// Name of the rows that take the place of parameters.
const ROWS: &str = "rows";

/// A statement of the engine, planned without the values of its parameters.
#[derive(Clone, Debug)]
pub struct PreparedPlan {
    engine: EngineStatement,
    plan: LogicalPlan,
    parameters: Vec<StatementParameter>,
    /// Parameters that planning has to know.
    planning: PlanningParameters,
}

/// A parameter of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementParameter {
    /// Type from its declaration or its use; text by default.
    pub data_type: DataType,
    /// Whether values are cast to the type. Others keep theirs.
    is_cast: bool,
}

impl PreparedPlan {
    /// Plans a statement; `None` if the engine does not plan it. `declared` has the
    /// types that the client gives, as far as it does.
    ///
    /// # Errors
    /// Planning.
    pub async fn prepare(
        session: &Session,
        statement: &Statement,
        declared: &[Option<DataType>],
    ) -> Result<Option<Self>> {
        let Some(engine) = query::engine_of(statement) else {
            return Ok(None);
        };
        let mut planning = table_functions::find(&engine)?;
        for (number, data_type) in &mut planning {
            if let Some(declared) = declared_type(declared, *number) {
                *data_type = declared.clone();
            }
        }
        let samples = planning
            .iter()
            .map(|(number, data_type)| Ok((*number, table_functions::sample(data_type)?)))
            .collect::<Result<BTreeMap<_, _>>>()?;
        let mut with_samples = engine.clone();
        table_functions::substitute(&mut with_samples, &|number| samples.get(&number).cloned())?;
        let (engine, plan) = match query::plan_engine(session, with_samples.clone()).await {
            Ok(plan) => (engine, plan),
            Err(error) => {
                let cast = |statement| declared_types::with_casts(statement, declared);
                let (Some(engine), Some(with_samples)) = (cast(&engine), cast(&with_samples))
                else {
                    return Err(error);
                };
                let plan = query::plan_engine(session, with_samples).await;
                (engine, plan.map_err(|_| error)?)
            }
        };
        let mut types = infer(&plan)?;
        for (number, data_type) in &planning {
            types.insert(*number, Some(data_type.clone()));
        }
        let last = types.keys().next_back().copied().unwrap_or(0);
        let parameters: Vec<StatementParameter> = (1..=last.max(declared.len()))
            .map(|number| {
                let inferred = types.get(&number).cloned().flatten();
                parameter(declared_type(declared, number), inferred)
            })
            .collect();
        let data_types: Vec<DataType> = parameters.iter().map(|p| p.data_type.clone()).collect();
        // Where the types do not fit, the values decide.
        let plan = match parameters.is_empty() {
            true => plan,
            false => with_types(plan.clone(), &data_types).unwrap_or(plan),
        };
        Ok(Some(Self {
            engine,
            plan,
            parameters,
            planning,
        }))
    }

    /// The plan, with parameters in place of values.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The parameters in order.
    pub fn parameters(&self) -> &[StatementParameter] {
        &self.parameters
    }

    /// The plan of an INSERT of one row of parameters with other rows in its place.
    ///
    /// # Errors
    /// A statement of another form.
    pub fn with_rows(&self, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<LogicalPlan> {
        let rows = provider_as_source(Arc::new(MemTable::try_new(schema, vec![batches])?));
        let plan = self.plan.clone().transform_up(|node| {
            let LogicalPlan::Values(values) = &node else {
                return Ok(Transformed::no(node));
            };
            let scan = LogicalPlanBuilder::scan(ROWS, Arc::clone(&rows), None)?;
            let columns = scan
                .schema()
                .columns()
                .into_iter()
                .zip(values.schema.fields());
            let columns: Vec<Expr> = columns
                .map(|(column, field)| Expr::Column(column).alias(field.name()))
                .collect();
            Ok(Transformed::yes(scan.project(columns)?.build()?))
        })?;
        match plan.transformed {
            true => Ok(plan.data),
            false => Err(ShellError::of_kind(
                ErrorKind::Internal,
                "the statement has no row of values",
            )),
        }
    }

    /// Checks the number of values.
    ///
    /// # Errors
    /// Too few or too many.
    pub fn check_count(&self, given: usize) -> Result<()> {
        match self.parameters.len() {
            expected if expected == given => Ok(()),
            expected => Err(ShellError::of_kind(
                ErrorKind::InvalidValue,
                format!("the statement takes {expected} parameters, and {given} are given"),
            )),
        }
    }

    /// Checks that a new plan gives rows of the columns that the client knows.
    fn check_columns(&self, plan: &LogicalPlan) -> Result<()> {
        let columns = |plan: &LogicalPlan| {
            let fields = plan.schema().fields().iter();
            let columns = fields.map(|field| (field.name().clone(), field.data_type().clone()));
            columns.collect::<Vec<_>>()
        };
        match columns(plan) == columns(&self.plan) {
            true => Ok(()),
            false => Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                "the statement was prepared before its tables changed, and now gives other columns; prepare it again",
            )),
        }
    }

    /// The plan with values in place of its parameters.
    ///
    /// # Errors
    /// Too few or too many values; a value that does not fit its type; planning.
    pub async fn bind(&self, session: &Session, values: Vec<ScalarValue>) -> Result<LogicalPlan> {
        self.check_count(values.len())?;
        let current = plan_tables::is_current(session, &self.plan).await?;
        if values.is_empty() && current {
            return Ok(self.plan.clone());
        }
        let values = (1..).zip(values).zip(&self.parameters);
        let values = values
            .map(|((number, value), parameter)| parameter.cast(number, value))
            .collect::<Result<Vec<_>>>()?;
        let plan = match self.planning.is_empty() && current {
            true => self.plan.clone(),
            false => {
                let mut engine = self.engine.clone();
                let value_of = |number: usize| values.get(number - 1).cloned();
                table_functions::substitute(&mut engine, &value_of)?;
                let plan = query::plan_engine(session, engine).await?;
                let types = self.parameters.iter().map(|p| p.data_type.clone());
                let types: Vec<DataType> = types.collect();
                let plan = match types.is_empty() {
                    true => plan,
                    false => with_types(plan.clone(), &types).unwrap_or(plan),
                };
                if !current {
                    self.check_columns(&plan)?;
                }
                plan
            }
        };
        Ok(plan.replace_params_with_values(&ParamValues::from(values))?)
    }
}

fn declared_type(declared: &[Option<DataType>], number: usize) -> Option<&DataType> {
    declared.get(number - 1).and_then(Option::as_ref)
}

/// The type of a parameter. A declared type counts more than one that the statement
/// gives, except for text, which clients declare for values of any type.
fn parameter(declared: Option<&DataType>, inferred: Option<DataType>) -> StatementParameter {
    let (data_type, is_cast) = match (declared, inferred) {
        // Each number has its own scale.
        (Some(decimal), _) if decimal.is_decimal() => (decimal.clone(), false),
        (Some(declared), Some(inferred)) if declared.is_string() => (inferred, true),
        (Some(declared), _) => (declared.clone(), true),
        (None, Some(inferred)) => (inferred, true),
        (None, None) => (DataType::Utf8, false),
    };
    StatementParameter { data_type, is_cast }
}

impl StatementParameter {
    /// Casts a value to the type. One that does not fit is an error, not NULL.
    fn cast(&self, number: usize, value: ScalarValue) -> Result<ScalarValue> {
        // A NULL has the type of its parameter.
        if value.is_null() {
            return Ok(ScalarValue::try_new_null(&self.data_type)?);
        }
        if !self.is_cast || value.data_type() == self.data_type {
            return Ok(value);
        }
        let cast = match (value.try_as_str().flatten(), &self.data_type) {
            (Some(text), DataType::List(element)) => array_of(text, element.data_type()),
            _ => cast_exactly(&value, &self.data_type),
        };
        cast.map_err(|error| ShellError {
            kind: ErrorKind::InvalidValue,
            message: format!("parameter ${number}: {}", error.message),
            ..ShellError::query("")
        })
    }
}

fn cast_exactly(value: &ScalarValue, data_type: &DataType) -> Result<ScalarValue> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    Ok(value.cast_to_with_options(data_type, &options)?)
}

/// The array of one dimension that a literal states.
fn array_of(text: &str, element: &DataType) -> Result<ScalarValue> {
    let array = array_text::parse(text).map_err(ShellError::query)?;
    if array.dimensions() > 1 {
        return Err(ShellError::query(
            "arrays of more than one dimension are not supported",
        ));
    }
    let elements = array.elements().into_iter().map(|item| match item {
        Some(item) => cast_exactly(&ScalarValue::from(item), element),
        None => Ok(ScalarValue::try_new_null(element)?),
    });
    let elements = elements.collect::<Result<Vec<_>>>()?;
    let list = ScalarValue::new_list_nullable(&elements, element);
    Ok(ScalarValue::List(list))
}

#[cfg(test)]
mod tests;
