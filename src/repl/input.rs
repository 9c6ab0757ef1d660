//! Buffer of the lines that the prompt has read and not yet run.

use crate::commands;
use crate::script::{self, ItemKind, ScriptItem};

/// Words that are commands when they are a whole line, as in psql.
const QUIT_WORDS: &[&str] = &["quit", "exit"];
const HELP_WORD: &str = "help";

/// What the prompt does with a line.
#[derive(Debug, PartialEq, Eq)]
pub enum InputStep {
    /// Reads another line.
    Continue,
    /// Runs this text; the buffer has what follows it, an open statement, or is empty.
    Run(String),
    /// Runs this backslash command; the open statement stays in the buffer.
    RunCommand(String),
    /// Shows how to get help.
    Help,
    /// Explains how to quit, since a statement is open. The line is part of it.
    QuitHint,
    Quit,
}

/// Open statement of the prompt.
#[derive(Debug, Default)]
pub struct InputBuffer {
    text: String,
}

impl InputBuffer {
    /// Text of the open statement; empty if none is open.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn clear(&mut self) {
        self.text.clear();
    }

    /// Adds a line, which may contain line breaks after a paste.
    pub fn add(&mut self, line: &str) -> InputStep {
        let word = line.trim().trim_end_matches(';').trim_end();
        let is_quit = QUIT_WORDS.iter().any(|it| it.eq_ignore_ascii_case(word));
        if self.text.is_empty() {
            if is_quit {
                return InputStep::Quit;
            }
            if word.eq_ignore_ascii_case(HELP_WORD) {
                return InputStep::Help;
            }
            if commands::is_dot_command(line) {
                return InputStep::Run(line.to_string());
            }
        }
        self.text.push_str(line);
        self.text.push('\n');
        let (items, unterminated) = script::split(&self.text);
        if unterminated.is_none() {
            match items.as_slice() {
                [] => {
                    self.clear();
                    return InputStep::Continue;
                }
                [open, command] if interrupts(open, command) => {
                    let command = command.text.clone();
                    self.text = format!("{}\n", open.text);
                    return InputStep::RunCommand(command);
                }
                [.., last] if last.complete => {
                    let text = std::mem::take(&mut self.text);
                    return InputStep::Run(text.trim_end().to_string());
                }
                _ => {}
            }
        }
        // Statements in front of an open one need not wait for its end.
        if let Some(last) = items.iter().take_while(|item| item.complete).last() {
            let open = self.text.split_off(last.end);
            let text = std::mem::replace(&mut self.text, open.trim_start().to_string());
            return InputStep::Run(text.trim_end().to_string());
        }
        if is_quit {
            InputStep::QuitHint
        } else {
            InputStep::Continue
        }
    }
}

/// Whether `command` runs in the middle of the statement `open`, as `\d` does.
/// Commands that run the statement do not.
fn interrupts(open: &ScriptItem, command: &ScriptItem) -> bool {
    let is_open = open.kind == ItemKind::Statement && !open.complete;
    let takes_statement =
        || commands::find(&command.text).is_ok_and(|(command, _)| command.takes_statement);
    is_open && command.kind == ItemKind::Command && !takes_statement()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps for lines of one buffer, and the text that stays open.
    fn steps(lines: &[&str]) -> (Vec<InputStep>, String) {
        let mut buffer = InputBuffer::default();
        let steps = lines.iter().map(|line| buffer.add(line)).collect();
        (steps, buffer.text)
    }

    fn run(text: &str) -> InputStep {
        InputStep::Run(text.to_string())
    }

    #[test]
    fn complete_input_runs() {
        for line in [
            "SELECT 1;",
            "  SELECT 1;",
            "SELECT 1; SELECT 2;",
            "\\x",
            "SELECT 1 \\g",
            "\\echo it's",
            ".tables",
        ] {
            assert_eq!(steps(&[line]), (vec![run(line)], String::new()), "{line}");
        }
        for line in ["", "   ", "-- only a comment", ";"] {
            let (steps, open) = steps(&[line]);
            assert_eq!(steps, [InputStep::Continue], "{line}");
            assert_eq!(open, "", "{line}");
        }
    }

    #[test]
    fn open_statements_continue() {
        for line in [
            "SELECT 1",
            "SELECT ';",
            "SELECT 1 -- ;",
            "SELECT /* 1;",
            "SELECT $$ 1;",
            ".5",
        ] {
            let (steps, open) = steps(&[line]);
            assert_eq!(steps, [InputStep::Continue], "{line}");
            assert_eq!(open, format!("{line}\n"));
        }
        let (steps, _) = steps(&["SELECT 'a", "", "b'", ";"]);
        assert_eq!(steps[3], run("SELECT 'a\n\nb'\n;"));
    }

    #[test]
    fn statements_in_front_of_an_open_one_run() {
        for (line, ended, rest) in [
            ("SELECT 1; SELECT", "SELECT 1;", "SELECT\n"),
            (
                "SELECT 1;SELECT 2; SELECT '",
                "SELECT 1;SELECT 2;",
                "SELECT '\n",
            ),
            ("SELECT 'é;' ; /* two", "SELECT 'é;' ;", "/* two\n"),
            ("\\x\nSELECT 1;\n (SELECT", "\\x\nSELECT 1;", "(SELECT\n"),
        ] {
            assert_eq!(
                steps(&[line]),
                (vec![run(ended)], rest.to_string()),
                "{line}"
            );
        }
        let (steps, open) = steps(&["SELECT 1; SELECT", "2;"]);
        assert_eq!(steps, [run("SELECT 1;"), run("SELECT\n2;")]);
        assert_eq!(open, "");
    }

    #[test]
    fn commands_in_the_middle_leave_the_statement_open() {
        let (steps, open) = steps(&["SELECT 1,", "\\d t", "\\nonsense", "2 \\g"]);
        let command = |text: &str| InputStep::RunCommand(text.to_string());
        assert_eq!(
            steps[1..],
            [
                command("\\d t"),
                command("\\nonsense"),
                run("SELECT 1,\n2 \\g")
            ]
        );
        assert_eq!(open, "");
    }

    #[test]
    fn words_quit_only_without_an_open_statement() {
        for line in ["quit", " EXIT ; ", "exit"] {
            assert_eq!(steps(&[line]).0, [InputStep::Quit], "{line}");
        }
        assert_eq!(steps(&["help"]).0, [InputStep::Help]);
        let (steps, open) = steps(&["SELECT", "quit", "help"]);
        assert_eq!(steps[1..], [InputStep::QuitHint, InputStep::Continue]);
        assert_eq!(open, "SELECT\nquit\nhelp\n");
    }
}
