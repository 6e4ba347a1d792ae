//! The clauses of a call, written out or by the names of policies.

use std::sync::Arc;

use arrayvec::ArrayVec;
use rl_core::Algorithm;
use rl_core::bounds::MAX_CLAUSES;

use crate::policies::{Policies, Policy};
use crate::server::Words;
use crate::words::endings::{is_cost, is_id};
use crate::words::limits::Maxima;
use crate::words::{Clauses, Error, Quoted};

/// What a call asks.
pub(super) struct Asked {
    pub(super) clauses: Clauses,
    /// The policies that it names, each once.
    pub(super) policies: ArrayVec<Arc<Policy>, MAX_CLAUSES>,
}

/// Whether a call goes on with another key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    One,
    Several,
}

impl Asked {
    /// Nothing yet.
    #[inline(always)]
    pub(super) fn new() -> Self {
        Self { clauses: Clauses::new(Maxima::in_force()), policies: ArrayVec::new_const() }
    }

    /// Reads the clauses of one key, at least one: the word behind them, if any.
    #[inline(always)]
    pub(super) fn read<'a>(
        &mut self,
        keys: Keys,
        words: &mut Words<'a>,
    ) -> Result<Option<&'a [u8]>, Error> {
        let behind = loop {
            let Some(word) = words.next() else { break None };
            match Algorithm::from_word(word) {
                Some(algorithm) => self.clauses.read_numbers(algorithm, words)?,
                None if is_policy(word) => self.policy(words)?,
                None if is_cost(word) || is_id(word) => break Some(word),
                None if keys == Keys::Several && is_and(word) => break Some(word),
                None if self.clauses.read_extra(word, words)? => {}
                None => return Err(self.wrong(keys, word)),
            }
        };
        if self.clauses.of_this_key().is_empty() {
            return Err(Error::NoClause);
        }
        Ok(behind)
    }

    /// Why `word`, where a clause or what comes behind them may begin, is wrong.
    #[cold]
    fn wrong(&self, keys: Keys, word: &[u8]) -> Error {
        let behind = match keys {
            _ if self.clauses.of_this_key().is_empty() => "",
            Keys::One => ", or be COST n or ID id and come last",
            Keys::Several => ", or be COST n, AND key or ID id",
        };
        self.clauses.no_clause(word, true, behind)
    }

    /// Adds the clauses of the policy whose name is next.
    #[inline(never)]
    fn policy(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        let incomplete = Error::Incomplete { clause: self.clauses.next(), usage: "POLICY name" };
        let name = words.next().ok_or(incomplete)?;
        let policy = Policies::in_force().get(name);
        let policy = policy.ok_or_else(|| Error::NoPolicy { name: Quoted::new(name) })?;
        let known = self.policies.iter().position(|named| Arc::ptr_eq(named, &policy));
        let place = known.unwrap_or(self.policies.len());
        let mut clauses = policy.clauses.iter();
        clauses.try_for_each(|clause| self.clauses.push_of_policy(*clause, place))?;
        if known.is_some() {
            return Ok(());
        }
        self.policies.try_push(policy).map_err(|_| Error::TooManyClauses)
    }

    /// Counts the verdict of the call for each policy that it names.
    #[inline(always)]
    pub(super) fn count(&self, allowed: bool) {
        self.policies.iter().for_each(|policy| policy.decisions.add(allowed));
    }
}

/// Whether the word begins `POLICY name`.
pub(super) fn is_policy(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"POLICY")
}

/// Whether the word begins `AND key clause`.
pub(super) fn is_and(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"AND")
}
