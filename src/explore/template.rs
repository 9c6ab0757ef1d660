//! The SQL templates that prepare a page.

use crate::dictionary::sql::identifier;

pub const COUNT: &str = include_str!("queries/count.sql");
pub const ROWS: &str = include_str!("queries/rows.sql");
pub const EMBED: &str = include_str!("queries/embed.sql");
pub const CLUSTERS: &str = include_str!("queries/clusters.sql");
pub const CLUSTER_NAMES: &str = include_str!("queries/cluster_names.sql");
pub const MAP_TSNE: &str = include_str!("queries/map_tsne.sql");
pub const MAP_PCA: &str = include_str!("queries/map_pca.sql");
pub const MAP_NONE: &str = include_str!("queries/map_none.sql");
pub const WORDS: &str = include_str!("queries/words.sql");
pub const WORDS_MAP: &str = include_str!("queries/words_map.sql");

/// Characters of a title and of a description that are read. Models read fewer.
const MAX_TITLE_CHARS: usize = 2_000;
const MAX_TEXT_CHARS: usize = 8_000;

/// Characters of the value of an attribute.
const MAX_ATTRIBUTE_CHARS: usize = 200;

/// Replaces `{name}` in `query` by the value of each name. Values are not expanded.
pub fn filled<V: AsRef<str>>(query: &str, values: &[(&str, V)]) -> String {
    let mut sql = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(open) = rest.find('{') {
        sql.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let close = after.find('}').unwrap_or(after.len());
        let name = &after[..close];
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => sql.push_str(value.as_ref()),
            None => sql.push_str(&rest[open..(open + close + 2).min(rest.len())]),
        }
        rest = after.get(close + 1..).unwrap_or_default();
    }
    sql.push_str(rest);
    sql
}

/// SQL expression of a title; NULL if it is blank.
pub fn title(column: Option<&str>) -> String {
    trimmed(column, MAX_TITLE_CHARS)
}

/// SQL expression of a description; NULL if it is blank.
pub fn text(column: Option<&str>) -> String {
    trimmed(column, MAX_TEXT_CHARS)
}

/// SQL expression of the value of an attribute; NULL if it is blank.
pub fn attribute(sql: &str) -> String {
    non_blank(&format!("CAST({sql} AS VARCHAR)"), MAX_ATTRIBUTE_CHARS)
}

fn trimmed(column: Option<&str>, max_chars: usize) -> String {
    let text = as_text(column);
    match column {
        Some(_) => non_blank(&text, max_chars),
        None => text,
    }
}

fn non_blank(text: &str, max_chars: usize) -> String {
    format!("nullif(left(btrim({text}), {max_chars}), '')")
}

/// SQL expression of a column as text; NULL without a column.
pub fn as_text(column: Option<&str>) -> String {
    let value = column.map_or_else(|| "NULL".to_string(), identifier);
    format!("CAST({value} AS VARCHAR)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_inserted_and_not_expanded() {
        let values = [("a", "{b}"), ("b", "x")];
        assert_eq!(filled("{a} {b} {c} {", &values), "{b} x {c} {");
    }

    #[test]
    fn special_characters_in_names_are_quoted() {
        assert_eq!(as_text(Some("a\"b")), "CAST(\"a\"\"b\" AS VARCHAR)");
        assert_eq!(title(None), "CAST(NULL AS VARCHAR)");
    }
}
