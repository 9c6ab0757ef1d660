//! Circles in the graph of a crate's files.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::FileGraph;

/// Longest list of names that a report has for a pair of files.
const MAX_NAMES: usize = 6;

/// Groups of files that depend on each other, directly or through others of the
/// group.
pub fn circles(graph: &FileGraph) -> Vec<BTreeSet<String>> {
    let reachable: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|file| (file.as_str(), reachable_from(file, graph)))
        .collect();
    let mut circles = BTreeSet::new();
    for (file, targets) in &reachable {
        let group: BTreeSet<String> = targets
            .iter()
            .filter(|target| reachable[**target].contains(file))
            .map(|target| target.to_string())
            .collect();
        if group.len() > 1 {
            circles.insert(group);
        }
    }
    circles.into_iter().collect()
}

fn reachable_from<'a>(file: &str, graph: &'a FileGraph) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for target in graph[file].keys() {
            if found.insert(target.as_str()) {
                open.push(target);
            }
        }
    }
    found
}

/// The dependencies within a circle, with the names that tie it.
pub fn describe(circle: &BTreeSet<String>, graph: &FileGraph) -> String {
    let mut lines = vec![format!("a circle of {} files:", circle.len())];
    for file in circle {
        for (target, names) in graph[file].iter().filter(|(to, _)| circle.contains(*to)) {
            let line = names.iter().map(|(_, line)| line).min().unwrap();
            let distinct: BTreeSet<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
            let shown: Vec<&str> = distinct.iter().copied().take(MAX_NAMES).collect();
            let more = if distinct.len() > MAX_NAMES {
                ", ..."
            } else {
                ""
            };
            let shown = shown.join(", ");
            lines.push(format!("  {file}:{line} -> {target}: {shown}{more}"));
        }
    }
    lines.join("\n")
}
