//! Adapter of scalar functions for a session of the package `datafusion`.
//!
//! DataFusion's FFI turns literals into arrays and settings into text. The adapter
//! converts both back before it calls the function.

use datafusion::arrow::array::new_empty_array;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};
use datafusion::scalar::ScalarValue;
use semql_udfs::{AiOptions, scalar_functions};

use crate::settings;

/// All scalar functions, adapted.
pub fn functions(options: &AiOptions) -> Vec<ScalarUDF> {
    let functions = scalar_functions(options).into_iter();
    functions
        .map(|inner| ScalarAdapter::new(inner, options.clone(), None).into())
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ScalarAdapter {
    inner: ScalarUDF,
    options: AiOptions,
    /// Error in the session's settings. A session of `datafusion` cannot refuse a
    /// setting, so the next call fails with it.
    settings_error: Option<String>,
}

impl ScalarAdapter {
    fn new(inner: ScalarUDF, options: AiOptions, settings_error: Option<String>) -> Self {
        Self {
            inner,
            options,
            settings_error,
        }
    }
}

impl ScalarUDFImpl for ScalarAdapter {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(given)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        self.inner.return_type(given)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        match &self.settings_error {
            Some(error) => plan_err!("{error}"),
            None => self.inner.return_field_from_args(args),
        }
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let (options, error) = match settings::with_session_changes(config, &self.options) {
            Ok(options) => (options, None),
            Err(error) => (self.options.clone(), Some(error)),
        };
        let mut functions = scalar_functions(&options).into_iter();
        let inner = functions.find(|function| function.name() == self.name())?;
        // Settings of the session are changes of the registered options.
        Some(Self::new(inner, self.options.clone(), error).into())
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.number_rows == 0 {
            let empty = new_empty_array(args.return_field.data_type());
            return Ok(ColumnarValue::Array(empty));
        }
        let given = args.args.into_iter();
        args.args = given.map(constant_to_scalar).collect::<Result<_>>()?;
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// Converts an argument with equal rows to a scalar.
fn constant_to_scalar(argument: ColumnarValue) -> Result<ColumnarValue> {
    let ColumnarValue::Array(array) = &argument else {
        return Ok(argument);
    };
    // All rows are equal if the column equals itself shifted by one row. The
    // comparison ends at the first difference.
    let Some(length) = array.len().checked_sub(1) else {
        return Ok(argument);
    };
    if array.slice(0, length) != array.slice(1, length) {
        return Ok(argument);
    }
    Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
        array, 0,
    )?))
}
