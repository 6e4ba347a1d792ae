//! The parts of limits, and what they count in.

use std::time::Duration;

use super::limit::{Algorithm, Limit};
use super::policy::Policy;

/// One part of a [`LimitSet`](crate::LimitSet).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Clause {
    /// A limit of its own numbers.
    Limit(Limit),
    /// Those of a policy that the server keeps.
    Policy(Policy),
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

/// What is counted apart at one key: a limiter is a key and one of these.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Counter {
    Of(Algorithm, Duration),
    Policy(Policy),
}

impl Clause {
    /// Two clauses of the same counter cannot be in one call.
    pub(crate) fn counter(&self) -> Counter {
        match self {
            Self::Limit(limit) => Counter::Of(limit.algorithm(), limit.period().duration()),
            Self::Policy(policy) => Counter::Policy(policy.clone()),
        }
    }

    pub(super) fn words(&self) -> Vec<String> {
        match self {
            Self::Limit(limit) => limit.clause(),
            Self::Policy(policy) => vec!["POLICY".to_owned(), policy.name().to_owned()],
        }
    }
}
