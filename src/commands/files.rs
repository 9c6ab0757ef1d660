//! Commands on files and the system: `\i`, `\o`, `\!`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::output::sink::Sink;
use crate::script::Script;
use crate::shell::Shell;
use crate::sources::location::expand_home;

pub async fn include(_: &mut Shell, call: Call<'_>) -> Result<Action> {
    let [name] = call.words.as_slice() else {
        return Err(ShellError::query("\\i needs one file"));
    };
    let path = resolve(name, call.script.folder.as_deref());
    Ok(Action::RunScript(Script::read(&path)?))
}

/// Resolves a file name relative to the folder of the current script, or else to
/// the working folder.
fn resolve(name: &str, folder: Option<&Path>) -> PathBuf {
    let path = expand_home(name);
    match folder.map(|folder| folder.join(&path)) {
        Some(near) if near.exists() || !path.exists() => near,
        _ => path,
    }
}

pub async fn output(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let next = match call.words.as_slice() {
        [] => Sink::stdout(),
        [name] => Sink::file(&expand_home(name))?,
        _ => return Err(ShellError::query("\\o takes one file")),
    };
    std::mem::replace(&mut shell.sink, next).finish()?;
    Ok(Action::Continue)
}

pub async fn system(_: &mut Shell, call: Call<'_>) -> Result<Action> {
    let mut command = if call.rest.is_empty() {
        Command::new(std::env::var_os("SHELL").unwrap_or_else(|| "sh".into()))
    } else {
        let mut command = Command::new("sh");
        command.arg("-c").arg(call.rest);
        command
    };
    let status = command
        .status()
        .map_err(|error| ShellError::query(format!("cannot start the system shell: {error}")))?;
    if !status.success() {
        return Err(ShellError::query(format!("the command failed ({status})")));
    }
    Ok(Action::Continue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_the_current_script() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.sql"), "").unwrap();
        assert_eq!(
            resolve("x.sql", Some(folder.path())),
            folder.path().join("x.sql")
        );
        // The error names this path if neither exists.
        assert_eq!(
            resolve("y.sql", Some(folder.path())),
            folder.path().join("y.sql")
        );
        assert_eq!(resolve("y.sql", None), Path::new("y.sql"));
    }
}
