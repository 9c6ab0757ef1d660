//! `CREATE [OR REPLACE] MODEL name FROM (query) PREDICT label, ... [OPTIONS (key value, ...)]`.

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use semql_learning::text_classifier::{FeatureSet, Method, TrainingOptions};

/// Parsed `CREATE MODEL` statement.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateModel {
    pub name: String,
    pub replace: bool,
    /// Query of the texts and labels.
    pub query: Box<Query>,
    /// Label columns, the coarsest first.
    pub labels: Vec<String>,
    pub options: TrainingOptions,
}

/// The value called `value` of the option `key`.
fn one_of<T: Copy>(key: &str, value: &str, all: &[(&'static str, T)]) -> Parsed<T> {
    let found = all.iter().find(|(name, _)| *name == value);
    found.map(|(_, one)| *one).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|(name, _)| format!("'{name}'")).collect();
        format!(
            "{key} is '{value}', but must be one of {}",
            names.join(", ")
        )
    })
}

/// Result of parsing an option; the error is the message.
type Parsed<T> = Result<T, String>;

/// Option in `OPTIONS (...)`.
struct OptionSpec {
    key: &'static str,
    set: fn(&mut TrainingOptions, &str) -> Parsed<()>,
}

const OPTION_SPECS: &[OptionSpec] = &[
    OptionSpec {
        key: "cost",
        set: |options, value| {
            let cost = value
                .parse()
                .ok()
                .filter(|cost: &f32| *cost > 0.0 && cost.is_finite());
            options.cost =
                Some(cost.ok_or(format!("cost is '{value}', but must be a number above 0"))?);
            Ok(())
        },
    },
    OptionSpec {
        key: "class_weight",
        set: |options, value| {
            options.balanced = one_of(
                "class_weight",
                value,
                &[("none", false), ("balanced", true)],
            )?;
            Ok(())
        },
    },
    OptionSpec {
        key: "features",
        set: |options, value| {
            options.features = Some(one_of("features", value, &FeatureSet::ALL)?);
            Ok(())
        },
    },
    OptionSpec {
        key: "method",
        set: |options, value| {
            options.method = one_of("method", value, &Method::ALL)?;
            Ok(())
        },
    },
];

impl CreateModel {
    /// Parses the statement from `CREATE` up to, and without, `;`.
    ///
    /// # Errors
    /// Invalid syntax; an unknown option or an invalid value.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        let usage = |error| match error {
            ParserError::ParserError(why) => ParserError::ParserError(format!(
                "{why}; the syntax is CREATE [OR REPLACE] MODEL name FROM (query) PREDICT label [, label ...] \
                 [OPTIONS (key value, ...)]"
            )),
            other => other,
        };
        let mut create = Self::head(parser).map_err(usage)?;
        if parser.parse_keyword(Keyword::OPTIONS) {
            for (key, value) in options(parser).map_err(usage)? {
                create
                    .set_option(&key, &value)
                    .map_err(ParserError::ParserError)?;
            }
        }
        Ok(create)
    }

    fn set_option(&mut self, key: &str, value: &str) -> Parsed<()> {
        let Some(spec) = OPTION_SPECS.iter().find(|spec| spec.key == key) else {
            let keys: Vec<&str> = OPTION_SPECS.iter().map(|spec| spec.key).collect();
            return Err(format!(
                "unknown option '{key}'; the options are {}",
                keys.join(", ")
            ));
        };
        (spec.set)(&mut self.options, value)
    }

    fn head(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::CREATE)?;
        let replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
        expect_word(parser, "MODEL")?;
        let name = identifier(parser)?;
        parser.expect_keyword(Keyword::FROM)?;
        parser.expect_token(&Token::LParen)?;
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        expect_word(parser, "PREDICT")?;
        let labels = parser.parse_comma_separated(identifier)?;
        Ok(Self {
            name,
            replace,
            query,
            labels,
            options: TrainingOptions::default(),
        })
    }
}

fn expect_word(parser: &mut Parser<'_>, expected: &str) -> Result<(), ParserError> {
    let found = parser.next_token();
    match &found.token {
        Token::Word(word) if word.value.eq_ignore_ascii_case(expected) => Ok(()),
        other => Err(ParserError::ParserError(format!(
            "expected {expected}, found '{other}'"
        ))),
    }
}

/// Identifier, in lower case unless it is quoted.
fn identifier(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let name = parser.parse_identifier()?;
    Ok(match name.quote_style {
        None => name.value.to_lowercase(),
        Some(_) => name.value,
    })
}

fn options(parser: &mut Parser<'_>) -> Result<Vec<(String, String)>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let options = parser.parse_comma_separated(|parser| {
        let key = parser.parse_identifier()?.value.to_lowercase();
        let _ = parser.consume_token(&Token::Eq);
        let value = match parser.next_token().token {
            Token::SingleQuotedString(value) | Token::Number(value, _) => value,
            Token::Word(word) => word.value.to_lowercase(),
            other => {
                return Err(ParserError::ParserError(format!(
                    "the value of {key} is '{other}', but must be a text or a number"
                )));
            }
        };
        Ok((key, value))
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    fn parse(sql: &str) -> Parsed<CreateModel> {
        let mut parser = Parser::new(&GenericDialect {})
            .try_with_sql(sql)
            .map_err(|error| error.to_string())?;
        CreateModel::parse(&mut parser).map_err(|error| error.to_string())
    }

    #[test]
    fn all_clauses_are_parsed() {
        let create = parse(
            "create or replace model GPC from (SELECT \"Name\", t.x AS lvl1, 'a;b' FROM t WHERE y > (1)) \
             predict lvl1, \"Lvl2\" options (cost 2.5, class_weight 'balanced', features 'embeddings', method 'adapter');",
        )
        .unwrap();
        assert_eq!((create.name.as_str(), create.replace), ("gpc", true));
        assert_eq!(
            create.query.to_string(),
            "SELECT \"Name\", t.x AS lvl1, 'a;b' FROM t WHERE y > (1)"
        );
        assert_eq!(create.labels, ["lvl1", "Lvl2"]);
        assert_eq!(
            create.options,
            TrainingOptions {
                cost: Some(2.5),
                balanced: true,
                features: Some(FeatureSet::Embeddings),
                method: Method::Adapter,
            }
        );
    }

    #[test]
    fn errors_name_the_cause() {
        for (sql, expected) in [
            (
                "CREATE MODEL FROM (SELECT 1) PREDICT y",
                "the syntax is CREATE",
            ),
            ("CREATE MODEL m FROM (SELECT 1)", "expected PREDICT"),
            (
                "CREATE MODEL m FROM (SELEC 1) PREDICT y",
                "the syntax is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (speed 9)",
                "the options are cost, class_weight, features, method",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (features 'tokens')",
                "must be one of 'ngrams', 'token_vectors', 'embeddings'",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (cost -1)",
                "the syntax is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (cost 0)",
                "must be a number above 0",
            ),
        ] {
            let message = parse(sql).unwrap_err();
            assert!(message.contains(expected), "{sql}: {message}");
        }
    }
}
