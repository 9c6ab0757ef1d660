//! A scalar function as it has to be to serve a session of another library.
//!
//! On the way to us DataFusion's interface between libraries makes arrays of
//! literals, and settings arrive as text. Here both become what our functions
//! know.

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

/// Every scalar function.
pub fn functions(options: &AiOptions) -> Vec<ScalarUDF> {
    let functions = scalar_functions(options).into_iter();
    functions
        .map(|inner| Foreign::new(inner, options.clone(), None).into())
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Foreign {
    inner: ScalarUDF,
    options: AiOptions,
    /// What is wrong with the session's settings. A session of another library
    /// cannot refuse a setting, so the next call does.
    wrong: Option<String>,
}

impl Foreign {
    fn new(inner: ScalarUDF, options: AiOptions, wrong: Option<String>) -> Self {
        Self {
            inner,
            options,
            wrong,
        }
    }
}

impl ScalarUDFImpl for Foreign {
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
        match &self.wrong {
            Some(wrong) => plan_err!("{wrong}"),
            None => self.inner.return_field_from_args(args),
        }
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let (options, wrong) = match settings::of_session(config, &self.options) {
            Ok(options) => (options, None),
            Err(why) => (self.options.clone(), Some(why)),
        };
        let mut functions = scalar_functions(&options).into_iter();
        let inner = functions.find(|function| function.name() == self.name())?;
        // What was registered stays what settings are changes of.
        Some(Self::new(inner, self.options.clone(), wrong).into())
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.number_rows == 0 {
            let nothing = new_empty_array(args.return_field.data_type());
            return Ok(ColumnarValue::Array(nothing));
        }
        let given = args.args.into_iter();
        args.args = given.map(narrowed).collect::<Result<_>>()?;
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// An argument that is the same in every row as the scalar that it was.
fn narrowed(argument: ColumnarValue) -> Result<ColumnarValue> {
    let ColumnarValue::Array(array) = &argument else {
        return Ok(argument);
    };
    // A column is the same throughout where it is the same one row on. For one
    // that is not, the comparison ends where it differs.
    let Some(but_one) = array.len().checked_sub(1) else {
        return Ok(argument);
    };
    if array.slice(0, but_one) != array.slice(1, but_one) {
        return Ok(argument);
    }
    Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
        array, 0,
    )?))
}
