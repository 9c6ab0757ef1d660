//! Limit of the depth of a statement's syntax tree.
//!
//! The parser itself limits the nesting of parentheses. It reads chains such as
//! `a + a + ...`, `x OR x OR ...` and `q UNION q UNION ...` in a loop, and makes a
//! tree as deep as they are long. Later passes walk and drop that tree
//! recursively. So operators are counted on the tokens, before a tree exists.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{ErrorKind, Result, ShellError};

/// Maximum number of operators between the root of a statement and a leaf.
pub const MAX_DEPTH: usize = 2_000;

/// Operators inside one pair of brackets.
#[derive(Clone, Copy, Default)]
struct BracketLevel {
    /// Operators of the current expression.
    expression: usize,
    /// Set operations and joins of the current query. A comma does not end them.
    chain: usize,
}

impl BracketLevel {
    fn depth(self) -> usize {
        self.expression + self.chain
    }
}

/// Checks the tokens of one or more statements.
///
/// # Errors
/// [`ErrorKind::TooComplex`] if operators nest more deeply than [`MAX_DEPTH`].
pub fn check(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut outer: Vec<BracketLevel> = Vec::new();
    let mut outer_depth = 0;
    let mut level = BracketLevel::default();
    for token in tokens {
        match role_of(&token.token) {
            TokenRole::Open => {
                // Brackets nest too, and the parser does not limit CASE.
                level.expression += 1;
                outer_depth += level.depth();
                outer.push(level);
                level = BracketLevel::default();
            }
            TokenRole::Close => {
                if let Some(before) = outer.pop() {
                    outer_depth -= before.depth();
                    level = before;
                }
            }
            TokenRole::NextStatement => {
                outer.clear();
                outer_depth = 0;
                level = BracketLevel::default();
            }
            TokenRole::NextExpression => level.expression = 0,
            TokenRole::Operator => level.expression += 1,
            TokenRole::Chain => level.chain += 1,
            TokenRole::Plain => {}
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

/// Role of a token in the depth of the tree.
enum TokenRole {
    Open,
    Close,
    NextStatement,
    NextExpression,
    Operator,
    Chain,
    Plain,
}

fn role_of(token: &Token) -> TokenRole {
    match token {
        Token::LParen | Token::LBracket | Token::LBrace => TokenRole::Open,
        Token::RParen | Token::RBracket | Token::RBrace => TokenRole::Close,
        Token::SemiColon => TokenRole::NextStatement,
        Token::Comma => TokenRole::NextExpression,
        Token::Word(word) => match word.keyword {
            // `CASE` encloses its branches like brackets.
            Keyword::CASE => TokenRole::Open,
            Keyword::END => TokenRole::Close,
            Keyword::UNION
            | Keyword::EXCEPT
            | Keyword::INTERSECT
            | Keyword::MINUS
            | Keyword::JOIN
            | Keyword::APPLY => TokenRole::Chain,
            Keyword::SELECT
            | Keyword::WHERE
            | Keyword::ON
            | Keyword::HAVING
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE => TokenRole::NextExpression,
            Keyword::NoKeyword
            | Keyword::TRUE
            | Keyword::FALSE
            | Keyword::NULL
            | Keyword::AS
            | Keyword::ALL
            | Keyword::DISTINCT => TokenRole::Plain,
            // Any other word may be an operator (AND, IS, COLLATE, AT, ...).
            _ => TokenRole::Operator,
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
        | Token::Placeholder(_) => TokenRole::Plain,
        _ => TokenRole::Operator,
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
