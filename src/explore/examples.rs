//! The example statements of the SQL box.

use super::columns::PageColumns;
use super::page::{ExampleStatement, Grouping};
use super::query::ROWS;
use crate::dictionary::sql::identifier;

/// Returns the examples for a page of `source`.
pub fn examples(source: &str, columns: &PageColumns, groups: &[Grouping]) -> Vec<ExampleStatement> {
    let mut examples = vec![
        (
            "Products by category",
            format!(
                "SELECT category, count(*) AS amount_of_products\nFROM {ROWS}\nGROUP BY category\nORDER BY amount_of_products DESC"
            ),
        ),
        (
            "Clusters and their categories",
            format!(
                "SELECT \"cluster\", category, count(*) AS products\nFROM {ROWS}\nGROUP BY \"cluster\", category\nORDER BY \"cluster\", products DESC"
            ),
        ),
        (
            "A profile of the whole table",
            format!("SUMMARIZE {}", identifier(source)),
        ),
        (
            "The first rows of the table",
            format!("SELECT *\nFROM {}\nLIMIT 20", identifier(source)),
        ),
    ];
    if columns.vector.is_none() {
        let nearest = format!(
            "SELECT title, category, 1 - cosine_distance(vector, embed('a gift for a runner')) AS similarity\n\
             FROM {ROWS}\nORDER BY similarity DESC\nLIMIT 20"
        );
        examples.insert(1, ("Nearest in meaning to a text", nearest));
    }
    let attribute = groups.iter().find_map(|group| group.attribute.as_deref());
    if let Some(attribute) = attribute {
        let column = identifier(attribute);
        let counts = format!(
            "SELECT {column}, count(*) AS products\nFROM {ROWS}\nWHERE {column} IS NOT NULL\n\
             GROUP BY {column}\nORDER BY products DESC, {column}\nLIMIT 20"
        );
        examples.insert(1, ("Most frequent values of an attribute", counts));
    }
    let example = |(title, sql): (&str, String)| ExampleStatement {
        title: title.to_string(),
        sql,
    };
    examples.into_iter().map(example).collect()
}
