//! What is in the cache file: reading, writing and evicting vectors.
//!
//! - `models` gives each fingerprint a small number;
//! - `entries` leads from (model, key) to the number of a vector. Keys are hashes,
//!   so its pages are touched at random; its rows are small on purpose;
//! - `vectors` is only ever appended to, and shortened at its old end: what is
//!   written together lies together, and pages become free as a whole;
//! - `used` has the numbers of the vectors that were read since they were written.
//!
//! Eviction goes from the old end. A vector that was used since it was written
//! moves to the new end once, as an unused one; others go ("second chance"). That
//! comes close to least recently used, and reading a vector for the tenth time
//! writes nothing.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result, Statement, params};

use super::format::PAGE_BYTES;
use super::{Fingerprint, Key, storable};

/// Bytes of the checksum that follows the numbers of a vector.
const CHECKSUM: usize = 4;

/// Bytes written between two looks at the size of the file.
const STRIDE: usize = 64 << 10;

/// The most vectors looked at for eviction in one transaction, besides two for
/// each one written: a lower limit is reached over several transactions, so that
/// none of them keeps other processes waiting for long.
const PATIENCE: usize = 16_384;

/// Reads the vectors of `keys`, `dims` numbers each, and hands each one found to
/// `found` with its position in `keys`; in what order is not said. Appends to
/// `used` the vectors whose use is not yet on record.
///
/// A vector of another length, with a number that is not finite, or whose checksum
/// does not fit, is not there. Returns whether the file proved to be damaged.
pub(super) fn read(
    connection: &Connection,
    model: &Fingerprint,
    keys: &[Key],
    dims: usize,
    used: &mut Vec<i64>,
    found: &mut impl FnMut(usize, &[f32]),
) -> Result<bool> {
    // One transaction, or a vector might be evicted between the two look-ups.
    let transaction = connection.unchecked_transaction()?;
    let Some(number) = model_number(&transaction, model)? else {
        return Ok(false);
    };

    // By key and then by place, so that a large file is read from front to back.
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_unstable_by_key(|&position| keys[position]);
    let mut places = Vec::with_capacity(keys.len());
    let mut find = find_entry(&transaction)?;
    for position in order {
        if let Some(id) = entry(&mut find, number, &keys[position])? {
            places.push((id, position));
        }
    }
    places.sort_unstable();

    let mut load = transaction.prepare(
        "SELECT data, EXISTS (SELECT 1 FROM used WHERE used.id = vectors.id) FROM vectors
         WHERE id = ?1",
    )?;
    let mut vector = vec![0.0; dims];
    let mut damaged = false;
    for (id, position) in places {
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
            ValueRef::Blob(data) if data.len() != size_of_val(&vector[..]) + CHECKSUM => {}
            _ => damaged = true,
        }
    }
    Ok(damaged)
}

/// Writes vectors of `dims` numbers, replacing those already there, and keeps the
/// pages in use within `limit` bytes, to about a page. To be called in a
/// transaction. Returns how many were written; those that are no vectors (see
/// [`storable`]) are not.
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
    let mut name =
        connection.prepare("REPLACE INTO entries (model, key, vector) VALUES (?1, ?2, ?3)")?;
    let mut size = Size::of(connection)?;
    let mut evictor = Evictor::new(connection)?;

    let mut data = Vec::with_capacity(dims * size_of::<f32>() + CHECKSUM);
    let mut written = 0;
    // Look at the size before the first one: the limit may have been lowered.
    let mut unseen = STRIDE;
    for (key, vector) in vectors {
        if !storable(vector, dims) {
            continue;
        }
        if unseen >= STRIDE {
            unseen = 0;
            if size.pages_in_use()? * PAGE_BYTES + STRIDE as u64 > limit {
                evictor.shrink(&mut size, limit)?;
            }
        }
        encode(model, &key, vector, &mut data);
        unseen += data.len();
        let replaced = match entry(&mut find, number, &key)? {
            Some(id) => update.execute(params![id, number, key.bytes(), data])? > 0,
            None => false,
        };
        if !replaced {
            insert.execute(params![number, key.bytes(), data])?;
            name.execute(params![number, key.bytes(), connection.last_insert_rowid()])?;
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

/// Hands back to the file system what a file over `limit` bytes has free, some
/// pages at a time.
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

/// Removes everything, and leaves the file as large as it is. Returns how many
/// vectors there were.
pub(super) fn clear(connection: &Connection) -> Result<u64> {
    let removed = count(connection, "entries")?;
    connection.execute_batch(
        "DELETE FROM entries; DELETE FROM vectors; DELETE FROM used; DELETE FROM models",
    )?;
    Ok(removed)
}

/// How many vectors there are, and how many models they are from.
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

/// The size of the file, as the transaction sees it.
struct Size<'c> {
    pages: Statement<'c>,
    free: Statement<'c>,
}

impl<'c> Size<'c> {
    fn of(connection: &'c Connection) -> Result<Size<'c>> {
        Ok(Size {
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

struct Evictor<'c> {
    oldest: Statement<'c>,
    drop_vector: Statement<'c>,
    drop_use: Statement<'c>,
    drop_entry: Statement<'c>,
    renumber: Statement<'c>,
    redirect: Statement<'c>,
    /// How many more vectors may be looked at.
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
            budget: PATIENCE,
        })
    }

    /// Makes a fiftieth of `limit` free, so that this is not needed for every page.
    fn shrink(&mut self, size: &mut Size<'_>, limit: u64) -> Result<()> {
        let target = limit - (limit / 50).max(2 * STRIDE as u64).min(limit);
        // Where nearly all are in use, some must go all the same, lest all of them
        // move and the newest, which nobody had time to use, become the oldest.
        let mut spare = 64;
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
                if used && spare > 0 {
                    spare -= 1;
                    let moved: i64 = self.renumber.query_row([id], |row| row.get(0))?;
                    self.redirect.execute(params![model, key, id, moved])?;
                } else {
                    self.drop_vector.execute([id])?;
                    self.drop_entry.execute(params![model, key, id])?;
                    spare += 4;
                }
                self.budget = self.budget.saturating_sub(1);
            }
        }
        Ok(())
    }
}

/// The numbers, little-endian, and a checksum over them and their name: a vector
/// that turns up under another name is as wrong as one with a flipped bit.
fn encode(model: &Fingerprint, key: &Key, vector: &[f32], data: &mut Vec<u8>) {
    data.clear();
    data.resize(size_of_val(vector), 0);
    for (bytes, number) in data.chunks_exact_mut(size_of::<f32>()).zip(vector) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    let checksum = checksum(model, key, data);
    data.extend_from_slice(&checksum);
}

/// Whether `data` is what [`encode`] makes of a vector as long as `vector`, and
/// if so, puts it there.
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
    storable(vector, vector.len())
}

fn checksum(model: &Fingerprint, key: &Key, numbers: &[u8]) -> [u8; CHECKSUM] {
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
    fn a_flipped_bit_a_wrong_name_or_another_length_is_no_vector() {
        let (model, other) = (Fingerprint::of(&[b"a"]), Fingerprint::of(&[b"b"]));
        let (key, wrong) = (Key::of("x"), Key::of("y"));
        let vector = [1.5, -0.0, f32::MIN_POSITIVE, 3e38];
        let mut data = Vec::new();
        encode(&model, &key, &vector, &mut data);
        assert_eq!(data.len(), 4 * 4 + CHECKSUM);

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
