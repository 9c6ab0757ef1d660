use std::fs;
use std::path::Path;

use semql_udfs::learning::extraction::rules::{AttributeKind, AttributeSet};

use crate::dictionary::load::load_dictionary;
use crate::error::ExitCode;

const GOOD: &str = r"version: 1
attributes:
  shoes:
    color: {values: {red: [scarlet, rouge], blue: navy, pink: }}
    size:
      description: European size
      values: [39, 40]
    weight: {type: quantity, unit: g}
    sku: {pattern: 'SKU-\d+'}
  products:
    voltage: {type: quantity, unit: V}
";

fn load(folder: &Path, text: &str) -> crate::error::Result<Vec<AttributeSet>> {
    let path = folder.join("data_dict.yaml");
    fs::write(&path, text).unwrap();
    load_dictionary(&path).map(|dictionary| dictionary.attribute_sets().to_vec())
}

fn load_text(text: &str) -> crate::error::Result<Vec<AttributeSet>> {
    load(tempfile::tempdir().unwrap().path(), text)
}

/// Error message for `text`, with `data_dict.yaml` in place of its path.
fn refusal(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = load(folder.path(), text).unwrap_err();
    assert_eq!(error.code, ExitCode::Setup, "{error}");
    let folder = format!("{}/", folder.path().display());
    error.message.replace(&folder, "")
}

#[test]
fn sets_have_the_attributes_of_their_file() {
    let sets = load_text(GOOD).unwrap();
    let names: Vec<&str> = sets.iter().map(|set| set.name.as_str()).collect();
    assert_eq!(names, ["shoes", "products"]);
    let attributes = &sets[0].attributes;
    let names: Vec<&str> = attributes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["color", "size", "weight", "sku"]);
    let spellings = |position: usize| -> Vec<Vec<&str>> {
        let values = attributes[position].values.iter();
        values.map(|value| value.spellings().collect()).collect()
    };
    assert_eq!(
        spellings(0),
        [
            vec!["red", "scarlet", "rouge"],
            vec!["blue", "navy"],
            vec!["pink"]
        ]
    );
    assert_eq!(spellings(1), [["39"], ["40"]]);
    assert_eq!(attributes[1].description.as_deref(), Some("European size"));
    assert_eq!(attributes[2].kind, AttributeKind::Quantity);
    assert_eq!(attributes[2].unit.as_deref(), Some("g"));
    assert_eq!(attributes[3].pattern.as_deref(), Some(r"SKU-\d+"));
    assert!(load_text("version: 1\n").unwrap().is_empty());
}

#[test]
fn problems_have_their_lines() {
    for (from, to, start, expected) in [
        (
            "pattern:",
            "patern:",
            ":9:11:",
            "unknown key 'patern'; did you mean 'pattern'?",
        ),
        ("unit: g", "unit: parsec", ":8:5:", "unknown unit 'parsec'"),
        (
            "{type: quantity, unit: g}",
            "{type: quantity}",
            ":8:5:",
            "needs a unit",
        ),
        (
            "type: quantity, unit: g",
            "type: weight, unit: g",
            ":8:20:",
            "weight",
        ),
        (r"SKU-\d+", "SKU-(", ":9:5:", "unclosed group"),
        (
            "    sku:",
            "    size:",
            ":9:5:",
            "the key 'size' is given twice",
        ),
        (
            "    sku:",
            "    Size:",
            ":9:5:",
            "attribute 'Size' is given twice",
        ),
        (
            "  products:",
            "  shoes:",
            ":10:3:",
            "the key 'shoes' is given twice",
        ),
        ("[39, 40]", "[39, ' ']", ":5:5:", "value 2 is blank"),
        (
            "[scarlet, rouge]",
            "['']",
            ":4:5:",
            "'red' has a blank synonym",
        ),
        ("[scarlet, rouge]", "[navy]", ":4:5:", "'navy' belongs to"),
        ("[39, 40]", "39", ":7:", "list of values"),
        ("[39, 40]", "[[39]]", ":7:", ""),
        (
            "[39, 40]",
            "small",
            ":7:7:",
            "'values' is a list, a map or a file (.yaml .yml), not 'small'",
        ),
        (
            "description: European size",
            "name: size",
            ":",
            "duplicate field `name`",
        ),
        ("    sku:", "    ' ':", ":9:5:", "blank name"),
        (
            "  shoes:",
            "  ' ':",
            ":3:3:",
            "an attribute set needs a name",
        ),
        (
            "{pattern: 'SKU-\\d+'}",
            "text",
            ":9:10:",
            "this should be keys with values",
        ),
        (
            "\n    voltage: {type: quantity, unit: V}",
            " {}",
            ":10:3:",
            "has no attributes",
        ),
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
fn a_set_may_be_a_list() {
    let text = "version: 1
attributes:
  found:
    - {values: [red], name: color}
    - name: weight
      type: quantity
      unit: kg
";
    let sets = load_text(text).unwrap();
    let names: Vec<&str> = sets[0].attributes.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["color", "weight"]);
    assert_eq!(sets[0].attributes[0].values[0].value, "red");
    for (from, to, expected) in [
        (
            "name: weight",
            "description: x",
            "the key 'name' is missing",
        ),
        (
            "name: weight",
            "name: Color",
            "data_dict.yaml:5:13: attribute set 'found': attribute 'Color' is given twice",
        ),
        (
            "unit: kg",
            "unit: parsec",
            "data_dict.yaml:5:13: attribute set 'found': attribute 'weight': unknown unit",
        ),
        ("[red]", "no.yaml", "cannot read"),
        ("{values: [red], name: color}", "color", ":4:7:"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        let message = refusal(&changed);
        assert!(message.contains(expected), "{from} -> {to}: {message}");
    }
}

#[test]
fn a_copy_of_the_built_in_set_is_read() {
    let built_in = AttributeSet::built_in().unwrap();
    let list = serde_saphyr::to_string(&built_in.attributes).unwrap();
    let list: String = list.lines().map(|line| format!("    {line}\n")).collect();
    let sets = load_text(&format!("version: 1\nattributes:\n  own:\n{list}")).unwrap();
    assert_eq!(sets[0].name, "own");
    assert_eq!(sets[0].attributes, built_in.attributes);
}

#[test]
fn all_problems_are_in_one_error() {
    let message = refusal(
        &GOOD
            .replace("unit: g", "unit: parsec")
            .replace("[39, 40]", "[' ']")
            .replace("unit: V", "unit: leagues"),
    );
    assert!(message.contains("has 3 problems"), "{message}");
    for line in [":5:", ":8:", ":11:"] {
        assert!(message.contains(line), "{message}");
    }
}

#[test]
fn values_may_be_in_a_separate_file() {
    let folder = tempfile::tempdir().unwrap();
    let text = GOOD.replace("[39, 40]", "sizes.yaml");
    let values = folder.path().join("sizes.yaml");

    let message = load(folder.path(), &text).unwrap_err().message;
    assert!(message.contains("data_dict.yaml:7:7:"), "{message}");
    assert!(message.contains("'size': cannot read"), "{message}");

    fs::write(&values, "small: [S, petite]\nlarge: []\n\"no\": \n").unwrap();
    let sets = load(folder.path(), &text).unwrap();
    let values_read = &sets[0].attributes[1].values;
    let spellings: Vec<Vec<&str>> = values_read
        .iter()
        .map(|v| v.spellings().collect())
        .collect();
    assert_eq!(
        spellings,
        [vec!["small", "S", "petite"], vec!["large"], vec!["no"]]
    );

    for (content, expected) in [
        ("small: [S]\nsmall: []\n", "sizes.yaml:2:1: the key 'small'"),
        ("small: [[S]]\n", "sizes.yaml:1:"),
        ("- small\n", "sizes.yaml:1:"),
        ("small: ['']\n", "data_dict.yaml:5:5:"),
        ("{}\n", "data_dict.yaml:5:5:"),
    ] {
        fs::write(&values, content).unwrap();
        let message = load(folder.path(), &text).unwrap_err().message;
        assert!(message.contains(expected), "{content}: {message}");
    }
}

#[test]
fn a_file_of_values_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("sizes.yaml")).unwrap();
    file.set_len(crate::dictionary::load::yaml::MAX_FILE_BYTES + 1)
        .unwrap();
    let text = GOOD.replace("[39, 40]", "sizes.yaml");
    let message = load(folder.path(), &text).unwrap_err().message;
    assert!(message.contains("larger than 64 MiB"), "{message}");
}

#[test]
fn a_written_file_of_values_is_read_back() {
    use semql_udfs::learning::extraction::normalization::values_yaml;
    let folder = tempfile::tempdir().unwrap();
    let pairs = [("no", "No."), ("1.50", "1,50"), ("red: dark", "#f00")];
    fs::write(
        folder.path().join("sizes.yaml"),
        values_yaml(pairs).unwrap(),
    )
    .unwrap();
    let sets = load(folder.path(), &GOOD.replace("[39, 40]", "sizes.yaml")).unwrap();
    let values = sets[0].attributes[1].values.iter();
    let read: Vec<Vec<&str>> = values.map(|value| value.spellings().collect()).collect();
    assert_eq!(read, pairs.map(|(canonical, variant)| [canonical, variant]));
}

#[test]
fn a_set_of_the_file_replaces_the_built_in_one() {
    let runtime = semql_udfs::Runtime::new();
    assert!(runtime.attribute_set("products").unwrap().attributes.len() > 1);
    for set in load_text(GOOD).unwrap() {
        runtime.set_attribute_set(set);
    }
    let products = runtime.attribute_set("products").unwrap();
    assert_eq!(products.attributes.len(), 1);
    assert_eq!(products.attributes[0].name, "voltage");
    assert_eq!(runtime.attribute_set("shoes").unwrap().attributes.len(), 4);
}
