//! The prompt, through a pseudo-terminal that Python opens.

use std::path::Path;
use std::process::Command;

use super::{shop, tool};

/// Waits for each text on the screen, then types the next one; prints the screen
/// and the exit code. Fails if a text does not appear in time.
const DRIVER: &str = r#"
import os, pty, select, sys

program, steps = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(program, [program])
screen, seen = "", 0

def read():
    global screen
    if not select.select([terminal], [], [], 60)[0]:
        sys.exit("no output in time; the screen: " + repr(screen))
    try:
        data = os.read(terminal, 65536)
    except OSError:
        data = b""
    screen += data.decode(errors="replace")
    return data

for expected, typed in zip(steps[::2], steps[1::2]):
    while expected not in screen[seen:]:
        if not read():
            sys.exit("the program ended early; the screen: " + repr(screen))
    seen = screen.index(expected, seen) + len(expected)
    os.write(terminal, typed.encode())
while read():
    pass
print(screen)
print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// Text of the screen with escape codes; `None` without Python.
pub fn screen(folder: &Path, steps: &[(&str, &str)]) -> Option<String> {
    screen_with(folder, &[], steps)
}

/// The same with variables of the environment.
pub fn screen_with(
    folder: &Path,
    variables: &[(&str, &str)],
    steps: &[(&str, &str)],
) -> Option<String> {
    let flat: Vec<&str> = steps
        .iter()
        .flat_map(|(expected, typed)| [*expected, *typed])
        .collect();
    let mut command = Command::new("python3");
    command
        .args(["-c", DRIVER, env!("CARGO_BIN_EXE_semql")])
        .args(flat)
        .current_dir(folder)
        .env("HOME", folder)
        .env("TERM", "xterm")
        .env("VISUAL", "sh editor.sh")
        .env("SEMQL_HISTORY", folder.join("history"))
        .env_remove("SEMQLRC")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("HISTCONTROL")
        .envs(variables.iter().copied());
    let done = tool(&mut command)?;
    assert_eq!(done.code, Some(0), "{}", done.err);
    Some(done.out)
}

pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";
pub const PROMPT: &str = "semql> ";

#[test]
fn statements_span_lines_and_the_last_result_is_a_table() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            ("Ctrl-D quits", ""),
            (PROMPT, "SELECT 20 + 1 AS x\nUNION ALL SELECT 30;\n"),
            ("(2 rows)", ""),
            (PROMPT, "SELECT sum(x) + 100 AS total FROM _;\n"),
            ("151", ""),
            (PROMPT, "SELECT nothing;\n"),
            ("No field named nothing", ""),
            (PROMPT, CTRL_D),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with("exit code 0\n"), "{screen}");
    let history = std::fs::read_to_string(folder.path().join("history")).unwrap();
    assert!(
        history.contains("SELECT sum(x) + 100 AS total FROM _;"),
        "{history}"
    );
}

#[test]
fn ctrl_c_cancels_the_line_or_the_query_and_shows_the_prompt() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            (PROMPT, "SELECT half a line\n"),
            ("semql-> ", "twice more"),
            ("twice more", CTRL_C),
            // The line editor restores the terminal.
            ("\x1b[?2004l", ""),
            (
                PROMPT,
                "SELECT 1 AS up; SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8;\n",
            ),
            ("(1 row)", CTRL_C),
            ("Interrupted.", ""),
            (PROMPT, "SELECT 6 * 7 AS answer;\n"),
            ("42", ""),
            (PROMPT, "\\q\n"),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with("exit code 0\n"), "{screen}");
}

#[test]
fn tab_completes_keywords_tables_columns_files_labels_and_commands() {
    let folder = shop();
    let Some(screen) = screen(
        folder.path(),
        &[
            (
                PROMPT,
                "CREATE TABLE wardrobe AS SELECT 1 AS drawers, 2 AS doors;\n",
            ),
            ("created table", ""),
            (PROMPT, "SEL\t"),
            ("SELECT", " * FROM wardr\t"),
            ("wardrobe", " WHERE draw\t"),
            ("drawers", " = 1;\n"),
            ("(1 row)", ""),
            (PROMPT, "SELECT 'Movies\t"),
            ("Movies, Music", "' AS label FROM 'sho\t"),
            ("shop.csv", "' LIMIT 1;\n"),
            ("(1 row)", ""),
            (PROMPT, "\\timi\t"),
            ("timing ", "on\n"),
            ("Timing is on.", ""),
            (PROMPT, "SET ai.taxo\t"),
            ("ai.taxonomy", " = 'product_category';\n"),
            ("Time: ", ""),
            (PROMPT, CTRL_D),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with("exit code 0\n"), "{screen}");
}

#[test]
fn the_editor_opens_the_last_statement_and_the_result_runs() {
    let folder = shop();
    std::fs::write(
        folder.path().join("editor.sh"),
        "echo 'SELECT 5 * 5 AS y;' >> \"$1\"\n",
    )
    .unwrap();
    let Some(screen) = screen(
        folder.path(),
        &[
            (PROMPT, "SELECT 1 + 1 AS x;\n"),
            ("(1 row)", ""),
            (PROMPT, "\\e\n"),
            ("(1 row)", ""),
            ("25", ""),
            ("(1 row)", ""),
            (PROMPT, CTRL_D),
        ],
    ) else {
        return;
    };
    assert!(screen.ends_with("exit code 0\n"), "{screen}");
}
