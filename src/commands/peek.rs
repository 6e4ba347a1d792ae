//! RL.PEEK: what stands at the key.

use rl_core::{Limiters, Peeked, peek as peek_at};

use super::reply;
use crate::server::{Answer, Call, Key};
use crate::words::Error;

/// `RL.PEEK key`
pub(super) fn peek(call: &Call<'_>) -> Result<(), Error> {
    let now = call.now();
    let key = Key::<Limiters>::to_read(call)?;
    let in_use = || key.get().into_iter().flat_map(|limiters| peek_at(limiters, now));
    call.answer(|answer| {
        answer.array(in_use().count());
        in_use().for_each(|peeked| limiter(answer, &peeked));
    });
    Ok(())
}

fn limiter(answer: &mut Answer<'_>, Peeked { clause, verdict }: &Peeked) {
    answer.array(7);
    answer.bulk(clause.algorithm.name());
    reply::integer(answer, clause.limit);
    reply::integer(answer, clause.refill);
    reply::integer(answer, clause.period_ms);
    reply::integer(answer, verdict.remaining);
    reply::wait(answer, verdict.wait);
    reply::integer(answer, verdict.reset_ms);
}
