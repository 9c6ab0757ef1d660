//! `sum` of integers that fails where the engine's wraps around. Sums of all other types
//! are the engine's.
//!
//! Partial sums have 128 bits, which no number of rows exceeds, so the order of additions
//! does not matter.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type};
use datafusion::common::{ScalarValue, exec_datafusion_err, internal_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, GroupsAccumulator, ReversedUDAF,
    SetMonotonicity, Signature, StatisticsArgs,
};

/// Digits of a partial sum.
const PRECISION: u8 = 38;

/// The aggregate `sum`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub struct ExactSum {
    engine: Sum,
}

impl AggregateUDFImpl for ExactSum {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn signature(&self) -> &Signature {
        self.engine.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.engine.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let result = args.return_field.data_type().clone();
        match (is_integer(&result), args.is_distinct) {
            (false, _) => self.engine.accumulator(args),
            (true, false) => Ok(Box::new(IntegerAccumulator::new(result))),
            (true, true) => Ok(Box::new(DistinctAccumulator {
                sums: self.engine.accumulator(widened(args))?,
                result,
            })),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        match is_integer(args.return_field.data_type()) {
            false => self.engine.state_fields(args),
            true => self.engine.state_fields(StateFieldsArgs {
                return_field: partial_field(),
                ..args
            }),
        }
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.engine.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let result = args.return_field.data_type().clone();
        match is_integer(&result) {
            false => self.engine.create_groups_accumulator(args),
            true => Ok(Box::new(IntegerGroups {
                sums: self.engine.create_groups_accumulator(widened(args))?,
                result,
            })),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let result = args.return_field.data_type().clone();
        match is_integer(&result) && !args.is_distinct {
            false => self.engine.create_sliding_accumulator(args),
            true => Ok(Box::new(IntegerAccumulator::new(result))),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.engine.reverse_expr()
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.engine.order_sensitivity()
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.engine.set_monotonicity(data_type)
    }

    /// The sums of integers in statistics may have wrapped around.
    fn value_from_stats(&self, args: &StatisticsArgs) -> Option<ScalarValue> {
        match is_integer(args.return_type) {
            false => self.engine.value_from_stats(args),
            true => None,
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.engine.documentation()
    }
}

/// Whether sums have this type because their values are integers.
fn is_integer(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int64 | DataType::UInt64)
}

/// Field of partial sums.
fn partial_field() -> FieldRef {
    Arc::new(Field::new("sum", DataType::Decimal128(PRECISION, 0), true))
}

/// The arguments of the engine's accumulator of partial sums.
fn widened(args: AccumulatorArgs<'_>) -> AccumulatorArgs<'_> {
    AccumulatorArgs {
        return_field: partial_field(),
        ..args
    }
}

/// Integers as partial sums.
fn widen(values: &[ArrayRef]) -> Result<[ArrayRef; 1]> {
    fn wide<T: ArrowPrimitiveType>(values: &ArrayRef) -> Result<[ArrayRef; 1]>
    where
        T::Native: Into<i128>,
    {
        let wide = values.as_primitive::<T>();
        let wide = wide.unary::<_, Decimal128Type>(Into::into);
        Ok([Arc::new(wide.with_precision_and_scale(PRECISION, 0)?)])
    }
    match values {
        [values] if *values.data_type() == DataType::Int64 => wide::<Int64Type>(values),
        [values] if *values.data_type() == DataType::UInt64 => wide::<UInt64Type>(values),
        _ => internal_err!("sum got values that are not integers of 64 bits"),
    }
}

/// Partial sums as results.
///
/// # Errors
/// A sum that is out of range.
fn narrow(sums: &ArrayRef, result: &DataType) -> Result<ArrayRef> {
    fn exact<T: ArrowPrimitiveType>(sums: &ArrayRef, result: &DataType) -> Result<ArrayRef>
    where
        T::Native: TryFrom<i128>,
    {
        let sums = sums.as_primitive::<Decimal128Type>();
        let narrow = sums.try_unary::<_, T, DataFusionError>(|sum| {
            T::Native::try_from(sum).map_err(|_| {
                let name = match result {
                    DataType::UInt64 => "unsigned bigint",
                    _ => "bigint",
                };
                exec_datafusion_err!(
                    "the sum {sum} is out of range for the type {name}; cast the values to a wider type, as in sum(x::numeric)"
                )
            })
        })?;
        Ok(Arc::new(narrow))
    }
    match result {
        DataType::UInt64 => exact::<UInt64Type>(sums, result),
        _ => exact::<Int64Type>(sums, result),
    }
}

fn narrow_scalar(sum: &ScalarValue, result: &DataType) -> Result<ScalarValue> {
    ScalarValue::try_from_array(&narrow(&sum.to_array()?, result)?, 0)
}

/// Sum of one group.
#[derive(Debug)]
struct IntegerAccumulator {
    sum: i128,
    /// Values in the sum, which is NULL without any.
    count: u64,
    result: DataType,
}

impl IntegerAccumulator {
    fn new(result: DataType) -> Self {
        Self {
            sum: 0,
            count: 0,
            result,
        }
    }
}

/// The sum and the number of the values that are not NULL.
fn total(values: &ArrayRef) -> Result<(i128, u64)> {
    fn of<T: ArrowPrimitiveType>(values: &PrimitiveArray<T>) -> (i128, u64)
    where
        T::Native: Into<i128>,
    {
        let sum = |values: &[T::Native]| {
            values
                .iter()
                .map(|value| Into::<i128>::into(*value))
                .sum::<i128>()
        };
        let count = values.len() - values.null_count();
        let total = match values.nulls() {
            Some(nulls) if nulls.null_count() > 0 => nulls
                .valid_slices()
                .map(|(start, end)| sum(&values.values()[start..end]))
                .sum::<i128>(),
            _ => sum(values.values()),
        };
        (total, count as u64)
    }
    Ok(match values.data_type() {
        DataType::Int64 => of(values.as_primitive::<Int64Type>()),
        DataType::UInt64 => of(values.as_primitive::<UInt64Type>()),
        DataType::Decimal128(..) => of(values.as_primitive::<Decimal128Type>()),
        other => return internal_err!("sum got values of the type {other}"),
    })
}

impl Accumulator for IntegerAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (sum, count) = total(&values[0])?;
        self.sum += sum;
        self.count += count;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (sum, count) = total(&values[0])?;
        self.sum -= sum;
        self.count = self.count.saturating_sub(count);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sum = (self.count > 0).then_some(self.sum);
        Ok(vec![ScalarValue::Decimal128(sum, PRECISION, 0)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sum = (self.count > 0).then_some(self.sum);
        narrow_scalar(&ScalarValue::Decimal128(sum, PRECISION, 0), &self.result)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// Sum of the distinct values of one group.
#[derive(Debug)]
struct DistinctAccumulator {
    /// The engine's accumulator of partial sums.
    sums: Box<dyn Accumulator>,
    result: DataType,
}

impl Accumulator for DistinctAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sums.update_batch(&widen(values)?)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.sums.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.sums.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        narrow_scalar(&self.sums.evaluate()?, &self.result)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.size()
    }
}

/// Sums of groups.
struct IntegerGroups {
    /// The engine's accumulator of partial sums.
    sums: Box<dyn GroupsAccumulator>,
    result: DataType,
}

impl GroupsAccumulator for IntegerGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        group_count: usize,
    ) -> Result<()> {
        self.sums
            .update_batch(&widen(values)?, groups, filter, group_count)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        group_count: usize,
    ) -> Result<()> {
        self.sums.merge_batch(states, groups, group_count)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.sums.convert_to_state(&widen(values)?, filter)
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        self.sums.state(emit)
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        narrow(&self.sums.evaluate(emit)?, &self.result)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.size()
    }
}
