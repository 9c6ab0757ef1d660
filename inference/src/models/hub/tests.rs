//! Tests with a hub on this machine; see `fake_hub.rs`.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::fake_hub::{FakeHub, FakeResponse, RecordedRequest};
use super::*;
use crate::error::Error;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS: &[u8] = b"weights that are long enough to be cut in the middle";
const REQUIRED: &[&[&str]] = &[
    &["config.json"],
    &["model.safetensors", "pytorch_model.bin"],
];

/// Records the progress.
#[derive(Default)]
struct RecordedProgress {
    started: RefCell<Vec<(String, Option<u64>)>>,
    bytes: Cell<u64>,
    finished: Cell<usize>,
    /// Cancels once this many bytes have arrived.
    stop_at: Option<u64>,
}

impl DownloadProgress for RecordedProgress {
    fn start(&self, file: &str, total: Option<u64>) {
        self.started.borrow_mut().push((file.to_string(), total));
    }
    fn advance(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }
    fn finish(&self) {
        self.finished.set(self.finished.get() + 1);
    }
    fn cancelled(&self) -> bool {
        self.stop_at.is_some_and(|stop| self.bytes.get() >= stop)
    }
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn name(request: &RecordedRequest) -> &str {
    request.path.rsplit('/').next().unwrap_or_default()
}

/// A hub without errors; the weights are a large file with a checksum.
fn complete_hub(request: &RecordedRequest) -> FakeResponse {
    match name(request) {
        "config.json" => FakeResponse::file(request, b"{}").header("etag", "\"a git hash\""),
        "model.safetensors" => {
            FakeResponse::file(request, WEIGHTS).header("etag", format!("\"{}\"", sum(WEIGHTS)))
        }
        _ => FakeResponse::status(404).header("x-error-code", "EntryNotFound"),
    }
}

fn folder(cache: &Path) -> PathBuf {
    cache.join("models--own--model/snapshots").join(COMMIT)
}

/// Names of all files in a snapshot.
fn files(cache: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder(cache))
        .map(|entries| {
            entries
                .map(|e| e.unwrap().file_name().into_string().unwrap())
                .collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

fn fetch(url: &str, cache: &Path, progress: &RecordedProgress) -> Result<PathBuf, ModelError> {
    Hub::new(url, None, cache, false).fetch(
        "own/model",
        COMMIT,
        REQUIRED,
        &["modules.json"],
        progress,
    )
}

fn message(url: &str, cache: &Path) -> String {
    fetch(url, cache, &RecordedProgress::default())
        .unwrap_err()
        .to_string()
}

#[test]
fn files_are_complete_and_requested_once() {
    let (hub, cache) = (FakeHub::start(complete_hub), tempfile::tempdir().unwrap());
    let progress = RecordedProgress::default();
    let at = fetch(&hub.url, cache.path(), &progress).unwrap();
    assert_eq!(at, folder(cache.path()));
    assert_eq!(files(cache.path()), ["config.json", "model.safetensors"]);
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    let size = Some(WEIGHTS.len() as u64);
    assert_eq!(
        *progress.started.borrow(),
        [
            ("config.json".to_string(), Some(2)),
            ("model.safetensors".to_string(), size)
        ]
    );
    assert_eq!(
        (progress.bytes.get(), progress.finished.get()),
        (2 + WEIGHTS.len() as u64, 2)
    );
    assert_eq!(
        hub.paths(),
        ["modules.json", "config.json", "model.safetensors"]
            .map(|file| format!("/own/model/resolve/{COMMIT}/{file}"))
    );

    assert_eq!(
        fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap(),
        at
    );
    assert_eq!(hub.paths().len(), 3);
    let known = Hub::new(&hub.url, None, cache.path(), true);
    assert_eq!(
        known.cached("own/model", COMMIT, &["config.json"]),
        Some(at)
    );
    assert_eq!(known.cached("own/model", COMMIT, &["modules.json"]), None);
    assert_eq!(known.cached("own/model", "main", &["config.json"]), None);
}

#[test]
fn a_truncated_body_leaves_a_part_that_a_later_download_resumes() {
    let failing = FakeHub::start(|request| match name(request) {
        "model.safetensors" => complete_hub(request).cut(7),
        _ => complete_hub(request),
    });
    let cache = tempfile::tempdir().unwrap();
    let error = message(&failing.url, cache.path());
    assert!(
        error.contains("model.safetensors") && error.contains("try again"),
        "{error}"
    );
    assert_eq!(
        files(cache.path()),
        ["config.json", "model.safetensors.part"]
    );
    // Each attempt resumes the one before.
    let from: Vec<_> = failing
        .requests()
        .iter()
        .skip(2)
        .map(|request| request.from)
        .collect();
    assert_eq!(from, [None, Some(7), Some(14)]);
    let cached = Hub::new(&failing.url, None, cache.path(), true);
    assert_eq!(
        cached.cached("own/model", COMMIT, &["model.safetensors"]),
        None
    );

    let hub = FakeHub::start(complete_hub);
    let progress = RecordedProgress::default();
    let at = fetch(&hub.url, cache.path(), &progress).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(hub.requests().last().unwrap().from, Some(21));
    assert_eq!(progress.bytes.get(), WEIGHTS.len() as u64);
    assert_eq!(files(cache.path()), ["config.json", "model.safetensors"]);
}

#[test]
fn a_failed_connection_is_retried_in_the_same_call() {
    let tries = AtomicUsize::new(0);
    let hub = FakeHub::start(move |request| match name(request) {
        "model.safetensors" if tries.fetch_add(1, Ordering::SeqCst) == 0 => {
            complete_hub(request).cut(9)
        }
        _ => complete_hub(request),
    });
    let cache = tempfile::tempdir().unwrap();
    let at = fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
}

#[test]
fn the_next_alternative_is_downloaded_if_the_first_does_not_exist() {
    let hub = FakeHub::start(|request| match name(request) {
        "config.json" | "pytorch_model.bin" => FakeResponse::file(request, b"{}"),
        _ => FakeResponse::status(404),
    });
    let cache = tempfile::tempdir().unwrap();
    fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap();
    assert_eq!(files(cache.path()), ["config.json", "pytorch_model.bin"]);
    let known = cache
        .path()
        .join("models--own--model/.no_exist")
        .join(COMMIT);
    assert!(known.join("model.safetensors").exists() && known.join("modules.json").exists());
}

#[test]
fn a_repository_without_any_alternative_is_told_by_the_files_it_lacks() {
    let hub = FakeHub::start(|request| match name(request) {
        "config.json" => FakeResponse::file(request, b"{}"),
        _ => FakeResponse::status(404),
    });
    let cache = tempfile::tempdir().unwrap();
    let error = message(&hub.url, cache.path());
    assert!(
        error.contains("model.safetensors or pytorch_model.bin was not found"),
        "{error}"
    );
}

#[test]
fn redirects_are_followed_and_the_token_stays_with_the_hub() {
    let storage = FakeHub::start(|request| {
        // The tag of a storage server is not a checksum of the file.
        FakeResponse::file(request, WEIGHTS).header("etag", "0".repeat(64))
    });
    let there = storage.url.clone();
    let hub = FakeHub::start(move |request| match name(request) {
        "model.safetensors" => FakeResponse::status(302)
            .header("location", format!("{there}/blob"))
            .header("x-linked-etag", format!("\"{}\"", sum(WEIGHTS)))
            .header("x-linked-size", WEIGHTS.len().to_string()),
        "config.json" => FakeResponse::status(307).header("location", "/elsewhere/small"),
        "small" => FakeResponse::file(request, b"{}"),
        _ => FakeResponse::status(404),
    });
    let cache = tempfile::tempdir().unwrap();
    let at = Hub::new(&hub.url, Some("secret"), cache.path(), false)
        .fetch(
            "own/model",
            COMMIT,
            REQUIRED,
            &[],
            &RecordedProgress::default(),
        )
        .unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(hub.requests().len(), 3);
    assert!(
        hub.requests()
            .iter()
            .all(|request| request.token.as_deref() == Some("Bearer secret"))
    );
    assert_eq!(storage.requests().len(), 1);
    assert_eq!(storage.requests()[0].token, None);
}

#[test]
fn endless_redirects_fail() {
    let hub = FakeHub::start(|request| {
        FakeResponse::status(302).header("location", request.path.clone())
    });
    let error = message(&hub.url, tempfile::tempdir().unwrap().path());
    assert!(error.contains("redirects"), "{error}");
}

#[test]
fn a_file_with_a_wrong_checksum_is_deleted() {
    let hub = FakeHub::start(|request| match name(request) {
        "model.safetensors" => FakeResponse::file(request, &[b'x'; 52])
            .header("x-linked-etag", format!("\"{}\"", sum(WEIGHTS))),
        _ => complete_hub(request),
    });
    let cache = tempfile::tempdir().unwrap();
    let error = message(&hub.url, cache.path());
    assert!(
        error.contains("SHA-256") && error.contains(&sum(WEIGHTS)),
        "{error}"
    );
    assert_eq!(files(cache.path()), ["config.json"]);
}

#[test]
fn a_damaged_part_is_detected_and_the_next_attempt_restarts() {
    let (hub, cache) = (FakeHub::start(complete_hub), tempfile::tempdir().unwrap());
    fs::create_dir_all(folder(cache.path())).unwrap();
    fs::write(
        folder(cache.path()).join("model.safetensors.part"),
        b"garbage",
    )
    .unwrap();
    let error = message(&hub.url, cache.path());
    assert!(error.contains("SHA-256"), "{error}");
    let at = fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
}

#[test]
fn a_part_that_cannot_be_verified_or_is_too_long_is_ignored() {
    for (part, tag) in [
        (b"garbage".to_vec(), "a git hash".to_string()),
        (vec![b'x'; 99], sum(WEIGHTS)),
    ] {
        let hub = FakeHub::start(move |request| match name(request) {
            "model.safetensors" => {
                FakeResponse::file(request, WEIGHTS).header("etag", format!("\"{tag}\""))
            }
            _ => complete_hub(request),
        });
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder(cache.path())).unwrap();
        fs::write(folder(cache.path()).join("model.safetensors.part"), part).unwrap();
        let at = fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap();
        assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    }
}

#[test]
fn errors_of_the_hub_have_hints() {
    let cases: [(u16, &str, &[&str]); 5] = [
        (401, "RepoNotFound", &["HTTP status 401", "HF_TOKEN"]),
        (403, "GatedRepo", &["HTTP status 403", "HF_TOKEN"]),
        (
            404,
            "RevisionNotFound",
            &["no such repository or revision", "HTTP status 404"],
        ),
        (429, "", &["too many requests", "HF_ENDPOINT"]),
        (503, "", &["HTTP status 503", "try again later"]),
    ];
    for (status, code, expected) in cases {
        let hub =
            FakeHub::start(move |_| FakeResponse::status(status).header("x-error-code", code));
        let cache = tempfile::tempdir().unwrap();
        let error = message(&hub.url, cache.path());
        let by_hand = format!(
            "put config.json and model.safetensors into {}",
            folder(cache.path()).display()
        );
        for part in expected.iter().chain([&by_hand.as_str()]) {
            assert!(error.contains(part), "no '{part}' in: {error}");
        }
        assert!(files(cache.path()).is_empty());
    }
}

#[test]
fn a_connection_error_lists_the_workarounds() {
    // A free port without a listener.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let cache = tempfile::tempdir().unwrap();
    let error = message(&format!("http://127.0.0.1:{port}"), cache.path());
    let at = folder(cache.path()).display().to_string();
    for part in [
        "cannot connect",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        at.as_str(),
    ] {
        assert!(error.contains(part), "no '{part}' in: {error}");
    }
}

#[test]
fn offline_mode_uses_the_cache_only() {
    let (hub, cache) = (FakeHub::start(complete_hub), tempfile::tempdir().unwrap());
    let offline = Hub::new(&hub.url, None, cache.path(), true);
    let fetch = || {
        offline.fetch(
            "own/model",
            COMMIT,
            REQUIRED,
            &["modules.json"],
            &RecordedProgress::default(),
        )
    };
    let error = fetch().unwrap_err().to_string();
    assert!(
        error.contains("HF_HUB_OFFLINE") && error.contains("own/model"),
        "{error}"
    );
    fs::create_dir_all(folder(cache.path())).unwrap();
    fs::write(folder(cache.path()).join("config.json"), "{}").unwrap();
    assert!(fetch().is_err());
    fs::write(folder(cache.path()).join("pytorch_model.bin"), "x").unwrap();
    assert_eq!(fetch().unwrap(), folder(cache.path()));
    assert!(hub.requests().is_empty());
}

#[test]
fn a_complete_folder_is_used_if_the_network_fails() {
    let (hub, cache) = (
        FakeHub::start(|_| FakeResponse::status(500)),
        tempfile::tempdir().unwrap(),
    );
    fs::create_dir_all(folder(cache.path())).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::write(folder(cache.path()).join(file), "{}").unwrap();
    }
    assert_eq!(
        fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap(),
        folder(cache.path())
    );
    assert_eq!(
        hub.paths(),
        [format!("/own/model/resolve/{COMMIT}/modules.json")]
    );
}

#[cfg(unix)]
#[test]
fn files_downloaded_by_python_are_found() {
    let cache = tempfile::tempdir().unwrap();
    let home = cache.path().join("models--own--model");
    for folder in ["blobs", "refs"]
        .map(|name| home.join(name))
        .iter()
        .chain([&folder(cache.path())])
    {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(home.join("blobs/f00"), "{}").unwrap();
    fs::write(home.join("refs/main"), COMMIT).unwrap();
    let link = |file: &str, blob: &str| {
        std::os::unix::fs::symlink(
            format!("../../blobs/{blob}"),
            folder(cache.path()).join(file),
        )
        .unwrap();
    };
    link("config.json", "f00");
    link("model.safetensors", "gone");
    let hub = FakeHub::start(complete_hub);
    let known = Hub::new(&hub.url, None, cache.path(), false);
    for revision in ["main", COMMIT] {
        let at = known.cached("own/model", revision, &["config.json"]);
        assert_eq!(at, Some(folder(cache.path())), "{revision}");
    }
    // The file of a dangling link is downloaded again.
    assert_eq!(
        known.cached("own/model", "main", &["model.safetensors"]),
        None
    );
    let at = fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
}

#[test]
fn a_branch_is_resolved_to_its_commit() {
    let hub = FakeHub::start(|request| {
        if request.path == "/api/models/own/model/revision/refs%2Fpr%2F1" {
            let body = format!(r#"{{"id":"own/model","sha":"{COMMIT}"}}"#).into_bytes();
            return FakeResponse {
                status: 200,
                body,
                ..FakeResponse::default()
            };
        }
        assert!(
            request.path.contains(COMMIT) || request.path.contains("/api/"),
            "{}",
            request.path
        );
        complete_hub(request)
    });
    let cache = tempfile::tempdir().unwrap();
    let known = Hub::new(&hub.url, None, cache.path(), false);
    let at = known
        .fetch(
            "own/model",
            "refs/pr/1",
            REQUIRED,
            &[],
            &RecordedProgress::default(),
        )
        .unwrap();
    assert_eq!(at, folder(cache.path()));
    assert_eq!(
        known.cached("own/model", "refs/pr/1", &["config.json"]),
        Some(at)
    );
    let error = known
        .fetch(
            "own/model",
            "gone",
            REQUIRED,
            &[],
            &RecordedProgress::default(),
        )
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("revision/gone") && error.contains("404"),
        "{error}"
    );
}

#[test]
fn a_hub_cannot_write_outside_the_cache() {
    let hub = FakeHub::start(|_| FakeResponse {
        status: 200,
        body: br#"{"sha":"../../x"}"#.to_vec(),
        ..FakeResponse::default()
    });
    let cache = tempfile::tempdir().unwrap();
    let known = Hub::new(&hub.url, None, cache.path(), false);
    let fetch =
        |repo, revision| known.fetch(repo, revision, REQUIRED, &[], &RecordedProgress::default());
    assert!(
        fetch("own/model", "main")
            .unwrap_err()
            .to_string()
            .contains("not a hub")
    );
    for (repo, revision) in [
        ("../model", "main"),
        ("own/model", "../.."),
        ("a/b/c", "main"),
        ("", "main"),
    ] {
        assert!(
            fetch(repo, revision)
                .unwrap_err()
                .to_string()
                .contains("owner/name"),
            "{repo} {revision}"
        );
        assert_eq!(known.cached(repo, revision, &[]), None);
    }
}

#[test]
fn an_interrupted_download_can_be_resumed() {
    let (hub, cache) = (FakeHub::start(complete_hub), tempfile::tempdir().unwrap());
    let progress = RecordedProgress {
        stop_at: Some(3),
        ..RecordedProgress::default()
    };
    let error = fetch(&hub.url, cache.path(), &progress)
        .unwrap_err()
        .to_string();
    assert!(error.contains("interrupted"), "{error}");
    assert!(!folder(cache.path()).join("model.safetensors").exists());
    assert_eq!(progress.started.borrow().len(), progress.finished.get());
    fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap();
}

#[test]
fn a_cancelled_download_sends_no_request() {
    let (hub, cache) = (FakeHub::start(complete_hub), tempfile::tempdir().unwrap());
    let progress = RecordedProgress {
        stop_at: Some(0),
        ..RecordedProgress::default()
    };
    let error = fetch(&hub.url, cache.path(), &progress).unwrap_err();
    assert_eq!(Error::from(error), Error::Interrupted);
    assert!(hub.requests().is_empty());
}

#[test]
fn a_download_that_waits_for_a_lock_can_be_cancelled() {
    let cache = tempfile::tempdir().unwrap();
    let held = lock_repository(cache.path(), &|| false).unwrap();
    assert!(held.is_some());
    assert!(lock_repository(cache.path(), &|| true).unwrap().is_none());
    drop(held);
    assert!(lock_repository(cache.path(), &|| true).unwrap().is_some());
}

/// Downloads with a limit on the size of a file.
fn limited(url: &str, cache: &Path, max_file_bytes: usize) -> Result<PathBuf, ModelError> {
    let mut hub = Hub::new(url, None, cache, false);
    hub.max_file_bytes = max_file_bytes as u64;
    hub.fetch(
        "own/model",
        COMMIT,
        REQUIRED,
        &[],
        &RecordedProgress::default(),
    )
}

#[test]
fn a_file_above_the_limit_is_refused_and_its_part_removed() {
    let (hub, cache) = (FakeHub::start(complete_hub), tempfile::tempdir().unwrap());
    fs::create_dir_all(folder(cache.path())).unwrap();
    let part = folder(cache.path()).join("model.safetensors.part");
    fs::write(part, &WEIGHTS[..5]).unwrap();
    let error = limited(&hub.url, cache.path(), WEIGHTS.len() - 1).unwrap_err();
    assert!(matches!(error, ModelError::TooLarge { .. }), "{error}");
    assert!(matches!(Error::from(error), Error::Forbidden(_)));
    assert_eq!(files(cache.path()), ["config.json"]);
    limited(&hub.url, cache.path(), WEIGHTS.len()).unwrap();
    assert_eq!(files(cache.path()), ["config.json", "model.safetensors"]);
}

#[test]
fn a_wrong_content_length_does_not_bypass_the_limit() {
    let hub = FakeHub::start(|request| match name(request) {
        "model.safetensors" => FakeResponse::file(request, WEIGHTS)
            .header("etag", "\"a git hash\"")
            .header("x-linked-size", "10"),
        _ => complete_hub(request),
    });
    let cache = tempfile::tempdir().unwrap();
    let error = limited(&hub.url, cache.path(), 20).unwrap_err();
    assert!(
        matches!(error, ModelError::TooLarge { max_bytes: 20, .. }),
        "{error}"
    );
    assert_eq!(files(cache.path()), ["config.json"]);
}

#[test]
fn concurrent_downloads_fetch_each_file_once() {
    let (hub, cache) = (FakeHub::start(complete_hub), tempfile::tempdir().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fetch(&hub.url, cache.path(), &RecordedProgress::default()).unwrap());
        }
    });
    let weights = hub
        .paths()
        .iter()
        .filter(|path| path.ends_with("model.safetensors"))
        .count();
    assert_eq!(weights, 1);
}

#[test]
fn environment_variables_have_the_same_effect_as_in_python() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("token"), "from file\n").unwrap();
    let at = home.path().to_string_lossy().into_owned();
    let hub = |variables: &[(&str, &str)]| {
        Hub::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.to_string())
        })
    };
    let plain = hub(&[("HOME", "/home/me")]);
    assert_eq!(plain.endpoint, "https://huggingface.co");
    assert_eq!(plain.cache, Path::new("/home/me/.cache/huggingface/hub"));
    assert_eq!((plain.offline, plain.token), (false, None));
    let moved = hub(&[
        ("HF_HOME", &at),
        ("HF_ENDPOINT", "https://mirror/"),
        ("HF_HUB_OFFLINE", "yes"),
    ]);
    assert_eq!(moved.endpoint, "https://mirror");
    assert_eq!(moved.cache, home.path().join("hub"));
    assert_eq!(
        (moved.offline, moved.token.as_deref()),
        (true, Some("from file"))
    );
    let named = hub(&[
        ("HOME", "/home/me"),
        ("HF_HOME", &at),
        ("HF_TOKEN", " from variable "),
        ("HF_HUB_CACHE", "~/models"),
        ("HF_HUB_OFFLINE", "0"),
    ]);
    assert_eq!(named.token.as_deref(), Some("from variable"));
    assert_eq!(named.cache, Path::new("/home/me/models"));
    assert!(!named.offline);
    assert_eq!(
        hub(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]).cache,
        Path::new("/c/huggingface/hub")
    );
}
