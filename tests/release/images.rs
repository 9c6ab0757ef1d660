//! The Dockerfiles build from the repository alone. That they are well formed is
//! hadolint's to say, and that they build is an engine's.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The instructions of a Dockerfile, one a line, with their words.
fn instructions(path: &str) -> Vec<Vec<String>> {
    let text = read(path);
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
    let whole = lines.join("\n").replace("\\\n", " ");
    let words = |line: &str| line.split_whitespace().map(str::to_string).collect();
    whole
        .lines()
        .map(words)
        .filter(|w: &Vec<_>| !w.is_empty())
        .collect()
}

/// Whether `.dockerignore`, which leaves out all but what it names, lets `path`
/// into an image.
fn let_in(path: &str) -> bool {
    let rules = read(".dockerignore");
    let mut named = rules.lines().filter_map(|line| line.strip_prefix('!'));
    assert!(rules.lines().any(|line| line == "*"));
    named.any(|name| Path::new(path).starts_with(name))
}

#[test]
fn images_are_built_from_the_repository_and_pinned_bases() {
    for file in ["docker/cpu.Dockerfile", "docker/cuda.Dockerfile"] {
        let mut stages: Vec<String> = Vec::new();
        for words in instructions(file) {
            let says = words.join(" ");
            match words[0].as_str() {
                "FROM" => {
                    let tag = words[1].split_once(':').map(|(_, tag)| tag);
                    assert!(tag.is_some_and(|tag| tag != "latest"), "{file}: {says}");
                    stages.extend(words.get(3).cloned());
                }
                "COPY" | "ADD" => {
                    let flag = words.iter().find_map(|w| w.strip_prefix("--from="));
                    let paths: Vec<_> =
                        words[1..].iter().filter(|w| !w.starts_with("--")).collect();
                    match flag {
                        Some(stage) => assert!(stages.iter().any(|s| s == stage), "{file}: {says}"),
                        None => {
                            for source in &paths[..paths.len() - 1] {
                                let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
                                assert!(there.exists(), "{file}: {says}");
                                assert!(source.as_str() == "." || let_in(source), "{file}: {says}");
                            }
                        }
                    }
                }
                "USER" => assert!(!["root", "0"].contains(&words[1].as_str()), "{file}"),
                _ => {}
            }
        }
        let last = |name: &str| {
            let all = instructions(file);
            all.into_iter()
                .rfind(|words| words[0] == name)
                .map(|words| words[1..].join(" "))
        };
        assert_eq!(last("ENTRYPOINT").as_deref(), Some("[\"semql\"]"), "{file}");
        assert_eq!(last("USER").as_deref(), Some("1000"), "{file}");
    }
}

#[test]
fn every_crate_of_the_workspace_is_let_in() {
    for path in [
        "Cargo.toml",
        "Cargo.lock",
        "src/main.rs",
        "udfs/Cargo.toml",
        "udfs/benches/plan.rs",
        "cluster/Cargo.toml",
        "python/Cargo.toml",
        "scripts/setup.py",
    ] {
        assert!(let_in(path), "{path} is left out by .dockerignore");
    }
    assert!(!let_in("target") && !let_in(".git/config"));
}
