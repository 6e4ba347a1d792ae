//! Bans: who does not wait as told is shut out.

use super::period::Period;
use crate::config_error::ConfigError;

const MOST: u64 = 1_000_000;

/// After so many refusals that came too early, within a period, all is refused for a while. Whoever
/// waits as told is never banned. It stands beside a limit or a policy:
///
/// ```
/// use redis_rl::{Ban, Clause, Limit, LimitSet, Period, Unit};
///
/// let read: LimitSet = "100/minute; ban 15m after 20/minute up to 1d".parse()?;
/// let ban = Ban::new(Period::new(15, Unit::Minute)?, 20, Period::MINUTE)?.up_to(Period::DAY)?;
/// let limit = Limit::fixed(100, Period::MINUTE)?;
/// assert_eq!(read, LimitSet::new(None, [Clause::Limit(limit), Clause::Ban(ban)])?);
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ban {
    time: Period,
    refusals: u64,
    period: Period,
    most: Option<Period>,
}

impl Ban {
    /// A ban of this time after so many refusals (1 to 1,000,000) within a period.
    ///
    /// # Errors
    /// When the refusals are out of range.
    pub fn new(time: Period, refusals: u64, period: Period) -> Result<Self, ConfigError> {
        if !(1..=MOST).contains(&refusals) {
            return Err(ConfigError::new(format!(
                "the refusals of a ban must be an integer from 1 to {MOST}, not {refusals}"
            )));
        }
        Ok(Self { time, refusals, period, most: None })
    }

    /// Let each ban that begins soon after the last be twice as long, up to this. Unless set, all
    /// are of one length.
    ///
    /// # Errors
    /// When it is less than the time of the ban.
    pub fn up_to(mut self, most: Period) -> Result<Self, ConfigError> {
        if most.duration() < self.time.duration() {
            let time = self.time;
            return Err(ConfigError::new(format!(
                "a ban must be up to at least its own time, {time}, not {most}"
            )));
        }
        self.most = Some(most);
        Ok(self)
    }

    /// How long the first ban is.
    #[must_use]
    pub const fn time(&self) -> Period {
        self.time
    }

    /// How many refusals begin a ban.
    #[must_use]
    pub const fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Within which time they count.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// How long a ban is at most, if that was said.
    #[must_use]
    pub const fn most(&self) -> Option<Period> {
        self.most
    }

    /// Its words in RL.LIMIT, such as `BAN 20 1m 15m 1d`.
    #[must_use]
    pub fn clause(&self) -> Vec<String> {
        let mut words = vec!["BAN".to_owned(), self.refusals.to_string()];
        words.extend([self.period, self.time].into_iter().chain(self.most).map(|p| p.to_string()));
        words
    }
}

/// What a ban is called in headers, beside a limit of this name.
pub(super) fn name(of: &str) -> String {
    format!("{of}-ban")
}
