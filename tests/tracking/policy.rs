//! Clients of `semql serve`.

use super::tcp_server::TcpServer;
use super::train;
use crate::cli::Done;
use crate::serve::server::{Server, serve, shop, there_is};

/// Runs `sql` as a client of `semql serve` with `args`, which has a token in its
/// environment.
fn client(args: &[&str], sql: &str) -> Done {
    let folder = shop();
    let mut command = serve(folder.path(), &["--listen", "127.0.0.1:0"]);
    command
        .args(args)
        .env("SEMQL_HOME", folder.path().join("home"))
        .env("NO_PROXY", "127.0.0.1")
        .env("MLFLOW_TRACKING_TOKEN", "s3cret");
    let (server, _lines) = Server::start_with_log(command, &folder.path().join("serve.log"));
    server.run(&[sql])
}

#[test]
fn clients_name_a_tracking_server_only_on_an_allowed_host() {
    if !there_is("psql") {
        return;
    }
    let tracking = TcpServer::answering("200 OK", "", "{}");
    let address = tracking.address();
    let track = train(&format!(", track '{address}'"));
    let set = format!("SET ai.tracking_uri = '{address}'");
    for (args, sql, expected) in [
        (vec![], track.as_str(), "--allow-writes"),
        (
            vec!["--allow-writes"],
            track.as_str(),
            "access to http://127.0.0.1 is not allowed",
        ),
        (
            vec!["--allow-writes", "--allow-network"],
            set.as_str(),
            "cannot be changed here",
        ),
    ] {
        let done = client(&args, sql);
        assert!(done.err.contains(expected), "{args:?}: {}", done.err);
        assert_eq!(tracking.requests(), [""; 0], "{args:?}");
    }
    // An allowed host gets the request without the credentials of the server.
    let done = client(&["--allow-writes", "--allow-network=127.0.0.1"], &track);
    assert!(
        done.err.contains("not one of an MLflow server"),
        "{}",
        done.err
    );
    let requests = tracking.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("GET /api/2.0/mlflow/experiments/get-by-name"));
    assert!(
        !requests[0].to_lowercase().contains("authorization"),
        "{requests:?}"
    );
}

#[test]
fn a_server_tracks_the_trainings_of_its_clients() {
    if !there_is("psql") {
        return;
    }
    let tracking = TcpServer::answering("200 OK", "", "{}");
    let setting = format!("ai.tracking_uri={}", tracking.address());
    let done = client(&["--allow-writes", "--set", &setting], &train(""));
    assert!(
        done.err.contains("not one of an MLflow server"),
        "{}",
        done.err
    );
    let requests = tracking.requests();
    assert!(requests[0].contains("Bearer s3cret"), "{requests:?}");
    let listed = client(
        &[],
        "SELECT count(*), max(metrics['kind/accuracy']) FROM ai_runs()",
    );
    assert_eq!(
        (listed.code, listed.out.as_str()),
        (Some(0), "0|\n"),
        "{}",
        listed.err
    );
}
