//! Functions whose calls are tasks, as DataFusion functions.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::extraction::SourceTexts;

use super::answer::RowAnswer;
use super::run::TaskRun;
use super::task::RowTask;
use crate::blocking::blocking;
use crate::functions::arguments::{TextArgument, all_literal, columnar_result};
use crate::functions::parameters::Parameters;
use crate::functions::planning;
use crate::options::AiOptions;

/// A function of the texts of a row.
pub trait TaskFunction: Send + Sync {
    /// Name in SQL, and the arguments for calls by name.
    fn parameters(&self) -> &'static Parameters;

    fn documentation(&self) -> &Documentation;

    /// The types that arguments of the types `given` are cast to.
    ///
    /// # Errors
    /// A wrong number of arguments, or a wrong type.
    fn coerce(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.parameters().coerce(given)
    }

    /// Resolves a call, before any row is read.
    ///
    /// # Errors
    /// Arguments that are wrong or not literal, and models that do not exist.
    fn resolve(&self, call: &TaskArguments<'_>) -> Result<ResolvedCall>;
}

/// Arguments of a call at planning.
pub struct TaskArguments<'a> {
    pub function: &'static str,
    pub options: &'a AiOptions,
    pub types: &'a [DataType],
    /// By argument: its value if it is a literal.
    pub literals: &'a [Option<&'a ScalarValue>],
}

/// A task, and the number of text arguments, which are the first ones.
#[derive(Debug)]
pub struct ResolvedCall {
    pub task: RowTask,
    pub texts: usize,
}

/// A [`TaskFunction`] with the options of its session, as a DataFusion function.
#[derive(Clone)]
pub struct TaskUdf {
    pub function: &'static dyn TaskFunction,
    pub options: AiOptions,
    /// Names of the text arguments in the query. Later rules rename columns.
    columns: Option<Arc<[String]>>,
    signature: Signature,
}

impl TaskUdf {
    pub fn new(function: &'static dyn TaskFunction, options: AiOptions) -> Self {
        // Stable, not immutable: results depend on models and the settings of the session.
        let signature = function.parameters().signature(Volatility::Stable);
        Self {
            function,
            options,
            columns: None,
            signature,
        }
    }

    /// The function with the names of the text arguments of a call.
    pub fn with_columns(&self, columns: Vec<String>) -> Self {
        Self {
            columns: Some(columns.into()),
            ..Self::new(self.function, self.options.clone())
        }
    }

    /// Whether the names of the text arguments are known.
    pub fn has_columns(&self) -> bool {
        self.columns.is_some()
    }

    /// Names of `texts` text arguments: those of the query, else numbered.
    pub fn columns(&self, texts: usize) -> Vec<String> {
        match &self.columns {
            Some(columns) if columns.len() >= texts => columns[..texts].to_vec(),
            _ => (0..texts).map(|at| numbered(at, texts)).collect(),
        }
    }

    /// Resolves a call with arguments of these types and literals.
    ///
    /// # Errors
    /// Those of [`TaskFunction::resolve`].
    pub fn resolve(
        &self,
        types: &[DataType],
        literals: &[Option<&ScalarValue>],
    ) -> Result<ResolvedCall> {
        self.function.resolve(&TaskArguments {
            function: self.function.parameters().function,
            options: &self.options,
            types,
            literals,
        })
    }
}

fn numbered(at: usize, texts: usize) -> String {
    match texts {
        1 => "text".to_string(),
        _ => format!("text{}", at + 1),
    }
}

/// Names of the arguments that may be texts: of columns, else numbered. Arguments after
/// the texts are constant.
pub fn text_column_names(args: &[Expr]) -> Vec<String> {
    let last = args.iter().rposition(|arg| !arg.column_refs().is_empty());
    let texts = last.map_or(1, |last| last + 1);
    let name = |(at, arg): (usize, &Expr)| {
        let mut arg = arg;
        while let Expr::Cast(cast) = arg {
            arg = &cast.expr;
        }
        match arg {
            Expr::Column(column) => column.name.clone(),
            _ => numbered(at, texts),
        }
    };
    args.iter().take(texts).enumerate().map(name).collect()
}

impl std::fmt::Debug for TaskUdf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskUdf")
            .field("name", &self.function.parameters().function)
            .field("options", &self.options)
            .finish()
    }
}

impl PartialEq for TaskUdf {
    fn eq(&self, other: &Self) -> bool {
        self.function.parameters().function == other.function.parameters().function
            && self.options == other.options
            && self.columns == other.columns
    }
}

impl Eq for TaskUdf {}

impl Hash for TaskUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.parameters().function.hash(state);
        self.options.hash(state);
        self.columns.hash(state);
    }
}

impl ScalarUDFImpl for TaskUdf {
    fn name(&self) -> &str {
        self.function.parameters().function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let options = planning::updated_options(config, &self.options);
        let updated = Self {
            columns: self.columns.clone(),
            ..Self::new(self.function, options)
        };
        Some(updated.into())
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce(given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type depends on literals; return_field_from_args computes it")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let resolved = self.resolve(&types, args.scalar_arguments)?;
        let output = resolved.task.output_type();
        Ok(Arc::new(Field::new(
            self.function.parameters().function,
            output,
            true,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let literals: Vec<Option<&ScalarValue>> = args
            .args
            .iter()
            .map(|arg| match arg {
                ColumnarValue::Scalar(value) => Some(value),
                ColumnarValue::Array(_) => None,
            })
            .collect();
        let resolved = self.resolve(&types, &literals)?;
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let texts = args.args[..resolved.texts]
            .iter()
            .map(TextArgument::new)
            .collect::<Result<Vec<_>>>()?;
        let cancel = planning::call_cancel_token(&args.config_options, &self.options);
        let columns = self.columns(resolved.texts);
        let array = blocking(|| -> Result<ArrayRef> {
            let run = TaskRun::new(&self.options.runtime, &self.options.settings, &cancel, None)?;
            let rows = source_rows(&texts, rows);
            let answers = resolved.task.answer(&rows, &columns, &run.context)?;
            run.record_failures(&answers)?;
            let answers: Vec<&RowAnswer> = answers.iter().collect();
            resolved.task.array(&rows, &columns, &answers)
        })?;
        columnar_result(array, literal)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.function.documentation())
    }
}

/// The texts of rows, not trimmed: offsets are those of the arguments.
pub fn source_rows(texts: &[TextArgument], rows: usize) -> Vec<SourceTexts<'_>> {
    let row = |row: usize| texts.iter().map(|text| text.untrimmed(row)).collect();
    (0..rows).map(row).collect()
}
