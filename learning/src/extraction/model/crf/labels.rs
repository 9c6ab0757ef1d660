//! Labels of a sequence: outside, and begin and inside of each attribute.

/// The label of tokens outside of values.
pub const OUTSIDE: u16 = 0;

/// Local label of a label that is not in a set.
pub const NOT_IN_SET: u16 = u16::MAX;

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

/// Attributes that may occur in a sequence. Its local labels are: outside, the begins of
/// the attributes, their insides.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelSet {
    pub attributes: Vec<usize>,
    /// By label of the model: the local label, or [`NOT_IN_SET`].
    pub local: Vec<u16>,
    /// By local label: the label of the model.
    pub global: Vec<u16>,
}

impl LabelSet {
    /// The set of some of `all` attributes.
    pub fn new(attributes: Vec<usize>, all: usize) -> Self {
        let begins = attributes.iter().map(|attribute| begin(*attribute));
        let insides = attributes.iter().map(|attribute| inside(*attribute));
        let global: Vec<u16> = std::iter::once(OUTSIDE)
            .chain(begins)
            .chain(insides)
            .collect();
        let mut local = vec![NOT_IN_SET; label_count(all)];
        for (at, label) in global.iter().enumerate() {
            local[*label as usize] = at as u16;
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

    /// Number of labels that may follow any label: outside and the begins.
    pub fn open_len(&self) -> usize {
        1 + self.attributes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_a_set_are_outside_begins_insides() {
        let set = LabelSet::new(vec![2, 0], 3);
        assert_eq!(set.global, [0, 5, 1, 6, 2]);
        assert_eq!(set.local, [0, 2, 4, NOT_IN_SET, NOT_IN_SET, 1, 3]);
        assert_eq!((set.len(), set.open_len()), (5, 3));
    }
}
