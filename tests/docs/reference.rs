//! Pages of the reference that come from the code: functions, settings, statements,
//! options of the command line.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use datafusion::common::config::ExtensionOptions;
use datafusion::logical_expr::Documentation;
use semql_udfs::{AiOptions, Runtime};

use super::generated::{check_file, check_part};
use crate::cli::{program, semql};
use crate::support::process;

/// Subcommands on the page of options, in its order.
const SUBCOMMANDS: [&str; 8] = [
    "",
    "serve",
    "explore",
    "dict check",
    "dict init",
    "demo",
    "setup",
    "completions",
];

/// The page of the functions.
fn functions(options: &AiOptions) -> String {
    let scalar = semql_udfs::scalar_functions(options);
    let aggregate = semql_udfs::aggregate_functions(options);
    let window = semql_udfs::window_functions(options);
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
         `embed(text => title)`; optional ones may be left out: `contrast(title, category, attributes => 'products')`.\n",
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
        let arguments = doc.arguments.as_deref().unwrap_or_default();
        if !arguments.is_empty() {
            page.push_str("| argument | description |\n|---|---|\n");
        }
        for (name, what) in arguments {
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
         value of `ai.device`, hardware, vendor, memory in bytes, provider, whether a loaded model runs on it, texts \
         a second of `ai.model` in its last long query there, and why it cannot be used.\n\n\
         ## ai_trained_models\n\n`SELECT * FROM ai_trained_models()`\n\n\
         The models of `CREATE MODEL`, with a row for each predicted column of a classifier, each attribute of an \
         extractor, and each matcher: `kind`, labels (of an attribute its distinct values), accuracy, macro-F1 and weighted F1 (of an \
         attribute F1) on held-out rows, rows, columns, cost, fingerprint of the training rows.\n\n\
         ## ai_runs\n\n`SELECT * FROM ai_runs()`\n\n\
         The trainings of `CREATE MODEL` on this machine, the newest first, at most 1,000: `run_id`, `started_at`, \
         `seconds`, model, kind, `params` (options and what the training chose) and `metrics` (figures on held-out rows) \
         as maps, rows, held-out and ignored rows, fingerprints of the training rows and of the labels, encoder and its \
         revision, size and hash of the model file, version of semql, `tracked_at` (address of the run in MLflow) and \
         `not_tracked` (why a named server does not have it). [Compare trainings](track.md) has examples.\n\n\
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
    page
}

/// The page of the settings.
fn settings(options: &AiOptions) -> String {
    let mut page = String::from(
        "# Settings\n\nWritten by `make reference` from the code.\n\n\
         `SET ai.model = 'e5-small-v2'` changes a setting of the session, `SHOW ai.model` shows it, and `semql --set \
         ai.model=e5-small-v2` sets it at start. Clients of a server change those of a query only \
         ([Serve a team](serve.md#what-clients-may-do)).\n\n\
         | setting | default | description |\n|---|---|---|\n",
    );
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

/// The page of the command line.
fn options() -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut page =
        String::from("# Command line\n\nWritten by `make reference` from the program.\n");
    for subcommand in SUBCOMMANDS {
        let mut command = program(folder.path());
        command
            .env("COLUMNS", "100")
            .args(subcommand.split_whitespace())
            .arg("--help");
        let output = process::output(&mut command);
        assert!(output.status.success(), "{subcommand}: {output:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        let lines = help.lines().map(|line| format!("{}\n", line.trim_end()));
        let title = format!("semql {subcommand}");
        let text: String = lines.collect();
        write!(page, "\n## {}\n\n```text\n{}```\n", title.trim(), text).unwrap();
    }
    page
}

#[test]
fn functions_and_settings_are_those_of_the_code() {
    let ai = AiOptions::new(Arc::new(Runtime::new()));
    check_file(Path::new("docs/functions.md"), &functions(&ai));
    check_file(Path::new("docs/settings.md"), &settings(&ai));
}

#[test]
fn options_are_those_of_the_program() {
    check_file(Path::new("docs/options.md"), &options());
}

#[test]
fn statements_are_those_of_the_help() {
    let folder = tempfile::tempdir().unwrap();
    let done = semql(folder.path(), &["-c", "\\h"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let lines = done.out.lines().filter_map(|line| line.strip_prefix("  "));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    check_part(
        Path::new("docs/statements.md"),
        &format!("```text\n{text}```\n"),
    );
}
