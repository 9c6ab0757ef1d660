//! `CREATE MODEL`, and what can be asked of a trained model.

use std::path::Path;

use super::{Done, program_with_models, semql, shop};

/// Labelled rows: kinds of things, in words that tell them apart.
const ROWS: &str = "(SELECT
    ['shoe', 'boot', 'sandal', 'novel', 'atlas', 'diary', 'hammer', 'saw', 'drill'][value % 9 + 1] || ' number ' || value AS title,
    CASE WHEN value % 4 > 0 THEN 'well made' END AS text,
    ['wear', 'wear', 'wear', 'read', 'read', 'read', 'use', 'use', 'use'][value % 9 + 1] AS kind,
    ['shoe', 'boot', 'sandal', 'novel', 'atlas', 'diary', 'hammer', 'saw', 'drill'][value % 9 + 1] AS thing
    FROM generate_series(1, 180))";

fn create(folder: &Path, statement: &str) -> Done {
    semql(
        folder,
        &["--format", "csv", "-c", &statement.replace("ROWS", ROWS)],
    )
}

fn one_level(folder: &Path) -> Done {
    create(
        folder,
        "CREATE MODEL kinds FROM (SELECT title, text, kind FROM ROWS) PREDICT kind",
    )
}

fn ask(folder: &Path, sql: &str) -> String {
    let done = semql(folder, &["--format", "csv", "-c", sql]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.out
}

#[test]
fn a_model_is_trained_asked_described_and_dropped() {
    let folder = shop();
    let folder = folder.path();
    let done = one_level(folder);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.starts_with(
            "predicts,labels,accuracy,macro_f1,weighted_f1,held_out,rows,left_out\nkind,3,1"
        ),
        "{}",
        done.out
    );
    assert!(done.out.ends_with(",180,180,0\n"), "{}", done.out);
    assert_eq!(
        ask(
            folder,
            "SELECT ai_predict('kinds', 'a new boot', NULL) AS k, ai_predict('kinds', ' ', NULL) AS n"
        ),
        "k,n\nwear,\n"
    );
    let scores = ask(
        folder,
        "SELECT s[1]['label'] AS best, s[1]['score'] > 0 AS fits, s[3]['score'] < 0 AS not
         FROM (SELECT ai_predict_scores('kinds', arrow_cast('an atlas', 'Utf8View'), 'well made') AS s)",
    );
    assert_eq!(scores, "best,fits,not\nread,true,true\n");
    let described = ask(folder, "DESCRIBE MODEL kinds");
    assert!(
        described.starts_with("predicts,label,held_out,precision,recall,f1\nkind,read,60,"),
        "{described}"
    );
    let listed = ask(
        folder,
        "SELECT name, predicts, labels, rows, columns FROM ai_trained_models()",
    );
    assert_eq!(
        listed,
        "name,predicts,labels,rows,columns\nkinds,kind,3,180,\"title, text\"\n"
    );
    ask(folder, "DROP MODEL kinds; DROP MODEL IF EXISTS kinds");
    let gone = semql(folder, &["-c", "SELECT ai_predict('kinds', 'a', 'b')"]);
    assert_eq!(gone.code, Some(1));
    assert!(
        gone.err
            .contains("no trained model called 'kinds'; CREATE MODEL makes one"),
        "{}",
        gone.err
    );
}

#[test]
fn a_wrong_label_is_doubted() {
    let folder = shop();
    let done = create(
        folder.path(),
        "CREATE MODEL kinds FROM (SELECT title, text, CASE title WHEN 'novel number 12' THEN 'wear' ELSE kind END AS kind FROM ROWS) PREDICT kind",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(
        ask(
            folder.path(),
            "SELECT kind, predicted_kind, margin > 0 AS sure, title FROM ai_label_doubts('kinds') LIMIT 1"
        ),
        "kind,predicted_kind,sure,title\nwear,read,true,novel number 12\n"
    );
}

#[test]
fn near_rows_of_different_labels_are_listed() {
    let folder = shop();
    let done = create(
        folder.path(),
        "CREATE MODEL kinds FROM (SELECT 'a well made thing, ' || title AS title,
             CASE title WHEN 'novel number 12' THEN 'wear' WHEN 'novel number 21' THEN 'use' ELSE kind END AS kind
         FROM ROWS WHERE kind = 'read' OR thing = 'shoe') PREDICT kind",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let listed = ask(
        folder.path(),
        "SELECT kind, other_kind, round(similarity, 2) AS near FROM ai_label_conflicts('kinds')
         WHERE title LIKE '%novel number 12' AND other_title LIKE '%novel number 21'",
    );
    assert_eq!(listed, "kind,other_kind,near\n");
    // The same words in another order are the same words.
    let done = create(
        folder.path(),
        "CREATE MODEL twice FROM (SELECT title, kind FROM ROWS UNION ALL SELECT 'Number 12: novel!', 'use') PREDICT kind",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    // The first of the two is the one whose texts come first, however rows arrive.
    let listed = ask(folder.path(), "SELECT * FROM ai_label_conflicts('twice')");
    assert_eq!(
        listed,
        "similarity,kind,other_kind,title,other_title\n1.0,use,read,Number 12: novel!,novel number 12\n"
    );
}

/// What a model of few rows makes of words that it has not seen.
fn of_unseen_words(folder: &Path, name: &str, options: &str) -> String {
    let sql = format!(
        "CREATE MODEL {name} FROM (SELECT column1 AS title, column2 AS kind FROM (VALUES
            ('sneakers', 'wear'), ('leather loafers', 'wear'), ('sandals', 'wear'), ('rubber boots', 'wear'),
            ('a thriller', 'read'), ('poems', 'read'), ('a crime novel', 'read'), ('short stories', 'read'),
            ('hammer', 'use'), ('screwdriver', 'use'), ('wrench', 'use'), ('pliers', 'use')))
         PREDICT kind OPTIONS ({options});
         SELECT ai_predict('{name}', 'shoes') || ' ' || ai_predict('{name}', 'book') || ' ' || ai_predict('{name}', 'tools') AS k;
         SELECT features FROM ai_trained_models() WHERE name = '{name}';
         DROP MODEL {name}"
    );
    let done: Done = program_with_models(folder)
        .args(["--format", "csv", "-c", &sql])
        .output()
        .unwrap()
        .into();
    assert_eq!(done.code, Some(0), "{}", done.err);
    let (_, answer) = done.out.split_once("\nk\n").unwrap();
    answer.to_string()
}

#[test]
fn what_the_encoder_knows_helps_where_rows_are_few() {
    let folder = shop();
    for (name, options, features) in [
        ("test_tokens", "features token_vectors", "token_vectors"),
        ("test_default", "cost 1", "token_vectors"),
        ("test_whole", "features 'embeddings'", "embeddings"),
        (
            "test_adapter",
            "features 'embeddings', method 'adapter'",
            "embeddings",
        ),
    ] {
        assert_eq!(
            of_unseen_words(folder.path(), name, options),
            format!("wear read use\nfeatures\n{features}\n"),
            "{options}"
        );
    }
    let words = of_unseen_words(folder.path(), "test_words", "features ngrams");
    assert!(!words.starts_with("wear read use"), "{words}");
}

#[test]
fn a_head_is_exported() {
    let folder = shop();
    let folder = folder.path();
    assert_eq!(one_level(folder).code, Some(0));
    let done = semql(folder, &["-c", "EXPORT MODEL kinds TO 'head.onnx'"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let bytes = std::fs::read(folder.join("head.onnx")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("scores_kind") && text.contains("semql.model"));
    for (sql, says) in [
        (
            "EXPORT MODEL nothing TO 'x.onnx'",
            "no trained model called 'nothing'",
        ),
        (
            "EXPORT MODEL kinds",
            "the statement is EXPORT MODEL name TO 'file.onnx'",
        ),
        (
            "EXPORT MODEL kinds TO 'no/where/x.onnx'",
            "cannot be written",
        ),
    ] {
        let done = semql(folder, &["-c", sql]);
        assert_ne!(done.code, Some(0), "{sql}");
        assert!(done.err.contains(says), "{sql}: {}", done.err);
    }
}

#[test]
fn levels_belong_together() {
    let folder = shop();
    let done = create(
        folder.path(),
        "CREATE MODEL things FROM (SELECT title, kind, thing FROM ROWS) PREDICT kind, thing OPTIONS (class_weight balanced, cost 1)",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    let pairs = format!(
        "SELECT count(DISTINCT p['kind'] || p['thing']) AS pairs, accuracy(p['thing'], thing) AS right
         FROM (SELECT ai_predict('things', title) AS p, thing FROM {ROWS})"
    );
    assert_eq!(ask(folder.path(), &pairs), "pairs,right\n9,1.0\n");
    assert_eq!(
        ask(
            folder.path(),
            "SELECT ai_predict('things', NULL) IS NULL AS nothing"
        ),
        "nothing\ntrue\n"
    );
}

#[test]
fn what_cannot_be_learnt_is_refused_and_the_old_model_stays() {
    let folder = shop();
    let folder = folder.path();
    assert_eq!(one_level(folder).code, Some(0));
    for (statement, says) in [
        (
            "CREATE MODEL kinds FROM (SELECT title, kind FROM ROWS) PREDICT kind",
            "already a model called 'kinds'",
        ),
        (
            "CREATE OR REPLACE MODEL kinds FROM (SELECT title, 'one' AS kind FROM ROWS) PREDICT kind",
            "kind is 'one' in all 180 rows",
        ),
        (
            "CREATE OR REPLACE MODEL kinds FROM (SELECT title, kind FROM ROWS WHERE kind = 'none') PREDICT kind",
            "none of the 0 rows",
        ),
        (
            "CREATE OR REPLACE MODEL kinds FROM (SELECT NULL AS title, kind FROM ROWS) PREDICT kind",
            "none of the 180 rows has both a label and a text",
        ),
        (
            "CREATE OR REPLACE MODEL kinds FROM (SELECT title FROM ROWS) PREDICT kind",
            "no column kind to predict; it has title",
        ),
        (
            "CREATE OR REPLACE MODEL kinds FROM (SELECT kind FROM ROWS) PREDICT kind",
            "to learn from",
        ),
        (
            "CREATE OR REPLACE MODEL kinds FROM (SELECT nowhere FROM ROWS) PREDICT kind",
            "nowhere",
        ),
        (
            "CREATE MODEL \"../kinds\" FROM (SELECT title, kind FROM ROWS) PREDICT kind",
            "is not a valid name of a model",
        ),
        (
            "CREATE MODEL k FROM (SELECT title, kind FROM ROWS) PREDICT kind OPTIONS (depth 3)",
            "the options are cost, class_weight",
        ),
    ] {
        let done = create(folder, statement);
        assert_eq!(done.code, Some(1), "{statement}: {}", done.out);
        assert!(done.err.contains(says), "{statement}: {}", done.err);
    }
    assert_eq!(
        ask(folder, "SELECT ai_predict('kinds', 'saw', '') AS k"),
        "k\nuse\n"
    );
    let wrong = semql(folder, &["-c", "SELECT ai_predict('kinds', 'saw')"]);
    assert!(
        wrong.err.contains("takes 2 columns (title, text), not 1"),
        "{}",
        wrong.err
    );
}

#[test]
fn odd_labels_are_kept_as_they_are_and_rows_without_one_are_left_out() {
    let folder = shop();
    let folder = folder.path();
    let done = create(
        folder,
        "CREATE MODEL odd FROM (SELECT title, CASE kind WHEN 'wear' THEN '\"👟\", it''s' WHEN 'read' THEN 'é' END AS label
         FROM ROWS) PREDICT label",
    );
    assert!(
        done.out.ends_with(",120,120,60\n"),
        "{} {}",
        done.out,
        done.err
    );
    assert_eq!(
        ask(folder, "SELECT ai_predict('odd', 'red boot') AS l"),
        "l\n\"\"\"👟\"\", it's\"\n"
    );
    // A class of one row, and texts that are all the same.
    let done = create(
        folder,
        "CREATE MODEL same FROM (SELECT 'the same' AS title, CASE WHEN title LIKE '% 7' THEN 'rare' ELSE 'usual' END AS label
         FROM ROWS) PREDICT label",
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(
        ask(folder, "SELECT ai_predict('same', 'the same') AS l"),
        "l\nusual\n"
    );
}

#[test]
fn a_damaged_model_is_refused_and_can_be_made_again() {
    let folder = shop();
    let folder = folder.path();
    assert_eq!(one_level(folder).code, Some(0));
    let file = folder.join(".local/share/semql/trained/kinds.model");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let done = semql(folder, &["-c", "SELECT ai_predict('kinds', 'saw', '')"]);
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(
        done.err.contains("is damaged or truncated; train it again"),
        "{}",
        done.err
    );
    let again = create(
        folder,
        "CREATE OR REPLACE MODEL kinds FROM (SELECT title, text, kind FROM ROWS) PREDICT kind",
    );
    assert_eq!(again.code, Some(0), "{}", again.err);
    assert_eq!(
        std::fs::read(&file).unwrap(),
        bytes,
        "the same rows make the same model"
    );
}

#[test]
fn two_thousand_classes_are_no_trouble() {
    let folder = shop();
    let done = semql(
        folder.path(),
        &[
            "--format", "csv", "-c",
            "CREATE MODEL many FROM (SELECT 'item ' || (value % 2000) AS title, 'class ' || (value % 2000) AS label
             FROM generate_series(1, 6000)) PREDICT label OPTIONS (cost 1)",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("label,2000,"), "{}", done.out);
}

#[test]
fn labelled_rows_of_a_taxonomy_count_at_once() {
    let folder = shop();
    let taxonomy = |name: &str, examples: &str| {
        format!(
            "  - name: {name}\n    labels:\n      - {{name: animal, phrases: [cat, dog, wild animal]}}\n      \
             - {{name: vehicle, phrases: [car, lorry, motor bike]{examples}}}\n"
        )
    };
    let example = ", examples: [{title: 'Jaguar, low mileage', text: one careful owner}]";
    let dictionary = [
        "version: 1\ntaxonomies:\n",
        &taxonomy("plain", ""),
        &taxonomy("taught", example),
    ]
    .concat();
    std::fs::write(folder.path().join("dictionary.yaml"), dictionary).unwrap();
    let explain = |taxonomy: &str| {
        let sql = format!(
            "SET ai.taxonomy = '{taxonomy}'; SELECT e['score'] AS score, e['examples'][1]['example'] AS example
             FROM (SELECT explain_label('Jaguar, one owner', NULL) AS e)"
        );
        let args = [
            "--data-dict",
            "dictionary.yaml",
            "--format",
            "csv",
            "-c",
            &sql,
        ];
        let done: Done = program_with_models(folder.path())
            .args(args)
            .output()
            .unwrap()
            .into();
        let (score, example) = done.out.lines().nth(1).unwrap().split_once(',').unwrap();
        (score.parse::<f64>().unwrap(), example.to_string())
    };
    let ((plain, none), (taught, nearest)) = (explain("plain"), explain("taught"));
    assert!(taught > plain + 0.05, "{plain} {taught}");
    assert_eq!(
        (none.as_str(), nearest.as_str()),
        ("", "\"Jaguar, low mileage\"")
    );
}
