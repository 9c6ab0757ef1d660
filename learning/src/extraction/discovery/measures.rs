//! Quantities of texts by dimension.

use std::collections::{BTreeMap, HashMap};

use super::candidate::{AttributeCandidate, DiscoveredKind, ValueRule};
use super::tokenized_rows::TokenizedRows;
use crate::extraction::rules::quantities::{Dimension, Quantity, Unit, parse_quantities};

/// Name of the unit of plain counts in a dictionary.
const COUNT_UNIT: &str = "count";

/// One attribute for each dimension with quantities, and one for dimensions such as
/// `30 x 40 cm`. Values are in the most frequent unit.
pub fn measures(
    tokenized: &TokenizedRows<'_>,
    is_cancelled: &dyn Fn() -> bool,
) -> Option<Vec<AttributeCandidate>> {
    let mut found: BTreeMap<String, Vec<(usize, Quantity)>> = BTreeMap::new();
    for (row, texts) in tokenized.rows.iter().enumerate() {
        if row % 64 == 0 && is_cancelled() {
            return None;
        }
        for quantity in texts.iter().flat_map(|text| parse_quantities(text.text)) {
            let name = measure_name(&quantity);
            found.entry(name).or_default().push((row, quantity));
        }
    }
    let candidates = found.into_iter().filter_map(|(name, quantities)| {
        let unit = most_frequent_unit(&quantities)?;
        let mut rows: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (row, quantity) in &quantities {
            if let Some(value) = quantity.normalized(unit) {
                rows.entry(*row).or_default().push(value);
            }
        }
        Some(AttributeCandidate {
            name,
            kind: DiscoveredKind::Quantity,
            rule: ValueRule::Unit(if unit.name.is_empty() {
                COUNT_UNIT
            } else {
                unit.name
            }),
            rows,
        })
    });
    Some(candidates.collect())
}

fn most_frequent_unit(quantities: &[(usize, Quantity)]) -> Option<&'static Unit> {
    let mut counts: HashMap<&str, (usize, &'static Unit)> = HashMap::new();
    for (_, quantity) in quantities {
        counts
            .entry(quantity.unit.name)
            .or_insert((0, quantity.unit))
            .0 += 1;
    }
    let best = counts.into_values();
    let best = best.max_by(|a, b| a.0.cmp(&b.0).then(b.1.name.cmp(a.1.name)));
    best.map(|(_, unit)| unit)
}

/// Name of the attribute of a quantity.
fn measure_name(quantity: &Quantity) -> String {
    match quantity.dimension() {
        Dimension::Length if quantity.amounts.len() > 1 => "dimensions".to_string(),
        Dimension::Count => "pack_quantity".to_string(),
        Dimension::Mass => "weight".to_string(),
        Dimension::Ratio => "percentage".to_string(),
        Dimension::Currency => "price".to_string(),
        Dimension::Charge => "battery_capacity".to_string(),
        Dimension::Luminous => "brightness".to_string(),
        other => snake_case(&format!("{other:?}")),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    #[test]
    fn quantities_are_in_the_most_frequent_unit() {
        let rows: Vec<SourceTexts<'_>> = vec![
            vec![Some("Rice, 500 g"), None],
            vec![Some("Rice"), Some("bag of 1 kg")],
            vec![Some("Rice 250 g")],
            vec![Some("Rice 2 TB, pack of 6")],
        ];
        let tokenized = TokenizedRows::new(&rows, 0);
        let found = measures(&tokenized, &|| false).unwrap();
        let names: Vec<&str> = found
            .iter()
            .map(|candidate| candidate.name.as_str())
            .collect();
        assert_eq!(names, ["pack_quantity", "storage", "weight"]);
        assert_eq!(found[0].rule, ValueRule::Unit("count"));
        assert_eq!(found[2].rule, ValueRule::Unit("g"));
        assert_eq!(found[2].rows[&1], ["1000 g"]);
        assert!(measures(&tokenized, &|| true).is_none());
        assert_eq!(snake_case("RotationalSpeed"), "rotational_speed");
    }
}
