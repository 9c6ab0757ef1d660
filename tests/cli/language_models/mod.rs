//! Language models behind OpenAI-compatible endpoints, asked by the program.

mod answers;
mod budget;
mod cache;
mod distillation;
mod endpoints;
mod faults;
mod hostile_texts;
mod interrupt;
mod keys;
mod llama_cpp;
mod statements;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Done, program};
use crate::support::endpoint::Endpoint;
use crate::support::process;

/// Brands and colors of the offers, in several scripts.
const BRANDS: [&str; 5] = ["Acme", "Müller & Söhne", "東京製作所", "O'Neill", "Zoë"];
const COLORS: [&str; 4] = ["red", "navy blue", "grün", ""];
const THINGS: [&str; 3] = ["running shoes", "tea pot", "paperback novel"];

/// The attributes of every offer, in SQL.
const ATTRIBUTES: &str = "['brand', 'color']";

/// An offer and its right answers.
struct Offer {
    id: usize,
    title: String,
    text: String,
    brand: &'static str,
    /// Empty if the texts have none.
    color: &'static str,
}

impl Offer {
    /// One line of `id,brand,color` as CSV.
    fn line(&self) -> String {
        format!("{},{},{}", self.id, self.brand, self.color)
    }

    /// The offer as a labelled row of the endpoint.
    fn labelled(&self) -> Value {
        let color: Vec<&str> = [self.color].into_iter().filter(|c| !c.is_empty()).collect();
        json!({
            "title": self.title,
            "text": self.text,
            "attributes": {"brand": [self.brand], "color": color},
        })
    }
}

/// Offers with distinct titles. The color is in the second text.
fn offers(count: usize) -> Vec<Offer> {
    let offer = |id: usize| {
        let (brand, color) = (BRANDS[id % BRANDS.len()], COLORS[id % COLORS.len()]);
        let thing = THINGS[id % THINGS.len()];
        Offer {
            id,
            title: format!("{brand} {thing} no. {id}"),
            text: match color {
                "" => "made with care".to_string(),
                color => format!("made with care, é, {color}"),
            },
            brand,
            color,
        }
    };
    (1..=count).map(offer).collect()
}

/// Offers in the file `offers.json` of a folder, and the endpoint that knows them.
struct Shop {
    folder: TempDir,
    offers: Vec<Offer>,
    endpoint: Endpoint,
}

impl Shop {
    /// `None` on a machine without Python.
    fn open(offers: Vec<Offer>, args: &[&str]) -> Option<Self> {
        Self::open_with(offers, &json!({}), args)
    }

    fn open_with(offers: Vec<Offer>, mapping: &Value, args: &[&str]) -> Option<Self> {
        let rows: Vec<Value> = offers.iter().map(Offer::labelled).collect();
        let endpoint = Endpoint::start(&rows, mapping, args)?;
        let folder = tempfile::tempdir().unwrap();
        let lines: String = offers
            .iter()
            .map(|one| json!({"id": one.id, "title": one.title, "text": one.text}))
            .map(|row| format!("{row}\n"))
            .collect();
        std::fs::write(folder.path().join("offers.jsonl"), lines).unwrap();
        Some(Self {
            folder,
            offers,
            endpoint,
        })
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program with the model of the endpoint, about to run `sql`.
    fn command(&self, options: &str, sql: &str) -> Command {
        let mut command = program(self.folder());
        command
            .env("NO_PROXY", "127.0.0.1")
            .args(["--format", "csv", "-c"])
            .arg(self.endpoint.create_model(options))
            .args(["-c", sql]);
        command
    }

    /// Runs SQL with the model of the endpoint.
    fn run(&self, options: &str, sql: &str) -> Done {
        process::output(&mut self.command(options, sql)).into()
    }

    /// Runs a query that must succeed. Returns its lines after the header.
    fn rows(&self, sql: &str, header: &str) -> Vec<String> {
        lines(&self.run("", sql), header)
    }

    /// The right lines of [`EXTRACT`].
    fn right(&self) -> Vec<String> {
        self.offers.iter().map(Offer::line).collect()
    }
}

/// Query for `id,brand,color` of all offers.
const EXTRACT: &str = "SELECT id, a['brand'] AS brand, a['color'] AS color FROM (
    SELECT id, ai_extract(title, text, ['brand', 'color'], model => 'teacher') AS a FROM 'offers.jsonl') ORDER BY id";
const EXTRACT_HEADER: &str = "id,brand,color";

/// The lines after the header of a successful query.
fn lines(done: &Done, header: &str) -> Vec<String> {
    assert_eq!(done.code, Some(0), "{}", done.err);
    let mut lines = done.out.lines().map(str::to_string);
    assert!(
        lines.any(|line| line == header),
        "{} {}",
        done.out,
        done.err
    );
    lines.collect()
}

/// Number of failed rows in the notice of a query; 0 without one.
fn failed_rows(done: &Done) -> usize {
    let notice = done
        .err
        .lines()
        .find(|line| line.contains("failed in the model"));
    let Some(notice) = notice else { return 0 };
    let mut words = notice.split_whitespace();
    let count = words.find_map(|word| word.parse().ok());
    count.unwrap_or_else(|| panic!("{notice}"))
}
