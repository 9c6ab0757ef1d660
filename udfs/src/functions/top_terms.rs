//! `top_terms(text [, n])`: an aggregate of the characteristic words of texts.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, UInt64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, ColumnarValue, DocSection, Documentation, Expr, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::Terms;

use super::arguments::TextArgument;
use super::parameters::{ArgumentType, Parameters};

/// Number of terms without the argument `n`.
const DEFAULT_TERMS: usize = 5;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "The characteristic words of the texts of a group, the most characteristic first: words in many of its texts and \
         in few product offers in general. General frequencies are a fixed list of the most frequent words of product \
         offers, so that the terms of a group do not depend on other groups. Excludes English stop words, numbers and \
         single letters; singular and plural count together. NULL and blank texts do not count; NULL without texts. A \
         group takes memory for each distinct word.",
        "top_terms(text [, n])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("n", "Literal; maximum number of words. Default: 5.")
    .with_sql_example(
        "```sql\nSELECT cluster, count(*), top_terms(title)\nFROM (SELECT title, kmeans(embed(title), 8) OVER () AS cluster FROM products) GROUP BY cluster;\n```",
    )
    .build()
});

pub(super) const PARAMETERS: Parameters = Parameters {
    function: "top_terms",
    list: &[
        ("text", ArgumentType::Text),
        ("n", ArgumentType::Integer(1, 10_000)),
    ],
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
            return exec_err!("top_terms does not support DISTINCT");
        }
        Ok(Box::new(TopTermsAccumulator {
            n: PARAMETERS.literals(args.exprs)?.usize_or(1, DEFAULT_TERMS),
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
struct TopTermsAccumulator {
    /// Maximum number of terms in the result.
    n: usize,
    terms: Terms,
}

/// A list of one row.
fn one_list(values: ArrayRef) -> Result<ScalarValue> {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let list = ListArray::try_new(item, offsets, values, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

impl Accumulator for TopTermsAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let texts = TextArgument::new(&ColumnarValue::Array(Arc::clone(&values[0])))?;
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
        one_list(Arc::new(StringArray::from(self.terms.best(self.n))))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.terms.size()
    }
}
