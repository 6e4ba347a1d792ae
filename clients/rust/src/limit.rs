//! One limit: an algorithm, its numbers and its period.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::config_error::ConfigError;
use crate::parse;

/// The largest number that a limit, a capacity, a refill or a cost may be: 10^12.
pub const MAX_NUMBER: u64 = 1_000_000_000_000;

const MAX_LOG_LIMIT: u64 = 1_000_000;
const MAX_PERIOD: Duration = Duration::from_secs(366 * 86_400);

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

    /// The word that the command has.
    const fn clause(self) -> &'static str {
        match self {
            Self::Fixed => "FIXED",
            Self::Sliding => "SLIDING",
            Self::Log => "LOG",
            Self::Token => "TOKEN",
            Self::Leaky => "LEAKY",
        }
    }

    const fn is_bucket(self) -> bool {
        matches!(self, Self::Token | Self::Leaky)
    }
}

/// The unit of a [`Period`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// One second.
    Second,
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
}

impl Unit {
    /// Its name, in the singular.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
            Self::Day => 'd',
            Self::Week => 'w',
        }
    }

    const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
        }
    }
}

/// A whole number of units: 1 second to 366 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    count: u64,
    unit: Unit,
}

impl Period {
    /// One second.
    pub const SECOND: Self = Self { count: 1, unit: Unit::Second };
    /// One minute.
    pub const MINUTE: Self = Self { count: 1, unit: Unit::Minute };
    /// One hour.
    pub const HOUR: Self = Self { count: 1, unit: Unit::Hour };
    /// One day.
    pub const DAY: Self = Self { count: 1, unit: Unit::Day };

    /// `count` units.
    ///
    /// # Errors
    /// When that is nothing, or more than 366 days.
    pub fn new(count: u64, unit: Unit) -> Result<Self, ConfigError> {
        let fits = count.checked_mul(unit.seconds()).is_some_and(|s| s <= MAX_PERIOD.as_secs());
        if count == 0 || !fits {
            let name = unit.name();
            return Err(ConfigError::new(format!(
                "a period of {count} {name}s; it may be 1 second to 366 days"
            )));
        }
        Ok(Self { count, unit })
    }

    /// How long it is.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.count.saturating_mul(self.unit.seconds()))
    }

    /// As a policy's name has it: `minute`, `10minute`.
    pub(crate) fn name(self) -> String {
        let unit = self.unit.name();
        if self.count == 1 { unit.to_owned() } else { format!("{}{unit}", self.count) }
    }
}

impl fmt::Display for Period {
    /// As it is sent: `10m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.letter())
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
        let word = algorithm.word();
        let most = if algorithm == Algorithm::Log { MAX_LOG_LIMIT } else { MAX_NUMBER };
        if limit > most {
            return Err(ConfigError::new(format!("{word} {limit}; it may be 0 to {most}")));
        }
        if algorithm.is_bucket() && !(1..=MAX_NUMBER).contains(&refill) {
            let range = format!("a rate of {refill}; it may be 1 to {MAX_NUMBER}");
            return Err(ConfigError::new(format!("{word} with {range}")));
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

    /// The time in which all of it comes back: the period, or what refilling the whole capacity takes.
    #[must_use]
    pub fn window(&self) -> Duration {
        if !self.algorithm.is_bucket() {
            return self.period.duration();
        }
        let parts = u128::from(self.limit).saturating_mul(self.period.duration().as_millis());
        let ms = parts.div_ceil(u128::from(self.refill.max(1)));
        Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
    }

    /// Its words in RL.LIMIT, such as `TOKEN 20 10 1s`.
    #[must_use]
    pub fn clause(&self) -> Vec<String> {
        let mut words = vec![self.algorithm.clause().to_owned(), self.limit.to_string()];
        if self.algorithm.is_bucket() {
            words.push(self.refill.to_string());
        }
        words.push(self.period.to_string());
        words
    }
}

impl FromStr for Limit {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        parse::limit(text)
    }
}
