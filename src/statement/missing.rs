//! "Did you mean" where the engine leaves it out: tables, files, table
//! functions and the first word of a statement.

use datafusion::common::TableReference;

use crate::error::ShellError;
use crate::session::Session;
use crate::suggest::{closest, hint};

/// Words that begin a statement.
const BEGINNINGS: &[&str] = &[
    "SELECT",
    "WITH",
    "VALUES",
    "SUMMARIZE",
    "DESCRIBE",
    "SHOW",
    "SET",
    "RESET",
    "COPY",
    "CREATE",
    "DROP",
    "INSERT",
    "DELETE",
    "UPDATE",
    "EXPLAIN",
    "PREPARE",
    "EXECUTE",
];

/// Adds the nearest name to the error of something that is not there.
pub fn help(session: &Session, mut error: ShellError) -> ShellError {
    if let Some(word) = between(&error.message, "Expected: an SQL statement, found: ", "") {
        let near = closest(word, BEGINNINGS.iter().copied());
        error.message = match near {
            Some(near) => format!("'{word}' begins no statement; did you mean {near}?"),
            None => format!("'{word}' begins no statement; \\h lists what does"),
        };
        return error;
    }
    if let Some(name) = between(&error.message, "table function '", "' not found") {
        let state = session.ctx.state();
        let near = hint(name, state.table_functions().keys().map(String::as_str));
        error.message = format!("there is no table function '{name}'{near}");
        return error;
    }
    let Some(name) = missing_table(&error.message) else {
        return error;
    };
    if name == "_" {
        error.message = "there is no table _ now: it is the result of the last query, \
                         and there was none, or it was too large to keep"
            .to_string();
        return error;
    }
    error.message = match nearest(session, &name) {
        Some(near) => format!("there is no table or file '{name}'; did you mean '{near}'?"),
        None => format!("there is no table or file '{name}'; \\dt lists the tables"),
    };
    error
}

/// The name in the engine's "table 'a.b.c' not found", without the defaults.
fn missing_table(message: &str) -> Option<String> {
    let full = between(message, "table '", "' not found")?;
    let short = full.strip_prefix("datafusion.public.").unwrap_or(full);
    Some(short.to_string())
}

/// What stands in `message` between two texts.
fn between<'a>(message: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(before)?;
    if after.is_empty() {
        return Some(rest);
    }
    rest.split_once(after).map(|(inner, _)| inner)
}

fn nearest(session: &Session, name: &str) -> Option<String> {
    let like_a_file = name.contains('/') || std::path::Path::new(name).extension().is_some();
    if let Some(file) = nearest_file(name).filter(|_| like_a_file) {
        return Some(file);
    }
    let tables = tables(session);
    closest(name, tables.iter().map(String::as_str)).map(str::to_string)
}

/// The names of all tables of the default schema.
pub fn tables(session: &Session) -> Vec<String> {
    let state = session.ctx.state();
    let catalogue = &state.config_options().catalog;
    let anything = TableReference::full(
        catalogue.default_catalog.as_str(),
        catalogue.default_schema.as_str(),
        "_",
    );
    state
        .schema_for_ref(anything)
        .map(|schema| schema.table_names())
        .unwrap_or_default()
}

/// The file in the same folder whose name is nearest.
fn nearest_file(name: &str) -> Option<String> {
    let path = std::path::Path::new(name);
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let wanted = path.file_name()?.to_str()?;
    let names: Vec<String> = std::fs::read_dir(folder.unwrap_or(std::path::Path::new(".")))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let near = closest(wanted, names.iter().map(String::as_str))?;
    Some(match folder {
        Some(folder) => folder.join(near).display().to_string(),
        None => near.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::missing_table;

    #[test]
    fn the_missing_table_is_found_in_the_engines_words() {
        let message = "table 'datafusion.public.prodcuts' not found";
        assert_eq!(missing_table(message).as_deref(), Some("prodcuts"));
        assert_eq!(
            missing_table("table 'a.b.c' not found").as_deref(),
            Some("a.b.c")
        );
        assert_eq!(missing_table("column 'x' not found"), None);
    }
}
