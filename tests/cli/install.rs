//! `semql setup`, `completions` and `man`.

use std::path::Path;
use std::process::Command;

use super::{Done, names, program, program_with_models, semql};
use crate::support::process;

/// Runs `command` with `args`; skips the test on a machine without it.
fn tool(command: &str, args: &[&str]) -> Option<Done> {
    super::tool(Command::new(command).args(args))
}

/// Writes the output of `semql ARGS` to `file` in `folder`.
fn write_output(folder: &Path, args: &[&str], file: &str) -> String {
    let done = semql(folder, args);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    std::fs::write(folder.join(file), &done.out).unwrap();
    done.out
}

#[test]
fn setup_downloads_nothing_if_all_parts_are_present() {
    if tool("python3", &["--version"]).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let set_up = |args: &[&str]| -> Done {
        let mut command = program_with_models(folder.path());
        process::output(command.arg("setup").args(args)).into()
    };
    let done = set_up(&[]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    for part in ["ONNX Runtime 1.", "all-minilm-l6-v2"] {
        assert!(done.out.contains(part), "{}", done.out);
    }
    assert!(!done.out.contains("fetching"), "{}", done.out);
    let done = set_up(&["--check", "--quiet"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""));
    assert!(names(folder.path()).is_empty(), "setup leaves no files");
}

#[test]
fn missing_parts_are_reported_with_their_path() {
    if tool("python3", &["--version"]).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut command = program(folder.path());
    command.env("SEMQL_HOME", &home).args(["setup", "--check"]);
    let done = Done::from(process::output(&mut command));
    assert_eq!(done.code, Some(3), "{}", done.err);
    let path = home.join("onnxruntime").display().to_string();
    assert!(done.err.contains(&path), "{}", done.err);
}

#[test]
fn a_missing_python_is_reported_with_instructions() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let mut command = program(folder.path());
    command
        .env("PATH", folder.path())
        .env("SEMQL_HOME", &home)
        .arg("setup");
    let done = Done::from(process::output(&mut command));
    assert_eq!((done.code, done.out.as_str()), (Some(3), ""));
    for part in [
        "python3 is not on PATH",
        "Install Python 3 with pip",
        &home.join("onnxruntime").display().to_string(),
        &home.join("models/all-minilm-l6-v2").display().to_string(),
    ] {
        assert!(done.err.contains(part), "{part} is not in: {}", done.err);
    }
}

#[cfg(unix)]
#[test]
fn options_are_passed_to_the_script_and_its_failure_is_returned() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let python = folder.path().join("python3");
    std::fs::write(&python, "#!/bin/sh\nshift\necho \"$*\"\nexit 9\n").unwrap();
    std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = program(folder.path());
    command
        .env("PATH", folder.path())
        .args(["setup", "--gpu", "--check"]);
    let done = Done::from(process::output(&mut command));
    assert_eq!(
        (done.code, done.out.as_str()),
        (Some(3), "--gpu --check\n"),
        "{}",
        done.err
    );
}

#[test]
fn bash_completes_options_and_subcommands() {
    let folder = tempfile::tempdir().unwrap();
    write_output(folder.path(), &["completions", "bash"], "semql.bash");
    let script = folder.path().join("semql.bash").display().to_string();
    let Some(syntax_check) = tool("bash", &["-n", &script]) else {
        return;
    };
    assert_eq!(
        (syntax_check.code, syntax_check.err.as_str()),
        (Some(0), "")
    );
    for (words, expected) in [
        ("semql --mem", "--memory-limit"),
        ("semql exp", "explore"),
        ("semql dict ch", "check"),
        ("semql setup --g", "--gpu"),
        ("semql completions z", "zsh"),
    ] {
        let completion = format!(
            "source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             _semql semql \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"; echo \"${{COMPREPLY[*]}}\""
        );
        let done = tool("bash", &["--norc", "-c", &completion]).unwrap();
        assert_eq!(done.out.trim(), expected, "{words}: {}", done.err);
    }
}

#[test]
fn scripts_of_other_shells_are_valid() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["zsh", "fish"] {
        let file = format!("semql.{shell}");
        let text = write_output(folder.path(), &["completions", shell], &file);
        assert!(text.contains("memory-limit"), "{text}");
        let path = folder.path().join(&file).display().to_string();
        if let Some(done) = tool(shell, &["-n", &path]) {
            assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
        }
    }
    for shell in ["elvish", "powershell"] {
        let text = write_output(folder.path(), &["completions", shell], shell);
        assert!(text.contains("memory-limit"), "{text}");
    }
    let done = semql(folder.path(), &["completions", "tcsh"]);
    assert_eq!(done.code, Some(2), "{}", done.err);
}

#[test]
fn the_manual_page_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let page = write_output(folder.path(), &["man"], "semql.1");
    assert!(page.contains(".TH semql 1"), "{page}");
    let done = semql(folder.path(), &["man", "-o", "again.1"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), ""));
    let again = std::fs::read_to_string(folder.path().join("again.1")).unwrap();
    assert_eq!(again, page);

    let path = folder.path().join("semql.1").display().to_string();
    let Some(read) = tool("groff", &["-man", "-Tutf8", "-ww", "-z", &path]) else {
        return;
    };
    assert_eq!((read.code, read.err.as_str()), (Some(0), ""));
}
