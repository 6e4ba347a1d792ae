//! RL.THROTTLE and CL.THROTTLE: redis-cell's command and reply, over a token bucket.

use rl_core::{Clause, Verdict, Wait};

use crate::commands::steps::consume::consume;
use crate::commands::steps::reply;
use crate::server::{Answer, Call};
use crate::words::endings::end;
use crate::words::numbers::Number;
use crate::words::periods::period_ms;
use crate::words::{Ending, Error};

/// `RL.THROTTLE key max_burst count period [quantity]`
pub(in crate::commands) fn throttle(call: &Call<'_>) -> Result<(), Error> {
    let mut words = call.words();
    let mut next = || words.next().unwrap_or_default();
    let capacity = Number::MAX_BURST.read(next())?.saturating_add(1);
    let count = Number::COUNT.read(next())?;
    let period_ms = period_ms(next())?;
    let quantity = words.next().map_or(Ok(1), |word| Number::QUANTITY.read(word))?;
    end(&mut words, "nothing may follow quantity")?;
    let clause = Clause::token(capacity, count, period_ms);
    consume::<1>(call, &[clause], &Ending::of_cost(quantity), |outcome| {
        let [verdict] = &outcome.verdicts;
        call.answer(|answer| cell_verdict(answer, verdict));
    })
}

/// Limited, limit, remaining, seconds to retry, seconds to full.
fn cell_verdict(answer: &mut Answer<'_>, verdict: &Verdict) {
    answer.array(5);
    answer.integer(u64::from(!verdict.allowed));
    reply::integer(answer, verdict.limit);
    reply::integer(answer, verdict.remaining);
    match verdict.wait {
        Wait::Ms(ms) if !verdict.allowed => reply::integer(answer, seconds(ms)),
        _ => answer.minus_one(),
    }
    reply::integer(answer, seconds(verdict.reset_ms));
}

/// Whole seconds, rounded up: who waits that long has waited long enough.
fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1000)
}
