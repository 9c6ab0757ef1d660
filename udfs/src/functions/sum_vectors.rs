//! `avg_vector(v)` and `sum_vector(v)`: aggregates over vectors, value by value.

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

use super::ordered_vectors::Column;
use super::parameters::{Kind, Parameters};

/// One aggregate: how it is called, what it is for, and whether it divides.
struct Sum {
    parameters: Parameters,
    describes: &'static str,
    mean: bool,
}

static SUMS: [Sum; 2] = [
    Sum {
        parameters: Parameters {
            function: "avg_vector",
            list: &[("v", Kind::Vector)],
            required: 1,
        },
        describes: "The mean of vectors, value by value: the middle of a group. Its length is below 1 where the \
                    vectors have length 1.",
        mean: true,
    },
    Sum {
        parameters: Parameters {
            function: "sum_vector",
            list: &[("v", Kind::Vector)],
            required: 1,
        },
        describes: "The sum of vectors, value by value.",
        mean: false,
    },
];

/// Both aggregates.
pub fn aggregates() -> Vec<AggregateUDF> {
    SUMS.iter().map(|sum| SumVectors::new(sum).into()).collect()
}

struct SumVectors {
    sum: &'static Sum,
    signature: Signature,
    documentation: LazyLock<Documentation, Box<dyn FnOnce() -> Documentation + Send>>,
}

impl SumVectors {
    fn new(sum: &'static Sum) -> Self {
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

fn documentation(sum: &Sum) -> Documentation {
    let section = DocSection {
        include: true,
        label: "Groups and maps",
        description: None,
    };
    let name = sum.parameters.function;
    let describes = format!(
        "{} Vectors that are NULL do not count; NULL without any. Added up in 64 bits; what the column says of the \
         model that made the vectors is kept.",
        sum.describes
    );
    Documentation::builder(section, describes, sum.parameters.syntax())
        .with_argument("v", "Vectors: lists of numbers, equally long in a group.")
        .with_sql_example(format!(
            "```sql\nSELECT category, {name}(embed(title)) AS v FROM products_with_category GROUP BY category;\n```"
        ))
        .build()
}

impl std::fmt::Debug for SumVectors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for SumVectors {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for SumVectors {}

impl std::hash::Hash for SumVectors {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl AggregateUDFImpl for SumVectors {
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
            return exec_err!("{} takes no DISTINCT", self.name());
        }
        let mut sums = Sums::new(self.sum, &args.return_field);
        sums.groups.push(Group::default());
        Ok(Box::new(sums))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Sums::new(self.sum, &args.return_field)))
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

/// The sums of groups of vectors. An aggregate without groups is one of a single
/// group.
#[derive(Debug)]
struct Sums {
    name: &'static str,
    mean: bool,
    gives: DataType,
    groups: Vec<Group>,
    /// Those of each group that has any, in the order in which they got some.
    values: Vec<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// Vectors; the rest means nothing without any.
    count: i64,
    /// Where its sums are.
    first: usize,
    dims: usize,
}

impl Group {
    fn range(&self) -> Range<usize> {
        self.first..self.first + self.dims
    }
}

impl Sums {
    fn new(sum: &Sum, gives: &Field) -> Self {
        Self {
            name: sum.parameters.function,
            mean: sum.mean,
            gives: gives.data_type().clone(),
            groups: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds the vectors of a column, each to the group that `of` says, if any.
    fn add_vectors(
        &mut self,
        column: &ArrayRef,
        of: impl Fn(usize) -> Option<usize>,
    ) -> Result<()> {
        let column = Column::new(column)?;
        for row in 0..column.len() {
            let Some(group) = of(row) else {
                continue;
            };
            let own = self.groups[group];
            let mut dims = (own.count > 0).then_some(own.dims);
            match column.vector(row, &mut dims) {
                Ok(None) => {}
                Ok(Some(vector)) => self.add(group, vector.iter().map(|v| f64::from(*v)), 1),
                Err(why) => return exec_err!("{}: a vector {why}", self.name),
            }
        }
        Ok(())
    }

    /// Adds sums that other accumulators have come to.
    fn add_states(&mut self, states: &[ArrayRef], of: impl Fn(usize) -> usize) -> Result<()> {
        let (lists, counts) = (
            states[0].as_list::<i32>(),
            states[1].as_primitive::<Int64Type>(),
        );
        for (row, count) in counts.values().iter().enumerate() {
            if *count == 0 || lists.is_null(row) {
                continue;
            }
            let (list, group) = (lists.value(row), of(row));
            let sums = list.as_primitive::<Float64Type>().values();
            let own = self.groups[group];
            if own.count > 0 && own.dims != sums.len() {
                return exec_err!(
                    "{}: some vectors have {} values and others {}; all of a group have to be equally long",
                    self.name,
                    own.dims,
                    sums.len()
                );
            }
            self.add(group, sums.iter().copied(), *count);
        }
        Ok(())
    }

    /// Adds sums of `count` vectors, as long as those of the group.
    fn add(&mut self, group: usize, sums: impl ExactSizeIterator<Item = f64>, count: i64) {
        let group = &mut self.groups[group];
        if group.count == 0 {
            (group.first, group.dims) = (self.values.len(), sums.len());
            self.values.extend(sums);
        } else {
            let own = self.values[group.range()].iter_mut();
            own.zip(sums).for_each(|(sum, v)| *sum += v);
        }
        group.count += count;
    }

    /// What has come of the first `most` groups.
    fn answers(&self, most: usize) -> Result<ArrayRef> {
        let groups = &self.groups[..most];
        let nulls = NullBuffer::from_iter(groups.iter().map(|group| group.count > 0));
        let of = |group: &Group| {
            let divisor = if self.mean { group.count as f64 } else { 1.0 };
            let sums = self.values[group.range()].iter();
            sums.map(move |sum| (sum / divisor) as f32)
        };
        Ok(match &self.gives {
            DataType::FixedSizeList(item, size) => {
                let mut values = Vec::with_capacity(most * *size as usize);
                for (at, group) in groups.iter().enumerate() {
                    values.extend(of(group));
                    values.resize((at + 1) * *size as usize, 0.0);
                }
                let values = Arc::new(Float32Array::from(values));
                let (item, nulls) = (Arc::clone(item), Some(nulls));
                Arc::new(FixedSizeListArray::try_new(item, *size, values, nulls)?)
            }
            DataType::List(item) => {
                let values = groups.iter().flat_map(of);
                let values = Float32Array::from_iter_values(values);
                self.lists(groups, item, Arc::new(values), Some(nulls))?
            }
            other => return internal_err!("vectors are no {other}"),
        })
    }

    /// The same to be added up elsewhere.
    fn states(&self, most: usize) -> Result<Vec<ArrayRef>> {
        let groups = &self.groups[..most];
        let sums = groups.iter().flat_map(|group| &self.values[group.range()]);
        let sums = Float64Array::from_iter_values(sums.copied());
        let counts = Int64Array::from_iter_values(groups.iter().map(|group| group.count));
        let item = Arc::new(Field::new_list_field(DataType::Float64, true));
        Ok(vec![
            self.lists(groups, &item, Arc::new(sums), None)?,
            Arc::new(counts),
        ])
    }

    /// The values of groups as a list for each.
    fn lists(
        &self,
        groups: &[Group],
        item: &FieldRef,
        values: ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef> {
        if i32::try_from(values.len()).is_err() {
            return exec_err!(
                "{}: {} groups of vectors are too many at a time; make their type FixedSizeList",
                self.name,
                groups.len()
            );
        }
        let offsets = OffsetBuffer::from_lengths(groups.iter().map(|group| group.dims));
        let item = Arc::clone(item);
        Ok(Arc::new(ListArray::try_new(item, offsets, values, nulls)?))
    }

    /// Forgets the first `most` groups; those after them move up.
    fn forget(&mut self, most: usize) {
        self.groups.drain(..most);
        let mut values = Vec::new();
        for group in &mut self.groups {
            let own = group.range();
            group.first = values.len();
            values.extend_from_slice(&self.values[own]);
        }
        self.values = values;
    }

    fn bytes(&self) -> usize {
        size_of_val(self)
            + self.groups.capacity() * size_of::<Group>()
            + self.values.capacity() * size_of::<f64>()
    }
}

impl Accumulator for Sums {
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
        ScalarValue::try_from_array(&self.answers(1)?, 0)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// Whether a filter lets a row through.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for Sums {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        groups: usize,
    ) -> Result<()> {
        self.groups.resize(groups, Group::default());
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
        self.groups.resize(groups, Group::default());
        self.add_states(states, |row| group_indices[row])
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let most = emitted(emit_to, self.groups.len());
        let answers = self.answers(most)?;
        self.forget(most);
        Ok(answers)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let most = emitted(emit_to, self.groups.len());
        let states = self.states(most)?;
        self.forget(most);
        Ok(states)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        // Each row is a group of its own.
        let rows = values[0].len();
        let mut sums = Self {
            gives: self.gives.clone(),
            groups: vec![Group::default(); rows],
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
        EmitTo::First(most) => most,
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

    fn sums() -> Sums {
        let gives = Field::new("v", DataType::new_list(DataType::Float32, true), true);
        Sums::new(&SUMS[0], &gives)
    }

    #[test]
    fn groups_are_emitted_in_parts_and_added_up_elsewhere() {
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
        // What is left has moved up.
        let more = vectors(&[Some(&[15.0])]);
        GroupsAccumulator::update_batch(&mut first, &[more], &[0], None, 2).unwrap();
        let left = GroupsAccumulator::state(&mut first, EmitTo::All).unwrap();
        let mut second = sums();
        GroupsAccumulator::merge_batch(&mut second, &left, &[1, 0], 2).unwrap();
        // A row by itself is a state too.
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
    fn vectors_of_a_group_are_equally_long() {
        let rows = vectors(&[Some(&[1.0, 2.0]), Some(&[5.0])]);
        let mut apart = sums();
        GroupsAccumulator::update_batch(&mut apart, &[Arc::clone(&rows)], &[0, 1], None, 2)
            .unwrap();
        let mut together = sums();
        assert!(GroupsAccumulator::update_batch(&mut together, &[rows], &[0, 0], None, 1).is_err());
    }
}
