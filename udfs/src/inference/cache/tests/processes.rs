//! Several processes at once. The others are this test program, started again
//! with a job for [`child`] in the environment.

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

/// Waits for the child and returns what it said.
fn output(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("child done"), "the child did its job: {said}");
    said
}

/// Not a test of its own: what the other processes do.
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

/// Writes the numbers of its own and reads them and the others'.
fn share(folder: &Path, which: usize) {
    let mut cache = open(folder);
    for batch in 0..40 {
        let mine = (0..BATCH).map(|i| (batch * BATCH + i) * 2 + which);
        let mut tries = 0;
        while put(&mut cache, mine.clone()) < BATCH {
            tries += 1;
            assert!(tries < 5, "batch {batch} is not kept");
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
    // No file yet: both want to make it.
    let said = share_between_two(folder.path());
    assert!(!said.contains("warning"), "{said}");
    let mut cache = open(folder.path());
    assert_eq!(present(&mut cache, 0..4000).len(), 4000);
    assert_eq!(format::check(cache.connection()), Ok(()));
    assert!(aside(folder.path()).is_empty());
}

#[test]
fn two_processes_that_find_damage_renew_the_file_once() {
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
        let said = share_between_two(folder.path());
        assert_eq!(said.matches("is damaged").count(), 1, "{said}");
        assert_eq!(aside(folder.path()).len(), 1);
        let mut cache = open(folder.path());
        assert_eq!(format::check(cache.connection()), Ok(()));
        let there = present(&mut cache, 0..4000).len();
        // Whoever came first may have lost a batch to the other one's renewal.
        assert!(there >= 4000 - 2 * BATCH, "{there}");
    }
}

/// Says each batch after it is written.
fn write_forever(folder: &Path) {
    let mut cache = open(folder);
    for batch in 0.. {
        assert_eq!(put(&mut cache, batch * BATCH..(batch + 1) * BATCH), BATCH);
        println!("written {batch}");
    }
}

#[test]
fn a_process_killed_in_mid_write_loses_at_most_the_last_batch() {
    for round in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = command("forever", folder.path()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut written = 0;
        let mut read = |until: usize| {
            for line in lines.by_ref() {
                // The test program may have said something on the same line.
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
        let there = present(&mut cache, 0..(written + 5) * BATCH);
        assert_eq!(there.len() % BATCH, 0, "a batch is there as a whole");
        let batches = there.len() / BATCH;
        assert!(
            (written..=written + 1).contains(&batches),
            "{batches} of {written}"
        );
        assert_eq!(
            there.last(),
            Some(&(there.len() - 1)),
            "no batch between is missing"
        );
    }
}

fn fill_the_disk(folder: &Path) {
    let mut cache = open(folder);
    let mut kept = 0;
    while put(&mut cache, kept..kept + BATCH) == BATCH {
        kept += BATCH;
        assert!(
            kept < 50_000,
            "the limit on the size of files has no effect"
        );
    }
    let warning = cache.take_warning().unwrap();
    assert!(warning.contains("takes no more vectors"), "{warning}");
    assert_eq!(put(&mut cache, kept..kept + BATCH), 0);
    assert_eq!(cache.take_warning(), None);
    assert_eq!(present(&mut cache, 0..kept + BATCH).len(), kept);
    println!("kept {kept}\n");
}

#[test]
#[cfg(unix)]
fn a_disk_that_takes_no_more_stops_writing_and_not_reading() {
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
    let said = output(command.spawn().unwrap());
    let kept: usize = said
        .lines()
        .find_map(|line| line.split_once("kept ")?.1.parse().ok())
        .unwrap();
    assert!(kept > 1000, "{said}");
    let mut cache = open(folder.path());
    assert_eq!(format::check(cache.connection()), Ok(()));
    assert_eq!(present(&mut cache, 0..kept).len(), kept);
    assert_eq!(put(&mut cache, kept..kept + BATCH), BATCH);
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
fn a_folder_that_can_only_be_read_is_read() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65534;
    for own in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        put(&mut open(folder.path()), 0..100);
        let mut command = command("read", folder.path());
        if fs::metadata(folder.path()).unwrap().uid() == 0 {
            // Root may write everywhere, so somebody else reads: root's files, and
            // files of their own, which they may write, in a folder they may not.
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
            // The program lies where nobody else may go.
            Err(error) => eprintln!("not tested: {error}"),
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    }
}
