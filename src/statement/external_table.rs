//! `CREATE EXTERNAL TABLE ... STORED AS ADBC` without LOCATION, which the engine's parser
//! requires.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Adds `LOCATION ''` to statements that create tables of databases without it.
pub fn with_locations(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut whole = Vec::with_capacity(tokens.len());
    let is_end = |token: &TokenWithSpan| token.token == Token::SemiColon;
    for statement in tokens.split_inclusive(is_end) {
        let format = needs_location(statement);
        for (at, token) in statement.iter().enumerate() {
            whole.push(token.clone());
            if format == Some(at) {
                // The span of the format, so that errors name its line.
                let added = [
                    Token::make_word("LOCATION", None),
                    Token::SingleQuotedString(String::new()),
                ];
                whole.extend(added.map(|added| TokenWithSpan::new(added, token.span)));
            }
        }
    }
    whole
}

/// Position of the word ADBC of a statement that needs a LOCATION.
fn needs_location(statement: &[TokenWithSpan]) -> Option<usize> {
    let words = statement.iter().enumerate();
    let words = words.filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)));
    let words: Vec<(usize, &str)> = words
        .map(|(at, token)| match &token.token {
            Token::Word(word) if word.quote_style.is_none() => (at, word.value.as_str()),
            _ => (at, ""),
        })
        .collect();
    let begins = |prefix: &[&str]| {
        words.len() > prefix.len()
            && words
                .iter()
                .zip(prefix)
                .all(|((_, word), wanted)| word.eq_ignore_ascii_case(wanted))
    };
    let creates = begins(&["CREATE", "EXTERNAL", "TABLE"])
        || begins(&["CREATE", "OR", "REPLACE", "EXTERNAL", "TABLE"]);
    if !creates
        || words
            .iter()
            .any(|(_, word)| word.eq_ignore_ascii_case("LOCATION"))
    {
        return None;
    }
    let format = words.windows(3).find(|words| {
        let wanted = ["STORED", "AS", "ADBC"];
        words
            .iter()
            .zip(wanted)
            .all(|((_, word), wanted)| word.eq_ignore_ascii_case(wanted))
    })?;
    Some(format[2].0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    fn rewritten(sql: &str) -> String {
        let tokens = Tokenizer::new(&GenericDialect {}, sql)
            .tokenize_with_location()
            .unwrap();
        let tokens = with_locations(tokens);
        tokens.iter().map(|token| token.token.to_string()).collect()
    }

    #[test]
    fn only_tables_of_databases_without_a_location_get_one() {
        assert_eq!(
            rewritten("SELECT 1; create external table t stored as adbc OPTIONS (uri 'x')"),
            "SELECT 1; create external table t stored as adbcLOCATION'' OPTIONS (uri 'x')"
        );
        for other in [
            "CREATE EXTERNAL TABLE t STORED AS ADBC LOCATION 'x'",
            "CREATE EXTERNAL TABLE t STORED AS CSV OPTIONS (a 'adbc')",
            "CREATE TABLE t AS SELECT 1 AS stored, 2 AS adbc",
            "SELECT 'CREATE EXTERNAL TABLE t STORED AS ADBC'",
        ] {
            assert_eq!(rewritten(other), other);
        }
    }
}
