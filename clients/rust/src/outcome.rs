//! What the module decided.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::Algorithm;

/// The answer to one check: one verdict for each limit, and whether all of them allow it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// Whether all limits allow it.
    pub allowed: bool,
    /// One for each limit, in order, and for each clause of a policy; none where nobody decided. A
    /// limit on trial has none.
    pub decisions: Vec<Verdict>,
    /// What a ban says, if there is one: it refuses while it lasts; `limit` are its refusals, and
    /// `remaining` those that are left.
    pub ban: Option<Verdict>,
    /// The key that was asked, as Redis has it.
    pub key: String,
    /// What the request cost.
    pub cost: u64,
    /// Who decided.
    pub source: Source,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The module, in Redis.
    Server,
    /// Nobody: Redis did not answer, and the limiter is set to serve then.
    FailedOpen,
    /// Nobody: the limiter is switched off.
    Exempt,
}

/// What one limit answers. Where the whole was denied, nothing was used, and `allowed` tells
/// whether this one would have allowed it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// Whether this limit allows the request.
    pub allowed: bool,
    /// The limit, or a bucket's capacity.
    pub limit: u64,
    /// How much cost it would still allow at once.
    pub remaining: u64,
    /// Zero when allowed; else how long to wait, or nothing where no wait helps (a cost above the
    /// limit).
    pub retry_after: Option<Duration>,
    /// How long until it is as if never used.
    pub reset_after: Duration,
    /// How long a LEAKY limit asks an allowed request to be held before it is served.
    pub wait: Duration,
    /// The name that headers have for it.
    pub policy: Arc<str>,
    /// Its period, or the time in which a whole bucket refills; nothing while a policy's is not
    /// known.
    pub window: Option<Duration>,
    /// How it counts; nothing while a policy's clauses are not known, and of a ban.
    pub algorithm: Option<Algorithm>,
}

impl Outcome {
    /// An outcome that nobody decided.
    pub(crate) const fn served(key: String, cost: u64, source: Source) -> Self {
        Self { allowed: true, decisions: Vec::new(), ban: None, key, cost, source }
    }

    /// How much is left of the limit that has least; nothing where nobody decided.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.decisions.iter().map(|verdict| verdict.remaining).min()
    }

    /// Zero when allowed; else the longest wait of the limits that deny, and of a ban, or nothing
    /// where no wait helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.violated()
            .map(|d| d.retry_after)
            .try_fold(Duration::ZERO, |most, wait| Some(most.max(wait?)))
    }

    /// The same as if it had cost this. Places in the queue of a LEAKY limit are kept.
    pub(crate) fn settled(&self, actual: u64) -> Self {
        let mut settled = self.clone();
        for verdict in &mut settled.decisions {
            if verdict.algorithm != Some(Algorithm::Leaky) {
                let all = verdict.remaining.saturating_add(self.cost);
                verdict.remaining = all.saturating_sub(actual).min(verdict.limit);
            }
        }
        settled
    }

    /// How long until all limits are as if never used; zero where nobody decided.
    #[must_use]
    pub fn reset_after(&self) -> Duration {
        self.longest(|verdict| verdict.reset_after)
    }

    /// How long to hold the request before it is served: zero unless it is allowed and a limit is
    /// LEAKY.
    #[must_use]
    pub fn wait(&self) -> Duration {
        if self.allowed { self.longest(|verdict| verdict.wait) } else { Duration::ZERO }
    }

    /// The limits that deny, in order, then a ban that is in force.
    pub fn violated(&self) -> impl Iterator<Item = &Verdict> {
        self.decisions.iter().chain(&self.ban).filter(|verdict| !verdict.allowed)
    }

    /// The ban, while it refuses.
    #[cfg(feature = "tower")]
    pub(crate) fn banned(&self) -> Option<&Verdict> {
        self.ban.as_ref().filter(|ban| !ban.allowed)
    }

    /// The verdict to show where there is room for one: of those that deny the one with the longest
    /// wait, be it a ban, else the one with the least left of its limit; the first of equals.
    #[must_use]
    pub fn tightest(&self) -> Option<&Verdict> {
        let ban = self.ban.iter().filter(|ban| !ban.allowed);
        self.decisions.iter().chain(ban).min_by(|a, b| tighter(a, b))
    }

    fn longest(&self, time: impl Fn(&Verdict) -> Duration) -> Duration {
        self.decisions.iter().map(time).max().unwrap_or_default()
    }
}

fn tighter(a: &Verdict, b: &Verdict) -> Ordering {
    let wait = |verdict: &Verdict| verdict.retry_after.unwrap_or(Duration::MAX);
    a.allowed
        .cmp(&b.allowed)
        .then_with(|| wait(b).cmp(&wait(a)))
        .then_with(|| share(a, b).cmp(&share(b, a)))
}

/// remaining/limit of one, multiplied by both limits. Of a limit of 0 nothing is left.
fn share(of: &Verdict, other: &Verdict) -> u128 {
    u128::from(of.remaining).saturating_mul(u128::from(other.limit.max(1)))
}
