//! The scripts of scripts/release/, run as the workflow runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cli::{Done, tool};

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a script with `arguments`; skips the test on a machine without Python.
pub fn run_script(name: &str, arguments: &[&str]) -> Option<Done> {
    let mut command = Command::new("python3");
    // Without files of bytecode in the repository.
    command
        .arg("-B")
        .arg(root().join("scripts/release").join(name));
    tool(command.args(arguments))
}

/// Runs Python code that may import the modules of the scripts.
pub fn run_python(code: &str) -> Option<Done> {
    let mut command = Command::new("python3");
    command.args(["-B", "-c", code]);
    tool(command.current_dir(root().join("scripts/release")))
}

/// Runs a script that must succeed.
pub fn succeed(name: &str, arguments: &[&str]) -> Option<Done> {
    let done = run_script(name, arguments)?;
    assert_eq!(done.code, Some(0), "{name} {arguments:?}: {}", done.err);
    Some(done)
}

/// A shell script in the place of the program: it reports `version`, and prints its
/// arguments otherwise.
#[cfg(unix)]
pub fn fake_program(folder: &Path, version: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("fake-semql");
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'semql {version}'; else echo \"$*\"; fi\n"
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A target triple, and the name of its archive of a version.
pub struct Archive {
    pub target: String,
    pub name: String,
}

/// The archives of a release of `version`.
pub fn archives(version: &str) -> Option<Vec<Archive>> {
    let done = run_python(&format!(
        "from platforms import *\nfor p in PLATFORMS: print(p.target, archive_name('{version}', p.target))"
    ))?;
    assert_eq!(done.code, Some(0), "{}", done.err);
    let archive = |line: &str| {
        let (target, name) = line.split_once(' ').unwrap();
        Archive {
            target: target.to_string(),
            name: name.to_string(),
        }
    };
    Some(done.out.lines().map(archive).collect())
}
