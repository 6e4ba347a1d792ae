//! The contract once more, slow and plain: what the decisions are compared with.
//!
//! What can be found by trying is not computed: a wait is the first millisecond at which the same
//! call is let in, a reset the first at which nothing is in use, the remaining the largest cost
//! that is let in. So only two questions are answered per algorithm, and they are in `usage`.
//!
//! Where charges have ids, a key keeps its whole past (`replay`), in which a settled cost stands as
//! if it had been that from the first.

mod bans;
mod leases;
mod receipts;
mod replay;
mod search;
mod usage;

use std::collections::BTreeMap;

use rl_core::{Algorithm, Clause};

pub(crate) use bans::{BanNumbers, SlowBan};
pub(crate) use leases::SlowLeases;
pub(crate) use receipts::{Name, Outcome, ReplayedKey};
pub(crate) use replay::{Piece, Replay};
use search::{first_ms, largest};
pub(crate) use usage::{Ms, Usage};

/// What one clause is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// None: never.
    pub(crate) wait: Option<Ms>,
    pub(crate) reset: Ms,
}

/// A limiter: what was used, and the numbers of the last call that used something.
#[derive(Clone, Debug)]
struct Limiter {
    numbers: Clause,
    usage: Usage,
}

impl Limiter {
    /// Unused by its own numbers means new, whatever the numbers of the call say.
    fn seen_at(&self, at: Ms) -> Usage {
        if self.usage.is_none(&self.numbers, at) {
            Usage::new(self.numbers.algorithm, at)
        } else {
            self.usage.clone()
        }
    }

    fn admits(&self, asked: &Clause, cost: u64, at: Ms) -> bool {
        self.seen_at(at).admits(asked, cost, at)
    }

    fn is_unused(&self, asked: &Clause, at: Ms) -> bool {
        self.seen_at(at).is_none(asked, at)
    }

    fn answer(&self, asked: &Clause, cost: u64, now: Ms) -> Answer {
        let allowed = self.admits(asked, cost, now);
        let wait = if allowed {
            Some(self.seen_at(now).hold(asked, now))
        } else if cost > asked.limit {
            None
        } else {
            Some(first_ms(|ms| self.admits(asked, cost, now + ms)))
        };
        let mut answer = Answer { allowed, limit: asked.limit, remaining: 0, wait, reset: 0 };
        self.leave(&mut answer, asked, now);
        answer
    }

    /// The numbers that tell what is left after the call.
    fn leave(&self, answer: &mut Answer, asked: &Clause, now: Ms) {
        answer.remaining = largest(asked.limit, |cost| self.admits(asked, cost, now));
        answer.reset = first_ms(|ms| self.is_unused(asked, now + ms));
    }

    fn charge(&mut self, asked: &Clause, cost: u64, now: Ms) {
        let mut usage = self.seen_at(now);
        usage.add(asked, cost, now);
        *self = Self { numbers: *asked, usage };
    }
}

type Id = (Algorithm, u64);

fn id(clause: &Clause) -> Id {
    (clause.algorithm, clause.period_ms)
}

/// A key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Key {
    limiters: BTreeMap<Id, Limiter>,
}

impl Key {
    /// The limiter that `clause` names, as a call at `now` finds it.
    fn found(&self, clause: &Clause, now: Ms) -> Limiter {
        let unused = || Limiter { numbers: *clause, usage: Usage::new(clause.algorithm, now) };
        let mut limiter = self.limiters.get(&id(clause)).cloned().unwrap_or_else(unused);
        limiter.usage.step_back(clause.period_ms, now);
        limiter
    }

    /// One call; none where it would put more than 64 limiters in use.
    pub(crate) fn call(
        &mut self,
        clauses: &[Clause],
        cost: u64,
        now: Ms,
    ) -> Option<(bool, Vec<Answer>)> {
        let allowed = clauses.iter().all(|c| self.found(c, now).admits(c, cost, now));
        let charged = allowed && cost > 0;
        if charged && self.in_use_with(clauses, now) > 64 {
            return None;
        }
        let mut answers = Vec::new();
        for clause in clauses {
            let mut limiter = self.found(clause, now);
            let mut answer = limiter.answer(clause, cost, now);
            if charged {
                limiter.charge(clause, cost, now);
                limiter.leave(&mut answer, clause, now);
            }
            if charged || self.limiters.contains_key(&id(clause)) {
                self.limiters.insert(id(clause), limiter);
            }
            answers.push(answer);
        }
        Some((allowed, answers))
    }

    fn in_use_with(&self, clauses: &[Clause], now: Ms) -> usize {
        let named: Vec<Id> = clauses.iter().map(id).collect();
        let others = self.limiters.iter().filter(|(id, _)| !named.contains(id));
        let in_use = others.filter(|(_, l)| !l.usage.is_none(&l.numbers, now));
        in_use.count() + clauses.len()
    }

    /// What RL.PEEK lists.
    pub(crate) fn peek(&self, now: Ms) -> Vec<(Clause, Answer)> {
        let numbers = self.limiters.values().map(|limiter| limiter.numbers);
        numbers
            .map(|clause| (clause, self.found(&clause, now).answer(&clause, 1, now)))
            .filter(|(_, answer)| answer.reset > 0)
            .collect()
    }

    /// The first time at which no limiter is in use by its recorded numbers, from now on.
    pub(crate) fn unused_at(&self, now: Ms) -> Ms {
        let all_unused = |ms| self.limiters.values().all(|l| l.usage.is_none(&l.numbers, now + ms));
        now + first_ms(all_unused)
    }

    /// Forgets all limiters but those of `kept`. Only an unused one may be dropped.
    pub(crate) fn keep_only(&mut self, kept: impl Iterator<Item = Clause>, now: Ms) {
        let kept: Vec<Id> = kept.map(|clause| id(&clause)).collect();
        self.limiters.retain(|id, limiter| {
            let unused = limiter.usage.is_none(&limiter.numbers, now);
            assert!(unused || kept.contains(id), "dropped while in use: {limiter:?}");
            kept.contains(id)
        });
        assert_eq!(self.limiters.len(), kept.len(), "limiters that nobody recorded");
    }
}
