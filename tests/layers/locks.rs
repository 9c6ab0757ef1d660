//! Lock files: that of `delta/`, a separate workspace, has the versions of the others.

use std::collections::BTreeMap;

use super::{read, root};

/// Packages whose versions differ, and the reason.
const EXCEPTIONS: &[(&str, &str)] = &[(
    "alloc-stdlib",
    "deltalake-core pins it and uses nothing of it",
)];

/// Versions of a lock file by package and by the part of the version that says which
/// others may replace it.
fn versions(lock: &str) -> BTreeMap<(String, String), String> {
    let mut versions = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        let value = |key: &str| line.strip_prefix(key)?.strip_suffix('"');
        if let Some(found) = value("name = \"") {
            name = found;
        } else if let Some(version) = value("version = \"") {
            let mut parts = version.split('.');
            let major = parts.next().unwrap_or_default();
            let range = match (major, parts.next()) {
                ("0", Some(minor)) => format!("0.{minor}"),
                _ => major.to_string(),
            };
            versions.insert((name.to_string(), range), version.to_string());
        }
    }
    versions
}

#[test]
fn the_lock_files_have_the_same_versions() {
    let own = versions(&read(&root().join("Cargo.lock")));
    let delta = versions(&read(&root().join("delta/Cargo.lock")));
    assert!(own.len() > 100 && delta.len() > 100);
    let differs = |(key, version): &(&(String, String), &String)| {
        let is_exception = EXCEPTIONS.iter().any(|(name, _)| *name == key.0);
        !is_exception && own.get(*key).is_some_and(|own| own != *version)
    };
    let different: Vec<String> = delta
        .iter()
        .filter(differs)
        .map(|((name, _), version)| format!("{name} {version}"))
        .collect();
    assert!(
        different.is_empty(),
        "CONTRIBUTING.md says how delta/Cargo.lock gets the versions of Cargo.lock; it has {}",
        different.join(", ")
    );
}

#[test]
fn versions_that_replace_each_other_are_compared() {
    let lock = "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"a\"\nversion = \"0.3.1\"\n";
    let key = |range: &str| ("a".to_string(), range.to_string());
    let found = versions(lock);
    assert_eq!(found[&key("1")], "1.2.3");
    assert_eq!(found[&key("0.3")], "0.3.1");
}
