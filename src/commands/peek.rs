//! RL.PEEK: what stands at the key.

use rl_core::{Limiters, Row, rows};

use super::steps::reply;
use crate::server::{Answer, Call, Key};
use crate::words::Error;

/// `RL.PEEK key`
pub(super) fn peek(call: &Call<'_>) -> Result<(), Error> {
    let now = call.now();
    let key = Key::<Limiters>::to_read(call)?;
    let in_use = || key.get().into_iter().flat_map(|limiters| rows(limiters, now));
    call.answer(|answer| {
        answer.array(in_use().count());
        in_use().for_each(|one| row(answer, &one));
    });
    Ok(())
}

fn row(answer: &mut Answer<'_>, row: &Row) {
    answer.array(7);
    answer.bulk(row.name);
    reply::integer(answer, row.limit);
    reply::integer(answer, row.refill);
    reply::integer(answer, row.period_ms);
    reply::integer(answer, row.verdict.remaining);
    reply::wait(answer, row.verdict.wait);
    reply::integer(answer, row.verdict.reset_ms);
}
