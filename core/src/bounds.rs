//! Every bound of the contract, in one place.

/// Largest limit, capacity, refill, leak, count and cost: 10^12.
pub const MAX_NUMBER: u64 = 1_000_000_000_000;

/// Longest period: 366 days, in milliseconds.
pub const MAX_PERIOD_MS: u64 = 366 * 24 * 60 * 60 * 1000;

/// Latest time that is told apart, in ms since 1970: the year 10889. Later clocks read as this.
pub const MAX_TIME_MS: u64 = (1 << 48) - 1;

/// Largest integer that a reply holds, 2^53 - 1: JavaScript's safe integers.
pub const MAX_ANSWER: u64 = (1 << 53) - 1;

/// A key is never kept longer than this from now: 10^14 ms, about 3,170 years.
pub const MAX_EXPIRY_MS: u64 = 100_000_000_000_000;

/// Limiters in use at one key.
pub const MAX_LIMITERS: usize = 64;

/// Clauses in one call.
pub const MAX_CLAUSES: usize = 16;

/// Largest limit of a LOG that is accepted unless configured otherwise.
pub const DEFAULT_LOG_LIMIT: u64 = 1_000_000;

/// Largest limit of a LOG that its entries can hold, whatever is configured.
pub const MAX_LOG_LIMIT: u64 = 10_000_000;

/// Longest id of a charge, in bytes.
pub const MAX_ID: usize = 64;

/// How long a charge is remembered by its id unless the call says otherwise, in ms.
pub const DEFAULT_KEEP_MS: u64 = 60_000;

/// The longest time that a charge is remembered by its id: a day, in ms.
pub const MAX_KEEP_MS: u64 = 24 * 60 * 60 * 1000;

/// Receipts at one key unless configured otherwise.
pub const DEFAULT_RECEIPTS: u64 = 1_000;

/// Receipts at one key, whatever is configured.
pub const MAX_RECEIPTS: u64 = 100_000;

/// Largest number of places at one key that is accepted unless configured otherwise.
pub const DEFAULT_LEASE_LIMIT: u64 = 10_000;

/// Largest number of places at one key, whatever is configured.
pub const MAX_LEASE_LIMIT: u64 = 65_536;

/// Most refusals that a ban may wait for; it waits for one at least.
pub const MAX_REFUSALS: u64 = 1_000_000;

/// Whether a period may be so long.
#[inline]
#[must_use]
pub fn is_period(ms: u64) -> bool {
    (1..=MAX_PERIOD_MS).contains(&ms)
}

/// Whether a limit, capacity, refill or leak that let something pass may be so large.
#[inline]
#[must_use]
pub fn is_number(value: u64) -> bool {
    (1..=MAX_NUMBER).contains(&value)
}
