use std::fs;
use std::path::Path;

use super::*;
use crate::dictionary::test_session::context;

const COLUMNS: &str = "
      - {name: id, type: BIGINT, nullable: false, unique: true}
      - {name: title, type: VARCHAR, nullable: false, min_length: 2, max_length: 6}
      - {name: size, type: VARCHAR, accepted_values: [S, M, L]}
      - {name: kind, type: VARCHAR, taxonomy: kinds}
";

const CLEAN: &str = "id,title,size,kind\n1,lamp,S,Toys\n2,globe,M,Books\n3,rug,,\n";

/// A difference on one line.
fn line(it: &Difference) -> String {
    let column = it.column.iter().map(|name| format!(".{name}"));
    format!(
        "{}{}: {}: expected {}, found {}",
        it.table,
        column.collect::<String>(),
        it.what,
        it.expected,
        it.found
    )
}

async fn differences(folder: &Path, columns: &str, data: Option<&str>) -> Vec<String> {
    let dictionary = format!(
        "version: 1\ntables:\n  - name: shop\n    location: shop.csv\n    columns:{columns}\
         taxonomies:\n  - name: kinds\n    labels: [{{name: Books}}, {{name: Toys}}]\n"
    );
    fs::write(folder.join("data_dict.yaml"), dictionary).unwrap();
    if let Some(data) = data {
        fs::write(folder.join("shop.csv"), data).unwrap();
    }
    let (ctx, dictionary) = context(folder).await;
    let found = compare(&ctx, &dictionary).await;
    found.iter().map(line).collect()
}

#[tokio::test]
async fn valid_data_has_no_differences() {
    let folder = tempfile::tempdir().unwrap();
    let found = differences(folder.path(), COLUMNS, Some(CLEAN)).await;
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn every_difference_is_listed_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let columns = "
      - {name: id, type: VARCHAR, nullable: false, unique: true}
      - {name: gone, type: BIGINT}
      - {name: title, type: VARCHAR, min_length: 2, max_length: 6}
      - {name: size, type: VARCHAR, nullable: false, accepted_values: [S, M, L]}
      - {name: kind, type: VARCHAR, taxonomy: kinds}
";
    let data = "id,title,size,kind,extra\n\
                1,x,S,Toys,1.5\n1,lampshade,XL,Books,2\n1,rug,XL,Garden,2\n2,rug,XXL,Toys,\n\
                2,rug,,Toys,1\n";
    let found = differences(folder.path(), columns, Some(data)).await;
    assert_eq!(
        found,
        [
            "shop.id: type: expected VARCHAR, found BIGINT",
            "shop.id: unique: expected every value once, found 3 duplicates, such as '1' (3)",
            "shop.gone: column: expected a column of this name, found none",
            "shop.title: min_length: expected at least 2 characters, found 1 shorter, \
             the shortest has 1",
            "shop.title: max_length: expected at most 6 characters, found 1 longer, \
             the longest has 9",
            "shop.size: nullable: expected no nulls, found 1 null",
            "shop.size: accepted_values: expected one of 'S', 'M', 'L', found 3 rows with other \
             values: 'XL' (2), 'XXL' (1)",
            "shop.kind: taxonomy: expected a label of 'kinds', found 1 row with other values: \
             'Garden' (1)",
            "shop.extra: column: expected no column of this name, found a column of type DOUBLE",
        ]
    );
}

#[tokio::test]
async fn examples_are_limited_and_the_others_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = "id,title,size,kind\n".to_string();
    for n in 0..20 {
        data.push_str(&format!("{n},lamp,size {n:02},Toys\n"));
    }
    let found = differences(folder.path(), COLUMNS, Some(&data)).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("20 rows") && found[0].ends_with("and 15 more values"),
        "{found:?}"
    );
}

#[tokio::test]
async fn absent_and_broken_data_are_differences() {
    let folder = tempfile::tempdir().unwrap();
    let found = differences(folder.path(), COLUMNS, None).await;
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("shop: data: expected data at '"),
        "{found:?}"
    );
    assert!(
        found[0].ends_with("shop.csv', found nothing there"),
        "{found:?}"
    );

    let text = "version: 1\ntables:\n  - {name: half, location: half.parquet}\n  \
                - {name: absent, location: absent.csv}\n";
    fs::write(folder.path().join("data_dict.yaml"), text).unwrap();
    fs::write(folder.path().join("half.parquet"), b"PAR1 half").unwrap();
    let (ctx, dictionary) = context(folder.path()).await;
    let found = compare(&ctx, &dictionary).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        line(&found[0]).contains("expected data that can be read"),
        "{found:?}"
    );
    assert_eq!(found[1].table, "absent");
}

#[tokio::test]
async fn names_that_need_quotes_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let columns = "
      - {name: \"it's \\\"so\\\"\", nullable: false, accepted_values: [\"it's\", b]}
";
    let data = "\"it's \"\"so\"\"\"\nit's\nb\nc\n";
    let found = differences(folder.path(), columns, Some(data)).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("1 row with other values: 'c' (1)"),
        "{found:?}"
    );
}
