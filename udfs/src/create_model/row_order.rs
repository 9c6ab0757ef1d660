//! Order of training rows.

use semql_learning::extraction::model::ExtractionExamples;

/// Sorts the rows by texts, labels and groups, so that neither partitions nor threads of
/// the query change the extractor.
pub fn sort_rows(examples: &mut ExtractionExamples) {
    let mut order: Vec<usize> = (0..examples.rows()).collect();
    order.sort_by_cached_key(|row| {
        let texts = examples.texts.iter().map(|column| &column[*row]);
        let values = examples.values.iter().map(|column| &column[*row]);
        let group = examples.groups.as_ref().map(|groups| &groups[*row]);
        (texts.collect::<Vec<_>>(), values.collect::<Vec<_>>(), group)
    });
    for column in &mut examples.texts {
        reorder(column, &order);
    }
    for column in &mut examples.values {
        reorder(column, &order);
    }
    if let Some(groups) = &mut examples.groups {
        reorder(groups, &order);
    }
}

fn reorder<T: Default>(column: &mut Vec<T>, order: &[usize]) {
    let taken = order.iter().map(|row| std::mem::take(&mut column[*row]));
    *column = taken.collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples(rows: &[(&str, Option<&str>, &str)]) -> ExtractionExamples {
        let text = |text: &str| Some(text.to_string());
        let label = |value: &Option<&str>| value.map(|value| vec![value.to_string()]);
        ExtractionExamples {
            columns: vec!["title".to_string()],
            texts: vec![rows.iter().map(|(title, ..)| text(title)).collect()],
            attributes: vec!["color".to_string()],
            values: vec![rows.iter().map(|(_, value, _)| label(value)).collect()],
            groups: Some(rows.iter().map(|(.., group)| group.to_string()).collect()),
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let rows = [
            ("red mug", Some("red"), "1"),
            ("a mug", None, "2"),
            ("red mug", None, "1"),
            ("blue mug", Some("blue"), "3"),
        ];
        let mut forward = examples(&rows);
        sort_rows(&mut forward);
        let mut backward = rows;
        backward.reverse();
        let mut backward = examples(&backward);
        sort_rows(&mut backward);
        assert_eq!(forward.texts, backward.texts);
        assert_eq!(forward.values, backward.values);
        assert_eq!(forward.groups, backward.groups);
        let groups = forward.groups.unwrap();
        assert_eq!(groups, ["2", "3", "1", "1"], "rows stay together");
    }
}
