//! Names that users of psql type: other names of commands, and commands that are absent.

/// Other names of commands.
pub const ALIASES: &[(&str, &str)] = &[
    ("help", "h"),
    ("quit", "q"),
    ("include", "i"),
    ("include_relative", "i"),
    ("ir", "i"),
    ("out", "o"),
    ("print", "p"),
    ("reset", "r"),
    ("edit", "e"),
    ("qecho", "echo"),
    ("list", "l"),
    ("list+", "l"),
    ("l+", "l"),
    ("dS", "d"),
    ("dS+", "d+"),
    ("dt+", "dt"),
    ("dtv", "dt"),
    ("dv+", "dv"),
    ("dn+", "dn"),
    ("df+", "df"),
    ("det", "dt"),
];

/// Commands of psql that are absent, and what serves instead.
pub const ABSENT: &[(&[&str], &str)] = &[
    (
        &["du", "du+", "dg", "dg+"],
        "a session has no roles; `semql serve --help` describes the user of a server",
    ),
    (
        &["dp", "z", "ddp"],
        "a session has no privileges; `semql serve --help` lists what clients of a server may do",
    ),
    (
        &["c", "connect"],
        "the engine is in this process: \\d 'FILE' shows a file, and --data-dict names the tables",
    ),
    (
        &["password", "encoding"],
        "a session needs no password, and texts are UTF-8",
    ),
    (
        &["dx", "dx+"],
        "\\df lists the functions and \\dm the models",
    ),
    (
        &["dT", "dT+", "dD"],
        "SELECT arrow_typeof(x) and \\d TABLE show types",
    ),
    (&["ds", "ds+"], "\\d+ TABLE shows identity columns"),
    (&["dm+", "dE"], "\\dm lists the models and \\dt the tables"),
    (&["sf", "sf+", "ef"], "\\h NAME explains a function"),
    (
        &["sv", "sv+", "ev"],
        "\\d+ VIEW shows the definition of a view",
    ),
    (
        &["gdesc"],
        "DESCRIBE SELECT ... shows the columns of a query",
    ),
    (
        &["gexec", "crosstabview", "bind", "parse", "errverbose"],
        "\\g runs a statement",
    ),
    (
        &["a", "H", "t", "f", "C", "T"],
        "\\format csv, tsv or markdown changes the format, and \\pset lists the other settings",
    ),
    (
        &["if", "elif", "else", "endif"],
        "run another file with \\i, or use CASE in SQL",
    ),
    (
        &["prompt", "getenv", "setenv"],
        "\\set NAME VALUE and `semql -v NAME=VALUE` set variables",
    ),
    (
        &["cd"],
        "start semql in the folder, since tables and the dictionary are relative to it",
    ),
    (
        &["w", "write"],
        "\\p prints the statement and \\s FILE writes the history",
    ),
    (&["copyright"], "`semql --version` shows the version"),
    (&["warn"], "\\echo writes to the results"),
];

/// What serves instead of the command `name` of psql, if it is absent.
pub fn absent(name: &str) -> Option<&'static str> {
    let mut list = ABSENT.iter();
    let found = list.find(|(names, _)| names.contains(&name));
    found.map(|(_, instead)| *instead)
}
