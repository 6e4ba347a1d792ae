//! RL.FIXED, RL.SLIDING, RL.LOG, RL.TOKEN, RL.LEAKY: one limit, five integers.

use rl_core::{Algorithm, Clause};

use crate::commands::steps::consume::consume;
use crate::commands::steps::reply;
use crate::server::Call;
use crate::settings::LOG_MAX_LIMIT;
use crate::words::{Ending, Error, limits};

/// `RL.FIXED key limit period [COST n] [ID id [KEEP period]]`
pub(in crate::commands) fn fixed(call: &Call<'_>) -> Result<(), Error> {
    run(call, Algorithm::Fixed)
}

/// `RL.SLIDING key limit period [COST n] [ID id [KEEP period]]`
pub(in crate::commands) fn sliding(call: &Call<'_>) -> Result<(), Error> {
    run(call, Algorithm::Sliding)
}

/// `RL.LOG key limit period [COST n] [ID id [KEEP period]]`
pub(in crate::commands) fn log(call: &Call<'_>) -> Result<(), Error> {
    run(call, Algorithm::Log)
}

/// `RL.TOKEN key capacity refill period [COST n] [ID id [KEEP period]]`
pub(in crate::commands) fn token(call: &Call<'_>) -> Result<(), Error> {
    run(call, Algorithm::Token)
}

/// `RL.LEAKY key capacity leak period [COST n] [ID id [KEEP period]]`
pub(in crate::commands) fn leaky(call: &Call<'_>) -> Result<(), Error> {
    run(call, Algorithm::Leaky)
}

#[inline(always)]
fn run(call: &Call<'_>, algorithm: Algorithm) -> Result<(), Error> {
    let mut words = call.words();
    let Some(clause) = limits::numbers(algorithm, &mut words, LOG_MAX_LIMIT.get()) else {
        // The server checks the number of words before it calls.
        return Err(Error::Incomplete { clause: 1, usage: algorithm.usage() });
    };
    // Said again, since it is lost to the compiler in a result: it rules out four decisions of five.
    let clause = Clause { algorithm, ..clause? };
    let ending = Ending::read(&mut words)?;
    consume::<1>(call, &[clause], &ending, |outcome| {
        let [verdict] = &outcome.verdicts;
        call.answer(|answer| reply::verdict(answer, verdict));
    })
}
