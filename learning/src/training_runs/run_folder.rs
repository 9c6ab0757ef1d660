//! Folder of the runs.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use semql_inference::models::home;
use semql_inference::{Error, Result, atomic_file};

use super::run_id::is_run_id;
use super::training_run::TrainingRun;

/// Number of runs that are kept; storing another one removes the oldest.
pub const MAX_RUNS: usize = 1000;

/// Bytes of the largest file of a run.
const MAX_RUN_BYTES: u64 = 1 << 20;

/// Ending of the name of a file.
const SUFFIX: &str = ".json";

/// The last microsecond of the year 9999: later times have no common text form.
const MAX_STARTED_AT: i64 = 253_402_300_799_999_999;

/// Runs of a folder.
#[derive(Debug, Default)]
pub struct ListedRuns {
    /// The newest first.
    pub runs: Vec<TrainingRun>,
    /// Names of other files, and of files that are damaged.
    pub skipped: Vec<String>,
}

/// Stores a run, or replaces the run of its id. Removes the oldest runs over the limit.
///
/// # Errors
/// [`Error::Setup`] if the run cannot be written, or is too large.
pub fn store_run(run: &TrainingRun) -> Result<()> {
    store_in(&folder(), run)
}

/// The newest runs of this machine.
///
/// # Errors
/// [`Error::Setup`] for a folder that exists and cannot be read.
pub fn list_runs() -> Result<ListedRuns> {
    list_in(&folder())
}

fn folder() -> PathBuf {
    home().join("runs")
}

fn store_in(folder: &Path, run: &TrainingRun) -> Result<()> {
    let path = folder.join(format!("{}{SUFFIX}", run.id));
    let cannot = |why: String| {
        Error::Setup(format!(
            "the run cannot be written to {}: {why}",
            path.display()
        ))
    };
    let json = serde_json::to_vec_pretty(run).map_err(|e| cannot(e.to_string()))?;
    if json.len() as u64 > MAX_RUN_BYTES {
        return Err(cannot(format!("it has more than {MAX_RUN_BYTES} bytes")));
    }
    fs::create_dir_all(folder).map_err(|e| cannot(e.to_string()))?;
    atomic_file::write_atomically(&path, |file| file.write_all(&json))
        .map_err(|e| cannot(e.to_string()))?;
    let (ids, _) = names(folder)?;
    for id in ids.iter().skip(MAX_RUNS) {
        // Another process may have removed it.
        let _ = fs::remove_file(folder.join(format!("{id}{SUFFIX}")));
    }
    Ok(())
}

fn list_in(folder: &Path) -> Result<ListedRuns> {
    let (ids, mut skipped) = names(folder)?;
    let mut runs = Vec::new();
    for id in ids.into_iter().take(MAX_RUNS) {
        match read(folder, &id) {
            Some(run) => runs.push(run),
            None => skipped.push(format!("{id}{SUFFIX}")),
        }
    }
    Ok(ListedRuns { runs, skipped })
}

/// Ids of the files of a folder, the newest first, and the names of other files.
fn names(folder: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => {
            return Err(Error::Setup(format!(
                "the folder of runs {} cannot be read: {error}",
                folder.display()
            )));
        }
    };
    let (mut ids, mut others) = (Vec::new(), Vec::new());
    for file in files.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        match name.strip_suffix(SUFFIX) {
            Some(id) if is_run_id(id) => ids.push(id.to_string()),
            // A file that is being written.
            _ if name.starts_with('.') => {}
            _ => others.push(name),
        }
    }
    ids.sort_unstable_by(|a, b| b.cmp(a));
    others.sort_unstable();
    Ok((ids, others))
}

/// The run with this id; `None` for a damaged file.
fn read(folder: &Path, id: &str) -> Option<TrainingRun> {
    let path = folder.join(format!("{id}{SUFFIX}"));
    // A pipe would block.
    if !fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut json = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MAX_RUN_BYTES + 1).read_to_end(&mut json).ok()?;
    if json.len() as u64 > MAX_RUN_BYTES {
        return None;
    }
    let run: TrainingRun = serde_json::from_slice(&json).ok()?;
    let is_valid = run.id == id
        && (0..=MAX_STARTED_AT).contains(&run.started_at)
        && run.seconds.is_finite()
        && run.seconds >= 0.0;
    is_valid.then_some(run)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use semql_inference::mutations::{cases, mutate};
    use semql_inference::random::Random;

    use super::super::run_id::new_run_id;
    use super::super::training_run::TrackingState;
    use super::*;

    fn run(started_at: i64) -> TrainingRun {
        TrainingRun {
            id: new_run_id(started_at),
            started_at,
            seconds: 1.5,
            model: "größe_ü".to_string(),
            kind: "classifier".to_string(),
            params: BTreeMap::from([("cost".to_string(), "0.5".to_string())]),
            metrics: BTreeMap::from([("kind/accuracy".to_string(), 0.975)]),
            rows: 180,
            held_out: 36,
            skipped_rows: 0,
            data_fingerprint: "ab".to_string(),
            label_fingerprint: "cd".to_string(),
            encoder: None,
            semql_version: "0.1.0".to_string(),
            model_bytes: 7,
            model_blake3: "ef".to_string(),
            tracking: TrackingState::Tracked("http://127.0.0.1:5000/#/x".to_string()),
        }
    }

    fn file(folder: &Path, run: &TrainingRun) -> PathBuf {
        folder.join(format!("{}.json", run.id))
    }

    #[test]
    fn runs_are_listed_newest_first_and_replaced_by_id() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("runs");
        assert!(list_in(&folder).unwrap().runs.is_empty());
        let (first, second) = (run(1), run(2_000_000_000_000_000));
        store_in(&folder, &second).unwrap();
        store_in(&folder, &first).unwrap();
        let untracked = TrainingRun {
            tracking: TrackingState::Untracked("no answer".to_string()),
            ..first
        };
        store_in(&folder, &untracked).unwrap();
        let listed = list_in(&folder).unwrap();
        assert_eq!(listed.runs, [second, untracked]);
        assert!(listed.skipped.is_empty());
    }

    #[test]
    fn the_oldest_runs_over_the_limit_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for at in 1..=MAX_RUNS as i64 {
            fs::write(file(folder.path(), &run(at)), "{}").unwrap();
        }
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let newest = run(MAX_RUNS as i64 + 1);
        store_in(folder.path(), &newest).unwrap();
        let (ids, others) = names(folder.path()).unwrap();
        assert_eq!((ids.len(), &ids[0]), (MAX_RUNS, &newest.id));
        assert!(ids.last().unwrap().starts_with("0000000000000002"));
        assert_eq!(others, ["notes.txt"]);
    }

    #[test]
    fn other_and_damaged_files_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let good = run(5);
        store_in(folder.path(), &good).unwrap();
        let json = fs::read_to_string(file(folder.path(), &good)).unwrap();
        let ids: Vec<String> = (10..17).map(new_run_id).collect();
        let named = |id: &String| json.replace(&good.id, id);
        let damaged = [
            String::new(),
            "{}".to_string(),
            "[".repeat(100_000),
            // The run of another file.
            json.clone(),
            named(&ids[4]).replace("\"started_at\": 5", "\"started_at\": 9223372036854775807"),
            named(&ids[5]).replace("1.5", "-1.5"),
            format!("{}{}", named(&ids[6]), " ".repeat(MAX_RUN_BYTES as usize)),
        ];
        for (id, text) in ids.iter().zip(&damaged) {
            fs::write(path(&format!("{id}.json")), text).unwrap();
        }
        fs::write(path("run.json"), &json).unwrap();
        fs::create_dir(path(&format!("{}.json", new_run_id(20)))).unwrap();
        let listed = list_in(folder.path()).unwrap();
        assert_eq!(listed.runs, [good]);
        assert_eq!(
            listed.skipped.len(),
            damaged.len() + 2,
            "{:?}",
            listed.skipped
        );
    }

    #[test]
    fn mutated_files_are_skipped_or_read_without_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let good = run(5);
        store_in(folder.path(), &good).unwrap();
        let path = file(folder.path(), &good);
        let json = fs::read(&path).unwrap();
        let mut random = Random::new(9);
        let (mut skipped, cases) = (0, cases(300));
        for _ in 0..cases {
            let mut bytes = json.clone();
            mutate(&mut bytes, &mut random);
            fs::write(&path, bytes).unwrap();
            let listed = list_in(folder.path()).unwrap();
            assert_eq!(listed.runs.len() + listed.skipped.len(), 1);
            skipped += listed.skipped.len();
        }
        assert!(skipped > cases / 4, "{skipped} of {cases}");
    }
}
