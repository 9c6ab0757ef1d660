//! docs/functions.md says what the code says.
//!
//! `make reference` writes it anew; this test fails while it is out of date.

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
            write!(page, "Also called `{}`.\n\n", aliases.join("`, `")).unwrap();
        }
        page.push_str("| argument | what it is |\n|---|---|\n");
        for (name, what) in doc.arguments.iter().flatten() {
            writeln!(page, "| `{name}` | {what} |").unwrap();
        }
        if let Some(example) = &doc.sql_example {
            write!(page, "\n{example}\n").unwrap();
        }
    }
    page.push_str(
        "\n## ai_models\n\n`SELECT * FROM ai_models()`, or `SHOW MODELS` in the shell\n\n\
         The models that semql knows by name and those that this session loaded: dimensions, whether it is on this \
         machine, the device it ran on, source, pooling, limit, prefix, licence, folder.\n\n\
         ## ai_trained_models\n\n`SELECT * FROM ai_trained_models()`\n\n\
         The models that `CREATE MODEL` made, a row for each thing that they predict: labels, accuracy, macro-F1 and \
         weighted F1 on rows held out, rows, columns, cost, fingerprint of the training rows.\n\n\
         ## ai_label_doubts\n\n`SELECT * FROM ai_label_doubts('model')`\n\n\
         Training rows whose labels may be mistakes, for people to look at: those of the held-out rows of which the \
         model, which had not seen them, says something else, the surest first, 500 at most. Per level the label and \
         `predicted_` label, the margin between them, and how the texts begin.\n\n\
         ## ai_label_conflicts\n\n`SELECT * FROM ai_label_conflicts('model')`\n\n\
         Pairs of training rows of which four words of five are the same and whose labels differ, the nearest first, \
         500 at most: `similarity` (words in both by words in either), per level the label and the `other_` row's, \
         and how both texts begin.\n",
    );
    for relation in semql_udfs::relations::RELATIONS {
        let shape = relation.shape();
        write!(
            page,
            "\n## {}\n\n`FROM {}`\n\n{}\n\n| argument | what it is |\n|---|---|\n",
            shape.name,
            shape.syntax(),
            shape.description
        )
        .unwrap();
        for parameter in shape.parameters {
            writeln!(page, "| `{}` | {} |", parameter.name, parameter.description).unwrap();
        }
        write!(page, "\n```sql\n{};\n```\n", shape.example).unwrap();
    }
    page.push_str(
        "\n# Statements of the shell\n\n\
         `CREATE [OR REPLACE] MODEL name FROM (query) PREDICT label [, label ...] [OPTIONS (key value, ...)]` trains a \
         classifier on the rows of the query: linear support vector machines over the words, pairs of words and, in \
         short columns, runs of letters of each column but the labels. Several labels are levels, the coarsest first; \
         the labels that are predicted together are together in some training row. Rows without a label or a text are \
         left out. The answer says how good the model is on rows that it had not seen. Options: `cost`, what a row on \
         the wrong side costs (chosen by cross-validation if not given); `class_weight`, `none` or `balanced`; \
         `features`: `ngrams` (words and runs of letters alone), `token_vectors` (also the mean of the vectors that the \
         model of `ai.model` has for its vocabulary; nearly as quick, and what is taken for up to 20,000 rows if not \
         given) or `embeddings` (also the model's vectors of the first column and of all of them together: the most \
         accurate, at the speed of the model); `method`: `linear`, or `adapter`, which maps the vectors so that rows \
         of one label lie together where cross-validation says that it helps, as it does with few rows for each label.\n\n\
         `DESCRIBE MODEL name` gives precision, recall and F1 of each label; `DROP MODEL [IF EXISTS] name` removes a \
         model; `EXPORT MODEL name TO 'file.onnx'` writes its linear heads for other programs, their labels in the \
         file's metadata.\n\n# Settings\n\n\
         `SET ai.model = 'e5-small-v2'` changes a setting of the session.\n\n| setting | default | what it is |\n|---|---|---|\n",
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
