//! One limit: an algorithm, its numbers and its period.

use std::time::Duration;

use super::period::Period;
use crate::config_error::ConfigError;

/// The largest number that a limit, a capacity, a refill or a cost may be: 10^12.
pub const MAX_NUMBER: u64 = 1_000_000_000_000;

const MAX_LOG_LIMIT: u64 = 1_000_000;

/// How a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// A window that its first request opens (RL.FIXED).
    Fixed,
    /// A sliding window, estimated from two counters (RL.SLIDING).
    Sliding,
    /// A sliding window that remembers each request: exact (RL.LOG).
    Log,
    /// A token bucket: allows a burst, then a steady rate (RL.TOKEN).
    Token,
    /// A leaky bucket, read as a queue: says how long to hold each request (RL.LEAKY).
    Leaky,
}

impl Algorithm {
    /// The one that is called so, in lower case.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Fixed, Self::Sliding, Self::Log, Self::Token, Self::Leaky]
            .into_iter()
            .find(|algorithm| algorithm.word() == word)
    }

    /// The word that a limit string has, in lower case.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Sliding => "sliding",
            Self::Log => "log",
            Self::Token => "token",
            Self::Leaky => "leaky",
        }
    }

    pub(crate) const fn is_bucket(self) -> bool {
        matches!(self, Self::Token | Self::Leaky)
    }
}

/// One limit, checked when it is made. It is read from a string, or made of numbers:
///
/// ```
/// use redis_rl::{Limit, Period};
///
/// let read: Limit = "token 10/second burst 20".parse()?;
/// assert_eq!(read, Limit::token(20, 10, Period::SECOND)?);
/// assert!("5/minuet".parse::<Limit>().is_err());
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    algorithm: Algorithm,
    limit: u64,
    refill: u64,
    period: Period,
}

impl Limit {
    /// At most `limit` (0 to 10^12) in a window that its first request opens.
    ///
    /// # Errors
    /// When the limit is out of range.
    pub fn fixed(limit: u64, period: Period) -> Result<Self, ConfigError> {
        Self::new(Algorithm::Fixed, limit, limit, period)
    }

    /// About `limit` (0 to 10^12) in any period.
    ///
    /// # Errors
    /// When the limit is out of range.
    pub fn sliding(limit: u64, period: Period) -> Result<Self, ConfigError> {
        Self::new(Algorithm::Sliding, limit, limit, period)
    }

    /// Exactly `limit` (0 to 1,000,000) in any period.
    ///
    /// # Errors
    /// When the limit is out of range.
    pub fn log(limit: u64, period: Period) -> Result<Self, ConfigError> {
        Self::new(Algorithm::Log, limit, limit, period)
    }

    /// A bucket of `capacity` (0 to 10^12) tokens, of which `refill` (1 to 10^12) come each period.
    ///
    /// # Errors
    /// When a number is out of range.
    pub fn token(capacity: u64, refill: u64, period: Period) -> Result<Self, ConfigError> {
        Self::new(Algorithm::Token, capacity, refill, period)
    }

    /// A queue of `capacity` (0 to 10^12) from which `leak` (1 to 10^12) are served each period.
    ///
    /// # Errors
    /// When a number is out of range.
    pub fn leaky(capacity: u64, leak: u64, period: Period) -> Result<Self, ConfigError> {
        Self::new(Algorithm::Leaky, capacity, leak, period)
    }

    pub(crate) fn new(
        algorithm: Algorithm,
        limit: u64,
        refill: u64,
        period: Period,
    ) -> Result<Self, ConfigError> {
        let (most, shown) = match algorithm {
            Algorithm::Log => (MAX_LOG_LIMIT, "1000000"),
            _ => (MAX_NUMBER, "10^12"),
        };
        if limit > most {
            let what = if algorithm.is_bucket() { "burst" } else { "n" };
            return Err(ConfigError::new(format!(
                "{what} must be an integer from 0 to {shown}, not {limit}"
            )));
        }
        if algorithm.is_bucket() && !(1..=MAX_NUMBER).contains(&refill) {
            return Err(ConfigError::new(format!(
                "n must be an integer from 1 to {shown}, not {refill}"
            )));
        }
        Ok(Self { algorithm, limit, refill, period })
    }

    /// How it counts.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The limit, or a bucket's capacity.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// How much comes back each period: the limit itself for a window.
    #[must_use]
    pub const fn refill(&self) -> u64 {
        self.refill
    }

    /// Its period.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The time in which all of it comes back: the period, or what refilling the whole capacity
    /// takes.
    #[must_use]
    pub fn window(&self) -> Duration {
        window(self.algorithm, self.limit, self.refill, self.period.duration())
    }

    /// Its words in RL.LIMIT, such as `TOKEN 20 10 1s`.
    #[must_use]
    pub fn clause(&self) -> Vec<String> {
        let mut words = vec![self.algorithm.word().to_ascii_uppercase(), self.limit.to_string()];
        if self.algorithm.is_bucket() {
            words.push(self.refill.to_string());
        }
        words.push(self.period.to_string());
        words
    }
}

/// The time in which all of a limit comes back.
pub(crate) fn window(algorithm: Algorithm, limit: u64, refill: u64, period: Duration) -> Duration {
    if !algorithm.is_bucket() {
        return period;
    }
    let parts = u128::from(limit).saturating_mul(period.as_millis());
    let ms = parts.div_ceil(u128::from(refill.max(1)));
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}
