//! Links between pages lead to files and headings that exist, and the book has every
//! page once.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::pages::{paths, read, root};

/// Pages with links to the documentation.
const WITH_LINKS: [&str; 4] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "python/README.md",
];

/// Lines of a page outside of blocks of code, without code within the lines.
fn prose(text: &str) -> Vec<String> {
    let mut in_block = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let parts = line.split('`').step_by(2);
            lines.push(parts.collect::<Vec<_>>().join("`"));
        }
    }
    lines
}

/// Targets of the links and pictures of a page.
fn targets(text: &str) -> Vec<String> {
    let text = prose(text).join("\n");
    let parts = text.split("](").skip(1);
    parts
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_string())
        .collect()
}

/// Anchors of the headings of a page, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_block = false;
    let mut anchors = BTreeSet::new();
    for line in text.lines() {
        in_block ^= line.starts_with("```");
        if let (false, Some(heading)) = (in_block, line.strip_prefix('#')) {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
                _ => None,
            });
            anchors.insert(kept.collect());
        }
    }
    anchors
}

/// `docs/../README.md` as `README.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn links_lead_to_files_and_headings() {
    let pages = paths().into_iter().chain(WITH_LINKS.map(PathBuf::from));
    let mut broken = Vec::new();
    let mut count = 0;
    for page in pages {
        for target in targets(&read(&page)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file.is_empty() {
                true => page.clone(),
                false => plain(&page.with_file_name("").join(file)),
            };
            let problem = if !root().join(&path).exists() {
                "no such file"
            } else if !anchor.is_empty() && !anchors(&read(&path)).contains(anchor) {
                "no such heading"
            } else if page.starts_with("docs") && !path.starts_with("docs") {
                "not part of the book"
            } else {
                continue;
            };
            broken.push(format!("{}: {target}: {problem}", page.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(count > 50, "{count}");
}

#[test]
fn the_book_has_every_page_once() {
    let summary = Path::new("docs/SUMMARY.md");
    let mut listed = targets(&read(summary));
    listed.sort();
    let pages = paths()
        .into_iter()
        .filter(|page| page.starts_with("docs") && page != summary);
    let names = pages.map(|page| page.file_name().unwrap().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(listed, names, "docs/SUMMARY.md lists the pages of docs/");
}

#[test]
fn links_in_code_do_not_count() {
    let text = "[a](b.md) `[c](d.md)`\n```\n[e](f.md)\n```\n![g](h.png)\n";
    assert_eq!(targets(text), ["b.md", "h.png"]);
    let headings = anchors("# The `a_b` of C's\n```\n# not\n```\n## Two words");
    let expected = ["the-a_b-of-cs", "two-words"].map(String::from);
    assert_eq!(headings, BTreeSet::from(expected));
}
