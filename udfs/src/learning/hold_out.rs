//! What held-out rows say of a student: how often it agrees with its teacher,
//! and which rows it had better ask about.

/// One held-out row.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// How far the student's first label was ahead of its second.
    pub margin: f32,
    /// Whether the teacher says the same.
    pub same: bool,
}

/// What is to be expected when rows with a margin under the threshold go to
/// the teacher.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    pub threshold: f32,
    /// Share of rows that go to the teacher, 0..1.
    pub escalated: f64,
    /// Share of labels that are the teacher's, 0..1.
    pub agreement: f64,
    /// With 95 % confidence the agreement is at least this.
    pub bound: f64,
    /// Whether the agreement is what was asked for.
    pub enough: bool,
}

/// Escalates as few of the least certain rows as reach `agreement`, and the
/// share `most` at most.
///
/// `held` must not be empty.
pub fn expect(mut held: Vec<Held>, agreement: f64, most: f64) -> Expected {
    held.sort_by(|a, b| a.margin.total_cmp(&b.margin));
    let rows = held.len();
    let agreed =
        |escalated: usize| escalated + held[escalated..].iter().filter(|held| held.same).count();
    let most = ((most * rows as f64) as usize).min(rows);
    let least = (0..=most).find(|e| agreed(*e) as f64 >= agreement * rows as f64);
    let escalated = least.unwrap_or(most);
    let share = |count: usize| count as f64 / rows as f64;
    Expected {
        threshold: match escalated {
            0 => f32::NEG_INFINITY,
            _ => held
                .get(escalated)
                .map_or(f32::INFINITY, |next| next.margin),
        },
        escalated: share(escalated),
        agreement: share(agreed(escalated)),
        bound: lower_bound(agreed(escalated), rows),
        enough: least.is_some(),
    }
}

/// Wilson's one-sided 95 % bound for a share of `hits` in `all`.
fn lower_bound(hits: usize, all: usize) -> f64 {
    const Z: f64 = 1.645;
    let (n, p) = (all as f64, hits as f64 / all as f64);
    let centre = p + Z * Z / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((centre - spread) / (1.0 + Z * Z / n)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(rows: &[(f32, bool)]) -> Vec<Held> {
        rows.iter()
            .map(|&(margin, same)| Held { margin, same })
            .collect()
    }

    #[test]
    fn as_few_as_needed_are_escalated() {
        let rows = held(&[(0.9, true), (0.1, false), (0.5, true), (0.2, false)]);
        let none = expect(rows.clone(), 0.5, 1.0);
        assert_eq!(
            (none.escalated, none.agreement, none.enough),
            (0.0, 0.5, true)
        );
        assert_eq!(none.threshold, f32::NEG_INFINITY);
        let one = expect(rows.clone(), 0.6, 1.0);
        assert_eq!(
            (one.escalated, one.agreement, one.threshold),
            (0.25, 0.75, 0.2)
        );
        let missed = expect(rows.clone(), 1.0, 0.3);
        assert_eq!(
            (missed.escalated, missed.agreement, missed.enough),
            (0.25, 0.75, false)
        );
        let all = expect(held(&[(0.1, false)]), 1.0, 1.0);
        assert_eq!((all.escalated, all.threshold), (1.0, f32::INFINITY));
    }

    #[test]
    fn the_bound_is_wilsons() {
        // 90 of 100: by hand (0.9 + 0.01353 - 1.645 * 0.03131) / 1.02706.
        assert!((lower_bound(90, 100) - 0.8393).abs() < 1e-3);
        assert!(lower_bound(10, 10) < 1.0);
        assert_eq!(lower_bound(0, 10), 0.0);
    }
}
