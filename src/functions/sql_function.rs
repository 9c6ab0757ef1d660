//! Adapter from a function over arrays to a function of the engine.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    Cast, ColumnarValue, DocSection, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Description of a function.
pub struct FunctionSpec {
    pub name: &'static str,
    /// The call, with optional arguments in brackets.
    pub syntax: &'static str,
    pub description: &'static str,
    /// Minimum and maximum number of arguments.
    pub arity: (usize, usize),
    /// The types that arguments are cast to.
    pub coerce: fn(&[DataType]) -> Result<Vec<DataType>>,
    /// The type of the result. Values are those of literal arguments.
    pub result: fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>,
    /// The result for arrays of equal length.
    pub evaluate: fn(&ArrayCall<'_>) -> Result<ArrayRef>,
    /// A simpler expression for the types of the arguments.
    pub replace: Option<fn(&[DataType]) -> Replacement>,
    /// Whether the result is NULL only if the first argument is.
    pub keeps_nulls: bool,
    pub volatility: Volatility,
}

/// Functions that operators call, and the operators.
const OPERATOR_FUNCTIONS: &[(&str, &str)] = &[
    ("integer_sum", "+"),
    ("integer_difference", "-"),
    ("integer_product", "*"),
    ("interval_times", "*"),
    ("json_object_field", "->"),
    ("json_array_element", "->"),
    ("json_object_field_text", "->>"),
    ("json_array_element_text", "->>"),
];

/// Functions whose texts are JSON documents, which clients and files are told.
const JSON_FUNCTIONS: &[&str] = &[
    "json_array_element",
    "json_build_array",
    "json_build_object",
    "json_extract",
    "json_extract_path",
    "json_object_field",
    "json_of_pairs",
    "json_of_rows",
    "json_of_text",
    "jsonb_of_text",
    "row_to_json",
    "to_json",
];

/// Arrow's metadata of a field with JSON documents.
const EXTENSION_OF_JSON: [(&str, &str); 2] = [
    ("ARROW:extension:name", "arrow.json"),
    ("ARROW:extension:metadata", ""),
];

/// Expression that replaces a call.
pub enum Replacement {
    /// The call itself.
    None,
    /// The first argument.
    Argument,
    /// The first argument, cast by the engine.
    Cast(DataType),
}

/// Call of a function over arrays.
pub struct ArrayCall<'a> {
    pub name: &'static str,
    pub arguments: &'a [ArrayRef],
    pub rows: usize,
    pub result: &'a DataType,
    pub config: &'a Arc<ConfigOptions>,
}

impl ArrayCall<'_> {
    /// Time zone of the session.
    pub fn session_zone(&self) -> Arc<str> {
        let zone = self.config.execution.time_zone.clone();
        zone.map_or_else(|| Arc::from("UTC"), Arc::from)
    }
}

/// Function of the engine.
#[derive(Debug)]
pub struct SqlFunction {
    spec: &'static FunctionSpec,
    signature: Signature,
    documentation: Documentation,
}

impl std::fmt::Debug for FunctionSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for SqlFunction {
    fn eq(&self, other: &Self) -> bool {
        self.spec.name == other.spec.name
    }
}

impl Eq for SqlFunction {}

impl Hash for SqlFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.spec.name.hash(state);
    }
}

impl SqlFunction {
    pub fn udf(spec: &'static FunctionSpec) -> ScalarUDF {
        let section = DocSection {
            include: true,
            label: "Postgres Functions",
            description: None,
        };
        ScalarUDF::from(Self {
            spec,
            signature: match spec.arity {
                (0, 0) => Signature::nullary(spec.volatility),
                _ => Signature::user_defined(spec.volatility),
            },
            documentation: Documentation::builder(section, spec.description, spec.syntax).build(),
        })
    }

    fn check_arity(&self, count: usize) -> Result<()> {
        let (min, max) = self.spec.arity;
        match (min..=max).contains(&count) {
            true => Ok(()),
            false => plan_err!(
                "{} has no form with {count} arguments; the call is {}",
                self.spec.name,
                self.spec.syntax
            ),
        }
    }
}

impl ScalarUDFImpl for SqlFunction {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Functions of operators have the names of their operators in results.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let operator = OPERATOR_FUNCTIONS
            .iter()
            .find(|(name, _)| *name == self.spec.name);
        Ok(match (operator, args) {
            (Some((_, operator)), [left, right]) => {
                format!("{} {operator} {}", left.schema_name(), right.schema_name())
            }
            _ => {
                let args: Vec<String> = args
                    .iter()
                    .map(|arg| arg.schema_name().to_string())
                    .collect();
                format!("{}({})", self.spec.name, args.join(","))
            }
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.check_arity(types.len())?;
        (self.spec.coerce)(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.check_arity(types.len())?;
        (self.spec.result)(types, &vec![None; types.len()])
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        self.check_arity(types.len())?;
        let data_type = (self.spec.result)(&types, args.scalar_arguments)?;
        let is_nullable = match args.arg_fields.first() {
            Some(first) if self.spec.keeps_nulls => first.is_nullable(),
            _ => true,
        };
        let mut field = Field::new(self.spec.name, data_type, is_nullable);
        if JSON_FUNCTIONS.contains(&self.spec.name) && field.data_type() == &DataType::Utf8 {
            let extension =
                EXTENSION_OF_JSON.map(|(key, value)| (key.to_string(), value.to_string()));
            field.set_metadata(extension.into());
        }
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args
            .args
            .iter()
            .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let arguments: Vec<ArrayRef> = args
            .args
            .iter()
            .map(|value| value.to_array(rows))
            .collect::<Result<_>>()?;
        let result = (self.spec.evaluate)(&ArrayCall {
            name: self.spec.name,
            arguments: &arguments,
            rows,
            result: args.return_field.data_type(),
            config: &args.config_options,
        })?;
        if result.len() != rows {
            return exec_err!("{} computed another number of rows", self.spec.name);
        }
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &result, 0,
            )?)),
            false => Ok(ColumnarValue::Array(result)),
        }
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some(replace) = self.spec.replace else {
            return Ok(ExprSimplifyResult::Original(args));
        };
        let types: Vec<DataType> = args
            .iter()
            .map(|arg| info.get_data_type(arg))
            .collect::<Result<_>>()?;
        let replacement = replace(&types);
        let mut args = args;
        match replacement {
            Replacement::None => Ok(ExprSimplifyResult::Original(args)),
            Replacement::Argument => Ok(ExprSimplifyResult::Simplified(args.swap_remove(0))),
            Replacement::Cast(data_type) => {
                let cast = Cast::new(Box::new(args.swap_remove(0)), data_type);
                Ok(ExprSimplifyResult::Simplified(Expr::Cast(cast)))
            }
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The types of arguments as they are.
pub fn as_given(types: &[DataType]) -> Result<Vec<DataType>> {
    Ok(types.to_vec())
}

/// All arguments as text.
pub fn as_text(types: &[DataType]) -> Result<Vec<DataType>> {
    Ok(vec![DataType::Utf8; types.len()])
}

pub fn returns_text(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(DataType::Utf8)
}

/// Whether a type holds text.
pub fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}
