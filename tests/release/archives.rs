//! Archives of the program, and the folder of a release.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::release_scripts::{archives, fake_program, run_python, run_script, succeed};
use crate::cli::{names, tool};

const LINUX: &str = "x86_64-unknown-linux-gnu";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The files of an archive in `folder`, listed by Python.
fn members(folder: &Path, module: &str, archive: &str) -> BTreeSet<String> {
    let mut command = Command::new("python3");
    command
        .args(["-m", module, "-l", archive])
        .current_dir(folder);
    let listed = tool(&mut command).unwrap().out;
    let first_word = |line: &str| line.split_whitespace().next().map(str::to_string);
    let files = listed.lines().filter_map(first_word);
    files.filter(|name| name.contains('/')).collect()
}

#[test]
fn an_archive_has_the_program_its_documents_and_completions() {
    let folder = tempfile::tempdir().unwrap();
    let program = fake_program(folder.path(), "1.2.3");
    let build = |target: &str, out: &str| {
        let out = folder.path().join(out);
        let arguments = [
            "archive",
            "--target",
            target,
            "--binary",
            text(&program),
            "--out",
            text(&out),
        ];
        succeed("build.py", &arguments)
    };
    if build(LINUX, "once").is_none() {
        return;
    }
    build(LINUX, "again");
    let stem = format!("semql-1.2.3-{LINUX}");
    let archive = format!("{stem}.tar.gz");
    let checksum_file = format!("{archive}.sha256");
    let once = folder.path().join("once");
    assert_eq!(names(&once), [archive.as_str(), checksum_file.as_str()]);
    let again = folder.path().join("again");
    for file in [&archive, &checksum_file] {
        assert!(
            fs::read(once.join(file)).unwrap() == fs::read(again.join(file)).unwrap(),
            "the same program gives another {file}"
        );
    }
    let expected = |program: &str, stem: &str| -> BTreeSet<String> {
        let files = [
            program,
            "LICENSE",
            "README.md",
            "CHANGELOG.md",
            "man/semql.1",
            "completions/semql.bash",
            "completions/_semql",
            "completions/semql.fish",
            "completions/semql.elv",
            "completions/semql.ps1",
        ];
        files.iter().map(|file| format!("{stem}/{file}")).collect()
    };
    assert_eq!(
        members(&once, "tarfile", &archive),
        expected("semql", &stem)
    );

    // Windows.
    let windows = "x86_64-pc-windows-msvc";
    build(windows, "windows");
    let stem = format!("semql-1.2.3-{windows}");
    assert_eq!(
        members(
            &folder.path().join("windows"),
            "zipfile",
            &format!("{stem}.zip")
        ),
        expected("semql", &stem)
    );
}

#[test]
fn what_is_not_the_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let nameless = fake_program(folder.path(), "");
    let out = folder.path().join("out");
    let absent = folder.path().join("absent");
    for (target, binary, expected) in [
        (LINUX, &nameless, "names no version of semql"),
        (LINUX, &absent, "there is no program"),
        ("sparc-sun-solaris", &nameless, "no release is made for"),
    ] {
        let arguments = [
            "archive",
            "--target",
            target,
            "--binary",
            text(binary),
            "--out",
            text(&out),
        ];
        let Some(done) = run_script("build.py", &arguments) else {
            return;
        };
        assert_eq!(done.code, Some(1), "{}", done.err);
        assert!(done.err.contains(expected), "{}", done.err);
    }
    assert!(!out.exists());
}

#[test]
fn the_built_program_runs_from_its_archive_in_a_clean_environment() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("dist");
    let arguments = [
        "archive",
        "--binary",
        env!("CARGO_BIN_EXE_semql"),
        "--out",
        text(&out),
    ];
    let Some(done) = succeed("build.py", &arguments) else {
        return;
    };
    let archive = done.out.trim().strip_prefix("build: ").unwrap();
    let done = succeed("check_install.py", &[archive]).unwrap();
    let version = format!("check: semql {}", env!("CARGO_PKG_VERSION"));
    assert!(done.out.contains(&version), "{}", done.out);

    // A damaged download.
    let mut bytes = fs::read(archive).unwrap();
    bytes.push(0);
    fs::write(archive, bytes).unwrap();
    let done = run_script("check_install.py", &[archive]).unwrap();
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(done.err.contains("has the SHA-256"), "{}", done.err);
}

#[test]
fn a_release_has_all_archives_an_installer_and_a_formula() {
    let version = env!("CARGO_PKG_VERSION");
    let folder = tempfile::tempdir().unwrap();
    let program = fake_program(folder.path(), version);
    let dist = folder.path().join("dist");
    let Some(archives) = archives(version) else {
        return;
    };
    for archive in &archives {
        let arguments = [
            "archive",
            "--target",
            &archive.target,
            "--binary",
            text(&program),
            "--out",
            text(&dist),
        ];
        succeed("build.py", &arguments);
    }
    let wheel = "datafusion_semql-1-cp310-abi3-any.whl";
    fs::write(dist.join(wheel), "a wheel").unwrap();
    let arguments = [
        text(&dist),
        "--repository",
        "owner/semql",
        "--version",
        version,
    ];
    succeed("collect.py", &arguments);

    let read = |name: &str| fs::read_to_string(dist.join(name)).unwrap();
    let installer = read("install.sh");
    let releases = "RELEASES='https://github.com/owner/semql/releases'";
    assert!(installer.contains(releases), "{installer}");
    let formula = read("semql.rb");
    assert!(!formula.contains('@'), "{formula}");
    let sums = read("SHA256SUMS");
    assert!(sums.contains(wheel), "{sums}");
    for archive in &archives {
        let checksum = read(&format!("{}.sha256", archive.name));
        let digest = checksum.split_whitespace().next().unwrap();
        assert!(sums.contains(&checksum), "{sums}");
        let offered = ["darwin", "linux-gnu"]
            .iter()
            .any(|part| archive.target.contains(part));
        assert_eq!(formula.contains(digest), offered, "{}", archive.target);
        let address = format!("/releases/download/v{version}/{}", archive.name);
        assert_eq!(formula.contains(&address), offered, "{}", archive.target);
    }
    assert!(!read("notes.md").trim().is_empty());

    let changed = dist.join(&archives[0].name);
    fs::write(&changed, "another archive").unwrap();
    let done = run_script("collect.py", &arguments).unwrap();
    assert!(done.err.contains("has the SHA-256"), "{}", done.err);
    fs::remove_file(&changed).unwrap();
    let done = run_script("collect.py", &arguments).unwrap();
    let missing = format!("missing: {}", archives[0].name);
    assert!(done.err.contains(&missing), "{}", done.err);
    assert_eq!(done.code, Some(1));
}

#[test]
fn a_tag_must_agree_with_the_manifest_and_the_changelog() {
    let arguments = ["v0.0.0-none", "--repository", "no/where"];
    let Some(done) = run_script("check_tag.py", &arguments) else {
        return;
    };
    assert_eq!(done.code, Some(1));
    for expected in [
        &format!("the tag must be v{}", env!("CARGO_PKG_VERSION")),
        "repository = \"https://github.com/no/where\"",
    ] {
        assert!(done.err.contains(expected), "{expected}: {}", done.err);
    }
    let code = r###"
from check_tag import problems
manifest = """[workspace.package]
version = "1.2.3"
repository = "https://github.com/owner/name"

[package]
name = "semql"
repository.workspace = true

[dependencies]
other = { version = "9" }
"""
changelog = "# Changelog\n\n## 1.2.3, 2030-01-31\n"
assert problems("v1.2.3", "owner/name", manifest, changelog) == []
assert len(problems("v1.2.4", "owner/name", manifest, changelog)) == 1
assert len(problems("v1.2.3", "owner/name", manifest, "## 1.2.3, not yet released\n")) == 1
assert len(problems("v1.2.3", "owner/name", manifest.replace("repository.workspace", "x"), changelog)) == 1
"###;
    let done = run_python(code).unwrap();
    assert_eq!(done.code, Some(0), "{}", done.err);
}
