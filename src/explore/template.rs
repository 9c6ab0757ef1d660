//! The queries that prepare a page, and what is put into them.

use crate::dictionary::sql::identifier;

pub const COUNT: &str = include_str!("queries/count.sql");
pub const ROWS: &str = include_str!("queries/rows.sql");
pub const MEANING: &str = include_str!("queries/meaning.sql");
pub const CLUSTERS: &str = include_str!("queries/clusters.sql");
pub const CLUSTER_NAMES: &str = include_str!("queries/cluster_names.sql");
pub const MAP_TSNE: &str = include_str!("queries/map_tsne.sql");
pub const MAP_PCA: &str = include_str!("queries/map_pca.sql");
pub const MAP_NONE: &str = include_str!("queries/map_none.sql");
pub const WORDS: &str = include_str!("queries/words.sql");
pub const WORDS_MAP: &str = include_str!("queries/words_map.sql");

/// A text that says nothing beyond so many characters, for a title and for a
/// description; the model reads less.
const LONGEST_TITLE: usize = 2_000;
const LONGEST_TEXT: usize = 8_000;

/// `query` with `{name}` replaced for each name. What is put in is not looked
/// at again.
pub fn filled<V: AsRef<str>>(query: &str, values: &[(&str, V)]) -> String {
    let mut sql = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(open) = rest.find('{') {
        sql.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let close = inside.find('}').unwrap_or(inside.len());
        let name = &inside[..close];
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => sql.push_str(value.as_ref()),
            None => sql.push_str(&rest[open..(open + close + 2).min(rest.len())]),
        }
        rest = inside.get(close + 1..).unwrap_or_default();
    }
    sql.push_str(rest);
    sql
}

/// A title as it is read: blank is NULL.
pub fn title(column: Option<&str>) -> String {
    trimmed(column, LONGEST_TITLE)
}

/// A description as it is read: blank is NULL.
pub fn text(column: Option<&str>) -> String {
    trimmed(column, LONGEST_TEXT)
}

fn trimmed(column: Option<&str>, longest: usize) -> String {
    match column {
        Some(_) => format!("nullif(left(btrim({}), {longest}), '')", as_text(column)),
        None => as_text(None),
    }
}

/// A column of any type as text; NULL where there is no such column.
pub fn as_text(column: Option<&str>) -> String {
    let value = column.map_or_else(|| "NULL".to_string(), identifier);
    format!("CAST({value} AS VARCHAR)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_in_and_not_read_again() {
        let values = [("a", "{b}"), ("b", "x")];
        assert_eq!(filled("{a} {b} {c} {", &values), "{b} x {c} {");
    }

    #[test]
    fn odd_names_stay_names() {
        assert_eq!(as_text(Some("a\"b")), "CAST(\"a\"\"b\" AS VARCHAR)");
        assert_eq!(title(None), "CAST(NULL AS VARCHAR)");
    }
}
