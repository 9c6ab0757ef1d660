//! Files outside the served folder, and the network.

use super::FORBIDDEN;
use crate::serve::canary::Canary;

#[test]
fn files_outside_the_served_folder_are_refused() {
    let canary = Canary::start(&[]);
    let secret = canary.outside("secret.csv");
    let served = canary.served();
    let paths = [
        "/etc/passwd".to_string(),
        "file:///etc/passwd".to_string(),
        "/proc/self/environ".to_string(),
        "/dev/zero".to_string(),
        secret.clone(),
        format!("file://{secret}"),
        format!("{}/../outside/secret.csv", served.display()),
        format!("file://{}/../outside/secret.csv", served.display()),
        "../outside/secret.csv".to_string(),
        "./../outside/secret.csv".to_string(),
        "nested/../../outside/secret.csv".to_string(),
        "../outside/*.csv".to_string(),
        "../*/secret.csv".to_string(),
        "link.csv".to_string(),
        "./link.csv".to_string(),
        "nested/../link.csv".to_string(),
        "linked/secret.csv".to_string(),
        "linked/*.csv".to_string(),
        "..".to_string(),
        "../".to_string(),
        "/".to_string(),
    ];
    for path in &paths {
        for statement in [
            format!("SELECT * FROM '{path}'"),
            format!("SUMMARIZE '{path}'"),
            format!("EXPLAIN SELECT * FROM '{path}'"),
            format!("WITH a AS (SELECT * FROM '{path}') SELECT * FROM a"),
            format!("SELECT (SELECT count(*) FROM '{path}')"),
        ] {
            canary.refused(&statement, FORBIDDEN);
        }
        for statement in [
            format!("SELECT * FROM \"{path}\""),
            format!("DESCRIBE '{path}'"),
            format!("COPY (SELECT * FROM '{path}') TO STDOUT"),
            format!("PREPARE p AS SELECT * FROM '{path}'; EXECUTE p"),
            format!("BEGIN; DECLARE c CURSOR FOR SELECT * FROM '{path}'; FETCH ALL FROM c"),
            format!("SELECT * FROM vector_search('{path}', 'x', 2, secret)"),
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{path}'"),
            format!("SELECT embed('x', '{path}')"),
            format!("SET ai.model = '{path}'; SELECT embed('x')"),
        ] {
            canary.fails(&statement);
        }
    }
    for path in [
        "//etc/passwd",
        "file://localhost/etc/passwd",
        "FILE:///etc/passwd",
        "*/../../outside/*.csv",
    ] {
        canary.fails(&format!("SELECT * FROM '{path}'"));
    }
    for path in [
        "%2e%2e/outside/secret.csv",
        "..%2foutside%2fsecret.csv",
        "..\\outside\\secret.csv",
        "*.csv",
        "**/*.csv",
        "l*",
        "lin*/*.csv",
        "{link,shop}.csv",
        ".",
        "",
        "~/secret.csv",
        "$HOME/../outside/secret.csv",
    ] {
        canary.harmless(&format!("SELECT * FROM '{path}'"));
        canary.harmless(&format!("SUMMARIZE '{path}'"));
    }
    // Files of the served folder can be read.
    for (path, count) in [
        ("shop.csv", "3"),
        ("./nested/../shop.csv", "3"),
        ("nested/inner.csv", "1"),
    ] {
        let response = canary.simple(&format!("SELECT count(*) FROM '{path}'"));
        assert_eq!(response.table(), count, "{path}: {}", response.text());
    }
    let whole = format!("SELECT count(*) FROM '{}/shop.csv'", served.display());
    assert_eq!(canary.simple(&whole).table(), "3");
}

#[test]
fn errors_do_not_reveal_what_exists() {
    let canary = Canary::start(&[]);
    let outside = canary.outside("");
    let folders = ["../outside/", "linked/", "nested/../../outside/", &outside];
    let pairs = folders.iter().map(|folder| {
        let of = |name: &str| format!("{folder}{name}");
        (of("secret.csv"), of("absent.csv"))
    });
    let system = ("/etc/passwd".to_string(), "/etc/passwf".to_string());
    let folder = ("/etc".to_string(), "/etf".to_string());
    for (present, absent) in pairs.chain([system, folder]) {
        assert_eq!(
            refusal(&canary, &present),
            refusal(&canary, &absent),
            "{present}"
        );
    }
    for (path, name) in [
        ("/etc/passw", "passwd"),
        ("/etc/", "passwd"),
        ("../outside/secre.csv", "secret.csv"),
        ("../outsid", "outside"),
        ("linked/secre.csv", "secret.csv"),
        ("file:///etc/passw", "passwd"),
    ] {
        for statement in [
            format!("SELECT * FROM '{path}'"),
            format!("SELECT * FROM \"{path}\""),
            format!("SUMMARIZE '{path}'"),
            format!("DESCRIBE '{path}'"),
        ] {
            for response in [canary.simple(&statement), canary.extended(&statement)] {
                assert!(!response.errors.is_empty(), "{statement}");
                let text = response.text().replace(path, "PATH");
                assert!(!text.contains(name), "{statement}: {text}");
            }
        }
    }
}

/// Error of a query on a file, without the file's name.
fn refusal(canary: &Canary, path: &str) -> String {
    let response = canary.simple(&format!("SELECT * FROM '{path}'"));
    let name = path.rsplit('/').next().unwrap_or(path);
    response.text().replace(path, "PATH").replace(name, "NAME")
}

#[test]
fn the_network_is_not_reached() {
    let canary = Canary::start(&[]);
    let local = format!("{}/x.csv", canary.url());
    for url in [
        local.as_str(),
        "http://example.com/x.csv",
        "https://example.com/x.parquet",
        "s3://bucket/x.parquet",
        "s3://bucket/*.parquet",
        "hf://datasets/owner/name/x.csv",
        "hf://datasets/owner/name/*.csv",
    ] {
        for statement in [
            format!("SELECT * FROM '{url}'"),
            format!("SUMMARIZE '{url}'"),
            format!("EXPLAIN SELECT * FROM '{url}'"),
        ] {
            canary.refused(&statement, FORBIDDEN);
        }
        for statement in [
            format!("SELECT * FROM \"{url}\""),
            format!("DESCRIBE '{url}'"),
            format!("COPY shop TO '{url}'"),
            format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{url}'"),
            format!("SELECT embed('x', '{url}')"),
            format!("SELECT * FROM vector_search('{url}', 'x', 2, title)"),
        ] {
            canary.fails(&statement);
        }
    }
    for url in [
        "HTTP://example.com/x.csv",
        "gs://b/x.csv",
        "az://b/x.csv",
        "ftp://b/x.csv",
        "unix:///x",
        "data:,1",
    ] {
        canary.fails(&format!("SELECT * FROM '{url}'"));
    }
    for statement in [
        "SELECT embed('x', 'owner/name')",
        "SET ai.model = 'owner/name'; SELECT embed('x')",
        "SELECT ai_classify('x', ['a', 'b'], 'owner/name')",
    ] {
        canary.fails(statement);
    }
}
