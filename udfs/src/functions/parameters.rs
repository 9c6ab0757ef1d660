//! The arguments of functions over many rows: a column of vectors or texts, and
//! then literals, which are the same for all rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::scalar::ScalarValue;

use super::vectors::narrow_type;

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A list of numbers, which are read as Float32.
    Vector,
    /// Any of the three string types.
    Text,
    /// A whole number, from the one to the other.
    Whole(i64, i64),
    /// A number above 0.
    Positive,
}

/// How a function is called.
#[derive(Debug)]
pub struct Parameters {
    pub function: &'static str,
    /// Names in SQL, and kinds: one column, and then literals.
    pub list: &'static [(&'static str, Kind)],
    /// Those that have to be given.
    pub required: usize,
}

/// The literals of a call by their positions; `None` for those that are not
/// given, or NULL.
#[derive(Clone, Debug, PartialEq)]
pub struct Literals(Vec<Option<ScalarValue>>);

impl Literals {
    /// A [`Kind::Whole`].
    pub fn whole(&self, position: usize) -> Option<i64> {
        match self.0.get(position) {
            Some(Some(ScalarValue::Int64(number))) => *number,
            _ => None,
        }
    }

    /// The same, where it has a default and its least is not negative.
    pub fn whole_or(&self, position: usize, default: usize) -> usize {
        self.whole(position)
            .map_or(default, |number| number as usize)
    }

    /// A [`Kind::Positive`].
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
        let mut syntax = format!("{}(", self.function);
        for (at, (name, _)) in self.list.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            syntax += &match at < self.required {
                true => format!("{comma}{name}"),
                false => format!(" [{comma}{name}]"),
            };
        }
        syntax + ")"
    }

    /// A signature whose arguments can be named; [`Parameters::coerce`] checks
    /// the types.
    pub fn signature(&self, volatility: Volatility) -> Signature {
        let signature = Signature::user_defined(volatility);
        let names: Vec<&str> = self.list.iter().map(|(name, _)| *name).collect();
        signature
            .clone()
            .with_parameter_names(names)
            .unwrap_or(signature)
    }

    /// The types that `given` arguments are cast to.
    ///
    /// # Errors
    /// Too few or too many arguments, or one of a type that does not fit.
    pub fn coerce(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let function = self.function;
        if given.len() < self.required || given.len() > self.list.len() {
            return plan_err!(
                "{function} takes {}, and {} are given: write {}",
                match self.list.len() {
                    most if most == self.required => format!("{most} arguments"),
                    most => format!("{} to {most} arguments", self.required),
                },
                given.len(),
                self.syntax()
            );
        }
        let arguments = given.iter().zip(self.list).enumerate();
        arguments
            .map(|(at, (given, (name, kind)))| {
                let Some(fits) = kind.fits(given) else {
                    return plan_err!(
                        "argument {} of {function}, {name}, must be {}, and this is {given}",
                        at + 1,
                        kind.wanted()
                    );
                };
                Ok(fits)
            })
            .collect()
    }

    /// Checks the literals of a call that is being planned.
    ///
    /// # Errors
    /// A column in place of a literal, or a literal that makes no sense.
    pub fn check(&self, arguments: &[Expr]) -> Result<()> {
        for (at, argument) in arguments.iter().enumerate().skip(1) {
            match argument {
                Expr::Literal(value, _) => self.literal(at, value.clone()).map(|_| ())?,
                other if !other.column_refs().is_empty() => return self.not_literal(at),
                // Something that is worked out later, such as a placeholder.
                _ => {}
            }
        }
        Ok(())
    }

    /// The literals of a call that is about to run.
    ///
    /// # Errors
    /// As [`Parameters::check`].
    pub fn literals(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Literals> {
        let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let mut literals = vec![None];
        for (at, argument) in arguments.iter().enumerate().skip(1) {
            literals.push(match argument.evaluate(&nothing) {
                Ok(ColumnarValue::Scalar(value)) => self.literal(at, value)?,
                _ => return self.not_literal(at),
            });
        }
        Ok(Literals(literals))
    }

    fn not_literal<T>(&self, at: usize) -> Result<T> {
        let name = self.list.get(at).map_or("", |(name, _)| name);
        plan_err!(
            "{name} of {} has to be a literal: it is the same for all rows",
            self.function
        )
    }

    /// The value, if it makes sense; `None` for a NULL where none is needed.
    fn literal(&self, at: usize, value: ScalarValue) -> Result<Option<ScalarValue>> {
        let Some((name, kind)) = self.list.get(at) else {
            return Ok(None);
        };
        let function = self.function;
        if value.is_null() {
            return match at < self.required {
                true => plan_err!(
                    "{name} of {function} is NULL, and has to be {}",
                    kind.wanted()
                ),
                false => Ok(None),
            };
        }
        let value = match kind {
            Kind::Whole(..) => value.cast_to(&DataType::Int64)?,
            Kind::Positive => value.cast_to(&DataType::Float64)?,
            Kind::Vector | Kind::Text => return Ok(Some(value)),
        };
        let sound = match (kind, &value) {
            (Kind::Whole(least, most), ScalarValue::Int64(Some(number))) => {
                (least..=most).contains(&number)
            }
            (Kind::Positive, ScalarValue::Float64(Some(number))) => {
                *number > 0.0 && number.is_finite()
            }
            _ => false,
        };
        match sound {
            true => Ok(Some(value)),
            false => plan_err!(
                "{name} of {function} is {value}, and has to be {}",
                kind.wanted()
            ),
        }
    }
}

impl Kind {
    fn wanted(self) -> String {
        match self {
            Kind::Vector => "a vector: a list of numbers such as embed() gives".to_string(),
            Kind::Text => "text; CAST(... AS VARCHAR) makes text of it".to_string(),
            Kind::Whole(least, i64::MAX) => format!("a whole number from {least}"),
            Kind::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Kind::Positive => "a number above 0".to_string(),
        }
    }

    fn fits(self, given: &DataType) -> Option<DataType> {
        match self {
            Kind::Vector => narrow_type(given),
            Kind::Text => text_type(given),
            Kind::Whole(..) => (given.is_integer() || given.is_null()).then_some(DataType::Int64),
            Kind::Positive => (given.is_numeric() || given.is_null()).then_some(DataType::Float64),
        }
    }
}

fn text_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(given.clone()),
        DataType::Null => Some(DataType::Utf8),
        DataType::Dictionary(_, values) => text_type(values),
        DataType::RunEndEncoded(_, values) => text_type(values.data_type()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: Parameters = Parameters {
        function: "f",
        list: &[
            ("v", Kind::Vector),
            ("k", Kind::Whole(1, i64::MAX)),
            ("p", Kind::Positive),
        ],
        required: 2,
    };

    #[test]
    fn types_are_cast_or_refused() {
        assert_eq!(PARAMETERS.syntax(), "f(v, k [, p])");
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
    }
}
