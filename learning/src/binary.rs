//! Numbers in the bytes of model files, in little-endian order.

/// Removes the first `count` bytes; `None` if there are fewer.
pub fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

/// Removes the first `count` numbers; `None` if there are fewer bytes.
pub fn take_numbers<T, const N: usize>(
    bytes: &mut &[u8],
    count: usize,
    read: fn([u8; N]) -> T,
) -> Option<Vec<T>> {
    let taken = take(bytes, count.checked_mul(N)?)?;
    Some(
        taken
            .as_chunks::<N>()
            .0
            .iter()
            .map(|chunk| read(*chunk))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_whole_or_not_at_all() {
        let mut bytes: &[u8] = &[1, 0, 2, 0, 3];
        assert_eq!(
            take_numbers(&mut bytes, 2, u16::from_le_bytes),
            Some(vec![1, 2])
        );
        assert_eq!(take_numbers(&mut bytes, 1, u16::from_le_bytes), None);
        assert_eq!(
            take_numbers(&mut bytes, usize::MAX, u16::from_le_bytes),
            None
        );
        assert_eq!(take(&mut bytes, 1), Some([3].as_slice()));
    }
}
