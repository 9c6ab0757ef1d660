//! Made-up rows for tests.

use super::examples::ExtractionExamples;

/// Products with a brand and mostly a color.
pub fn products(rows: usize) -> ExtractionExamples {
    let brands = ["Acme", "Bolt", "Crux", "Dyna", "Echo"];
    let colors = ["red", "dark blue", "green", "black"];
    let kinds = ["shirt", "lamp", "chair"];
    let (mut titles, mut brand_values, mut color_values) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..rows {
        let (brand, color) = (brands[row % 5], colors[row / 5 % 4]);
        let kind = kinds[row % 3];
        let has_color = row % 4 != 0;
        titles.push(Some(match has_color {
            true => format!("{brand} {color} {kind} {row}"),
            false => format!("{brand} {kind} {row}"),
        }));
        brand_values.push(Some(vec![brand.to_string()]));
        color_values.push(Some(match has_color {
            true => vec![color.to_uppercase()],
            false => Vec::new(),
        }));
    }
    ExtractionExamples {
        columns: vec!["title".to_string()],
        texts: vec![titles],
        attributes: vec!["brand".to_string(), "color".to_string()],
        values: vec![brand_values, color_values],
        groups: None,
    }
}
