//! The parts of limits, and what they count in.

use std::time::Duration;

use super::ban::Ban;
use super::limit::{Algorithm, Limit};
use super::policy::Policy;
use super::rate::Rate;

/// One part of a [`LimitSet`](crate::LimitSet).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clause {
    /// A limit of its own numbers.
    Limit(Limit),
    /// Those of a policy that the server keeps.
    Policy(Policy),
    /// A limit on trial: it is counted, and never refuses. Answers and headers do not show it;
    /// `RL.TOP SHADOW` and INFO on the server do.
    Shadow(Limit),
    /// Shuts out who does not wait.
    Ban(Ban),
}

impl From<Limit> for Clause {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl From<Policy> for Clause {
    fn from(policy: Policy) -> Self {
        Self::Policy(policy)
    }
}

impl From<Ban> for Clause {
    fn from(ban: Ban) -> Self {
        Self::Ban(ban)
    }
}

/// What is counted apart at one key: a limiter is a key and one of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    Of(Algorithm, Duration),
    OnTrial(Algorithm, Duration),
    Ban,
    #[cfg(feature = "tower")]
    Places,
    Policy(Policy),
}

impl Clause {
    /// Two clauses of the same counter cannot be in one call.
    pub(crate) fn counter(&self) -> Counter {
        match self {
            Self::Limit(limit) => Counter::Of(limit.algorithm(), limit.period().duration()),
            Self::Shadow(limit) => Counter::OnTrial(limit.algorithm(), limit.period().duration()),
            Self::Ban(_) => Counter::Ban,
            Self::Policy(policy) => Counter::Policy(policy.clone()),
        }
    }

    /// How fast it admits, where it refuses and its numbers are known.
    pub(crate) fn rate(&self) -> Option<Rate> {
        let Self::Limit(limit) = self else { return None };
        let (algorithm, each) = (limit.algorithm(), limit.refill());
        Some(Rate { algorithm, each, period: limit.period().duration() })
    }

    /// Its words in RL.LIMIT.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Limit(limit) => limit.clause(),
            Self::Policy(policy) => vec!["POLICY".to_owned(), policy.name().to_owned()],
            Self::Shadow(limit) => {
                std::iter::once("SHADOW".to_owned()).chain(limit.clause()).collect()
            }
            Self::Ban(ban) => ban.clause(),
        }
    }
}
