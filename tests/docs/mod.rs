//! docs/functions.md agrees with the documentation in the code.
//!
//! `make reference` writes it again; this test fails while it is out of date.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use datafusion::logical_expr::Documentation;
use semql_udfs::{AiOptions, Runtime};

fn reference() -> String {
    let options = AiOptions::new(Arc::new(Runtime::new()));
    let scalar = semql_udfs::scalar_functions(&options);
    let aggregate = semql_udfs::aggregate_functions(&options);
    let window = semql_udfs::window_functions(&options);
    let mut functions: Vec<(&str, &[String], Option<&Documentation>)> = Vec::new();
    functions.extend(
        scalar
            .iter()
            .map(|f| (f.name(), f.aliases(), f.documentation())),
    );
    functions.extend(
        aggregate
            .iter()
            .map(|f| (f.name(), f.aliases(), f.documentation())),
    );
    functions.extend(
        window
            .iter()
            .map(|f| (f.name(), f.aliases(), f.documentation())),
    );
    functions.sort_by_key(|(name, ..)| *name);
    let mut page = String::from(
        "# Functions\n\nWritten by `make reference` from the functions' own documentation.\n\n\
         Text arguments take VARCHAR of every Arrow string type, columns and literals. NULL and blank texts give \
         NULL and never reach a model; longer texts than the model's limit are cut. Arguments can be named: \
         `embed(text => title)`.\n",
    );
    for (name, aliases, doc) in functions {
        let doc = doc.unwrap_or_else(|| panic!("{name} has no documentation"));
        write!(
            page,
            "\n## {}\n\n`{}`\n\n{}\n\n",
            name, doc.syntax_example, doc.description
        )
        .unwrap();
        if !aliases.is_empty() {
            write!(page, "Alias: `{}`.\n\n", aliases.join("`, `")).unwrap();
        }
        page.push_str("| argument | description |\n|---|---|\n");
        for (name, what) in doc.arguments.iter().flatten() {
            writeln!(page, "| `{name}` | {what} |").unwrap();
        }
        if let Some(example) = &doc.sql_example {
            write!(page, "\n{example}\n").unwrap();
        }
    }
    page.push_str(
        "\n## ai_models\n\n`SELECT * FROM ai_models()`, or `SHOW MODELS` in the shell\n\n\
         The catalogue of models, the models that this session loaded, and its language models: dimensions, whether the \
         model is installed, device, source (the address of a language model), pooling, limit, prefix, licence, \
         folder.\n\n\
         ## ai_devices\n\n`SELECT * FROM ai_devices()`, or `SHOW DEVICES` in the shell\n\n\
         The CPU, the devices of the execution providers that are installed, and the providers without a device: \
         value of `ai.device`, hardware, vendor, provider, whether a loaded model runs on it, texts a second of \
         `ai.model` in its last long query there, and why it cannot be used.\n\n\
         ## ai_trained_models\n\n`SELECT * FROM ai_trained_models()`\n\n\
         The models of `CREATE MODEL`, with a row for each predicted column of a classifier and each attribute of an \
         extractor: `kind`, labels (of an attribute its distinct values), accuracy, macro-F1 and weighted F1 (of an \
         attribute F1) on held-out rows, rows, columns, cost, fingerprint of the training rows.\n\n\
         ## ai_label_doubts\n\n`SELECT * FROM ai_label_doubts('model')`\n\n\
         Training rows whose labels may be mistakes: held-out rows for which the model predicts another label, the \
         most certain first, at most 500. For each level the label, the `predicted_` label and the margin between \
         them, and the start of the texts.\n\n\
         ## ai_label_conflicts\n\n`SELECT * FROM ai_label_conflicts('model')`\n\n\
         Pairs of training rows that share four words of five and have different labels, the most similar first, at \
         most 500: `similarity` (words in both by words in either), for each level the label and the `other_` row's \
         label, and the start of both texts.\n\n\
         ## ai_misaligned_values\n\n`SELECT * FROM ai_misaligned_values('model')`\n\n\
         Labels of an extractor that do not occur in the texts of their row, at most 1,000: `attribute`, `value`, and \
         the start of the texts. Training ignores them.\n",
    );
    for relation in semql_udfs::relations::RELATIONS {
        let signature = relation.signature();
        write!(
            page,
            "\n## {}\n\n`FROM {}`\n\n{}\n\n| argument | description |\n|---|---|\n",
            signature.name,
            signature.syntax(),
            signature.description
        )
        .unwrap();
        for parameter in signature.parameters {
            writeln!(page, "| `{}` | {} |", parameter.name, parameter.description).unwrap();
        }
        write!(page, "\n```sql\n{};\n```\n", signature.example).unwrap();
    }
    page.push_str(
        "\n# Statements of the shell\n\n\
         `CREATE [OR REPLACE] MODEL name FROM (query) PREDICT label [, label ...] [OPTIONS (key value, ...)]` trains a \
         classifier on the rows of the query: linear support vector machines over the words, word pairs and, in short \
         columns, character n-grams of each column except the labels. Several labels are levels, the coarsest first; \
         each predicted combination of labels occurs in a training row. Rows without a label or a text are ignored. \
         The result shows the accuracy on held-out rows. Options: `cost`, the cost of a misclassified row (default: \
         chosen by cross-validation); `class_weight`, `none` or `balanced`; `features`: `ngrams` (words and character \
         n-grams alone), `token_vectors` (also the mean of the token vectors of `ai.model`; nearly as fast, and the \
         default for up to 20,000 rows) or `embeddings` (also the model's vectors of the first column and of all columns \
         together: the most accurate, at the speed of the model); `method`: `linear`, or `adapter`, which maps the \
         vectors so that rows of one label lie together, if cross-validation shows a gain, as with few rows for each \
         label.\n\n\
         `CREATE [OR REPLACE] MODEL name FROM (query) EXTRACT attribute [, attribute ...] [USING model] [OPTIONS (key \
         value, ...)]` trains an extractor, which finds the values of attributes in texts. A label column holds the \
         value of its attribute as a text, several values as a list of texts, or several attributes as a struct. A \
         blank text or an empty list means that the text has no value; NULL means that the row is not labelled. All \
         other columns are texts: the values come from them, except from context columns, which only help to find \
         values. The result shows, for each attribute and for all together, the labelled rows, the distinct values, \
         the values that do not occur in their texts (`ai_misaligned_values` lists them), and precision, recall and \
         F1 on held-out rows. With `USING model`, the query has no label columns: the language model labels the rows \
         within `ai.max_calls`, and rows without an answer are not labelled. Options: `context`, the context columns, \
         with commas between (default: chosen from the data); `features`, `words` or `token_vectors` (also the token \
         vectors of `ai.model`); `group`, a column whose equal values are never both in training and held-out rows, \
         such as a product with several offers; `seed`.\n\n\
         `DESCRIBE MODEL name` returns precision, recall and F1 of each label or attribute; `DROP MODEL [IF EXISTS] \
         name` removes a model; `EXPORT MODEL name TO 'file.onnx'` writes the linear heads of a classifier for other \
         programs, with the labels in the file's metadata.\n\n\
         `CREATE [OR REPLACE] EXTERNAL MODEL [IF NOT EXISTS] name TYPE openai LOCATION 'url' OPTIONS (model '...' [, key \
         value ...])` names a language model behind an OpenAI-compatible endpoint, such as `http://127.0.0.1:11434/v1` \
         of Ollama, for `ai_extract`, `ai_classify`, `ai_filter` and `ai_complete` of this session. The statement sends \
         nothing. A line before each later statement that sends texts says where they go, and estimates calls and \
         tokens; `ai.max_calls` is their maximum. Options: `model`, the name of the model at the endpoint; \
         `api_key_env`, the environment variable with the key; `concurrency` (8), requests at a time; `timeout` \
         (`60s`) of a request; `max_tokens` (1024) of an answer; `temperature` (0); `max_retries` (5) after 429, \
         errors of the server and timeouts; `max_input_chars` (24000), after which a text is cut; `json_schema` \
         (`auto`, `on` or `off`), whether requests have a schema. `DESCRIBE MODEL name` returns the options, and `DROP \
         EXTERNAL MODEL [IF EXISTS] name` removes the model.\n\n\
         # Attribute sets\n\n\
         `attributes:` in `data_dict.yaml` defines sets of attributes for `ai_extract` by name, next to the built-in \
         `products`. `SET ai.attributes = 'shoes'` selects one, and `dict_attributes()` lists them. In place of a map from \
         names to attributes, a set can be a list of attributes with the key `name`, such as the `definition`s of \
         `discover_attributes`.\n\n\
         ```yaml\nattributes:\n  shoes:\n    color: {values: {red: [scarlet, rouge], blue: [navy]}}\n    \
         brand: {values: brands.yaml, cues: ['brand:', by]}\n    weight: {type: quantity, unit: g}\n    \
         sku: {pattern: 'SKU-\\d+'}\n```\n\n\
         | key | meaning |\n|---|---|\n\
         | `description` | what the attribute is; a language model reads it |\n\
         | `type` | `text` (default), `quantity` (a number with a unit) or `code` (letters and digits) |\n\
         | `values` | a list of values, a map from values to their synonyms, or the name of a YAML file with such a map, \
         relative to the dictionary: `COPY (SELECT canonical, variant FROM ...) TO 'brands.yaml'` writes one |\n\
         | `closed` | `true`: only the listed values count |\n\
         | `unit` | unit of the normalized quantities |\n\
         | `pattern` | regular expression; the value is its first group that matches, or the whole match |\n\
         | `cues`, `cues_after` | words before or after a value |\n\
         | `not_after`, `not_before` | words that rule out the value after or before them |\n\
         | `ambiguous` | values that count only next to a cue or between punctuation marks |\n\
         | `modifiers` | words that belong to the value after them, such as `dark` |\n\
         | `excluded` | phrases without a value, such as `green tea` for a color |\n\
         | `leading` | `{}`: the first words of the first text may be a value, as a brand |\n\
         | `axis` | the axis of dimensions such as `30 x 40 cm` that is the value |\n\
         | `bare_units` | units that need no cue |\n\n# Settings\n\n\
         `SET ai.model = 'e5-small-v2'` changes a setting of the session.\n\n| setting | default | description |\n|---|---|---|\n",
    );
    use datafusion::common::config::ExtensionOptions;
    for entry in options.entries() {
        let value = entry
            .value
            .filter(|v| !v.is_empty())
            .map(|v| format!("`{v}`"))
            .unwrap_or_default();
        writeln!(
            page,
            "| `{}` | {value} | {} |",
            entry.key, entry.description
        )
        .unwrap();
    }
    page
}

#[test]
fn the_function_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/functions.md");
    let fresh = reference();
    if std::env::var_os("SEMQL_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == fresh,
        "docs/functions.md is out of date: run `make reference`"
    );
}
