//! Scan of a text for quantities.

use super::axis_words::axis_before;
use super::dimensions::{dimensions, pack, read_chain};
use super::measure::{Measure, read_measure};
use super::number::run_end;
use super::number_start::number_start;
use super::pack::pack_start;
use super::quantity::{Amount, Axis, Quantity};
use super::quotes::Quotes;
use super::text_around::{char_before, starts_number};
use super::unit::{Dimension, Unit};
use super::unit_lookup::unit_of_spelling;

/// The quantities of `text` in order. They do not overlap. The work is linear in the
/// text.
pub fn parse_quantities(text: &str) -> Vec<Quantity> {
    let mut scan = QuantityScan {
        text,
        found: Vec::new(),
        quotes: Quotes::default(),
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'0'..=b'9' | 0xC2 | 0xE2 if starts_number(text, at) => at = scan.number_at(at),
            _ => at += 1,
        }
    }
    scan.found
}

struct QuantityScan<'a> {
    text: &'a str,
    found: Vec<Quantity>,
    quotes: Quotes,
}

impl QuantityScan<'_> {
    /// Reads what starts with the number at `at`. Returns the place to continue from.
    fn number_at(&mut self, at: usize) -> usize {
        let text = self.text;
        let skipped = run_end(text.as_bytes(), at).max(at + 1);
        let Some(start) = number_start(text, at) else {
            return skipped;
        };
        let quote_is_open = self.quotes.is_open_at(text, start);
        let Some(first) = read_measure(text, start, quote_is_open) else {
            return skipped;
        };
        let prefix = axis_before(text, start);
        let is_attached = char_before(text, start).is_some_and(char::is_alphanumeric);
        let chain = read_chain(text, first, prefix);
        let first = &chain[0].0;
        if is_attached
            && !(prefix.is_some()
                && first
                    .unit
                    .is_none_or(|unit| unit.dimension == Dimension::Length))
        {
            return skipped;
        }
        if let Some((quantity, used)) = dimensions(text, &chain) {
            self.found.push(quantity);
            let last = &chain[used - 1].0;
            return last.scan_end.max(skipped);
        }
        if chain
            .iter()
            .filter(|(measure, _)| measure.as_axis.is_some())
            .count()
            > 1
        {
            // Dimensions without a unit: 136h x 55w x 58d.
            return chain.last().map_or(skipped, |(last, _)| last.scan_end);
        }
        if let Some([count, content]) = pack(&chain) {
            let mut both = [self.count(count), single(content, None)];
            both.sort_by_key(|quantity| quantity.as_ref().map_or(0, |quantity| quantity.start));
            self.found.extend(both.into_iter().flatten());
            return chain[1].0.scan_end;
        }
        let is_count = first
            .unit
            .is_none_or(|unit| unit.dimension == Dimension::Count);
        let quantity = if is_count && pack_start(text, first.start).is_some() {
            self.count(first)
        } else {
            single(first, prefix)
        };
        self.found.extend(quantity);
        first.scan_end.max(skipped)
    }

    /// The number of pieces that a measure gives, from `pack of` on.
    fn count(&self, measure: &Measure) -> Option<Quantity> {
        let pieces = unit_of_spelling("count")?;
        let earliest = self.found.last().map_or(0, |last| last.end);
        let start = pack_start(self.text, measure.start).filter(|start| *start >= earliest);
        let unit = measure.unit.unwrap_or(pieces);
        let mut quantity = of_unit(measure, unit);
        quantity.start = start.unwrap_or(measure.start);
        for amount in &mut quantity.amounts {
            amount.start = quantity.start;
        }
        Some(quantity)
    }
}

fn single(measure: &Measure, prefix: Option<Axis>) -> Option<Quantity> {
    let unit = measure.unit?;
    let mut quantity = of_unit(measure, unit);
    if unit.dimension == Dimension::Length {
        for amount in &mut quantity.amounts {
            amount.axis = amount.axis.or(prefix);
        }
    }
    Some(quantity)
}

fn of_unit(measure: &Measure, unit: &'static Unit) -> Quantity {
    Quantity {
        start: measure.start,
        end: measure.end,
        amounts: vec![Amount {
            start: measure.start,
            end: measure.end,
            low: measure.low,
            high: measure.high,
            axis: measure.axis,
        }],
        unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text and own normalized form of each quantity.
    fn found(text: &str) -> Vec<(String, String)> {
        let quantities = parse_quantities(text);
        let mut last = 0;
        for quantity in &quantities {
            assert!(
                last <= quantity.start && quantity.start < quantity.end,
                "{text}"
            );
            last = quantity.end;
        }
        quantities
            .iter()
            .map(|q| {
                let form = q.normalized(q.unit).unwrap();
                (text[q.start..q.end].to_string(), form)
            })
            .collect()
    }

    fn assert_found(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(text, form)| (text.to_string(), form.to_string()))
            .collect();
        assert_eq!(found(text), expected, "{text}");
    }

    #[test]
    fn single_quantities() {
        assert_found("Bottle, 330ml", &[("330ml", "330 ml")]);
        assert_found("Shampoo-500ml", &[("500ml", "500 ml")]);
        assert_found("a .5 l can", &[(".5 l", "0.5 l")]);
        assert_found(
            "5' 6\" tall, 2 lb 4 oz",
            &[("5' 6\"", "5.5 ft"), ("2 lb 4 oz", "2.25 lb")],
        );
        assert_found("-20 °C to 5", &[("-20 °C", "-20 °C")]);
        assert_found("only $1,299.00 today", &[("$1,299.00", "1299 USD")]);
        assert_found("½ inch", &[("½ inch", "0.5 in")]);
        assert_found("10ml/20ml", &[("10ml", "10 ml"), ("20ml", "20 ml")]);
    }

    #[test]
    fn ranges() {
        for text in [
            "5-10 kg",
            "5 to 10 kg",
            "5kg-10kg",
            "5 kg - 10 kg",
            "5–10 kg",
        ] {
            assert_found(text, &[(text, "5..10 kg")]);
        }
        assert_found("10-5 kg", &[]);
        assert_found("100-240V", &[("100-240V", "100..240 V")]);
    }

    #[test]
    fn dimensions_share_their_unit() {
        assert_found("30 x 40 cm", &[("30 x 40 cm", "30 x 40 cm")]);
        assert_found(
            "30cm x 40cm x 2cm",
            &[("30cm x 40cm x 2cm", "30 x 40 x 2 cm")],
        );
        assert_found("30cmx40cm", &[("30cmx40cm", "30 x 40 cm")]);
        assert_found(
            "4 3/4 x 2 3/8 in.",
            &[("4 3/4 x 2 3/8 in", "4.75 x 2.375 in")],
        );
        assert_found("1 m x 50 cm", &[("1 m x 50 cm", "100 x 50 cm")]);
        assert_found("136h x 55w x 58d", &[]);
        assert_found("1920 x 1080", &[]);
    }

    fn axes(text: &str) -> Vec<(f64, Option<Axis>)> {
        let quantities = parse_quantities(text);
        let amounts = quantities.iter().flat_map(|q| &q.amounts);
        amounts.map(|amount| (amount.low, amount.axis)).collect()
    }

    #[test]
    fn axes_are_named_before_and_after_numbers() {
        use Axis::*;
        let expected = [
            (30.0, Some(Length)),
            (20.0, Some(Width)),
            (10.0, Some(Height)),
        ];
        for text in [
            "L 30 W 20 H 10 cm",
            "L30 x W20 x H10 cm",
            "30L x 20W x 10H cm",
            "30\"L x 20\"W x 10\"H",
            "30 x 20 x 10 cm (L x W x H)",
            "30 x 20 x 10 cm LxWxH",
            "Size (LxWxH): 30 x 20 x 10 cm",
            "L x W x H: 30 x 20 x 10 cm",
            "30 cm long x 20 cm wide x 10 cm high",
        ] {
            assert_eq!(axes(text), expected, "{text}");
        }
        assert_eq!(axes("H: 10cm"), [(10.0, Some(Height))]);
        assert_eq!(axes("30 x 20 cm"), [(30.0, None), (20.0, None)]);
    }

    #[test]
    fn packs_have_a_count_and_a_content() {
        assert_found("6 x 330 ml", &[("6", "6"), ("330 ml", "330 ml")]);
        assert_found("330ml x 6", &[("330ml", "330 ml"), ("6", "6")]);
        assert_found("Tea, pack of 12", &[("pack of 12", "12")]);
        assert_found("Pack of 60 Capsules", &[("Pack of 60 Capsules", "60")]);
        assert_found(
            "24-pack 1,000/Box 10pcs/lot",
            &[("24-pack", "24"), ("1,000/Box", "1000"), ("10pcs", "10")],
        );
        assert_found("iPhone 6 case", &[]);
        assert_found("2 dozen", &[("2 dozen", "2 dozen")]);
    }

    #[test]
    fn codes_and_quotations_are_not_quantities() {
        for text in [
            "TL-541G",
            "GX5-(73-L-10)",
            "hvtl542bhk",
            "802.11g",
            "1.2.3 kg",
            "2 in 1",
            "the \"Top 10\" list",
            "10,20,30 ml",
            "H10",
            "1234567890123456789012345 kg",
            "é5",
            "",
            "\u{fffd}",
        ] {
            assert_found(text, &[]);
        }
    }

    #[test]
    fn hostile_texts_take_linear_time() {
        let start = std::time::Instant::now();
        for piece in [
            "1",
            "1,",
            "1 x ",
            "5\"",
            "\"5",
            "½",
            "1/2 ",
            "L1",
            "5 kg to ",
            "pack of 1 ",
            "5 a.b.c ",
        ] {
            let text = piece.repeat(2_000_000 / piece.len());
            parse_quantities(&text);
        }
        assert!(start.elapsed().as_secs() < 60);
    }
}
