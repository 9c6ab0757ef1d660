//! Transactions and temporary tables of connections that write.

use super::server::{Server, shop};
use super::wire::{WireClient, WireResponse};

struct Writers {
    _folder: tempfile::TempDir,
    server: Server,
}

impl Writers {
    fn start() -> Self {
        let folder = shop();
        let server = Server::start(folder.path(), &["--allow-writes"]);
        Self {
            _folder: folder,
            server,
        }
    }

    fn connect(&self) -> WireClient {
        WireClient::connect(self.server.port)
    }
}

/// The response to statements that succeed.
fn done(client: &mut WireClient, sql: &str) -> WireResponse {
    let response = client.simple(sql).unwrap();
    assert!(response.errors.is_empty(), "{sql}: {}", response.text());
    response
}

fn table(client: &mut WireClient, sql: &str) -> String {
    done(client, sql).table()
}

fn code(client: &mut WireClient, sql: &str) -> String {
    let response = client.simple(sql).unwrap();
    response.error_code().to_string()
}

#[test]
fn a_rollback_takes_back_tables_and_rows() {
    let writers = Writers::start();
    let (mut client, mut other) = (writers.connect(), writers.connect());
    done(&mut client, "CREATE TABLE kept AS SELECT 1 AS a");
    let begun = done(&mut client, "BEGIN");
    assert_eq!(begun.status, Some(b'T'));
    done(&mut client, "INSERT INTO kept VALUES (2)");
    done(&mut client, "CREATE TABLE made AS SELECT 1 AS a");
    done(&mut client, "ALTER TABLE kept RENAME TO renamed");
    // Others see nothing of it.
    assert_eq!(table(&mut other, "SELECT count(*) FROM kept"), "1");
    assert_eq!(code(&mut other, "SELECT * FROM made"), "42P01");
    assert_eq!(code(&mut other, "SELECT * FROM renamed"), "42P01");
    assert_eq!(table(&mut client, "SELECT count(*) FROM renamed"), "2");
    let ended = done(&mut client, "ROLLBACK");
    assert_eq!(
        (ended.tags[0].as_str(), ended.status),
        ("ROLLBACK", Some(b'I'))
    );
    assert_eq!(table(&mut client, "SELECT a FROM kept"), "1");
    assert_eq!(code(&mut client, "SELECT * FROM made"), "42P01");
    // The same changes again, committed.
    done(&mut client, "BEGIN");
    done(&mut client, "INSERT INTO kept VALUES (2)");
    done(&mut client, "CREATE TABLE made AS SELECT 1 AS a");
    assert_eq!(table(&mut other, "SELECT count(*) FROM kept"), "1");
    assert_eq!(done(&mut client, "COMMIT").tags, ["COMMIT"]);
    assert_eq!(table(&mut other, "SELECT count(*) FROM kept, made"), "2");
}

#[test]
fn a_failed_transaction_commits_nothing() {
    let writers = Writers::start();
    let mut client = writers.connect();
    done(&mut client, "CREATE TABLE kept AS SELECT 1 AS a");
    done(&mut client, "BEGIN");
    done(&mut client, "DELETE FROM kept");
    assert_eq!(code(&mut client, "SELECT nothing"), "42703");
    assert_eq!(code(&mut client, "SELECT 1"), "25P02");
    let ended = done(&mut client, "COMMIT");
    assert_eq!(
        (ended.tags[0].as_str(), ended.status),
        ("ROLLBACK", Some(b'I'))
    );
    assert_eq!(table(&mut client, "SELECT a FROM kept"), "1");
    // A savepoint saves what came before it.
    done(&mut client, "BEGIN");
    done(&mut client, "INSERT INTO kept VALUES (2)");
    done(&mut client, "SAVEPOINT before");
    assert_eq!(code(&mut client, "INSERT INTO kept VALUES ('x')"), "22P02");
    done(&mut client, "ROLLBACK TO SAVEPOINT before");
    done(&mut client, "INSERT INTO kept VALUES (3)");
    done(&mut client, "RELEASE SAVEPOINT before");
    assert_eq!(done(&mut client, "COMMIT").tags, ["COMMIT"]);
    assert_eq!(table(&mut client, "SELECT sum(a) FROM kept"), "6");
    done(&mut client, "BEGIN");
    assert_eq!(code(&mut client, "ROLLBACK TO SAVEPOINT nothing"), "3B001");
}

#[test]
fn transactions_that_change_the_same_rows_do_not_both_commit() {
    let writers = Writers::start();
    let (mut one, mut two) = (writers.connect(), writers.connect());
    done(
        &mut one,
        "CREATE TABLE stock (id INT PRIMARY KEY, amount INT)",
    );
    done(&mut one, "INSERT INTO stock VALUES (1, 10)");
    for client in [&mut one, &mut two] {
        done(client, "BEGIN");
        done(client, "UPDATE stock SET amount = amount - 1 WHERE id = 1");
    }
    assert_eq!(done(&mut one, "COMMIT").tags, ["COMMIT"]);
    let refused = two.simple("COMMIT").unwrap();
    assert_eq!(
        (refused.error_code(), refused.status),
        ("40001", Some(b'I'))
    );
    assert_eq!(table(&mut two, "SELECT amount FROM stock"), "9");
    // Added rows go together, unless they have the same key.
    for (client, id) in [(&mut one, 2), (&mut two, 3)] {
        done(client, "BEGIN");
        done(client, &format!("INSERT INTO stock VALUES ({id}, 0)"));
    }
    done(&mut one, "COMMIT");
    done(&mut two, "COMMIT");
    assert_eq!(table(&mut one, "SELECT count(*) FROM stock"), "3");
    for client in [&mut one, &mut two] {
        done(client, "BEGIN");
        done(client, "INSERT INTO stock VALUES (4, 0)");
    }
    done(&mut one, "COMMIT");
    assert_eq!(code(&mut two, "COMMIT"), "23505");
    assert_eq!(table(&mut two, "SELECT count(*) FROM stock"), "4");
    // The same name is created once.
    for client in [&mut one, &mut two] {
        done(client, "BEGIN");
        done(client, "CREATE TABLE both AS SELECT 1 AS a");
    }
    done(&mut one, "COMMIT");
    assert_eq!(code(&mut two, "COMMIT"), "40001");
}

#[test]
fn rows_written_to_a_table_that_changes_meanwhile_are_not_lost_in_silence() {
    let writers = Writers::start();
    let (mut one, mut two) = (writers.connect(), writers.connect());
    for change in ["ALTER TABLE stock ADD COLUMN note TEXT", "DROP TABLE stock"] {
        done(&mut one, "DROP TABLE IF EXISTS stock");
        done(&mut one, "CREATE TABLE stock (id INT)");
        done(&mut two, "BEGIN");
        done(&mut two, "INSERT INTO stock VALUES (1)");
        done(&mut one, change);
        assert_eq!(code(&mut two, "COMMIT"), "40001", "{change}");
    }
    // A name that does not exist keeps the others.
    done(&mut one, "CREATE TABLE stock (id INT)");
    assert_eq!(code(&mut one, "DROP TABLE stock, missing"), "42P01");
    assert_eq!(table(&mut one, "SELECT count(*) FROM stock"), "0");
    assert_eq!(
        code(&mut one, "ALTER TABLE stock RENAME TO other.stock"),
        "42601"
    );
}

#[test]
fn temporary_tables_belong_to_their_connection() {
    let writers = Writers::start();
    let (mut one, mut two) = (writers.connect(), writers.connect());
    done(&mut one, "CREATE TABLE named AS SELECT 'permanent' AS a");
    for (client, text) in [(&mut one, "one"), (&mut two, "two")] {
        done(
            client,
            &format!("CREATE TEMPORARY TABLE named AS SELECT '{text}' AS a"),
        );
        done(
            client,
            "CREATE TEMP VIEW viewed AS SELECT a AS b FROM named",
        );
    }
    assert_eq!(table(&mut one, "SELECT b FROM viewed"), "one");
    assert_eq!(table(&mut two, "SELECT a FROM named"), "two");
    // They end with the connection.
    drop(one);
    let mut three = writers.connect();
    assert_eq!(table(&mut three, "SELECT a FROM named"), "permanent");
    assert_eq!(code(&mut three, "SELECT * FROM viewed"), "42P01");
    assert_eq!(table(&mut two, "SELECT b FROM viewed"), "two");
    done(&mut two, "DISCARD ALL");
    assert_eq!(table(&mut two, "SELECT a FROM named"), "permanent");
}

#[test]
fn an_abandoned_transaction_leaves_nothing() {
    let writers = Writers::start();
    let mut client = writers.connect();
    done(&mut client, "CREATE TABLE kept AS SELECT 1 AS a");
    done(&mut client, "BEGIN");
    done(&mut client, "DROP TABLE kept");
    done(&mut client, "CREATE TABLE made AS SELECT 1 AS a");
    drop(client);
    let mut other = writers.connect();
    assert_eq!(table(&mut other, "SELECT a FROM kept"), "1");
    assert_eq!(code(&mut other, "SELECT * FROM made"), "42P01");
}

#[test]
fn a_statement_prepared_before_a_transaction_sees_its_rows() {
    let writers = Writers::start();
    let mut client = writers.connect();
    done(&mut client, "CREATE TABLE kept AS SELECT 1 AS a");
    client.parse("SELECT count(*) FROM kept", &[]);
    client.sync().unwrap();
    assert!(client.response().unwrap().errors.is_empty());
    let count = |client: &mut WireClient| {
        client.bind(&[]);
        client.execute(0);
        client.sync().unwrap();
        client.response().unwrap().table()
    };
    assert_eq!(count(&mut client), "1");
    let response = client.extended("BEGIN", &[], 0).unwrap();
    assert!(response.errors.is_empty(), "{}", response.text());
    let response = client
        .extended("INSERT INTO kept VALUES (2)", &[], 0)
        .unwrap();
    assert_eq!(response.tags, ["INSERT 0 1"], "{}", response.text());
    client.parse("SELECT count(*) FROM kept", &[]);
    assert_eq!(count(&mut client), "2");
    let response = client.extended("ROLLBACK", &[], 0).unwrap();
    assert_eq!(response.tags, ["ROLLBACK"]);
    client.parse("SELECT count(*) FROM kept", &[]);
    assert_eq!(count(&mut client), "1");
}
