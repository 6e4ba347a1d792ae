//! The limits of one subject, and the names that clients see them under.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use crate::config_error::ConfigError;
use crate::limit::{Algorithm, Limit};
use crate::{name, parse};

const MOST: usize = 16;

/// 1 to 16 limits that are decided together, all or nothing, in one command.
///
/// Made once, when the program starts; a clone is cheap. A string that is no limit is an error then.
///
/// ```
/// use redis_rl::Limits;
///
/// let plain: Limits = "5/minute; 100/hour".parse()?;
/// let login = Limits::named("login", "5/minute")?;
/// assert_eq!(plain.policies().map(|(name, _)| name).collect::<Vec<_>>(), ["5-per-60s", "100-per-3600s"]);
/// assert_eq!(login.name(), Some("login"));
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: Option<String>,
    policies: Vec<(Arc<str>, Limit)>,
    clauses: Vec<String>,
}

impl Limits {
    /// Limits under a name (`[A-Za-z0-9._/-]{1,64}`), which is their scope and begins their policies' names.
    ///
    /// # Errors
    /// When the name or a limit is none.
    pub fn named(name: &str, limits: &str) -> Result<Self, ConfigError> {
        Self::new(Some(name), parse::limits(limits)?)
    }

    /// Limits that were made of numbers.
    ///
    /// # Errors
    /// When there are none or more than 16, two of the same algorithm and period, or a wrong name.
    pub fn new(
        name: Option<&str>,
        limits: impl IntoIterator<Item = Limit>,
    ) -> Result<Self, ConfigError> {
        let limits: Vec<Limit> = limits.into_iter().collect();
        if !(1..=MOST).contains(&limits.len()) {
            let count = limits.len();
            return Err(ConfigError::new(format!("{count} limits; there may be 1 to {MOST}")));
        }
        let mut seen = HashSet::new();
        for limit in &limits {
            let (algorithm, period) = (limit.algorithm(), limit.period());
            if !seen.insert((algorithm, period.duration())) {
                let word = algorithm.word();
                return Err(ConfigError::new(format!(
                    "two `{word}` limits of the same period, {period}; they must differ"
                )));
            }
        }
        let names = limits.iter().map(|limit| policy(name, limit, &limits));
        let names = names.map(name::checked).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::made(name, names.into_iter().map(Arc::from).zip(limits).collect()))
    }

    fn made(name: Option<&str>, policies: Vec<(Arc<str>, Limit)>) -> Self {
        let clauses = policies.iter().flat_map(|(_, limit)| limit.clause()).collect();
        Self(Arc::new(Inner { name: name.map(str::to_owned), policies, clauses }))
    }

    /// The name that was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Each limit with its policy's name, in order.
    pub fn policies(&self) -> impl ExactSizeIterator<Item = (&str, &Limit)> {
        self.0.policies.iter().map(|(name, limit)| (&**name, limit))
    }

    /// The same, with names to keep.
    pub(crate) fn shared(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Limit)> {
        self.0.policies.iter().map(|(name, limit)| (name, limit))
    }

    /// Their words in RL.LIMIT.
    pub(crate) fn clauses(&self) -> &[String] {
        &self.0.clauses
    }
}

impl FromStr for Limits {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::new(None, parse::limits(text)?)
    }
}

impl From<Limit> for Limits {
    fn from(limit: Limit) -> Self {
        Self::made(None, vec![(Arc::from(policy(None, &limit, &[])), limit)])
    }
}

/// What a limit is called, beside the others of its list.
fn policy(name: Option<&str>, limit: &Limit, all: &[Limit]) -> String {
    let word = limit.algorithm().word();
    let period = limit.period();
    match name {
        Some(name) if all.len() == 1 => name.to_owned(),
        Some(name) => {
            let same = all.iter().filter(|other| other.period() == period).count();
            let period = period.name();
            if same == 1 { format!("{name}-{period}") } else { format!("{name}-{word}-{period}") }
        }
        None => {
            let plain = format!("{}-per-{}s", limit.refill(), period.duration().as_secs());
            if limit.algorithm() == Algorithm::Fixed { plain } else { format!("{word}-{plain}") }
        }
    }
}
