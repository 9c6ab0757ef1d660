//! `CREATE [OR REPLACE] MODEL name FROM (query) PREDICT label, ... [OPTIONS (key value, ...)]`.

use serde::{Deserialize, Serialize};

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// What the statement says.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateModel {
    pub name: String,
    pub replace: bool,
    /// The query that gives texts and labels.
    pub query: Box<Query>,
    /// The label columns, the coarsest first.
    pub labels: Vec<String>,
    pub options: Options,
}

/// How to train.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What a row on the wrong side costs; chosen by cross-validation if not
    /// given.
    pub cost: Option<f32>,
    /// Whether rare labels count as much as frequent ones.
    pub balanced: bool,
    /// What is seen of a row beside its words; chosen by the number of rows if
    /// not given.
    pub features: Option<Features>,
    pub method: Method,
}

/// What a classifier sees of a row. Words and runs of letters it always sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Features {
    #[default]
    Ngrams,
    /// And the mean of the vectors that the encoder has for its vocabulary.
    TokenVectors,
    /// And the encoder's vector of the text.
    Embeddings,
}

impl Features {
    pub const ALL: [(&'static str, Self); 3] = [
        ("ngrams", Self::Ngrams),
        ("token_vectors", Self::TokenVectors),
        ("embeddings", Self::Embeddings),
    ];

    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, features)| *features == self);
        named.map_or("", |(name, _)| name)
    }
}

/// How the vectors of rows become features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    #[default]
    Linear,
    /// Through a map of the vector space that brings rows of one label
    /// together, where cross-validation says that it helps.
    Adapter,
}

impl Method {
    const ALL: [(&'static str, Self); 2] = [("linear", Self::Linear), ("adapter", Self::Adapter)];
}

fn one_of<T: Copy>(key: &str, value: &str, all: &[(&'static str, T)]) -> Parsed<T> {
    let found = all.iter().find(|(name, _)| *name == value);
    found.map(|(_, one)| *one).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|(name, _)| format!("'{name}'")).collect();
        format!("{key} is '{value}', and none of {}", names.join(", "))
    })
}

type Parsed<T> = Result<T, String>;

struct Choice {
    key: &'static str,
    set: fn(&mut Options, &str) -> Parsed<()>,
}

const CHOICES: &[Choice] = &[
    Choice {
        key: "cost",
        set: |options, value| {
            let cost = value
                .parse()
                .ok()
                .filter(|cost: &f32| *cost > 0.0 && cost.is_finite());
            options.cost = Some(cost.ok_or(format!("cost is '{value}', and no number above 0"))?);
            Ok(())
        },
    },
    Choice {
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
    Choice {
        key: "features",
        set: |options, value| {
            options.features = Some(one_of("features", value, &Features::ALL)?);
            Ok(())
        },
    },
    Choice {
        key: "method",
        set: |options, value| {
            options.method = one_of("method", value, &Method::ALL)?;
            Ok(())
        },
    },
];

impl CreateModel {
    /// Reads the statement from a parser that stands before its `CREATE`, up to
    /// and without its `;`.
    ///
    /// # Errors
    /// Syntax; an option that does not exist or cannot have its value.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        let usage = |error| match error {
            ParserError::ParserError(why) => ParserError::ParserError(format!(
                "{why}; the statement is CREATE [OR REPLACE] MODEL name FROM (query) PREDICT label [, label ...] \
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
        let Some(choice) = CHOICES.iter().find(|choice| choice.key == key) else {
            let keys: Vec<&str> = CHOICES.iter().map(|choice| choice.key).collect();
            return Err(format!(
                "there is no option '{key}'; there are {}",
                keys.join(", ")
            ));
        };
        (choice.set)(&mut self.options, value)
    }

    fn head(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        parser.expect_keyword(Keyword::CREATE)?;
        let replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
        word(parser, "MODEL")?;
        let name = name(parser)?;
        parser.expect_keyword(Keyword::FROM)?;
        parser.expect_token(&Token::LParen)?;
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        word(parser, "PREDICT")?;
        let labels = parser.parse_comma_separated(name_of_column)?;
        Ok(Self {
            name,
            replace,
            query,
            labels,
            options: Options::default(),
        })
    }
}

fn word(parser: &mut Parser<'_>, wanted: &str) -> Result<(), ParserError> {
    let found = parser.next_token();
    match &found.token {
        Token::Word(word) if word.value.eq_ignore_ascii_case(wanted) => Ok(()),
        other => Err(ParserError::ParserError(format!(
            "{wanted} is expected, and there is '{other}'"
        ))),
    }
}

fn name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    name_of_column(parser)
}

/// As SQL has it: in lower case unless it is quoted.
fn name_of_column(parser: &mut Parser<'_>) -> Result<String, ParserError> {
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
                    "the value of {key} is '{other}', and neither text nor number"
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
    fn the_whole_statement_is_read() {
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
            Options {
                cost: Some(2.5),
                balanced: true,
                features: Some(Features::Embeddings),
                method: Method::Adapter,
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (sql, says) in [
            (
                "CREATE MODEL FROM (SELECT 1) PREDICT y",
                "the statement is CREATE",
            ),
            ("CREATE MODEL m FROM (SELECT 1)", "PREDICT is expected"),
            (
                "CREATE MODEL m FROM (SELEC 1) PREDICT y",
                "the statement is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (speed 9)",
                "there are cost, class_weight, features, method",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (features 'tokens')",
                "none of 'ngrams', 'token_vectors', 'embeddings'",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (cost -1)",
                "the statement is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (cost 0)",
                "no number above 0",
            ),
        ] {
            let message = parse(sql).unwrap_err();
            assert!(message.contains(says), "{sql}: {message}");
        }
    }
}
