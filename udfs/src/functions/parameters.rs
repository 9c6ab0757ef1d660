//! Parameters of SQL functions: number, types and literals of the arguments of a
//! call.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

use super::call_syntax::{call_syntax, check_argument_count};
use super::label_types::{LABELS, field_hint, labels_type};
use super::labels_argument::labels_taxonomy;
use super::text_types::text_type;
use super::vectors::float32_vector_type;

/// Type that an argument must have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ArgumentType {
    /// Any of the three string types.
    Text,
    /// Labels, alone or with descriptions, the same for every row.
    Labels,
    /// The name of a model, as a literal.
    Model,
    /// A list of numbers, cast to Float32.
    Vector,
    /// A literal whole number between two bounds, both included.
    Integer(i64, i64),
    /// A literal number above 0.
    Positive,
    /// A literal number above 0 and below 1.
    Share,
    /// A literal name.
    Name,
    /// A value of any type that casts to text.
    Group,
}

/// Name in SQL, and type.
pub type NamedArgument = (&'static str, ArgumentType);

/// Parameters of a function.
#[derive(Clone, Copy, Debug)]
pub struct Parameters {
    pub function: &'static str,
    pub list: &'static [NamedArgument],
    /// Number of arguments that a call must have.
    pub required: usize,
}

/// Literals of a call by position; `None` for NULL and for omitted arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct LiteralArguments(Vec<Option<ScalarValue>>);

impl LiteralArguments {
    /// The value at a position.
    pub fn value(&self, position: usize) -> Option<&ScalarValue> {
        self.0.get(position)?.as_ref()
    }

    /// Value of an [`ArgumentType::Integer`].
    pub fn integer(&self, position: usize) -> Option<i64> {
        match self.0.get(position) {
            Some(Some(ScalarValue::Int64(number))) => *number,
            _ => None,
        }
    }

    /// Value of an [`ArgumentType::Integer`] whose lower bound is not negative.
    pub fn usize_or(&self, position: usize, default: usize) -> usize {
        self.integer(position)
            .map_or(default, |number| number as usize)
    }

    /// Value of an [`ArgumentType::Name`].
    pub fn name(&self, position: usize) -> Option<&str> {
        self.0.get(position)?.as_ref()?.try_as_str().flatten()
    }

    /// Value of an [`ArgumentType::Positive`] or [`ArgumentType::Share`].
    pub fn positive(&self, position: usize) -> Option<f64> {
        match self.0.get(position) {
            Some(Some(ScalarValue::Float64(number))) => *number,
            _ => None,
        }
    }
}

impl Parameters {
    /// `name(a, b [, c])`.
    pub fn syntax(&self) -> String {
        let list = self.list.iter().enumerate();
        let arguments = list.map(|(position, (name, _))| (*name, position < self.required));
        call_syntax(self.function, arguments)
    }

    /// Position of the first argument of that type.
    pub fn position(&self, argument: ArgumentType) -> Option<usize> {
        self.list.iter().position(|(_, other)| *other == argument)
    }

    /// Signature with named arguments; [`Parameters::coerce`] checks the types.
    pub fn signature(&self, volatility: Volatility) -> Signature {
        let signature = Signature::user_defined(volatility);
        let names: Vec<&str> = self.list.iter().map(|(name, _)| *name).collect();
        signature
            .clone()
            .with_parameter_names(names)
            .unwrap_or(signature)
    }

    /// The types that arguments of the types `given` are cast to.
    ///
    /// # Errors
    /// A wrong number of arguments, or a wrong type.
    pub fn coerce(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let (function, max) = (self.function, self.list.len());
        check_argument_count(function, given.len(), self.required, max, &self.syntax())?;
        let arguments = given.iter().zip(self.list).enumerate();
        arguments
            .map(|(position, (given, (name, argument)))| {
                let Some(coerced) = argument.coerce(given) else {
                    return plan_err!(
                        "argument {} of {function}, {name}, must be {}, not {given}{}",
                        position + 1,
                        argument.expected(),
                        match argument {
                            ArgumentType::Text =>
                                ": convert it with CAST(... AS VARCHAR)".to_string(),
                            ArgumentType::Labels => field_hint(given),
                            _ => String::new(),
                        }
                    );
                };
                Ok(coerced)
            })
            .collect()
    }

    /// Checks the literals of a call at planning: all arguments but the first, and groups.
    ///
    /// # Errors
    /// A column in place of a literal, or a value out of bounds.
    pub fn check(&self, arguments: &[Expr]) -> Result<()> {
        for (position, argument) in arguments.iter().enumerate().skip(1) {
            match argument {
                _ if self.is_group(position) => {}
                Expr::Literal(value, _) => self.literal(position, value.clone()).map(|_| ())?,
                other if !other.column_refs().is_empty() => return self.not_literal(position),
                // The value is known at execution, as that of a placeholder.
                _ => {}
            }
        }
        Ok(())
    }

    /// The literals of a call at execution.
    ///
    /// # Errors
    /// As [`Parameters::check`].
    pub fn literals(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> Result<LiteralArguments> {
        let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let mut literals = vec![None];
        for (position, argument) in arguments.iter().enumerate().skip(1) {
            if self.is_group(position) {
                literals.push(None);
                continue;
            }
            literals.push(match argument.evaluate(&empty) {
                Ok(ColumnarValue::Scalar(value)) => self.literal(position, value)?,
                _ => return self.not_literal(position),
            });
        }
        Ok(LiteralArguments(literals))
    }

    fn is_group(&self, position: usize) -> bool {
        let parameter = self.list.get(position);
        parameter.is_some_and(|(_, argument)| *argument == ArgumentType::Group)
    }

    fn not_literal<T>(&self, position: usize) -> Result<T> {
        let name = self.list.get(position).map_or("", |(name, _)| name);
        plan_err!(
            "{name} of {} must be a literal, the same for all rows",
            self.function
        )
    }

    /// The checked value; `None` for a NULL that stands for the default.
    fn literal(&self, position: usize, value: ScalarValue) -> Result<Option<ScalarValue>> {
        let Some((name, argument)) = self.list.get(position) else {
            return Ok(None);
        };
        let function = self.function;
        if value.is_null() {
            return match position < self.required {
                true => plan_err!(
                    "{name} of {function} is NULL, and must be {}",
                    argument.expected()
                ),
                false => Ok(None),
            };
        }
        let value = match argument {
            ArgumentType::Integer(..) => value.cast_to(&DataType::Int64)?,
            ArgumentType::Positive | ArgumentType::Share => value.cast_to(&DataType::Float64)?,
            ArgumentType::Labels => {
                labels_taxonomy(&value)?;
                return Ok(Some(value));
            }
            _ => return Ok(Some(value)),
        };
        let valid = match (argument, &value) {
            (ArgumentType::Integer(min, max), ScalarValue::Int64(Some(number))) => {
                (min..=max).contains(&number)
            }
            (ArgumentType::Positive, ScalarValue::Float64(Some(number))) => {
                *number > 0.0 && number.is_finite()
            }
            (ArgumentType::Share, ScalarValue::Float64(Some(number))) => {
                *number > 0.0 && *number < 1.0
            }
            _ => false,
        };
        match valid {
            true => Ok(Some(value)),
            false => plan_err!(
                "{name} of {function} is {value}, and must be {}",
                argument.expected()
            ),
        }
    }
}

impl ArgumentType {
    fn expected(self) -> String {
        match self {
            Self::Text => "text".to_string(),
            Self::Labels => LABELS.to_string(),
            Self::Model => "the name of a model".to_string(),
            Self::Vector => "a vector, that is a list of numbers".to_string(),
            Self::Integer(min, i64::MAX) => format!("a whole number from {min}"),
            Self::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Self::Positive => "a number above 0".to_string(),
            Self::Share => "a number above 0 and below 1".to_string(),
            Self::Name => "a name in quotes".to_string(),
            Self::Group => "a value that casts to text".to_string(),
        }
    }

    /// The type that an argument of the type `given` is cast to.
    fn coerce(self, given: &DataType) -> Option<DataType> {
        match self {
            Self::Text | Self::Model | Self::Name => text_type(given),
            Self::Group => can_cast_types(given, &DataType::Utf8).then_some(DataType::Utf8),
            Self::Labels => labels_type(given),
            Self::Vector => float32_vector_type(given),
            Self::Integer(..) => (given.is_integer() || given.is_null()).then_some(DataType::Int64),
            Self::Positive | Self::Share => {
                (given.is_numeric() || given.is_null()).then_some(DataType::Float64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: Parameters = Parameters {
        function: "f",
        list: &[
            ("v", ArgumentType::Vector),
            ("k", ArgumentType::Integer(1, i64::MAX)),
            ("p", ArgumentType::Positive),
            ("s", ArgumentType::Share),
            ("g", ArgumentType::Group),
        ],
        required: 2,
    };

    #[test]
    fn types_are_cast_or_rejected() {
        assert_eq!(PARAMETERS.syntax(), "f(v, k [, p] [, s] [, g])");
        let half = DataType::new_fixed_size_list(DataType::Float16, 3, true);
        let cast = PARAMETERS.coerce(&[half, DataType::Int32]).unwrap();
        assert_eq!(
            cast,
            [
                DataType::new_fixed_size_list(DataType::Float32, 3, true),
                DataType::Int64
            ]
        );
        let texts = DataType::new_list(DataType::Utf8, true);
        assert!(PARAMETERS.coerce(&[texts, DataType::Int64]).is_err());
        assert!(PARAMETERS.coerce(&[DataType::Null]).is_err());
    }

    #[test]
    fn literals_are_checked() {
        let value = |number| ScalarValue::Int64(Some(number));
        assert_eq!(PARAMETERS.literal(1, value(2)).unwrap(), Some(value(2)));
        assert!(PARAMETERS.literal(1, value(0)).is_err());
        assert!(PARAMETERS.literal(1, ScalarValue::Int64(None)).is_err());
        assert_eq!(
            PARAMETERS.literal(2, ScalarValue::Float64(None)).unwrap(),
            None
        );
        assert!(
            PARAMETERS
                .literal(2, ScalarValue::Float64(Some(f64::NAN)))
                .is_err()
        );
        for (share, valid) in [(0.5, true), (0.0, false), (1.0, false), (f64::NAN, false)] {
            let share = ScalarValue::Float64(Some(share));
            assert_eq!(PARAMETERS.literal(3, share).is_ok(), valid);
        }
    }

    #[test]
    fn a_group_may_be_a_column() {
        let column = |name: &str| datafusion::logical_expr::col(name);
        let literal = |number: i64| datafusion::logical_expr::lit(number);
        let share = datafusion::logical_expr::lit(0.5);
        let group = [column("v"), literal(1), share.clone(), share, column("g")];
        PARAMETERS.check(&group).unwrap();
        let error = PARAMETERS.check(&[column("v"), column("k")]).unwrap_err();
        assert!(error.to_string().contains("must be a literal"), "{error}");
    }
}
