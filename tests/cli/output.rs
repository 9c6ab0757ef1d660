//! What results look like in pipes, in files and on a terminal.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{names, program, semql, shop};

/// Text with everything that some format must escape.
const AWKWARD: &str = "SELECT 1 AS n, 'a,\"b\"|c' || chr(10) || chr(9) || '<i>' AS text \
    UNION ALL SELECT 2, NULL UNION ALL SELECT 3, '' ORDER BY n";

fn formatted(format: &str, sql: &str) -> String {
    let folder = shop();
    let done = semql(folder.path(), &["--format", format, "-c", sql]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    done.out
}

#[test]
fn a_table_is_plain_and_whole_in_a_pipe() {
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
fn what_needs_escapes_gets_them_in_every_format() {
    assert_eq!(
        formatted("csv", AWKWARD),
        "n,text\n1,\"a,\"\"b\"\"|c\n\t<i>\"\n2,\n3,\"\"\n"
    );
    assert_eq!(
        formatted("tsv", AWKWARD),
        "n\ttext\n1\ta,\"b\"|c\\n\\t<i>\n2\t\n3\t\n"
    );
    assert_eq!(
        formatted("markdown", AWKWARD),
        "| n | text |\n| ---: | --- |\n| 1 | a,\"b\"\\|c<br> &lt;i> |\n| 2 |  |\n| 3 |  |\n"
    );
    assert!(formatted("table", AWKWARD).contains("│ 1 │ a,\"b\"|c\\n\\t<i> │"));
    let rows: serde_json::Value = serde_json::from_str(&formatted("json", AWKWARD)).unwrap();
    let expected = serde_json::json!([
        {"n": 1, "text": "a,\"b\"|c\n\t<i>"},
        {"n": 2, "text": null},
        {"n": 3, "text": ""},
    ]);
    assert_eq!(rows, expected);
}

#[test]
fn values_of_every_kind_survive_json_and_csv() {
    let sql = "SELECT 'NaN'::DOUBLE AS nan, 9007199254740993 AS big, x'00ff' AS bytes, \
        [1.5, NULL] AS list, named_struct('a', 1, 'b', 'it''s') AS record, \
        DATE '2024-02-29' AS day, 12.50::DECIMAL(10,2) AS price, true AS yes";
    let expected = concat!(
        r#"{"nan":null,"big":9007199254740993,"bytes":"00ff","list":[1.5,null],"#,
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
fn a_result_without_rows_has_its_shape_in_every_format() {
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
fn long_vectors_are_short_in_tables_and_whole_elsewhere() {
    let sql = "SELECT [0.5, 0.25, -1.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0] AS v";
    assert!(formatted("table", sql).contains("[0.5000, 0.2500, -1.0000, … 10 floats]"));
    for format in ["csv", "tsv", "json", "ndjson", "markdown"] {
        let text = formatted(format, sql);
        assert!(text.contains("10.0]") && !text.contains('…'), "{text}");
    }
}

#[test]
fn expanded_rows_and_the_sign_for_null_can_be_chosen() {
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
    let done = command
        .args(["--format", "csv", "-c", "SELECT 1"])
        .stdout(full)
        .output()
        .unwrap();
    let err = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{err}");
    assert!(err.contains("No space left"), "{err}");
}

#[test]
fn a_named_pipe_is_written_to_and_stays_one() {
    let folder = shop();
    let pipe = folder.path().join("pipe");
    if !Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("skipped: this machine makes no named pipes");
        return;
    }
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    let args = ["--format", "csv", "-o", "pipe", "-c", "SELECT 1 AS x"];
    let done = semql(folder.path(), &args);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(reader.join().unwrap(), "x\n1\n");
    assert!(!pipe.metadata().unwrap().is_file());
    assert_eq!(names(folder.path()), ["pipe", "shop.csv"]);
}

/// Charts of the last result, in a pipe.
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

/// Runs a program on a terminal of its own and prints what comes onto its
/// screen. If a text to wait for is given, Ctrl-C follows it.
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

/// The exit code and the screen of 20 lines and 50 columns; `None` where there
/// is no Python.
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
    let Ok(output) = command.output() else {
        println!("skipped: a terminal needs python3 here");
        return None;
    };
    let screen = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!err.contains("Traceback"), "{err}");
    Some((output.status.code(), screen))
}

const WIDE: &str = "SELECT value AS n, repeat('word ', 30) AS text, NULL AS nothing \
    FROM generate_series(1, 2) ORDER BY n";

#[test]
fn a_terminal_shows_types_cuts_texts_and_dims_what_is_less() {
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

    // Without colours the same table is as wide as the screen.
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
fn a_file_gets_whole_rows_also_where_the_screen_is_narrow() {
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
    // `\o` opens a file while the style is that of the screen.
    let args = ["-c", "\\o part.txt", "-c", long];
    on_terminal(folder.path(), &[], "", &args).unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("part.txt")).unwrap(),
        text
    );
}

#[test]
fn only_what_does_not_fit_the_screen_is_paged() {
    let folder = shop();
    let pager = [("PAGER", "cat; echo leafed through")];
    let short = ["-c", "SELECT value FROM generate_series(1, 5)"];
    let long = ["-c", "SELECT value FROM generate_series(1, 50)"];
    let Some((_, screen)) = on_terminal(folder.path(), &pager, "", &long) else {
        return;
    };
    assert!(screen.contains("(50 rows)\nleafed through"), "{screen}");
    let (_, screen) = on_terminal(folder.path(), &pager, "", &short).unwrap();
    assert!(screen.ends_with("(5 rows)\n"), "{screen}");
    // No pager, or one that is not there: the rows come in any case.
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
fn a_long_query_shows_how_far_it_is_and_takes_the_line_away() {
    let folder = shop();
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000) AS a WHERE value % 7 = 8";
    let Some((code, screen)) = on_terminal(folder.path(), &[], " rows", &["-c", endless]) else {
        return;
    };
    assert_eq!(code, Some(130), "{screen:?}");
    let (shown, after) = screen.rsplit_once("\r\u{1b}[K").unwrap();
    assert!(shown.contains(" rows at "), "{screen:?}");
    assert!(
        !after.contains(" rows"),
        "the line is gone at the end: {screen:?}"
    );
    let longest = shown
        .split("\r\u{1b}[K")
        .map(|line| line.chars().count())
        .max();
    assert!(longest < Some(50), "{screen:?}");
}
