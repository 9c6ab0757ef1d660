//! How wide the columns of a table are, and which find no room.

/// A column is not cut below this.
pub const LEAST: usize = 8;

/// What a column wants.
pub struct Column {
    /// The widest cell, header included.
    pub wanted: usize,
    /// Whether it may be cut.
    pub flexible: bool,
}

/// The widths of the columns that are shown; `None` for those left out.
///
/// Where the table is wider than `available`, the widest texts give way first,
/// all to the same width; where even that is too wide, columns in the middle
/// are left out, since the first say what a row is and the last are often what
/// was asked for.
pub fn widths(columns: &[Column], available: usize) -> Vec<Option<usize>> {
    let mut shown: Vec<bool> = vec![true; columns.len()];
    loop {
        let visible = shown.iter().filter(|shown| **shown).count();
        let hidden = visible < columns.len();
        // Each column has a border and two spaces; the mark for hidden ones is a column too.
        let frame = 3 * (visible + usize::from(hidden)) + 1 + usize::from(hidden);
        let room = available.saturating_sub(frame);
        if let Some(widths) = fit(columns, &shown, room) {
            return widths;
        }
        if visible <= 1 {
            return columns
                .iter()
                .zip(&shown)
                .map(|(c, shown)| shown.then(|| c.wanted.min(room.max(1))))
                .collect();
        }
        let visible: Vec<usize> = (0..columns.len()).filter(|&c| shown[c]).collect();
        shown[visible[visible.len() / 2]] = false;
    }
}

/// The widths of the shown columns within `room`, if that can be.
fn fit(columns: &[Column], shown: &[bool], room: usize) -> Option<Vec<Option<usize>>> {
    let at = |limit: usize| {
        let width = move |c: &Column| {
            if c.flexible {
                c.wanted.min(limit)
            } else {
                c.wanted
            }
        };
        columns
            .iter()
            .zip(shown)
            .map(move |(c, shown)| shown.then(|| width(c)))
    };
    let total = |limit: usize| at(limit).flatten().sum::<usize>();
    let widest = columns.iter().map(|c| c.wanted).max().unwrap_or(0);
    if total(widest) <= room {
        return Some(at(widest).collect());
    }
    if total(LEAST) > room {
        return None;
    }
    // The largest limit that fits; `total` grows with it.
    let (mut fits, mut over) = (LEAST, widest);
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

    fn columns(wanted: &[(usize, bool)]) -> Vec<Column> {
        wanted
            .iter()
            .map(|&(wanted, flexible)| Column { wanted, flexible })
            .collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(
            widths(&columns(&[(5, true), (9, false)]), 80),
            [Some(5), Some(9)]
        );
    }

    #[test]
    fn long_texts_give_way_to_numbers() {
        let widths = widths(&columns(&[(10, false), (200, true), (12, true)]), 60);
        assert_eq!(widths[0], Some(10));
        assert_eq!(widths[2], Some(12));
        assert_eq!(widths.iter().flatten().sum::<usize>() + 3 * 3 + 1, 60);
    }

    #[test]
    fn columns_in_the_middle_are_left_out() {
        let widths = widths(&columns(&[(20, true); 30]), 80);
        assert!(widths[0].is_some() && widths[29].is_some());
        assert!(widths.iter().any(Option::is_none));
    }
}
