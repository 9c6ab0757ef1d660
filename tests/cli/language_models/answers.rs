//! What the functions return when the endpoint answers well.

use serde_json::json;

use super::{ATTRIBUTES, EXTRACT, EXTRACT_HEADER, Shop, lines, offers};

#[test]
fn ai_extract_returns_the_values_of_every_row() {
    let Some(shop) = Shop::open(offers(40), &[]) else {
        return;
    };
    let done = shop.run("", EXTRACT);
    assert_eq!(lines(&done, EXTRACT_HEADER), shop.right(), "{}", done.err);
    assert_eq!(shop.endpoint.count("calls"), 40);
    assert_eq!(shop.endpoint.count("unknown_rows"), 0);
    assert!(shop.endpoint.count("max_concurrency") <= 8);
    // A line before the query names the host and the cost.
    let host = format!("127.0.0.1:{}", shop.endpoint.port);
    assert!(done.err.contains(&host), "{}", done.err);
}

#[test]
fn the_setting_names_the_model_of_calls_without_one() {
    let Some(shop) = Shop::open(offers(12), &[]) else {
        return;
    };
    let sql = EXTRACT.replace(", model => 'teacher'", "");
    let sql = format!("SET ai.extractor = 'teacher'; {sql}");
    assert_eq!(shop.rows(&sql, EXTRACT_HEADER), shop.right());
    assert_eq!(shop.endpoint.count("calls"), 12);
}

#[test]
fn equal_rows_are_asked_once_and_blank_rows_never() {
    let Some(shop) = Shop::open(offers(6), &[]) else {
        return;
    };
    let sql = format!(
        "SELECT count(*) AS rows, count(a['brand']) AS brands FROM (
             SELECT ai_extract(title, text, {ATTRIBUTES}, model => 'teacher') AS a FROM (
                 SELECT title, text FROM 'offers.jsonl' CROSS JOIN generate_series(1, 50)
                 UNION ALL SELECT ' ', NULL UNION ALL SELECT NULL, NULL))"
    );
    assert_eq!(shop.rows(&sql, "rows,brands"), ["302,300"]);
    assert_eq!(shop.endpoint.count("calls"), 6);
}

#[test]
fn every_value_is_a_literal_span() {
    let Some(shop) = Shop::open(offers(40), &[]) else {
        return;
    };
    let sql = format!(
        "CREATE TABLE d AS SELECT id, title, text, ai_extract_details(title, text, {ATTRIBUTES}, model => 'teacher') AS d
             FROM 'offers.jsonl';
         CREATE TABLE s AS SELECT title, text, unnest(d['brand']) AS s FROM d
             UNION ALL SELECT title, text, unnest(d['color']) AS s FROM d;
         SELECT count(*) AS spans,
             count(*) FILTER (WHERE substr(CASE s['column'] WHEN 'title' THEN title ELSE text END,
                 s['start'] + 1, s['end'] - s['start']) = s['value']) AS literal,
             count(*) FILTER (WHERE s['column'] IN ('title', 'text')) AS named FROM s;
         SELECT count(*) AS rows, count(d['error']) AS errors FROM d"
    );
    let done = shop.run("", &sql);
    // 40 brands, and colors of three rows in four.
    assert_eq!(
        lines(&done, "spans,literal,named"),
        ["70,70,70", "rows,errors", "40,0"]
    );
}

#[test]
fn several_values_keep_their_order() {
    let mut offers = offers(1);
    offers[0].text = "blue, red and green".to_string();
    let Some(shop) = Shop::open_with(
        offers,
        &json!({"shade": [["", ["green", "blue", "red"]]]}),
        &[],
    ) else {
        return;
    };
    let sql = "SELECT array_to_string(array_agg(s['value'] || s['start']), ' ') AS all FROM (
        SELECT unnest(ai_extract_details(title, text, ['shade'], model => 'teacher')['shade']) AS s FROM 'offers.jsonl')";
    assert_eq!(shop.rows(sql, "all"), ["blue0 red6 green14"]);
}

#[test]
fn the_same_model_classifies_filters_and_completes() {
    let mapping = json!({
        "classify": [["running shoes", "wear"], ["novel", "read"], ["", "use"]],
        "filter": [["running shoes", true], ["", false]],
        "complete": [["running shoes", "Lauf!"], ["", "Ja."]],
    });
    // Without labelled rows, every answer is a scripted one.
    let Some(mut shop) = Shop::open_with(Vec::new(), &mapping, &[]) else {
        return;
    };
    shop.offers = offers(6);
    let values: Vec<String> = shop
        .offers
        .iter()
        .map(|one| format!("({}, '{}')", one.id, one.title.replace('\'', "''")))
        .collect();
    let sql = format!(
        "SELECT id, ai_classify(title, ['wear', 'read', 'use'], model => 'teacher') AS label,
             ai_filter(title, 'it is worn on feet', model => 'teacher') AS holds,
             ai_complete('Say it in German: ' || title, model => 'teacher') AS text
         FROM (SELECT column1 AS id, column2 AS title FROM (VALUES {})) ORDER BY id",
        values.join(", ")
    );
    assert_eq!(
        shop.rows(&sql, "id,label,holds,text"),
        [
            "1,use,false,Ja.",
            "2,read,false,Ja.",
            "3,wear,true,Lauf!",
            "4,use,false,Ja.",
            "5,read,false,Ja.",
            "6,wear,true,Lauf!"
        ]
    );
    assert_eq!(shop.endpoint.count("calls"), 18);
    // A filter in WHERE, and a condition that spares most calls.
    let filter = format!(
        "SELECT count(*) AS n FROM (SELECT column1 AS id, column2 AS title FROM (VALUES {}))
         WHERE ai_filter(title, 'it is worn on feet', model => 'teacher') AND id > 4",
        values.join(", ")
    );
    assert_eq!(shop.rows(&filter, "n"), ["1"]);
    assert_eq!(shop.endpoint.count("calls"), 20);
}

#[test]
fn a_completion_with_a_schema_is_json_that_fits_it() {
    let Some(shop) = Shop::open_with(
        Vec::new(),
        &json!({"size": [["", 42]], "unit": [["", "EU"]]}),
        &[],
    ) else {
        return;
    };
    let schema = json!({
        "type": "object",
        "properties": {"size": {"type": "integer"}, "unit": {"type": "string"}},
        "required": ["size", "unit"],
        "additionalProperties": false,
    });
    let sql = format!(
        "SELECT length(a) > 0 AS said, strpos(a, '42') > 0 AND strpos(a, '\"EU\"') > 0 AS fits
         FROM (SELECT ai_complete('Which size?', model => 'teacher', schema => '{schema}') AS a)"
    );
    assert_eq!(shop.rows(&sql, "said,fits"), ["true,true"]);
    // An answer that does not fit is NULL.
    let schema = r#"{"type": "object", "properties": {"size": {"type": "integer", "maximum": 40}}, "required": ["size"]}"#;
    let sql = format!(
        "SELECT ai_complete('Which size?', model => 'teacher', schema => '{schema}') IS NULL AS failed"
    );
    let done = shop.run("", &sql);
    match done.code {
        Some(0) => assert_eq!(lines(&done, "failed"), ["true"]),
        // A keyword that the client does not check is refused before any call.
        _ => assert!(done.err.contains("maximum"), "{}", done.err),
    }
}
