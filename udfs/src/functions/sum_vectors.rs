//! `avg_vector(v)` and `sum_vector(v)`: element-wise aggregates of vectors.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array,
    Int64Array, ListArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, EmitTo,
    GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::ordered_vectors::FiniteVectors;
use super::parameters::{ArgumentType, Parameters};

/// One aggregate.
struct VectorSum {
    parameters: Parameters,
    description: &'static str,
    /// Whether the result is the mean.
    mean: bool,
}

static SUMS: [VectorSum; 2] = [
    VectorSum {
        parameters: Parameters {
            function: "avg_vector",
            list: &[("v", ArgumentType::Vector)],
            required: 1,
        },
        description: "The element-wise mean of vectors: the centroid of a group. The mean of vectors of unit length is \
                    shorter than 1.",
        mean: true,
    },
    VectorSum {
        parameters: Parameters {
            function: "sum_vector",
            list: &[("v", ArgumentType::Vector)],
            required: 1,
        },
        description: "The element-wise sum of vectors.",
        mean: false,
    },
];

/// Both aggregates.
pub fn aggregates() -> Vec<AggregateUDF> {
    SUMS.iter()
        .map(|sum| VectorSumUdaf::new(sum).into())
        .collect()
}

struct VectorSumUdaf {
    sum: &'static VectorSum,
    signature: Signature,
    documentation: LazyLock<Documentation, Box<dyn FnOnce() -> Documentation + Send>>,
}

impl VectorSumUdaf {
    fn new(sum: &'static VectorSum) -> Self {
        Self {
            sum,
            signature: sum.parameters.signature(Volatility::Immutable),
            documentation: LazyLock::new(Box::new(move || documentation(sum))),
        }
    }

    fn name(&self) -> &'static str {
        self.sum.parameters.function
    }
}

fn documentation(sum: &VectorSum) -> Documentation {
    let section = DocSection {
        include: true,
        label: "Groups and maps",
        description: None,
    };
    let name = sum.parameters.function;
    let description = format!(
        "{} Vectors that are NULL do not count; NULL without vectors. The sum has 64 bits. The result keeps the model of \
         the vectors in its metadata.",
        sum.description
    );
    Documentation::builder(section, description, sum.parameters.syntax())
        .with_argument("v", "Vectors: lists of numbers of the same length in a group.")
        .with_sql_example(format!(
            "```sql\nSELECT category, {name}(embed(title)) AS v FROM products_with_category GROUP BY category;\n```"
        ))
        .build()
}

impl std::fmt::Debug for VectorSumUdaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for VectorSumUdaf {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for VectorSumUdaf {}

impl std::hash::Hash for VectorSumUdaf {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl AggregateUDFImpl for VectorSumUdaf {
    fn name(&self) -> &str {
        self.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.sum.parameters.coerce(given)
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(match given {
            [DataType::FixedSizeList(_, size)] => {
                DataType::new_fixed_size_list(DataType::Float32, *size, true)
            }
            _ => DataType::new_list(DataType::Float32, true),
        })
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        let types: Vec<DataType> = fields.iter().map(|f| f.data_type().clone()).collect();
        let metadata = fields.first().map(|field| field.metadata().clone());
        let field = Field::new(self.name(), self.return_type(&types)?, true);
        Ok(Arc::new(field.with_metadata(metadata.unwrap_or_default())))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("{} does not support DISTINCT", self.name());
        }
        let mut sums = VectorSums::new(self.sum, &args.return_field);
        sums.groups.push(GroupSum::default());
        Ok(Box::new(sums))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(VectorSums::new(self.sum, &args.return_field)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let sums = DataType::new_list(DataType::Float64, true);
        Ok(vec![
            Arc::new(Field::new(format!("{}[sums]", args.name), sums, true)),
            Arc::new(Field::new(
                format!("{}[count]", args.name),
                DataType::Int64,
                true,
            )),
        ])
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// Accumulator of the sums of groups. An aggregate without groups has one group.
#[derive(Debug)]
struct VectorSums {
    name: &'static str,
    mean: bool,
    output_type: DataType,
    groups: Vec<GroupSum>,
    /// Sums of the groups with vectors, concatenated.
    values: Vec<f64>,
}

/// Number of vectors of a group, and position of its sum.
#[derive(Clone, Copy, Debug, Default)]
struct GroupSum {
    /// Without vectors, the other fields have no meaning.
    count: i64,
    /// Position of the first value.
    first: usize,
    dims: usize,
}

impl GroupSum {
    fn range(&self) -> Range<usize> {
        self.first..self.first + self.dims
    }
}

impl VectorSums {
    fn new(sum: &VectorSum, output: &Field) -> Self {
        Self {
            name: sum.parameters.function,
            mean: sum.mean,
            output_type: output.data_type().clone(),
            groups: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds each vector of a column to the group `group_of(row)`, if there is one.
    fn add_vectors(
        &mut self,
        column: &ArrayRef,
        group_of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let column = FiniteVectors::new(column)?;
        for row in 0..column.len() {
            let Some(group) = group_of(row) else {
                continue;
            };
            let sum = self.groups[group];
            let mut dims = (sum.count > 0).then_some(sum.dims);
            match column.vector(row, &mut dims) {
                Ok(None) => {}
                Ok(Some(vector)) => self.add(group, vector.iter().map(|v| f64::from(*v)), 1),
                Err(error) => return exec_err!("{}: a vector {error}", self.name),
            }
        }
        Ok(())
    }

    /// Adds the states of other accumulators.
    fn add_states(&mut self, states: &[ArrayRef], group_of: impl Fn(usize) -> usize) -> Result<()> {
        let (lists, counts) = (
            states[0].as_list::<i32>(),
            states[1].as_primitive::<Int64Type>(),
        );
        for (row, count) in counts.values().iter().enumerate() {
            if *count == 0 || lists.is_null(row) {
                continue;
            }
            let (list, group) = (lists.value(row), group_of(row));
            let sums = list.as_primitive::<Float64Type>().values();
            let sum = self.groups[group];
            if sum.count > 0 && sum.dims != sums.len() {
                return exec_err!(
                    "{}: some vectors have {} values and others {}; all of a group must have the same length",
                    self.name,
                    sum.dims,
                    sums.len()
                );
            }
            self.add(group, sums.iter().copied(), *count);
        }
        Ok(())
    }

    /// Adds the sum of `count` vectors to a group.
    fn add(&mut self, group: usize, sums: impl ExactSizeIterator<Item = f64>, count: i64) {
        let group = &mut self.groups[group];
        if group.count == 0 {
            (group.first, group.dims) = (self.values.len(), sums.len());
            self.values.extend(sums);
        } else {
            let values = self.values[group.range()].iter_mut();
            values.zip(sums).for_each(|(sum, v)| *sum += v);
        }
        group.count += count;
    }

    /// Results of the first `count` groups.
    fn results(&self, count: usize) -> Result<ArrayRef> {
        let groups = &self.groups[..count];
        let nulls = NullBuffer::from_iter(groups.iter().map(|group| group.count > 0));
        let values_of = |group: &GroupSum| {
            let divisor = if self.mean { group.count as f64 } else { 1.0 };
            let sums = self.values[group.range()].iter();
            sums.map(move |sum| (sum / divisor) as f32)
        };
        Ok(match &self.output_type {
            DataType::FixedSizeList(item, size) => {
                let mut values = Vec::with_capacity(count * *size as usize);
                for (at, group) in groups.iter().enumerate() {
                    values.extend(values_of(group));
                    values.resize((at + 1) * *size as usize, 0.0);
                }
                let values = Arc::new(Float32Array::from(values));
                let (item, nulls) = (Arc::clone(item), Some(nulls));
                Arc::new(FixedSizeListArray::try_new(item, *size, values, nulls)?)
            }
            DataType::List(item) => {
                let values = groups.iter().flat_map(values_of);
                let values = Float32Array::from_iter_values(values);
                self.lists(groups, item, Arc::new(values), Some(nulls))?
            }
            other => return internal_err!("{other} is not a type of vectors"),
        })
    }

    /// States of the first `count` groups, for another accumulator.
    fn states(&self, count: usize) -> Result<Vec<ArrayRef>> {
        let groups = &self.groups[..count];
        let sums = groups.iter().flat_map(|group| &self.values[group.range()]);
        let sums = Float64Array::from_iter_values(sums.copied());
        let counts = Int64Array::from_iter_values(groups.iter().map(|group| group.count));
        let item = Arc::new(Field::new_list_field(DataType::Float64, true));
        Ok(vec![
            self.lists(groups, &item, Arc::new(sums), None)?,
            Arc::new(counts),
        ])
    }

    /// One list of values for each group.
    fn lists(
        &self,
        groups: &[GroupSum],
        item: &FieldRef,
        values: ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        if i32::try_from(values.len()).is_err() {
            return exec_err!(
                "{}: {} groups of vectors exceed one batch: cast the vectors to FixedSizeList",
                self.name,
                groups.len()
            );
        }
        let offsets = OffsetBuffer::from_lengths(groups.iter().map(|group| group.dims));
        let item = Arc::clone(item);
        Ok(Arc::new(ListArray::try_new(item, offsets, values, nulls)?))
    }

    /// Removes the first `count` groups; the positions of the others decrease.
    fn remove(&mut self, count: usize) {
        self.groups.drain(..count);
        let mut values = Vec::new();
        for group in &mut self.groups {
            let range = group.range();
            group.first = values.len();
            values.extend_from_slice(&self.values[range]);
        }
        self.values = values;
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
            + self.groups.capacity() * size_of::<GroupSum>()
            + self.values.capacity() * size_of::<f64>()
    }
}

impl Accumulator for VectorSums {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.add_vectors(&values[0], |_| Some(0))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = self.states(1)?;
        let states = states.iter();
        states
            .map(|state| ScalarValue::try_from_array(state, 0))
            .collect()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.add_states(states, |_| 0)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.results(1)?, 0)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// Whether a row passes a filter.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for VectorSums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.groups.resize(groups, GroupSum::default());
        self.add_vectors(&values[0], |row| {
            passes(filter, row).then(|| group_indices[row])
        })
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        groups: usize,
    ) -> Result<()> {
        self.groups.resize(groups, GroupSum::default());
        self.add_states(states, |row| group_indices[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let count = emitted(emit_to, self.groups.len());
        let results = self.results(count)?;
        self.remove(count);
        Ok(results)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let count = emitted(emit_to, self.groups.len());
        let states = self.states(count)?;
        self.remove(count);
        Ok(states)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        // One group for each row.
        let rows = values[0].len();
        let mut sums = Self {
            output_type: self.output_type.clone(),
            groups: vec![GroupSum::default(); rows],
            values: Vec::new(),
            ..*self
        };
        sums.add_vectors(&values[0], |row| passes(filter, row).then_some(row))?;
        sums.states(rows)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

fn emitted(emit_to: EmitTo, groups: usize) -> usize {
    match emit_to {
        EmitTo::All => groups,
        EmitTo::First(count) => count,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Float32Type;

    use super::*;

    fn vectors(rows: &[Option<&[f32]>]) -> ArrayRef {
        let rows = rows
            .iter()
            .map(|row| row.map(|row| row.iter().map(|v| Some(*v))));
        Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
    }

    fn sums() -> VectorSums {
        let output = Field::new("v", DataType::new_list(DataType::Float32, true), true);
        VectorSums::new(&SUMS[0], &output)
    }

    #[test]
    fn groups_are_emitted_in_parts_and_merged() {
        let rows = vectors(&[
            Some(&[1.0, 2.0]),
            Some(&[5.0]),
            None,
            Some(&[3.0, 6.0]),
            Some(&[9.0, 9.0]),
            Some(&[7.0]),
        ]);
        let filter = BooleanArray::from(vec![true, true, true, true, false, true]);
        let groups = [1, 2, 0, 1, 1, 3];
        let mut first = sums();
        GroupsAccumulator::update_batch(
            &mut first,
            &[Arc::clone(&rows)],
            &groups,
            Some(&filter),
            4,
        )
        .unwrap();
        let part = GroupsAccumulator::evaluate(&mut first, EmitTo::First(2)).unwrap();
        assert_eq!(&part, &vectors(&[None, Some(&[2.0, 4.0])]));
        // The positions of the other groups have decreased.
        let more = vectors(&[Some(&[15.0])]);
        GroupsAccumulator::update_batch(&mut first, &[more], &[0], None, 2).unwrap();
        let left = GroupsAccumulator::state(&mut first, EmitTo::All).unwrap();
        let mut second = sums();
        GroupsAccumulator::merge_batch(&mut second, &left, &[1, 0], 2).unwrap();
        // Single rows as states.
        let states = second.convert_to_state(&[rows], Some(&filter)).unwrap();
        let both = [2, 0, 0, 2, 2, 0];
        GroupsAccumulator::merge_batch(&mut second, &states, &both, 3).unwrap();
        let all = GroupsAccumulator::evaluate(&mut second, EmitTo::All).unwrap();
        assert_eq!(
            &all,
            &vectors(&[Some(&[19.0 / 3.0]), Some(&[10.0]), Some(&[2.0, 4.0])])
        );
    }

    #[test]
    fn vectors_of_a_group_have_the_same_length() {
        let rows = vectors(&[Some(&[1.0, 2.0]), Some(&[5.0])]);
        let mut apart = sums();
        GroupsAccumulator::update_batch(&mut apart, &[Arc::clone(&rows)], &[0, 1], None, 2)
            .unwrap();
        let mut together = sums();
        assert!(GroupsAccumulator::update_batch(&mut together, &[rows], &[0, 0], None, 1).is_err());
    }
}
