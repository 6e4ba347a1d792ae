//! One candidate: what it decides, and who is refused.

use rl_core::{Clause, Limiters, Now, Outcome, Wait};

use super::minutes::Minutes;

const SECOND_MS: u64 = 1_000;
/// How many clients are looked at for each request, so that what is unused is freed.
const SWEPT: usize = 2;

/// What a candidate did so far.
pub(crate) struct Trial {
    clauses: Vec<Clause>,
    keys: Vec<Option<Limiters>>,
    swept: usize,
    refused_of: Vec<u32>,
    /// How many requests were refused.
    pub(crate) refused: u64,
    /// How many of them would have passed had they come a second later, and nothing else.
    pub(crate) passed_within_1s: u64,
    /// When they were refused.
    pub(crate) minutes: Minutes,
}

impl Trial {
    /// Of these clauses, asked together.
    pub(super) fn new(clauses: &[Clause]) -> Self {
        Self {
            clauses: clauses.to_owned(),
            keys: Vec::new(),
            swept: 0,
            refused_of: Vec::new(),
            refused: 0,
            passed_within_1s: 0,
            minutes: Minutes::default(),
        }
    }

    /// Decides a request. Whether it is allowed.
    pub(super) fn decide(&mut self, client: usize, ms: u64, cost: u64) -> bool {
        if self.keys.len() <= client {
            let len = client.saturating_add(1);
            self.keys.resize(len, None);
            self.refused_of.resize(len, 0);
        }
        match self.clauses.len() {
            1 => self.decide_by::<1>(client, ms, cost),
            2..=4 => self.decide_by::<4>(client, ms, cost),
            _ => self.decide_by::<16>(client, ms, cost),
        }
    }

    fn decide_by<const N: usize>(&mut self, client: usize, ms: u64, cost: u64) -> bool {
        let now = Now::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        self.sweep(now);
        let Some(key) = self.keys.get_mut(client) else { return true };
        let mut outcome = Outcome::<N>::undecided();
        // A key has no limiters but those of these clauses, so there is always room.
        if outcome.decide(key.as_ref(), &self.clauses, cost, now).is_err() {
            return true;
        }
        match key {
            Some(limiters) => outcome.record(limiters, now),
            None => *key = Limiters::from_changes(outcome.changes(), now),
        }
        if !outcome.allowed {
            let verdicts = outcome.verdicts.iter().take(self.clauses.len());
            let is_soon = verdicts
                .filter(|verdict| !verdict.allowed)
                .all(|verdict| matches!(verdict.wait, Wait::Ms(ms) if ms <= SECOND_MS));
            self.refuse(client, ms, is_soon);
        }
        outcome.allowed
    }

    fn refuse(&mut self, client: usize, ms: u64, is_soon: bool) {
        if let Some(refused) = self.refused_of.get_mut(client) {
            *refused = refused.saturating_add(1);
        }
        self.refused = self.refused.saturating_add(1);
        self.passed_within_1s = self.passed_within_1s.saturating_add(u64::from(is_soon));
        self.minutes.add(ms);
    }

    /// Frees the limiters of a few clients if they are unused, as expiry does on a server.
    fn sweep(&mut self, now: Now) {
        for _ in 0..SWEPT {
            match self.keys.get_mut(self.swept) {
                Some(key) => {
                    if key.as_ref().is_some_and(|limiters| limiters.unused_at_ms() <= now.ms()) {
                        *key = None;
                    }
                    self.swept = self.swept.saturating_add(1);
                }
                None => self.swept = 0,
            }
        }
    }

    /// How many requests of a client were refused.
    pub(crate) fn refused_of(&self, client: usize) -> u64 {
        self.refused_of.get(client).copied().unwrap_or(0).into()
    }

    /// The clients of whom any request was refused.
    pub(crate) fn clients_refused(&self) -> impl Iterator<Item = usize> + '_ {
        self.refused_of.iter().enumerate().filter(|(_, refused)| **refused > 0).map(|(id, _)| id)
    }
}
