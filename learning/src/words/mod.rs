//! Words of a text, their hashes, stop words and word frequencies.

mod hash;
mod split;
mod stop_words;
mod word_frequency;

pub use hash::{IdentityBuildHasher, IdentityHasher, combine_hashes, hash_word};
pub use split::each_word;
pub use stop_words::is_stop_word;
pub use word_frequency::word_frequency;
