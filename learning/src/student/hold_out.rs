//! Quality of a student on held-out rows, and the doubt above which rows are escalated
//! to the encoder.

use crate::evaluation::wilson_lower_bound;

/// Prediction of a held-out row.
#[derive(Clone, Copy, Debug)]
pub struct HeldOutRow {
    /// Doubt about the student's label.
    pub doubt: f32,
    /// Whether the encoder gives the same label.
    pub agrees: bool,
}

/// Expected quality when rows with a doubt above the threshold are escalated to the
/// encoder.
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

impl ExpectedAgreement {
    /// Of a student that has not been compared yet: all rows are escalated.
    pub const NONE: Self = Self {
        threshold: f32::NEG_INFINITY,
        escalated: 1.0,
        agreement: 0.0,
        lower_bound: 0.0,
        is_sufficient: false,
    };
}

/// Escalates the rows with a doubt above `threshold`. If they do not reach `agreement`,
/// as few of the most doubtful rows as do, up to the share `max_escalated`. `held` must
/// not be empty.
pub fn expected_agreement(
    mut held: Vec<HeldOutRow>,
    agreement: f64,
    max_escalated: f64,
    threshold: f32,
) -> ExpectedAgreement {
    held.sort_by(|a, b| b.doubt.total_cmp(&a.doubt));
    let rows = held.len();
    let agreed =
        |escalated: usize| escalated + held[escalated..].iter().filter(|held| held.agrees).count();
    let is_sufficient = |escalated: usize| agreed(escalated) as f64 >= agreement * rows as f64;
    let share = |count: usize| count as f64 / rows as f64;
    let first = held.partition_point(|held| held.doubt > threshold);
    let (escalated, threshold) = if is_sufficient(first) {
        (first, threshold)
    } else {
        let max = ((max_escalated * rows as f64) as usize).clamp(first, rows);
        let escalated = (first..=max).find(|e| is_sufficient(*e)).unwrap_or(max);
        let next = held.get(escalated);
        (
            escalated,
            next.map_or(f32::NEG_INFINITY, |next| next.doubt.min(threshold)),
        )
    };
    ExpectedAgreement {
        threshold,
        escalated: share(escalated),
        agreement: share(agreed(escalated)),
        lower_bound: wilson_lower_bound(agreed(escalated), rows),
        is_sufficient: is_sufficient(escalated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_DOUBT: f32 = f32::INFINITY;

    fn held(rows: &[(f32, bool)]) -> Vec<HeldOutRow> {
        rows.iter()
            .map(|&(doubt, agrees)| HeldOutRow { doubt, agrees })
            .collect()
    }

    #[test]
    fn as_few_rows_as_necessary_are_escalated() {
        let rows = held(&[(0.1, true), (0.9, false), (0.5, true), (0.8, false)]);
        let none = expected_agreement(rows.clone(), 0.5, 1.0, NO_DOUBT);
        assert_eq!(
            (none.escalated, none.agreement, none.is_sufficient),
            (0.0, 0.5, true)
        );
        assert_eq!(none.threshold, NO_DOUBT);
        let one = expected_agreement(rows.clone(), 0.6, 1.0, NO_DOUBT);
        assert_eq!(
            (one.escalated, one.agreement, one.threshold),
            (0.25, 0.75, 0.8)
        );
        let missed = expected_agreement(rows.clone(), 1.0, 0.3, NO_DOUBT);
        assert_eq!(
            (missed.escalated, missed.agreement, missed.is_sufficient),
            (0.25, 0.75, false)
        );
        let all = expected_agreement(held(&[(0.1, false)]), 1.0, 1.0, NO_DOUBT);
        assert_eq!((all.escalated, all.threshold), (1.0, f32::NEG_INFINITY));
    }

    #[test]
    fn rows_above_the_threshold_are_escalated_in_any_case() {
        let rows = held(&[(0.1, true), (0.9, false), (0.5, true), (0.8, false)]);
        let reached = expected_agreement(rows.clone(), 0.5, 1.0, 0.6);
        assert_eq!(
            (reached.escalated, reached.agreement, reached.threshold),
            (0.5, 1.0, 0.6)
        );
        let one = expected_agreement(rows.clone(), 0.5, 1.0, 0.85);
        assert_eq!((one.escalated, one.agreement), (0.25, 0.75));
        // Between the held-out rows, the threshold stays as it is.
        assert_eq!(one.threshold, 0.85);
        let more = expected_agreement(rows, 0.9, 1.0, 0.85);
        assert_eq!((more.escalated, more.threshold), (0.5, 0.5));
    }
}
