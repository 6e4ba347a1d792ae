//! Reading limits: an algorithm, and its numbers.

use rl_core::bounds::{MAX_LEASE_LIMIT, MAX_LOG_LIMIT};
use rl_core::{Algorithm, Clause};

use super::error::Error;
use super::numbers::Number;
use super::periods::period_ms;
use crate::settings::{LEASE_MAX_LIMIT, LOG_MAX_LIMIT};

/// The largest limits that may be asked for, where the server's operator has a say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maxima {
    /// Of a LOG.
    pub(crate) log: u64,
    /// Of a LEASE.
    pub(crate) lease: u64,
}

impl Maxima {
    /// Whatever can be recorded.
    pub(crate) const ALL: Self = Self { log: MAX_LOG_LIMIT, lease: MAX_LEASE_LIMIT };

    /// Those that are set.
    #[inline]
    pub(crate) fn in_force() -> Self {
        Self { log: LOG_MAX_LIMIT.get(), lease: LEASE_MAX_LIMIT.get() }
    }
}

/// The clause of `algorithm` whose numbers are next in `words`; nothing if they end early.
/// A log may have a limit of up to `log_max`.
#[inline(always)]
pub(crate) fn numbers<'a>(
    algorithm: Algorithm,
    words: &mut impl Iterator<Item = &'a [u8]>,
    log_max: u64,
) -> Option<Result<Clause, Error>> {
    let (limit, refill) = match algorithm {
        Algorithm::Fixed | Algorithm::Sliding => (Number::LIMIT, None),
        Algorithm::Log => (Number::log_limit(log_max), None),
        Algorithm::Token => (Number::CAPACITY, Some(Number::REFILL)),
        Algorithm::Leaky => (Number::CAPACITY, Some(Number::LEAK)),
    };
    let limit = (limit, words.next()?);
    let refill = match refill {
        Some(number) => Some((number, words.next()?)),
        None => None,
    };
    let read = read_numbers(limit, refill, words.next()?);
    Some(read.map(|(limit, refill, period_ms)| Clause { algorithm, limit, refill, period_ms }))
}

#[inline(always)]
fn read_numbers(
    limit: (Number, &[u8]),
    refill: Option<(Number, &[u8])>,
    period: &[u8],
) -> Result<(u64, u64, u64), Error> {
    let limit = limit.0.read(limit.1)?;
    let refill = match refill {
        Some((number, word)) => number.read(word)?,
        None => limit,
    };
    Ok((limit, refill, period_ms(period)?))
}
