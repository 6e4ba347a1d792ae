//! Several subjects at once: all of them are charged, or none.

use std::time::Duration;

use redis::aio::ConnectionLike;

use super::Limiter;
use super::charge::Charge;
use super::waiting::{self, Answer, Asks};
use crate::error::Error;
use crate::keys::Key;
use crate::limits::{LimitSet, MAX_NUMBER};
use crate::outcome::{Outcome, Source};
use crate::wire::command::{self, Group, Receipt};
use crate::wire::id::Id;
use crate::wire::reply::{self, Decided};

const MOST_SUBJECTS: usize = 8;
const MOST_ITEMS: usize = 16;

/// One subject of [`Limiter::check_all`]: a key, its limits, and what the call costs it.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Check<'a> {
    pub(super) key: &'a Key,
    pub(super) limits: &'a LimitSet,
    pub(super) cost: u64,
}

impl<'a> Check<'a> {
    /// A check of cost 1.
    pub const fn new(key: &'a Key, limits: &'a LimitSet) -> Self {
        Self { key, limits, cost: 1 }
    }

    /// What the call costs here; 0 only looks.
    pub const fn cost(mut self, cost: u64) -> Self {
        self.cost = cost;
        self
    }
}

/// A subject as Redis knows it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What its outcome is found by.
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) limits: LimitSet,
    pub(crate) cost: u64,
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Limiter<C> {
    /// Check several keys, of which each has its name in the outcome.
    pub(crate) async fn all_at(
        &self,
        mut asked: Vec<Asked>,
        slotted: bool,
        settle: bool,
    ) -> Result<(Outcome, Option<Charge>), Error> {
        for one in &mut asked {
            one.cost = one.cost.min(MAX_NUMBER);
        }
        let Answer { outcome, id } =
            self.answer(&All { limiter: self, asked, slotted, settle }).await?;
        let outcome = self.told(outcome);
        let charge = id.filter(|_| settle).and_then(|id| Charge::of(self, &outcome, id));
        Ok((outcome, charge))
    }

    async fn decide_all(
        &self,
        asked: &[Asked],
        slotted: bool,
        receipt: Option<Receipt>,
    ) -> Result<Vec<Decided>, Error> {
        self.allowed_together(asked, slotted)?;
        let refusals = asked.iter().map(|one| self.shared.policies.refusal(&one.limits));
        if let Some(error) = refusals.flatten().next() {
            return Err(error);
        }
        let permit = self.enter()?;
        let groups: Vec<_> = asked.iter().map(Asked::group).collect();
        let command = command::all(&groups, receipt);
        let again = receipt.is_some();
        let due = asked.iter().flat_map(|one| self.shared.policies.due(&one.limits)).collect();
        let key = asked.first().map(|one| one.key.as_str()).unwrap_or_default();
        let reply = self.exchange(key, &command, due, again).await;
        let limits: Vec<_> = asked.iter().map(|one| &one.limits).collect();
        let decided = reply.and_then(|reply| {
            let known = limits.iter().flat_map(|limits| self.shared.policies.known(limits));
            reply::read_all(&reply, &limits, &known.collect())
        });
        match decided {
            Ok(decided) => {
                permit.succeeded();
                Ok(decided)
            }
            Err(error) => Err(permit.failed(error)),
        }
    }

    fn allowed_together(&self, asked: &[Asked], slotted: bool) -> Result<(), Error> {
        let subjects = asked.len();
        let items: usize = asked.iter().map(|one| one.limits.clauses().len()).sum();
        if !(1..=MOST_SUBJECTS).contains(&subjects) || items > MOST_ITEMS {
            return Err(Error::Configuration(format!(
                "several subjects must be 1 to {MOST_SUBJECTS}, with at most {MOST_ITEMS} limits in all, \
                 not {subjects} with {items}"
            )));
        }
        if !slotted && self.is_cluster() {
            return Err(Error::Configuration(
                "in a cluster several subjects must share a slot: give each key one by \
                 Key::slot(\"...\"), or the layer by slot(...)"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

impl Asked {
    fn group(&self) -> Group<'_> {
        Group { key: &self.key, limits: &self.limits, cost: self.cost }
    }
}

/// A check of several keys.
struct All<'a, C> {
    limiter: &'a Limiter<C>,
    asked: Vec<Asked>,
    slotted: bool,
    /// Whether it may be settled.
    settle: bool,
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> Asks for All<'_, C> {
    fn line(&self) -> String {
        let word = |one: &Asked| format!("{} {} ", one.key, one.limits.words().join(" "));
        self.asked.iter().map(word).collect()
    }

    fn costs(&self) -> Vec<u64> {
        self.asked.iter().map(|one| one.cost).collect()
    }

    fn keys(&self) -> Vec<String> {
        self.asked.iter().map(|one| one.key.clone()).collect()
    }

    fn has_policy(&self) -> bool {
        self.asked.iter().any(|one| one.limits.policies().next().is_some())
    }

    fn settles(&self) -> bool {
        self.settle
    }

    fn time_for(&self, cost: u64) -> Duration {
        let known = |limits| self.limiter.shared.policies.known(limits);
        let times =
            self.asked.iter().map(|one| waiting::time_for(&one.limits, &known(&one.limits), cost));
        times.max().unwrap_or_default()
    }

    async fn ask(&self) -> Result<Answer, Error> {
        let limiter = self.limiter;
        let id = if self.settle || limiter.retry { Id::new() } else { None };
        let receipt = id.map(|id| Receipt { id, keep: self.settle });
        let outcome = match limiter.decide_all(&self.asked, self.slotted, receipt).await {
            Ok(decided) => outcome_of(&self.asked, decided),
            Err(error) => {
                let first = self.asked.first().map(|one| (one.key.clone(), one.cost));
                let (key, cost) = first.unwrap_or_default();
                limiter.excuse(key, cost, error)?
            }
        };
        Ok(Answer { outcome, id })
    }
}

/// The outcome of all, which has each of them in it.
fn outcome_of(asked: &[Asked], decided: Vec<Decided>) -> Outcome {
    let each = asked.iter().zip(decided).map(|(one, decided)| {
        let Decided { allowed, decisions, ban } = decided;
        let (key, cost, source) = (one.key.clone(), one.cost, Source::Server);
        (one.name.clone(), Outcome { allowed, decisions, ban, key, cost, source, each: Vec::new() })
    });
    Outcome::of_all(each.collect())
}
