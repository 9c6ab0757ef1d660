//! `avg_vector(v)` and `sum_vector(v)`: aggregates over vectors, value by value.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float32Array, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, DocSection, Documentation, Signature, Volatility,
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
        Ok(Box::new(Summing {
            gives: args.return_field.data_type().clone(),
            name: self.name(),
            dims: None,
            sums: Vec::new(),
            count: 0,
            mean: self.sum.mean,
        }))
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

#[derive(Debug)]
struct Summing {
    name: &'static str,
    gives: DataType,
    /// Values in a vector.
    dims: Option<usize>,
    sums: Vec<f64>,
    count: i64,
    mean: bool,
}

impl Summing {
    /// Adds sums of `count` vectors.
    fn add(&mut self, sums: impl ExactSizeIterator<Item = f64>, count: i64) {
        if self.sums.is_empty() {
            self.sums = vec![0.0; sums.len()];
        }
        self.sums.iter_mut().zip(sums).for_each(|(s, v)| *s += v);
        self.count += count;
    }
}

impl Accumulator for Summing {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let column = Column::new(&values[0])?;
        for row in 0..column.len() {
            match column.vector(row, &mut self.dims) {
                Ok(None) => {}
                Ok(Some(vector)) => self.add(vector.iter().map(|v| f64::from(*v)), 1),
                Err(why) => return exec_err!("{}: a vector {why}", self.name),
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let sums: Vec<ScalarValue> = self
            .sums
            .iter()
            .map(|sum| ScalarValue::Float64(Some(*sum)))
            .collect();
        let sums = ScalarValue::new_list_nullable(&sums, &DataType::Float64);
        Ok(vec![
            ScalarValue::List(sums),
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (lists, counts) = (
            states[0].as_list::<i32>(),
            states[1].as_primitive::<Int64Type>(),
        );
        for (list, count) in lists.iter().zip(counts.values()) {
            let Some(list) = list.filter(|_| *count > 0) else {
                continue;
            };
            let sums = list.as_primitive::<Float64Type>().values();
            if !self.sums.is_empty() && self.sums.len() != sums.len() {
                return exec_err!(
                    "{}: some vectors have {} values and others {}; all of a group have to be equally long",
                    self.name,
                    self.sums.len(),
                    sums.len()
                );
            }
            self.add(sums.iter().copied(), *count);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.count == 0 {
            return ScalarValue::try_from(&self.gives);
        }
        let divisor = if self.mean { self.count as f64 } else { 1.0 };
        let values: Float32Array = self
            .sums
            .iter()
            .map(|sum| Some((sum / divisor) as f32))
            .collect();
        let values = Arc::new(values);
        Ok(match &self.gives {
            DataType::FixedSizeList(item, size) => {
                let list = FixedSizeListArray::try_new(Arc::clone(item), *size, values, None)?;
                ScalarValue::FixedSizeList(Arc::new(list))
            }
            DataType::List(item) => {
                let offsets = OffsetBuffer::from_lengths([values.len()]);
                let list = ListArray::try_new(Arc::clone(item), offsets, values, None)?;
                ScalarValue::List(Arc::new(list))
            }
            other => return internal_err!("vectors are no {other}"),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sums.capacity() * size_of::<f64>()
    }
}
