//! `semql dict check` and `semql dict init`.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::TableReference;
use datafusion::physical_plan::memory::MemoryStream;

use crate::args::DictCommand;
use crate::dictionary::check::{self, Difference};
use crate::dictionary::init;
use crate::error::{ExitCode, Result, ShellError};
use crate::shell::Shell;
use crate::statement::{Outcome, diagnose};

/// Runs the subcommand and returns the exit code.
///
/// # Errors
/// If the dictionary to check is missing, or the data cannot be read.
pub async fn run(shell: &mut Shell, command: &DictCommand) -> Result<ExitCode> {
    let code = match command {
        DictCommand::Check => check(shell).await?,
        DictCommand::Init { source } => {
            let session = Arc::clone(&shell.session);
            let draft = async {
                let named = TableReference::bare(source.as_str());
                diagnose::check_table(&session, &named).await?;
                init::draft(&session.ctx, source).await
            };
            let text = shell.unless_interrupted(draft).await?;
            shell.write_text(&text)?;
            ExitCode::Success
        }
    };
    shell.close()?;
    Ok(code)
}

async fn check(shell: &mut Shell) -> Result<ExitCode> {
    if shell.session.dictionary.path().is_none() {
        return Err(ShellError::setup(
            "no dictionary: data_dict.yaml is not in this folder, and --data-dict is not set. \
             `semql dict init FILE > data_dict.yaml` drafts one",
        ));
    }
    let session = Arc::clone(&shell.session);
    let compared = async { Ok(check::compare(&session.ctx, &session.dictionary).await) };
    let differences = shell.unless_interrupted(compared).await?;
    if differences.is_empty() {
        shell.print_notice("The dictionary and the data agree.");
        return Ok(ExitCode::Success);
    }
    shell.show_outcome(table(&differences)?).await?;
    Ok(ExitCode::Query)
}

fn table(differences: &[Difference]) -> Result<Outcome> {
    type Cell = fn(&Difference) -> Option<&str>;
    let columns: [(&str, Cell); 5] = [
        ("table", |it| Some(&it.table)),
        ("column", |it| it.column.as_deref()),
        ("what", |it| Some(it.what)),
        ("expected", |it| Some(&it.expected)),
        ("found", |it| Some(&it.found)),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, _)| Field::new(*name, DataType::Utf8, true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|(_, cell)| {
            Arc::new(differences.iter().map(cell).collect::<StringArray>()) as ArrayRef
        })
        .collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let stream = MemoryStream::try_new(vec![batch], Arc::clone(&schema), None)?;
    Ok(Outcome::Rows {
        schema,
        stream: Box::pin(stream),
    })
}
