use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, Schema};

use super::dialect::Dialect;
use super::schema::MAX_COLUMNS;
use super::sniff::DELIMITERS;
use super::*;
use crate::error::Result;
use crate::random_cases::{Random, cases};
use crate::sources::sample::Sample;

fn sample(text: &str) -> Sample {
    Sample {
        bytes: text.as_bytes().to_vec(),
        pieces: Vec::new(),
        whole: true,
        name: "x.csv".into(),
    }
}

/// Columns of a file, all of them nullable.
fn infer_schema(sample: &Sample, dialect: Dialect) -> Result<Schema> {
    let columns = read_sample(sample, dialect)?;
    let types = columns.evidence.iter().map(ColumnEvidence::column_type);
    let fields = columns.names.iter().zip(types);
    let fields = fields.map(|(name, column)| Field::new(name, column.data_type, true));
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

fn sniffed(text: &str) -> Dialect {
    sniff_dialect(&sample(text), b',', true)
}

fn types(text: &str) -> Vec<(String, DataType)> {
    let sample = sample(text);
    let schema = infer_schema(&sample, sniff_dialect(&sample, b',', true)).unwrap();
    schema
        .fields()
        .iter()
        .map(|f| (f.name().clone(), f.data_type().clone()))
        .collect()
}

#[test]
fn the_detected_delimiter_gives_even_records() {
    assert_eq!(sniffed("a,b\n1,2\n").delimiter, b',');
    assert_eq!(sniffed("a;b\n1,5;2\n").delimiter, b';');
    assert_eq!(sniffed("a\tb\n1\t2\n").delimiter, b'\t');
    assert_eq!(sniffed("a|b\n\"x|y\"|2\n").delimiter, b'|');
    assert_eq!(sniffed("name\none; two\nthree\n").delimiter, b',');
    assert_eq!(sniffed("a, net;b;c\n1,5;2;x\n2,5;3;y\n").delimiter, b';');
    assert_eq!(sniffed("a,net;b\n1,5;2\n2,5;3\n").delimiter, b';');
    assert_eq!(sniffed("a, b\tc\td, e\nx, y\t1\tz, z\n").delimiter, b'\t');
    assert_eq!(
        sniffed("\"a;b\";\"c,d\"\n\"1,2\";\"3,4\"\n").delimiter,
        b';'
    );
    assert_eq!(sniffed("a, b\n1, 2\n").delimiter, b',');
    assert_eq!(sniffed("id,note\n1,a; b\n2,c; d\n").delimiter, b',');
}

#[test]
fn backslashes_escape_only_if_that_leaves_fewer_faults() {
    assert_eq!(
        sniffed("a,b\n\"say \\\"hi, you\\\"\",2\n").escape,
        Some(b'\\')
    );
    assert_eq!(sniffed("a,b\n\"say \"\"hi\"\"\",2\n").escape, None);
    assert_eq!(sniffed("a,b\n\"C:\\\",2\n\"D:\\\",3\n").escape, None);
}

#[test]
fn late_floats_and_quoted_newlines_are_detected() {
    let mut text = String::from("n,t\n");
    for i in 0..5000 {
        text.push_str(&format!("{i},\"two\nlines\"\n"));
    }
    text.push_str("1.5,x\n");
    assert_eq!(types(&text)[0].1, DataType::Float64);
}

#[test]
fn later_pieces_widen_the_types() {
    let mut sample = sample("a,b\n1,2\n3,4\n");
    sample.whole = false;
    sample.pieces = vec![
        b"1.5,7\n".to_vec(),
        b"amid quotes\",\"x\n".to_vec(),
        b"x,y,z\n".to_vec(),
    ];
    let schema = infer_schema(&sample, sniff_dialect(&sample, b',', true)).unwrap();
    assert_eq!(schema.field(0).data_type(), &DataType::Float64);
    assert_eq!(schema.field(1).data_type(), &DataType::Int64);
}

#[test]
fn codes_keep_their_zeros_and_empty_columns_are_text() {
    let types = types("ean,n,none\n0012,1,\n7,0,\n");
    assert_eq!(types[0].1, DataType::Utf8);
    assert_eq!(types[1].1, DataType::Int64);
    assert_eq!(types[2].1, DataType::Utf8);
}

#[test]
fn column_names_are_distinct() {
    let names: Vec<String> = types("a,a,,b\n1,2,3,4\n")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["a", "a_2", "column_3", "b"]);
}

#[test]
fn columns_are_bounded() {
    let header = ",".repeat(MAX_COLUMNS);
    let sample = sample(&format!("{header}\n"));
    let error = infer_schema(&sample, sniff_dialect(&sample, b',', true)).unwrap_err();
    assert!(error.message.contains("at most 16384"), "{error}");
}

#[test]
fn random_bytes_have_a_dialect_and_columns_or_an_error() {
    let likely = b"ab01,;\t|\"\"\\\n\n\r .-";
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let mut random = Random::new(4);
    for case in 0..cases(20_000) {
        let alphabet: &[u8] = if case % 8 == 0 { &all } else { likely };
        let pieces = random.below(3);
        let sample = Sample {
            bytes: random.bytes(alphabet, 120),
            pieces: (0..pieces).map(|_| random.bytes(alphabet, 60)).collect(),
            whole: random.below(2) == 0,
            name: "x.csv".into(),
        };
        let dialect = sniff_dialect(&sample, b',', random.below(2) == 0);
        assert!(DELIMITERS.contains(&dialect.delimiter));
        if let Ok(schema) = infer_schema(&sample, dialect) {
            let names: HashSet<&String> = schema.fields().iter().map(|f| f.name()).collect();
            assert_eq!(names.len(), schema.fields().len(), "{:?}", sample.bytes);
        }
    }
}

#[test]
fn an_uneven_record_is_reported_with_its_line() {
    let sample = sample("a,b\n\"x\ny\",1\n\n1,2,3\n");
    let error = infer_schema(
        &sample,
        Dialect {
            delimiter: b',',
            escape: None,
        },
    )
    .unwrap_err();
    assert!(
        error
            .message
            .contains("line 5: 3 fields where the header has 2"),
        "{error}"
    );
}

#[test]
fn an_unclosed_quote_is_reported_with_its_line() {
    let sample = sample("a,b\n1,2\n3,\"x\n");
    let error = infer_schema(
        &sample,
        Dialect {
            delimiter: b',',
            escape: None,
        },
    )
    .unwrap_err();
    assert!(error.message.contains("line 3"), "{error}");
}
