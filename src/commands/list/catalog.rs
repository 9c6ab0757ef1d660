//! Commands that list and describe.

use futures::FutureExt;

use crate::commands::command::{ArgumentKind, BackslashCommand, command};
use crate::commands::{describe, review};

pub const COMMANDS: &[BackslashCommand] = &[
    command(
        "d",
        "[TABLE]",
        ArgumentKind::Table,
        "lists the tables, or the columns of a table or 'file'",
        |shell, call| describe::describe(shell, call).boxed_local(),
    ),
    command(
        "d+",
        "[TABLE]",
        ArgumentKind::Table,
        "the same with keys, definition, location and owner of the table",
        |shell, call| describe::describe_details(shell, call).boxed_local(),
    ),
    command(
        "dt",
        "[PATTERN]",
        ArgumentKind::Table,
        "lists the tables; * matches any text",
        |shell, call| describe::tables(shell, call).boxed_local(),
    ),
    command(
        "dv",
        "[PATTERN]",
        ArgumentKind::Table,
        "lists the views",
        |shell, call| describe::views(shell, call).boxed_local(),
    ),
    command(
        "di",
        "TABLE",
        ArgumentKind::Table,
        "lists the indexes of a table",
        |shell, call| describe::indexes(shell, call).boxed_local(),
    ),
    command(
        "dn",
        "",
        ArgumentKind::Nothing,
        "lists the schemas",
        |shell, _| describe::schemas(shell).boxed_local(),
    ),
    command(
        "l",
        "",
        ArgumentKind::Nothing,
        "lists the databases",
        |shell, _| describe::databases(shell).boxed_local(),
    ),
    command(
        "df",
        "[PATTERN]",
        ArgumentKind::Function,
        "lists the functions",
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
        "review",
        "TABLE [FILE]",
        ArgumentKind::Table,
        "labels the least certain rows by hand, into reviewed.jsonl or a file",
        |shell, call| review::run(shell, call).boxed_local(),
    ),
];
