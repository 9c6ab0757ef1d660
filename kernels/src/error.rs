use std::fmt;

/// Error of [`Int8Encoder`](crate::Int8Encoder): invalid weights or invalid input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncoderError {
    /// The shape cannot be encoded, for example a hidden size that the number of heads does not divide.
    InvalidShape(&'static str),
    /// A weight array has the wrong length.
    WrongLength {
        array: &'static str,
        expected: usize,
        found: usize,
    },
    /// A weight array holds NaN or infinity.
    NotFinite { array: &'static str },
    /// An embedding table holds a value outside the range of a 16-bit float.
    OutOfHalfRange { array: &'static str },
    /// A token id is not in the vocabulary.
    UnknownToken {
        text: usize,
        id: u32,
        vocabulary: usize,
    },
    /// A text has more tokens than the position table has rows.
    TextTooLong {
        text: usize,
        tokens: usize,
        max_tokens: usize,
    },
}

impl fmt::Display for EncoderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidShape(reason) => write!(f, "invalid encoder shape: {reason}"),
            Self::WrongLength {
                array,
                expected,
                found,
            } => {
                write!(f, "{array}: expected {expected} values, found {found}")
            }
            Self::NotFinite { array } => write!(f, "{array}: holds NaN or infinity"),
            Self::OutOfHalfRange { array } => {
                write!(
                    f,
                    "{array}: holds a value outside the range of a 16-bit float"
                )
            }
            Self::UnknownToken {
                text,
                id,
                vocabulary,
            } => {
                write!(
                    f,
                    "text {text}: token id {id} is outside the vocabulary of {vocabulary} tokens"
                )
            }
            Self::TextTooLong {
                text,
                tokens,
                max_tokens,
            } => {
                write!(
                    f,
                    "text {text}: {tokens} tokens exceed the limit of {max_tokens}; truncate the text"
                )
            }
        }
    }
}

impl std::error::Error for EncoderError {}
