//! Reading the clauses that are no limits.

use rl_core::{Algorithm, BanClause, LeaseClause};

use super::clause::{BAN, Extra, LEASE, SHADOW};
use super::error::{Error, Quoted};
use super::limits::{Maxima, numbers};
use super::numbers::Number;
use super::periods::{named_period_ms, period_ms};

/// The clause that begins with `word`, its own words being next in `words`, as clause number
/// `clause`; nothing if no such clause begins so.
#[inline(never)]
pub(super) fn read<'a>(
    word: &[u8],
    words: &mut (impl Iterator<Item = &'a [u8]> + Clone),
    clause: usize,
    maxima: Maxima,
) -> Option<Result<Extra, Error>> {
    let (usage, read) = if word.eq_ignore_ascii_case(LEASE.0) {
        (LEASE.1, lease(words, maxima))
    } else if word.eq_ignore_ascii_case(SHADOW.0) {
        (SHADOW.1, shadow(words, maxima))
    } else if word.eq_ignore_ascii_case(BAN.0) {
        (BAN.1, ban(words))
    } else {
        return None;
    };
    let in_clause = |error| Error::InClause { clause, error: Box::new(error) };
    Some(read.map_or(Err(Error::Incomplete { clause, usage }), |read| read.map_err(in_clause)))
}

fn lease<'a>(
    words: &mut impl Iterator<Item = &'a [u8]>,
    maxima: Maxima,
) -> Option<Result<Extra, Error>> {
    let (limit, duration) = (words.next()?, words.next()?);
    Some(lease_of(limit, duration, maxima.lease).map(Extra::Lease))
}

/// So many places, at most `max`, each for so long.
pub(crate) fn lease_of(limit: &[u8], duration: &[u8], max: u64) -> Result<LeaseClause, Error> {
    let limit = Number::lease_limit(max).read(limit)?;
    Ok(LeaseClause { limit, duration_ms: named_period_ms("duration", duration)? })
}

fn shadow<'a>(
    words: &mut impl Iterator<Item = &'a [u8]>,
    maxima: Maxima,
) -> Option<Result<Extra, Error>> {
    let word = words.next()?;
    let Some(algorithm) = Algorithm::from_word(word) else {
        return Some(Err(Error::Shadow { was: Quoted::new(word) }));
    };
    Some(numbers(algorithm, words, maxima.log)?.map(Extra::Shadow))
}

fn ban<'a>(words: &mut (impl Iterator<Item = &'a [u8]> + Clone)) -> Option<Result<Extra, Error>> {
    let (refusals, period, ban) = (words.next()?, words.next()?, words.next()?);
    let max = words.clone().next().filter(|word| is_max(word));
    if max.is_some() {
        words.next();
    }
    Some(ban_of(refusals, period, ban, max).map(Extra::Ban))
}

/// Whether `word`, behind the ban of a BAN, is its max: no clause and nothing that may follow one
/// begins like a number.
pub(crate) fn is_max(word: &[u8]) -> bool {
    word.first().is_some_and(|first| first.is_ascii_digit() || b"+-.".contains(first))
}

fn ban_of(
    refusals: &[u8],
    period: &[u8],
    ban: &[u8],
    max: Option<&[u8]>,
) -> Result<BanClause, Error> {
    let refusals = Number::REFUSALS.read(refusals)?;
    let period_ms = period_ms(period)?;
    let ban_ms = named_period_ms("ban", ban)?;
    let max_ms = max.map_or(Ok(ban_ms), |max| named_period_ms("max", max))?;
    if max_ms < ban_ms {
        let was = Quoted::new(max.unwrap_or_default());
        return Err(Error::MaxBelowBan { ban: Quoted::new(ban), was });
    }
    Ok(BanClause { refusals, period_ms, ban_ms, max_ms })
}
