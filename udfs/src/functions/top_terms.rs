//! `top_terms(text [, n])`: an aggregate that names a group of texts.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, UInt64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::AggregateFunctionSimplification;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, DocSection, Documentation, Expr, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::Texts;
use super::parameters::{Kind, Parameters};
use crate::learning::Terms;

/// Terms, if it is not said how many.
const TERMS: usize = 5;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "The words that tell most of what the texts of a group are about, the most telling first: those that are in \
         many of its texts and in few product offers in general. How rare words are in general comes from a list of \
         the most frequent words of product offers, so that a group's terms do not hang on the other groups. English \
         stop words, numbers and single letters are left out; singular and plural count together. NULL and blank \
         texts do not count; NULL without any text. A group takes memory for each of its different words.",
        "top_terms(text [, n])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("n", "Literal; how many words at most. If not given, 5.")
    .with_sql_example(
        "```sql\nSELECT cluster, count(*), top_terms(title)\nFROM (SELECT title, kmeans(embed(title), 8) OVER () AS cluster FROM products) GROUP BY cluster;\n```",
    )
    .build()
});

const PARAMETERS: Parameters = Parameters {
    function: "top_terms",
    list: &[("text", Kind::Text), ("n", Kind::Whole(1, 10_000))],
    required: 1,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct TopTerms {
    signature: Signature,
}

impl TopTerms {
    pub fn new() -> Self {
        Self {
            signature: PARAMETERS.signature(Volatility::Immutable),
        }
    }
}

impl AggregateUDFImpl for TopTerms {
    fn name(&self) -> &str {
        PARAMETERS.function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        PARAMETERS.coerce(given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Utf8, true))
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call, _| {
            PARAMETERS.check(&call.params.args)?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("top_terms takes no DISTINCT");
        }
        Ok(Box::new(Naming {
            wanted: PARAMETERS.literals(args.exprs)?.whole_or(1, TERMS),
            terms: Terms::default(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let state = |what: &str, kind: DataType| -> FieldRef {
            Arc::new(Field::new(format!("{}[{what}]", args.name), kind, true))
        };
        Ok(vec![
            state("words", DataType::new_list(DataType::Utf8, true)),
            state("counts", DataType::new_list(DataType::UInt64, true)),
            state("texts", DataType::Int64),
        ])
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

#[derive(Debug)]
struct Naming {
    wanted: usize,
    terms: Terms,
}

/// A list of one row.
fn one_list(values: ArrayRef) -> Result<ScalarValue> {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let list = ListArray::try_new(item, offsets, values, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

impl Accumulator for Naming {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let texts = Texts::new(&ColumnarValue::Array(Arc::clone(&values[0])))?;
        let texts = (0..values[0].len()).filter_map(|row| texts.get(row));
        texts.for_each(|text| self.terms.add(text));
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let (words, counts): (Vec<&str>, Vec<u64>) = self.terms.counts().unzip();
        Ok(vec![
            one_list(Arc::new(StringArray::from(words)))?,
            one_list(Arc::new(UInt64Array::from(counts)))?,
            ScalarValue::Int64(Some(self.terms.texts() as i64)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (words, counts) = (states[0].as_list::<i32>(), states[1].as_list::<i32>());
        let texts = states[2].as_primitive::<Int64Type>();
        for (row, texts) in texts.values().iter().enumerate() {
            if words.is_null(row) || counts.is_null(row) {
                continue;
            }
            let (words, counts) = (words.value(row), counts.value(row));
            let words = words.as_string::<i32>().iter().flatten();
            let counts = counts.as_primitive::<UInt64Type>().values().iter();
            self.terms.append(words.zip(counts.copied()), *texts as u64);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.terms.texts() == 0 {
            return ScalarValue::try_from(&DataType::new_list(DataType::Utf8, true));
        }
        one_list(Arc::new(StringArray::from(self.terms.best(self.wanted))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.terms.size()
    }
}
