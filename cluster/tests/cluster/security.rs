//! Only processes with the secret of a cluster can use it.

use std::path::Path;

use arrow_flight::Empty;
use arrow_flight::flight_service_client::FlightServiceClient;
use ballista_core::serde::protobuf::GetJobStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use tonic::transport::{Channel, Endpoint};

use super::processes::{
    ClientOutput, Cluster, DETERMINISTIC, SECRET_VARIABLE, TIMEOUT, create_offers, run,
    secret_file, semql_command,
};

const SECRET: &str = "the secret of this cluster\n";
const OTHER_SECRET: &str = "the secret of another cluster\n";

/// Query that reads results of other executors.
const SHUFFLE_QUERY: &str =
    "SELECT categorize(title, text) AS c, count(*) AS n FROM 'offers.parquet' GROUP BY 1";

/// Runs a client of `cluster` with the secret in this file.
fn run_with_secret(cluster: &Cluster, secret: &Path) -> ClientOutput {
    let mut command = cluster.client(DETERMINISTIC);
    command
        .env(SECRET_VARIABLE, secret)
        .args(["-c", SHUFFLE_QUERY]);
    run(command)
}

/// Whether a call of the service at `address` succeeds without a secret.
fn call_succeeds<F: Future<Output = bool>>(address: &str, call: impl FnOnce(Channel) -> F) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        match endpoint
            .timeout(TIMEOUT)
            .connect_timeout(TIMEOUT)
            .connect()
            .await
        {
            Ok(channel) => call(channel).await,
            Err(_) => false,
        }
    })
}

/// Whether the scheduler accepts calls of a Ballista client.
fn scheduler_answers(address: &str) -> bool {
    call_succeeds(address, |channel| async {
        let job_id = "none".to_string();
        let mut client = SchedulerGrpcClient::new(channel);
        client
            .get_job_status(GetJobStatusParams { job_id })
            .await
            .is_ok()
    })
}

/// Whether an executor accepts calls of an Arrow Flight client.
fn executor_answers(address: &str) -> bool {
    call_succeeds(address, |channel| async {
        let mut client = FlightServiceClient::new(channel);
        client.list_actions(Empty {}).await.is_ok()
    })
}

#[test]
fn a_cluster_with_a_secret_has_the_rows_of_a_single_process() {
    let cluster = Cluster::start_secured(2, SECRET);
    create_offers(&cluster, 1500);
    // Forces every read between stages through the network.
    let remote = [
        DETERMINISTIC,
        &["--set", "ballista.shuffle.force_remote_read=true"],
    ]
    .concat();
    let remote = cluster.run_remote(&remote, SHUFFLE_QUERY).sorted_rows();
    assert_eq!(
        remote,
        cluster
            .run_local(DETERMINISTIC, SHUFFLE_QUERY)
            .sorted_rows()
    );
}

#[test]
fn clients_without_the_secret_are_refused() {
    let cluster = Cluster::start_secured(1, SECRET);
    create_offers(&cluster, 50);
    let mut command = cluster.client(DETERMINISTIC);
    command
        .env_remove(SECRET_VARIABLE)
        .args(["-c", SHUFFLE_QUERY]);
    let none = run(command);
    none.assert_error(3, "if it has a secret");
    assert_eq!(none.stdout, "");
    let other = secret_file(cluster.path(), "other.secret", OTHER_SECRET);
    let wrong = run_with_secret(&cluster, &other);
    wrong.assert_error(3, "has another secret");
    assert_eq!(wrong.stdout, "");
    // An equal secret in another file is accepted.
    let same = secret_file(cluster.path(), "same.secret", SECRET.trim());
    run_with_secret(&cluster, &same).rows();
}

#[test]
fn executors_without_the_secret_are_refused() {
    let cluster = Cluster::start_secured(0, SECRET);
    let executor = || {
        let mut command = semql_command(cluster.path());
        command.args(["cluster", "executor", "--scheduler", &cluster.address]);
        command
    };
    let none = run(executor());
    none.assert_error(3, "if it has a secret");
    let other = secret_file(cluster.path(), "other.secret", OTHER_SECRET);
    let mut command = executor();
    command.arg("--secret-file").arg(other);
    let wrong = run(command);
    wrong.assert_error(3, "has another secret");
}

#[test]
fn a_client_with_a_secret_refuses_a_cluster_without_one() {
    let cluster = Cluster::start(1);
    create_offers(&cluster, 50);
    let secret = secret_file(cluster.path(), "a.secret", SECRET);
    let refused = run_with_secret(&cluster, &secret);
    refused.assert_error(3, "was started without a secret");
}

#[test]
fn services_do_not_answer_direct_calls_without_the_secret() {
    for secret in [None, Some(SECRET)] {
        let cluster = match secret {
            Some(secret) => Cluster::start_secured(1, secret),
            None => Cluster::start(1),
        };
        create_offers(&cluster, 50);
        let executor = cluster.executors[0].await_word_after("an executor at ");
        // Ensures that both services run.
        cluster.run_remote(DETERMINISTIC, SHUFFLE_QUERY).rows();
        let open = secret.is_none();
        assert_eq!(scheduler_answers(&cluster.address), open, "{secret:?}");
        assert_eq!(executor_answers(&executor), open, "{secret:?}");
    }
}

#[test]
fn addresses_other_than_loopback_need_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    for role in ["scheduler", "executor"] {
        let mut command = semql_command(folder.path());
        command.args(["cluster", role, "--bind", "0.0.0.0", "--port", "0"]);
        let refused = run(command);
        refused.assert_error(2, "--secret-file FILE");
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_other_users_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = secret_file(folder.path(), "open.secret", SECRET);
    super::processes::set_mode(&secret, 0o644);
    for role in ["scheduler", "executor"] {
        let mut command = semql_command(folder.path());
        command.args(["cluster", role, "--port", "0", "--secret-file"]);
        command.arg(&secret);
        let refused = run(command);
        refused.assert_error(2, "chmod 600");
    }
    let mut command = semql_command(folder.path());
    command.args(["--cluster", "127.0.0.1:1", "-c", "SELECT 1"]);
    command.env(SECRET_VARIABLE, &secret);
    let refused = run(command);
    refused.assert_error(2, "chmod 600");
}

#[test]
fn a_short_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = secret_file(folder.path(), "short.secret", "0123456789abcde\n");
    let mut command = semql_command(folder.path());
    command.args(["cluster", "scheduler", "--port", "0", "--secret-file"]);
    command.arg(secret);
    let refused = run(command);
    refused.assert_error(2, "has 15 bytes");
}
