//! `word2vec(text [, dims [, window [, min_count [, seed]]]])`: an aggregate that
//! learns vectors of words.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, Float32Array, Int64Array, ListArray, StringArray, StructArray,
    UInt32Array, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, UInt32Type, UInt64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, DocSection, Documentation, Expr,
    Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::{Corpus, Word2VecOptions, word2vec};

use super::arguments::TextArgument;
use super::parameters::{ArgumentType, Parameters};
use super::planning;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;

const DEFAULT_DIMS: usize = 100;
const DEFAULT_WINDOW: usize = 5;
const DEFAULT_MIN_COUNT: usize = 5;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "Vectors of the words of the texts, learned from neighbouring words: word2vec (skip-gram with negative sampling, \
         5 passes). A list of structs with `word`, `count` and `vector`, the most frequent word first; `unnest` converts \
         it into rows. Words are sequences of letters and digits, in lower case, without English stop words. NULL \
         without texts. The same texts and seed give the same vectors, independent of row order and cores. In memory: \
         four bytes for each word of the texts, and two vectors for each distinct word. Use a sample of larger tables.",
        "word2vec(text [, dims [, window [, min_count [, seed]]]])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("dims", "Literal; number of values in a vector. Default: 100.")
    .with_argument("window", "Literal; maximum distance of neighbouring words. Default: 5.")
    .with_argument("min_count", "Literal; minimum number of occurrences of a word. Default: 5.")
    .with_argument("seed", "Literal; random seed in place of `ai.seed`.")
    .with_sql_example(
        "```sql\nSELECT w['word'], w['count'], w['vector'] FROM (SELECT unnest(word2vec(title)) AS w FROM products);\n```",
    )
    .build()
});

pub(super) const PARAMETERS: Parameters = Parameters {
    function: "word2vec",
    list: &[
        ("text", ArgumentType::Text),
        ("dims", ArgumentType::Integer(1, 4_096)),
        ("window", ArgumentType::Integer(1, 1_000)),
        ("min_count", ArgumentType::Integer(1, i64::MAX)),
        ("seed", ArgumentType::Integer(0, i64::MAX)),
    ],
    required: 1,
};

/// The aggregate, with the settings of its session.
#[derive(Clone, Debug)]
pub struct Word2Vec {
    signature: Signature,
    pub options: AiOptions,
}

impl Word2Vec {
    pub fn new(options: AiOptions) -> Self {
        Self {
            // Stable, not immutable: results depend on the seed of the session.
            signature: PARAMETERS.signature(Volatility::Stable),
            options,
        }
    }
}

impl PartialEq for Word2Vec {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options
    }
}

impl Eq for Word2Vec {}

impl Hash for Word2Vec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.options.hash(state);
    }
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("word", DataType::Utf8, true),
        Field::new("count", DataType::Int64, true),
        Field::new("vector", DataType::new_list(DataType::Float32, true), true),
    ])
}

fn output_type() -> DataType {
    DataType::new_list(DataType::Struct(fields()), true)
}

impl AggregateUDFImpl for Word2Vec {
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
        Ok(output_type())
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let options = self.options.clone();
        Some(Box::new(move |mut call, context| {
            PARAMETERS.check(&call.params.args)?;
            let options = planning::session_options(context.config_options(), &options);
            call.func = Arc::new(AggregateUDF::from(Self::new(options)));
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("word2vec does not support DISTINCT");
        }
        let literals = PARAMETERS.literals(args.exprs)?;
        let seed = self.options.settings.seed;
        Ok(Box::new(Word2VecAccumulator {
            training: Word2VecOptions {
                dims: literals.usize_or(1, DEFAULT_DIMS),
                window: literals.usize_or(2, DEFAULT_WINDOW),
                seed: literals.integer(4).map_or(seed, |seed| seed as u64),
            },
            min_count: literals.usize_or(3, DEFAULT_MIN_COUNT) as u64,
            corpus: Corpus::default(),
            options: self.options.clone(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let state = |name: &str, item: DataType| -> FieldRef {
            let list = DataType::LargeList(Arc::new(Field::new_list_field(item, true)));
            Arc::new(Field::new(format!("{}[{name}]", args.name), list, true))
        };
        Ok(vec![
            state("words", DataType::Utf8),
            state("tokens", DataType::UInt32),
            state("ends", DataType::UInt64),
        ])
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

#[derive(Debug)]
struct Word2VecAccumulator {
    training: Word2VecOptions,
    min_count: u64,
    corpus: Corpus,
    options: AiOptions,
}

/// One list of all values.
fn one_list(values: ArrayRef) -> Result<ScalarValue> {
    let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    let list = arrow::array::LargeListArray::try_new(item, offsets, values, None)?;
    Ok(ScalarValue::LargeList(Arc::new(list)))
}

impl Accumulator for Word2VecAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let texts = TextArgument::new(&ColumnarValue::Array(Arc::clone(&values[0])))?;
        let texts = (0..values[0].len()).filter_map(|row| texts.get(row));
        texts.for_each(|text| self.corpus.add(text));
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let corpus = &self.corpus;
        Ok(vec![
            one_list(Arc::new(StringArray::from(corpus.words())))?,
            one_list(Arc::new(UInt32Array::from(corpus.tokens().to_vec())))?,
            one_list(Arc::new(UInt64Array::from(corpus.ends().to_vec())))?,
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let lists = |at: usize| states[at].as_list::<i64>();
        for row in 0..states[0].len() {
            if (0..3).any(|at| lists(at).is_null(row)) {
                continue;
            }
            let [words, tokens, ends] = [0, 1, 2].map(|at| lists(at).value(row));
            self.corpus.append(
                words.as_string::<i32>().iter().flatten(),
                tokens.as_primitive::<UInt32Type>().values(),
                ends.as_primitive::<UInt64Type>().values(),
            );
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.corpus.ends().is_empty() {
            return ScalarValue::try_from(&output_type());
        }
        let progress = self.options.step_progress();
        let trained = blocking(|| {
            let vocabulary = self.corpus.vocabulary(self.min_count);
            let vectors = word2vec(&vocabulary, self.training, &progress)?;
            Some((vocabulary.words, vectors))
        });
        let Some((words, vectors)) = trained else {
            return Err(to_datafusion(Error::Interrupted));
        };
        word_list(&words, vectors, self.training.dims)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.corpus.size()
    }
}

/// Words, counts and vectors in one list.
fn word_list(words: &[(String, u64)], vectors: Vec<f32>, dims: usize) -> Result<ScalarValue> {
    let names: StringArray = words.iter().map(|(word, _)| Some(word)).collect();
    let counts: Int64Array = words.iter().map(|(_, count)| Some(*count as i64)).collect();
    let list = |values: ArrayRef, lengths: Vec<usize>| {
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), values, None)
    };
    let vectors = list(
        Arc::new(Float32Array::from(vectors)),
        vec![dims; words.len()],
    )?;
    let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(counts), Arc::new(vectors)];
    let entries = StructArray::try_new(fields(), columns, None)?;
    let all = list(Arc::new(entries), vec![words.len()])?;
    Ok(ScalarValue::List(Arc::new(all)))
}
