//! The keys of the Arrow metadata that name what computed a column.

/// Prefix of the keys.
pub const PREFIX: &str = "semql.";

/// The name of the model, as the catalogue has it.
pub const MODEL: &str = "semql.model";

/// The revision of the model's files.
pub const REVISION: &str = "semql.revision";

/// How the vectors of tokens become one vector. Files of earlier versions lack it.
pub const POOLING: &str = "semql.pooling";

/// The precision of the model's numbers.
pub const PRECISION: &str = "semql.precision";

/// `exact` or `fast`.
pub const MODE: &str = "semql.mode";

/// The taxonomy and its fingerprint.
pub const TAXONOMY: &str = "semql.taxonomy";

/// The call, as in the query.
pub const CALL: &str = "semql.call";
