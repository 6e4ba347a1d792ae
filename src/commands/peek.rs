//! RL.PEEK: what stands at the key.

use rl_core::{Algorithm, Limiters, Peeked, peek as peek_at};

use super::error::Error;
use super::reply;
use crate::server::{Call, Key};

/// `RL.PEEK key`
pub(super) fn peek(call: &Call<'_>) -> Result<(), Error> {
    let now = call.now();
    let key = Key::<Limiters>::to_read(call)?;
    let in_use = || key.get().into_iter().flat_map(|limiters| peek_at(limiters, now));
    call.reply_array(in_use().count());
    in_use().for_each(|peeked| answer(call, &peeked));
    Ok(())
}

fn answer(call: &Call<'_>, Peeked { clause, verdict }: &Peeked) {
    call.reply_array(7);
    call.reply_bulk(name(clause.algorithm));
    reply::integer(call, clause.limit);
    reply::integer(call, clause.refill);
    reply::integer(call, clause.period_ms);
    reply::integer(call, verdict.remaining);
    reply::wait(call, verdict.wait);
    reply::integer(call, verdict.reset_ms);
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Fixed => "fixed",
        Algorithm::Sliding => "sliding",
        Algorithm::Log => "log",
        Algorithm::Token => "token",
        Algorithm::Leaky => "leaky",
    }
}
