//! Server whose surroundings are watched: a new or changed file, or a connection
//! to the network, fails the test.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::server::{Server, serve, shop};
use super::wire::{WireClient, WireResponse};

/// Content of a file outside the served folder.
pub const SECRET: &str = "canary-7d1f3c";

/// Characters of an attack that a failure shows.
const MAX_SHOWN: usize = 300;

/// Variables that direct requests of the server to the watched listener.
const PROXIES: &[&str] = &[
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "HF_ENDPOINT",
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
];

const CREDENTIALS: &[(&str, &str)] = &[
    ("AWS_ACCESS_KEY_ID", "canary"),
    ("AWS_SECRET_ACCESS_KEY", "canary"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ALLOW_HTTP", "true"),
    ("HF_TOKEN", "canary"),
];

/// Beginning of a statement, for messages.
pub fn shortened(sql: &str) -> String {
    sql.chars().take(MAX_SHOWN).collect()
}

/// Replaces whole words of a template.
pub fn fill(template: &str, words: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut word = String::new();
    for letter in template.chars().map(Some).chain([None]) {
        if let Some(letter) = letter.filter(char::is_ascii_alphabetic) {
            word.push(letter);
            continue;
        }
        let replaced = words.iter().find(|(known, _)| *known == word);
        filled.push_str(replaced.map_or(word.as_str(), |(_, text)| text));
        word.clear();
        filled.extend(letter);
    }
    filled
}

#[derive(Debug, PartialEq, Eq)]
enum TreeEntry {
    Folder,
    Link(PathBuf),
    File(Vec<u8>),
}

type Tree = BTreeMap<PathBuf, TreeEntry>;

fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    add_entries(folder, &mut found);
    found
}

fn add_entries(folder: &Path, found: &mut Tree) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
        let entry = if kind.is_symlink() {
            TreeEntry::Link(std::fs::read_link(&path).unwrap())
        } else if kind.is_dir() {
            add_entries(&path, found);
            TreeEntry::Folder
        } else {
            TreeEntry::File(std::fs::read(&path).unwrap())
        };
        found.insert(path, entry);
    }
}

fn differences(before: &Tree, after: &Tree) -> Vec<PathBuf> {
    let changed = after
        .iter()
        .filter(|(path, entry)| before.get(*path) != Some(*entry));
    let removed = before.iter().filter(|(path, _)| !after.contains_key(*path));
    changed
        .chain(removed)
        .map(|(path, _)| path.clone())
        .collect()
}

/// Server for clients that may not write, in the middle of a watched tree:
///
/// ```text
/// serve.log
/// watched/served/   the served folder, with links out of it
/// watched/outside/  files that clients may not read
/// watched/home/     SEMQL_HOME
/// watched/user/     HOME
/// watched/tmp/      TMPDIR
/// ```
pub struct Canary {
    pub server: Server,
    root: tempfile::TempDir,
    network: TcpListener,
    before: Tree,
    tables: String,
}

impl Canary {
    pub fn start(args: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let watched = root.path().join("watched");
        let served = watched.join("served");
        lay_out(&watched);
        let network = TcpListener::bind("127.0.0.1:0").unwrap();
        network.set_nonblocking(true).unwrap();
        let url = format!("http://{}", network.local_addr().unwrap());
        let mut command = serve(&served, &["--listen", "127.0.0.1:0"]);
        command
            .args(args)
            .env("HOME", watched.join("user"))
            .env("TMPDIR", watched.join("tmp"))
            .env("SEMQL_HOME", watched.join("home"))
            .env_remove("XDG_CACHE_HOME")
            .env_remove("XDG_DATA_HOME")
            .env_remove("HF_HOME")
            .env_remove("HF_HUB_OFFLINE")
            .env_remove("NO_PROXY")
            .env_remove("no_proxy")
            .envs(PROXIES.iter().map(|name| (name, &url)))
            .envs(CREDENTIALS.iter().copied());
        let (server, _) = Server::start_with_log(command, &root.path().join("serve.log"));
        let tables = tables(&server);
        let before = tree(&watched);
        Self {
            server,
            root,
            network,
            before,
            tables,
        }
    }

    pub fn served(&self) -> PathBuf {
        self.root.path().join("watched/served")
    }

    /// Path of a file outside the served folder.
    pub fn outside(&self, name: &str) -> String {
        let folder = self.root.path().join("watched/outside");
        folder.join(name).to_str().unwrap().to_string()
    }

    /// URL of the listener that must receive no connection.
    pub fn url(&self) -> String {
        format!("http://{}", self.network.local_addr().unwrap())
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.root.path().join("serve.log")).unwrap()
    }

    pub fn connect(&self) -> WireClient {
        WireClient::connect(self.server.port)
    }

    /// Runs `sql` by both protocols; both results and errors are allowed.
    pub fn harmless(&self, sql: &str) -> [WireResponse; 2] {
        let simple = self.connect().simple(sql);
        let simple = self.without_effects(sql, simple);
        [simple, self.extended(sql)]
    }

    /// Runs `sql` by both protocols; each must give an error.
    pub fn fails(&self, sql: &str) {
        for response in self.harmless(sql) {
            let shown = shortened(sql);
            assert!(
                !response.errors.is_empty(),
                "accepted: {shown}: {}",
                response.text()
            );
        }
    }

    /// Runs `sql` by both protocols; each must give one of these SQLSTATEs.
    pub fn refused(&self, sql: &str, codes: &[&str]) {
        for response in self.harmless(sql) {
            let code = response.code();
            assert!(
                code.is_some_and(|code| codes.contains(&code)),
                "{codes:?} expected, got {code:?}: {}: {}",
                shortened(sql),
                response.text()
            );
        }
    }

    /// Runs `sql` by the simple protocol and verifies that nothing happened.
    pub fn simple(&self, sql: &str) -> WireResponse {
        let response = self.connect().simple(sql);
        let response = self.without_effects(sql, response);
        self.verify(sql);
        response
    }

    /// Runs `sql` by the extended protocol and verifies that nothing happened.
    pub fn extended(&self, sql: &str) -> WireResponse {
        let response = self.connect().extended(sql, &[], 0);
        let response = self.without_effects(sql, response);
        self.verify(sql);
        response
    }

    fn without_effects(&self, sql: &str, response: io::Result<WireResponse>) -> WireResponse {
        let response = response.unwrap_or_else(|error| {
            panic!("no response: {error}: {}: {}", shortened(sql), self.log())
        });
        let text = response.text();
        assert!(!text.contains(SECRET), "revealed: {}", shortened(sql));
        self.verify_effects(sql);
        response
    }

    /// Verifies that the server answers a new client, and that neither files
    /// nor the network were touched.
    pub fn verify(&self, sql: &str) {
        self.verify_effects(sql);
        let response = self.connect().simple("SELECT 'on'");
        let response = response.unwrap_or_else(|error| panic!("{error} after {}", shortened(sql)));
        assert_eq!(response.table(), "on", "after {}", shortened(sql));
    }

    /// Verifies that neither files nor the network were touched.
    pub fn verify_effects(&self, sql: &str) {
        let now = tree(&self.root.path().join("watched"));
        let changed = differences(&self.before, &now);
        assert!(changed.is_empty(), "{changed:?} by {}", shortened(sql));
        match self.network.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("network used: {other:?} by {}", shortened(sql)),
        }
    }

    /// Verifies that the tables are those of the start, and that no statement
    /// caused a panic.
    pub fn verify_tables(&self, sql: &str) {
        assert_eq!(
            tables(&self.server),
            self.tables,
            "after {}",
            shortened(sql)
        );
        let log = self.log();
        assert!(!log.contains("panicked"), "after {}: {log}", shortened(sql));
    }
}

fn tables(server: &Server) -> String {
    let response = WireClient::connect(server.port).simple("SHOW TABLES");
    let response = response.unwrap();
    assert!(response.errors.is_empty(), "{}", response.text());
    response.table()
}

fn lay_out(watched: &Path) {
    use std::os::unix::fs::symlink;

    for name in ["served/nested", "outside", "home", "user", "tmp"] {
        std::fs::create_dir_all(watched.join(name)).unwrap();
    }
    let served = watched.join("served");
    let original = shop();
    for name in ["shop.csv", "data_dict.yaml"] {
        std::fs::copy(original.path().join(name), served.join(name)).unwrap();
    }
    std::fs::write(served.join("nested/inner.csv"), "id\n1\n").unwrap();
    // A long name makes exponential matching of globs visible.
    let long = format!("{}.csv", "a".repeat(200));
    std::fs::write(served.join(long), "id\n1\n").unwrap();
    let secret = format!("id,secret\n1,{SECRET}\n");
    std::fs::write(watched.join("outside/secret.csv"), secret).unwrap();
    symlink("../outside/secret.csv", served.join("link.csv")).unwrap();
    symlink("../outside", served.join("linked")).unwrap();
    // Models and ONNX Runtime of this machine, where they are installed.
    let home = semql_udfs::models::home();
    for name in ["models", "onnxruntime"] {
        if home.join(name).exists() {
            symlink(home.join(name), watched.join("home").join(name)).unwrap();
        }
    }
}
