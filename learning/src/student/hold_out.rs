//! Quality of a student on held-out rows, and the threshold below which rows
//! are escalated to the encoder.

use crate::evaluation::wilson_lower_bound;

/// Prediction of a held-out row.
#[derive(Clone, Copy, Debug)]
pub struct HeldOutRow {
    /// Margin of the student's best label over its second.
    pub margin: f32,
    /// Whether the encoder gives the same label.
    pub agrees: bool,
}

/// Expected quality when rows with a margin below the threshold are escalated to
/// the encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpectedAgreement {
    pub threshold: f32,
    /// Share of escalated rows, 0..1.
    pub escalated: f64,
    /// Share of labels that equal those of the encoder, 0..1.
    pub agreement: f64,
    /// Lower bound of the agreement, with 95 % confidence.
    pub lower_bound: f64,
    /// Whether the agreement reaches the required one.
    pub is_sufficient: bool,
}

/// Escalates as few of the least certain rows as reach `agreement`, up to the
/// share `max_escalated`. `held` must not be empty.
pub fn expected_agreement(
    mut held: Vec<HeldOutRow>,
    agreement: f64,
    max_escalated: f64,
) -> ExpectedAgreement {
    held.sort_by(|a, b| a.margin.total_cmp(&b.margin));
    let rows = held.len();
    let agreed =
        |escalated: usize| escalated + held[escalated..].iter().filter(|held| held.agrees).count();
    let max = ((max_escalated * rows as f64) as usize).min(rows);
    let fewest = (0..=max).find(|e| agreed(*e) as f64 >= agreement * rows as f64);
    let escalated = fewest.unwrap_or(max);
    let share = |count: usize| count as f64 / rows as f64;
    ExpectedAgreement {
        threshold: match escalated {
            0 => f32::NEG_INFINITY,
            _ => held
                .get(escalated)
                .map_or(f32::INFINITY, |next| next.margin),
        },
        escalated: share(escalated),
        agreement: share(agreed(escalated)),
        lower_bound: wilson_lower_bound(agreed(escalated), rows),
        is_sufficient: fewest.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(rows: &[(f32, bool)]) -> Vec<HeldOutRow> {
        rows.iter()
            .map(|&(margin, agrees)| HeldOutRow { margin, agrees })
            .collect()
    }

    #[test]
    fn as_few_rows_as_necessary_are_escalated() {
        let rows = held(&[(0.9, true), (0.1, false), (0.5, true), (0.2, false)]);
        let none = expected_agreement(rows.clone(), 0.5, 1.0);
        assert_eq!(
            (none.escalated, none.agreement, none.is_sufficient),
            (0.0, 0.5, true)
        );
        assert_eq!(none.threshold, f32::NEG_INFINITY);
        let one = expected_agreement(rows.clone(), 0.6, 1.0);
        assert_eq!(
            (one.escalated, one.agreement, one.threshold),
            (0.25, 0.75, 0.2)
        );
        let missed = expected_agreement(rows.clone(), 1.0, 0.3);
        assert_eq!(
            (missed.escalated, missed.agreement, missed.is_sufficient),
            (0.25, 0.75, false)
        );
        let all = expected_agreement(held(&[(0.1, false)]), 1.0, 1.0);
        assert_eq!((all.escalated, all.threshold), (1.0, f32::INFINITY));
    }
}
