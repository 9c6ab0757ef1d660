//! Tests of JSON documents.

use super::*;

#[test]
fn documents_have_a_normal_form() {
    for (text, expected) in [
        (
            r#"{"bb":1,"a":[1, 2,{}],"c":null,"a":true}"#,
            r#"{"a": true, "c": null, "bb": 1}"#,
        ),
        (" [ ] ", "[]"),
        ("-0", "0"),
        ("-0.50", "-0.50"),
        ("1.5e3", "1500"),
        ("12e-4", "0.0012"),
        ("12345678901234567890.10", "12345678901234567890.10"),
        (r#""\u00e9\ud83d\ude00\n\/""#, "\"é😀\\n/\""),
    ] {
        assert_eq!(normal_form(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn damaged_documents_are_errors() {
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "nul",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "[1,]",
        "{a:1}",
        r#"{"a":1,}"#,
        r#"{"a"}"#,
        "\"a",
        "\"\t\"",
        r#""\x""#,
        r#""\u12""#,
        r#""\ud800""#,
        r#""\ud800\u0041""#,
        r#""\u0000""#,
        "1 2",
        "NaN",
        "1e99999999999",
        "é",
        "\"\\u00é\"",
        &deep,
    ] {
        assert!(check(text).is_err(), "{text}");
    }
}
