//! The pages of the documentation, and their blocks of code.

use std::fs;
use std::path::{Path, PathBuf};

/// Pages outside `docs/` whose examples and links are tested too.
const OTHER_PAGES: [&str; 1] = ["README.md"];

/// Words after the language of a block, and the languages that have them.
const WORDS: &[(&str, &str)] = &[
    // Not run: the tests have no network, no GPU and nobody at a terminal.
    ("sql", "network"),
    ("sql", "gpu"),
    ("sql", "terminal"),
    // Run by the tests of `delta/`, whose program reads tables of Delta Lake.
    ("sql", "delta"),
    // Output of the SQL before it.
    ("text", "output"),
    // Part of the dictionary that the page's SQL sees.
    ("yaml", "dictionary"),
];

/// A fenced block of code.
pub struct Block<'a> {
    pub language: &'a str,
    pub word: Option<&'a str>,
    /// Index of the line of the opening fence, from 0.
    pub start: usize,
    pub lines: Vec<&'a str>,
}

impl Block<'_> {
    pub fn is(&self, language: &str, word: Option<&str>) -> bool {
        self.language == language && self.word == word
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Paths of the pages, relative to the repository, sorted.
pub fn paths() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("docs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md"));
    let mut paths: Vec<PathBuf> = pages.map(|name| Path::new("docs").join(name)).collect();
    paths.sort();
    paths.extend(OTHER_PAGES.map(PathBuf::from));
    paths
}

pub fn read(page: &Path) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|e| panic!("{}: {e}", page.display()))
}

/// The fenced blocks of a page, which begin in the first column.
///
/// # Panics
/// If a block is not closed, or has an unknown word.
pub fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), is_open) {
            (Some(info), false) => {
                // `sql network` or `sql,network`.
                let mut words = info.split([' ', ',']).filter(|word| !word.is_empty());
                let language = words.next().unwrap_or_default();
                let word = words.next();
                let known = |word| WORDS.contains(&(language, word));
                assert!(
                    word.is_none_or(known) && words.next().is_none(),
                    "line {}: unknown words in '{line}'",
                    number + 1
                );
                blocks.push(Block {
                    language,
                    word,
                    start: number,
                    lines: Vec::new(),
                });
                is_open = true;
            }
            (Some(_), true) => is_open = false,
            (None, true) => blocks.last_mut().unwrap().lines.push(line),
            (None, false) => {}
        }
    }
    assert!(!is_open, "the last block is not closed");
    blocks
}

#[test]
fn blocks_are_found_with_their_lines() {
    let text =
        "a\n```sql\nSELECT 1;\n```\n```text output\n1\n```\n```\nplain\n```\n```sql,gpu\n```\n";
    let found = blocks(text);
    assert_eq!(found.len(), 4);
    assert!(found[0].is("sql", None) && found[0].start == 1);
    assert_eq!(found[0].lines, ["SELECT 1;"]);
    assert!(found[1].is("text", Some("output")) && found[2].is("", None));
    assert!(found[3].is("sql", Some("gpu")));
}

#[test]
#[should_panic(expected = "unknown words")]
fn a_misspelt_word_is_found() {
    blocks("```sql netwrok\n```\n");
}

/// Rust on the pages is part of a program that the tests run.
#[test]
fn rust_examples_are_lines_of_tested_programs() {
    let program = read(Path::new("udfs/examples/linking.rs"));
    let known: Vec<&str> = program.lines().map(str::trim).collect();
    for page in paths().iter().filter(|page| page.starts_with("docs")) {
        let text = read(page);
        let rust = blocks(&text)
            .into_iter()
            .filter(|block| block.language == "rust");
        for line in rust.flat_map(|block| block.lines) {
            assert!(known.contains(&line.trim()), "{}: {line}", page.display());
        }
    }
}
