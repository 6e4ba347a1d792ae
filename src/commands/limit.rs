//! RL.LIMIT: several limits on one key, all or nothing.

use rl_core::Clause;
use rl_core::bounds::MAX_CLAUSES;

use super::consume::consume;
use super::error::{Error, Quoted};
use super::{reply, words};
use crate::server::{Call, Words};

/// `RL.LIMIT key clause [clause ...] [COST n]`
pub(super) fn limit(call: &Call<'_>) -> Result<(), Error> {
    let mut clauses = Clauses::new();
    let mut words = call.words();
    let cost = loop {
        match words.next() {
            None => break 1,
            Some(word) if words::is_cost(word) && clauses.len == 0 => return Err(Error::NoClause),
            Some(word) if words::is_cost(word) => break words::cost_after_word(&mut words)?,
            Some(word) => clauses.push(clause(word, &mut words, clauses.len)?)?,
        }
    };
    match clauses.as_slice() {
        [] => Err(Error::NoClause),
        [_] => answer::<1>(call, clauses.as_slice(), cost),
        [_, _] | [_, _, _] | [_, _, _, _] => answer::<4>(call, clauses.as_slice(), cost),
        _ => answer::<MAX_CLAUSES>(call, clauses.as_slice(), cost),
    }
}

/// The clause that begins with `word`, after `before` others.
#[inline]
fn clause(word: &[u8], words: &mut Words<'_>, before: usize) -> Result<Clause, Error> {
    let clause = before.saturating_add(1);
    let algorithm = words::algorithm(word)
        .ok_or_else(|| Error::Algorithm { clause, was: Quoted::new(word) })?;
    words::numbers(algorithm, words)
        .ok_or_else(|| Error::Incomplete { clause, usage: words::usage(algorithm) })?
        .map_err(|error| Error::InClause { clause, error: Box::new(error) })
}

#[inline(always)]
fn answer<const N: usize>(call: &Call<'_>, clauses: &[Clause], cost: u64) -> Result<(), Error> {
    let decision = consume::<N>(call, clauses, cost)?;
    call.reply_array(clauses.len().saturating_add(1));
    call.reply_integer(i64::from(decision.allowed));
    for verdict in decision.verdicts.iter().take(clauses.len()) {
        reply::verdict(call, verdict);
    }
    Ok(())
}

/// The clauses of a call, on the stack.
struct Clauses {
    clauses: [Clause; MAX_CLAUSES],
    len: usize,
}

impl Clauses {
    #[inline]
    fn new() -> Self {
        Self { clauses: [Clause::fixed(0, 1); MAX_CLAUSES], len: 0 }
    }

    #[inline]
    fn as_slice(&self) -> &[Clause] {
        self.clauses.get(..self.len).unwrap_or_default()
    }

    #[inline]
    fn push(&mut self, clause: Clause) -> Result<(), Error> {
        let same = |other: &Clause| other.names_same_limiter(&clause);
        if let Some(earlier) = self.as_slice().iter().position(same) {
            return Err(Error::SameLimiter {
                clause: self.len.saturating_add(1),
                earlier: earlier.saturating_add(1),
            });
        }
        *self.clauses.get_mut(self.len).ok_or(Error::TooManyClauses)? = clause;
        self.len = self.len.saturating_add(1);
        Ok(())
    }
}
