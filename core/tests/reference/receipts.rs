//! A key whose charges may have ids: every charge that it ever saw, and which of them are known.

use std::collections::BTreeMap;

use rl_core::Clause;

use super::{Answer, Id, Limiter, Ms, Piece, Replay, id};

/// The id of a charge, how long it is known, and how many receipts there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    pub(crate) id: usize,
    pub(crate) keep_ms: u64,
    pub(crate) most: usize,
}

/// What a call is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Repeat(Vec<Answer>),
    Decided(bool, Vec<Answer>),
    AnotherCall,
}

#[derive(Clone, Debug)]
struct Receipt {
    id: usize,
    owner: u64,
    time: Ms,
    keep: Ms,
    /// The limiters that were charged, and how long each told to hold.
    charged: BTreeMap<Id, Ms>,
}

impl Receipt {
    fn is_known(&self, now: Ms) -> bool {
        self.time <= now && now < self.time + self.keep
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayedKey {
    pub(crate) limiters: BTreeMap<Id, Replay>,
    /// In the order of the calls.
    receipts: Vec<Receipt>,
    calls: u64,
}

impl ReplayedKey {
    /// The limiter that `clause` names, as a call at `now` finds it.
    fn found(&self, clause: &Clause, now: Ms) -> Limiter {
        let stored = self.limiters.get(&id(clause)).cloned();
        let mut replay = stored.unwrap_or_else(|| Replay::new(clause, now));
        replay.step_back(now);
        Limiter { numbers: replay.numbers, usage: replay.usage() }
    }

    fn known(&self, id: usize, now: Ms) -> Option<&Receipt> {
        self.receipts.iter().find(|receipt| receipt.id == id && receipt.is_known(now))
    }

    pub(crate) fn call(
        &mut self,
        clauses: &[Clause],
        cost: u64,
        now: Ms,
        name: Option<Name>,
    ) -> Outcome {
        let name = name.filter(|_| cost > 0);
        if let Some(receipt) = name.and_then(|name| self.known(name.id, now)) {
            return self.repeat(clauses, receipt, now);
        }
        let allowed = clauses.iter().all(|c| self.found(c, now).admits(c, cost, now));
        let charged = allowed && cost > 0;
        let answers = clauses.iter().map(|c| self.found(c, now).answer(c, cost, now));
        let mut answers: Vec<_> = answers.collect();
        let is_ahead = |clause| self.limiters.get(&id(clause)).is_some_and(|l| l.is_ahead(now));
        if !charged && !clauses.iter().any(is_ahead) {
            return Outcome::Decided(allowed, answers);
        }
        self.write(now);
        for clause in clauses {
            if let Some(limiter) = self.limiters.get_mut(&id(clause)).filter(|l| l.is_ahead(now)) {
                limiter.step_back(now);
            }
        }
        if charged {
            self.charge(clauses, cost, now, name, &mut answers);
        }
        Outcome::Decided(allowed, answers)
    }

    fn charge(
        &mut self,
        clauses: &[Clause],
        cost: u64,
        now: Ms,
        name: Option<Name>,
        answers: &mut [Answer],
    ) {
        self.calls += 1;
        let owner = name.map(|_| self.calls);
        for (clause, answer) in clauses.iter().zip(&mut *answers) {
            let limiter =
                self.limiters.entry(id(clause)).or_insert_with(|| Replay::new(clause, now));
            limiter.add(clause, Piece { owner, cost }, now);
            self.found(clause, now).leave(answer, clause, now);
        }
        if let Some(name) = name {
            while self.receipts.len() >= name.most {
                let first = self.receipts.iter().min_by_key(|r| (r.time + r.keep, r.owner));
                let owner = first.unwrap().owner;
                self.receipts.retain(|receipt| receipt.owner != owner);
            }
            let holds = clauses.iter().zip(answers).map(|(c, a)| (id(c), a.wait.unwrap()));
            self.receipts.push(Receipt {
                id: name.id,
                owner: self.calls,
                time: now,
                keep: name.keep_ms.into(),
                charged: holds.collect(),
            });
        }
    }

    fn repeat(&self, clauses: &[Clause], receipt: &Receipt, now: Ms) -> Outcome {
        let mut named: Vec<_> = clauses.iter().map(id).collect();
        named.sort_unstable();
        if !receipt.charged.keys().eq(&named) {
            return Outcome::AnotherCall;
        }
        let answer = |clause: &Clause| {
            let hold = receipt.charged[&id(clause)].saturating_sub(now - receipt.time);
            let stands = self.found(clause, now).answer(clause, 0, now);
            Answer { allowed: true, wait: Some(hold), ..stands }
        };
        Outcome::Repeat(clauses.iter().map(answer).collect())
    }

    /// Whether the id is known.
    pub(crate) fn settle(&mut self, name: usize, cost: u64, now: Ms) -> bool {
        let Some(receipt) = self.known(name, now).cloned() else { return false };
        let mut changed = false;
        for charged in receipt.charged.keys() {
            // A limiter that is named stays.
            let limiter = self.limiters.get_mut(charged).unwrap();
            changed |= limiter.settle(receipt.owner, cost, now);
        }
        if changed {
            self.write(now);
        }
        true
    }

    /// Every write forgets receipts that are not known.
    fn write(&mut self, now: Ms) {
        self.receipts.retain(|receipt| receipt.is_known(now));
    }

    /// When the last receipt that is known is forgotten; 0 if none is.
    pub(crate) fn forgotten_at(&self, now: Ms) -> Ms {
        let known = self.receipts.iter().filter(|receipt| receipt.is_known(now));
        known.map(|receipt| receipt.time + receipt.keep).max().unwrap_or(0)
    }

    /// Which of the ids up to `most` are known.
    pub(crate) fn known_ids(&self, most: usize, now: Ms) -> Vec<usize> {
        (0..most).filter(|id| self.known(*id, now).is_some()).collect()
    }

    /// Forgets all limiters but those of `kept`. Only an unused one that is not named may go.
    pub(crate) fn keep_only(&mut self, kept: impl Iterator<Item = Clause>, now: Ms) {
        let kept: Vec<Id> = kept.map(|clause| id(&clause)).collect();
        let known = self.receipts.iter().filter(|receipt| receipt.is_known(now));
        let named: Vec<Id> = known.flat_map(|receipt| receipt.charged.keys().copied()).collect();
        self.limiters.retain(|id, limiter| {
            let mut seen = limiter.clone();
            seen.step_back(now);
            let unused = seen.usage().is_none(&limiter.numbers, now);
            let stays = kept.contains(id);
            assert!(stays || unused && !named.contains(id), "dropped: {limiter:?}");
            stays
        });
        assert_eq!(self.limiters.len(), kept.len(), "limiters that nobody recorded");
    }
}
