//! Labels of a sequence: outside, and begin and inside of each attribute.

/// The label of tokens outside of values.
pub const OUTSIDE: u16 = 0;

/// Label of the first token of a value.
pub fn begin(attribute: usize) -> u16 {
    1 + 2 * attribute as u16
}

/// Label of the other tokens of a value.
pub fn inside(attribute: usize) -> u16 {
    2 + 2 * attribute as u16
}

/// Number of labels of `attributes`.
pub fn label_count(attributes: usize) -> usize {
    1 + 2 * attributes
}

/// Attributes that may occur in a sequence. Its labels are numbered by their position in
/// the set.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSet {
    pub attributes: Vec<usize>,
    /// By label of the model: its label in the set.
    pub local: Vec<Option<u16>>,
    /// By label of the set: its label of the model.
    pub global: Vec<u16>,
}

impl LabelSet {
    /// The set of some of `all` attributes.
    pub fn new(attributes: Vec<usize>, all: usize) -> Self {
        let mut local = vec![None; label_count(all)];
        let mut global = vec![OUTSIDE];
        local[OUTSIDE as usize] = Some(OUTSIDE);
        for (position, attribute) in attributes.iter().enumerate() {
            local[begin(*attribute) as usize] = Some(begin(position));
            local[inside(*attribute) as usize] = Some(inside(position));
            global.extend([begin(*attribute), inside(*attribute)]);
        }
        Self {
            attributes,
            local,
            global,
        }
    }

    /// Number of labels of the set.
    pub fn len(&self) -> usize {
        self.global.len()
    }
}
