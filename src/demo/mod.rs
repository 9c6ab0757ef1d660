//! `semql demo`: the product pipeline on the sample that ships with semql, with
//! set-up, in a folder of the user's choice.

mod files;

use std::io;
use std::path::Path;

use semql_udfs::backend;
use semql_udfs::models::{self, ModelSource, catalogue};

use crate::args::{Args, DemoArgs, SetupArgs};
use crate::error::{ExitCode, Result, ShellError, io_reason};
use crate::install::setup;
use crate::interpreter::{Flow, run_script};
use crate::script::Script;
use crate::shell::{Shell, print_line};

/// Writes the demo into its folder, installs what is missing on this machine, and
/// makes the folder the working folder of the process. Returns the query files.
///
/// Call it before the session opens, which reads the data dictionary of the
/// working folder.
///
/// # Errors
/// Options that the demo does not take; a folder with other files, or one that
/// cannot be written; a set-up that failed.
pub fn prepare(args: &Args, demo: &DemoArgs) -> Result<Vec<Script>> {
    for (is_given, option) in [
        (args.output.is_some(), "-o"),
        (args.data_dict.is_some(), "--data-dict"),
    ] {
        if is_given {
            return Err(ShellError::usage(format!(
                "`semql demo` does not take {option}: its queries name their files, and it has its own dictionary"
            )));
        }
    }
    let folder = &demo.folder;
    let failed = |error: io::Error| {
        ShellError::usage(format!(
            "cannot write the demo to {}: {}. `semql demo FOLDER` writes it to another folder",
            folder.display(),
            io_reason(&error)
        ))
    };
    if !files::may_write(folder).map_err(failed)? {
        return Err(ShellError::usage(format!(
            "{} has other files, and the demo writes to a folder of its own only; \
             name a new one: `semql demo FOLDER`",
            folder.display()
        )));
    }
    let edited = files::write(folder).map_err(failed)?;
    if !args.quiet {
        print_line(&format!("demo: queries and sample in {}", folder.display()));
        for path in edited {
            print_line(&format!(
                "demo: {path} differs from the one of this version, and is used as it is"
            ));
        }
    }
    if !is_set_up() && setup::run(&SetupArgs::default(), args.quiet)? != ExitCode::Success {
        return Err(ShellError::setup(
            "set-up has failed, for the reason above; `semql demo` goes on from here once it is removed",
        ));
    }
    std::env::set_current_dir(folder).map_err(failed)?;
    files::QUERIES
        .iter()
        .map(|file| Script::read(Path::new(file.path)))
        .collect()
}

/// Whether this machine has ONNX Runtime and the default model.
fn is_set_up() -> bool {
    let model = models::locate(catalogue::DEFAULT_MODEL, None);
    backend::library_path(None).is_ok()
        && model.is_ok_and(|model| matches!(model.source, ModelSource::Folder(_)))
}

/// Runs the query files, each after its name, and names the results.
///
/// # Errors
/// The first error, with its file and line.
pub async fn run(shell: &mut Shell, demo: &DemoArgs, scripts: &[Script]) -> Result<ExitCode> {
    for script in scripts {
        shell.print_notice(&format!("\n-- {}", script.name));
        if run_script(shell, script).await? == Flow::Quit {
            break;
        }
    }
    shell.close()?;
    shell.print_notice(&format!(
        "\nThe queries are in {0}/queries, their results in {0}/out. In {0},\n  \
         semql                                   opens a prompt\n  \
         semql explore products_with_features    opens a page with a map, search and charts",
        demo.folder.display()
    ));
    Ok(ExitCode::Success)
}
