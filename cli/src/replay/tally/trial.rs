//! One candidate: what it decides, and who is refused.

use rl_core::{BanClause, Clause, Group, GroupOutcome, Limiters, Now, Outcome, Verdict, Wait};

use super::minutes::Minutes;
use crate::words::Candidate;

const SECOND_MS: u64 = 1_000;
/// How many clients are looked at for each request, so that what is unused is freed.
const SWEPT: usize = 2;

/// What a candidate did so far.
pub(crate) struct Trial {
    clauses: Vec<Clause>,
    ban: Option<BanClause>,
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
    /// Of a candidate.
    pub(super) fn new(candidate: &Candidate) -> Self {
        Self {
            clauses: candidate.clauses().to_owned(),
            ban: candidate.ban(),
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
        let now = Now::from_unix_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        self.sweep(now);
        let wait = match (self.ban, self.clauses.len()) {
            (Some(ban), _) => self.decide_with(ban, client, cost, now),
            (None, 1) => self.decide_by::<1>(client, cost, now),
            (None, 2..=4) => self.decide_by::<4>(client, cost, now),
            (None, _) => self.decide_by::<16>(client, cost, now),
        };
        if let Some(wait) = wait {
            self.refuse(client, ms, matches!(wait, Wait::Ms(ms) if ms <= SECOND_MS));
        }
        wait.is_none()
    }

    /// How long to wait, if it is refused.
    fn decide_by<const N: usize>(&mut self, client: usize, cost: u64, now: Now) -> Option<Wait> {
        let key = self.keys.get_mut(client)?;
        let mut outcome = Outcome::<N>::undecided();
        // A key has no limiters but those of these clauses, so there is always room.
        outcome.decide(key.as_ref(), &self.clauses, cost, now).ok()?;
        match key {
            Some(limiters) => outcome.record(limiters, now),
            None => *key = Limiters::from_changes(outcome.changes(), now),
        }
        let verdicts = outcome.verdicts.iter().take(self.clauses.len());
        (!outcome.allowed).then(|| longest(verdicts))
    }

    /// The same where refusals are counted, too.
    fn decide_with(&mut self, ban: BanClause, client: usize, cost: u64, now: Now) -> Option<Wait> {
        let key = self.keys.get_mut(client)?;
        let mut outcome = GroupOutcome::<16>::undecided();
        let (stored, clauses) = (key.as_ref(), self.clauses.as_slice());
        let group = Group { stored, clauses, cost, ban: Some(ban), ..Group::default() };
        outcome.decide(&group, now).ok()?;
        if outcome.is_write() {
            match key {
                Some(limiters) => drop(outcome.record(limiters, now)),
                None => *key = outcome.make(now),
            }
        }
        let verdicts = outcome.outcome.verdicts.iter().take(self.clauses.len());
        let banned = outcome.ban();
        (!outcome.outcome.allowed).then(|| longest(verdicts.chain(&banned)))
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

/// The longest wait of all that refuse.
fn longest<'v>(verdicts: impl Iterator<Item = &'v Verdict>) -> Wait {
    let waits = verdicts.filter(|verdict| !verdict.allowed).map(|verdict| match verdict.wait {
        Wait::Ms(ms) => ms,
        Wait::Never => u64::MAX,
    });
    match waits.max() {
        Some(ms) if ms < u64::MAX => Wait::Ms(ms),
        _ => Wait::Never,
    }
}
