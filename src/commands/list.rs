//! List of backslash commands: help, completion and dispatch read it.

mod catalog;
mod display;
mod files;
mod statements;
mod variables;

use futures::FutureExt;

use super::call::Action;
use super::command::{ArgumentKind, BackslashCommand, command};
use super::names::{ALIASES, absent};
use super::{connection, help};
use crate::error::{Result, ShellError};
use crate::shell::Shell;
use crate::suggest::closest;

/// All commands in groups, in the order of the help.
pub const GROUPS: &[(&str, &[BackslashCommand])] = &[
    ("General", GENERAL),
    ("Statements", statements::COMMANDS),
    ("Tables, functions, models", catalog::COMMANDS),
    ("Files", files::COMMANDS),
    ("Results", display::COMMANDS),
    ("Variables", variables::COMMANDS),
];

const GENERAL: &[BackslashCommand] = &[
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
        "help on SQL, on a statement or on a function",
        |shell, call| help::sql(shell, call).boxed_local(),
    ),
    command(
        "conninfo",
        "",
        ArgumentKind::Nothing,
        "shows folder, dictionary and limits of the session",
        |shell, _| connection::info(shell).boxed_local(),
    ),
    command("q", "", ArgumentKind::Nothing, "quits", |_, _| {
        async { Ok(Action::Quit) }.boxed_local()
    }),
];

/// All commands.
pub fn all() -> impl Iterator<Item = &'static BackslashCommand> {
    GROUPS.iter().flat_map(|(_, commands)| *commands)
}

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
    let mut aliases = ALIASES.iter();
    let alias = aliases.find(|(alias, _)| *alias == name);
    let wanted = alias.map_or(name, |(_, name)| name);
    all()
        .find(|command| command.name == wanted)
        .map(|command| (command, rest.trim()))
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> ShellError {
    if let Some(instead) = absent(name) {
        return ShellError::query(format!("\\{name} of psql is not here; {instead}"));
    }
    let near = match closest(name, all().map(|command| command.name)) {
        Some(near) => format!("did you mean \\{near}?"),
        None => "\\? lists the commands".to_string(),
    };
    ShellError::query(format!("unknown command \\{name}; {near}"))
}

/// Writes the list, for `\?`.
async fn list_commands(shell: &mut Shell) -> Result<Action> {
    help::commands(shell, GROUPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::names::ABSENT;

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<&str> = all().map(|command| command.name).collect();
        names.extend(ALIASES.iter().map(|(alias, _)| *alias));
        names.extend(ABSENT.iter().flat_map(|(names, _)| *names));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn aliases_name_commands() {
        for (alias, name) in ALIASES {
            assert_eq!(find(&format!("\\{alias} x")).unwrap().0.name, *name);
        }
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
        let message = |text: &str| find(text).err().unwrap().message;
        assert_eq!(
            message("\\timng on"),
            "unknown command \\timng; did you mean \\timing?"
        );
        assert!(find("\\").is_err());
        for (names, instead) in ABSENT {
            for name in *names {
                let message = message(&format!("\\{name} x"));
                assert!(message.ends_with(instead), "{message}");
            }
        }
    }
}
