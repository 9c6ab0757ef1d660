//! The functions of a session, with their documentation.

use std::collections::BTreeMap;

use datafusion::execution::SessionState;
use datafusion::logical_expr::Documentation;

/// Names of all functions.
pub fn function_names(state: &SessionState) -> Vec<String> {
    functions_of(state).into_keys().collect()
}

/// Function as `\df` and `\h` show it.
pub struct FunctionEntry {
    pub name: String,
    /// Example call, such as `lower(str)`.
    pub call: String,
    pub kind: &'static str,
    /// First sentence of its description.
    pub summary: String,
    pub documentation: Option<Documentation>,
}

impl FunctionEntry {
    fn new(name: &str, kind: &'static str, documentation: Option<&Documentation>) -> Self {
        // The documentation of an alias has the name of the function.
        let arguments = documentation.and_then(|it| {
            it.syntax_example
                .find('(')
                .map(|at| &it.syntax_example[at..])
        });
        Self {
            name: name.to_string(),
            call: format!("{name}{}", arguments.unwrap_or("(...)")),
            kind,
            summary: documentation
                .map(|it| summary(&it.description))
                .unwrap_or_default(),
            documentation: documentation.cloned(),
        }
    }
}

/// All functions by lower-case name, without operators.
pub fn functions_of(state: &SessionState) -> BTreeMap<String, FunctionEntry> {
    let mut all = BTreeMap::new();
    let mut add = |name: &str, kind, documentation: Option<&Documentation>| {
        if name.starts_with(|c: char| c.is_alphabetic()) {
            all.insert(
                name.to_lowercase(),
                FunctionEntry::new(name, kind, documentation),
            );
        }
    };
    for name in state.table_functions().keys() {
        add(name, "table", None);
    }
    for (name, udf) in state.window_functions() {
        add(name, "window", udf.documentation());
    }
    for (name, udf) in state.aggregate_functions() {
        add(name, "aggregate", udf.documentation());
    }
    for (name, udf) in state.scalar_functions() {
        add(name, "scalar", udf.documentation());
    }
    all
}

fn summary(description: &str) -> String {
    let one_line = description.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.find(". ") {
        Some(end) => one_line[..=end].to_string(),
        None => one_line,
    }
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn a_summary_is_the_first_sentence_on_one_line() {
        assert_eq!(summary("Does\n  this. Then that."), "Does this.");
        assert_eq!(summary("Does v1.2"), "Does v1.2");
    }
}
