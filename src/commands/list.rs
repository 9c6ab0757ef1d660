//! List of backslash commands: help, completion and dispatch read it.

use futures::FutureExt;

use super::call::Action;
use super::command::{ArgumentKind, BackslashCommand, RunCommand};
use super::{describe, display, edit, files, help, repeat, review, variables};
use crate::error::{Result, ShellError};
use crate::shell::Shell;
use crate::suggest::closest;

const ON_OFF: ArgumentKind = ArgumentKind::OneOf(&["on", "off"]);

/// Entry of a command that takes no statement.
const fn command(
    name: &'static str,
    arguments: &'static str,
    argument_kind: ArgumentKind,
    help: &'static str,
    run: RunCommand,
) -> BackslashCommand {
    BackslashCommand {
        name,
        arguments,
        help,
        argument_kind,
        takes_statement: false,
        run,
    }
}

/// All commands, in the order of the help.
pub const COMMANDS: &[BackslashCommand] = &[
    command(
        "?",
        "",
        ArgumentKind::Nothing,
        "lists the commands",
        |shell, _| list_commands(shell).boxed_local(),
    ),
    command(
        "h",
        "[NAME]",
        ArgumentKind::Function,
        "help on SQL, or on one function",
        |shell, call| help::sql(shell, call).boxed_local(),
    ),
    command("q", "", ArgumentKind::Nothing, "quits", |_, _| {
        async { Ok(Action::Quit) }.boxed_local()
    }),
    command(
        "d",
        "[TABLE]",
        ArgumentKind::Table,
        "lists the tables, or the columns of a table or 'file'",
        |shell, call| describe::describe(shell, call).boxed_local(),
    ),
    command(
        "dt",
        "",
        ArgumentKind::Nothing,
        "lists the tables",
        |shell, _| describe::tables(shell).boxed_local(),
    ),
    command(
        "df",
        "[PATTERN]",
        ArgumentKind::Function,
        "lists the functions; * matches any text",
        |shell, call| describe::functions(shell, call).boxed_local(),
    ),
    command(
        "dm",
        "",
        ArgumentKind::Nothing,
        "lists the models",
        |shell, _| describe::models(shell).boxed_local(),
    ),
    command(
        "i",
        "FILE",
        ArgumentKind::File,
        "runs a file; its name is relative to the current script",
        |shell, call| files::include(shell, call).boxed_local(),
    ),
    command(
        "o",
        "[FILE]",
        ArgumentKind::File,
        "writes results to a file, or to standard output without one",
        |shell, call| files::output(shell, call).boxed_local(),
    ),
    command(
        "e",
        "[FILE]",
        ArgumentKind::File,
        "opens the last statement, or a file, in $VISUAL and runs it",
        |shell, call| edit::edit(shell, call).boxed_local(),
    ),
    BackslashCommand {
        takes_statement: true,
        ..command(
            "g",
            "",
            ArgumentKind::Nothing,
            "runs the preceding statement, or repeats the last one",
            |shell, _| repeat::go(shell).boxed_local(),
        )
    },
    BackslashCommand {
        takes_statement: true,
        ..command(
            "watch",
            "[SECONDS]",
            ArgumentKind::Anything,
            "runs the statement repeatedly (default: every 2 seconds)",
            |shell, call| repeat::watch(shell, call).boxed_local(),
        )
    },
    command(
        "p",
        "",
        ArgumentKind::Nothing,
        "prints the last statement",
        |shell, _| repeat::print(shell).boxed_local(),
    ),
    BackslashCommand {
        takes_statement: true,
        ..command(
            "chart",
            "[bar|line|scatter|hist] [X] [Y]",
            ArgumentKind::OneOf(&["bar", "line", "scatter", "hist"]),
            "draws the preceding statement, or the last result",
            |shell, call| display::chart(shell, call).boxed_local(),
        )
    },
    command(
        "review",
        "TABLE [FILE]",
        ArgumentKind::Table,
        "labels the least certain rows by hand, into reviewed.jsonl or a file",
        |shell, call| review::run(shell, call).boxed_local(),
    ),
    command(
        "x",
        "[on|off]",
        ON_OFF,
        "shows one line for each value",
        |shell, call| display::expanded(shell, call).boxed_local(),
    ),
    command(
        "format",
        "[NAME]",
        ArgumentKind::OneOf(FORMAT_NAMES),
        "sets or shows the format of results",
        |shell, call| display::format(shell, call).boxed_local(),
    ),
    command(
        "pset",
        "null TEXT",
        ArgumentKind::OneOf(&["null"]),
        "sets the text for NULL in tables",
        |shell, call| display::pset(shell, call).boxed_local(),
    ),
    command(
        "timing",
        "[on|off]",
        ON_OFF,
        "shows the duration of each statement",
        |shell, call| display::timing(shell, call).boxed_local(),
    ),
    command(
        "set",
        "[NAME [VALUE]]",
        ArgumentKind::Variable,
        "sets a variable, or lists them",
        |shell, call| variables::set(shell, call).boxed_local(),
    ),
    command(
        "default",
        "NAME VALUE",
        ArgumentKind::Variable,
        "sets a variable unless it has a value",
        |shell, call| variables::default(shell, call).boxed_local(),
    ),
    command(
        "unset",
        "NAME",
        ArgumentKind::Variable,
        "removes a variable",
        |shell, call| variables::unset(shell, call).boxed_local(),
    ),
    command(
        "echo",
        "TEXT",
        ArgumentKind::Anything,
        "writes a text to the results",
        |shell, call| display::echo(shell, call).boxed_local(),
    ),
    command(
        "!",
        "[COMMAND]",
        ArgumentKind::File,
        "runs a system command, or the system shell",
        |shell, call| files::system(shell, call).boxed_local(),
    ),
];

/// Names of the formats, for completion.
pub const FORMAT_NAMES: &[&str] = &["table", "csv", "tsv", "json", "ndjson", "markdown"];

/// Finds the command that `text` calls, and the text after its name.
///
/// # Errors
/// If the command does not exist.
pub fn find(text: &str) -> Result<(&'static BackslashCommand, &str)> {
    let text = text.strip_prefix('\\').unwrap_or(text);
    // `\!ls` needs no space.
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
                None => "\\? lists the commands".to_string(),
            };
            ShellError::query(format!("unknown command \\{name}; {near}"))
        })
}

/// Writes the list, for `\?`.
async fn list_commands(shell: &mut Shell) -> Result<Action> {
    help::commands(shell, COMMANDS)
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
    fn commands_are_found_with_their_arguments() {
        let (command, rest) = find("\\i  'a b.sql' ").unwrap();
        assert_eq!((command.name, rest), ("i", "'a b.sql'"));
        let (command, rest) = find("\\!ls -l").unwrap();
        assert_eq!((command.name, rest), ("!", "ls -l"));
        assert_eq!(find("\\x;").unwrap().0.name, "x");
    }

    #[test]
    fn an_unknown_command_gets_a_suggestion() {
        let message = find("\\timng on").err().unwrap().message;
        assert_eq!(message, "unknown command \\timng; did you mean \\timing?");
        assert!(find("\\").is_err());
    }

    #[test]
    fn completed_formats_exist() {
        for name in FORMAT_NAMES {
            assert!(
                name.parse::<crate::output::OutputFormat>().is_ok(),
                "{name}"
            );
        }
    }
}
