//! RL.LIMIT: several limits on one key, all or nothing.

use rl_core::bounds::MAX_CLAUSES;

use super::asked::{Asked, Keys};
use super::consume::consume;
use super::reply;
use crate::server::Call;
use crate::words::{Ending, Error};

/// `RL.LIMIT key clause [clause ...] [COST n] [ID id [KEEP period]]`
pub(super) fn limit(call: &Call<'_>) -> Result<(), Error> {
    let mut asked = Asked::new();
    let mut words = call.words();
    let ending = match asked.read(Keys::One, &mut words)? {
        None => Ending::NONE,
        Some(word) => Ending::after(word, &mut words, "COST n and ID id come last")?,
    };
    match asked.clauses.as_slice().len() {
        1 => answer::<1>(call, &asked, &ending),
        2..=4 => answer::<4>(call, &asked, &ending),
        _ => answer::<MAX_CLAUSES>(call, &asked, &ending),
    }
}

#[inline(always)]
fn answer<const N: usize>(call: &Call<'_>, asked: &Asked, ending: &Ending) -> Result<(), Error> {
    let clauses = asked.clauses.as_slice();
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
