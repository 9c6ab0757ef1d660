//! Completion of the input line.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::TableReference;
use rustyline::completion::Pair;
use semql_udfs::learning::trained_models::model_names;
use tokio::runtime::Handle;

use super::keywords::KEYWORDS;
use crate::commands::{self, ArgumentKind};
use crate::script::Variables;
use crate::session::Session;
use crate::{settings, statement};

/// Timeout for the columns of a table.
const COLUMNS_TIMEOUT: Duration = Duration::from_millis(400);

/// First words of the statements that name a model.
const MODEL_STATEMENTS: [&str; 4] = ["CREATE", "DESCRIBE", "DROP", "EXPORT"];

/// Maximum number of candidates.
const MAX_CANDIDATES: usize = 200;

/// Completer of statements and commands.
pub struct SqlCompleter {
    session: Arc<Session>,
    runtime: Handle,
    pub variables: Variables,
}

/// Word to complete, by its context.
enum CompletionContext<'a> {
    /// `\ti`
    CommandName(&'a str),
    /// The last word after a command.
    CommandArgument(ArgumentKind, &'a str),
    /// Inside a single-quoted string.
    String(&'a str),
    /// The key of `SET key`.
    Setting(&'a str),
    /// `:na`
    Variable(&'a str),
    /// The name after `MODEL`.
    Model(&'a str),
    /// Any other word.
    Word(&'a str),
}

impl CompletionContext<'_> {
    fn word(&self) -> &str {
        match self {
            CompletionContext::CommandName(word)
            | CompletionContext::CommandArgument(_, word)
            | CompletionContext::String(word)
            | CompletionContext::Setting(word)
            | CompletionContext::Variable(word)
            | CompletionContext::Model(word)
            | CompletionContext::Word(word) => word,
        }
    }
}

impl SqlCompleter {
    pub fn new(session: Arc<Session>, runtime: Handle) -> Self {
        Self {
            session,
            runtime,
            variables: Variables::default(),
        }
    }

    /// Start of the word to complete, and its candidates.
    pub fn complete(&self, line: &str, pos: usize) -> (usize, Vec<Pair>) {
        let before = &line[..pos];
        let context = context(before);
        let word = context.word();
        let start = pos - word.len();
        let candidates: BTreeSet<String> = match &context {
            CompletionContext::CommandName(_) => {
                let names = commands::all().map(|command| command.name.to_string());
                starting(word, names).map(|name| name + " ").collect()
            }
            CompletionContext::CommandArgument(kind, _) => self.arguments(*kind, word),
            CompletionContext::String(_) => {
                let mut all = files(word);
                all.extend(self.labels(word));
                all.extend(starting(word, self.models()));
                let sets = self.session.ai.attribute_sets().into_iter();
                all.extend(starting(word, sets.map(|set| set.name.clone())));
                all
            }
            CompletionContext::Setting(_) => {
                starting(word, settings::keys(&self.session.ctx)).collect()
            }
            CompletionContext::Variable(_) => self.variable_names(word),
            CompletionContext::Model(_) => {
                let names = self.models().into_iter();
                starting(word, names.map(|name| identifier(&name))).collect()
            }
            CompletionContext::Word(_) => self.words(line, word),
        };
        let pairs = candidates
            .into_iter()
            .take(MAX_CANDIDATES)
            .map(|replacement| Pair {
                display: replacement.trim_end().to_string(),
                replacement,
            })
            .collect();
        (start, pairs)
    }

    fn arguments(&self, kind: ArgumentKind, word: &str) -> BTreeSet<String> {
        match kind {
            ArgumentKind::Nothing | ArgumentKind::Anything => BTreeSet::new(),
            ArgumentKind::File => files(word),
            ArgumentKind::Table => {
                let mut all: BTreeSet<String> =
                    starting(word, statement::diagnose::tables(&self.session)).collect();
                if !word.is_empty() {
                    all.extend(files(word));
                }
                all
            }
            ArgumentKind::Function => starting(word, self.functions()).collect(),
            ArgumentKind::Variable => self.variable_names(word),
            ArgumentKind::OneOf(words) => {
                starting(word, words.iter().map(|it| (*it).to_string())).collect()
            }
        }
    }

    fn variable_names(&self, word: &str) -> BTreeSet<String> {
        starting(
            word,
            self.variables.iter().map(|(name, _)| name.to_string()),
        )
        .collect()
    }

    /// Names of trained models and language models.
    fn models(&self) -> Vec<String> {
        let mut names = model_names();
        let external = self.session.ai.language_models().list();
        names.extend(external.iter().map(|model| model.options().name.clone()));
        names
    }

    /// Labels of all taxonomies that begin with `word`.
    fn labels(&self, word: &str) -> BTreeSet<String> {
        let labels = self
            .session
            .ai
            .taxonomies()
            .into_iter()
            .flat_map(|taxonomy| {
                let names: Vec<String> = taxonomy
                    .labels
                    .iter()
                    .map(|label| label.name.replace('\'', "''"))
                    .collect();
                names
            });
        starting(word, labels).collect()
    }

    fn functions(&self) -> Vec<String> {
        let state = self.session.ctx.state();
        let all = commands::function_names(&state);
        all.into_iter().collect()
    }

    fn words(&self, line: &str, word: &str) -> BTreeSet<String> {
        let tables = statement::diagnose::tables(&self.session);
        let mut all: BTreeSet<String> = starting(word, self.columns(line, &tables)).collect();
        // Only columns follow `table.`.
        if let Some((qualifier, column)) = word.rsplit_once('.') {
            let columns = self.columns_of(&TableReference::parse_str(qualifier));
            return starting(column, columns)
                .map(|name| format!("{qualifier}.{name}"))
                .collect();
        }
        if word.is_empty() {
            return all;
        }
        all.extend(starting(word, tables));
        all.extend(starting(word, self.functions()).map(|name| name + "("));
        let upper = word.starts_with(|c: char| c.is_uppercase());
        let keywords = KEYWORDS.iter().map(|keyword| {
            if upper {
                (*keyword).to_string()
            } else {
                keyword.to_lowercase()
            }
        });
        all.extend(starting(word, keywords));
        all
    }

    /// The columns of the tables and files that the line names.
    fn columns(&self, line: &str, tables: &[String]) -> Vec<String> {
        let named = line.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let named = named.filter(|word| tables.iter().any(|table| table == word));
        let mut references: Vec<TableReference> = named.map(TableReference::bare).collect();
        let quoted = line
            .split('\'')
            .skip(1)
            .step_by(2)
            .filter(|text| Path::new(text).is_file());
        references.extend(quoted.map(TableReference::bare));
        references
            .iter()
            .flat_map(|reference| self.columns_of(reference))
            .collect()
    }

    fn columns_of(&self, table: &TableReference) -> Vec<String> {
        let provider = self.session.ctx.table_provider(table.clone());
        let provider = self
            .runtime
            .block_on(async { tokio::time::timeout(COLUMNS_TIMEOUT, provider).await });
        let Ok(Ok(provider)) = provider else {
            return Vec::new();
        };
        let schema = provider.schema();
        schema
            .fields()
            .iter()
            .map(|field| identifier(field.name()))
            .collect()
    }
}

/// Identifier in SQL, with quotes if the engine would fold or misread it.
fn identifier(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain {
        name.to_string()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// Context of the last word of `before`.
fn context(before: &str) -> CompletionContext<'_> {
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before[line_start..].trim_start();
    if let Some(command) = line.strip_prefix('\\') {
        let Some((name, arguments)) = command.split_once(char::is_whitespace) else {
            return CompletionContext::CommandName(command);
        };
        let kind = commands::all()
            .find(|known| known.name == name)
            .map_or(ArgumentKind::Nothing, |known| known.argument_kind);
        let word = last_word(arguments, |c| c.is_whitespace() || c == '\'');
        return CompletionContext::CommandArgument(kind, word);
    }
    // An odd number of quotes before the cursor: it is inside a string.
    if before.matches('\'').count() % 2 == 1 {
        let at = before.rfind('\'').map_or(0, |at| at + 1);
        return CompletionContext::String(&before[at..]);
    }
    let word = last_word(before, |c| !(c.is_alphanumeric() || "_.\"".contains(c)));
    let ahead = before[..before.len() - word.len()].trim_end();
    if ahead.ends_with(':')
        && !ahead.ends_with("::")
        && before[..before.len() - word.len()].ends_with(':')
    {
        return CompletionContext::Variable(word);
    }
    let statement = ahead.rsplit(';').next().unwrap_or_default().trim();
    if ["SET", "RESET", "SHOW"]
        .iter()
        .any(|it| it.eq_ignore_ascii_case(statement))
    {
        return CompletionContext::Setting(word);
    }
    let mut words = statement.split_whitespace();
    let (first, last) = (words.next(), words.next_back());
    let is = |word: Option<&str>, name: &str| word.is_some_and(|w| w.eq_ignore_ascii_case(name));
    if is(last, "MODEL") && MODEL_STATEMENTS.iter().any(|name| is(first, name)) {
        return CompletionContext::Model(word);
    }
    CompletionContext::Word(word)
}

fn last_word(text: &str, ends: impl Fn(char) -> bool) -> &str {
    let start = text.rfind(&ends).map_or(0, |at| {
        at + text[at..].chars().next().map_or(1, char::len_utf8)
    });
    &text[start..]
}

/// Candidates that begin with `word`, in any case.
fn starting(word: &str, all: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    let word = word.to_lowercase();
    all.into_iter()
        .filter(move |it| it.to_lowercase().starts_with(&word))
}

/// Files and folders that begin with `word`; folders end with `/`.
fn files(word: &str) -> BTreeSet<String> {
    let (folder, start) = match word.rfind('/') {
        Some(at) => word.split_at(at + 1),
        None => ("", word),
    };
    let shown = if folder.is_empty() { "." } else { folder };
    let Ok(entries) = std::fs::read_dir(shown) else {
        return BTreeSet::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let hidden = name.starts_with('.') && !start.starts_with('.');
            if hidden || !name.starts_with(start) {
                return None;
            }
            let slash = if entry.path().is_dir() { "/" } else { "" };
            Some(format!("{folder}{name}{slash}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_determines_the_candidates() {
        assert!(matches!(
            context("\\ti"),
            CompletionContext::CommandName("ti")
        ));
        assert!(matches!(
            context("\\x o"),
            CompletionContext::CommandArgument(ArgumentKind::OneOf(_), "o")
        ));
        assert!(matches!(
            context("SELECT * FROM 'da"),
            CompletionContext::String("da")
        ));
        assert!(matches!(
            context("SELECT 'a' || ti"),
            CompletionContext::Word("ti")
        ));
        assert!(matches!(
            context("SET ai.de"),
            CompletionContext::Setting("ai.de")
        ));
        assert!(matches!(
            context("SELECT 1; set ai"),
            CompletionContext::Setting("ai")
        ));
        assert!(matches!(
            context("SELECT 1; drop model kin"),
            CompletionContext::Model("kin")
        ));
        assert!(matches!(
            context("create or replace external model l"),
            CompletionContext::Model("l")
        ));
        assert!(matches!(
            context("SELECT a model fr"),
            CompletionContext::Word("fr")
        ));
        assert!(matches!(
            context("LIMIT :li"),
            CompletionContext::Variable("li")
        ));
        assert!(matches!(
            context("SELECT a::in"),
            CompletionContext::Word("in")
        ));
        assert!(matches!(
            context("SELECT (ti"),
            CompletionContext::Word("ti")
        ));
    }

    #[test]
    fn identifiers_are_quoted_if_necessary() {
        assert_eq!(identifier("title"), "title");
        assert_eq!(identifier("Name"), "\"Name\"");
        assert_eq!(identifier("a b"), "\"a b\"");
    }

    #[test]
    fn files_complete_within_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("alpha.csv"), "").unwrap();
        std::fs::create_dir(folder.path().join("alps")).unwrap();
        std::fs::write(folder.path().join(".alarm"), "").unwrap();
        let prefix = format!("{}/al", folder.path().display());
        let found: Vec<String> = files(&prefix).into_iter().collect();
        assert_eq!(found, [format!("{prefix}pha.csv"), format!("{prefix}ps/")]);
    }
}
