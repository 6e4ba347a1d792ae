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
    /// What a ban says, if there is one (boxed, since most have none): it refuses while it lasts; `limit` are its refusals, and
    /// `remaining` those that are left.
    pub ban: Option<Box<Verdict>>,
    /// The key that was asked, as Redis has it.
    pub key: String,
    /// What the request cost.
    pub cost: u64,
    /// Who decided.
    pub source: Source,
    /// Where several subjects were asked together, the outcome of each, with its name; see
    /// [`each`](Outcome::each).
    pub(crate) each: Vec<(String, Outcome)>,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The module, in Redis.
    Server,
    /// The module, a moment ago: it refused the same call until a time that has not come. See
    /// [`deny_cache`](crate::LimiterBuilder::deny_cache).
    DenyCache,
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
    pub(crate) counts: Counts,
}

/// What a verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// A clause of a policy that is not known.
    Unknown,
    By(Algorithm),
    Refusals,
    Places,
}

impl Outcome {
    /// An outcome that nobody decided.
    pub(crate) const fn served(key: String, cost: u64, source: Source) -> Self {
        Self {
            allowed: true,
            decisions: Vec::new(),
            ban: None,
            key,
            cost,
            source,
            each: Vec::new(),
        }
    }

    /// The outcome of several subjects: the verdicts of all, in order. It has the key of the first,
    /// and the ban that refuses for longest, or else the first.
    pub(crate) fn of_all(each: Vec<(String, Self)>) -> Self {
        let outcomes = || each.iter().map(|(_, outcome)| outcome);
        let bans = outcomes().filter_map(|outcome| outcome.ban.as_ref());
        let first = outcomes().next();
        Self {
            allowed: outcomes().all(|outcome| outcome.allowed),
            decisions: outcomes().flat_map(|outcome| outcome.decisions.iter().cloned()).collect(),
            ban: bans.min_by(|a, b| tighter(a, b)).cloned(),
            key: first.map(|outcome| outcome.key.clone()).unwrap_or_default(),
            cost: outcomes().map(|outcome| outcome.cost).fold(0, u64::saturating_add),
            source: first.map_or(Source::Exempt, |outcome| outcome.source),
            each,
        }
    }

    /// The outcome of one of several subjects that were asked together, by its name: the scope of
    /// its key, which is the name of its limits. `allowed` says whether its own limits allow it.
    #[must_use]
    pub fn each(&self, name: &str) -> Option<&Self> {
        self.each.iter().find(|(given, _)| given == name).map(|(_, outcome)| outcome)
    }

    /// The outcomes of all subjects that were asked together, in order, each with its name.
    pub fn all(&self) -> impl ExactSizeIterator<Item = (&str, &Self)> {
        self.each.iter().map(|(name, outcome)| (name.as_str(), outcome))
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

    /// The same refusal for a call of this cost, which would have to wait so long.
    pub(crate) fn with_wait(&self, cost: u64, wait: Duration) -> Self {
        self.changed(cost, self.source, &|verdict| {
            if !verdict.allowed {
                verdict.retry_after = Some(wait);
            }
        })
    }

    /// The same refusal after some time.
    pub(crate) fn later(&self, passed: Duration) -> Self {
        self.changed(self.cost, Source::DenyCache, &|verdict| {
            verdict.retry_after = verdict.retry_after.map(|wait| wait.saturating_sub(passed));
            verdict.reset_after = verdict.reset_after.saturating_sub(passed);
        })
    }

    fn changed(&self, cost: u64, source: Source, change: &dyn Fn(&mut Verdict)) -> Self {
        let mut changed = Self { cost, source, ..self.clone() };
        let ban = changed.ban.as_deref_mut();
        changed.decisions.iter_mut().chain(ban).for_each(change);
        for (_, one) in &mut changed.each {
            *one = one.changed(one.cost, source, change);
        }
        changed
    }

    /// The same as if it had cost this. Places in the queue of a LEAKY limit are kept.
    pub(crate) fn settled(&self, actual: u64) -> Self {
        if !self.each.is_empty() {
            let settled = |(name, one): &(String, Self)| (name.clone(), one.settled(actual));
            return Self::of_all(self.each.iter().map(settled).collect());
        }
        let mut settled = self.clone();
        for verdict in &mut settled.decisions {
            if verdict.counts != Counts::By(Algorithm::Leaky) {
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

    /// The limits that deny, in order, then the bans that are in force.
    pub fn violated(&self) -> impl Iterator<Item = &Verdict> {
        self.decisions.iter().filter(|verdict| !verdict.allowed).chain(self.banned())
    }

    /// The bans that refuse: several subjects may each have one.
    pub(crate) fn banned(&self) -> impl Iterator<Item = &Verdict> {
        let own = self.ban.as_deref().into_iter().filter(|_| self.each.is_empty());
        let theirs = self.each.iter().filter_map(|(_, outcome)| outcome.ban.as_deref());
        own.chain(theirs).filter(|ban| !ban.allowed)
    }

    /// Whether a ban counts this refusal: one that is not in force, of a subject that is denied.
    pub(crate) fn has_ban_that_counts(&self) -> bool {
        let counts = |one: &Self| !one.allowed && one.ban.as_ref().is_some_and(|ban| ban.allowed);
        if self.each.is_empty() {
            counts(self)
        } else {
            self.each.iter().any(|(_, one)| counts(one))
        }
    }

    /// The verdict to show where there is room for one: of those that deny the one with the longest
    /// wait, be it a ban, else the one with the least left of its limit; the first of equals.
    #[must_use]
    pub fn tightest(&self) -> Option<&Verdict> {
        self.decisions.iter().chain(self.banned()).min_by(|a, b| tighter(a, b))
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
