//! Why a call is refused that no limit denies.

use std::fmt;

use crate::outcome::TooManyLimiters;

/// Why a call is refused that no limit denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It would put too many limiters in use at one key.
    TooManyLimiters,
    /// Its id is known, but names a call of other clauses.
    AnotherCall,
    /// There may be no receipts, so a charge cannot have an id.
    NoReceipts,
}

impl From<TooManyLimiters> for Refused {
    fn from(_: TooManyLimiters) -> Self {
        Self::TooManyLimiters
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyLimiters => TooManyLimiters.fmt(f),
            Self::AnotherCall => f.write_str("the id names another call"),
            Self::NoReceipts => {
                f.write_str("a charge cannot have an id where no receipts are kept")
            }
        }
    }
}

impl std::error::Error for Refused {}
