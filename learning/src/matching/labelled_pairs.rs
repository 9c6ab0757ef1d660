//! Pairs of products with labels: whether both are one product.

use std::collections::{BTreeMap, HashMap};

use super::record::ProductRecord;

/// A product of a labelled pair.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelledProduct {
    pub title: Option<String>,
    pub text: Option<String>,
    pub price: Option<f64>,
}

impl LabelledProduct {
    pub fn record(&self) -> ProductRecord<'_> {
        ProductRecord {
            title: self.title.as_deref(),
            text: self.text.as_deref(),
            price: self.price,
            ..ProductRecord::default()
        }
    }
}

/// A pair of products, as positions, and its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelledPair {
    pub a: u32,
    pub b: u32,
    pub is_match: bool,
}

/// Labelled pairs of distinct products. Their order does not depend on that of the rows.
#[derive(Debug, Default)]
pub struct LabelledPairs {
    pub products: Vec<LabelledProduct>,
    pub pairs: Vec<LabelledPair>,
    /// Rows without a label, or with a product without title and text.
    pub skipped_rows: u64,
    /// Pairs that some rows label as a match and others do not; they are in no pair.
    pub conflicts: u64,
}

/// The parts of a product that are compared.
type Content = (String, String, Option<u64>);

/// Collects labelled pairs.
#[derive(Debug, Default)]
pub struct LabelledPairsBuilder {
    products: Vec<LabelledProduct>,
    positions: HashMap<Content, u32>,
    pairs: Vec<LabelledPair>,
    skipped_rows: u64,
}

impl LabelledPairsBuilder {
    /// Adds a row; `None` for a row without a label.
    pub fn add(&mut self, left: LabelledProduct, right: LabelledProduct, is_match: Option<bool>) {
        let has_text = |product: &LabelledProduct| product.record().headline().is_some();
        let Some(is_match) = is_match.filter(|_| has_text(&left) && has_text(&right)) else {
            self.skipped_rows += 1;
            return;
        };
        let [a, b] = [left, right].map(|product| self.position(product));
        self.pairs.push(LabelledPair { a, b, is_match });
    }

    fn position(&mut self, product: LabelledProduct) -> u32 {
        let products = &mut self.products;
        let position = self.positions.entry(content(&product));
        *position.or_insert_with(|| {
            products.push(product);
            products.len() as u32 - 1
        })
    }

    /// The distinct pairs, sorted by the contents of their products.
    pub fn finish(self) -> LabelledPairs {
        let mut order: Vec<u32> = (0..self.products.len() as u32).collect();
        order.sort_by_cached_key(|at| content(&self.products[*at as usize]));
        let mut rank = vec![0; order.len()];
        for (position, at) in order.iter().enumerate() {
            rank[*at as usize] = position as u32;
        }
        let mut labels: BTreeMap<(u32, u32), [bool; 2]> = BTreeMap::new();
        for pair in &self.pairs {
            let [a, b] = [pair.a, pair.b].map(|at| rank[at as usize]);
            labels.entry((a.min(b), a.max(b))).or_default()[usize::from(pair.is_match)] = true;
        }
        let distinct = labels.len();
        let pairs: Vec<LabelledPair> = labels
            .into_iter()
            .filter(|(_, labels)| *labels != [true, true])
            .map(|((a, b), [_, is_match])| LabelledPair { a, b, is_match })
            .collect();
        let mut products: Vec<Option<LabelledProduct>> =
            self.products.into_iter().map(Some).collect();
        LabelledPairs {
            products: order
                .iter()
                .filter_map(|at| products[*at as usize].take())
                .collect(),
            conflicts: (distinct - pairs.len()) as u64,
            pairs,
            skipped_rows: self.skipped_rows,
        }
    }
}

impl LabelledPairs {
    pub fn matches(&self) -> usize {
        self.pairs.iter().filter(|pair| pair.is_match).count()
    }

    /// Hash of the products and labels, which does not depend on the order of the rows.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for product in &self.products {
            let (headline, details, price) = content(product);
            for text in [headline, details] {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
            hasher.update(&price.unwrap_or_default().to_le_bytes());
        }
        for pair in &self.pairs {
            hasher.update(&pair.a.to_le_bytes());
            hasher.update(&pair.b.to_le_bytes());
            hasher.update(&[u8::from(pair.is_match)]);
        }
        hasher.finalize().to_hex()[..32].to_string()
    }
}

fn content(product: &LabelledProduct) -> Content {
    let (headline, details, price, _) = product.record().content();
    let headline = headline.unwrap_or_default();
    (headline.to_string(), details.to_string(), price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(title: &str) -> LabelledProduct {
        LabelledProduct {
            title: Some(title.to_string()),
            ..LabelledProduct::default()
        }
    }

    fn pairs(rows: &[(&str, &str, Option<bool>)]) -> LabelledPairs {
        let mut builder = LabelledPairsBuilder::default();
        for (left, right, label) in rows {
            builder.add(product(left), product(right), *label);
        }
        builder.finish()
    }

    #[test]
    fn the_order_of_rows_and_sides_does_not_matter() {
        let rows = [
            ("b", "a", Some(true)),
            ("c", "d", Some(false)),
            ("a", "d", Some(false)),
        ];
        let mut turned = rows.map(|(left, right, label)| (right, left, label));
        turned.reverse();
        let (found, expected) = (pairs(&turned), pairs(&rows));
        assert_eq!(found.pairs, expected.pairs);
        assert_eq!(found.products, expected.products);
        assert_eq!(found.fingerprint(), expected.fingerprint());
        assert_eq!((expected.matches(), expected.products.len()), (1, 4));
    }

    #[test]
    fn rows_that_teach_nothing_are_counted() {
        let found = pairs(&[
            ("a", "b", Some(true)),
            ("a", "b", Some(true)),
            ("a", "c", Some(true)),
            ("c", "a", Some(false)),
            ("a", " ", Some(true)),
            ("a", "b", None),
        ]);
        assert_eq!(found.pairs.len(), 1);
        assert_eq!((found.skipped_rows, found.conflicts), (2, 1));
    }
}
