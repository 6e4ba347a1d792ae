//! RL.LIMIT: several limits on one key, all or nothing.

use std::sync::Arc;

use arrayvec::ArrayVec;
use rl_core::Clause;
use rl_core::bounds::MAX_CLAUSES;

use super::consume::consume;
use super::reply;
use crate::policies::{Policies, Policy};
use crate::server::{Call, Words};
use crate::settings::LOG_MAX_LIMIT;
use crate::words::{Clauses, Error, Quoted, endings};

/// `RL.LIMIT key clause [clause ...] [COST n]`
pub(super) fn limit(call: &Call<'_>) -> Result<(), Error> {
    let mut clauses = Clauses::new(LOG_MAX_LIMIT.get());
    let mut named = ArrayVec::<_, MAX_CLAUSES>::new();
    let mut words = call.words();
    let cost = loop {
        match words.next() {
            None => break 1,
            Some(word) if endings::is_cost(word) => {
                if clauses.as_slice().is_empty() {
                    return Err(Error::NoClause);
                }
                break endings::cost_after_word(&mut words)?;
            }
            Some(word) if word.eq_ignore_ascii_case(b"POLICY") => {
                let policy = policy(&mut words, &mut clauses)?;
                named.try_push(policy).map_err(|_| Error::TooManyClauses)?;
            }
            Some(word) => clauses.read(word, &mut words)?,
        }
    };
    match clauses.as_slice() {
        [] => Err(Error::NoClause),
        [_] => answer::<1>(call, clauses.as_slice(), &named, cost),
        [_, _] | [_, _, _] | [_, _, _, _] => answer::<4>(call, clauses.as_slice(), &named, cost),
        _ => answer::<MAX_CLAUSES>(call, clauses.as_slice(), &named, cost),
    }
}

#[inline(always)]
fn answer<const N: usize>(
    call: &Call<'_>,
    clauses: &[Clause],
    named: &[Arc<Policy>],
    cost: u64,
) -> Result<(), Error> {
    consume::<N>(call, clauses, cost, |outcome| {
        named.iter().for_each(|policy| policy.decisions.add(outcome.allowed));
        call.answer(|answer| {
            answer.array(clauses.len().saturating_add(1));
            answer.integer(u64::from(outcome.allowed));
            for verdict in outcome.verdicts.iter().take(clauses.len()) {
                reply::verdict(answer, verdict);
            }
        });
    })
}

/// Adds the clauses of the policy whose name is next.
#[inline(never)]
fn policy(words: &mut Words<'_>, clauses: &mut Clauses) -> Result<Arc<Policy>, Error> {
    let incomplete = Error::Incomplete { clause: clauses.next(), usage: "POLICY name" };
    let name = words.next().ok_or(incomplete)?;
    let policy = Policies::in_force().get(name);
    let policy = policy.ok_or_else(|| Error::NoPolicy { name: Quoted::new(name) })?;
    policy.clauses.iter().try_for_each(|clause| clauses.push(*clause))?;
    Ok(policy)
}
