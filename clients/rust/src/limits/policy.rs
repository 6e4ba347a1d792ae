//! Policies: limits that the server keeps under a name.

use std::sync::Arc;
use std::time::Duration;

use super::limit::{self, Algorithm};
use super::{name, period};
use crate::config_error::ConfigError;

const LONGEST_NAME: usize = 64;

/// The name of a policy that the server keeps (RL.POLICY SET). As a limit it stands for the
/// policy's clauses, whatever they are at the time of the request.
///
/// ```
/// use redis_rl::{LimitSet, Policy};
///
/// let read: LimitSet = "policy api".parse()?;
/// assert_eq!(read, LimitSet::new(None, [Policy::new("api")?])?);
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy(Arc<str>);

impl Policy {
    /// The policy of this name, `[A-Za-z0-9._:/@-]{1,64}`.
    ///
    /// # Errors
    /// When no policy can have it.
    pub fn new(name: &str) -> Result<Self, ConfigError> {
        let known = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
        if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(known) {
            return Ok(Self(Arc::from(name)));
        }
        Err(ConfigError::new(format!(
            "a policy's name must be 1 to {LONGEST_NAME} characters of A-Z a-z 0-9 . _ : / @ -, \
             not '{name}'"
        )))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Its name as headers have it, which allow neither `:` nor `@`.
    pub(crate) fn shown(&self) -> String {
        self.0.replace([':', '@'], "_")
    }
}

/// One clause of a policy, as RL.POLICY GET shows it: `TOKEN 20 10 1s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyClause {
    pub(crate) algorithm: Algorithm,
    pub(crate) limit: u64,
    pub(crate) window: Duration,
    pub(crate) period: Duration,
    period_name: String,
}

impl PolicyClause {
    /// Nothing where it is no clause of this version.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let algorithm = Algorithm::of_word(&words.next()?.to_ascii_lowercase())?;
        let limit = words.next()?.parse().ok()?;
        let refill = if algorithm.is_bucket() { words.next()?.parse().ok()? } else { limit };
        let period = words.next()?;
        let digits = period.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = period.split_at_checked(digits)?;
        let count: u64 = count.parse().ok()?;
        let (ms, unit) = match unit {
            "ms" => (1, "millisecond"),
            "s" => (1_000, "second"),
            "m" => (60_000, "minute"),
            "h" => (3_600_000, "hour"),
            "d" => (86_400_000, "day"),
            "w" => (604_800_000, "week"),
            _ => return None,
        };
        let period = Duration::from_millis(count.checked_mul(ms)?);
        words.next().is_none().then(|| Self {
            algorithm,
            limit,
            window: limit::window(algorithm, limit, refill, period),
            period,
            period_name: period::counted(count, unit),
        })
    }
}

/// What the clauses of a policy are called in headers.
pub(crate) fn names(policy: &Policy, clauses: &[PolicyClause]) -> Vec<Arc<str>> {
    let shown = policy.shown();
    if clauses.len() == 1 {
        return vec![Arc::from(shown)];
    }
    let name = |clause: &PolicyClause| {
        let period = &clause.period_name;
        let same = clauses.iter().filter(|other| other.period_name == *period).count();
        Arc::from(name::among(&shown, clause.algorithm, period, same > 1))
    };
    clauses.iter().map(name).collect()
}
