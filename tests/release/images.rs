//! The Dockerfiles build from the repository alone. Hadolint checks their syntax;
//! only a container engine shows that they build.

use std::fs;
use std::path::Path;

use crate::layers::crates::members;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The instructions of a Dockerfile, each as its words.
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

/// Whether `path` is part of the build context: `.dockerignore` excludes all
/// paths except those that it names.
fn in_build_context(path: &str) -> bool {
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
            let instruction = words.join(" ");
            match words[0].as_str() {
                "FROM" => {
                    let tag = words[1].split_once(':').map(|(_, tag)| tag);
                    assert!(
                        tag.is_some_and(|tag| tag != "latest"),
                        "{file}: {instruction}"
                    );
                    stages.extend(words.get(3).cloned());
                }
                "COPY" | "ADD" => {
                    let flag = words.iter().find_map(|w| w.strip_prefix("--from="));
                    let paths: Vec<_> =
                        words[1..].iter().filter(|w| !w.starts_with("--")).collect();
                    match flag {
                        Some(stage) => {
                            assert!(stages.iter().any(|s| s == stage), "{file}: {instruction}")
                        }
                        None => {
                            for source in &paths[..paths.len() - 1] {
                                let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
                                assert!(there.exists(), "{file}: {instruction}");
                                assert!(
                                    source.as_str() == "." || in_build_context(source),
                                    "{file}: {instruction}"
                                );
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
fn the_build_context_has_every_crate() {
    let crates = members(&read("Cargo.toml"));
    let manifests = crates.iter().map(|folder| format!("{folder}/Cargo.toml"));
    let others = [
        "Cargo.toml",
        "Cargo.lock",
        "src/main.rs",
        "scripts/setup.py",
        "queries/01_ingest.sql",
        "data_dict.yaml",
    ];
    for path in manifests.chain(others.map(str::to_string)) {
        assert!(
            in_build_context(&path),
            "{path} is left out by .dockerignore"
        );
    }
    assert!(!in_build_context("target") && !in_build_context(".git/config"));
}
