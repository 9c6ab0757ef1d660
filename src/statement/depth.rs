//! Bound on how deeply the syntax tree of a statement can nest.
//!
//! The parser bounds the nesting of parentheses by itself. Chains such as
//! `a + a + ...`, `x OR x OR ...` and `q UNION q UNION ...` are read in a loop
//! and make a tree as deep as they are long, which later passes walk (and drop)
//! by recursion. So operators are counted on the tokens, before any tree is
//! made.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{ErrorKind, Result, ShellError};

/// Operators on the way from the root of a statement to a leaf.
pub const MAX_DEPTH: usize = 2_000;

/// Counts of one pair of brackets.
#[derive(Clone, Copy, Default)]
struct Level {
    /// Operators of the current expression.
    expression: usize,
    /// Set operations and joins of the current query, whose trees lists do not
    /// interrupt.
    chain: usize,
}

impl Level {
    fn depth(self) -> usize {
        self.expression + self.chain
    }
}

/// Checks the tokens of one or more statements.
///
/// # Errors
/// [`ErrorKind::TooComplex`] where operators nest more deeply than [`MAX_DEPTH`].
pub fn check(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut outer: Vec<Level> = Vec::new();
    let mut outer_depth = 0;
    let mut level = Level::default();
    for token in tokens {
        match kind_of(&token.token) {
            Kind::Open => {
                // Brackets nest too, and CASE does without the parser's bound.
                level.expression += 1;
                outer_depth += level.depth();
                outer.push(level);
                level = Level::default();
            }
            Kind::Close => {
                if let Some(before) = outer.pop() {
                    outer_depth -= before.depth();
                    level = before;
                }
            }
            Kind::NextStatement => {
                outer.clear();
                outer_depth = 0;
                level = Level::default();
            }
            Kind::NextExpression => level.expression = 0,
            Kind::Operator => level.expression += 1,
            Kind::Chain => level.chain += 1,
            Kind::Plain => {}
        }
        if outer_depth + level.depth() > MAX_DEPTH {
            return Err(ShellError::of_kind(
                ErrorKind::TooComplex,
                format!(
                    "the statement nests more than {MAX_DEPTH} operators and brackets; \
                     use IN (...), a list or a table instead"
                ),
            ));
        }
    }
    Ok(())
}

enum Kind {
    Open,
    Close,
    NextStatement,
    NextExpression,
    Operator,
    Chain,
    Plain,
}

fn kind_of(token: &Token) -> Kind {
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => Kind::Open,
        Token::RParen | Token::RBracket | Token::RBrace => Kind::Close,
        Token::SemiColon => Kind::NextStatement,
        Token::Comma => Kind::NextExpression,
        Token::Word(word) => match word.keyword {
            // `CASE` encloses its branches as brackets do.
            Keyword::CASE => Kind::Open,
            Keyword::END => Kind::Close,
            Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
            | Keyword::MINUS
            | Keyword::JOIN
            | Keyword::APPLY => Kind::Chain,
            Keyword::SELECT
            | Keyword::WHERE
            | Keyword::ON
            | Keyword::HAVING
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE => Kind::NextExpression,
            Keyword::NoKeyword
            | Keyword::TRUE
            | Keyword::FALSE
            | Keyword::NULL
            | Keyword::AS
            | Keyword::ALL
            | Keyword::DISTINCT => Kind::Plain,
            // Any other word may be an operator (AND, IS, COLLATE, AT, ...).
            _ => Kind::Operator,
        },
        Token::EOF
        | Token::Whitespace(_)
        | Token::Number(..)
        | Token::Char(_)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::EscapedStringLiteral(_)
        | Token::NationalStringLiteral(_)
        | Token::HexStringLiteral(_)
        | Token::UnicodeStringLiteral(_)
        | Token::Placeholder(_) => Kind::Plain,
        _ => Kind::Operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    fn fits(sql: &str) -> bool {
        let tokens = Tokenizer::new(&GenericDialect {}, sql)
            .tokenize_with_location()
            .unwrap();
        match check(&tokens) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::TooComplex);
                false
            }
        }
    }

    #[test]
    fn long_lists_and_many_branches_fit() {
        let list = vec!["1"; 100_000].join(", ");
        assert!(fits(&format!("SELECT * FROM t WHERE a IN ({list})")));
        let rows = vec!["(1, 'a' || 'b')"; 50_000].join(", ");
        assert!(fits(&format!("INSERT INTO t VALUES {rows}")));
        let branches = "WHEN a = 1 THEN b + 1 ".repeat(10_000);
        assert!(fits(&format!("SELECT CASE {branches} ELSE 0 END")));
        assert!(fits(&"SELECT 1 + 1;".repeat(100_000)));
        assert!(fits("SELECT a + b * c FROM t WHERE x AND y OR z"));
    }

    #[test]
    fn long_chains_do_not() {
        let many = MAX_DEPTH + 1;
        for (before, part) in [
            ("SELECT 1", " + 1"),
            ("SELECT 1", " + CASE WHEN true THEN 1 END"),
            ("SELECT 1", " + f(1, 2)"),
            ("SELECT x", " OR x = 1"),
            ("SELECT NOT", " NOT"),
            ("SELECT 1", "::int"),
            ("SELECT x", "[1]"),
            ("SELECT x", " IS NULL"),
            ("SELECT x", " IS DISTINCT FROM y"),
            ("SELECT 1, 2", " UNION ALL SELECT 1, 2"),
            ("SELECT 1 FROM t", " JOIN t ON true"),
            ("SELECT ", "("),
            ("SELECT ", "CASE WHEN true THEN "),
            ("SELECT ", "- "),
        ] {
            assert!(
                !fits(&format!("{before}{}", part.repeat(many * 2))),
                "{part}"
            );
        }
    }
}
