//! What a call asks for.

/// After so many refusals within a period, all is refused for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BanClause {
    /// How many refusals begin a ban: 1 to [`MAX_REFUSALS`](crate::bounds::MAX_REFUSALS).
    pub refusals: u64,
    /// Within how many ms.
    pub period_ms: u64,
    /// How long the first ban lasts, in ms.
    pub ban_ms: u64,
    /// How long a ban lasts at most, and how long after its end the next one is longer: at least
    /// `ban_ms`.
    pub max_ms: u64,
}
