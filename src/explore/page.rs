//! What the browser gets: the data of a page, and the page itself.

use std::collections::HashMap;

use serde::Serialize;

use super::token;
use crate::error::{Result, ShellError};

const INDEX: &str = include_str!("page/index.html");
pub const STYLE: &str = include_str!("page/style.css");

/// In the order in which they build on each other.
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

/// The places in `INDEX` that differ between a served page and a file.
const HEAD: &str = "<!--semql:head-->";
const END: &str = "<!--semql:end-->";
const SERVED: &str = "data-mode=\"served\"";

/// Names of a group that are kept apart; the rest count as one.
const MOST_NAMES: usize = 100;

/// The data of a page, a column at a time. A row is its place in the columns.
#[derive(Debug, Serialize)]
pub struct Page {
    pub source: String,
    pub summary: String,
    pub made: String,
    pub titles: Vec<String>,
    pub texts: Vec<String>,
    pub ids: Vec<Option<String>>,
    /// From 0 to 1, upwards.
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    pub groups: Vec<Group>,
    /// What the table calls its columns.
    pub columns: Names,
    /// Rows that a search by meaning gives.
    pub best: usize,
    /// Whether a search by meaning is possible, and why not.
    pub meaning: bool,
    pub why: Option<String>,
    pub examples: Vec<Example>,
    pub words: Words,
    /// In a file only; a server is asked.
    pub neighbours: Option<Neighbours>,
}

#[derive(Debug, Serialize)]
pub struct Names {
    pub id: Option<String>,
    pub title: Option<String>,
    pub text: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Example {
    pub title: String,
    pub sql: String,
}

/// A way to divide the rows.
#[derive(Debug, Serialize, PartialEq)]
pub struct Group {
    /// What one part is called.
    pub one: String,
    /// The names of the parts, the largest first; null for rows without one.
    pub names: Vec<Option<String>>,
    /// The part of each row.
    pub codes: Vec<u16>,
}

impl Group {
    pub fn of(one: &str, values: &[Option<String>]) -> Self {
        let mut counts: HashMap<Option<&str>, usize> = HashMap::new();
        for value in values {
            *counts.entry(value.as_deref()).or_default() += 1;
        }
        let mut names: Vec<(Option<&str>, usize)> = counts.into_iter().collect();
        // Rows without a name come last: that is no part like the others.
        names.sort_by(|(a, n), (b, m)| a.is_none().cmp(&b.is_none()).then(m.cmp(n)).then(a.cmp(b)));
        let many = names.len().saturating_sub(MOST_NAMES);
        let codes: HashMap<Option<&str>, u16> = names
            .iter()
            .enumerate()
            .map(|(code, (name, _))| (*name, code.min(MOST_NAMES) as u16))
            .collect();
        let codes = values
            .iter()
            .map(|value| codes[&value.as_deref()])
            .collect();
        names.truncate(MOST_NAMES);
        let mut names: Vec<Option<String>> = names
            .into_iter()
            .map(|(name, _)| name.map(str::to_string))
            .collect();
        if many > 0 {
            names.push(Some(format!("{many} others")));
        }
        Self {
            one: one.to_string(),
            names,
            codes,
        }
    }
}

/// Common words on a map of their own.
#[derive(Debug, Default, Serialize)]
pub struct Words {
    pub names: Vec<String>,
    pub counts: Vec<u64>,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
    /// Words used alike, by their places in `names`.
    pub near: Vec<Vec<u32>>,
}

/// The `k` nearest rows of each row, one after the other.
#[derive(Debug, Serialize)]
pub struct Neighbours {
    pub k: usize,
    pub rows: Vec<u32>,
    /// Thousandths of cosines.
    pub scores: Vec<i16>,
}

/// The page as a server gives it; its data comes separately.
pub fn served() -> String {
    INDEX
        .replace(HEAD, "<link rel=\"stylesheet\" href=\"/style.css\">")
        .replace(END, "<script src=\"/page.js\"></script>")
}

/// All scripts as one.
pub fn script() -> String {
    SCRIPTS.join("\n")
}

/// The page with everything in it, for a file. Its policy lets it ask nobody
/// for anything, and run no script but its own.
///
/// # Errors
/// If the system has no random numbers.
pub fn exported(page: &Page) -> Result<String> {
    let nonce = token::random()?;
    let head = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'nonce-{nonce}'; \
         style-src 'nonce-{nonce}'; img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>"
    );
    let end = format!(
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script nonce=\"{nonce}\">\n{}</script>",
        within_html(&json(page)?),
        script()
    );
    // The data goes in last, so that nothing in it is taken for one of these.
    Ok(INDEX
        .replace(SERVED, "data-mode=\"file\"")
        .replace(HEAD, &head)
        .replace(END, &end))
}

/// # Errors
/// None that data can cause.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| ShellError::query(format!("cannot write the page's data: {error}")))
}

/// JSON that no HTML parser takes for a tag, nor a script for a line's end.
fn within_html(json: &str) -> String {
    // These stand in strings only, where an escape means the same.
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// A text for the page: no characters that steer the display, and `most`
/// characters at most.
pub fn clean(text: &str, most: usize) -> String {
    let mut clean = String::new();
    let mut kept = 0;
    for c in text.chars() {
        let plain = match c {
            '\n' => '\n',
            '\t' => ' ',
            c if c.is_control() || steers(c) => continue,
            c => c,
        };
        if kept == most {
            clean.push('…');
            break;
        }
        clean.push(plain);
        kept += 1;
    }
    clean
}

/// Marks that turn the direction of the text around them. Text that is written
/// from right to left needs none.
fn steers(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Places from 0 to 1, in ten-thousandths. What is no number lies in the
/// middle.
pub fn spread(values: &[f64]) -> Vec<f32> {
    let known = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let place = |value: f64| {
        let share = (value - low) / (high - low);
        if share.is_finite() { share } else { 0.5 }
    };
    values
        .iter()
        .map(|v| ((place(*v) * 1e4).round() / 1e4) as f32)
        .collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn page(title: &str) -> Page {
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
            columns: Names {
                id: None,
                title: Some("title".into()),
                text: None,
            },
            best: 50,
            meaning: true,
            why: None,
            examples: Vec::new(),
            words: Words::default(),
            neighbours: None,
        }
    }

    #[test]
    fn an_exported_page_is_whole_and_hostile_data_stays_data() {
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
    fn scripts_do_not_end_the_element_they_stand_in() {
        assert!(!script().contains("</script"));
        assert!(!script().contains("innerHTML"));
        assert!(!STYLE.contains("</style"));
        assert!(served().contains("/page.js") && served().contains(SERVED));
    }

    #[test]
    fn texts_lose_what_steers_and_what_is_too_long() {
        assert_eq!(clean("a\u{202e}b\u{0}\u{1b}[1m\r\n\tc", 50), "ab[1m\n c");
        assert_eq!(clean("čaj na pití", 4), "čaj …");
        assert_eq!(clean("שלום", 4), "שלום");
    }

    #[test]
    fn groups_are_sorted_by_size_and_rows_without_one_come_last() {
        let values = ["b", "a", "", "", "", "a"];
        let values = values.map(|v| (!v.is_empty()).then(|| v.to_string()));
        let group = Group::of("Category", &values);
        assert_eq!(group.names, [Some("a".into()), Some("b".into()), None]);
        assert_eq!(group.codes, [1, 0, 2, 2, 2, 0]);
        let many: Vec<Option<String>> = (0..150).map(|i| Some(format!("{i:03}"))).collect();
        let group = Group::of("Category", &many);
        assert_eq!(group.names.len(), MOST_NAMES + 1);
        assert_eq!(group.names[MOST_NAMES].as_deref(), Some("50 others"));
        assert_eq!(
            (group.codes[99], group.codes[100], group.codes[149]),
            (99, 100, 100)
        );
    }

    #[test]
    fn places_fill_the_square() {
        assert_eq!(spread(&[-1.0, 1.0, 0.0, f64::NAN]), [0.0, 1.0, 0.5, 0.5]);
        assert_eq!(spread(&[3.0, 3.0]), [0.5, 0.5]);
        assert!(spread(&[]).is_empty());
    }
}
