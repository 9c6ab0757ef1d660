//! Against a hub on this machine; see `fake.rs`.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use super::fake::{Asked, FakeHub, Reply};
use super::*;
use crate::error::Error;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS: &[u8] = b"weights that are long enough to be cut in the middle";
const REQUIRED: &[&[&str]] = &[
    &["config.json"],
    &["model.safetensors", "pytorch_model.bin"],
];

/// Keeps what it is told.
#[derive(Default)]
struct Told {
    started: RefCell<Vec<(String, Option<u64>)>>,
    bytes: Cell<u64>,
    finished: Cell<usize>,
    /// Wants to stop once this many bytes are here.
    stop_at: Option<u64>,
}

impl DownloadProgress for Told {
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

fn name(asked: &Asked) -> &str {
    asked.path.rsplit('/').next().unwrap_or_default()
}

/// A sound hub, with weights as a large file that carries its checksum.
fn sound(asked: &Asked) -> Reply {
    match name(asked) {
        "config.json" => Reply::file(asked, b"{}").header("etag", "\"a git hash\""),
        "model.safetensors" => {
            Reply::file(asked, WEIGHTS).header("etag", format!("\"{}\"", sum(WEIGHTS)))
        }
        _ => Reply::status(404).header("x-error-code", "EntryNotFound"),
    }
}

fn folder(cache: &Path) -> PathBuf {
    cache.join("models--own--model/snapshots").join(COMMIT)
}

/// Everything in a snapshot, by name.
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

fn fetch(url: &str, cache: &Path, told: &Told) -> Result<PathBuf, ModelError> {
    Hub::new(url, None, cache, false).fetch("own/model", COMMIT, REQUIRED, &["modules.json"], told)
}

fn message(url: &str, cache: &Path) -> String {
    fetch(url, cache, &Told::default()).unwrap_err().to_string()
}

#[test]
fn files_arrive_whole_and_are_not_asked_for_again() {
    let (hub, cache) = (FakeHub::start(sound), tempfile::tempdir().unwrap());
    let told = Told::default();
    let at = fetch(&hub.url, cache.path(), &told).unwrap();
    assert_eq!(at, folder(cache.path()));
    assert_eq!(files(cache.path()), ["config.json", "model.safetensors"]);
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    let size = Some(WEIGHTS.len() as u64);
    assert_eq!(
        *told.started.borrow(),
        [
            ("config.json".to_string(), Some(2)),
            ("model.safetensors".to_string(), size)
        ]
    );
    assert_eq!(
        (told.bytes.get(), told.finished.get()),
        (2 + WEIGHTS.len() as u64, 2)
    );
    assert_eq!(
        hub.paths(),
        ["modules.json", "config.json", "model.safetensors"]
            .map(|file| format!("/own/model/resolve/{COMMIT}/{file}"))
    );

    assert_eq!(fetch(&hub.url, cache.path(), &Told::default()).unwrap(), at);
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
fn a_body_that_always_ends_early_leaves_nothing_that_looks_whole_and_is_taken_up_later() {
    let sick = FakeHub::start(|asked| match name(asked) {
        "model.safetensors" => sound(asked).cut(7),
        _ => sound(asked),
    });
    let cache = tempfile::tempdir().unwrap();
    let error = message(&sick.url, cache.path());
    assert!(
        error.contains("model.safetensors") && error.contains("try again"),
        "{error}"
    );
    assert_eq!(
        files(cache.path()),
        ["config.json", "model.safetensors.part"]
    );
    // Each attempt went on where the one before had stopped.
    let from: Vec<_> = sick
        .asked()
        .iter()
        .skip(2)
        .map(|asked| asked.from)
        .collect();
    assert_eq!(from, [None, Some(7), Some(14)]);
    let cached = Hub::new(&sick.url, None, cache.path(), true);
    assert_eq!(
        cached.cached("own/model", COMMIT, &["model.safetensors"]),
        None
    );

    let hub = FakeHub::start(sound);
    let told = Told::default();
    let at = fetch(&hub.url, cache.path(), &told).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(hub.asked().last().unwrap().from, Some(21));
    assert_eq!(told.bytes.get(), WEIGHTS.len() as u64);
    assert_eq!(files(cache.path()), ["config.json", "model.safetensors"]);
}

#[test]
fn a_connection_that_breaks_once_is_mended_in_the_same_call() {
    let tries = AtomicUsize::new(0);
    let hub = FakeHub::start(move |asked| match name(asked) {
        "model.safetensors" if tries.fetch_add(1, Ordering::SeqCst) == 0 => sound(asked).cut(9),
        _ => sound(asked),
    });
    let cache = tempfile::tempdir().unwrap();
    let at = fetch(&hub.url, cache.path(), &Told::default()).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
}

#[test]
fn the_next_alternative_is_taken_where_the_first_does_not_exist() {
    let hub = FakeHub::start(|asked| match name(asked) {
        "config.json" | "pytorch_model.bin" => Reply::file(asked, b"{}"),
        _ => Reply::status(404),
    });
    let cache = tempfile::tempdir().unwrap();
    fetch(&hub.url, cache.path(), &Told::default()).unwrap();
    assert_eq!(files(cache.path()), ["config.json", "pytorch_model.bin"]);
    let known = cache
        .path()
        .join("models--own--model/.no_exist")
        .join(COMMIT);
    assert!(known.join("model.safetensors").exists() && known.join("modules.json").exists());
}

#[test]
fn a_repository_without_any_alternative_is_told_by_the_files_it_lacks() {
    let hub = FakeHub::start(|asked| match name(asked) {
        "config.json" => Reply::file(asked, b"{}"),
        _ => Reply::status(404),
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
    let storage = FakeHub::start(|asked| {
        // A storage's own tag is no checksum of the file.
        Reply::file(asked, WEIGHTS).header("etag", "0".repeat(64))
    });
    let there = storage.url.clone();
    let hub = FakeHub::start(move |asked| match name(asked) {
        "model.safetensors" => Reply::status(302)
            .header("location", format!("{there}/blob"))
            .header("x-linked-etag", format!("\"{}\"", sum(WEIGHTS)))
            .header("x-linked-size", WEIGHTS.len().to_string()),
        "config.json" => Reply::status(307).header("location", "/elsewhere/small"),
        "small" => Reply::file(asked, b"{}"),
        _ => Reply::status(404),
    });
    let cache = tempfile::tempdir().unwrap();
    let at = Hub::new(&hub.url, Some("secret"), cache.path(), false)
        .fetch("own/model", COMMIT, REQUIRED, &[], &Told::default())
        .unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(hub.asked().len(), 3);
    assert!(
        hub.asked()
            .iter()
            .all(|asked| asked.token.as_deref() == Some("Bearer secret"))
    );
    assert_eq!(storage.asked().len(), 1);
    assert_eq!(storage.asked()[0].token, None);
}

#[test]
fn redirects_without_end_are_given_up() {
    let hub = FakeHub::start(|asked| Reply::status(302).header("location", asked.path.clone()));
    let error = message(&hub.url, tempfile::tempdir().unwrap().path());
    assert!(error.contains("redirects"), "{error}");
}

#[test]
fn what_does_not_match_its_checksum_is_thrown_away() {
    let hub = FakeHub::start(|asked| match name(asked) {
        "model.safetensors" => {
            Reply::file(asked, &[b'x'; 52]).header("x-linked-etag", format!("\"{}\"", sum(WEIGHTS)))
        }
        _ => sound(asked),
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
fn a_damaged_beginning_is_noticed_and_the_next_try_starts_anew() {
    let (hub, cache) = (FakeHub::start(sound), tempfile::tempdir().unwrap());
    fs::create_dir_all(folder(cache.path())).unwrap();
    fs::write(
        folder(cache.path()).join("model.safetensors.part"),
        b"garbage",
    )
    .unwrap();
    let error = message(&hub.url, cache.path());
    assert!(error.contains("SHA-256"), "{error}");
    let at = fetch(&hub.url, cache.path(), &Told::default()).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
}

#[test]
fn a_beginning_that_cannot_be_checked_or_is_too_long_is_not_used() {
    for (beginning, tag) in [
        (b"garbage".to_vec(), "a git hash".to_string()),
        (vec![b'x'; 99], sum(WEIGHTS)),
    ] {
        let hub = FakeHub::start(move |asked| match name(asked) {
            "model.safetensors" => Reply::file(asked, WEIGHTS).header("etag", format!("\"{tag}\"")),
            _ => sound(asked),
        });
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder(cache.path())).unwrap();
        fs::write(
            folder(cache.path()).join("model.safetensors.part"),
            beginning,
        )
        .unwrap();
        let at = fetch(&hub.url, cache.path(), &Told::default()).unwrap();
        assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
    }
}

#[test]
fn what_the_hub_refuses_comes_with_what_to_do() {
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
        let hub = FakeHub::start(move |_| Reply::status(status).header("x-error-code", code));
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
fn no_network_is_told_with_every_way_around_it() {
    // A port that was free a moment ago and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let cache = tempfile::tempdir().unwrap();
    let error = message(&format!("http://127.0.0.1:{port}"), cache.path());
    let at = folder(cache.path()).display().to_string();
    for part in [
        "cannot be reached",
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        at.as_str(),
    ] {
        assert!(error.contains(part), "no '{part}' in: {error}");
    }
}

#[test]
fn offline_uses_what_is_here_and_never_the_network() {
    let (hub, cache) = (FakeHub::start(sound), tempfile::tempdir().unwrap());
    let offline = Hub::new(&hub.url, None, cache.path(), true);
    let fetch = || {
        offline.fetch(
            "own/model",
            COMMIT,
            REQUIRED,
            &["modules.json"],
            &Told::default(),
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
    assert!(hub.asked().is_empty());
}

#[test]
fn a_working_folder_is_given_even_where_the_network_fails() {
    let (hub, cache) = (
        FakeHub::start(|_| Reply::status(500)),
        tempfile::tempdir().unwrap(),
    );
    fs::create_dir_all(folder(cache.path())).unwrap();
    for file in ["config.json", "model.safetensors"] {
        fs::write(folder(cache.path()).join(file), "{}").unwrap();
    }
    assert_eq!(
        fetch(&hub.url, cache.path(), &Told::default()).unwrap(),
        folder(cache.path())
    );
    assert_eq!(
        hub.paths(),
        [format!("/own/model/resolve/{COMMIT}/modules.json")]
    );
}

#[cfg(unix)]
#[test]
fn what_python_has_fetched_is_found() {
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
    let hub = FakeHub::start(sound);
    let known = Hub::new(&hub.url, None, cache.path(), false);
    for revision in ["main", COMMIT] {
        let at = known.cached("own/model", revision, &["config.json"]);
        assert_eq!(at, Some(folder(cache.path())), "{revision}");
    }
    // A link into nothing is fetched again, and replaced.
    assert_eq!(
        known.cached("own/model", "main", &["model.safetensors"]),
        None
    );
    let at = fetch(&hub.url, cache.path(), &Told::default()).unwrap();
    assert_eq!(fs::read(at.join("model.safetensors")).unwrap(), WEIGHTS);
}

#[test]
fn a_branch_is_taken_at_the_commit_it_stands_for() {
    let hub = FakeHub::start(|asked| {
        if asked.path == "/api/models/own/model/revision/refs%2Fpr%2F1" {
            let body = format!(r#"{{"id":"own/model","sha":"{COMMIT}"}}"#).into_bytes();
            return Reply {
                status: 200,
                body,
                ..Reply::default()
            };
        }
        assert!(
            asked.path.contains(COMMIT) || asked.path.contains("/api/"),
            "{}",
            asked.path
        );
        sound(asked)
    });
    let cache = tempfile::tempdir().unwrap();
    let known = Hub::new(&hub.url, None, cache.path(), false);
    let at = known
        .fetch("own/model", "refs/pr/1", REQUIRED, &[], &Told::default())
        .unwrap();
    assert_eq!(at, folder(cache.path()));
    assert_eq!(
        known.cached("own/model", "refs/pr/1", &["config.json"]),
        Some(at)
    );
    let error = known
        .fetch("own/model", "gone", REQUIRED, &[], &Told::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("revision/gone") && error.contains("404"),
        "{error}"
    );
}

#[test]
fn a_hub_cannot_lead_out_of_the_cache() {
    let hub = FakeHub::start(|_| Reply {
        status: 200,
        body: br#"{"sha":"../../x"}"#.to_vec(),
        ..Reply::default()
    });
    let cache = tempfile::tempdir().unwrap();
    let known = Hub::new(&hub.url, None, cache.path(), false);
    let fetch = |repo, revision| known.fetch(repo, revision, REQUIRED, &[], &Told::default());
    assert!(
        fetch("own/model", "main")
            .unwrap_err()
            .to_string()
            .contains("no hub")
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
fn an_interrupted_download_stops_and_can_go_on() {
    let (hub, cache) = (FakeHub::start(sound), tempfile::tempdir().unwrap());
    let told = Told {
        stop_at: Some(3),
        ..Told::default()
    };
    let error = fetch(&hub.url, cache.path(), &told)
        .unwrap_err()
        .to_string();
    assert!(error.contains("interrupted"), "{error}");
    assert!(!folder(cache.path()).join("model.safetensors").exists());
    assert_eq!(told.started.borrow().len(), told.finished.get());
    fetch(&hub.url, cache.path(), &Told::default()).unwrap();
}

#[test]
fn a_cancelled_download_asks_the_hub_nothing() {
    let (hub, cache) = (FakeHub::start(sound), tempfile::tempdir().unwrap());
    let told = Told {
        stop_at: Some(0),
        ..Told::default()
    };
    let error = fetch(&hub.url, cache.path(), &told).unwrap_err();
    assert_eq!(Error::from(error), Error::Interrupted);
    assert!(hub.asked().is_empty());
}

#[test]
fn a_download_that_waits_for_another_one_can_be_cancelled() {
    let cache = tempfile::tempdir().unwrap();
    let held = hold(cache.path(), &|| false).unwrap();
    assert!(held.is_some());
    assert!(hold(cache.path(), &|| true).unwrap().is_none());
    drop(held);
    assert!(hold(cache.path(), &|| true).unwrap().is_some());
}

/// Fetches with a limit on the size of a file.
fn limited(url: &str, cache: &Path, max_file_bytes: usize) -> Result<PathBuf, ModelError> {
    let mut hub = Hub::new(url, None, cache, false);
    hub.max_file_bytes = max_file_bytes as u64;
    hub.fetch("own/model", COMMIT, REQUIRED, &[], &Told::default())
}

#[test]
fn a_file_above_the_limit_is_refused_and_what_arrived_is_removed() {
    let (hub, cache) = (FakeHub::start(sound), tempfile::tempdir().unwrap());
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
fn a_wrong_stated_length_does_not_lift_the_limit() {
    let hub = FakeHub::start(|asked| match name(asked) {
        "model.safetensors" => Reply::file(asked, WEIGHTS)
            .header("etag", "\"a git hash\"")
            .header("x-linked-size", "10"),
        _ => sound(asked),
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
fn two_at_once_fetch_each_file_once() {
    let (hub, cache) = (FakeHub::start(sound), tempfile::tempdir().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fetch(&hub.url, cache.path(), &Told::default()).unwrap());
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
fn the_environment_is_read_as_python_reads_it() {
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
