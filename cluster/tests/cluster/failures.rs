//! Failures end in one clear error line, and never in a wrong result.

use super::processes::{
    Client, Cluster, DETERMINISTIC, create_offers, run, semql_command, start_scheduler,
};

/// Query that runs long enough to be interrupted.
const LONG_QUERY: &str = "SELECT categorize(title || ' ' || a.value, text) AS category, count(*) AS n \
    FROM 'offers.parquet' CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS a(value) GROUP BY 1";

fn start_long_query(cluster: &Cluster) -> Client {
    let mut command = cluster.client(DETERMINISTIC);
    command.args(["-c", LONG_QUERY]);
    Client::start(command)
}

#[test]
fn a_killed_executor_causes_no_wrong_result() {
    let mut cluster = Cluster::start(2);
    create_offers(&cluster, 20_000);
    let client = start_long_query(&cluster);
    cluster.await_results(0);
    cluster.executors[0].kill();
    let output = client.output();
    match output.code {
        Some(0) => assert_eq!(
            output.sorted_rows(),
            cluster.run_local(DETERMINISTIC, LONG_QUERY).sorted_rows()
        ),
        _ => {
            assert!(output.stderr.contains("executor"), "{}", output.stderr);
            assert_eq!(output.stdout, "");
        }
    }
    // The other executor still works.
    cluster.assert_same(
        DETERMINISTIC,
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' WHERE docid < 50",
    );
}

#[test]
fn an_executor_without_the_model_is_an_error() {
    let cluster = Cluster::start_with(2, |executor| {
        let home = tempfile::tempdir().unwrap();
        executor.env("SEMQL_HOME", home.path());
        executor.env("HF_HOME", home.path());
        executor.env("HF_HUB_OFFLINE", "1");
    });
    create_offers(&cluster, 100);
    let copy = "COPY (SELECT docid, embed(title) AS v FROM 'offers.parquet') TO 'v.parquet'";
    let output = cluster.run_remote(&[], copy);
    output.assert_error(3, "executor 127.0.0.1:");
    assert!(output.stderr.contains("model"), "{}", output.stderr);
    assert!(!cluster.path().join("v.parquet").exists());
    // Only this query fails.
    cluster.assert_same(
        DETERMINISTIC,
        "SELECT docid, embed(title) IS NULL AS v FROM 'offers.parquet'",
    );
}

#[test]
fn executors_reconnect_to_a_restarted_scheduler_and_old_queries_fail() {
    let mut cluster = Cluster::start(1);
    create_offers(&cluster, 20_000);
    let client = start_long_query(&cluster);
    cluster.await_results(0);
    cluster.scheduler.kill();
    let (_, port) = cluster.address.rsplit_once(':').unwrap();
    cluster.scheduler = start_scheduler(cluster.path(), port);
    cluster.scheduler.await_word_after("listens on ");
    let output = client.output();
    match output.code {
        Some(0) => assert_eq!(
            output.sorted_rows(),
            cluster.run_local(DETERMINISTIC, LONG_QUERY).sorted_rows()
        ),
        _ => {
            assert!(
                output.stderr.contains("the scheduler at"),
                "{}",
                output.stderr
            );
            assert_eq!(output.stdout, "");
        }
    }
    cluster.await_executors(1);
    cluster.assert_same(
        DETERMINISTIC,
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' WHERE docid < 50",
    );
}

#[test]
fn incompatible_clients_are_refused() {
    let cluster = Cluster::start(1);
    create_offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let with = |setting: &str| {
        cluster.run_remote(&["--set", "ai.model=deterministic", "--set", setting], sql)
    };
    let version = with("semql.version=0.0.1");
    version.assert_error(1, "comes from semql 0.0.1");
    let setting = with("semql.settings=ai.model ai.speed");
    setting.assert_error(1, "unknown settings: ai.speed");
    let unknown = with("ai.speed=11");
    unknown.assert_error(2, "ai.speed");
}

#[test]
fn settings_of_the_machine_are_not_sent_and_give_a_notice() {
    let cluster = Cluster::start(1);
    create_offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let output = cluster.run_remote(
        &["--set", "ai.model=deterministic", "--set", "ai.threads=1"],
        sql,
    );
    assert!(
        output.stderr.contains("Executors use their own ai.threads"),
        "{}",
        output.stderr
    );
    assert_eq!(
        output.sorted_rows(),
        cluster.run_local(DETERMINISTIC, sql).sorted_rows()
    );
}

#[test]
fn errors_without_a_scheduler_or_an_executor_name_the_command() {
    let cluster = Cluster::start(0);
    create_offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let output = cluster.run_remote(DETERMINISTIC, sql);
    output.assert_error(3, "has no executor; start one with `semql cluster executor");
    let run_args = |args: &[&str]| {
        let mut command = semql_command(cluster.path());
        command.args(args);
        run(command)
    };
    let output = run_args(&["--cluster", "127.0.0.1:1", "-c", "SELECT 1"]);
    output.assert_error(3, "there is no scheduler at 127.0.0.1:1");
    let output = run_args(&["--cluster", "here", "-c", "SELECT 1"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let output = run_args(&["cluster", "executor", "--set", "ai.speed=11"]);
    output.assert_error(2, "ai.speed");
    let output = run_args(&["cluster", "--help"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output.stdout.contains("SEMQL_CLUSTER_SECRET_FILE"),
        "{}",
        output.stdout
    );
}

#[test]
fn an_error_in_a_row_names_the_executor() {
    let cluster = Cluster::start(1);
    create_offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' WHERE 1 / (docid - 7) >= 0";
    let output = cluster.run_remote(DETERMINISTIC, sql);
    output.assert_error(1, "executor 127.0.0.1:");
    assert!(
        output.stderr.to_lowercase().contains("divide by zero"),
        "{}",
        output.stderr
    );
}
