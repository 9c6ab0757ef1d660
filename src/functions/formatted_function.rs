//! `to_char`, `to_timestamp` and `to_date`: the engine's functions, which also take the
//! formats of Postgres. A format with `%` is the engine's.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, new_null_array};
use arrow::compute::cast;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::functions::datetime;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use super::number_functions::write_numbers;
use super::sql_function::is_text;
use super::times::formatted::{read_dates, read_instants, write_times};

/// Function with a value and a format.
struct FormattedSpec {
    name: &'static str,
    syntax: &'static str,
    description: &'static str,
    /// Whether the value is a text that the format describes.
    reads_text: bool,
    evaluate: fn(&ArrayRef, &ArrayRef, &Arc<str>) -> Result<ArrayRef>,
}

static TO_CHAR: FormattedSpec = FormattedSpec {
    name: "to_char",
    syntax: "to_char(value, format)",
    description: "Text of a time, an interval or a number in a format of Postgres, such as \
                  `YYYY-MM-DD HH24:MI:SS` or `999,990.00`. A format with `%` is one of strftime.",
    reads_text: false,
    evaluate: |values, formats, zone| match values.data_type() {
        DataType::Null => Ok(new_null_array(&DataType::Utf8, values.len())),
        number if number.is_numeric() => write_numbers(values, formats),
        _ => write_times(values, formats, zone),
    },
};

static TO_TIMESTAMP: FormattedSpec = FormattedSpec {
    name: "to_timestamp",
    syntax: "to_timestamp(value [, format])",
    description: "Instant of a text in a format of Postgres, such as `YYYY-MM-DD HH24:MI:SS.US`, or in formats \
                  of strptime, which have a `%`. Without a format, also of seconds after 1970.",
    reads_text: true,
    evaluate: read_instants,
};

static TO_DATE: FormattedSpec = FormattedSpec {
    name: "to_date",
    syntax: "to_date(text [, format])",
    description: "Date of a text in a format of Postgres, such as `YYYY-MM-DD`, or in formats of strptime, \
                  which have a `%`.",
    reads_text: true,
    evaluate: |texts, formats, _| read_dates(texts, formats),
};

/// The functions of this file.
pub fn functions(config: &ConfigOptions) -> Vec<ScalarUDF> {
    [
        (&TO_CHAR, datetime::to_char()),
        (&TO_TIMESTAMP, datetime::to_timestamp(config)),
        (&TO_DATE, datetime::to_date()),
    ]
    .into_iter()
    .map(|(spec, engine)| ScalarUDF::from(FormattedFunction::new(spec, engine)))
    .collect()
}

#[derive(Debug)]
struct FormattedFunction {
    spec: &'static FormattedSpec,
    /// The function of the engine.
    engine: Arc<ScalarUDF>,
    signature: Signature,
    documentation: Documentation,
}

impl std::fmt::Debug for FormattedSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for FormattedFunction {
    fn eq(&self, other: &Self) -> bool {
        self.engine == other.engine
    }
}

impl Eq for FormattedFunction {}

impl Hash for FormattedFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.engine.hash(state);
    }
}

impl FormattedFunction {
    fn new(spec: &'static FormattedSpec, engine: Arc<ScalarUDF>) -> Self {
        let section = DocSection {
            include: true,
            label: "Postgres Functions",
            description: None,
        };
        Self {
            spec,
            engine,
            signature: Signature::user_defined(Volatility::Stable),
            documentation: Documentation::builder(section, spec.description, spec.syntax).build(),
        }
    }

    /// Whether a call may have a format of Postgres.
    fn takes_format(&self, types: &[DataType]) -> bool {
        match types {
            [value, format] => {
                let has_value = !self.spec.reads_text || is_text(value) || value.is_null();
                has_value && (is_text(format) || format.is_null())
            }
            _ => false,
        }
    }

    fn of_engine(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        // The engine's `to_char` has no number.
        if let (false, Some(field)) = (self.spec.reads_text, args.arg_fields.first())
            && (field.data_type().is_numeric()
                || matches!(field.data_type(), DataType::Interval(_)))
        {
            return exec_err!(
                "to_char has no formats with % for the type {}",
                field.data_type()
            );
        }
        self.engine.invoke_with_args(args)
    }
}

impl ScalarUDFImpl for FormattedFunction {
    fn name(&self) -> &str {
        self.spec.name
    }

    fn aliases(&self) -> &[String] {
        self.engine.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if self.takes_format(types) {
            let value = match &types[0] {
                text if is_text(text) => DataType::Utf8,
                other => other.clone(),
            };
            return Ok(vec![value, DataType::Utf8]);
        }
        match self.spec.reads_text && !types.is_empty() {
            true => Ok(types.to_vec()),
            false => plan_err!(
                "{} has no form for {} arguments of these types; the call is {}",
                self.spec.name,
                types.len(),
                self.spec.syntax
            ),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match self.spec.reads_text {
            true => self.engine.return_type(types),
            false => Ok(DataType::Utf8),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.engine.return_field_from_args(args)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let engine = self.engine.inner().with_updated_config(config)?;
        Some(ScalarUDF::from(Self::new(self.spec, Arc::new(engine))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        if !self.takes_format(&types) {
            return self.of_engine(args);
        }
        let is_scalar = args
            .args
            .iter()
            .all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_scalar { 1 } else { args.number_rows };
        let values = args.args[0].to_array(rows)?;
        let formats = cast(&args.args[1].to_array(rows)?, &DataType::Utf8)?;
        let is_engines: BooleanArray = formats
            .as_string::<i32>()
            .iter()
            .map(|format| {
                Some(
                    format.is_some_and(|format| format.contains('%'))
                        && !values.data_type().is_numeric(),
                )
            })
            .collect();
        if rows > 0 && is_engines.true_count() == rows {
            return self.of_engine(args);
        }
        let zone = args.config_options.execution.time_zone.clone();
        let zone: Arc<str> = zone.map_or_else(|| Arc::from("UTC"), Arc::from);
        let data_type = args.return_field.data_type().clone();
        let own_formats = arrow::compute::nullif(&formats, &is_engines)?;
        let values = match values.data_type() {
            DataType::Null if self.spec.reads_text => cast(&values, &DataType::Utf8)?,
            _ => values,
        };
        let mut result = cast(
            &(self.spec.evaluate)(&values, &own_formats, &zone)?,
            &data_type,
        )?;
        if is_engines.true_count() > 0 {
            let engine = self.of_engine(args)?.to_array(rows)?;
            result = zip(&is_engines, &engine, &result)?;
        }
        match is_scalar {
            true => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &result, 0,
            )?)),
            false => Ok(ColumnarValue::Array(result)),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}
