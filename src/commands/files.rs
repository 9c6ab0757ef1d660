//! Commands around files and the system: `\i`, `\o`, `\!`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Call;
use crate::error::{Result, ShellError};
use crate::output::sink::Sink;
use crate::script::Script;
use crate::shell::{Flow, Shell};

pub async fn include(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let [name] = call.words.as_slice() else {
        return Err(ShellError::query("\\i needs one file"));
    };
    let script = Script::read(&beside(name, call.script.folder.as_deref()))?;
    // Boxed, since a file may read another.
    Box::pin(shell.run_script(&script)).await
}

/// The file beside the script that names it, or else in the working folder.
fn beside(name: &str, folder: Option<&Path>) -> PathBuf {
    let path = home(name);
    match folder.map(|folder| folder.join(&path)) {
        Some(near) if near.exists() || !path.exists() => near,
        _ => path,
    }
}

/// `~/` in front of a name is the home folder.
fn home(name: &str) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(name),
    }
}

pub async fn output(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let next = match call.words.as_slice() {
        [] => Sink::stdout(),
        [name] => Sink::file(&home(name))?,
        _ => return Err(ShellError::query("\\o takes one file")),
    };
    std::mem::replace(&mut shell.sink, next).finish()?;
    Ok(Flow::Continue)
}

pub async fn system(_: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let mut command = if call.rest.is_empty() {
        Command::new(std::env::var_os("SHELL").unwrap_or_else(|| "sh".into()))
    } else {
        let mut command = Command::new("sh");
        command.arg("-c").arg(call.rest);
        command
    };
    let status = command
        .status()
        .map_err(|error| ShellError::query(format!("cannot start the system's shell: {error}")))?;
    if !status.success() {
        return Err(ShellError::query(format!("the command failed ({status})")));
    }
    Ok(Flow::Continue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_looked_for_beside_the_one_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.sql"), "").unwrap();
        assert_eq!(
            beside("x.sql", Some(folder.path())),
            folder.path().join("x.sql")
        );
        // Found in neither place: the message names the first.
        assert_eq!(
            beside("y.sql", Some(folder.path())),
            folder.path().join("y.sql")
        );
        assert_eq!(beside("y.sql", None), Path::new("y.sql"));
    }
}
