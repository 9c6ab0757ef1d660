//! `ai_language(text)`.

use std::sync::{Arc, LazyLock};

use arrow::array::StringArray;
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature,
    Volatility,
};
use semql_learning::text_language;

use super::arguments::{TextArgument, all_literal, columnar_result};
use super::parameters::{ArgumentType, Parameters};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The language of a text: its ISO 639-1 code, such as `en` or `pt`. NULL where the language is uncertain, as for \
         a name, a number or a few words that several languages share, and for NULL and blank text. Knows 70 languages, \
         and reads the first 512 bytes. Needs no model.",
        "ai_language(text)",
    )
    .with_argument("text", "Text of any string type.")
    .with_sql_example(
        "```sql\nSELECT ai_language(text) AS language, count(*) FROM products GROUP BY language ORDER BY 2 DESC;\n```",
    )
    .build()
});

pub(super) const PARAMETERS: Parameters = Parameters {
    function: "ai_language",
    list: &[("text", ArgumentType::Text)],
    required: 1,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AiLanguage {
    signature: Signature,
}

impl AiLanguage {
    pub fn new() -> Self {
        Self {
            signature: PARAMETERS.signature(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for AiLanguage {
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
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let texts = TextArgument::new(&args.args[0])?;
        let languages = (0..rows).map(|row| texts.get(row).and_then(text_language));
        let languages: StringArray = languages.collect();
        columnar_result(Arc::new(languages), literal)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}
