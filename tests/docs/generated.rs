//! Text of the documentation that comes from the program: compared with it, or
//! written where `SEMQL_WRITE_REFERENCE` is set (`make reference`).

use std::fs;
use std::path::Path;

use super::pages::root;

const BEGIN: &str = "<!-- begin: written by `make reference` -->\n";
const END: &str = "<!-- end -->";

/// Whether the run writes the documentation.
pub fn is_writing() -> bool {
    std::env::var_os("SEMQL_WRITE_REFERENCE").is_some()
}

/// Compares a file with `fresh`, or writes it.
///
/// # Panics
/// If the file has another content.
pub fn check_file(path: &Path, fresh: &str) {
    let file = root().join(path);
    if is_writing() {
        fs::write(&file, fresh).unwrap();
        return;
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let path = path.display();
    if let Some(difference) = first_difference(&kept, fresh) {
        panic!("{path} is out of date: run `make reference`\n{difference}");
    }
}

/// Compares the part of a page between its marks with `fresh`, or writes it.
///
/// # Panics
/// If the part has another content.
pub fn check_part(page: &Path, fresh: &str) {
    let text = super::pages::read(page);
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(END)?;
        Some((before, after))
    });
    let (before, after) = parts.unwrap_or_else(|| panic!("no marks in {}", page.display()));
    check_file(page, &format!("{before}{BEGIN}{fresh}{END}{after}"));
}

/// The first line that differs, in both texts.
fn first_difference(kept: &str, fresh: &str) -> Option<String> {
    if kept == fresh {
        return None;
    }
    let mut fresh_lines = fresh.lines();
    for (number, kept) in kept.lines().enumerate() {
        let fresh = fresh_lines.next().unwrap_or("the end of the text");
        if kept != fresh {
            return Some(format!(
                "line {} is\n  {kept}\nand should be\n  {fresh}",
                number + 1
            ));
        }
    }
    Some(format!("more at the end: {:?}", fresh_lines.next()))
}

#[test]
fn the_first_difference_is_shown() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    let shown = first_difference("a\nb\n", "a\nc\n").unwrap();
    assert!(
        shown.contains("line 2 is\n  b\nand should be\n  c"),
        "{shown}"
    );
    assert!(first_difference("a\n", "a\nb\n").is_some());
}
