//! Widths of the columns of a table, and the choice of columns that fit.

/// Width below which a column is not narrowed.
pub const MIN_COLUMN_WIDTH: usize = 8;

/// Size of a column before the layout.
pub struct ColumnSize {
    /// Width of the widest cell, header included.
    pub natural: usize,
    /// Whether its cells may be truncated.
    pub shrinkable: bool,
}

/// Widths of the visible columns; `None` for hidden ones.
///
/// In a table wider than `available`, the widest texts shrink first, all to the
/// same width. If that is not enough, columns in the middle are hidden: the first
/// identify a row, and the last are often the computed ones.
pub fn fit_columns(columns: &[ColumnSize], available: usize) -> Vec<Option<usize>> {
    let mut visible: Vec<bool> = vec![true; columns.len()];
    loop {
        let count = visible.iter().filter(|visible| **visible).count();
        let hidden = count < columns.len();
        // Each column has a border and two spaces; the mark of hidden columns is one too.
        let frame = 3 * (count + usize::from(hidden)) + 1 + usize::from(hidden);
        let room = available.saturating_sub(frame);
        if let Some(widths) = shrink(columns, &visible, room) {
            return widths;
        }
        if count <= 1 {
            return columns
                .iter()
                .zip(&visible)
                .map(|(c, visible)| visible.then(|| c.natural.min(room.max(1))))
                .collect();
        }
        let indexes: Vec<usize> = (0..columns.len()).filter(|&c| visible[c]).collect();
        visible[indexes[count / 2]] = false;
    }
}

/// Widths of the visible columns within `room`, if they fit.
fn shrink(columns: &[ColumnSize], visible: &[bool], room: usize) -> Option<Vec<Option<usize>>> {
    let at = |limit: usize| {
        let width = move |c: &ColumnSize| {
            if c.shrinkable {
                c.natural.min(limit)
            } else {
                c.natural
            }
        };
        columns
            .iter()
            .zip(visible)
            .map(move |(c, visible)| visible.then(|| width(c)))
    };
    let total = |limit: usize| at(limit).flatten().sum::<usize>();
    let widest = columns.iter().map(|c| c.natural).max().unwrap_or(0);
    if total(widest) <= room {
        return Some(at(widest).collect());
    }
    if total(MIN_COLUMN_WIDTH) > room {
        return None;
    }
    // The largest limit that fits; `total` grows with it.
    let (mut fits, mut over) = (MIN_COLUMN_WIDTH, widest);
    while over - fits > 1 {
        let middle = fits + (over - fits) / 2;
        if total(middle) <= room {
            fits = middle
        } else {
            over = middle
        }
    }
    Some(at(fits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(sizes: &[(usize, bool)]) -> Vec<ColumnSize> {
        sizes
            .iter()
            .map(|&(natural, shrinkable)| ColumnSize {
                natural,
                shrinkable,
            })
            .collect()
    }

    #[test]
    fn columns_that_fit_are_unchanged() {
        assert_eq!(
            fit_columns(&columns(&[(5, true), (9, false)]), 80),
            [Some(5), Some(9)]
        );
    }

    #[test]
    fn long_texts_shrink_and_numbers_do_not() {
        let widths = fit_columns(&columns(&[(10, false), (200, true), (12, true)]), 60);
        assert_eq!(widths[0], Some(10));
        assert_eq!(widths[2], Some(12));
        assert_eq!(widths.iter().flatten().sum::<usize>() + 3 * 3 + 1, 60);
    }

    #[test]
    fn columns_in_the_middle_are_hidden() {
        let widths = fit_columns(&columns(&[(20, true); 30]), 80);
        assert!(widths[0].is_some() && widths[29].is_some());
        assert!(widths.iter().any(Option::is_none));
    }
}
