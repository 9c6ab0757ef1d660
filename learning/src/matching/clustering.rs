//! Constrained agglomerative clustering: the surest links first, and no cluster with a
//! contradiction.

use std::collections::HashSet;

use semql_inference::{Error, Result};

/// Maximum number of records of a cluster.
pub const MAX_CLUSTER_RECORDS: usize = 100;

/// Pairs of records from which the mean score of two clusters is estimated.
const MAX_SCORED_PAIRS: usize = 64;

/// Links between two questions whether to cancel.
const CANCEL_INTERVAL: usize = 1_024;

/// Two records that may belong together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    pub a: u32,
    pub b: u32,
    pub score: f32,
}

/// What decides whether two clusters become one.
pub struct MergeRules<'a> {
    /// Minimum score of a link, and of the mean pair of two clusters.
    pub threshold: f32,
    /// Score of a pair of records.
    pub score: &'a dyn Fn(u32, u32) -> f32,
    /// Whether two records must not be in one cluster.
    pub contradict: &'a dyn Fn(u32, u32) -> bool,
}

/// Clusters of `records` records: the members of each, ascending, in the order of their
/// first members. Links merge by descending score, and equal ones by records. Two
/// clusters merge if no pair contradicts, the mean pair reaches the threshold, and they
/// have at most [`MAX_CLUSTER_RECORDS`] records together.
///
/// # Errors
/// [`Error::Interrupted`] once `is_cancelled` returns true.
pub fn clusters(
    records: usize,
    mut links: Vec<Link>,
    rules: &MergeRules<'_>,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Vec<u32>>> {
    links.retain(|link| link.score >= rules.threshold);
    links.sort_unstable_by(|x, y| {
        let by_score = y.score.total_cmp(&x.score);
        by_score.then((x.a, x.b).cmp(&(y.a, y.b)))
    });
    let mut cluster_of: Vec<u32> = (0..records as u32).collect();
    let mut members: Vec<Vec<u32>> = cluster_of.iter().map(|record| vec![*record]).collect();
    // Pairs of clusters that do not merge, with their sizes then.
    let mut refused: HashSet<(u32, usize, u32, usize)> = HashSet::new();
    for (at, link) in links.iter().enumerate() {
        if at % CANCEL_INTERVAL == 0 && is_cancelled() {
            return Err(Error::Interrupted);
        }
        let [x, y] = [link.a, link.b].map(|record| cluster_of[record as usize]);
        let (into, from) = (x.min(y), x.max(y));
        if into == from {
            continue;
        }
        let (left, right) = (&members[into as usize], &members[from as usize]);
        let state = (into, left.len(), from, right.len());
        if refused.contains(&state) {
            continue;
        }
        if !may_merge(left, right, link, rules) {
            refused.insert(state);
            continue;
        }
        let moved = std::mem::take(&mut members[from as usize]);
        for record in &moved {
            cluster_of[*record as usize] = into;
        }
        let grown = &mut members[into as usize];
        grown.extend(moved);
        grown.sort_unstable();
    }
    members.retain(|members| !members.is_empty());
    members.sort_unstable_by_key(|members| members[0]);
    Ok(members)
}

fn may_merge(left: &[u32], right: &[u32], link: &Link, rules: &MergeRules<'_>) -> bool {
    if left.len() + right.len() > MAX_CLUSTER_RECORDS {
        return false;
    }
    let pairs = || {
        left.iter()
            .flat_map(|a| right.iter().map(move |b| (*a, *b)))
    };
    let is_link = |a: u32, b: u32| (a, b) == (link.a, link.b) || (b, a) == (link.a, link.b);
    let step = (left.len() * right.len()).div_ceil(MAX_SCORED_PAIRS);
    let (mut sum, mut count) = (0.0, 0.0);
    for (a, b) in pairs().step_by(step) {
        sum += match is_link(a, b) {
            true => link.score,
            false => (rules.score)(a, b),
        };
        count += 1.0;
    }
    sum >= rules.threshold * count && !pairs().any(|(a, b)| (rules.contradict)(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use semql_inference::mutations::cases;
    use semql_inference::random::Random;

    /// A random symmetric score, and contradictions of one pair in five.
    fn score(seed: u64, a: u32, b: u32) -> f32 {
        let (a, b) = (u64::from(a.min(b)), u64::from(a.max(b)));
        let mut random = Random::new(seed ^ (a << 32 | b).wrapping_mul(0x9E37_79B9));
        random.bits();
        (random.unit() * 4.0 - 1.5) as f32
    }

    fn contradict(seed: u64, a: u32, b: u32) -> bool {
        score(seed ^ 0x5555, a, b) > 1.7
    }

    fn random_links(seed: u64, records: u32, random: &mut Random) -> Vec<Link> {
        let count = records as usize * 4;
        let pairs = (0..count).map(|_| [0, 1].map(|_| random.below(records as usize) as u32));
        pairs
            .filter(|[a, b]| a != b)
            .map(|[a, b]| Link {
                a: a.min(b),
                b: a.max(b),
                score: score(seed, a, b),
            })
            .collect()
    }

    #[test]
    fn no_cluster_contradicts_and_order_does_not_matter() {
        for seed in 0..cases(200) as u64 {
            let mut random = Random::new(seed);
            let records = 2 + random.below(40) as u32;
            let mut links = random_links(seed, records, &mut random);
            let rules = MergeRules {
                threshold: 0.3,
                score: &|a, b| score(seed, a, b),
                contradict: &|a, b| contradict(seed, a, b),
            };
            let found = clusters(records as usize, links.clone(), &rules, &|| false).unwrap();
            let mut all: Vec<u32> = found.iter().flatten().copied().collect();
            all.sort_unstable();
            assert_eq!(all, (0..records).collect::<Vec<_>>(), "each record once");
            for members in &found {
                for (at, a) in members.iter().enumerate() {
                    let mut later = members[at + 1..].iter();
                    assert!(!later.any(|b| contradict(seed, *a, *b)), "{members:?}");
                }
            }
            for at in (1..links.len()).rev() {
                links.swap(at, random.below(at + 1));
            }
            assert_eq!(
                clusters(records as usize, links, &rules, &|| false).unwrap(),
                found
            );
        }
    }

    #[test]
    fn clusters_are_bounded() {
        let chain: Vec<Link> = (0..9_999)
            .map(|a| Link {
                a,
                b: a + 1,
                score: 1.0,
            })
            .collect();
        let rules = MergeRules {
            threshold: 0.0,
            score: &|_, _| 1.0,
            contradict: &|_, _| false,
        };
        let found = clusters(10_000, chain.clone(), &rules, &|| false).unwrap();
        assert!(
            found
                .iter()
                .all(|members| members.len() <= MAX_CLUSTER_RECORDS)
        );
        assert!(clusters(10_000, chain, &rules, &|| true).is_err());
        assert!(
            clusters(0, Vec::new(), &rules, &|| false)
                .unwrap()
                .is_empty()
        );
    }
}
