//! What a policy stands for, as RL.POLICY GET shows it.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tower")]
use super::clause::Counter;
use super::limit::{self, Algorithm};
use super::policy::Policy;
use super::rate::Rate;
use super::{ban, name, period};

/// One clause of a policy: `TOKEN 20 10 1s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyClause {
    pub(crate) kind: Kind,
    /// Of a ban, its refusals.
    pub(crate) limit: u64,
    /// Of a ban, the time in which they count.
    pub(crate) window: Duration,
    /// How much comes back each period.
    each: u64,
    period: Duration,
    period_name: String,
}

/// What a clause of a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Limit(Algorithm),
    Shadow(Algorithm),
    Ban,
    Lease,
}

impl PolicyClause {
    /// Nothing where it is no clause of this version.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let kind = match words.next()? {
            "BAN" => Kind::Ban,
            "LEASE" => Kind::Lease,
            "SHADOW" => Kind::Shadow(algorithm(words.next()?)?),
            word => Kind::Limit(algorithm(word)?),
        };
        let limit = words.next()?.parse().ok()?;
        let counts = match kind {
            Kind::Limit(algorithm) | Kind::Shadow(algorithm) => Some(algorithm),
            Kind::Ban | Kind::Lease => None,
        };
        let each = match counts {
            Some(algorithm) if algorithm.is_bucket() => words.next()?.parse().ok()?,
            _ => limit,
        };
        let (period, period_name) = time(words.next()?)?;
        if kind == Kind::Ban {
            // How long a ban is, and the longest.
            words.by_ref().map(time).collect::<Option<Vec<_>>>()?;
        }
        let window =
            counts.map_or(period, |algorithm| limit::window(algorithm, limit, each, period));
        words.next().is_none().then_some(Self { kind, limit, window, each, period, period_name })
    }

    /// What it counts in.
    #[cfg(feature = "tower")]
    pub(crate) const fn counter(&self) -> Option<Counter> {
        match self.kind {
            Kind::Limit(algorithm) => Some(Counter::Of(algorithm, self.period)),
            Kind::Shadow(algorithm) => Some(Counter::OnTrial(algorithm, self.period)),
            Kind::Ban => Some(Counter::Ban),
            Kind::Lease => None,
        }
    }

    /// Its algorithm and period, where it is a limit that can refuse.
    pub(crate) const fn limiter(&self) -> Option<(Algorithm, Duration)> {
        match self.kind {
            Kind::Limit(algorithm) => Some((algorithm, self.period)),
            _ => None,
        }
    }

    /// How fast it admits, where it refuses.
    pub(crate) fn rate(&self) -> Option<Rate> {
        let (algorithm, period) = self.limiter()?;
        Some(Rate { algorithm, each: self.each, period })
    }

    /// Whether replies have a verdict of it.
    pub(crate) const fn has_verdict(&self) -> bool {
        !matches!(self.kind, Kind::Shadow(_))
    }
}

fn algorithm(word: &str) -> Option<Algorithm> {
    Algorithm::of_word(&word.to_ascii_lowercase())
}

/// A time, and what it is called in a header.
fn time(text: &str) -> Option<(Duration, String)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(digits)?;
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
    Some((Duration::from_millis(count.checked_mul(ms)?), period::counted(count, unit)))
}

/// What the clauses of a policy that have verdicts are called in headers.
pub(crate) fn names(policy: &Policy, clauses: &[PolicyClause]) -> Vec<Arc<str>> {
    let shown = policy.shown();
    let limits = || clauses.iter().filter(|clause| matches!(clause.kind, Kind::Limit(_)));
    let is_alone = limits().count() == 1;
    let name = |clause: &PolicyClause| match clause.kind {
        Kind::Limit(algorithm) if !is_alone => {
            let period = &clause.period_name;
            let same = limits().filter(|other| other.period_name == *period).count();
            Arc::from(name::among(&shown, algorithm, period, same > 1))
        }
        Kind::Ban => Arc::from(ban::name(&shown)),
        _ => Arc::from(shown.as_str()),
    };
    clauses.iter().filter(|clause| clause.has_verdict()).map(name).collect()
}
