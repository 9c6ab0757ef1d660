//! Statements: which part of the shell runs which.

pub mod copy;
mod counting;
pub mod describe;
mod explain;
mod index;
mod missing;
mod model;
pub mod query;
pub mod read_only;
pub mod set;
pub mod show;
pub mod summarize;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

pub use missing::{help, tables};

use crate::error::Result;
use crate::script::first_words;
use crate::session::Session;

/// What a statement gives back.
pub enum Outcome {
    /// Rows to show.
    Rows {
        schema: SchemaRef,
        stream: SendableRecordBatchStream,
    },
    /// Something was done; `message` says what, and is empty where that goes
    /// without saying.
    Done { message: String },
}

type Run = for<'a> fn(&'a Session, &'a Statement<'a>) -> BoxFuture<'a, Result<Outcome>>;

/// A statement as its runner sees it.
pub struct Statement<'a> {
    /// All of it, variables put in.
    pub sql: &'a str,
    /// What follows the words that chose the runner.
    pub rest: &'a str,
}

/// What a statement does besides answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    /// It changes the session alone.
    Settings,
    /// It writes files, or changes what other statements find.
    Writes,
    /// Its plan says.
    Planned,
}

struct Kind {
    /// The words it begins with.
    words: &'static [&'static str],
    run: Run,
    effect: Effect,
    /// Whether its rows become the table `_`.
    keeps_result: bool,
}

/// Statements that the shell knows better than the engine does. The first that
/// fits is taken; every other statement is the engine's.
const KINDS: &[Kind] = &[
    Kind {
        words: &["SUMMARIZE"],
        run: |session, statement| summarize::run(session, statement.rest).boxed(),
        effect: Effect::Nothing,
        keeps_result: true,
    },
    Kind {
        words: &["SUMMARISE"],
        run: |session, statement| summarize::run(session, statement.rest).boxed(),
        effect: Effect::Nothing,
        keeps_result: true,
    },
    Kind {
        words: &["CREATE", "MODEL"],
        run: |session, statement| model::create(session, statement.sql).boxed(),
        effect: Effect::Writes,
        keeps_result: false,
    },
    Kind {
        words: &["CREATE", "OR", "REPLACE", "MODEL"],
        run: |session, statement| model::create(session, statement.sql).boxed(),
        effect: Effect::Writes,
        keeps_result: false,
    },
    Kind {
        words: &["CREATE", "INDEX"],
        run: |session, statement| index::create(session, statement).boxed(),
        effect: Effect::Writes,
        keeps_result: false,
    },
    Kind {
        words: &["CREATE", "OR", "REPLACE", "INDEX"],
        run: |session, statement| index::create(session, statement).boxed(),
        effect: Effect::Writes,
        keeps_result: false,
    },
    Kind {
        words: &["DROP", "INDEX"],
        run: |session, statement| index::drop(session, statement).boxed(),
        effect: Effect::Writes,
        keeps_result: false,
    },
    Kind {
        words: &["SHOW", "INDEXES"],
        run: |session, statement| index::show(session, statement).boxed(),
        effect: Effect::Nothing,
        keeps_result: false,
    },
    Kind {
        words: &["DROP", "MODEL"],
        run: |session, statement| ready(model::drop(session, statement.rest)).boxed(),
        effect: Effect::Writes,
        keeps_result: false,
    },
    Kind {
        words: &["EXPORT", "MODEL"],
        run: |session, statement| ready(model::export(session, statement.rest)).boxed(),
        effect: Effect::Writes,
        keeps_result: false,
    },
    Kind {
        words: &["DESCRIBE", "MODEL"],
        run: |session, statement| ready(model::describe(session, statement.rest)).boxed(),
        effect: Effect::Nothing,
        keeps_result: false,
    },
    Kind {
        words: &["DESCRIBE"],
        run: |session, statement| show::describe(session, statement.rest).boxed(),
        effect: Effect::Nothing,
        keeps_result: false,
    },
    Kind {
        words: &["DESC"],
        run: |session, statement| show::describe(session, statement.rest).boxed(),
        effect: Effect::Nothing,
        keeps_result: false,
    },
    Kind {
        words: &["SHOW", "MODELS"],
        run: |session, _| query::run(session, show::MODELS).boxed(),
        effect: Effect::Nothing,
        keeps_result: false,
    },
    Kind {
        words: &["SHOW", "TABLES"],
        run: |session, _| describe::list_tables(session).boxed(),
        effect: Effect::Nothing,
        keeps_result: false,
    },
    Kind {
        words: &["SHOW"],
        run: |session, statement| query::run(session, statement.sql).boxed(),
        effect: Effect::Nothing,
        keeps_result: false,
    },
    Kind {
        words: &["EXPLAIN"],
        run: |session, statement| explain::run(session, statement.sql).boxed(),
        effect: Effect::Planned,
        keeps_result: false,
    },
    Kind {
        words: &["SET"],
        run: |session, statement| set::run(session, statement.sql).boxed(),
        effect: Effect::Settings,
        keeps_result: false,
    },
    Kind {
        words: &["RESET"],
        run: |session, statement| set::run(session, statement.sql).boxed(),
        effect: Effect::Settings,
        keeps_result: false,
    },
];

const ENGINE: Kind = Kind {
    words: &[],
    run: |session, statement| query::run(session, statement.sql).boxed(),
    effect: Effect::Planned,
    keeps_result: true,
};

/// Words that choose a runner, at most.
const MOST_WORDS: usize = 4;

fn kind(sql: &str) -> &'static Kind {
    let (words, _) = first_words(sql, MOST_WORDS);
    KINDS
        .iter()
        .find(|kind| {
            kind.words.len() <= words.len() && kind.words.iter().zip(&words).all(|(a, b)| a == b)
        })
        .unwrap_or(&ENGINE)
}

/// Runs one statement.
///
/// # Errors
/// Whatever is wrong with it; misspelt names come with a "did you mean".
pub async fn run(session: &Session, sql: &str) -> Result<Outcome> {
    let kind = kind(sql);
    let (_, rest) = first_words(sql, kind.words.len());
    (kind.run)(session, &Statement { sql, rest })
        .await
        .map_err(|error| help(session, error))
}

/// What this statement does besides answering, as far as its words tell.
pub fn effect(sql: &str) -> Effect {
    kind(sql).effect
}

/// Whether the shell runs this statement itself.
pub fn is_own(sql: &str) -> bool {
    !kind(sql).words.is_empty()
}

/// Whether the rows of this statement become the table `_`.
pub fn keeps_result(sql: &str) -> bool {
    kind(sql).keeps_result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_fitting_words_win() {
        assert_eq!(kind("show models").words, ["SHOW", "MODELS"]);
        assert_eq!(kind("SHOW ALL").words, ["SHOW"]);
        assert_eq!(kind("-- x\nsummarize 'a.csv'").words, ["SUMMARIZE"]);
        assert!(kind("SELECT 1").words.is_empty());
        assert!(kind("").words.is_empty());
    }
}
