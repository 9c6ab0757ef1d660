//! Backslash commands. [`COMMANDS`] is the list: help, completion and dispatch
//! all read it.

mod display;
mod edit;
mod explore;
mod files;
mod help;
mod repeat;
mod review;
mod variables;

use datafusion::execution::SessionState;
use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::error::{Result, ShellError};
use crate::script::Script;
use crate::shell::{Flow, Shell};
use crate::suggest::closest;

/// The names of all functions.
pub fn function_names(state: &SessionState) -> Vec<String> {
    explore::functions_of(state).into_keys().collect()
}

/// How a command was called.
pub struct Call<'a> {
    /// Everything behind the name, as written.
    pub rest: &'a str,
    /// The same in words, without quotes and with variables put in.
    pub words: Vec<String>,
    /// The script it stands in.
    pub script: &'a Script,
}

impl Call<'_> {
    /// The first word.
    pub fn first(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }
}

/// What the arguments of a command are, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    Anything,
    File,
    Table,
    Function,
    Variable,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

type Run = for<'a> fn(&'a mut Shell, Call<'a>) -> LocalBoxFuture<'a, Result<Flow>>;

pub struct Command {
    /// Without the backslash.
    pub name: &'static str,
    pub arguments: &'static str,
    pub help: &'static str,
    pub takes: Takes,
    /// Whether a statement without semicolon may stand in front of it.
    pub takes_statement: bool,
    pub run: Run,
}

const ON_OFF: Takes = Takes::OneOf(&["on", "off"]);

/// Shortens the list below: most commands take no statement.
const fn command(
    name: &'static str,
    arguments: &'static str,
    takes: Takes,
    help: &'static str,
    run: Run,
) -> Command {
    Command {
        name,
        arguments,
        help,
        takes,
        takes_statement: false,
        run,
    }
}

/// Every command, in the order of the help.
pub const COMMANDS: &[Command] = &[
    command("?", "", Takes::Nothing, "this list", |shell, _| {
        help::commands(shell).boxed_local()
    }),
    command(
        "h",
        "[NAME]",
        Takes::Function,
        "help on SQL, or on one function",
        |shell, call| help::sql(shell, call).boxed_local(),
    ),
    command("q", "", Takes::Nothing, "leaves", |_, _| {
        async { Ok(Flow::Quit) }.boxed_local()
    }),
    command(
        "d",
        "[TABLE]",
        Takes::Table,
        "the tables, or the columns of one table or 'file'",
        |shell, call| explore::describe(shell, call).boxed_local(),
    ),
    command("dt", "", Takes::Nothing, "the tables", |shell, _| {
        explore::tables(shell).boxed_local()
    }),
    command(
        "df",
        "[PATTERN]",
        Takes::Function,
        "the functions; * stands for anything",
        |shell, call| explore::functions(shell, call).boxed_local(),
    ),
    command("dm", "", Takes::Nothing, "the models", |shell, _| {
        explore::models(shell).boxed_local()
    }),
    command(
        "i",
        "FILE",
        Takes::File,
        "runs a file; its name is relative to the file that names it",
        |shell, call| files::include(shell, call).boxed_local(),
    ),
    command(
        "o",
        "[FILE]",
        Takes::File,
        "writes results to a file; without one, to the screen again",
        |shell, call| files::output(shell, call).boxed_local(),
    ),
    command(
        "e",
        "[FILE]",
        Takes::File,
        "opens the last statement, or a file, in $VISUAL and runs it",
        |shell, call| edit::edit(shell, call).boxed_local(),
    ),
    Command {
        takes_statement: true,
        ..command(
            "g",
            "",
            Takes::Nothing,
            "runs the statement before it, or the last one again",
            |shell, _| repeat::go(shell).boxed_local(),
        )
    },
    Command {
        takes_statement: true,
        ..command(
            "watch",
            "[SECONDS]",
            Takes::Anything,
            "runs it again and again, every 2 seconds",
            |shell, call| repeat::watch(shell, call).boxed_local(),
        )
    },
    command(
        "p",
        "",
        Takes::Nothing,
        "prints the last statement",
        |shell, _| repeat::print(shell).boxed_local(),
    ),
    Command {
        takes_statement: true,
        ..command(
            "chart",
            "[bar|line|scatter|hist] [X] [Y]",
            Takes::OneOf(&["bar", "line", "scatter", "hist"]),
            "draws the statement before it, or the last result",
            |shell, call| display::chart(shell, call).boxed_local(),
        )
    },
    command(
        "review",
        "TABLE [FILE]",
        Takes::Table,
        "labels the least certain rows by hand, into reviewed.jsonl or a file",
        |shell, call| review::run(shell, call).boxed_local(),
    ),
    command(
        "x",
        "[on|off]",
        ON_OFF,
        "one line for each value",
        |shell, call| display::expanded(shell, call).boxed_local(),
    ),
    command(
        "format",
        "[NAME]",
        Takes::OneOf(FORMAT_NAMES),
        "how results are written",
        |shell, call| display::format(shell, call).boxed_local(),
    ),
    command(
        "pset",
        "null TEXT",
        Takes::OneOf(&["null"]),
        "what stands for NULL in tables",
        |shell, call| display::pset(shell, call).boxed_local(),
    ),
    command(
        "timing",
        "[on|off]",
        ON_OFF,
        "how long each statement took",
        |shell, call| display::timing(shell, call).boxed_local(),
    ),
    command(
        "set",
        "[NAME [VALUE]]",
        Takes::Variable,
        "sets a variable, or lists them",
        |shell, call| variables::set(shell, call).boxed_local(),
    ),
    command(
        "default",
        "NAME VALUE",
        Takes::Variable,
        "sets a variable that has no value yet",
        |shell, call| variables::default(shell, call).boxed_local(),
    ),
    command(
        "unset",
        "NAME",
        Takes::Variable,
        "takes a variable away",
        |shell, call| variables::unset(shell, call).boxed_local(),
    ),
    command(
        "echo",
        "TEXT",
        Takes::Anything,
        "prints a text among the results",
        |shell, call| display::echo(shell, call).boxed_local(),
    ),
    command(
        "!",
        "[COMMAND]",
        Takes::File,
        "runs a command of the system, or its shell",
        |shell, call| files::system(shell, call).boxed_local(),
    ),
];

/// The names of the formats, for completion.
pub const FORMAT_NAMES: &[&str] = &["table", "csv", "tsv", "json", "ndjson", "markdown"];

/// The command that `text`, a backslash and all, calls, and the text behind
/// its name.
///
/// # Errors
/// If there is no such command.
pub fn find(text: &str) -> Result<(&'static Command, &str)> {
    let text = text.strip_prefix('\\').unwrap_or(text);
    // `\!ls` needs no blank.
    let end = match text.strip_prefix('!') {
        Some(_) => 1,
        None => text.find(char::is_whitespace).unwrap_or(text.len()),
    };
    let (name, rest) = text.split_at(end);
    let name = name.trim_end_matches(';');
    COMMANDS
        .iter()
        .find(|command| command.name == name)
        .map(|command| (command, rest.trim()))
        .ok_or_else(|| {
            let near = match closest(name, COMMANDS.iter().map(|command| command.name)) {
                Some(near) => format!("did you mean \\{near}?"),
                None => "\\? lists them".to_string(),
            };
            ShellError::query(format!("there is no command \\{name}; {near}"))
        })
}

/// A switch: `on`, `off`, or without a word the other way.
///
/// # Errors
/// If the word is neither.
fn switch(call: &Call<'_>, now: bool) -> Result<bool> {
    match call.first() {
        None => Ok(!now),
        Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(ShellError::query(format!(
            "'{other}' is neither on nor off"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn commands_are_found_with_what_follows() {
        let (command, rest) = find("\\i  'a b.sql' ").unwrap();
        assert_eq!((command.name, rest), ("i", "'a b.sql'"));
        let (command, rest) = find("\\!ls -l").unwrap();
        assert_eq!((command.name, rest), ("!", "ls -l"));
        assert_eq!(find("\\x;").unwrap().0.name, "x");
    }

    #[test]
    fn an_unknown_command_names_its_neighbour() {
        let message = find("\\timng on").err().unwrap().message;
        assert_eq!(
            message,
            "there is no command \\timng; did you mean \\timing?"
        );
        assert!(find("\\").is_err());
    }

    #[test]
    fn the_formats_offered_exist() {
        for name in FORMAT_NAMES {
            assert!(name.parse::<crate::output::Format>().is_ok(), "{name}");
        }
    }
}
