//! `CREATE [OR REPLACE] MODEL name FROM (query) PREDICT label, ... [OPTIONS (key value, ...)]`
//! `... EXTRACT attribute, ... [USING model] [OPTIONS (key value, ...)]` and
//! `... MATCH [label]`.

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use semql_learning::text_classifier::TrainingOptions;

use super::extract_options::{EXTRACT_OPTIONS, ExtractOptions};
use super::option_list::{OptionSpec, parse_option_list, read_options};
use super::predict_options::PREDICT_OPTIONS;
use super::track_options::{TrackOptions, take_track_options};

/// Parsed `CREATE MODEL` statement.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateModel {
    pub name: String,
    pub replace: bool,
    /// Query of the texts and labels.
    pub query: Box<Query>,
    pub target: ModelTarget,
    /// Keys and values of the options, without those of tracking.
    pub options: Vec<(String, String)>,
    pub tracking: TrackOptions,
}

/// What a model learns.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelTarget {
    /// A classifier.
    Predict {
        /// Label columns, the coarsest first.
        labels: Vec<String>,
        options: TrainingOptions,
    },
    /// An extractor.
    Extract {
        /// Label columns; with a teacher, the names of the attributes.
        columns: Vec<String>,
        /// Language model that labels the rows.
        teacher: Option<String>,
        options: ExtractOptions,
    },
    /// A matcher of pairs.
    Match {
        /// Column that is true for pairs of one product.
        label: String,
    },
}

/// The part of a target before its options.
enum TargetClause {
    Predict(Vec<String>),
    Extract(Vec<String>, Option<String>),
    Match(String),
}

/// Options of `MATCH`.
const MATCH_OPTIONS: &[OptionSpec<()>] = &[];

/// Column with the labels of `MATCH`, if none is named.
const DEFAULT_MATCH_LABEL: &str = "match";

impl CreateModel {
    /// Parses the statement from `CREATE` up to, and without, `;`.
    ///
    /// # Errors
    /// Invalid syntax; an unknown option or an invalid value.
    pub fn parse(parser: &mut Parser<'_>) -> Result<Self, ParserError> {
        let usage = |error| match error {
            ParserError::ParserError(why) => ParserError::ParserError(format!(
                "{why}; the syntax is CREATE [OR REPLACE] MODEL name FROM (query) \
                 PREDICT label [, label ...] [OPTIONS (key value, ...)], or \
                 EXTRACT attribute [, attribute ...] [USING model] [OPTIONS (key value, ...)], or MATCH [label]"
            )),
            other => other,
        };
        let (name, replace, query) = head(parser).map_err(usage)?;
        let clause = target_clause(parser).map_err(usage)?;
        let options = match parser.parse_keyword(Keyword::OPTIONS) {
            true => parse_option_list(parser).map_err(usage)?,
            false => Vec::new(),
        };
        let (tracking, options) = take_track_options(options).map_err(ParserError::ParserError)?;
        let target = match clause {
            TargetClause::Predict(labels) => read_options(PREDICT_OPTIONS, &options)
                .map(|options| ModelTarget::Predict { labels, options }),
            TargetClause::Extract(columns, teacher) => {
                read_options(EXTRACT_OPTIONS, &options).map(|options| ModelTarget::Extract {
                    columns,
                    teacher,
                    options,
                })
            }
            TargetClause::Match(label) => {
                read_options(MATCH_OPTIONS, &options).map(|()| ModelTarget::Match { label })
            }
        };
        Ok(Self {
            name,
            replace,
            query,
            target: target.map_err(ParserError::ParserError)?,
            options,
            tracking,
        })
    }
}

fn head(parser: &mut Parser<'_>) -> Result<(String, bool, Box<Query>), ParserError> {
    parser.expect_keyword(Keyword::CREATE)?;
    let replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
    if !parse_word(parser, "MODEL") {
        return expected(parser, "MODEL");
    }
    let name = identifier(parser)?;
    parser.expect_keyword(Keyword::FROM)?;
    parser.expect_token(&Token::LParen)?;
    let query = parser.parse_query()?;
    parser.expect_token(&Token::RParen)?;
    Ok((name, replace, query))
}

fn target_clause(parser: &mut Parser<'_>) -> Result<TargetClause, ParserError> {
    if parse_word(parser, "PREDICT") {
        let labels = parser.parse_comma_separated(identifier)?;
        return Ok(TargetClause::Predict(labels));
    }
    if parse_word(parser, "MATCH") {
        let has_label = !matches!(
            &parser.peek_token_ref().token,
            Token::EOF | Token::SemiColon
        ) && !parser.peek_keyword(Keyword::OPTIONS);
        return Ok(TargetClause::Match(match has_label {
            true => identifier(parser)?,
            false => DEFAULT_MATCH_LABEL.to_string(),
        }));
    }
    if !parse_word(parser, "EXTRACT") {
        return expected(parser, "PREDICT, EXTRACT or MATCH");
    }
    let columns = parser.parse_comma_separated(identifier)?;
    let teacher = match parser.parse_keyword(Keyword::USING) {
        true => Some(identifier(parser)?),
        false => None,
    };
    Ok(TargetClause::Extract(columns, teacher))
}

/// Consumes a word that need not be a keyword of SQL, if it is the next token.
fn parse_word(parser: &mut Parser<'_>, word: &str) -> bool {
    let found = match &parser.peek_token_ref().token {
        Token::Word(next) => next.value.eq_ignore_ascii_case(word),
        _ => false,
    };
    if found {
        parser.next_token();
    }
    found
}

fn expected<T>(parser: &Parser<'_>, expected: &str) -> Result<T, ParserError> {
    let found = &parser.peek_token_ref().token;
    Err(ParserError::ParserError(format!(
        "expected {expected}, found '{found}'"
    )))
}

/// Identifier, in lower case unless it is quoted.
fn identifier(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let name = parser.parse_identifier()?;
    Ok(match name.quote_style {
        None => name.value.to_lowercase(),
        Some(_) => name.value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use semql_learning::extraction::model::{ExtractionFeatures, ExtractionOptions};
    use semql_learning::text_classifier::{FeatureSet, Method};

    fn parse(sql: &str) -> Result<CreateModel, String> {
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
        assert_eq!(
            create.target,
            ModelTarget::Predict {
                labels: vec!["lvl1".to_string(), "Lvl2".to_string()],
                options: TrainingOptions {
                    cost: Some(2.5),
                    balanced: true,
                    features: Some(FeatureSet::Embeddings),
                    method: Method::Adapter,
                },
            }
        );
    }

    #[test]
    fn attributes_have_a_teacher_and_options() {
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|name| name.to_string()).collect() };
        for (clause, columns, teacher, options) in [
            (
                "extract Brand",
                names(&["brand"]),
                None,
                ExtractOptions::default(),
            ),
            (
                "EXTRACT brand, \"Net Weight\", 'color' USING Small_LLM",
                names(&["brand", "Net Weight", "color"]),
                Some("small_llm".to_string()),
                ExtractOptions::default(),
            ),
            (
                "EXTRACT a USING \"L\" OPTIONS (context 'category, Shop', features words, group product, seed 7)",
                names(&["a"]),
                Some("L".to_string()),
                ExtractOptions {
                    training: ExtractionOptions {
                        context: Some(names(&["category", "Shop"])),
                        features: Some(ExtractionFeatures::Words),
                        seed: 7,
                    },
                    group: Some("product".to_string()),
                },
            ),
        ] {
            let create = parse(&format!("CREATE MODEL m FROM (SELECT 1) {clause};")).unwrap();
            let expected = ModelTarget::Extract {
                columns,
                teacher,
                options,
            };
            assert_eq!(create.target, expected, "{clause}");
        }
    }

    #[test]
    fn matchers_have_a_label() {
        for (clause, expected) in [
            ("match", "match"),
            ("MATCH;", "match"),
            ("MATCH Same", "same"),
            ("MATCH \"Same\";", "Same"),
        ] {
            let create = parse(&format!("CREATE MODEL m FROM (SELECT 1) {clause}")).unwrap();
            let label = expected.to_string();
            assert_eq!(create.target, ModelTarget::Match { label }, "{clause}");
        }
    }

    #[test]
    fn errors_name_the_cause() {
        for (sql, expected) in [
            (
                "CREATE MODEL FROM (SELECT 1) PREDICT y",
                "the syntax is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1)",
                "expected PREDICT, EXTRACT or MATCH",
            ),
            (
                "CREATE MODEL m FROM (SELEC 1) PREDICT y",
                "the syntax is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) PREDICT y OPTIONS (speed 9)",
                "the options are cost, class_weight, features, method, track, experiment",
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
            (
                "CREATE MODEL m FROM (SELECT 1) EXTRACT",
                "the syntax is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) EXTRACT y USING",
                "the syntax is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) EXTRACT y OPTIONS (cost 1)",
                "the options are context, features, group, seed, track, experiment",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) EXTRACT y OPTIONS (features 'ngrams')",
                "must be one of 'words', 'token_vectors'",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) MATCH OPTIONS (cost 1)",
                "unknown option 'cost'; the options are track, experiment",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) MATCH 1",
                "the syntax is CREATE",
            ),
            (
                "CREATE MODEL m FROM (SELECT 1) EXTRACT y OPTIONS (seed 1.5)",
                "must be a whole number",
            ),
        ] {
            let message = parse(sql).unwrap_err();
            assert!(message.contains(expected), "{sql}: {message}");
        }
    }
}
