//! Names of types: those of `pg_type`, and those that SQL writes.

/// Names in `pg_type`, and the names that Postgres displays.
const DISPLAY_NAMES: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("bpchar", "character"),
    ("char", "\"char\""),
    ("float4", "real"),
    ("float8", "double precision"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("time", "time without time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("timetz", "time with time zone"),
    ("varbit", "bit varying"),
    ("varchar", "character varying"),
];

/// Further names that SQL accepts.
const SYNONYMS: &[(&str, &str)] = &[
    ("char", "bpchar"),
    ("dec", "numeric"),
    ("decimal", "numeric"),
    ("double", "float8"),
    ("float", "float8"),
    ("int", "int4"),
    ("string", "text"),
];

/// The name that Postgres displays: `integer` for `int4`, `text[]` for `_text`.
pub fn display_name(name: &str) -> String {
    if let Some(element) = name.strip_prefix('_') {
        return format!("{}[]", display_name(element));
    }
    let mut names = DISPLAY_NAMES.iter();
    let known = names.find(|(catalog, _)| *catalog == name);
    known.map_or(name, |(_, display)| *display).to_string()
}

/// The name in `pg_type` of a type as SQL writes it, without its modifiers.
pub fn catalog_name(written: &str) -> String {
    let written = written.trim();
    if let Some(element) = written.strip_suffix("[]") {
        return format!("_{}", catalog_name(element));
    }
    if written == "\"char\"" {
        return "char".to_string();
    }
    let (before, after) = match written.split_once('(') {
        Some((before, modifiers)) => {
            let after = modifiers.split_once(')').map_or("", |(_, after)| after);
            (before, after)
        }
        None => (written, ""),
    };
    let words: Vec<String> = before
        .split_whitespace()
        .chain(after.split_whitespace())
        .map(str::to_lowercase)
        .collect();
    let name = words.join(" ");
    let name = name.trim_matches('"');
    let displayed = DISPLAY_NAMES
        .iter()
        .find(|(_, display)| *display == name)
        .map(|(catalog, _)| *catalog);
    let synonym = SYNONYMS
        .iter()
        .find(|(synonym, _)| *synonym == name)
        .map(|(_, catalog)| *catalog);
    displayed.or(synonym).unwrap_or(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_two_names() {
        for (catalog, display) in [
            ("int4", "integer"),
            ("_text", "text[]"),
            ("_int8", "bigint[]"),
            ("timestamptz", "timestamp with time zone"),
            ("varchar", "character varying"),
            ("uuid", "uuid"),
        ] {
            assert_eq!(display_name(catalog), display);
            assert_eq!(catalog_name(display), catalog);
        }
        assert_eq!(catalog_name("VARCHAR(20)"), "varchar");
        assert_eq!(catalog_name("timestamp(3) with time zone"), "timestamptz");
        assert_eq!(catalog_name("decimal(10, 2)[]"), "_numeric");
        assert_eq!(catalog_name("int"), "int4");
    }
}
