//! A key as the tables use it.

use rl_core::{Clause, Limiters, Now, Outcome, TooManyLimiters, Verdict, Wait, decide, peek};

/// `(now, cost, [allowed, remaining, wait, reset], why)`
pub(crate) type Row = (i64, u64, [i64; 4], &'static str);

/// One key, and what is recorded at it.
#[derive(Clone, Default)]
pub(crate) struct Key {
    pub(crate) stored: Option<Limiters>,
    /// When the key expires, in ms since 1970.
    pub(crate) expires: Option<u64>,
}

impl Key {
    /// Makes the calls with the numbers of `clause` and checks the answers, and that a call that
    /// is denied or costs 0 changes nothing.
    pub(crate) fn asks(&mut self, clause: Clause, rows: &[Row]) {
        for (now, cost, answer, why) in rows {
            let before = self.stored.clone();
            let outcome = self.call(*now, *cost, &[clause]).unwrap();
            assert_eq!(numbers(&outcome.verdicts[0]), *answer, "at {now}, cost {cost}: {why}");
            assert_eq!(outcome.verdicts[0].limit, clause.limit);
            let consumes = outcome.allowed && *cost > 0;
            assert_eq!(outcome.changes().count(), usize::from(consumes), "at {now}: {why}");
            assert!(consumes || self.stored == before, "at {now}: {why}");
        }
    }

    /// The same where the clock has stepped back: every call changes the one limiter.
    pub(crate) fn moves(&mut self, clause: Clause, row: Row) {
        let (now, cost, answer, why) = row;
        let outcome = self.call(now, cost, &[clause]).unwrap();
        assert_eq!(numbers(&outcome.verdicts[0]), answer, "at {now}, cost {cost}: {why}");
        assert_eq!(outcome.changes().count(), 1, "at {now}: {why}");
    }

    /// One call of several clauses: whether it is allowed, and what each clause answers.
    pub(crate) fn limit(
        &mut self,
        now: i64,
        cost: u64,
        clauses: &[Clause],
    ) -> (bool, Vec<[i64; 4]>) {
        let outcome = self.call(now, cost, clauses).unwrap();
        let verdicts = outcome.verdicts.iter().take(clauses.len());
        (outcome.allowed, verdicts.map(numbers).collect())
    }

    /// Decides a call and records what it changes, as a server does.
    pub(crate) fn call(
        &mut self,
        now: i64,
        cost: u64,
        clauses: &[Clause],
    ) -> Result<Outcome<16>, TooManyLimiters> {
        let now = Now::from_unix_ms(now);
        let outcome = decide::<16>(self.stored.as_ref(), clauses, cost, now)?;
        match &mut self.stored {
            Some(limiters) => outcome.record(limiters, now),
            None => self.stored = Limiters::from_changes(outcome.changes(), now),
        }
        if let (Some(limiters), Some(_)) = (&self.stored, outcome.changes().next()) {
            let moved = outcome.new_expiry_ms(limiters, self.expires, now);
            self.expires = moved.or(self.expires);
        }
        Ok(outcome)
    }

    /// What RL.PEEK lists: numbers, and `[allowed, remaining, wait, reset]` for a cost of 1.
    pub(crate) fn peek(&self, now: i64) -> Vec<(Clause, [i64; 4])> {
        let limiters = self.stored.iter();
        limiters
            .flat_map(|limiters| peek(limiters, Now::from_unix_ms(now)))
            .map(|peeked| (peeked.clause, numbers(&peeked.verdict)))
            .collect()
    }

    /// How many limiters are recorded, in use or not.
    pub(crate) fn len(&self) -> usize {
        self.stored.as_ref().map_or(0, |limiters| limiters.as_slice().len())
    }
}

pub(crate) fn numbers(verdict: &Verdict) -> [i64; 4] {
    let wait = match verdict.wait {
        Wait::Ms(ms) => ms as i64,
        Wait::Never => -1,
    };
    [i64::from(verdict.allowed), verdict.remaining as i64, wait, verdict.reset_ms as i64]
}
