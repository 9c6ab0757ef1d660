//! Runs on this machine.

use super::{ask, run, train};

#[test]
fn every_training_is_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ask(folder, &train(""));
    ask(
        folder,
        "CREATE MODEL colors FROM (SELECT ['red', 'blue', 'green'][value % 3 + 1] || ' ' || ['shoe', 'lamp', 'scarf', 'mug'][value % 4 + 1] || ' ' || value AS title,
         ['red', 'blue', 'green'][value % 3 + 1] AS color FROM generate_series(1, 60)) EXTRACT color OPTIONS (seed 7)",
    );
    assert_eq!(
        ask(
            folder,
            "SELECT model, kind, rows, held_out, params['cost'] AS cost, params['seed'] AS seed, params['columns'] AS columns,
             params['class_weight'] AS weight, tracked_at, not_tracked FROM ai_runs()"
        ),
        "model,kind,rows,held_out,cost,seed,columns,weight,tracked_at,not_tracked\n\
         colors,extractor,60,60,,7,title,,,\nkinds,classifier,120,120,2,,title,none,,\n"
    );
    // The figures are those that the statement prints, and that of the listing of models.
    assert_eq!(
        ask(
            folder,
            "SELECT r.metrics['kind/accuracy'] = m.accuracy AS accuracy, r.metrics['kind/macro_f1'] = m.macro_f1 AS macro,
             r.metrics['kind/weighted_f1'] = m.weighted_f1 AS weighted, r.data_fingerprint = m.fingerprint AS data
             FROM ai_runs() AS r JOIN ai_trained_models() AS m ON m.name = r.model WHERE m.kind = 'classifier'"
        ),
        "accuracy,macro,weighted,data\ntrue,true,true,true\n"
    );
    assert_eq!(
        ask(
            folder,
            "SELECT metrics['color/f1'] > 0.9 AS f1, metrics['f1'] > 0.9 AS of_all, seconds > 0 AS took,
             started_at BETWEEN now() - INTERVAL '1 hour' AND now() AS recent, length(run_id) AS id, length(model_blake3) AS hash
             FROM ai_runs() LIMIT 1"
        ),
        "f1,of_all,took,recent,id,hash\ntrue,true,true,true,32,64\n"
    );
}

#[test]
fn equal_rows_and_labels_have_equal_fingerprints() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ask(folder, &train(""));
    // The order of the rows is another one.
    ask(
        folder,
        &train("").replace("120)", "120) ORDER BY value DESC"),
    );
    ask(
        folder,
        &train("").replace("'read', 'read']", "'read', 'note']"),
    );
    let runs = ask(
        folder,
        "SELECT count(*) AS runs, count(DISTINCT data_fingerprint) AS data, count(DISTINCT label_fingerprint) AS labels,
         count(DISTINCT run_id) AS ids FROM ai_runs()",
    );
    assert_eq!(runs, "runs,data,labels,ids\n3,2,2,3\n");
    // Runs stay when their model is gone.
    ask(folder, "DROP MODEL kinds");
    assert_eq!(ask(folder, "SELECT count(*) AS n FROM ai_runs()"), "n\n3\n");
}

#[test]
fn a_failed_training_is_not_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let failed = run(folder, &train("").replace("'read'", "'wear'"));
    assert_eq!(failed.code, Some(1), "{}", failed.err);
    assert_eq!(ask(folder, "SELECT count(*) AS n FROM ai_runs()"), "n\n0\n");
}

#[test]
fn other_files_in_the_folder_are_skipped_with_a_notice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ask(folder, &train(""));
    let runs = folder.join("home/runs");
    std::fs::write(runs.join("notes.txt"), "mine").unwrap();
    std::fs::write(runs.join(format!("{}.json", "0".repeat(32))), "{\"id\": 7").unwrap();
    let listed = run(folder, "SELECT count(*) AS n FROM ai_runs()");
    assert_eq!((listed.code, listed.out.as_str()), (Some(0), "n\n1\n"));
    assert!(
        listed.err.contains("Skipped 2 files in the folder of runs"),
        "{}",
        listed.err
    );
    assert!(listed.err.contains("notes.txt"), "{}", listed.err);
}
