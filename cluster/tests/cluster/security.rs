//! Only processes that have the secret of a cluster use it.

use std::path::Path;
use std::process::Command;

use arrow_flight::Empty;
use arrow_flight::flight_service_client::FlightServiceClient;
use ballista_core::serde::protobuf::GetJobStatusParams;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use tonic::transport::{Channel, Endpoint};

use super::processes::{Cluster, Done, SECRET_VARIABLE, offers, program, secret_file};

const PLAN: &[&str] = &["--set", "ai.model=deterministic"];
const SECRET: &str = "the secret of this cluster\n";
const OTHER_SECRET: &str = "the secret of another cluster\n";

const SHUFFLED: &str =
    "SELECT categorize(title, text) AS c, count(*) AS n FROM 'offers.parquet' GROUP BY 1";

fn done(mut command: Command) -> Done {
    command.output().unwrap().into()
}

/// A client of `cluster` that has the secret in this file.
fn client_with(cluster: &Cluster, secret: &Path) -> Done {
    let mut command = cluster.client(PLAN);
    command.env(SECRET_VARIABLE, secret).args(["-c", SHUFFLED]);
    done(command)
}

/// Calls one method of a service that listens at `address`, in plain HTTP/2 and
/// without a secret.
fn is_answered<F: Future<Output = bool>>(address: &str, call: impl FnOnce(Channel) -> F) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        match endpoint.connect().await {
            Ok(channel) => call(channel).await,
            Err(_) => false,
        }
    })
}

/// Whether the scheduler answers a client of Ballista.
fn scheduler_answers(address: &str) -> bool {
    is_answered(address, |channel| async {
        let job_id = "none".to_string();
        let mut client = SchedulerGrpcClient::new(channel);
        client
            .get_job_status(GetJobStatusParams { job_id })
            .await
            .is_ok()
    })
}

/// Whether an executor answers a client of Arrow Flight.
fn executor_answers(address: &str) -> bool {
    is_answered(address, |channel| async {
        let mut client = FlightServiceClient::new(channel);
        client.list_actions(Empty {}).await.is_ok()
    })
}

#[test]
fn with_the_secret_answers_are_those_of_one_process() {
    let cluster = Cluster::secured(2, SECRET);
    offers(&cluster, 1500);
    // Executors fetch every part from each other, also from themselves.
    let remote = [PLAN, &["--set", "ballista.shuffle.force_remote_read=true"]].concat();
    let there = cluster.there(&remote, SHUFFLED).sorted();
    assert_eq!(there, cluster.here(PLAN, SHUFFLED).sorted());
}

#[test]
fn clients_without_the_secret_are_refused() {
    let cluster = Cluster::secured(1, SECRET);
    offers(&cluster, 50);
    let mut command = cluster.client(PLAN);
    command.env_remove(SECRET_VARIABLE).args(["-c", SHUFFLED]);
    let none = done(command);
    assert_eq!(none.code, Some(3), "{}", none.err);
    assert!(none.err.contains("if it has a secret"), "{}", none.err);
    assert_eq!(none.out, "");
    let other = secret_file(cluster.path(), "other.secret", OTHER_SECRET);
    let wrong = client_with(&cluster, &other);
    assert_eq!(wrong.code, Some(3), "{}", wrong.err);
    assert!(wrong.err.contains("has another secret"), "{}", wrong.err);
    assert_eq!(wrong.out, "");
    // An equal secret in another file will do.
    let same = secret_file(cluster.path(), "same.secret", SECRET.trim());
    client_with(&cluster, &same).rows();
}

#[test]
fn executors_without_the_secret_are_refused() {
    let cluster = Cluster::secured(0, SECRET);
    let executor = || {
        let mut command = program(cluster.path());
        command.args(["cluster", "executor", "--scheduler", &cluster.address]);
        command
    };
    let none = done(executor());
    assert_eq!(none.code, Some(3), "{}", none.err);
    assert!(none.err.contains("if it has a secret"), "{}", none.err);
    let other = secret_file(cluster.path(), "other.secret", OTHER_SECRET);
    let mut command = executor();
    command.arg("--secret-file").arg(other);
    let wrong = done(command);
    assert_eq!(wrong.code, Some(3), "{}", wrong.err);
    assert!(wrong.err.contains("has another secret"), "{}", wrong.err);
}

#[test]
fn a_process_with_a_secret_uses_no_cluster_without_one() {
    let cluster = Cluster::start(1);
    offers(&cluster, 50);
    let secret = secret_file(cluster.path(), "a.secret", SECRET);
    let refused = client_with(&cluster, &secret);
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(
        refused.err.contains("was started without a secret"),
        "{}",
        refused.err
    );
}

#[test]
fn services_do_not_answer_direct_calls_without_the_secret() {
    for secret in [None, Some(SECRET)] {
        let cluster = match secret {
            Some(secret) => Cluster::secured(1, secret),
            None => Cluster::start(1),
        };
        offers(&cluster, 50);
        let executor = cluster.executors[0].says("an executor at ");
        // Both services run, since they have answered a query.
        cluster.there(PLAN, SHUFFLED).rows();
        let open = secret.is_none();
        assert_eq!(scheduler_answers(&cluster.address), open, "{secret:?}");
        assert_eq!(executor_answers(&executor), open, "{secret:?}");
    }
}

#[test]
fn addresses_of_the_network_need_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    for role in ["scheduler", "executor"] {
        let mut command = program(folder.path());
        command.args(["cluster", role, "--bind", "0.0.0.0", "--port", "0"]);
        let refused = done(command);
        assert_eq!(refused.code, Some(2), "{role}: {}", refused.err);
        assert!(
            refused.err.contains("--secret-file FILE"),
            "{role}: {}",
            refused.err
        );
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = secret_file(folder.path(), "open.secret", SECRET);
    super::processes::set_mode(&secret, 0o644);
    for role in ["scheduler", "executor"] {
        let mut command = program(folder.path());
        command.args(["cluster", role, "--port", "0", "--secret-file"]);
        command.arg(&secret);
        let refused = done(command);
        assert_eq!(refused.code, Some(2), "{role}: {}", refused.err);
        assert!(refused.err.contains("chmod 600"), "{role}: {}", refused.err);
    }
    let mut command = program(folder.path());
    command.args(["--cluster", "127.0.0.1:1", "-c", "SELECT 1"]);
    command.env(SECRET_VARIABLE, &secret);
    let refused = done(command);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("chmod 600"), "{}", refused.err);
}

#[test]
fn a_short_secret_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let secret = secret_file(folder.path(), "short.secret", "0123456789abcde\n");
    let mut command = program(folder.path());
    command.args(["cluster", "scheduler", "--port", "0", "--secret-file"]);
    command.arg(secret);
    let refused = done(command);
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(refused.err.contains("has 15 bytes"), "{}", refused.err);
}
