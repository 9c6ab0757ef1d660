//! Layers of the source: no circle between the files of a crate, and no
//! dependency of a crate that its layer forbids.

mod circles;
pub mod crates;
mod locks;
mod modules;
mod tokens;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use circles::{circles, describe};
use crates::{CRATES, CrateRule, dependencies, members};
use modules::CrateModules;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// Crates of the table that are part of the workspace.
fn present() -> impl Iterator<Item = &'static CrateRule> {
    let has_manifest = |rule: &&CrateRule| root().join(rule.folder).join("Cargo.toml").is_file();
    CRATES.iter().filter(has_manifest)
}

#[test]
fn no_files_of_a_crate_depend_on_each_other_in_circles() {
    let mut reports = Vec::new();
    for rule in present() {
        let sources = root().join(rule.folder).join("src");
        let read = |file: &str| std::fs::read_to_string(sources.join(file)).ok();
        for start in ["lib.rs", "main.rs"] {
            if !sources.join(start).is_file() {
                continue;
            }
            let parsed = CrateModules::parse(start, &read);
            assert_eq!(
                parsed.unresolved(),
                Vec::<String>::new(),
                "{}: the parser of this test does not find these",
                rule.package
            );
            let graph = parsed.file_graph();
            let found = circles(&graph).into_iter();
            reports.extend(found.map(|circle| {
                let description = describe(&circle, &graph);
                format!("{}: {description}", rule.package)
            }));
        }
    }
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

#[test]
fn crates_depend_on_lower_layers_alone() {
    let members = members(&read(&root().join("Cargo.toml")));
    assert!(!members.is_empty());
    for member in &members {
        let known = CRATES.iter().any(|rule| rule.folder == member);
        assert!(known, "{member} has no row in tests/layers/crates.rs");
    }
    let mut violations = Vec::new();
    for rule in present() {
        let folder = root().join(rule.folder);
        violations.extend(rule.violations(&read(&folder.join("Cargo.toml"))));
        for file in rust_files(&folder.join("src")) {
            violations.extend(rule.paths_in(&file, &read(&file)));
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The circles of a crate whose files are `files`, a line for each dependency.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |file: &str| files.get(file).map(|source| source.to_string());
    let parsed = CrateModules::parse("lib.rs", &read);
    assert_eq!(parsed.unresolved(), Vec::<String>::new());
    let graph = parsed.file_graph();
    circles(&graph)
        .iter()
        .map(|circle| describe(circle, &graph))
        .collect()
}

/// Code and comments that name `a` of the tree below without a dependency on it.
const HARMLESS: &str = r##"
// crate::a::A
/* super::A /* nested */ crate::A */
pub struct B<'a>(&'a str, char);
pub fn b<T>() { let _ = ("crate::A", r#"" super::A"#, '"', 'a', b'\''); }
#[cfg(test)] use crate::A;
#[cfg(test)] #[allow(unused)] fn for_tests(a: A) -> Vec<A> { crate::a::C; vec![] }
#[cfg(all(test, unix))] mod unix { use crate::A; }
#[cfg(test)] mod tests { use crate::a::{A, C}; }
struct S { #[cfg(test)] a: crate::A, b: u8 }
"##;

#[test]
fn a_tree_without_circles_passes() {
    let found = circles_of(&[
        ("lib.rs", "mod a; mod b; pub use a::{A, C as Renamed};"),
        (
            "a/mod.rs",
            "mod c; pub use c::C; pub struct A(crate::b::B);",
        ),
        (
            "a/c.rs",
            "pub struct C; fn f() { let _ = crate::b::b::<C>(); }",
        ),
        ("b.rs", HARMLESS),
    ]);
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn circles_are_found_in_each_form_of_a_path() {
    for (first, second) in [
        (
            "use crate::b::B; pub struct A;",
            "use crate::a::A; pub struct B;",
        ),
        ("pub struct A(super::b::B);", "pub struct B(crate::a::A);"),
        // Through the re-exports of the root.
        ("use crate::B; pub struct A;", "use super::A; pub struct B;"),
        (
            "use crate::{Renamed}; pub struct A;",
            "use super::A; pub struct B;",
        ),
        // Through a module that is imported, and within a function.
        (
            "use super::b; pub fn f() { b::g() } pub struct A;",
            "pub fn g() { use crate::a as other; other::f() } pub struct B;",
        ),
        // Through a glob.
        (
            "use crate::b::*; pub struct A(B);",
            "use crate::a; pub struct B; impl From<a::A> for B {}",
        ),
        // Variants and functions of types, macros, constants.
        (
            "pub enum A { X } fn f() { crate::B::new(); }",
            "pub struct B; const X: crate::A = crate::A::X;",
        ),
        (
            "macro_rules! m { () => { $crate::b::B } } pub(crate) use m; pub struct A;",
            "pub struct B; fn f() { m!() }",
        ),
    ] {
        let found = circles_of(&[
            (
                "lib.rs",
                "mod a; mod b; pub use a::A; pub use b::{B, B as Renamed};",
            ),
            ("a.rs", first),
            ("b.rs", second),
        ]);
        assert_eq!(found.len(), 1, "{first} | {second}");
        assert!(found[0].starts_with("a circle of 2 files:"), "{found:?}");
    }
}

#[test]
fn a_module_and_its_children_can_be_a_circle() {
    let found = circles_of(&[
        ("lib.rs", "mod a;"),
        (
            "a/mod.rs",
            "mod c;\nmod d;\npub struct Shared;\nfn run() { c::run() }",
        ),
        ("a/c.rs", "pub fn run() { super::d::run() }"),
        ("a/d.rs", "\nuse super::Shared;\npub fn run() {}"),
    ]);
    let lines: Vec<&str> = found[0].lines().collect();
    assert_eq!(
        lines,
        [
            "a circle of 3 files:",
            "  a/c.rs:1 -> a/d.rs: run",
            "  a/d.rs:2 -> a/mod.rs: Shared",
            "  a/mod.rs:4 -> a/c.rs: run",
        ]
    );
}

#[test]
fn manifests_are_read_and_judged() {
    let manifest = "\
        [package]\nname = \"x\"\n\
        [dependencies]\n# a = \"1\"\nsemql-udfs = { path = \"udfs\" }\ndatafusion.workspace = true\n\
        renamed = { package = \"sqlparser\", version = \"1\" }\n\
        [dependencies.arrow-array]\nversion = \"1\"\n\
        [target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n\
        [dev-dependencies]\ninsta = \"1\"\n";
    let expected = [
        "semql-udfs",
        "datafusion",
        "sqlparser",
        "arrow-array",
        "libc",
    ];
    assert_eq!(dependencies(manifest), expected);
    let rule = |package: &str| CRATES.iter().find(|rule| rule.package == package).unwrap();
    assert_eq!(rule("semql").violations(manifest), Vec::<String>::new());
    assert_eq!(rule("semql-learning").violations(manifest).len(), 4);
    let source = "use datafusion_common::Result; // datafusion\nlet x = \"datafusion\";";
    let named = rule("semql-inference").paths_in(Path::new("a.rs"), source);
    assert_eq!(named, ["a.rs:1 names datafusion_common"]);
    assert_eq!(members("[workspace]\nmembers = [\"a\", \"b\"]"), ["a", "b"]);
}
