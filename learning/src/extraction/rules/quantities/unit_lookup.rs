//! Lookup of units by their spellings.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::unit::Unit;
use super::unit_table::UNITS;

/// Units by spelling. A unit's name is a spelling too.
static BY_SPELLING: LazyLock<HashMap<&'static str, &'static Unit>> = LazyLock::new(|| {
    let mut units = HashMap::new();
    for unit in UNITS {
        for spelling in unit.spellings {
            units.entry(*spelling).or_insert(unit);
        }
    }
    units
});

/// Longest spelling in bytes.
pub const MAX_SPELLING_BYTES: usize = 24;

/// The unit with this spelling in texts. The case matters for few units, such as `MW`
/// and `mW`.
pub fn unit_of_spelling(spelling: &str) -> Option<&'static Unit> {
    if spelling.len() > MAX_SPELLING_BYTES {
        return None;
    }
    if let Some(unit) = BY_SPELLING.get(spelling) {
        return Some(unit);
    }
    BY_SPELLING.get(spelling.to_lowercase().as_str()).copied()
}

/// The unit that a definition names: its name or a spelling.
pub fn find_unit(name: &str) -> Option<&'static Unit> {
    let name = name.trim();
    let named = UNITS.iter().find(|unit| unit.name == name);
    named
        .filter(|unit| !unit.name.is_empty())
        .or_else(|| unit_of_spelling(name))
}

#[cfg(test)]
mod tests {
    use super::super::unit::Dimension;
    use super::*;

    #[test]
    fn every_spelling_names_one_unit() {
        let mut owners: HashMap<&str, &str> = HashMap::new();
        for unit in UNITS {
            assert!(!unit.spellings.is_empty(), "{}", unit.name);
            for spelling in unit.spellings {
                assert!(spelling.len() <= MAX_SPELLING_BYTES, "{spelling}");
                let earlier = owners.insert(spelling, unit.name);
                assert_eq!(earlier, None, "{spelling}");
            }
            if !unit.name.is_empty() {
                assert_eq!(find_unit(unit.name), Some(unit));
            }
        }
    }

    #[test]
    fn case_matters_only_where_it_must() {
        assert_eq!(find_unit("KG").unwrap().name, "kg");
        assert_eq!(find_unit("MW").unwrap().name, "MW");
        assert_eq!(find_unit("mW").unwrap().name, "mW");
        assert_eq!(find_unit("nm").unwrap().dimension, Dimension::Length);
        assert_eq!(find_unit("Nm").unwrap().dimension, Dimension::Torque);
        assert_eq!(find_unit("a"), None);
        assert_eq!(find_unit(" pieces ").unwrap().dimension, Dimension::Count);
        assert_eq!(find_unit(""), None);
        assert_eq!(find_unit(&"m".repeat(1 << 20)), None);
    }

    #[test]
    fn units_of_a_dimension_convert() {
        let convert = |value, from, to| {
            find_unit(from)
                .unwrap()
                .convert(value, find_unit(to).unwrap())
        };
        let close = |value: Option<f64>, expected: f64| {
            let value = value.unwrap();
            assert!(
                (value - expected).abs() < 1e-6 * expected.abs().max(1.0),
                "{value} {expected}"
            );
        };
        close(convert(1.0, "lb", "g"), 453.59237);
        close(convert(1.0, "fl oz", "ml"), 29.5735295625);
        close(convert(12.0, "in", "cm"), 30.48);
        close(convert(212.0, "°F", "°C"), 100.0);
        close(convert(-40.0, "°C", "°F"), -40.0);
        close(convert(1.0, "hp", "W"), 745.6998715822702);
        close(convert(2.0, "dozen", "count"), 24.0);
        assert_eq!(convert(1.0, "kg", "cm"), None);
        assert!(convert(1.0, "USD", "EUR").unwrap().is_nan());
        assert_eq!(convert(1.0, "USD", "USD"), Some(1.0));
    }
}
