//! The time of a call.

use crate::bounds::MAX_TIME_MS;

/// One reading of the wall clock, in whole milliseconds since 1970.
///
/// A call has exactly one. Readings before 1970 or after [`MAX_TIME_MS`] are read as the nearest
/// time in between, so that no clock can overflow what is computed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now(u64);

impl Now {
    /// The time `unix_ms` milliseconds after the start of 1970.
    #[inline]
    #[must_use]
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        Self(u64::try_from(unix_ms).unwrap_or(0).min(MAX_TIME_MS))
    }

    /// Milliseconds since the start of 1970, at most [`MAX_TIME_MS`].
    #[inline]
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0
    }
}
