//! `semql dict check` and `semql dict init`.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::TableReference;
use datafusion::physical_plan::memory::MemoryStream;

use crate::args::Dict;
use crate::dictionary::check::{self, Difference};
use crate::dictionary::init;
use crate::error::{ExitCode, Result, ShellError};
use crate::shell::Shell;
use crate::statement::{Outcome, diagnose};

/// Runs the subcommand and says how the process ends.
///
/// # Errors
/// If there is no dictionary to check, or the data cannot be read at all.
pub async fn run(shell: &mut Shell, what: &Dict) -> Result<ExitCode> {
    let code = match what {
        Dict::Check => check(shell).await?,
        Dict::Init { source } => {
            let session = Arc::clone(&shell.session);
            let draft = async {
                let named = TableReference::bare(source.as_str());
                diagnose::check_table(&session, &named).await?;
                init::draft(&session, source).await
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
            "there is no dictionary: no data_dict.yaml here, and no --data-dict. \
             `semql dict init FILE > data_dict.yaml` drafts one",
        ));
    }
    let session = Arc::clone(&shell.session);
    let differences = shell.unless_interrupted(check::run(&session)).await?;
    if differences.is_empty() {
        shell.say("The dictionary and the data agree.");
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
