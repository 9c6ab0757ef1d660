//! Tables of the cache file: reads, writes and evicts vectors.
//!
//! - `models` maps each fingerprint to a small number;
//! - `entries` maps (model, key) to the id of a vector. Keys are hashes, so access
//!   is random; the rows are small for that reason;
//! - `vectors` is append-only, and evicted from its old end: vectors of one batch
//!   are contiguous, and whole pages become free;
//! - `used` has the ids of vectors that were read since they were written.
//!
//! Eviction is second chance, an approximation of LRU: a used vector moves to the
//! new end once, as an unused one; others are deleted. Repeated reads of a vector
//! write nothing.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result, Statement, params};

use super::format::PAGE_BYTES;
use super::key::{Fingerprint, Key};
use super::storable::is_storable;

/// Bytes of the checksum that follows the numbers of a vector.
const CHECKSUM_BYTES: usize = 4;

/// Bytes written between two checks of the file size.
const SIZE_CHECK_BYTES: usize = 64 << 10;

/// Maximum candidates for eviction in one transaction, besides two for each vector
/// written. A lower limit is thus reached over several transactions, none of which
/// blocks other processes for long.
const MAX_EVICTION_CANDIDATES: usize = 16_384;

/// Reads the vectors of `keys`, `dims` numbers each, and calls `found` with each
/// and its position in `keys`, in undefined order. Appends to `used` the ids that
/// the table `used` lacks.
///
/// Skips a vector of another length, with a number that is not finite, or with a
/// wrong checksum. Returns whether the file is damaged.
pub(super) fn read(
    connection: &Connection,
    model: &Fingerprint,
    keys: &[Key],
    dims: usize,
    used: &mut Vec<i64>,
    found: &mut impl FnMut(usize, &[f32]),
) -> Result<bool> {
    // One transaction, so that no vector is evicted between the two look-ups.
    let transaction = connection.unchecked_transaction()?;
    let Some(number) = model_number(&transaction, model)? else {
        return Ok(false);
    };

    // In the order of keys and then of ids, to read a large file sequentially.
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_unstable_by_key(|&position| keys[position]);
    let mut ids = Vec::with_capacity(keys.len());
    let mut find = find_entry(&transaction)?;
    for position in order {
        if let Some(id) = entry(&mut find, number, &keys[position])? {
            ids.push((id, position));
        }
    }
    ids.sort_unstable();

    let mut load = transaction.prepare(
        "SELECT data, EXISTS (SELECT 1 FROM used WHERE used.id = vectors.id) FROM vectors
         WHERE id = ?1",
    )?;
    let mut vector = vec![0.0; dims];
    let mut damaged = false;
    for (id, position) in ids {
        let mut rows = load.query([id])?;
        let row = rows.next()?;
        let data = match &row {
            Some(row) => row.get_ref(0)?,
            None => ValueRef::Null,
        };
        match data {
            ValueRef::Blob(data) if decode(model, &keys[position], data, &mut vector) => {
                found(position, &vector);
                if let Some(row) = row
                    && row.get_ref(1)? == ValueRef::Integer(0)
                {
                    used.push(id);
                }
            }
            ValueRef::Blob(data) if data.len() != size_of_val(&vector[..]) + CHECKSUM_BYTES => {}
            _ => damaged = true,
        }
    }
    Ok(damaged)
}

/// Writes vectors of `dims` numbers, replacing existing ones, and keeps the pages
/// in use within `limit` bytes, to about a page. Requires a transaction. Returns
/// how many were written; vectors that are not [storable](is_storable) are skipped.
pub(super) fn write<'a>(
    connection: &Connection,
    model: &Fingerprint,
    dims: usize,
    vectors: impl Iterator<Item = (Key, &'a [f32])>,
    limit: u64,
) -> Result<usize> {
    let number = match model_number(connection, model)? {
        Some(number) => number,
        None => connection.query_row(
            "INSERT INTO models (fingerprint) VALUES (?1) RETURNING id",
            [model.bytes()],
            |row| row.get(0),
        )?,
    };
    let mut find = find_entry(connection)?;
    let mut update = connection
        .prepare("UPDATE vectors SET data = ?4 WHERE id = ?1 AND model = ?2 AND key = ?3")?;
    let mut insert =
        connection.prepare("INSERT INTO vectors (model, key, data) VALUES (?1, ?2, ?3)")?;
    let mut insert_entry =
        connection.prepare("REPLACE INTO entries (model, key, vector) VALUES (?1, ?2, ?3)")?;
    let mut size = FileSize::of(connection)?;
    let mut evictor = Evictor::new(connection)?;

    let mut data = Vec::with_capacity(dims * size_of::<f32>() + CHECKSUM_BYTES);
    let mut written = 0;
    // Checks the size before the first vector: the limit may have been lowered.
    let mut unchecked = SIZE_CHECK_BYTES;
    for (key, vector) in vectors {
        if !is_storable(vector, dims) {
            continue;
        }
        if unchecked >= SIZE_CHECK_BYTES {
            unchecked = 0;
            if size.pages_in_use()? * PAGE_BYTES + SIZE_CHECK_BYTES as u64 > limit {
                evictor.shrink(&mut size, limit)?;
            }
        }
        encode(model, &key, vector, &mut data);
        unchecked += data.len();
        let replaced = match entry(&mut find, number, &key)? {
            Some(id) => update.execute(params![id, number, key.bytes(), data])? > 0,
            None => false,
        };
        if !replaced {
            insert.execute(params![number, key.bytes(), data])?;
            insert_entry.execute(params![number, key.bytes(), connection.last_insert_rowid()])?;
            evictor.budget += 2;
        }
        written += 1;
    }
    Ok(written)
}

/// Records that these vectors were used.
pub(super) fn mark_used(connection: &Connection, used: &mut [i64]) -> Result<()> {
    used.sort_unstable();
    let mut mark =
        connection.prepare("INSERT OR IGNORE INTO used SELECT id FROM vectors WHERE id = ?1")?;
    for id in used {
        mark.execute([*id])?;
    }
    Ok(())
}

/// Returns free pages of a file over `limit` bytes to the file system, some pages
/// at a time.
pub(super) fn trim(connection: &Connection, limit: u64) -> Result<()> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let over = pages.saturating_sub((limit / PAGE_BYTES) as i64);
    if over > 0 {
        // The pragma frees one page with each step.
        let pragma = format!("PRAGMA incremental_vacuum({})", over.min(256));
        let mut statement = connection.prepare(&pragma)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}

/// Removes all vectors without shrinking the file. Returns their number.
pub(super) fn clear(connection: &Connection) -> Result<u64> {
    let removed = count(connection, "entries")?;
    connection.execute_batch(
        "DELETE FROM entries; DELETE FROM vectors; DELETE FROM used; DELETE FROM models",
    )?;
    Ok(removed)
}

/// Number of vectors, and of the models that they are from.
pub(super) fn totals(connection: &Connection) -> Result<(u64, u64)> {
    let models = count(
        connection,
        "models WHERE EXISTS (SELECT 1 FROM entries WHERE entries.model = models.id)",
    )?;
    Ok((count(connection, "entries")?, models))
}

fn count(connection: &Connection, from: &str) -> Result<u64> {
    let count: i64 = connection.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| {
        row.get(0)
    })?;
    Ok(count.unsigned_abs())
}

fn model_number(connection: &Connection, model: &Fingerprint) -> Result<Option<i64>> {
    connection
        .query_row(
            "SELECT id FROM models WHERE fingerprint = ?1",
            [model.bytes()],
            |row| row.get(0),
        )
        .optional()
}

fn find_entry(connection: &Connection) -> Result<Statement<'_>> {
    connection.prepare("SELECT vector FROM entries WHERE model = ?1 AND key = ?2")
}

fn entry(find: &mut Statement<'_>, model: i64, key: &Key) -> Result<Option<i64>> {
    find.query_row(params![model, key.bytes()], |row| row.get(0))
        .optional()
}

/// Queries for the file size, as the transaction sees it.
struct FileSize<'c> {
    pages: Statement<'c>,
    free: Statement<'c>,
}

impl<'c> FileSize<'c> {
    fn of(connection: &'c Connection) -> Result<FileSize<'c>> {
        Ok(FileSize {
            pages: connection.prepare("PRAGMA page_count")?,
            free: connection.prepare("PRAGMA freelist_count")?,
        })
    }

    fn pages_in_use(&mut self) -> Result<u64> {
        let pages: i64 = self.pages.query_row([], |row| row.get(0))?;
        let free: i64 = self.free.query_row([], |row| row.get(0))?;
        Ok((pages - free).unsigned_abs())
    }
}

/// Statements of the eviction from the old end of `vectors`.
struct Evictor<'c> {
    oldest: Statement<'c>,
    drop_vector: Statement<'c>,
    drop_use: Statement<'c>,
    drop_entry: Statement<'c>,
    renumber: Statement<'c>,
    redirect: Statement<'c>,
    /// Remaining candidates for eviction in this transaction.
    budget: usize,
}

impl<'c> Evictor<'c> {
    fn new(connection: &'c Connection) -> Result<Evictor<'c>> {
        Ok(Evictor {
            oldest: connection.prepare(
                "SELECT id, model, key, EXISTS (SELECT 1 FROM used WHERE used.id = vectors.id)
                 FROM vectors ORDER BY id LIMIT 64",
            )?,
            drop_vector: connection.prepare("DELETE FROM vectors WHERE id = ?1")?,
            drop_use: connection.prepare("DELETE FROM used WHERE id = ?1")?,
            drop_entry: connection
                .prepare("DELETE FROM entries WHERE model = ?1 AND key = ?2 AND vector = ?3")?,
            renumber: connection.prepare(
                "UPDATE vectors SET id = (SELECT max(id) + 1 FROM vectors) WHERE id = ?1
                 RETURNING id",
            )?,
            redirect: connection.prepare(
                "UPDATE entries SET vector = ?4 WHERE model = ?1 AND key = ?2 AND vector = ?3",
            )?,
            budget: MAX_EVICTION_CANDIDATES,
        })
    }

    /// Frees a fiftieth of `limit`, so that eviction is not needed for every page.
    fn shrink(&mut self, size: &mut FileSize<'_>, limit: u64) -> Result<()> {
        let target = limit - (limit / 50).max(2 * SIZE_CHECK_BYTES as u64).min(limit);
        // If nearly all vectors are used, some are evicted nevertheless. Otherwise all
        // of them would move, and the newest, still unused ones become the oldest.
        let mut second_chances = 64;
        while size.pages_in_use()? * PAGE_BYTES > target && self.budget > 0 {
            let oldest = self
                .oldest
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                })?
                .collect::<Result<Vec<(i64, i64, Vec<u8>, bool)>>>()?;
            if oldest.is_empty() {
                break;
            }
            for (id, model, key, used) in oldest {
                self.drop_use.execute([id])?;
                if used && second_chances > 0 {
                    second_chances -= 1;
                    let moved: i64 = self.renumber.query_row([id], |row| row.get(0))?;
                    self.redirect.execute(params![model, key, id, moved])?;
                } else {
                    self.drop_vector.execute([id])?;
                    self.drop_entry.execute(params![model, key, id])?;
                    second_chances += 4;
                }
                self.budget = self.budget.saturating_sub(1);
            }
        }
        Ok(())
    }
}

/// Encodes the numbers, little-endian, and a checksum over them, the model and the
/// key. The checksum detects flipped bits as well as a vector under a wrong key.
fn encode(model: &Fingerprint, key: &Key, vector: &[f32], data: &mut Vec<u8>) {
    data.clear();
    data.resize(size_of_val(vector), 0);
    for (bytes, number) in data.chunks_exact_mut(size_of::<f32>()).zip(vector) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    let checksum = checksum(model, key, data);
    data.extend_from_slice(&checksum);
}

/// Decodes the output of [`encode`] into `vector`. Returns whether length, checksum
/// and numbers are valid.
fn decode(model: &Fingerprint, key: &Key, data: &[u8], vector: &mut [f32]) -> bool {
    let Some((numbers, check)) = data.split_at_checked(size_of_val(vector)) else {
        return false;
    };
    if check != checksum(model, key, numbers) {
        return false;
    }
    for (number, bytes) in vector
        .iter_mut()
        .zip(numbers.chunks_exact(size_of::<f32>()))
    {
        if let Ok(bytes) = bytes.try_into() {
            *number = f32::from_le_bytes(bytes);
        }
    }
    is_storable(vector, vector.len())
}

fn checksum(model: &Fingerprint, key: &Key, numbers: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(model.bytes());
    hasher.update(key.bytes());
    hasher.update(numbers);
    let hash = hasher.finalize();
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flipped_bits_wrong_keys_and_other_lengths_are_rejected() {
        let (model, other) = (Fingerprint::of(&[b"a"]), Fingerprint::of(&[b"b"]));
        let (key, wrong) = (Key::of("x"), Key::of("y"));
        let vector = [1.5, -0.0, f32::MIN_POSITIVE, 3e38];
        let mut data = Vec::new();
        encode(&model, &key, &vector, &mut data);
        assert_eq!(data.len(), 4 * 4 + CHECKSUM_BYTES);

        let mut back = [9.0; 4];
        assert!(decode(&model, &key, &data, &mut back));
        assert_eq!(back.map(f32::to_bits), vector.map(f32::to_bits));

        assert!(!decode(&other, &key, &data, &mut back));
        assert!(!decode(&model, &wrong, &data, &mut back));
        assert!(!decode(&model, &key, &data, &mut [0.0; 3]));
        assert!(!decode(&model, &key, &data, &mut [0.0; 5]));
        assert!(!decode(&model, &key, &[], &mut back));
        for bit in 0..data.len() * 8 {
            data[bit / 8] ^= 1 << (bit % 8);
            assert!(!decode(&model, &key, &data, &mut back), "bit {bit}");
            data[bit / 8] ^= 1 << (bit % 8);
        }

        encode(&model, &key, &[f32::NAN; 4], &mut data);
        assert!(!decode(&model, &key, &data, &mut back));
    }
}
