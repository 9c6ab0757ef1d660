//! Word vectors from the texts that contain the words.

mod alias_table;
mod corpus;
mod sigmoid;
mod skip_gram;

pub use corpus::{Corpus, WordVocabulary};
pub use skip_gram::{Word2VecOptions, word2vec};
