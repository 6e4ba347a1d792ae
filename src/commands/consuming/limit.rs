//! RL.LIMIT: several limits on one key, all or nothing.

use std::slice;

use rl_core::bounds::MAX_CLAUSES;
use rl_core::{Group, GroupOutcome, Limiters};

use super::asked::{Asked, Keys};
use crate::commands::steps::charge::record;
use crate::commands::steps::consume::consume;
use crate::commands::steps::denied::denied;
use crate::commands::steps::group::{self, Shadows};
use crate::commands::steps::reply;
use crate::metrics;
use crate::server::{Call, Key};
use crate::words::{Ending, Error};

/// `RL.LIMIT key clause [clause ...] [COST n] [ID id [KEEP period]]`
pub(in crate::commands) fn limit(call: &Call<'_>) -> Result<(), Error> {
    let mut asked = Asked::new();
    let mut words = call.words();
    let ending = match asked.read(Keys::One, &mut words)? {
        None => Ending::NONE,
        Some(word) => Ending::after(word, &mut words, "COST n and ID id come last")?,
    };
    if !asked.clauses.are_limits() {
        return with_extras(call, &asked, &ending);
    }
    match asked.clauses.limits().len() {
        1 => answer::<1>(call, &asked, &ending),
        2..=4 => answer::<4>(call, &asked, &ending),
        _ => answer::<MAX_CLAUSES>(call, &asked, &ending),
    }
}

#[inline(always)]
fn answer<const N: usize>(call: &Call<'_>, asked: &Asked, ending: &Ending) -> Result<(), Error> {
    let clauses = asked.clauses.limits();
    consume::<N>(call, clauses, ending, |outcome| {
        asked.count(outcome.allowed);
        call.answer(|answer| {
            answer.array(clauses.len().saturating_add(1));
            answer.integer(u64::from(outcome.allowed));
            for verdict in outcome.verdicts.iter().take(clauses.len()) {
                reply::verdict(answer, verdict);
            }
        });
    })
}

/// A call that asks for more than limits.
#[inline(never)]
fn with_extras(call: &Call<'_>, asked: &Asked, ending: &Ending) -> Result<(), Error> {
    let of_key = asked.clauses.of_this_key();
    match of_key.limits.len().max(of_key.extras.len()) {
        0 | 1 => answer_extras::<1>(call, asked, ending),
        2..=4 => answer_extras::<4>(call, asked, ending),
        _ => answer_extras::<MAX_CLAUSES>(call, asked, ending),
    }
}

fn answer_extras<const N: usize>(
    call: &Call<'_>,
    asked: &Asked,
    ending: &Ending,
) -> Result<(), Error> {
    let (clauses, charge) = (asked.clauses.of_this_key(), ending.charge.as_ref());
    let shadows = Shadows::of(clauses);
    let group = group::asked(clauses, &shadows, ending.cost, charge.map(|charge| &charge.id))?;
    let now = call.now();
    let key = Key::<Limiters>::to_write(call)?;
    let mut outcome = GroupOutcome::<N>::undecided();
    group::decide(&mut outcome, key.get(), Group { charge, ..group }, now)?;
    group::find_memory(call, slice::from_mut(&mut outcome))?;
    record(call, key, &outcome, now);
    let allowed = outcome.outcome.allowed && outcome.admits;
    metrics::decided(allowed, clauses.limits, &outcome.outcome.verdicts);
    asked.count(allowed);
    if !allowed {
        denied(call);
    }
    group::tell(call, &shadows, &outcome, &asked.policies);
    call.answer(|answer| {
        answer.array(clauses.told().saturating_add(1));
        answer.integer(u64::from(allowed));
        group::answer(answer, clauses, &outcome);
    });
    Ok(())
}
