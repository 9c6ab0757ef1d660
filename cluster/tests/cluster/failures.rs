//! What goes wrong ends in one clear line, and never in a wrong answer.

use std::process::Stdio;

use super::processes::{Cluster, Done, offers, program, scheduler};

const PLAN: &[&str] = &["--set", "ai.model=deterministic"];

/// Enough work to be in the middle of it.
const LONG: &str = "SELECT categorize(title || ' ' || a.value, text) AS category, count(*) AS n \
    FROM 'offers.parquet' CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS a(value) GROUP BY 1";

#[test]
fn an_executor_killed_in_mid_query_makes_no_wrong_answer() {
    let mut cluster = Cluster::start(2);
    offers(&cluster, 20_000);
    let client = cluster
        .client(PLAN)
        .args(["-c", LONG])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    cluster.await_work(0);
    cluster.executors[0].kill();
    let done = Done::from(client.wait_with_output().unwrap());
    match done.code {
        Some(0) => assert_eq!(done.sorted(), cluster.here(PLAN, LONG).sorted()),
        _ => {
            assert!(done.err.contains("executor"), "{}", done.err);
            assert_eq!(done.out, "");
        }
    }
    // The other one goes on.
    cluster.same(
        PLAN,
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' WHERE docid < 50",
    );
}

#[test]
fn executors_without_the_model_say_so() {
    let cluster = Cluster::with(2, |executor| {
        let home = tempfile::tempdir().unwrap();
        executor.env("SEMQL_HOME", home.path());
        executor.env("HF_HOME", home.path());
        executor.env("HF_HUB_OFFLINE", "1");
    });
    offers(&cluster, 100);
    let copy = "COPY (SELECT docid, embed(title) AS v FROM 'offers.parquet') TO 'v.parquet'";
    let done = cluster.there(&[], copy);
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("executor 127.0.0.1:"), "{}", done.err);
    assert!(done.err.contains("model"), "{}", done.err);
    assert!(!cluster.path().join("v.parquet").exists());
    // It is this query that failed.
    cluster.same(
        PLAN,
        "SELECT docid, embed(title) IS NULL AS v FROM 'offers.parquet'",
    );
}

#[test]
fn a_restarted_scheduler_finds_its_executors_again_and_old_queries_end() {
    let mut cluster = Cluster::start(1);
    offers(&cluster, 20_000);
    let client = cluster
        .client(PLAN)
        .args(["-c", LONG])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    cluster.await_work(0);
    cluster.scheduler.kill();
    let (_, port) = cluster.address.rsplit_once(':').unwrap();
    cluster.scheduler = scheduler(cluster.path(), port);
    cluster.scheduler.says("listens on ");
    let done = Done::from(client.wait_with_output().unwrap());
    match done.code {
        Some(0) => assert_eq!(done.sorted(), cluster.here(PLAN, LONG).sorted()),
        _ => {
            assert!(done.err.contains("the scheduler at"), "{}", done.err);
            assert_eq!(done.out, "");
        }
    }
    cluster.await_executors(1);
    cluster.same(
        PLAN,
        "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' WHERE docid < 50",
    );
}

#[test]
fn who_is_not_the_same_is_refused() {
    let cluster = Cluster::start(1);
    offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let with =
        |setting: &str| cluster.there(&["--set", "ai.model=deterministic", "--set", setting], sql);
    let version = with("semql.version=0.0.1");
    assert_eq!(version.code, Some(1), "{}", version.err);
    assert!(
        version.err.contains("comes from semql 0.0.1"),
        "{}",
        version.err
    );
    let setting = with("semql.settings=ai.model ai.speed");
    assert_eq!(setting.code, Some(1), "{}", setting.err);
    assert!(
        setting.err.contains("not known here: ai.speed"),
        "{}",
        setting.err
    );
    let unknown = with("ai.speed=11");
    assert_eq!(unknown.code, Some(2), "{}", unknown.err);
    assert!(
        unknown.err.contains("there is no setting"),
        "{}",
        unknown.err
    );
}

#[test]
fn a_setting_of_the_machine_is_the_executors_and_that_is_said() {
    let cluster = Cluster::start(1);
    offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let done = cluster.there(
        &["--set", "ai.model=deterministic", "--set", "ai.threads=1"],
        sql,
    );
    assert!(
        done.err
            .contains("The executors have ai.threads of their own"),
        "{}",
        done.err
    );
    assert_eq!(done.sorted(), cluster.here(PLAN, sql).sorted());
}

#[test]
fn without_a_scheduler_or_an_executor_it_says_what_to_start() {
    let cluster = Cluster::start(0);
    offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet'";
    let done = cluster.there(PLAN, sql);
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(
        done.err
            .contains("has no executor: `semql cluster executor"),
        "{}",
        done.err
    );
    let run = |args: &[&str]| Done::from(program(cluster.path()).args(args).output().unwrap());
    let done = run(&["--cluster", "127.0.0.1:1", "-c", "SELECT 1"]);
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(
        done.err.contains("there is no scheduler at 127.0.0.1:1"),
        "{}",
        done.err
    );
    let done = run(&["--cluster", "here", "-c", "SELECT 1"]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    let done = run(&["cluster", "executor", "--set", "ai.speed=11"]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(done.err.contains("ai.speed"), "{}", done.err);
    let done = run(&["cluster", "--help"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.contains("SEMQL_CLUSTER_SECRET_FILE"),
        "{}",
        done.out
    );
}

#[test]
fn an_error_in_a_row_is_told_by_the_executor() {
    let cluster = Cluster::start(1);
    offers(&cluster, 50);
    let sql = "SELECT docid, categorize(title, text) AS c FROM 'offers.parquet' WHERE 1 / (docid - 7) >= 0";
    let done = cluster.there(PLAN, sql);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("executor 127.0.0.1:"), "{}", done.err);
    assert!(
        done.err.to_lowercase().contains("divide by zero"),
        "{}",
        done.err
    );
}
