//! Commands on the display of results.

use futures::FutureExt;

use crate::commands::command::{ArgumentKind, BackslashCommand, ON_OFF, command};
use crate::commands::{display, print_settings};

pub const COMMANDS: &[BackslashCommand] = &[
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
        "[NAME [VALUE]]",
        ArgumentKind::OneOf(print_settings::NAMES),
        "sets null, pager, format, expanded or columns, or lists them",
        |shell, call| print_settings::set(shell, call).boxed_local(),
    ),
    command(
        "timing",
        "[on|off]",
        ON_OFF,
        "shows the duration of each statement",
        |shell, call| display::timing(shell, call).boxed_local(),
    ),
    command(
        "echo",
        "TEXT",
        ArgumentKind::Anything,
        "writes a text to the results",
        |shell, call| display::echo(shell, call).boxed_local(),
    ),
];

/// Names of the formats, for completion.
const FORMAT_NAMES: &[&str] = &["table", "csv", "tsv", "json", "ndjson", "markdown"];

#[cfg(test)]
mod tests {
    use super::FORMAT_NAMES;
    use crate::output::OutputFormat;

    #[test]
    fn completed_formats_exist() {
        for name in FORMAT_NAMES {
            assert_eq!(name.parse::<OutputFormat>().unwrap().name(), *name);
        }
    }
}
