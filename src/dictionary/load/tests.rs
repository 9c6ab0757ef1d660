use std::fs;

use super::yaml::{MAX_ALIASED_EVENTS, MAX_FILE_BYTES};
use super::*;
use crate::dictionary::model::AcceptedValues;
use crate::error::ExitCode;
use crate::random_cases::{Random, cases};

const GOOD: &str = r#"version: 1
tables:
  - name: products
    description: One row a product.
    location: data/products.parquet
    source: {name: The Shop, url: "https://shop.example"}
    owner: Jo
    maintainer: Al
    licence: CC-BY-4.0
    created: 2025-01-02
    updated: 2025-03-04
    tags: [products, sample]
    columns:
      - {name: id, type: BIGINT, nullable: false, unique: true, description: The key.}
      - {name: title, type: VARCHAR, min_length: 1, max_length: 200}
      - {name: category, type: VARCHAR, taxonomy: departments}
      - {name: size, type: VARCHAR, accepted_values: [S, M, L]}
      - {name: vector, type: "FLOAT[384]"}
taxonomies:
  - name: departments
    template: "a product: {}"
    labels:
      - {name: "Health, Beauty", phrases: [skin care, shampoo]}
      - name: Books
attributes:
  shoes:
    color: {values: {red: [scarlet], blue: }, closed: true}
    brand: {values: [Acme], leading: {}}
  parcels:
    - {name: weight, type: quantity, unit: kg}
"#;

fn load_text(text: &str) -> Result<Dictionary> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data_dict.yaml");
    fs::write(&path, text).unwrap();
    load_dictionary(&path)
}

/// Error message for `text`, without the folder.
fn refusal(text: &str) -> String {
    let error = load_text(text).unwrap_err();
    assert_eq!(error.code, ExitCode::Setup);
    match error.message.rsplit_once('/') {
        Some((_, rest)) if !error.message.contains('\n') => rest.to_string(),
        _ => error.message,
    }
}

#[test]
fn a_dictionary_has_the_values_of_its_file() {
    let dictionary = load_text(GOOD).unwrap();
    let table = dictionary.table("products").unwrap();
    assert_eq!(table.licence.as_deref(), Some("CC-BY-4.0"));
    assert_eq!(table.created.as_deref(), Some("2025-01-02"));
    assert_eq!(table.tags, ["products", "sample"]);
    let location = table.location.as_ref().unwrap();
    assert_eq!(location.written, "data/products.parquet");
    let folder = dictionary.path().unwrap().parent().unwrap();
    assert_eq!(
        location.resolved,
        folder.join("data/products.parquet").to_str().unwrap()
    );
    let id = table.column("id").unwrap();
    assert_eq!((id.nullable, id.unique), (Some(false), true));
    let category = table.column("category").unwrap();
    assert_eq!(
        category.accepted,
        AcceptedValues::Taxonomy("departments".into())
    );
    assert_eq!(
        dictionary.labels("departments").unwrap(),
        ["Health, Beauty", "Books"]
    );
    assert_eq!(dictionary.taxonomies()[0].template, "a product: {}");
    // The built-in taxonomy needs no entry.
    assert_eq!(dictionary.labels("product_category").unwrap().len(), 8);
    assert_eq!(dictionary.labels("planets"), None);
}

#[test]
fn a_table_is_found_by_its_location() {
    let dictionary = load_text(GOOD).unwrap();
    let folder = dictionary.path().unwrap().parent().unwrap();
    let at = folder.join("x/../data/products.parquet");
    let table = dictionary.table_at(at.to_str().unwrap()).unwrap();
    assert_eq!(table.name, "products");
    assert!(dictionary.table_at("elsewhere.parquet").is_none());
}

#[test]
fn a_misspelt_key_is_reported_with_line_and_suggestion() {
    let message = refusal(&GOOD.replace("    columns:", "    colums:"));
    assert!(
        message.starts_with("data_dict.yaml:13:5: unknown key 'colums'; did you mean 'columns'?"),
        "{message}"
    );
    let message = refusal(&GOOD.replace("unique: true", "uniqe: true"));
    assert!(
        message.contains(":14:") && message.contains("'unique'"),
        "{message}"
    );
}

#[test]
fn problems_are_reported_with_their_lines() {
    for (from, to, start, expected) in [
        ("version: 1", "version: 2", ":1:10:", "unknown version 2"),
        (
            "type: BIGINT",
            "type: BIGNIT",
            ":14:26:",
            "'BIGNIT' is not a SQL type",
        ),
        (
            "taxonomy: departments",
            "taxonomy: departmnts",
            ":16:",
            "did you mean 'departments'?",
        ),
        (
            "taxonomy: departments",
            "taxonomy: planets",
            ":16:",
            "no taxonomy 'planets'; known: ",
        ),
        (
            "accepted_values: [S, M, L]",
            "accepted_values: [S], taxonomy: departments",
            ":17:",
            "either accepted_values or taxonomy",
        ),
        (
            "[S, M, L]",
            "[S, M, S]",
            ":17:",
            "accepted value 'S' is given twice",
        ),
        ("[S, M, L]", "[]", ":17:", "accepted_values is empty"),
        (
            "name: title",
            "name: id",
            ":15:",
            "column 'id' of 'products' is given twice",
        ),
        (
            "min_length: 1,",
            "min_length: 300,",
            ":15:",
            "min_length is above max_length",
        ),
        (
            "type: BIGINT,",
            "type: BIGINT, max_length: 3,",
            ":14:",
            "only text has",
        ),
        ("      - name: Books\n", "", ":20:", "has one label"),
        ("name: Books", "name: ' '", ":24:", "a label is blank"),
        (
            "name: Books",
            "name: 'Health, Beauty'",
            ":24:",
            "given twice",
        ),
        (
            "a product: {}",
            "a product",
            ":21:",
            "has no {} for the phrase",
        ),
        (
            "location: data/products.parquet",
            "location: ' '",
            ":5:",
            "the location is blank",
        ),
        (
            "nullable: false",
            "nullable: perhaps",
            ":14:",
            "this should be true or false",
        ),
        (
            "version: 1",
            "version: one",
            ":1:10:",
            "this should be a whole number",
        ),
        (
            "tags: [products, sample]",
            "tags: products",
            ":12:11:",
            "this should be a list",
        ),
        (
            "{name: The Shop, url: \"https://shop.example\"}",
            "The Shop",
            ":6:13:",
            "this should be keys with values",
        ),
        ("owner: Jo", "owner: [Jo]", ":7:12:", "this should be text"),
        (
            "  - name: products\n    desc",
            "  - desc",
            ":",
            "the key 'name' is missing",
        ),
        (
            "version: 1\n",
            "version: 1\nversion: 1\n",
            ":2:1:",
            "the key 'version' is given twice",
        ),
        ("tags: [products", "tags: [products: [", ":", ""),
    ] {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{from} is not in the sample");
        let message = refusal(&text);
        let whole = format!("data_dict.yaml{start}");
        assert!(message.starts_with(&whole), "{from} -> {to}: {message}");
        assert!(message.contains(expected), "{from} -> {to}: {message}");
    }
}

#[test]
fn all_semantic_problems_are_in_one_error() {
    let message = refusal(
        &GOOD
            .replace("type: BIGINT", "type: BIGNIT")
            .replace("taxonomy: departments", "taxonomy: planets"),
    );
    assert!(message.contains("has 2 problems"), "{message}");
    assert_eq!(message.lines().count(), 3, "{message}");
}

#[test]
fn an_absent_or_empty_file_is_refused() {
    let error = load_dictionary(Path::new("no/such/dictionary.yaml")).unwrap_err();
    assert!(
        error.message.contains("'no/such/dictionary.yaml'"),
        "{error}"
    );
    assert!(load_text("").is_err());
    assert!(load_text("- 1\n- 2\n").is_err());
    assert!(load_text("version: 1\n").unwrap().tables().is_empty());
}

#[test]
fn a_taxonomy_may_be_in_a_separate_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data_dict.yaml");
    let taxonomy = folder.path().join("sizes.yaml");
    fs::write(
        &path,
        "version: 1\ntaxonomies:\n  - {name: sizes, file: sizes.yaml}\n",
    )
    .unwrap();

    let message = load_dictionary(&path).unwrap_err().message;
    assert!(
        message.contains("data_dict.yaml:3:25: taxonomy 'sizes': cannot read"),
        "{message}"
    );

    fs::write(
        &taxonomy,
        "name: sizes\nlabels:\n  - name: small\n  - name: large\n",
    )
    .unwrap();
    let dictionary = load_dictionary(&path).unwrap();
    assert_eq!(dictionary.labels("sizes").unwrap(), ["small", "large"]);

    fs::write(
        &taxonomy,
        "name: shapes\nlabels:\n  - name: small\n  - name: large\n",
    )
    .unwrap();
    let message = load_dictionary(&path).unwrap_err().message;
    assert!(
        message.contains("sizes.yaml:1:7: this is taxonomy 'shapes'"),
        "{message}"
    );

    fs::write(&taxonomy, "name: sizes\nlabels:\n  - nam: small\n").unwrap();
    let message = load_dictionary(&path).unwrap_err().message;
    assert!(
        message.contains("sizes.yaml:3:5: unknown key 'nam'; did you mean 'name'?"),
        "{message}"
    );
}

#[test]
fn files_and_their_aliases_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data_dict.yaml");
    let file = fs::File::create(&path).unwrap();
    file.set_len(MAX_FILE_BYTES + 1).unwrap();
    let message = load_dictionary(&path).unwrap_err().message;
    assert!(message.contains("larger than 64 MiB"), "{message}");

    let tags = |aliases: usize| {
        let aliases = ", *tag".repeat(aliases);
        GOOD.replace("[products, sample]", &format!("[&tag products{aliases}]"))
    };
    let tagged = load_text(&tags(3)).unwrap();
    assert_eq!(tagged.tables()[0].tags, ["products"; 4]);
    assert!(load_text(&tags(MAX_ALIASED_EVENTS + 1)).is_err());
}

/// Pieces of YAML that change the meaning of the text around them.
const FRAGMENTS: &[&str] = &[
    "&a ",
    "*a",
    "<<: *a",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "|",
    ">-",
    "!!binary ",
    "\t",
    "\n",
    "---\n",
    "...\n",
    "'",
    "\"",
    "#",
    "? ",
    "%",
    "~",
    "-1",
    "1e999",
    "18446744073709551616",
    "\u{feff}",
    "\u{0}",
    "\u{1f980}",
    "version: 1\n",
    "  ",
];

fn mutated(random: &mut Random) -> String {
    let mut text: Vec<char> = GOOD.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(text.len());
        let end = (at + random.below(40)).min(text.len());
        match random.below(3) {
            0 => {
                let fragment = random.pick(FRAGMENTS);
                text.splice(at..at, fragment.chars());
            }
            1 => {
                text.drain(at..end);
            }
            _ => {
                let piece = text[at..end].to_vec();
                let target = random.below(text.len());
                text.splice(target..target, piece);
            }
        }
    }
    text.into_iter().collect()
}

#[test]
fn mutated_files_are_read_or_refused() {
    let mut random = Random::new(3);
    for _ in 0..cases(3_000) {
        let text = mutated(&mut random);
        match from_text(Path::new("data_dict.yaml"), &text) {
            Ok(dictionary) => assert!(dictionary.path().is_some()),
            Err(error) => assert_eq!(error.code, ExitCode::Setup, "{text}"),
        }
    }
}
