//! Formats of numbers: `999,990.00`.

/// Element of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberPart {
    /// `9`, or `0` that shows zeros.
    Digit {
        shows_zero: bool,
    },
    Point,
    Group,
    Sign(SignPlace),
    Currency,
    Ordinal {
        is_upper: bool,
    },
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignPlace {
    /// `S`: plus or minus, beside the number.
    Anchored,
    /// `SG`: plus or minus, at this place.
    Fixed,
    /// `MI`: minus or a blank.
    Minus,
    /// `PL`: plus or a blank.
    Plus,
    /// `PR`: angle brackets around negative numbers.
    Brackets,
}

/// Format of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberTemplate {
    pub parts: Vec<NumberPart>,
    /// `FM`: no blanks, and no zeros at the end.
    pub is_bare: bool,
    /// Digits before and after the decimal point.
    pub whole: usize,
    pub fraction: usize,
}

const PATTERNS: &[(&str, NumberPart)] = &[
    ("9", NumberPart::Digit { shows_zero: false }),
    ("0", NumberPart::Digit { shows_zero: true }),
    (".", NumberPart::Point),
    ("D", NumberPart::Point),
    (",", NumberPart::Group),
    ("G", NumberPart::Group),
    ("SG", NumberPart::Sign(SignPlace::Fixed)),
    ("S", NumberPart::Sign(SignPlace::Anchored)),
    ("MI", NumberPart::Sign(SignPlace::Minus)),
    ("PL", NumberPart::Sign(SignPlace::Plus)),
    ("PR", NumberPart::Sign(SignPlace::Brackets)),
    ("L", NumberPart::Currency),
];

const UNSUPPORTED: &[(&str, &str)] = &[
    ("EEEE", "an exponent"),
    ("RN", "Roman numerals"),
    ("V", "a shift of the decimal point"),
];

/// Reads a format.
///
/// # Errors
/// A pattern without a meaning here; two decimal points.
pub fn parse(format: &str) -> Result<NumberTemplate, String> {
    let mut template = NumberTemplate {
        parts: Vec::new(),
        is_bare: false,
        whole: 0,
        fraction: 0,
    };
    let mut has_point = false;
    let mut rest = format;
    while let Some(ch) = rest.chars().next() {
        if let Some((pattern, meaning)) = UNSUPPORTED.iter().find(|(name, _)| starts(rest, name)) {
            return Err(format!(
                "the pattern {pattern} of the format '{format}' ({meaning}) is not supported"
            ));
        }
        if starts(rest, "FM") {
            template.is_bare = true;
            rest = &rest[2..];
            continue;
        }
        if starts(rest, "TH") {
            let is_upper = rest.starts_with('T');
            template.parts.push(NumberPart::Ordinal { is_upper });
            rest = &rest[2..];
            continue;
        }
        if ch == '"' {
            let end = rest[1..].find('"').map_or(rest.len(), |at| at + 1);
            template
                .parts
                .push(NumberPart::Text(rest[1..end].to_string()));
            rest = rest.get(end + 1..).unwrap_or_default();
            continue;
        }
        let Some((pattern, part)) = PATTERNS.iter().find(|(name, _)| starts(rest, name)) else {
            template.parts.push(NumberPart::Text(ch.to_string()));
            rest = &rest[ch.len_utf8()..];
            continue;
        };
        match part {
            NumberPart::Point if has_point => {
                return Err(format!("the format '{format}' has two decimal points"));
            }
            NumberPart::Point => has_point = true,
            NumberPart::Digit { .. } if has_point => template.fraction += 1,
            NumberPart::Digit { .. } => template.whole += 1,
            _ => {}
        }
        template.parts.push(part.clone());
        rest = &rest[pattern.len()..];
    }
    Ok(template)
}

fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
