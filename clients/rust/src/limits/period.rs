//! Periods of limits.

use std::fmt;
use std::time::Duration;

use crate::config_error::ConfigError;

const LONGEST: Duration = Duration::from_secs(366 * 86_400);

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

    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Second => 's',
            Self::Minute => 'm',
            Self::Hour => 'h',
            Self::Day => 'd',
            Self::Week => 'w',
        }
    }

    pub(crate) const fn seconds(self) -> u64 {
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
        let fits = count.checked_mul(unit.seconds()).is_some_and(|s| s <= LONGEST.as_secs());
        if count == 0 || !fits {
            let name = unit.name();
            return Err(ConfigError::new(format!(
                "period must be 1 second to 366 days, not {count} {name}s"
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
        counted(self.count, self.unit.name())
    }
}

/// A count and a unit, of which one needs no count.
pub(crate) fn counted(count: u64, unit: &str) -> String {
    if count == 1 { unit.to_owned() } else { format!("{count}{unit}") }
}

impl fmt::Display for Period {
    /// As it is sent: `10m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.letter())
    }
}
