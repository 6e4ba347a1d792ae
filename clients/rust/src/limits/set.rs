//! Limit sets: the limits of one subject, and the names that clients see them under.

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::ban;
use super::clause::{Clause, Counter};
use super::limit::{Algorithm, Limit};
#[cfg(feature = "tower")]
use super::places::Places;
use super::policy::Policy;
use super::{name, parse};
use crate::config_error::ConfigError;

const MOST: usize = 16;
const SHORTEST_KEEP: Duration = Duration::from_secs(60);
const LONGEST_KEEP: Duration = Duration::from_secs(3_600);

/// 1 to 16 limits that are decided together, all or nothing, in one command.
///
/// Made once, when the program starts; a clone is cheap. A string that is no limit is an error
/// then.
///
/// ```
/// use redis_rl::LimitSet;
///
/// let plain: LimitSet = "5/minute; 100/hour".parse()?;
/// let login = LimitSet::named("login", "5/minute")?;
/// let kept: LimitSet = "policy api".parse()?; // what RL.POLICY SET api ... says
/// assert_eq!(login.name(), Some("login"));
/// # Ok::<(), redis_rl::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSet(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    name: Option<String>,
    parts: Vec<(Arc<str>, Clause)>,
    words: Vec<String>,
    keep: Duration,
    #[cfg(feature = "tower")]
    counters: Arc<[Counter]>,
}

impl LimitSet {
    /// A set under a name (`[A-Za-z0-9._/-]{1,64}`), which is its scope and begins its names in
    /// headers.
    ///
    /// # Errors
    /// When the name or a limit is invalid.
    pub fn named(name: &str, limits: &str) -> Result<Self, ConfigError> {
        Self::new(Some(name), parse::clauses(limits)?)
    }

    /// A set of limits that were made of numbers, and of policies.
    ///
    /// # Errors
    /// When there are none or more than 16, two of the same algorithm and period, a policy or a ban
    /// twice, a ban with nothing that can refuse, or an invalid name.
    pub fn new<T: Into<Clause>>(
        name: Option<&str>,
        limits: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let clauses: Vec<Clause> = limits.into_iter().map(Into::into).collect();
        if !(1..=MOST).contains(&clauses.len()) {
            let count = clauses.len();
            return Err(ConfigError::new(format!(
                "limits must be 1 to {MOST} in number, not {count}"
            )));
        }
        let mut seen = HashSet::new();
        for clause in &clauses {
            if !seen.insert(clause.counter()) {
                let words = clause.words().join(" ");
                return Err(ConfigError::new(format!(
                    "limits must differ in their algorithm, period or policy, and have one ban at most, not \
                     repeat that of {words}"
                )));
            }
        }
        let refuses = |clause: &Clause| matches!(clause, Clause::Limit(_) | Clause::Policy(_));
        if seen.contains(&Counter::Ban) && !clauses.iter().any(refuses) {
            return Err(ConfigError::new(
                "a ban must come with a limit or a policy that can refuse, as in \
                 '100/minute; ban 15m after 20/minute'"
                    .to_owned(),
            ));
        }
        let name = name.map(|name| name::checked(name.to_owned())).transpose()?;
        let named = clauses.iter().map(|clause| shown(name.as_deref(), clause, &clauses));
        let named = named.collect::<Result<Vec<_>, _>>()?;
        Ok(Self::made(name, named.into_iter().map(Arc::from).zip(clauses).collect()))
    }

    fn made(name: Option<String>, parts: Vec<(Arc<str>, Clause)>) -> Self {
        let words = parts.iter().flat_map(|(_, clause)| clause.words()).collect();
        let keep = parts.iter().filter_map(|(_, clause)| settled_within(clause)).max();
        let keep = keep.unwrap_or_default().clamp(SHORTEST_KEEP, LONGEST_KEEP);
        #[cfg(feature = "tower")]
        let counters = parts.iter().map(|(_, clause)| clause.counter()).collect();
        Self(Arc::new(Inner {
            name,
            parts,
            words,
            keep,
            #[cfg(feature = "tower")]
            counters,
        }))
    }

    /// What places count in, without a limit.
    #[cfg(feature = "tower")]
    pub(crate) fn of_places(places: &Places) -> Self {
        let name = places.name().map(str::to_owned);
        let counters = Arc::from([Counter::Places]);
        let (parts, words, keep) = (Vec::new(), Vec::new(), Duration::ZERO);
        Self(Arc::new(Inner { name, parts, words, keep, counters }))
    }

    /// The name that was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Its parts, in order.
    pub fn clauses(&self) -> impl ExactSizeIterator<Item = &Clause> {
        self.0.parts.iter().map(|(_, clause)| clause)
    }

    /// The policies among them, in order.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.clauses().filter_map(|clause| match clause {
            Clause::Policy(policy) => Some(policy),
            _ => None,
        })
    }

    /// Each part with its name in headers; of a policy, the name where it has one clause.
    pub(crate) fn parts(&self) -> &[(Arc<str>, Clause)] {
        &self.0.parts
    }

    /// Their words in RL.LIMIT.
    pub(crate) fn words(&self) -> &[String] {
        &self.0.words
    }

    /// How long a charge under them can be corrected.
    pub(crate) fn keep(&self) -> Duration {
        self.0.keep
    }

    /// What they count in, as far as they say it themselves.
    #[cfg(feature = "tower")]
    pub(crate) fn counters(&self) -> &Arc<[Counter]> {
        &self.0.counters
    }
}

impl FromStr for LimitSet {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::new(None, parse::clauses(text)?)
    }
}

impl From<Limit> for LimitSet {
    fn from(limit: Limit) -> Self {
        Self::made(None, vec![(Arc::from(name::plain(&limit)), limit.into())])
    }
}

impl From<Policy> for LimitSet {
    fn from(policy: Policy) -> Self {
        Self::made(None, vec![(Arc::from(policy.shown()), policy.into())])
    }
}

/// For how long a charge is not of the past.
fn settled_within(clause: &Clause) -> Option<Duration> {
    let (Clause::Limit(limit) | Clause::Shadow(limit)) = clause else {
        return matches!(clause, Clause::Policy(_)).then_some(LONGEST_KEEP);
    };
    let period = limit.period().duration();
    Some(match limit.algorithm() {
        Algorithm::Fixed | Algorithm::Log | Algorithm::Leaky => period,
        Algorithm::Sliding => period.saturating_mul(2),
        Algorithm::Token => LONGEST_KEEP,
    })
}

/// What a part is called in headers, beside the others of its list.
fn shown(name: Option<&str>, clause: &Clause, all: &[Clause]) -> Result<String, ConfigError> {
    let limit = match clause {
        Clause::Policy(policy) => return Ok(policy.shown()),
        Clause::Ban(_) => return banned(name, all),
        Clause::Limit(limit) | Clause::Shadow(limit) => limit,
    };
    let Some(name) = name else { return Ok(name::plain(limit)) };
    let shown = || all.iter().filter(|other| matches!(other, Clause::Limit(_) | Clause::Policy(_)));
    if shown().count() == 1 || matches!(clause, Clause::Shadow(_)) {
        return Ok(name.to_owned());
    }
    let same = |other: &&Clause| matches!(other, Clause::Limit(l) if l.period() == limit.period());
    let is_shared = shown().filter(same).count() > 1;
    name::checked(name::among(name, limit.algorithm(), &limit.period().name(), is_shared))
}

/// What a ban is called: as the whole set, or as the first that refuses.
fn banned(name: Option<&str>, all: &[Clause]) -> Result<String, ConfigError> {
    if let Some(name) = name {
        return name::checked(ban::name(name));
    }
    let names = all.iter().find_map(|clause| match clause {
        Clause::Limit(limit) => Some(name::plain(limit)),
        Clause::Policy(policy) => Some(policy.shown()),
        Clause::Shadow(_) | Clause::Ban(_) => None,
    });
    Ok(ban::name(&names.unwrap_or_default()))
}
