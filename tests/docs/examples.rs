//! Every SQL example of the documentation runs, with the default model.
//!
//! The blocks of a page are one script in the program, whose line numbers are those of
//! the page. A block ` ```text output ` has the output of the block before it. `network`
//! and `gpu` after `sql` are blocks that are not run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::generated::is_writing;
use super::pages::{Block, blocks, paths, read, root};
use crate::cli::{Done, program};
use crate::support::endpoint::Endpoint;
use crate::support::{process, skip};

/// Parts of semql's home that the examples read.
const HOME: [&str; 4] = ["models", "onnxruntime", "graphs", "tokens"];

/// Address of a language model in the documentation, and the model's name.
const ENDPOINT: &str = "127.0.0.1:11434";
const LANGUAGE_MODEL: &str = "qwen3";

/// Start of the line that comes before the output of a block, with the block's line.
const MARK: &str = "@@output of line ";

/// Folder with the tables of the examples.
struct Tables {
    folder: TempDir,
}

impl Tables {
    /// Makes the tables from the sample; `None` on a machine without the model.
    fn make() -> Option<Self> {
        if !semql_udfs::models::home().join("models").is_dir() {
            skip::skip("semql's home");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let tables = Self { folder };
        let files = tables.files();
        for folder in ["sample", "offers"] {
            fs::create_dir_all(files.join(folder)).unwrap();
        }
        let source = root().join("tests/docs");
        fs::copy(source.join("data_dict.yaml"), files.join("data_dict.yaml")).unwrap();
        fs::copy(
            root().join("queries/sample/products.jsonl"),
            files.join("sample/products.jsonl"),
        )
        .unwrap();
        copy_files(
            &root().join("tests/golden/tiny-bert-safetensors"),
            &files.join("models/my-encoder"),
        );
        let mut program = tables.program(&files);
        let done: Done = process::output(program.arg("-f").arg(source.join("tables.sql"))).into();
        assert_eq!(done.code, Some(0), "{}", done.err);
        Some(tables)
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// The program in `folder`, with vectors of earlier runs. fp32 gives the same labels
    /// on every processor, and one thread the same batches.
    fn program(&self, folder: &Path) -> Command {
        let mut program = program(folder);
        let cache = self.folder.path().join("cache");
        program
            .env("SEMQL_HOME", home(folder))
            .args(["--no-rc", "--set", "ai.precision=fp32"])
            .args(["--set", "ai.threads=1", "--set"])
            .arg(format!("ai.cache={}", cache.display()));
        program
    }

    /// A copy of the tables for one page.
    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_files(&self.files(), copy.path());
        copy
    }
}

/// A home of semql in `folder`, which has the models of this machine and none that
/// another page has trained.
fn home(folder: &Path) -> PathBuf {
    let home = folder.join(".semql");
    fs::create_dir_all(&home).unwrap();
    for part in HOME {
        let (installed, link) = (semql_udfs::models::home().join(part), home.join(part));
        // The program makes derived files when it first needs them.
        fs::create_dir_all(&installed).unwrap();
        #[cfg(unix)]
        if !link.exists() {
            std::os::unix::fs::symlink(installed, link).unwrap();
        }
    }
    home
}

/// Copies the files of a folder and of those below it; links are left out.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        let kind = file.file_type().unwrap();
        if kind.is_dir() {
            copy_files(&file.path(), &target);
        } else if kind.is_file() {
            fs::copy(file.path(), target).unwrap();
        }
    }
}

/// Script of a page: its blocks of SQL on their lines, each behind a mark.
fn script(text: &str, blocks: &[Block<'_>]) -> String {
    let mut lines = vec![String::new(); text.lines().count()];
    for block in blocks.iter().filter(|block| block.is("sql", None)) {
        lines[block.start] = format!("\\echo {MARK}{}", block.start + 1);
        for (at, line) in block.lines.iter().enumerate() {
            lines[block.start + 1 + at] = line.to_string();
        }
    }
    lines.join("\n") + "\n"
}

/// Output of each block, by its line. Lines have no blanks at their end.
fn outputs(out: &str) -> BTreeMap<usize, Vec<String>> {
    let mut outputs: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut current = 0;
    for line in out.lines() {
        match line.strip_prefix(MARK) {
            Some(number) => {
                current = number.parse().unwrap();
                outputs.insert(current, Vec::new());
            }
            None => {
                let lines = outputs.entry(current).or_default();
                lines.push(line.trim_end().to_string());
            }
        }
    }
    outputs
}

/// The page with `outputs` in its blocks of output.
fn with_outputs(
    text: &str,
    blocks: &[Block<'_>],
    outputs: &BTreeMap<usize, Vec<String>>,
) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    let mut pairs: Vec<(usize, &Block<'_>)> = Vec::new();
    let mut source = None;
    for block in blocks {
        if block.is("sql", None) {
            source = Some(block.start + 1);
        } else if block.is("text", Some("output")) {
            pairs.push((source.expect("SQL before its output"), block));
        }
    }
    for (source, block) in pairs.into_iter().rev() {
        let fresh = outputs.get(&source).cloned().unwrap_or_default();
        let start = block.start + 1;
        drop(lines.splice(start..start + block.lines.len(), fresh));
    }
    lines.join("\n") + "\n"
}

/// Runs a page in its own copy of the tables, and returns the problem that it has.
fn run(page: &Path, tables: &Tables, endpoint: &Endpoint) -> Option<String> {
    let text = read(page);
    let blocks = blocks(&text);
    if !blocks.iter().any(|block| block.is("sql", None)) {
        return None;
    }
    let folder = tables.copy();
    let dictionary: String = blocks
        .iter()
        .filter(|block| block.is("yaml", Some("dictionary")))
        .flat_map(|block| block.lines.iter().map(|line| format!("{line}\n")))
        .collect();
    let file = folder.path().join("data_dict.yaml");
    let known = fs::read_to_string(&file).unwrap();
    fs::write(&file, known + &dictionary).unwrap();

    let address = format!("127.0.0.1:{}", endpoint.port);
    let script = script(&text, &blocks).replace(ENDPOINT, &address);
    let mut program = tables.program(folder.path());
    // Pages that show how to create the model do so themselves.
    if script.contains("'llm'") && !script.contains("CREATE EXTERNAL MODEL") {
        let create = format!(
            "CREATE EXTERNAL MODEL llm TYPE openai LOCATION 'http://{address}/v1' \
             OPTIONS (model '{LANGUAGE_MODEL}')"
        );
        program.args(["-c", &create]);
    }
    let name = "page.sql";
    fs::write(folder.path().join(name), &script).unwrap();
    let done: Done = process::output(program.args(["-f", name])).into();
    let page = page.display();
    if done.code != Some(0) {
        return Some(format!("{page} (line numbers are its own): {}", done.err));
    }
    let fresh = with_outputs(&text, &blocks, &outputs(&done.out));
    if is_writing() {
        fs::write(root().join(page.to_string()), &fresh).unwrap();
        write_figures(folder.path(), &text);
        return None;
    }
    let differs = text.lines().zip(fresh.lines()).position(|(a, b)| a != b);
    if text != fresh {
        let line = differs.map_or(0, |line| line + 1);
        let is = fresh
            .lines()
            .nth(line.saturating_sub(1))
            .unwrap_or_default();
        return Some(format!(
            "{page}, line {line}: the output is now\n{is}\nrun `make reference`"
        ));
    }
    None
}

/// Writes the pictures that the page shows. They are not compared, since maps differ by
/// the order of additions, as on other processors.
fn write_figures(folder: &Path, text: &str) {
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if text.contains(&format!("](images/{name})")) {
            fs::copy(path, root().join("docs/images").join(name)).unwrap();
        }
    }
}

#[test]
fn every_example_runs() {
    let Some(tables) = Tables::make() else { return };
    let mapping = json!({
        "classify": [["", "praise"]],
        "filter": [["", true]],
        "complete": [["", "an answer"]],
        "brand": [["", ["Acme"]]],
    });
    let Some(endpoint) = Endpoint::start(&[], &mapping, &["--model", LANGUAGE_MODEL]) else {
        return;
    };
    let problems: Vec<String> = paths()
        .iter()
        .filter_map(|page| run(page, &tables, &endpoint))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_script_has_the_lines_of_its_page() {
    let text = "# Page\n\n```sql\nSELECT 1;\n```\n\n```sql network\nSELECT 2;\n```\n\n```text output\nold\n```\n";
    let blocks = blocks(text);
    let script = script(text, &blocks);
    assert_eq!(script.lines().nth(3), Some("SELECT 1;"));
    assert!(!script.contains("SELECT 2"), "{script}");
    let outputs = outputs(&format!("{MARK}3\n 1 \nx\n"));
    let fresh = with_outputs(text, &blocks, &outputs);
    assert_eq!(fresh, text.replace("old\n", " 1\nx\n"));
}
