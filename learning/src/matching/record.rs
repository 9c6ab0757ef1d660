//! Products as a table states them.

/// One row of a table of products.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProductRecord<'a> {
    pub title: Option<&'a str>,
    pub text: Option<&'a str>,
    /// A price above 0; any other number counts as absent.
    pub price: Option<f64>,
    /// Catalogue of the row. Rows of one catalogue are different products.
    pub source: Option<&'a str>,
    /// Orders rows that are otherwise equal.
    pub key: &'a str,
}

impl<'a> ProductRecord<'a> {
    /// The title, or the text where the title is blank; `None` for a row without either.
    pub fn headline(&self) -> Option<&'a str> {
        present(self.title).or_else(|| present(self.text))
    }

    /// The text beside the headline.
    pub fn details(&self) -> &'a str {
        match present(self.title) {
            Some(_) => present(self.text).unwrap_or_default(),
            None => "",
        }
    }

    pub fn valid_price(&self) -> Option<f64> {
        self.price.filter(|price| *price > 0.0 && price.is_finite())
    }

    /// The parts that are compared. Records with equal parts are duplicates.
    pub fn content(&self) -> (Option<&'a str>, &'a str, Option<u64>, Option<&'a str>) {
        let price = self.valid_price().map(f64::to_bits);
        (self.headline(), self.details(), price, self.source)
    }
}

/// A text that is not blank, trimmed.
fn present(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_title_is_replaced_by_the_text() {
        let record = |title, text| ProductRecord {
            title,
            text,
            ..ProductRecord::default()
        };
        let parts = |record: ProductRecord<'static>| (record.headline(), record.details());
        assert_eq!(parts(record(Some(" a "), Some("b"))), (Some("a"), "b"));
        assert_eq!(parts(record(Some(" "), Some("b"))), (Some("b"), ""));
        assert_eq!(parts(record(Some("a"), None)), (Some("a"), ""));
        assert_eq!(parts(record(None, Some("\t"))), (None, ""));
    }

    #[test]
    fn prices_that_are_no_prices_are_absent() {
        for price in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let record = ProductRecord {
                price: Some(price),
                ..ProductRecord::default()
            };
            assert_eq!(record.valid_price(), None);
        }
    }
}
