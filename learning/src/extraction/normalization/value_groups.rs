//! Groups of values, with the evidence for each member.

/// Why a value belongs to its canonical value, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// Equal but for case, punctuation, white space, diacritics, plural and word order.
    SameLetters,
    /// Equal after conversion of units.
    SameQuantity,
    /// One letter of a long word differs from a much more frequent value.
    Spelling,
    /// Mutual nearest neighbours among the vectors of an encoder.
    SimilarMeaning,
}

impl Evidence {
    /// Text in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::SameLetters => "same letters",
            Self::SameQuantity => "same quantity",
            Self::Spelling => "spelling",
            Self::SimilarMeaning => "similar meaning",
        }
    }
}

/// Evidence for a value, and a similarity where the evidence has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvidenceLink {
    pub evidence: Evidence,
    pub similarity: Option<f32>,
}

/// Disjoint groups of the values `0..count`, which are in descending order of
/// preference: the first value of a group is its canonical value.
pub struct ValueGroups {
    /// By value: a better value of the group, or the value itself.
    parents: Vec<usize>,
    /// By canonical value: the sum of the counts of its group.
    totals: Vec<u64>,
    /// By value: the evidence that it was merged by.
    links: Vec<Option<EvidenceLink>>,
}

impl ValueGroups {
    /// One group for each value.
    pub fn new(counts: &[u64]) -> Self {
        Self {
            parents: (0..counts.len()).collect(),
            totals: counts.to_vec(),
            links: vec![None; counts.len()],
        }
    }

    /// The canonical value of the group of `value`.
    pub fn canonical(&mut self, value: usize) -> usize {
        let mut at = value;
        while self.parents[at] != at {
            // Halves the path.
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    /// Merges the groups of two values. The canonical value that loses its rank gets the
    /// evidence.
    pub fn merge(&mut self, a: usize, b: usize, link: EvidenceLink) {
        let (a, b) = (self.canonical(a), self.canonical(b));
        if a == b {
            return;
        }
        let (canonical, variant) = (a.min(b), a.max(b));
        self.parents[variant] = canonical;
        self.links[variant] = Some(link);
        self.totals[canonical] = self.totals[canonical].saturating_add(self.totals[variant]);
    }

    /// Sum of the counts of the group with the canonical value `canonical`.
    pub fn total(&self, canonical: usize) -> u64 {
        self.totals[canonical]
    }

    /// The evidence that `value` was merged by; `None` for canonical values.
    pub fn link(&self, value: usize) -> Option<EvidenceLink> {
        self.links[value]
    }

    /// The canonical values, by descending total.
    pub fn canonical_values(&self) -> Vec<usize> {
        let all = 0..self.parents.len();
        let mut canonical: Vec<usize> =
            all.filter(|value| self.parents[*value] == *value).collect();
        canonical.sort_by_key(|value| (std::cmp::Reverse(self.totals[*value]), *value));
        canonical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_a_group_is_canonical() {
        let link = EvidenceLink {
            evidence: Evidence::SameLetters,
            similarity: None,
        };
        let mut groups = ValueGroups::new(&[5, 4, 3, u64::MAX]);
        groups.merge(2, 1, link);
        groups.merge(2, 0, link);
        groups.merge(1, 0, link);
        assert_eq!(
            [0, 1, 2, 3].map(|value| groups.canonical(value)),
            [0, 0, 0, 3]
        );
        assert_eq!((groups.total(0), groups.link(0)), (12, None));
        assert_eq!(groups.link(1), Some(link));
        assert_eq!(groups.canonical_values(), [3, 0]);
    }
}
