//! A real MLflow server.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::mlflow_server::MlflowServer;
use super::{ask, run, train};

/// Runs of an experiment, the newest first.
fn runs(server: &MlflowServer, experiment: &str) -> Vec<Value> {
    let found = server.get(&format!(
        "experiments/get-by-name?experiment_name={experiment}"
    ));
    let id = found["experiment"]["experiment_id"].clone();
    let found = server.post("runs/search", &json!({"experiment_ids": [id]}));
    found["runs"].as_array().cloned().unwrap_or_default()
}

/// Keys and values of a part of a run.
fn entries(run: &Value, part: &str) -> BTreeMap<String, Value> {
    let entries = run["data"][part].as_array().unwrap().iter();
    let entries = entries.map(|entry| {
        (
            entry["key"].as_str().unwrap().to_string(),
            entry["value"].clone(),
        )
    });
    entries.collect()
}

/// A row of `ai_runs()`.
fn local(folder: &Path, what: &str) -> Vec<String> {
    let out = ask(folder, &format!("SELECT {what} FROM ai_runs() LIMIT 1"));
    let row = out.lines().nth(1).unwrap();
    row.split(',').map(str::to_string).collect()
}

#[test]
fn trainings_are_runs_of_an_experiment() {
    let Some(server) = MlflowServer::start(&[]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let experiment = check_classifier(&server, folder);
    check_extractor(&server, folder);
    check_deleted_experiment(&server, folder, &experiment);
    check_failure_after_training(&server, folder);
}

/// A classifier, whose statement names the server. Returns the id of the experiment.
fn check_classifier(server: &MlflowServer, folder: &Path) -> String {
    let address = server.address();
    ask(
        folder,
        &train(&format!(
            ", track '{address}', experiment 'shop and street'"
        )),
    );
    let [of_server] = &runs(server, "shop%20and%20street")[..] else {
        panic!("one run");
    };
    let info = &of_server["info"];
    assert_eq!(
        (&info["status"], &info["run_name"]),
        (&json!("FINISHED"), &json!("kinds"))
    );
    let id = info["run_id"].as_str().unwrap();
    let row = local(
        folder,
        "run_id, data_fingerprint, label_fingerprint, model_blake3, metrics['kind/accuracy'], tracked_at, not_tracked",
    );
    let experiment = info["experiment_id"].as_str().unwrap();
    assert_eq!(
        row[5],
        format!("{address}/#/experiments/{experiment}/runs/{id}")
    );
    assert_eq!(row[6], "");
    let (params, metrics, tags) = (
        entries(of_server, "params"),
        entries(of_server, "metrics"),
        entries(of_server, "tags"),
    );
    assert_eq!(
        (&params["cost"], &params["features"]),
        (&json!("2"), &json!("ngrams"))
    );
    assert_eq!(params["predicts"], "kind");
    assert_eq!(
        (&metrics["rows"], &metrics["held_out"]),
        (&json!(120.0), &json!(120.0))
    );
    assert_eq!(
        metrics["kind/accuracy"],
        json!(row[4].parse::<f64>().unwrap())
    );
    assert!(metrics.contains_key("kind/macro_f1") && metrics.contains_key("kind/weighted_f1"));
    for (tag, value) in [
        ("semql.run_id", &row[0]),
        ("semql.data_fingerprint", &row[1]),
        ("semql.label_fingerprint", &row[2]),
        ("semql.model_blake3", &row[3]),
    ] {
        assert_eq!(tags[tag], json!(value), "{tag}");
    }
    assert_eq!(tags["semql.version"], env!("CARGO_PKG_VERSION"));
    // The artefact is the model file.
    let file = std::fs::read(folder.join("home/trained/kinds.model")).unwrap();
    let artifact = format!("{}/kinds.model", info["artifact_uri"].as_str().unwrap());
    assert!(server.artifact(&artifact) == file, "another file");
    let listed = server.get(&format!("artifacts/list?run_id={id}"));
    assert_eq!(listed["files"][0]["file_size"], json!(file.len()));
    experiment.to_string()
}

/// Settings that name the server and the experiment.
fn settings(server: &MlflowServer) -> String {
    format!(
        "SET ai.tracking_uri = '{}'; SET ai.tracking_experiment = 'shop and street';",
        server.address()
    )
}

/// An extractor with awkward names, tracked by the settings. The experiment is there.
fn check_extractor(server: &MlflowServer, folder: &Path) {
    let settings = settings(server);
    ask(
        folder,
        &format!(
            "{settings} CREATE MODEL \"größe.v1\" FROM (SELECT ['red', 'blue', 'green'][value % 3 + 1] || ' lamp ' || value AS title,
             ['red', 'blue', 'green'][value % 3 + 1] AS \"color (main)\" FROM generate_series(1, 60)) EXTRACT \"color (main)\""
        ),
    );
    let both = runs(server, "shop%20and%20street");
    assert_eq!(both.len(), 2);
    let metrics = entries(&both[0], "metrics");
    assert!(metrics.contains_key("color _main_/f1"), "{metrics:?}");
    assert!(metrics.contains_key("f1"), "{metrics:?}");
    let artifact = format!(
        "{}/größe.v1.model",
        both[0]["info"]["artifact_uri"].as_str().unwrap()
    );
    let file = std::fs::read(folder.join("home/trained/größe.v1.model")).unwrap();
    assert!(server.artifact(&artifact) == file, "another file");
    let found = server.post("experiments/search", &json!({"max_results": 10}));
    let names: Vec<&str> = found["experiments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names
            .iter()
            .filter(|name| **name == "shop and street")
            .count(),
        1,
        "{names:?}"
    );
}

/// A deleted experiment fails before the training.
fn check_deleted_experiment(server: &MlflowServer, folder: &Path, experiment: &str) {
    server.post("experiments/delete", &json!({"experiment_id": experiment}));
    let trained = std::fs::metadata(folder.join("home/trained/kinds.model"))
        .unwrap()
        .modified()
        .unwrap();
    let done = run(folder, &format!("{} {}", settings(server), train("")));
    assert_eq!(done.code, Some(3));
    assert!(
        done.err.contains("the experiment is deleted"),
        "{}",
        done.err
    );
    let now = std::fs::metadata(folder.join("home/trained/kinds.model"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(now, trained, "the model is the old one");
    assert_eq!(ask(folder, "SELECT count(*) AS n FROM ai_runs()"), "n\n2\n");
}

/// A failure after the training keeps the model.
fn check_failure_after_training(server: &MlflowServer, folder: &Path) {
    // The folder of the artefacts is a file, so that the server cannot store any.
    server.break_artifacts();
    let done = run(folder, &train(&format!(", track '{}'", server.address())));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.starts_with("predicts,labels,accuracy"),
        "{}",
        done.out
    );
    assert!(
        done.err
            .contains("The model kinds is trained, but its run is not at"),
        "{}",
        done.err
    );
    assert_eq!(
        ask(folder, "SELECT ai_predict('kinds', 'a new boot') AS k"),
        "k\nwear\n"
    );
    let [tracked, why] = &local(folder, "tracked_at, not_tracked LIKE '500 %' AS why")[..] else {
        panic!("two columns");
    };
    assert_eq!((tracked.as_str(), why.as_str()), ("", "true"));
    assert_eq!(runs(server, "semql")[0]["info"]["status"], "FAILED");
}

#[test]
fn artefacts_that_the_server_does_not_proxy_are_not_sent() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().join("artefacts");
    let Some(server) = MlflowServer::start(&[
        "--no-serve-artifacts",
        "--default-artifact-root",
        root.to_str().unwrap(),
    ]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let done = run(folder, &train(&format!(", track '{}'", server.address())));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.err
            .contains("The file of the model kinds was not sent"),
        "{}",
        done.err
    );
    assert_eq!(runs(&server, "semql")[0]["info"]["status"], "FINISHED");
    assert!(local(folder, "tracked_at")[0].starts_with(&server.address()));
}
