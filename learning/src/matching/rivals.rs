//! Rivals of a pair between catalogues: a row has at most one counterpart in each.

use super::clustering::Link;

/// Largest change of log-odds by a lead or lag.
const MAX_CHANGE: f32 = 3.0;

/// Log-odds that a row has a counterpart in another catalogue at all, beside those of
/// rows of one table.
const COUNTERPART: f32 = 1.5;

/// Adds to the score of each link [`COUNTERPART`], and its lead over the best other link
/// of its records, or subtracts its lag, at most [`MAX_CHANGE`]. A pair that is clearly the best of both
/// records becomes likelier.
pub fn subtract_rivals(records: usize, links: &mut [Link]) {
    // The best and second best score of each record.
    let mut best = vec![[f32::NEG_INFINITY; 2]; records];
    for link in links.iter() {
        for record in [link.a, link.b] {
            let best = &mut best[record as usize];
            if link.score > best[0] {
                *best = [link.score, best[0]];
            } else if link.score > best[1] {
                best[1] = link.score;
            }
        }
    }
    for link in links {
        let leads = [link.a, link.b].map(|record| {
            let [first, second] = best[record as usize];
            let rival = if link.score >= first { second } else { first };
            link.score - rival
        });
        link.score += COUNTERPART + leads[0].min(leads[1]).clamp(-MAX_CHANGE, MAX_CHANGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_pair_of_both_records_gains() {
        let link = |a, b, score| Link { a, b, score };
        let mut links = [link(0, 2, 1.0), link(0, 3, 0.0), link(1, 3, -5.0)];
        subtract_rivals(4, &mut links);
        let scores = links.map(|link| link.score);
        assert_eq!(scores, [2.0, -1.0, -8.0].map(|score| score + COUNTERPART));
        let mut alone = [link(0, 1, 1.0)];
        subtract_rivals(2, &mut alone);
        assert_eq!(alone[0].score, 1.0 + MAX_CHANGE + COUNTERPART);
    }
}
