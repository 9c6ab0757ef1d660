//! Several processes at once. The child processes are this test program, with a
//! job for [`child`] in the environment.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use super::*;

const JOB: &str = "SEMQL_CACHE_TEST_JOB";
const FOLDER: &str = "SEMQL_CACHE_TEST_FOLDER";
const BATCH: usize = 50;

/// The arguments that make this test program run [`child`] alone.
fn arguments() -> [String; 3] {
    let path = module_path!().split_once("::").unwrap().1;
    [
        format!("{path}::child"),
        "--exact".into(),
        "--nocapture".into(),
    ]
}

fn command(job: &str, folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments());
    with_job(&mut command, job, folder);
    command
}

fn with_job(command: &mut Command, job: &str, folder: &Path) {
    command
        .env(JOB, job)
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
}

/// Waits for the child, and returns its output.
fn output(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("child done"), "{text}");
    text
}

/// Entry of the child processes; as a test it passes at once.
#[test]
fn child() {
    let Ok(job) = env::var(JOB) else { return };
    let folder = env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    match job.as_str() {
        "forever" => write_forever(folder),
        "full" => fill_the_disk(folder),
        "read" => read_only(folder),
        number => share(folder, number.parse().unwrap()),
    }
    println!("child done");
}

/// Writes every second number, and reads all.
fn share(folder: &Path, which: usize) {
    let mut cache = open(folder);
    for batch in 0..40 {
        let mine = (0..BATCH).map(|i| (batch * BATCH + i) * 2 + which);
        let mut tries = 0;
        while put(&mut cache, mine.clone()) < BATCH {
            tries += 1;
            assert!(tries < 5, "batch {batch} is not stored");
        }
        assert_eq!(present(&mut cache, mine).len(), BATCH);
        present(&mut cache, 0..4000);
    }
    while let Some(warning) = cache.take_warning() {
        println!("warning: {warning}");
    }
}

fn share_between_two(folder: &Path) -> String {
    let children = ["0", "1"].map(|which| command(which, folder).spawn().unwrap());
    children.map(output).concat()
}

#[test]
fn two_processes_write_and_read_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    // Both create the file.
    let output = share_between_two(folder.path());
    assert!(!output.contains("warning"), "{output}");
    let mut cache = open(folder.path());
    assert_eq!(present(&mut cache, 0..4000).len(), 4000);
    assert_eq!(format::check(cache.connection()), Ok(()));
    assert!(renamed(folder.path()).is_empty());
}

#[test]
fn two_processes_replace_a_damaged_file_once() {
    for offset in [0, 40] {
        let folder = tempfile::tempdir().unwrap();
        put(&mut open(folder.path()), 0..4000);
        let mut bytes = fs::read(file_in(folder.path())).unwrap();
        for page in bytes
            .chunks_mut(format::PAGE_BYTES as usize)
            .skip(offset / 20)
        {
            page[..offset.max(16)].fill(0x5a);
        }
        fs::write(file_in(folder.path()), bytes).unwrap();
        let output = share_between_two(folder.path());
        assert_eq!(output.matches("is damaged").count(), 1, "{output}");
        assert_eq!(renamed(folder.path()).len(), 1);
        let mut cache = open(folder.path());
        assert_eq!(format::check(cache.connection()), Ok(()));
        let found = present(&mut cache, 0..4000).len();
        // The replacement may cost a batch of the other process.
        assert!(found >= 4000 - 2 * BATCH, "{found}");
    }
}

/// Prints each batch after it is written.
fn write_forever(folder: &Path) {
    let mut cache = open(folder);
    for batch in 0.. {
        assert_eq!(put(&mut cache, batch * BATCH..(batch + 1) * BATCH), BATCH);
        println!("written {batch}");
    }
}

#[test]
fn a_process_killed_while_writing_loses_at_most_the_last_batch() {
    for round in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command("forever", folder.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut written = 0;
        let mut read = |until: usize| {
            for line in lines.by_ref() {
                // The test program may print to the same line.
                if let Some((_, batch)) = line.unwrap().split_once("written ") {
                    written = batch.parse::<usize>().unwrap() + 1;
                }
                if written >= until {
                    break;
                }
            }
            written
        };
        read(20 + 17 * round);
        child.kill().unwrap();
        child.wait().unwrap();
        let written = read(usize::MAX);

        let mut cache = open(folder.path());
        assert_eq!(cache.take_warning(), None);
        assert_eq!(format::check(cache.connection()), Ok(()));
        let found = present(&mut cache, 0..(written + 5) * BATCH);
        assert_eq!(found.len() % BATCH, 0, "batches are complete");
        let batches = found.len() / BATCH;
        assert!(
            (written..=written + 1).contains(&batches),
            "{batches} of {written}"
        );
        assert_eq!(
            found.last(),
            Some(&(found.len() - 1)),
            "only the last batch is missing"
        );
    }
}

fn fill_the_disk(folder: &Path) {
    let mut cache = open(folder);
    let mut stored = 0;
    while put(&mut cache, stored..stored + BATCH) == BATCH {
        stored += BATCH;
        assert!(
            stored < 50_000,
            "the limit on the size of files has no effect"
        );
    }
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("cannot be written"), "{warning}");
    assert_eq!(put(&mut cache, stored..stored + BATCH), 0);
    assert_eq!(cache.take_warning(), None);
    assert_eq!(present(&mut cache, 0..stored + BATCH).len(), stored);
    println!("stored {stored}\n");
}

#[test]
#[cfg(unix)]
fn a_file_size_limit_stops_writing_and_not_reading() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\"",
            env::current_exe().unwrap().to_str().unwrap(),
        ])
        .args(arguments());
    with_job(&mut command, "full", folder.path());
    let text = output(command.spawn().unwrap());
    let stored: usize = text
        .lines()
        .find_map(|line| line.split_once("stored ")?.1.parse().ok())
        .unwrap();
    assert!(stored > 1000, "{text}");
    let mut cache = open(folder.path());
    assert_eq!(format::check(cache.connection()), Ok(()));
    assert_eq!(present(&mut cache, 0..stored).len(), stored);
    assert_eq!(put(&mut cache, stored..stored + BATCH), BATCH);
}

fn read_only(folder: &Path) {
    assert!(fs::write(folder.join("probe"), "").is_err());
    let mut cache = open(folder);
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("can only be read"), "{warning}");
    assert_eq!(present(&mut cache, 0..200).len(), 100);
    assert_eq!(put(&mut cache, 100..200), 0);
    assert_eq!(cache.take_warning(), None);
    assert!(cache.clear().is_err());
    let error = DiskCache::open(&folder.join("new"), MIB).unwrap_err();
    assert!(error.to_string().contains("cannot be opened"), "{error}");
}

#[test]
#[cfg(unix)]
fn a_read_only_folder_is_read() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    /// The user `nobody`.
    const NOBODY: u32 = 65534;
    for own in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        put(&mut open(folder.path()), 0..100);
        let mut command = command("read", folder.path());
        if fs::metadata(folder.path()).unwrap().uid() == 0 {
            // Root may write everywhere, so another user reads: root's files, and
            // their own writable files in a read-only folder.
            command.uid(NOBODY).gid(NOBODY);
            if own {
                chown(folder.path(), Some(NOBODY), None).unwrap();
                for entry in fs::read_dir(folder.path()).unwrap() {
                    chown(entry.unwrap().path(), Some(NOBODY), None).unwrap();
                }
            }
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
        let child = command.spawn();
        match child {
            Ok(child) => drop(output(child)),
            // Other users may not run the program.
            Err(error) => eprintln!("not tested: {error}"),
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    }
}
