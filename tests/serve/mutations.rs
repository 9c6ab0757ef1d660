//! Mutated statements of clients without write permission: no file appears, and
//! the server answers.

use super::canary::{Canary, fill, shortened};
use super::wire::{WireClient, WireResponse};
use crate::support::random::Random;

/// Statements of a run, unless `SEMQL_MUTATIONS` gives a number.
const DEFAULT_STATEMENTS: usize = 1000;

/// Statements of one connection.
const STATEMENTS_PER_CONNECTION: usize = 25;

const MAX_MUTATIONS: usize = 4;

const SEED: u64 = 7;

/// Statements that write; `FILE` becomes a file that must not appear, and `@`
/// a number.
const WRITES: &[&str] = &[
    "COPY shop TO 'FILE'",
    "COPY (SELECT 1 AS a) TO 'FILE' STORED AS CSV",
    "COPY (SELECT title FROM shop) TO 'FILE.parquet'",
    "CREATE TABLE stolen@ AS SELECT 1 AS a",
    "CREATE VIEW stolen@ AS SELECT 1 AS a",
    "CREATE EXTERNAL TABLE stolen@ STORED AS CSV LOCATION 'shop.csv'",
    "CREATE INDEX stolen@ ON shop USING hnsw (title)",
    "CREATE MODEL stolen@ FROM (SELECT title, price FROM shop) PREDICT price",
    "CREATE MODEL stolen@ FROM (SELECT title, title AS name FROM shop) EXTRACT name",
    "EXPORT MODEL stolen@ TO 'FILE'",
    "SELECT id INTO stolen@ FROM shop",
    "INSERT INTO shop VALUES (9, 'stolen', 9)",
    "DROP TABLE shop",
    "SET ai.cache = 'FILE'; SELECT embed('x')",
    "SET ai.onnxruntime = 'FILE'; SELECT embed('x')",
    "SET datafusion.runtime.temp_directory = 'FILE'",
    "SELECT ai_cache_clear()",
];

const READS: &[&str] = &[
    "SELECT 1",
    "SELECT title, price FROM shop WHERE id > 1",
    "SELECT count(*) AS `n` FROM shop",
    "SELECT \"title\" FROM shop ORDER BY price",
    "SELECT embed('x')",
    "WITH a AS (SELECT 1 AS b) SELECT * FROM a",
    "VALUES (1, 'a'), (2, 'b')",
    "SHOW TABLES",
    "DESCRIBE shop",
    "SUMMARIZE shop",
    "SET application_name = 'x'",
];

/// Statements with a read `R` and a write `W`. Some parsers find `W` in a string,
/// a name or a comment, and others find a statement.
const COMBINATIONS: &[&str] = &[
    "W",
    "R; W",
    "W; R",
    "/*! W */",
    "/*! W ; */ R",
    "/*!50000 ; W ; */ R",
    "R /*! ; W */",
    "/*+ W */ R",
    "/* /* */ W ; */ R",
    "R -- x\r; W",
    "# x\nW",
    "SELECT `; W; --`",
    "SELECT 1 AS \"`\"; W; --`",
    "SELECT '\\'; W; --'",
    "SELECT E'\\'; W; --'",
    "SELECT \"\\\"; W; --\"",
    "SELECT $$ ; W ; $$",
    "SELECT $a$ ; W ; $a$",
    "SELECT $a$ $$ ; W ; $$ $a$",
    "SELECT U&'\\'; W; --'",
    "DECLARE c@ CURSOR FOR W",
    "DECLARE c@ CURSOR FOR R; W",
    "DECLARE c@ CURSOR FOR SELECT `; W; --`",
    "PREPARE p@ AS W; EXECUTE p@",
    "PREPARE p@ AS R; W",
    "EXECUTE IMMEDIATE 'W'",
    "COPY (W) TO STDOUT",
    "COPY (R) TO STDOUT; W",
    "DO $$ W $$",
];

/// Statements around a statement.
const WRAPPERS: &[(&str, &str)] = &[
    ("EXPLAIN ", ""),
    ("EXPLAIN ANALYZE ", ""),
    ("EXPLAIN ANALYZE VERBOSE ", ""),
    ("EXPLAIN (ANALYZE) ", ""),
    ("EXPLAIN FORMAT TREE ", ""),
    ("DECLARE c CURSOR FOR ", ""),
    ("DECLARE c CURSOR WITH HOLD FOR ", "; FETCH ALL FROM c"),
    ("PREPARE p AS ", ""),
    ("PREPARE p AS ", "; EXECUTE p"),
    ("WITH a AS (", ") SELECT * FROM a"),
    ("SELECT * FROM (", ") AS a"),
    ("SELECT (", ")"),
    ("SELECT EXISTS (", ")"),
    ("(", ")"),
    ("COPY (", ") TO STDOUT"),
    ("SUMMARIZE ", ""),
    ("DESCRIBE ", ""),
    ("BEGIN; ", "; COMMIT"),
    ("BEGIN READ WRITE; ", "; COMMIT"),
    ("SET default_transaction_read_only = off; ", ""),
    ("/*! ", " */"),
    ("/*! ; ", " ; */ SELECT 1"),
    ("SELECT 1 /*! ; ", " */"),
    ("SELECT $$", "$$"),
    ("SELECT '", "'"),
    ("SELECT `", "`"),
];

/// Text between two words.
const SEPARATORS: &[&str] = &[
    "/**/",
    "/* x */",
    "/*!*/",
    "/*! */",
    "/* /* */ */",
    "/* ' */",
    "/* ` */",
    "-- x\n",
    "-- '\n",
    "-- x\r",
    "#x\n",
    "//x\n",
    "\t",
    "\n",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{a0}",
    "\u{2003}",
    "\u{2028}",
    "\u{3000}",
    "\u{feff}",
    "\u{200b}",
    ";",
    "()",
];

/// Quotes in place of `'`.
const QUOTES: &[(&str, &str)] = &[
    ("\"", "\""),
    ("`", "`"),
    ("$$", "$$"),
    ("$t$", "$t$"),
    ("E'", "'"),
    ("e'\\", "'"),
    ("N'", "'"),
    ("U&'", "'"),
    ("X'", "'"),
    ("[", "]"),
    ("'''", "'''"),
    ("\u{2018}", "\u{2019}"),
];

/// Position of a character boundary in `text`.
fn boundary(random: &mut Random, text: &str) -> usize {
    let positions: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    match positions.is_empty() {
        true => 0,
        false => random.pick(&positions),
    }
}

fn separate(random: &mut Random, sql: &str) -> String {
    let spaces: Vec<usize> = sql.match_indices(' ').map(|(at, _)| at).collect();
    if spaces.is_empty() {
        return sql.to_string();
    }
    let at = random.pick(&spaces);
    let separator = random.pick(SEPARATORS);
    // The space is kept in half of the cases.
    let rest = at + random.below(2);
    format!("{}{separator}{}", &sql[..at], &sql[rest..])
}

fn requote(random: &mut Random, sql: &str) -> String {
    let (open, close) = random.pick(QUOTES);
    let mut parts = sql.split('\'');
    let mut requoted = parts.next().unwrap_or_default().to_string();
    for (number, part) in parts.enumerate() {
        requoted.push_str(if number % 2 == 0 { open } else { close });
        requoted.push_str(part);
    }
    requoted
}

fn change_case(random: &mut Random, sql: &str) -> String {
    let letters = sql.chars().map(|letter| match random.below(2) {
        0 => letter.to_ascii_lowercase(),
        _ => letter.to_ascii_uppercase(),
    });
    letters.collect()
}

fn insert_token(random: &mut Random, sql: &str) -> String {
    const TOKENS: &[&str] = &[
        ";", "'", "\"", "`", "$$", "$a$", "\\", "(", ")", "/*", "*/", "/*!", "--", "#", "\u{feff}",
    ];
    let at = boundary(random, sql);
    let token = random.pick(TOKENS);
    format!("{}{token}{}", &sql[..at], &sql[at..])
}

fn cut(random: &mut Random, sql: &str) -> String {
    let (from, to) = (boundary(random, sql), boundary(random, sql));
    format!("{}{}", &sql[..from.min(to)], &sql[from.max(to)..])
}

fn nest(random: &mut Random, sql: &str) -> String {
    let depth = 1 + random.below(60);
    format!("{}{sql}{}", "(".repeat(depth), ")".repeat(depth))
}

fn wrap(random: &mut Random, sql: &str) -> String {
    let (before, after) = random.pick(WRAPPERS);
    format!("{before}{sql}{after}")
}

fn add_semicolons(random: &mut Random, sql: &str) -> String {
    match random.below(3) {
        0 => format!(";;{sql}"),
        1 => format!("{sql};;"),
        _ => format!(" ; {sql} ; ; "),
    }
}

fn append_statement(random: &mut Random, sql: &str) -> String {
    let read = random.pick(READS);
    match random.below(2) {
        0 => format!("{read};{sql}"),
        _ => format!("{sql};{read}"),
    }
}

type Mutation = fn(&mut Random, &str) -> String;

const MUTATIONS: &[Mutation] = &[
    separate,
    separate,
    separate,
    requote,
    requote,
    change_case,
    insert_token,
    cut,
    nest,
    wrap,
    wrap,
    wrap,
    add_semicolons,
    append_statement,
];

/// The statement of a number; `files` must not appear.
fn statement(random: &mut Random, number: usize, files: &[String]) -> String {
    let file = &files[random.below(files.len())];
    let template = random.pick(WRITES);
    let write = fill(template, &[("FILE", file)]);
    let read = random.pick(READS);
    let combination = random.pick(COMBINATIONS);
    let mut sql =
        fill(combination, &[("R", read), ("W", &write)]).replace('@', &number.to_string());
    for _ in 0..random.below(MAX_MUTATIONS + 1) {
        let mutation = random.pick(MUTATIONS);
        sql = mutation(random, &sql);
    }
    // A zero byte would end the text in the message.
    sql.replace('\0', "")
}

/// Runs a statement, and rolls back the transaction that it began, if any.
fn run(client: &mut WireClient, sql: &str, extended: bool) -> std::io::Result<WireResponse> {
    let response = match extended {
        true => client.extended(sql, &[], 0)?,
        false => client.simple(sql)?,
    };
    if response.status.is_some_and(|status| status != b'I') {
        client.simple("ROLLBACK")?;
    }
    Ok(response)
}

#[test]
fn mutated_statements_write_nothing() {
    let count = std::env::var("SEMQL_MUTATIONS").ok();
    let count = count.and_then(|count| count.parse().ok());
    let canary = Canary::start(&[]);
    let files = [
        "stolen.csv".to_string(),
        "nested/stolen.csv".to_string(),
        "../outside/stolen.csv".to_string(),
        "linked/stolen.csv".to_string(),
        canary.outside("stolen.csv"),
    ];
    let mut random = Random::new(SEED);
    let (mut answered, mut refused) = (0u32, 0u32);
    let mut client = canary.connect();
    for number in 0..count.unwrap_or(DEFAULT_STATEMENTS) {
        let sql = statement(&mut random, number, &files);
        for extended in [false, true] {
            let response = run(&mut client, &sql, extended)
                .unwrap_or_else(|error| panic!("{error}: {}: {}", shortened(&sql), canary.log()));
            match response.errors.is_empty() {
                true => answered += 1,
                false => refused += 1,
            }
            canary.verify_effects(&sql);
            if response.status.is_none() {
                client = canary.connect();
            }
        }
        if number % STATEMENTS_PER_CONNECTION == 0 {
            client = canary.connect();
            canary.verify_tables(&sql);
        }
    }
    canary.verify("the last statement");
    canary.verify_tables("the last statement");
    println!("{answered} statements answered, {refused} refused");
    // Both occur, so the mutations are neither all valid nor all invalid.
    assert!(answered > 0 && refused > 0, "{answered}, {refused}");
}
