//! Scalar function of the catalogue, which evaluates row by row.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::new_empty_array;
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::serve::catalog::client::ClientContext;
use crate::serve::catalog::column_types;
use crate::serve::catalog::names::Database;
use crate::serve::catalog::schema::CatalogContext;

/// Call of a function.
pub struct CatalogCall<'a> {
    pub context: &'a CatalogContext,
    /// Client that runs the statement.
    pub client: Option<&'a ClientContext>,
    pub options: &'a ConfigOptions,
    pub arguments: &'a [ScalarValue],
}

impl CatalogCall<'_> {
    pub fn user(&self) -> &str {
        self.client.map_or("semql", |client| client.user.as_str())
    }

    /// The database as the client sees it.
    pub fn database(&self) -> Database {
        let session = self.client.and_then(|client| client.catalogs.as_deref());
        self.context.names.database(session)
    }
}

type Evaluation = fn(&CatalogCall<'_>) -> Result<ScalarValue>;

/// Function of Postgres' catalogue.
#[derive(Clone, Copy, Debug)]
pub struct CatalogFunction {
    pub name: &'static str,
    /// Numbers of arguments, each of any type.
    pub arguments: &'static [usize],
    /// Type of the result, as [`column_types::data_type`] reads it.
    pub result: &'static str,
    /// Whether the function gives NULL for a NULL.
    pub strict: bool,
    /// Whether each call has an effect.
    pub volatile: bool,
    pub evaluate: Evaluation,
}

/// Function that gives NULL for a NULL.
pub const fn strict(
    name: &'static str,
    arguments: &'static [usize],
    result: &'static str,
    evaluate: Evaluation,
) -> CatalogFunction {
    CatalogFunction {
        name,
        arguments,
        result,
        strict: true,
        volatile: false,
        evaluate,
    }
}

/// Function with an effect.
pub const fn volatile(
    name: &'static str,
    arguments: &'static [usize],
    result: &'static str,
    evaluate: Evaluation,
) -> CatalogFunction {
    CatalogFunction {
        volatile: true,
        ..strict(name, arguments, result, evaluate)
    }
}

/// A [`CatalogFunction`] in the engine.
#[derive(Debug)]
pub struct CatalogUdf {
    function: CatalogFunction,
    context: Arc<CatalogContext>,
    signature: Signature,
    result: DataType,
}

impl CatalogUdf {
    pub fn new(function: CatalogFunction, context: Arc<CatalogContext>) -> Self {
        let counts = function.arguments.iter().map(|count| match count {
            0 => TypeSignature::Nullary,
            count => TypeSignature::Any(*count),
        });
        let volatility = match function.volatile {
            true => Volatility::Volatile,
            false => Volatility::Stable,
        };
        Self {
            function,
            context,
            signature: Signature::one_of(counts.collect(), volatility),
            result: column_types::data_type(function.result),
        }
    }

    fn value(&self, options: &ConfigOptions, arguments: &[ScalarValue]) -> Result<ScalarValue> {
        if self.function.strict && arguments.iter().any(ScalarValue::is_null) {
            return ScalarValue::try_new_null(&self.result);
        }
        (self.function.evaluate)(&CatalogCall {
            context: &self.context,
            client: options.extensions.get::<ClientContext>(),
            options,
            arguments,
        })
    }
}

impl PartialEq for CatalogUdf {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
    }
}

impl Eq for CatalogUdf {}

impl Hash for CatalogUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
    }
}

impl ScalarUDFImpl for CatalogUdf {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let options = args.config_options.as_ref();
        let constants: Option<Vec<ScalarValue>> = args
            .args
            .iter()
            .map(|argument| match argument {
                ColumnarValue::Scalar(value) => Some(value.clone()),
                ColumnarValue::Array(_) => None,
            })
            .collect();
        if let (false, Some(constants)) = (self.function.volatile, &constants) {
            return Ok(ColumnarValue::Scalar(self.value(options, constants)?));
        }
        let rows = (0..args.number_rows).map(|row| {
            let arguments = args.args.iter().map(|argument| match argument {
                ColumnarValue::Scalar(value) => Ok(value.clone()),
                ColumnarValue::Array(array) => ScalarValue::try_from_array(array, row),
            });
            self.value(options, &arguments.collect::<Result<Vec<_>>>()?)
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(match rows.is_empty() {
            true => new_empty_array(&self.result),
            false => ScalarValue::iter_to_array(rows)?,
        }))
    }
}
