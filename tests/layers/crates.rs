//! Which crates of the workspace may depend on which.

use std::path::Path;

use super::tokens::tokenize;

/// What a crate may depend on.
pub struct CrateRule {
    /// Folder of the crate; empty for the repository's root.
    pub folder: &'static str,
    pub package: &'static str,
    /// Packages of the workspace that it may depend on.
    pub may_use: &'static [&'static str],
    /// Other packages that neither its manifest nor its sources may name, and
    /// those whose names start with one of these and a hyphen.
    pub must_not_use: &'static [&'static str],
}

/// All crates of the workspace, lower layers first.
pub const CRATES: &[CrateRule] = &[
    CrateRule {
        folder: "kernels",
        package: "semql-kernels",
        may_use: &[],
        must_not_use: &["arrow", "datafusion", "ort", "sqlparser"],
    },
    CrateRule {
        folder: "inference",
        package: "semql-inference",
        may_use: &["semql-kernels"],
        must_not_use: &["arrow", "datafusion", "sqlparser"],
    },
    CrateRule {
        folder: "learning",
        package: "semql-learning",
        may_use: &["semql-inference"],
        must_not_use: &["arrow", "datafusion", "sqlparser", "ort"],
    },
    CrateRule {
        folder: "language_models",
        package: "semql-language-models",
        may_use: &["semql-inference"],
        must_not_use: &["arrow", "datafusion", "sqlparser", "ort"],
    },
    CrateRule {
        folder: "charts",
        package: "semql-charts",
        may_use: &[],
        must_not_use: &["datafusion", "sqlparser"],
    },
    CrateRule {
        folder: "databases",
        package: "semql-databases",
        may_use: &[],
        must_not_use: &[],
    },
    CrateRule {
        folder: "udfs",
        package: "semql-udfs",
        may_use: &["semql-inference", "semql-language-models", "semql-learning"],
        must_not_use: &[],
    },
    CrateRule {
        folder: "",
        package: "semql",
        may_use: &["semql-charts", "semql-databases", "semql-udfs"],
        must_not_use: &[],
    },
    CrateRule {
        folder: "cluster",
        package: "semql-cluster",
        may_use: &["semql", "semql-udfs"],
        must_not_use: &[],
    },
    CrateRule {
        folder: "delta",
        package: "semql-delta",
        may_use: &["semql"],
        must_not_use: &[],
    },
    CrateRule {
        folder: "python",
        package: "semql-python",
        may_use: &["semql", "semql-udfs"],
        must_not_use: &[],
    },
];

impl CrateRule {
    fn allows(&self, package: &str) -> bool {
        let is_forbidden = self.must_not_use.iter().any(|forbidden| {
            let rest = package.strip_prefix(forbidden);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        let is_own = CRATES.iter().any(|known| known.package == package);
        !is_forbidden && (!is_own || self.may_use.contains(&package))
    }

    /// Dependencies in a manifest that the rule forbids.
    pub fn violations(&self, manifest: &str) -> Vec<String> {
        let packages = dependencies(manifest).into_iter();
        packages
            .filter(|package| !self.allows(package))
            .map(|package| format!("{} must not depend on {package}", self.package))
            .collect()
    }

    /// Paths into forbidden crates in a source file.
    pub fn paths_in(&self, file: &Path, source: &str) -> Vec<String> {
        let tokens = tokenize(source);
        let pairs = tokens.iter().zip(tokens.iter().skip(1));
        pairs
            .filter(|(token, next)| {
                let package = token.text.replace('_', "-");
                next.text == "::" && package != self.package && !self.allows(&package)
            })
            .map(|(token, _)| format!("{}:{} names {}", file.display(), token.line, token.text))
            .collect()
    }
}

/// Packages that a manifest names as dependencies, other than those of its tests.
pub fn dependencies(manifest: &str) -> Vec<String> {
    let mut packages = Vec::new();
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            if let Some((section, rest)) = header.split_once(']')
                && rest.is_empty()
                && let Some((_, name)) = section.split_once("dependencies.")
                && !section.contains("dev-dependencies")
                && !section.starts_with("workspace")
            {
                packages.push(name.to_string());
            }
            section = header.trim_end_matches(']');
            continue;
        }
        let is_list = section.ends_with("dependencies")
            && !section.ends_with("dev-dependencies")
            && !section.starts_with("workspace");
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if !is_list || line.starts_with('#') {
            continue;
        }
        let renamed = value.split_once("package = \"");
        let package = match renamed.and_then(|(_, rest)| rest.split_once('"')) {
            Some((package, _)) => package,
            None => key.trim().split('.').next().unwrap_or_default(),
        };
        packages.push(package.to_string());
    }
    packages
}

/// Folders of the workspace's members in the manifest of its root.
pub fn members(manifest: &str) -> Vec<String> {
    let list = manifest.split_once("members = [").and_then(|(_, rest)| {
        let (list, _) = rest.split_once(']')?;
        Some(list)
    });
    let names = list.unwrap_or_default().split(',');
    names
        .map(|name| name.trim().trim_matches('"').to_string())
        .filter(|name| !name.is_empty())
        .collect()
}
