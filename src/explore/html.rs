//! The HTML of the page: served, or exported as one file.

use serde::Serialize;

use super::page::Page;
use super::token;
use crate::error::{Result, ShellError};

const INDEX: &str = include_str!("page/index.html");
pub const STYLE: &str = include_str!("page/style.css");

/// Scripts in the order of their dependencies.
const SCRIPTS: &[&str] = &[
    include_str!("page/state.js"),
    include_str!("page/palette.js"),
    include_str!("page/server.js"),
    include_str!("page/groups.js"),
    include_str!("page/view.js"),
    include_str!("page/map.js"),
    include_str!("page/words.js"),
    include_str!("page/details.js"),
    include_str!("page/search.js"),
    include_str!("page/table.js"),
    include_str!("page/chart.js"),
    include_str!("page/sql.js"),
    include_str!("page/main.js"),
];

/// Parts of `INDEX` that differ between a served page and a file.
const HEAD: &str = "<!--semql:head-->";
const END: &str = "<!--semql:end-->";
const SERVED: &str = "data-mode=\"served\"";

/// HTML of the served page, which loads its data separately.
pub fn served() -> String {
    INDEX
        .replace(HEAD, "<link rel=\"stylesheet\" href=\"/style.css\">")
        .replace(END, "<script src=\"/page.js\"></script>")
}

/// All scripts in one text.
pub fn script() -> String {
    SCRIPTS.join("\n")
}

/// Self-contained HTML of the page. Its policy forbids requests and other scripts.
///
/// # Errors
/// If the operating system returns no random bytes.
pub fn exported(page: &Page) -> Result<String> {
    let nonce = token::random_token()?;
    let head = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'nonce-{nonce}'; \
         style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>"
    );
    let end = format!(
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script nonce=\"{nonce}\">\n{}</script>",
        escape_for_html(&json(page)?),
        script()
    );
    // The data is inserted last, so that no marker in it is replaced.
    Ok(INDEX
        .replace(SERVED, "data-mode=\"file\"")
        .replace(HEAD, &head)
        .replace(END, &end))
}

/// Serializes data of the page.
///
/// # Errors
/// If serialization fails.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        ShellError::query(format!("cannot serialize the data of the page: {error}"))
    })
}

/// Escapes JSON for a script element: it then has no tags and no line separators.
fn escape_for_html(json: &str) -> String {
    // These characters occur in strings only, where an escape is equivalent.
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::super::page::{SourceColumnNames, WordMap};
    use super::*;

    fn page(title: &str) -> Page {
        Page {
            source: "t".into(),
            summary: String::new(),
            made: String::new(),
            titles: vec![title.into()],
            texts: vec![String::new()],
            ids: vec![None],
            x: vec![0.5],
            y: vec![0.5],
            groups: Vec::new(),
            columns: SourceColumnNames {
                id: None,
                title: Some("title".into()),
                text: None,
            },
            best: 50,
            meaning: true,
            why: None,
            examples: Vec::new(),
            words: WordMap::default(),
            neighbours: None,
        }
    }

    #[test]
    fn an_exported_page_is_self_contained_and_escapes_data() {
        let title = "</script><script>alert(1)</script><!--semql:end-->\u{2028}";
        let html = exported(&page(title)).unwrap();
        assert!(!html.contains("<script>alert"));
        assert!(!html.contains('\u{2028}'));
        assert!(!html.contains("<!--semql"));
        assert!(!html.contains("src=\"/") && !html.contains("href=\"/"));
        let start = html.find("id=\"data\">").unwrap() + "id=\"data\">".len();
        let end = start + html[start..].find("</script>").unwrap();
        let data: serde_json::Value = serde_json::from_str(&html[start..end]).unwrap();
        assert_eq!(data["titles"][0], title);
    }

    #[test]
    fn scripts_and_styles_do_not_close_their_elements() {
        assert!(!script().contains("</script"));
        assert!(!script().contains("innerHTML"));
        assert!(!STYLE.contains("</style"));
        assert!(served().contains("/page.js") && served().contains(SERVED));
    }
}
