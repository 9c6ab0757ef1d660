//! Workflows of GitHub Actions. actionlint and zizmor check them in `make test`; only
//! a tag runs them.

use serde_json::Value;

use super::release_scripts::{archives, root, run_python};

fn text() -> String {
    std::fs::read_to_string(root().join(".github/workflows/release.yml")).unwrap()
}

fn workflow() -> Value {
    serde_saphyr::from_str(&text()).unwrap()
}

#[test]
fn actions_are_pinned_by_their_commits() {
    let text = text();
    let uses: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("uses: "))
        .map(|(_, action)| action)
        .collect();
    assert!(!uses.is_empty());
    for action in uses {
        let (name, version) = action.split_once(" # v").unwrap();
        let (_, commit) = name.split_once('@').unwrap();
        assert!(
            commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()),
            "{action}"
        );
        assert!(version.split('.').count() == 3, "{action}");
    }
}

#[test]
fn jobs_may_do_what_they_name_only() {
    let workflow = workflow();
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        assert!(job["permissions"].is_object(), "{name}");
        assert!(job["timeout-minutes"].is_u64(), "{name}");
    }
}

#[test]
fn the_matrix_has_the_platforms_of_the_release() {
    let Some(done) = run_python(
        "import json\nfrom platforms import PLATFORMS\nprint(json.dumps([p._asdict() for p in PLATFORMS]))",
    ) else {
        return;
    };
    let mut platforms: Value = serde_json::from_str(&done.out).unwrap();
    for platform in platforms.as_array_mut().unwrap() {
        let fields = platform.as_object_mut().unwrap();
        fields.retain(|_, value| value != "");
    }
    let workflow = workflow();
    assert_eq!(
        workflow["jobs"]["build"]["strategy"]["matrix"]["include"],
        platforms
    );
}

#[test]
fn the_files_that_the_workflow_names_exist() {
    let text = text();
    let container = std::fs::read_to_string(root().join("scripts/release/container.sh")).unwrap();
    let words = text.split_whitespace().chain(container.split_whitespace());
    let named: Vec<&str> = words
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.starts_with("scripts/") || word.starts_with("docker/"))
        .collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        assert!(root().join(name).is_file(), "{name}");
    }
}

/// `cargo binstall` looks for the archives under the names that the release gives them.
#[test]
fn binstall_finds_every_archive() {
    let mut command = std::process::Command::new(env!("CARGO"));
    command.current_dir(root());
    command.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--locked",
        "--format-version",
        "1",
    ]);
    let output = crate::support::process::output(&mut command);
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let semql = packages.iter().find(|it| it["name"] == "semql").unwrap();
    let binstall = &semql["metadata"]["binstall"];
    let version = env!("CARGO_PKG_VERSION");
    let Some(archives) = archives(version) else {
        return;
    };
    for archive in archives {
        let overridden = &binstall["overrides"][&archive.target];
        let value = |key: &str| overridden[key].as_str().or(binstall[key].as_str()).unwrap();
        let address = value("pkg-url")
            .replace("{ repo }", "https://host/owner/semql")
            .replace("{ version }", version)
            .replace("{ target }", &archive.target);
        let expected = format!(
            "https://host/owner/semql/releases/download/v{version}/{}",
            archive.name
        );
        assert_eq!(address, expected);
        let format = if archive.name.ends_with(".zip") {
            "zip"
        } else {
            "tgz"
        };
        assert_eq!(value("pkg-fmt"), format);
    }
}
