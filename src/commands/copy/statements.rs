//! Statements that carry out `\copy`.

use super::request::{CopyRequest, CopySource};
use super::row_format::RowFormat;
use crate::sources::format::compression_of;
use crate::sources::location::expand_home;
use crate::statement::copy_format::CopyFormat;

/// Table over the file that is read, for the time of the copy.
pub const INPUT_TABLE: &str = "\\copy";

/// Query of the rows that are copied.
pub fn select(source: &CopySource) -> String {
    match source {
        CopySource::Query(query) => query.clone(),
        CopySource::Table {
            name,
            columns: None,
        } => format!("SELECT * FROM {name}"),
        CopySource::Table {
            name,
            columns: Some(columns),
        } => format!("SELECT {} FROM {name}", columns.join(", ")),
    }
}

/// `COPY ... TO` the file.
pub fn copy_to(request: &CopyRequest, file: &str) -> String {
    // A table keeps the descriptions of its columns.
    let source = match &request.source {
        CopySource::Table {
            name,
            columns: None,
        } => name.clone(),
        other => format!("({})", select(other)),
    };
    // Also a name without an extension is that of a file.
    let single = ("single_file_output", (!file.ends_with('/')).to_string());
    let format = match &request.format {
        RowFormat::OfFile => String::new(),
        RowFormat::Named(name) => {
            let name = name.to_uppercase();
            format!(" STORED AS {name} {}", option_list(&[single]))
        }
        RowFormat::Csv(format) => {
            let mut options = csv_options(format);
            options.push(("null_value", format.null.clone()));
            options.push(single);
            format!(" STORED AS CSV {}", option_list(&options))
        }
    };
    format!("COPY {source} TO {}{format}", location(file))
}

/// `INSERT` of the columns of these names in a file.
pub fn insert_from_file(table: &str, columns: &[String], file: &str) -> String {
    let columns = columns.join(", ");
    let file = location(file);
    format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {file}")
}

/// `CREATE EXTERNAL TABLE` of a CSV file, whose columns are texts in the order of
/// `columns`.
pub fn input_table(columns: &[String], file: &str, format: &CopyFormat) -> String {
    let columns: Vec<String> = columns.iter().map(|it| format!("{it} VARCHAR")).collect();
    let mut options = csv_options(format);
    options.push(("newlines_in_values", "true".to_string()));
    if let Some(compression) = compression_of(file) {
        options.push(("compression", compression.to_string()));
    }
    format!(
        "CREATE EXTERNAL TABLE \"{INPUT_TABLE}\" ({}) STORED AS CSV LOCATION {} {}",
        columns.join(", "),
        location(file),
        option_list(&options)
    )
}

/// `INSERT` of the rows of that table.
pub fn insert(table: &str, columns: &[String], format: &CopyFormat) -> String {
    // The reader takes an empty field for NULL.
    let value = |column: &String| match format.null.is_empty() {
        true => column.clone(),
        false => format!("nullif(coalesce({column}, ''), {})", literal(&format.null)),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    format!(
        "INSERT INTO {table} ({}) SELECT {} FROM \"{INPUT_TABLE}\"",
        columns.join(", "),
        values.join(", ")
    )
}

fn csv_options(format: &CopyFormat) -> Vec<(&'static str, String)> {
    let text = |byte: u8| char::from(byte).to_string();
    let mut options = vec![
        ("has_header", format.header.to_string()),
        ("delimiter", text(format.delimiter)),
        ("quote", text(format.quote)),
    ];
    if format.escape != format.quote {
        options.push(("double_quote", "false".to_string()));
        options.push(("escape", text(format.escape)));
    }
    options
}

fn option_list(options: &[(&str, String)]) -> String {
    let options: Vec<String> = options
        .iter()
        .map(|(name, value)| format!("'format.{name}' {}", literal(value)))
        .collect();
    format!("OPTIONS ({})", options.join(", "))
}

fn location(file: &str) -> String {
    literal(&expand_home(file).to_string_lossy())
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(text: &str) -> String {
        let request = CopyRequest::parse(text).unwrap();
        copy_to(&request, "it's.csv")
    }

    #[test]
    fn copies_to_files_are_statements() {
        assert_eq!(statement("t to x.csv"), "COPY t TO 'it''s.csv'");
        assert_eq!(
            statement("t (a, b) to x (format parquet)"),
            "COPY (SELECT a, b FROM t) TO 'it''s.csv' STORED AS PARQUET \
             OPTIONS ('format.single_file_output' 'true')"
        );
        assert_eq!(
            statement("(SELECT 1) to x csv header null 'N'"),
            "COPY (SELECT 1) TO 'it''s.csv' STORED AS CSV OPTIONS ('format.has_header' 'true', \
             'format.delimiter' ',', 'format.quote' '\"', 'format.null_value' 'N', \
             'format.single_file_output' 'true')"
        );
    }

    #[test]
    fn rows_of_files_are_inserted() {
        let columns = ["\"a\"".to_string(), "\"b\"".to_string()];
        assert_eq!(
            insert_from_file("t", &columns, "x.parquet"),
            "INSERT INTO t (\"a\", \"b\") SELECT \"a\", \"b\" FROM 'x.parquet'"
        );
        let request = CopyRequest::parse("t from x.csv csv escape '\\' null '-'").unwrap();
        let RowFormat::Csv(format) = &request.format else {
            panic!("{request:?}");
        };
        let created = input_table(&columns, "x.csv.gz", format);
        for part in [
            "(\"a\" VARCHAR, \"b\" VARCHAR)",
            "'format.escape' '\\'",
            "'format.double_quote' 'false'",
            "'format.compression' 'gzip'",
        ] {
            assert!(created.contains(part), "{part}: {created}");
        }
        assert!(insert("t", &columns, format).contains("nullif(coalesce(\"a\", ''), '-')"));
    }
}
