//! The input of a backend.

/// Token ids of several texts, padded on the right to the longest.
#[derive(Debug, Default)]
pub struct TokenBatch {
    pub rows: usize,
    /// Tokens in each row, padding included.
    pub width: usize,
    /// `rows * width` ids, row by row.
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding; same shape as `ids`.
    pub mask: Vec<i64>,
}

impl TokenBatch {
    /// Pads `rows` with `pad` to the length of the longest.
    pub fn new(rows: &[&[u32]], pad: i64) -> Self {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut batch = Self {
            rows: rows.len(),
            width,
            ids: vec![pad; rows.len() * width],
            mask: vec![0; rows.len() * width],
        };
        for (row, tokens) in rows.iter().enumerate() {
            for (column, &token) in tokens.iter().enumerate() {
                batch.ids[row * width + column] = i64::from(token);
                batch.mask[row * width + column] = 1;
            }
        }
        batch
    }
}
