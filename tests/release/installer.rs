//! `install.sh` of a release, against a server on this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::release_scripts::{archives, fake_program, root, succeed};
use crate::cli::{Done, names, tool};
use crate::support::skip;

/// Serves the files of `folder` until the test process ends. Returns the address.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that went away is the client's test to fail.
            let _ = answer(stream, &folder);
        }
    });
    address
}

fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    reader.read_line(&mut request)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or("/");
    match fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(content) => {
            write!(
                stream,
                "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n",
                content.len()
            )?;
            stream.write_all(&content)
        }
        Err(_) => write!(
            stream,
            "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        ),
    }
}

/// A release on a server of this machine, and the home of a user who installs it.
struct Release {
    folder: tempfile::TempDir,
    address: String,
}

impl Release {
    /// Version 1.2.3 with the archives of all platforms, of a script in the place of
    /// the program. `None` without Python.
    fn serve() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let program = fake_program(folder.path(), "1.2.3");
        let files = folder.path().join("site/download/v1.2.3");
        for archive in archives("1.2.3")? {
            succeed(
                "build.py",
                &[
                    "archive",
                    "--target",
                    &archive.target,
                    "--binary",
                    program.to_str().unwrap(),
                    "--out",
                    files.to_str().unwrap(),
                ],
            );
        }
        fs::create_dir(folder.path().join("home")).unwrap();
        let address = serve(folder.path().join("site"));
        Some(Self { folder, address })
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn program(&self) -> PathBuf {
        self.home().join(".local/bin/semql")
    }

    fn file(&self, target: &str, suffix: &str) -> PathBuf {
        let files = self.folder.path().join("site/download/v1.2.3");
        files.join(format!("semql-1.2.3-{target}{suffix}"))
    }

    /// The script as a release has it.
    fn script(&self) -> PathBuf {
        let path = self.folder.path().join("install.sh");
        let text = fs::read_to_string(root().join("scripts/release/install.sh")).unwrap();
        let text = text.replace("@VERSION@", "1.2.3");
        fs::write(&path, text.replace("@RELEASES@", &self.address)).unwrap();
        path
    }

    /// Runs the installer on the machine that `uname` describes, with `setting`.
    fn install(&self, uname: (&str, &str), setting: Option<(&str, &str)>) -> Done {
        let tools = self.folder.path().join("tools");
        fs::create_dir_all(&tools).unwrap();
        let (system, machine) = uname;
        script(
            &tools.join("uname"),
            &format!("[ \"$1\" = -s ] && echo {system} || echo {machine}"),
        );
        script(&tools.join("ldd"), "echo 'ldd (GNU libc) 2.36'");
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("sh");
        command
            .arg(self.script())
            .env("HOME", self.home())
            .env("PATH", format!("{}:{path}", tools.display()))
            .env_remove("SEMQL_VERSION")
            .env_remove("SEMQL_BIN_DIR")
            .env_remove("SEMQL_RELEASES")
            .envs(setting);
        tool(&mut command).unwrap()
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The failure of an installation, which leaves the home as it was.
fn assert_refused(done: &Done, expected: &str) {
    assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
    assert!(done.err.contains(expected), "{expected}: {}", done.err);
}

const LINUX: (&str, &str) = ("Linux", "x86_64");

#[test]
fn the_program_is_installed_and_replaced() {
    let Some(release) = Release::serve() else {
        return;
    };
    for _ in 0..2 {
        let done = release.install(LINUX, None);
        assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
        assert!(done.out.contains("installed semql 1.2.3"), "{}", done.out);
        assert!(done.out.contains("add the folder to PATH"), "{}", done.out);
        let installed = tool(Command::new(release.program()).arg("--version")).unwrap();
        assert_eq!(installed.out, "semql 1.2.3\n");
        assert_eq!(names(&release.home().join(".local/bin")), ["semql"]);
    }

    // Another folder, which is on PATH.
    let folder = release.folder.path().join("tools");
    let done = release.install(LINUX, Some(("SEMQL_BIN_DIR", folder.to_str().unwrap())));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(!done.out.contains("to PATH"), "{}", done.out);
    assert!(folder.join("semql").is_file());
}

#[test]
fn each_system_gets_its_archive() {
    let Some(release) = Release::serve() else {
        return;
    };
    for (uname, target) in [
        (LINUX, "x86_64-unknown-linux-gnu"),
        (("Linux", "aarch64"), "aarch64-unknown-linux-gnu"),
        (("Darwin", "arm64"), "aarch64-apple-darwin"),
        (("Darwin", "x86_64"), "x86_64-apple-darwin"),
    ] {
        let done = release.install(uname, None);
        let archive = format!("semql-1.2.3-{target}.tar.gz");
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(done.out.contains(&archive), "{}", done.out);
    }
    for (uname, expected) in [
        (("Linux", "riscv64"), "no archive for the processor riscv64"),
        (("MINGW64_NT", "x86_64"), "have an archive for Windows"),
    ] {
        assert_refused(&release.install(uname, None), expected);
    }
}

#[test]
fn what_cannot_be_verified_is_not_installed() {
    let Some(release) = Release::serve() else {
        return;
    };
    let target = "x86_64-unknown-linux-gnu";
    let archive = fs::read(release.file(target, ".tar.gz")).unwrap();

    let mut changed = archive.clone();
    changed.push(0);
    fs::write(release.file(target, ".tar.gz"), changed).unwrap();
    let done = release.install(LINUX, None);
    assert_refused(&done, "nothing was installed");

    fs::write(release.file(target, ".tar.gz"), &archive).unwrap();
    fs::write(release.file(target, ".tar.gz.sha256"), "").unwrap();
    assert_refused(&release.install(LINUX, None), "nothing was installed");

    fs::remove_file(release.file(target, ".tar.gz.sha256")).unwrap();
    assert_refused(&release.install(LINUX, None), "cannot be downloaded");

    fs::remove_file(release.file(target, ".tar.gz")).unwrap();
    assert_refused(&release.install(LINUX, None), "cannot be downloaded");

    let done = release.install(LINUX, Some(("SEMQL_VERSION", "0.0.9")));
    assert_refused(&done, "whether version 0.0.9 has an archive");
    let done = release.install(LINUX, Some(("SEMQL_RELEASES", "@RELEASES@")));
    assert_refused(&done, "belongs to no release");
    assert!(names(&release.home()).is_empty());
}

#[test]
fn a_program_that_does_not_start_replaces_nothing() {
    let Some(release) = Release::serve() else {
        return;
    };
    assert_eq!(release.install(LINUX, None).code, Some(0));
    // The archive of another program under the name of this machine's.
    let broken = release
        .folder
        .path()
        .join("semql-1.2.3-x86_64-unknown-linux-gnu");
    fs::create_dir(&broken).unwrap();
    script(&broken.join("semql"), "exit 127");
    let target = "x86_64-unknown-linux-gnu";
    let archive = release.file(target, ".tar.gz");
    let mut pack = Command::new("tar");
    pack.arg("-czf").arg(&archive).arg("-C");
    pack.arg(release.folder.path())
        .arg(broken.file_name().unwrap());
    assert_eq!(tool(&mut pack).unwrap().code, Some(0));
    let Some(sum) = tool(Command::new("sha256sum").arg(&archive)) else {
        return;
    };
    fs::write(release.file(target, ".tar.gz.sha256"), sum.out).unwrap();
    let done = release.install(LINUX, None);
    assert_refused(&done, "does not start on this machine");
    let installed = tool(Command::new(release.program()).arg("--version")).unwrap();
    assert_eq!(installed.out, "semql 1.2.3\n");
}

#[test]
fn wget_takes_the_place_of_curl() {
    let Some(release) = Release::serve() else {
        return;
    };
    let tools = release.folder.path().join("only");
    fs::create_dir(&tools).unwrap();
    let wanted = [
        "sh",
        "uname",
        "mktemp",
        "cut",
        "sha256sum",
        "tar",
        "gzip",
        "mkdir",
        "cp",
        "chmod",
        "mv",
        "rm",
        "cat",
        "ldd",
        "wget",
    ];
    let path = std::env::var_os("PATH").unwrap();
    for name in wanted {
        let found = std::env::split_paths(&path).map(|folder| folder.join(name));
        match found.into_iter().find(|file| file.is_file()) {
            Some(file) => symlink(file, tools.join(name)).unwrap(),
            None => {
                skip::skip(name);
                return;
            }
        }
    }
    let mut command = Command::new("sh");
    command
        .arg(release.script())
        .env("HOME", release.home())
        .env("PATH", &tools);
    let done = tool(&mut command).unwrap();
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert!(release.program().is_file());
    fs::remove_file(tools.join("wget")).unwrap();
    assert_refused(&tool(&mut command).unwrap(), "neither curl nor wget");
}
