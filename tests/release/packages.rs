//! A crate's package contains all files that the crate is compiled from. Only
//! `cargo package` shows that it compiles, which takes as long as a first build.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use crate::layers::crates::members;
use crate::support::process;

/// Crates in the order in which they are published, and their folders.
const CRATES: &[(&str, &str)] = &[
    ("semql-charts", "charts"),
    ("semql-kernels", "kernels"),
    ("semql-inference", "inference"),
    ("semql-language-models", "language_models"),
    ("semql-learning", "learning"),
    ("semql-udfs", "udfs"),
    ("semql-databases", "databases"),
    ("semql", "."),
    ("semql-cluster", "cluster"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packaged(name: &str) -> BTreeSet<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args([
        "package",
        "--list",
        "--allow-dirty",
        "--offline",
        "--locked",
        "--package",
        name,
    ]);
    let output = process::output(&mut command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {error}");
    let files = String::from_utf8(output.stdout).unwrap();
    files.lines().map(PathBuf::from).collect()
}

/// `src/a/../b` as `src/b`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                assert!(plain.pop(), "{} leaves the package", path.display());
            }
            part => plain.push(part),
        }
    }
    plain
}

/// The files that `source` includes.
fn included(source: &str) -> Vec<&str> {
    ["include_str!(\"", "include_bytes!(\""]
        .iter()
        .flat_map(|call| source.split(call).skip(1))
        .filter_map(|rest| rest.split_once('"').map(|(path, _)| path))
        .collect()
}

#[test]
fn every_crate_but_the_python_package_is_published() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut folders: BTreeSet<String> = members(&manifest).into_iter().collect();
    folders.remove("python");
    let listed = CRATES.iter().map(|(_, folder)| folder.to_string());
    let published: BTreeSet<String> = listed.filter(|folder| folder != ".").collect();
    assert_eq!(published, folders);
}

#[test]
fn a_package_contains_the_files_that_its_sources_include() {
    for (name, folder) in CRATES {
        let files = packaged(name);
        for wanted in ["LICENSE", "Cargo.toml"] {
            assert!(files.contains(Path::new(wanted)), "{name} lacks {wanted}");
        }
        let sources = files.iter().filter(|file| file.starts_with("src"));
        for file in sources.filter(|file| file.extension().is_some_and(|e| e == "rs")) {
            let source = std::fs::read_to_string(root().join(folder).join(file)).unwrap();
            for path in included(&source) {
                let path = plain(&file.with_file_name(path));
                assert!(
                    files.contains(&path),
                    "{name}: {} is included by {} and missing in the package (`include` of Cargo.toml)",
                    path.display(),
                    file.display()
                );
            }
        }
    }
}

#[test]
fn path_dependencies_have_the_version_of_the_workspace() {
    for (_, folder) in CRATES {
        let manifest = root().join(folder).join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        for line in text
            .lines()
            .filter(|line| line.starts_with("semql") && line.contains("path"))
        {
            let version = format!("version = \"{}\"", env!("CARGO_PKG_VERSION"));
            assert!(line.contains(&version), "{}: {line}", manifest.display());
        }
    }
}
