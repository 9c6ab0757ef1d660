//! Formats of results in pipes, in files and on a terminal.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use super::{Done, names, program, semql, shop, tool};
use crate::support::process::{self, PROCESS_TIMEOUT};

/// Rows with every character that some format escapes, NULL and an empty text.
const SPECIAL_CHARACTERS: &str = "SELECT 1 AS n, 'a,\"b\"|c' || chr(10) || chr(9) || '<i>' AS text \
    UNION ALL SELECT 2, NULL UNION ALL SELECT 3, '' ORDER BY n";

fn formatted(format: &str, sql: &str) -> String {
    let folder = shop();
    let done = semql(folder.path(), &["--format", format, "-c", sql]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    done.out
}

#[test]
fn a_table_in_a_pipe_is_plain_and_complete() {
    let folder = shop();
    let sql =
        "SELECT id, title, CASE WHEN id < 3 THEN price END AS price FROM 'shop.csv' ORDER BY id";
    let done = semql(folder.path(), &["-c", sql]);
    let expected = "\
┌────┬───────────┬───────┐
│ id │ title     │ price │
├────┼───────────┼───────┤
│  1 │ red shoes │    20 │
│  2 │ tea pot   │    15 │
│  3 │ pen; blue │  NULL │
└────┴───────────┴───────┘
(3 rows)
";
    assert_eq!((done.out.as_str(), done.err.as_str()), (expected, ""));
    let long = "SELECT value, repeat('x', 300) AS text FROM generate_series(1, 30000)";
    let done = semql(folder.path(), &["-c", long]);
    assert_eq!(done.out.lines().count(), 3 + 30_000 + 2);
    let wide = format!("│ 15000 │ {} │", "x".repeat(300));
    assert!(done.out.lines().any(|line| line == wide));
}

#[test]
fn every_format_escapes_special_characters() {
    assert_eq!(
        formatted("csv", SPECIAL_CHARACTERS),
        "n,text\n1,\"a,\"\"b\"\"|c\n\t<i>\"\n2,\n3,\"\"\n"
    );
    assert_eq!(
        formatted("tsv", SPECIAL_CHARACTERS),
        "n\ttext\n1\ta,\"b\"|c\\n\\t<i>\n2\t\n3\t\n"
    );
    assert_eq!(
        formatted("markdown", SPECIAL_CHARACTERS),
        "| n | text |\n| ---: | --- |\n| 1 | a,\"b\"\\|c<br> &lt;i> |\n| 2 |  |\n| 3 |  |\n"
    );
    assert!(formatted("table", SPECIAL_CHARACTERS).contains("│ 1 │ a,\"b\"|c\\n\\t<i> │"));
    let rows: serde_json::Value =
        serde_json::from_str(&formatted("json", SPECIAL_CHARACTERS)).unwrap();
    let expected = serde_json::json!([
        {"n": 1, "text": "a,\"b\"|c\n\t<i>"},
        {"n": 2, "text": null},
        {"n": 3, "text": ""},
    ]);
    assert_eq!(rows, expected);
}

#[test]
fn json_and_csv_keep_values_of_every_type() {
    let sql = "SELECT 'NaN'::DOUBLE AS nan, 9007199254740993 AS big, x'00ff' AS bytes, \
        [1.5, NULL] AS list, named_struct('a', 1, 'b', 'it''s') AS record, \
        DATE '2024-02-29' AS day, 12.50::DECIMAL(10,2) AS price, true AS yes";
    let expected = concat!(
        r#"{"nan":"NaN","big":9007199254740993,"bytes":"00ff","list":[1.5,null],"#,
        r#""record":{"a":1,"b":"it's"},"day":"2024-02-29","price":12.50,"yes":true}"#,
        "\n"
    );
    assert_eq!(formatted("ndjson", sql), expected);
    let row = concat!(
        r#"NaN,9007199254740993,00ff,"[1.5,null]","{""a"":1,""b"":""it's""}","#,
        "2024-02-29,12.50,true"
    );
    assert_eq!(formatted("csv", sql).lines().nth(1), Some(row));
}

#[test]
fn json_refuses_two_members_of_one_name() {
    let folder = tempfile::tempdir().unwrap();
    for sql in [
        "SELECT * FROM (SELECT 1 AS id) a, (SELECT 2 AS id) b",
        "SELECT 1 AS n, named_struct('id', 1, 'id', 2) AS s",
    ] {
        for format in ["json", "ndjson"] {
            let done = semql(folder.path(), &["-q", "--format", format, "-c", sql]);
            assert_eq!(done.code, Some(1), "{sql}: {}", done.out);
            assert!(done.err.contains("'id'"), "{}", done.err);
            assert_eq!(done.out, "");
        }
        for target in ["x.jsonl", "x.json", "x.parquet"] {
            let copy = format!("COPY ({sql}) TO '{target}'");
            let done = semql(folder.path(), &["-q", "-c", &copy]);
            assert_eq!(done.code, Some(1), "{copy}");
            assert!(done.err.contains("'id'"), "{}", done.err);
            assert!(!folder.path().join(target).exists());
        }
    }
}

#[test]
fn an_empty_result_is_valid_in_every_format() {
    let sql = "SELECT 1 AS n, 'x' AS text WHERE false";
    for (format, expected) in [
        ("csv", "n,text\n"),
        ("tsv", "n\ttext\n"),
        ("json", "[]\n"),
        ("ndjson", ""),
        ("markdown", "| n | text |\n| ---: | --- |\n"),
    ] {
        assert_eq!(formatted(format, sql), expected, "{format}");
    }
    assert!(formatted("table", sql).ends_with("(0 rows)\n"));
}

#[test]
fn long_vectors_are_abbreviated_in_tables_only() {
    let sql = "SELECT [0.5, 0.25, -1.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0] AS v";
    assert!(formatted("table", sql).contains("[0.5000, 0.2500, -1.0000, … 10 floats]"));
    for format in ["csv", "tsv", "json", "ndjson", "markdown"] {
        let text = formatted(format, sql);
        assert!(text.contains("10.0]") && !text.contains('…'), "{text}");
    }
}

#[test]
fn expanded_rows_and_the_text_of_null_are_options() {
    let folder = shop();
    let script = "\\x on\n\\pset null ∅\nSELECT 1 AS id, NULL AS title;\n";
    let done = super::semql_reading(folder.path(), &[], script);
    assert_eq!(
        done.out, "─[ row 1 ]─\nid    │ 1\ntitle │ ∅\n(1 row)\n",
        "{}",
        done.err
    );
}

#[test]
fn a_misspelt_format_is_a_usage_error() {
    let folder = shop();
    let done = semql(folder.path(), &["--format", "jsn", "-c", "SELECT 1"]);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
    assert!(done.err.contains("json"), "{}", done.err);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = shop();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = program(folder.path());
    command
        .args(["--format", "csv", "-c", "SELECT 1"])
        .stdout(full)
        .stderr(Stdio::piped());
    let done = Done::from(process::wait(command.spawn().unwrap()));
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("No space left"), "{}", done.err);
}

#[test]
fn a_named_pipe_is_written_and_not_replaced() {
    let folder = shop();
    let pipe = folder.path().join("pipe");
    let Some(done) = tool(Command::new("mkfifo").arg(&pipe)) else {
        return;
    };
    assert_eq!(done.code, Some(0), "{}", done.err);
    let (sender, receiver) = channel();
    std::thread::spawn({
        let pipe = pipe.clone();
        move || sender.send(fs::read_to_string(pipe))
    });
    let args = ["--format", "csv", "-o", "pipe", "-c", "SELECT 1 AS x"];
    let done = semql(folder.path(), &args);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let read = receiver.recv_timeout(PROCESS_TIMEOUT).unwrap();
    assert_eq!(read.unwrap(), "x\n1\n");
    assert!(!pipe.metadata().unwrap().is_file());
    assert_eq!(names(folder.path()), ["pipe", "shop.csv"]);
}

/// Output of a chart of the last result, in a pipe.
fn charted(sql: &str, chart: &str) -> String {
    let folder = shop();
    let done = semql(
        folder.path(),
        &["--format", "ndjson", "-c", sql, "-c", chart],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let lines: Vec<&str> = done
        .out
        .lines()
        .filter(|line| !line.starts_with('{'))
        .collect();
    assert!(!done.out.contains('\u{1b}'), "{}", done.out);
    lines.join("\n")
}

#[test]
fn bars_have_labels_values_shares_and_a_total() {
    let counts =
        "SELECT * FROM (VALUES ('Books', 30), ('Sports', 15), (NULL, 15)) AS t(category, n)";
    let chart = charted(counts, "\\chart");
    let lines: Vec<&str> = chart.lines().collect();
    assert_eq!(lines[0], "n by category");
    assert!(
        lines[1].starts_with("Books  │██") && lines[1].ends_with("30  50.0%"),
        "{chart}"
    );
    assert!(
        lines[3].starts_with("NULL   │██") && lines[3].ends_with("15  25.0%"),
        "{chart}"
    );
    assert!(
        lines[4].starts_with("total ") && lines[4].ends_with(" 60"),
        "{chart}"
    );
    let blocks = |line: &str| line.matches('█').count();
    assert!(
        blocks(lines[1]).abs_diff(2 * blocks(lines[2])) <= 1,
        "{chart}"
    );
}

#[test]
fn other_charts_draw_numbers_and_times() {
    let sql = "SELECT value AS n, to_timestamp(value * 86400) AS day FROM generate_series(1, 64)";
    let chart = charted(sql, "\\chart hist n");
    let counted: f64 = chart
        .lines()
        .filter(|line| line.contains('│'))
        .map(|line| {
            line.split_whitespace()
                .rev()
                .nth(1)
                .unwrap()
                .parse::<f64>()
                .unwrap()
        })
        .sum();
    assert_eq!(counted, 64.0, "{chart}");
    for kind in ["line", "scatter"] {
        let chart = charted(sql, &format!("\\chart {kind} day n"));
        assert!(chart.starts_with("n over day\n"), "{chart}");
        assert!(
            chart.contains("1970-01-02") && chart.contains("1970-03-06"),
            "{chart}"
        );
    }
}

/// Script that runs a program on a pseudo-terminal and prints its output. It sends
/// Ctrl-C after the text `wanted`, unless that is empty.
const TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios

rows, columns, wanted, program, *args = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    size = struct.pack("HHHH", int(rows), int(columns), 0, 0)
    fcntl.ioctl(1, termios.TIOCSWINSZ, size)
    os.execv(program, [program] + args)
screen, pressed = b"", False
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    screen += data
    if wanted and not pressed and wanted.encode() in screen:
        os.write(terminal, b"\x03")
        pressed = True
sys.stdout.buffer.write(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// Exit code and output on a terminal of 20 lines and 50 columns; skips the test on
/// a machine without Python.
fn on_terminal(
    folder: &Path,
    settings: &[(&str, &str)],
    wanted: &str,
    args: &[&str],
) -> Option<(Option<i32>, String)> {
    let mut command = Command::new("python3");
    command
        .args([
            "-c",
            TERMINAL,
            "20",
            "50",
            wanted,
            env!("CARGO_BIN_EXE_semql"),
        ])
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env("TERM", "xterm")
        .env("PAGER", "")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("SEMQLRC")
        .env_remove("NO_COLOR")
        .envs(settings.iter().copied());
    let done = tool(&mut command)?;
    assert!(!done.err.contains("Traceback"), "{}", done.err);
    Some((done.code, done.out.replace("\r\n", "\n")))
}

const WIDE: &str = "SELECT value AS n, repeat('word ', 30) AS text, NULL AS nothing \
    FROM generate_series(1, 2) ORDER BY n";

#[test]
fn a_terminal_shows_types_truncated_texts_and_dim_nulls() {
    let folder = shop();
    let Some((code, screen)) = on_terminal(folder.path(), &[], "", &["-c", WIDE]) else {
        return;
    };
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("\u{1b}[1m text"), "{screen:?}");
    assert!(screen.contains("\u{1b}[2m BIGINT "), "{screen:?}");
    assert!(
        screen.contains("(2 rows)") && screen.contains("word w"),
        "{screen}"
    );

    // Without colours, the table has the width of the terminal.
    let plain = [("NO_COLOR", "1")];
    let (_, screen) = on_terminal(folder.path(), &plain, "", &["-c", WIDE]).unwrap();
    assert!(!screen.contains('\u{1b}'), "{screen:?}");
    let row = screen.lines().find(|line| line.starts_with("│ 1")).unwrap();
    assert_eq!(row.chars().count(), 50, "{screen}");
    assert!(
        row.contains("… │    NULL │") || row.contains("… │ NULL"),
        "{screen}"
    );
}

#[test]
fn a_file_has_complete_rows_with_a_narrow_terminal() {
    let folder = shop();
    let long = "SELECT value AS n, repeat('word ', 30) AS text FROM generate_series(1, 1500)";
    let args = ["-o", "out.txt", "-c", long];
    let Some((code, screen)) = on_terminal(folder.path(), &[], "", &args) else {
        return;
    };
    assert_eq!((code, screen.as_str()), (Some(0), ""));
    let text = fs::read_to_string(folder.path().join("out.txt")).unwrap();
    assert_eq!(text.lines().count(), 3 + 1500 + 2);
    assert!(text.contains(&format!("│ {} │", "word ".repeat(30))) && !text.contains('\u{1b}'));
    // `\o` opens a file while the style is that of the terminal.
    let args = ["-c", "\\o part.txt", "-c", long];
    on_terminal(folder.path(), &[], "", &args).unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("part.txt")).unwrap(),
        text
    );
}

#[test]
fn only_results_longer_than_the_terminal_are_paged() {
    let folder = shop();
    let pager = [("PAGER", "cat; echo paged")];
    let short = ["-c", "SELECT value FROM generate_series(1, 5)"];
    let long = ["-c", "SELECT value FROM generate_series(1, 50)"];
    let Some((_, screen)) = on_terminal(folder.path(), &pager, "", &long) else {
        return;
    };
    assert!(screen.contains("(50 rows)\npaged"), "{screen}");
    let (_, screen) = on_terminal(folder.path(), &pager, "", &short).unwrap();
    assert!(screen.ends_with("(5 rows)\n"), "{screen}");
    // Without a pager, or with a missing one, the rows are printed.
    for pager in ["", "no-such-pager"] {
        let (code, screen) = on_terminal(folder.path(), &[("PAGER", pager)], "", &long).unwrap();
        assert_eq!(code, Some(0), "{screen}");
        assert!(
            screen.contains("     50 │") && screen.ends_with("(50 rows)\n"),
            "{screen}"
        );
    }
}

#[test]
fn a_long_query_shows_progress_and_erases_the_line() {
    let folder = shop();
    let long_query =
        "SELECT count(*) FROM generate_series(1, 1000000000000) AS a WHERE value % 7 = 8";
    let Some((code, screen)) = on_terminal(folder.path(), &[], " rows", &["-c", long_query]) else {
        return;
    };
    assert_eq!(code, Some(130), "{screen:?}");
    let (shown, after) = screen.rsplit_once("\r\u{1b}[K").unwrap();
    assert!(shown.contains(" rows at "), "{screen:?}");
    assert!(
        !after.contains(" rows"),
        "the line is erased at the end: {screen:?}"
    );
    let longest = shown
        .split("\r\u{1b}[K")
        .map(|line| line.chars().count())
        .max();
    assert!(longest < Some(50), "{screen:?}");
}
