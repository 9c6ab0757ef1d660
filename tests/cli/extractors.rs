//! `CREATE MODEL ... EXTRACT`, and what can be asked of an extractor.

use std::path::Path;

use super::{Done, semql, shop};

/// Titles of products with a brand and, five of six, a color.
const ROWS: &str = "(SELECT *, brand || ' ' || CASE color WHEN '' THEN '' ELSE color || ' ' END || thing || ' ' || value AS title
    FROM (SELECT value, value / 4 AS product,
        ['Acme', 'Boreal', 'Cygnus', 'Delta Forge'][value % 4 + 1] AS brand,
        CASE WHEN value % 6 = 0 THEN '' ELSE ['red', 'blue', 'green', 'black', 'navy blue'][value % 5 + 1] END AS color,
        ['mug', 'lamp', 'scarf', 'chair', 'kettle', 'rug', 'vase'][value % 7 + 1] AS thing
        FROM generate_series(1, 240)))";

fn create(folder: &Path, statement: &str) -> Done {
    semql(
        folder,
        &["--format", "csv", "-c", &statement.replace("ROWS", ROWS)],
    )
}

fn create_facts(folder: &Path) -> Done {
    let done = create(
        folder,
        "CREATE MODEL facts FROM (SELECT title, brand, color FROM ROWS) EXTRACT brand, color",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    done
}

fn ask(folder: &Path, sql: &str) -> String {
    let done = semql(folder, &["--format", "csv", "-c", sql]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.out
}

/// Checks the rows of an extractor of `brand` and `color`.
fn check_quality(rows: &str) {
    let lines: Vec<&str> = rows.lines().collect();
    assert_eq!(
        lines[0], "attribute,rows,values,misaligned,precision,recall,f1",
        "{rows}"
    );
    for (line, start) in
        lines[1..]
            .iter()
            .zip(["brand,240,4,0,", "color,200,5,0,", "(all),240,9,0,"])
    {
        assert!(line.starts_with(start), "{rows}");
        let f1: f64 = line.rsplit(',').next().unwrap().parse().unwrap();
        assert!(f1 > 0.9, "{rows}");
    }
    assert_eq!(lines.len(), 4, "{rows}");
}

#[test]
fn an_extractor_is_trained_asked_described_and_dropped() {
    let folder = shop();
    let folder = folder.path();
    check_quality(&create_facts(folder).out);
    check_quality(&ask(folder, "DESCRIBE MODEL facts"));
    assert_eq!(
        ask(
            folder,
            "SELECT p['brand'] AS brand, p['color'] AS color, p IS NULL AS nothing FROM (
                 SELECT ai_predict('facts', column1) AS p FROM (VALUES
                     ('Acme red teapot 9'), ('Boreal teapot 10'), ('Delta Forge navy blue spoon 3'), (' '), (NULL)))"
        ),
        "brand,color,nothing\nAcme,red,false\nBoreal,,false\nDelta Forge,navy blue,false\n,,true\n,,true\n"
    );
    assert_eq!(
        ask(
            folder,
            &format!(
                "SELECT count(*) AS rows, count(*) FILTER (WHERE strpos(title, p['brand']) > 0) AS literal
                 FROM (SELECT title, ai_predict('facts', title) AS p FROM {ROWS})"
            )
        ),
        "rows,literal\n240,240\n"
    );
    assert_eq!(
        ask(
            folder,
            "SELECT name, kind, predicts, labels, f1 > 0.9 AS good, accuracy, rows, columns FROM ai_trained_models()"
        ),
        "name,kind,predicts,labels,good,accuracy,rows,columns\n\
         facts,extractor,brand,4,true,,240,title\n\
         facts,extractor,color,5,true,,240,title\n"
    );
    ask(folder, "DROP MODEL facts; DROP MODEL IF EXISTS facts");
    let gone = semql(folder, &["-c", "SELECT ai_predict('facts', 'a')"]);
    assert!(
        gone.err
            .contains("no trained model called 'facts'; CREATE MODEL makes one"),
        "{}",
        gone.err
    );
}

#[test]
fn the_same_rows_make_the_same_extractor() {
    let folder = shop();
    let folder = folder.path();
    let file = folder.join(".local/share/semql/trained/facts.model");
    create_facts(folder);
    let first = std::fs::read(&file).unwrap();
    let again = create(
        folder,
        "CREATE OR REPLACE MODEL facts FROM (SELECT title, brand, color FROM ROWS) EXTRACT brand, color",
    );
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert!(std::fs::read(&file).unwrap() == first);
}

#[test]
fn labels_are_texts_lists_or_structs() {
    let folder = shop();
    let folder = folder.path();
    for (name, query, target) in [
        (
            "lists",
            "SELECT title, [brand] AS brand, arrow_cast([color], 'LargeList(Utf8)') AS color FROM ROWS",
            "brand, color",
        ),
        (
            "structs",
            "SELECT title, named_struct('brand', brand, 'color', [color]) AS facts FROM ROWS",
            "facts",
        ),
    ] {
        let statement = format!("CREATE MODEL {name} FROM ({query}) EXTRACT {target}");
        let done = create(folder, &statement);
        assert_eq!(done.code, Some(0), "{name}: {}", done.err);
        check_quality(&done.out);
        assert_eq!(
            ask(
                folder,
                &format!("SELECT ai_predict('{name}', 'Cygnus black teapot 9')['color'] AS color")
            ),
            "color\nblack\n"
        );
    }
}

#[test]
fn rows_without_labels_are_left_out_and_groups_stay_together() {
    let folder = shop();
    let done = create(
        folder.path(),
        "CREATE MODEL facts FROM (SELECT title, product, CASE WHEN value <= 200 THEN brand END AS brand FROM ROWS)
         EXTRACT brand OPTIONS (group product, features words, seed 3)",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("\nbrand,200,4,0,"), "{}", done.out);
}

#[test]
fn labels_outside_their_texts_are_listed() {
    let folder = shop();
    let folder = folder.path();
    let done = create(
        folder,
        "CREATE MODEL facts FROM (SELECT title, CASE value WHEN 8 THEN 'Zephyr' ELSE brand END AS brand FROM ROWS) EXTRACT brand",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let line = done.out.lines().nth(1).unwrap();
    let misaligned = line.split(',').nth(3);
    assert_eq!(misaligned, Some("1"), "{}", done.out);
    assert_eq!(
        ask(folder, "SELECT * FROM ai_misaligned_values('facts')"),
        "attribute,value,title\nbrand,Zephyr,Acme black lamp 8\n"
    );
}

#[test]
fn each_function_takes_its_kind_of_model() {
    let folder = shop();
    let folder = folder.path();
    create_facts(folder);
    let done = create(
        folder,
        "CREATE MODEL things FROM (SELECT title, thing FROM ROWS) PREDICT thing OPTIONS (features ngrams)",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    for (sql, says) in [
        (
            "SELECT ai_predict_scores('facts', 'Acme mug')",
            "the model 'facts' is an extractor of brand, color; use it in ai_extract, ai_extract_details",
        ),
        (
            "SELECT * FROM ai_label_doubts('facts')",
            "is an extractor of brand, color",
        ),
        (
            "SELECT * FROM ai_misaligned_values('things')",
            "the model 'things' is a classifier of thing; use it in ai_predict or ai_predict_scores",
        ),
        (
            "EXPORT MODEL facts TO 'facts.onnx'",
            "EXPORT MODEL writes classifiers, but facts is an extractor",
        ),
        (
            "SELECT ai_predict('facts', 'Acme mug', 'more')",
            "takes 1 columns (title), not 2",
        ),
    ] {
        let done = semql(folder, &["-c", sql]);
        assert_ne!(done.code, Some(0), "{sql}: {}", done.out);
        assert!(done.err.contains(says), "{sql}: {}", done.err);
    }
    assert!(!folder.join("facts.onnx").exists());
}

#[test]
fn what_cannot_be_learnt_is_refused_and_the_old_extractor_stays() {
    let folder = shop();
    let folder = folder.path();
    create_facts(folder);
    for (query, target, says) in [
        (
            "SELECT title, brand FROM ROWS",
            "maker",
            "no column maker to extract; it has title, brand",
        ),
        (
            "SELECT title, brand FROM ROWS",
            "brand, brand",
            "the attribute brand is listed twice",
        ),
        (
            "SELECT title, brand, named_struct('brand', brand) AS more FROM ROWS",
            "brand, more",
            "the attribute brand is listed twice",
        ),
        (
            "SELECT title, value FROM ROWS",
            "value",
            "value is Int64, but the labels of an attribute must be texts",
        ),
        (
            "SELECT title, value, brand FROM ROWS",
            "brand",
            "the column value is Int64, but must be a text",
        ),
        (
            "SELECT brand FROM ROWS",
            "brand",
            "no text to extract from beside the labels",
        ),
        (
            "SELECT title, brand FROM ROWS LIMIT 1",
            "brand",
            "a single row has a value of brand; label more rows",
        ),
        (
            "SELECT title, brand FROM ROWS WHERE value < 0",
            "brand",
            "no row has a text and a value of brand",
        ),
        (
            "SELECT title, 'nowhere' AS brand FROM ROWS",
            "brand",
            "no value is in a text of its row",
        ),
        (
            "SELECT title, CAST(NULL AS VARCHAR) AS brand FROM ROWS",
            "brand",
            "no row has a text and a value of brand",
        ),
        (
            "SELECT title, brand FROM ROWS",
            "brand OPTIONS (context 'title')",
            "every text of the query is context",
        ),
        (
            "SELECT title, brand FROM ROWS",
            "brand OPTIONS (group maker)",
            "no column maker of groups",
        ),
        (
            "SELECT title, brand FROM ROWS",
            "brand OPTIONS (cost 1)",
            "the options are context, features, group, seed",
        ),
        (
            "SELECT title FROM ROWS",
            "brand USING unknown_model",
            "unknown_model",
        ),
    ] {
        let statement = format!("CREATE OR REPLACE MODEL facts FROM ({query}) EXTRACT {target}");
        let done = create(folder, &statement);
        assert_eq!(done.code, Some(1), "{statement}: {} {}", done.out, done.err);
        assert!(done.err.contains(says), "{statement}: {}", done.err);
        assert!(!done.err.contains("panicked"), "{statement}: {}", done.err);
    }
    let taken = create(
        folder,
        "CREATE MODEL facts FROM (SELECT title, brand FROM ROWS) EXTRACT brand",
    );
    assert!(
        taken.err.contains("already a model called 'facts'"),
        "{}",
        taken.err
    );
    check_quality(&ask(folder, "DESCRIBE MODEL facts"));
}
