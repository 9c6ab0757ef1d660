//! `contrast(text, group [, limit] [, fdr] [, attributes])`: an aggregate of the terms that
//! distinguish each group of texts from the others.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, DocSection, Documentation, Expr,
    Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::contrast::{ContrastOptions, GroupedTexts, distinctive_terms};
use semql_learning::extraction::rules::RuleExtractor;
use semql_learning::extraction::{Extractor, Span};

use super::arguments::TextArgument;
use super::contrast_values::{merge_states, output_type, state_types, states, term_list};
use super::parameters::{ArgumentType, Parameters};
use super::planning;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;

const DEFAULT_LIMIT: usize = 20;
const DEFAULT_FALSE_DISCOVERY_RATE: f64 = 0.05;

/// Positions of the arguments.
const GROUP: usize = 1;
const LIMIT: usize = 2;
const FALSE_DISCOVERY_RATE: usize = 3;
const ATTRIBUTES: usize = 4;

/// Rows whose attributes are extracted at a time.
const EXTRACTION_ROWS: usize = 512;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "Groups and maps", description: None },
        "The words, phrases of two or three words, and attribute values that are more frequent in the texts of a \
         group than in those of all other groups. A list of structs, sorted by group, the most significant term \
         first; `unnest` converts it into rows. `kind` is `word`, `phrase` or `attribute`. `count` of the `texts` \
         of the group have the term, and `other_count` of the `other_texts`; `ratio` is the ratio of both shares, \
         with half a text added so that it is finite. `p_value` is that of Fisher's exact test (one-sided), and \
         `q_value` its correction by Benjamini and Yekutieli for all terms and groups that were tested: of all \
         significant terms, a share of `fdr` or less is expected to be chance, and a random split of rows into \
         groups gives nothing in all but a share of `fdr` of the draws at most. Tested are terms in 5 texts or \
         more; a term needs 3 in the group. A term counts once in a text, and texts of the same words once in a \
         group. Stop words, numbers and markup are no terms; phrases do not cross punctuation. Terms of exactly the \
         same texts are returned once, a phrase is omitted if one of its parts explains it, and a word that nearly \
         always occurs in a returned phrase is omitted too. Rows without a text or a group do not count; NULL \
         without texts. Holds up to 128 MiB of texts, and about twice that while terms are counted; of more texts a \
         sample is taken, chosen by hashes of the texts, to which all numbers refer. At most 1,000 groups.",
        "contrast(text, group [, limit] [, fdr] [, attributes])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("group", "Group of the row: any value that casts to text.")
    .with_argument("limit", "Literal; maximum number of terms of a group. Default, also for NULL: 20.")
    .with_argument("fdr", "Literal between 0 and 1; false discovery rate. Default, also for NULL: 0.05.")
    .with_argument(
        "attributes",
        "Literal; attribute set, such as 'products', whose values are terms too. Default: none.",
    )
    .with_sql_example(
        "```sql\nSELECT c['group'], c['term'], c['ratio']\n\
         FROM (SELECT unnest(contrast(title, category)) AS c FROM products_with_category);\n```",
    )
    .build()
});

pub(super) const PARAMETERS: Parameters = Parameters {
    function: "contrast",
    list: &[
        ("text", ArgumentType::Text),
        ("group", ArgumentType::Group),
        ("limit", ArgumentType::Integer(1, 100_000)),
        ("fdr", ArgumentType::Share),
        ("attributes", ArgumentType::Name),
    ],
    required: 2,
};

/// The aggregate, with the settings of its session.
#[derive(Clone, Debug)]
pub struct Contrast {
    signature: Signature,
    pub options: AiOptions,
}

impl Contrast {
    pub fn new(options: AiOptions) -> Self {
        Self {
            // Stable, not immutable: attribute sets can be replaced.
            signature: PARAMETERS.signature(Volatility::Stable),
            options,
        }
    }
}

impl PartialEq for Contrast {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options
    }
}

impl Eq for Contrast {}

impl Hash for Contrast {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.options.hash(state);
    }
}

impl AggregateUDFImpl for Contrast {
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
            if let Some(Expr::Literal(value, _)) = call.params.args.get(ATTRIBUTES)
                && let Some(Some(name)) = value.try_as_str()
                && let Err(error) = options.runtime.rule_extractor(name)
            {
                return plan_err!("{}: {error}", PARAMETERS.function);
            }
            call.func = Arc::new(AggregateUDF::from(Self::new(options)));
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return exec_err!("contrast does not support DISTINCT: equal texts count once already");
        }
        let literals = PARAMETERS.literals(args.exprs)?;
        let extractor = literals
            .name(ATTRIBUTES)
            .map(|name| self.options.runtime.rule_extractor(name))
            .transpose()
            .map_err(to_datafusion)?;
        let rate = literals.positive(FALSE_DISCOVERY_RATE);
        Ok(Box::new(ContrastAccumulator {
            contrast: ContrastOptions {
                limit: literals.usize_or(LIMIT, DEFAULT_LIMIT),
                false_discovery_rate: rate.unwrap_or(DEFAULT_FALSE_DISCOVERY_RATE),
            },
            extractor,
            texts: GroupedTexts::default(),
            options: self.options.clone(),
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let fields = state_types().into_iter().map(|(name, data_type)| {
            let field = Field::new(format!("{}[{name}]", args.name), data_type, true);
            Arc::new(field)
        });
        Ok(fields.collect())
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

#[derive(Debug)]
struct ContrastAccumulator {
    contrast: ContrastOptions,
    /// Rules of the attributes that are terms.
    extractor: Option<Arc<RuleExtractor>>,
    texts: GroupedTexts,
    options: AiOptions,
}

impl ContrastAccumulator {
    /// Adds texts with their groups.
    fn add(&mut self, rows: &[(&str, &str)]) -> Result<()> {
        let Some(extractor) = self.extractor.clone() else {
            for (text, group) in rows {
                self.texts.add(text, &[], group).map_err(to_datafusion)?;
            }
            return Ok(());
        };
        let cancellation = self.options.cancellation();
        for rows in rows.chunks(EXTRACTION_ROWS) {
            let sources: Vec<Vec<Option<&str>>> =
                rows.iter().map(|(text, _)| vec![Some(*text)]).collect();
            let spans = extractor.extract(&sources, &|| cancellation.is_cancelled());
            let spans = spans.map_err(to_datafusion)?;
            for ((text, group), spans) in rows.iter().zip(spans) {
                let values = attribute_values(&extractor, text, &spans);
                self.texts
                    .add(text, &values, group)
                    .map_err(to_datafusion)?;
            }
        }
        Ok(())
    }
}

/// Names and values of attributes, such as `color: red`, sorted and each once.
fn attribute_values(extractor: &RuleExtractor, text: &str, spans: &[Span]) -> Vec<String> {
    let texts = [Some(text)];
    let names = extractor.attributes();
    let values = spans.iter().filter_map(|span| {
        let value = span.normalized.as_deref().or_else(|| span.value(&texts))?;
        Some(format!(
            "{}: {}",
            names[span.attribute],
            value.to_lowercase()
        ))
    });
    let mut values: Vec<String> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

impl Accumulator for ContrastAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let texts = TextArgument::new(&ColumnarValue::Array(Arc::clone(&values[0])))?;
        let groups = values[GROUP].as_string::<i32>();
        let rows = (0..groups.len()).filter(|row| groups.is_valid(*row));
        let rows = rows.filter_map(|row| Some((texts.get(row)?, groups.value(row))));
        self.add(&rows.collect::<Vec<_>>())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        states(&self.texts.parts())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        merge_states(&mut self.texts, states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.texts.is_empty() {
            return ScalarValue::try_from(&output_type());
        }
        let cancellation = self.options.cancellation();
        let is_cancelled = || cancellation.is_cancelled();
        let groups = blocking(|| distinctive_terms(&self.texts, self.contrast, &is_cancelled));
        match groups {
            Some(groups) => term_list(&groups),
            None => Err(to_datafusion(Error::Interrupted)),
        }
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.texts.size()
    }
}
