//! A key as a server keeps it, and its answers in the words of the reference.

use rl_core::bounds::MAX_EXPIRY_MS;
use rl_core::{
    Change, Clause, Limiters, Now, Outcome, TooManyLimiters, Verdict, Wait, decide, peek,
};

use crate::history::{History, Step};
use crate::reference::Answer;

/// A clock reading of `ms`.
pub(crate) fn at(ms: u64) -> Now {
    Now::from_unix_ms(ms as i64)
}

/// One key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) stored: Option<Limiters>,
    /// When the key expires, in ms since 1970.
    expires: Option<u64>,
}

impl Server {
    pub(crate) fn decide(
        &self,
        clauses: &[Clause],
        cost: u64,
        now: u64,
    ) -> Result<Outcome<16>, TooManyLimiters> {
        decide(self.stored.as_ref(), clauses, cost, at(now))
    }

    /// Records what a call changes, as a primary and its replicas do.
    pub(crate) fn record(&mut self, changes: impl Iterator<Item = Change>, now: u64) {
        match &mut self.stored {
            Some(limiters) => changes.for_each(|change| limiters.apply(change, at(now))),
            None => self.stored = Limiters::from_changes(changes, at(now)),
        }
    }

    pub(crate) fn call(
        &mut self,
        clauses: &[Clause],
        cost: u64,
        now: u64,
    ) -> Result<Outcome<16>, TooManyLimiters> {
        let outcome = self.decide(clauses, cost, now)?;
        self.record(outcome.changes(), now);
        if let (Some(limiters), Some(_)) = (&self.stored, outcome.changes().next()) {
            let moved = outcome.new_expiry_ms(limiters, self.expires, at(now));
            self.expires = moved.or(self.expires);
            let (needed, most) = bounds(limiters, now);
            let expires = self.expires.unwrap();
            assert!(expires >= needed, "expires at {expires}, in use until {needed}");
            assert!(moved.is_none_or(|moved| moved <= most), "{moved:?} is later than {most}");
        }
        Ok(outcome)
    }

    pub(crate) fn peek(&self, now: u64) -> Vec<(Clause, Answer)> {
        let listed = self.stored.iter().flat_map(|limiters| peek(limiters, at(now)));
        listed.map(|peeked| (peeked.clause, answer(&peeked.verdict))).collect()
    }

    /// The numbers of the limiters recorded here, in use or not.
    pub(crate) fn clauses(&self) -> impl Iterator<Item = Clause> + '_ {
        self.stored.iter().flat_map(Limiters::as_slice).map(rl_core::Limiter::clause)
    }
}

/// The earliest and the latest time at which a key that is written now may expire.
fn bounds(limiters: &Limiters, now: u64) -> (u64, u64) {
    let in_use = limiters.unused_at_ms().saturating_sub(now).min(MAX_EXPIRY_MS);
    let most = (in_use + in_use / 4).clamp(2_000, MAX_EXPIRY_MS);
    (now + in_use, now + most)
}

pub(crate) fn answers(outcome: &Outcome<16>, clauses: &[Clause]) -> Vec<Answer> {
    outcome.verdicts.iter().take(clauses.len()).map(answer).collect()
}

pub(crate) fn answer(verdict: &Verdict) -> Answer {
    Answer {
        allowed: verdict.allowed,
        limit: verdict.limit,
        remaining: verdict.remaining,
        wait: match verdict.wait {
            Wait::Ms(ms) => Some(ms.into()),
            Wait::Never => None,
        },
        reset: verdict.reset_ms.into(),
    }
}

/// A call of a history, with its numbers worked out.
pub(crate) struct Call<'a> {
    pub(crate) now: u64,
    pub(crate) clauses: Vec<Clause>,
    pub(crate) cost: u64,
    pub(crate) step: &'a Step,
}

/// Has `make` make each call of a history and return its answers, on which the next may depend.
pub(crate) fn play(history: &History, mut make: impl FnMut(&Call<'_>) -> Vec<Answer>) {
    let mut now = history.start_ms;
    let (mut last, mut remaining) = (Vec::new(), 0);
    for step in &history.steps {
        now = step.when.after(now, &last, &history.clauses);
        let asks = step.asks.iter();
        let clauses: Vec<_> = asks.map(|(i, numbers)| numbers.of(history.clauses[*i])).collect();
        let cost = step.cost.of(clauses[0].limit, remaining);
        let answers = make(&Call { now, clauses, cost, step });
        let ms = |ms: u128| u64::try_from(ms).unwrap_or(u64::MAX);
        last = answers.iter().map(|a| (ms(a.wait.unwrap_or(0)), ms(a.reset))).collect();
        remaining = answers.first().map_or(0, |answer| answer.remaining);
    }
}
