//! Clauses: reading those of a call or a policy, and writing them as text.

use std::fmt::Write;

use arrayvec::ArrayVec;
use rl_core::bounds::MAX_CLAUSES;
use rl_core::{Algorithm, Clause};

use super::error::{Error, Quoted};
use super::numbers::Number;
use super::periods::{period_ms, period_text};

/// Up to [`MAX_CLAUSES`] clauses, no two of the same limiter of a key; without an allocation.
pub(crate) struct Clauses {
    clauses: ArrayVec<Clause, MAX_CLAUSES>,
    /// How many are of other keys than those that are read.
    others: usize,
    /// A bit for each limiter of this key that is named, which others may share.
    named: u64,
    log_max: u64,
}

impl Clauses {
    /// None yet; a log that is read may have a limit of up to `log_max`.
    #[inline]
    pub(crate) fn new(log_max: u64) -> Self {
        Self { clauses: ArrayVec::new_const(), others: 0, named: 0, log_max }
    }

    /// The clauses in order.
    #[inline]
    pub(crate) fn as_slice(&self) -> &[Clause] {
        &self.clauses
    }

    /// Those of the key that is read.
    #[inline]
    pub(crate) fn of_this_key(&self) -> &[Clause] {
        self.clauses.get(self.others..).unwrap_or_default()
    }

    /// What is read from here on is of another key.
    pub(crate) fn begin_key(&mut self) {
        self.others = self.clauses.len();
        self.named = 0;
    }

    /// Adds `clause`.
    #[inline]
    pub(crate) fn push(&mut self, clause: Clause) -> Result<(), Error> {
        let bit = bit_of(&clause);
        if self.named & bit != 0 {
            self.find_same(&clause)?;
        }
        self.named |= bit;
        self.clauses.try_push(clause).map_err(|_| Error::TooManyClauses)
    }

    #[cold]
    fn find_same(&self, clause: &Clause) -> Result<(), Error> {
        match self.of_this_key().iter().position(|other| other.names_same_limiter(clause)) {
            Some(earlier) => {
                let earlier = self.others.saturating_add(earlier).saturating_add(1);
                Err(Error::SameLimiter { clause: self.next(), earlier })
            }
            None => Ok(()),
        }
    }

    /// Adds the clause that begins with `word`, its numbers being next in `words`.
    #[inline]
    pub(crate) fn read<'a>(
        &mut self,
        word: &[u8],
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        let algorithm = Algorithm::from_word(word).ok_or_else(|| self.no_algorithm(word, ""))?;
        self.read_numbers(algorithm, words)
    }

    /// Why `word`, where a clause may begin, or anything that `else_or` says, is wrong.
    #[cold]
    pub(crate) fn no_algorithm(&self, word: &[u8], else_or: &'static str) -> Error {
        Error::Algorithm { clause: self.next(), was: Quoted::new(word), else_or }
    }

    /// Adds the clause of `algorithm` whose numbers are next in `words`.
    #[inline]
    pub(crate) fn read_numbers<'a>(
        &mut self,
        algorithm: Algorithm,
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        let clause = self.next();
        let numbers = numbers(algorithm, words, self.log_max)
            .ok_or_else(|| Error::Incomplete { clause, usage: algorithm.usage() })?;
        self.push(numbers.map_err(|error| Error::InClause { clause, error: Box::new(error) })?)
    }

    /// The number that the next clause has, counted from 1.
    #[inline]
    pub(crate) fn next(&self) -> usize {
        self.clauses.len().saturating_add(1)
    }
}

/// One of 64 bits, the same for clauses of the same limiter; of others seldom. Looking through all
/// clauses for each one would cost more than all else in a call of many.
#[inline]
fn bit_of(clause: &Clause) -> u64 {
    /// 2^64 over the golden ratio: the highest bits of its multiples are spread evenly.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (algorithm, period_ms) = clause.id();
    let mixed = (period_ms << 3 | algorithm as u64).wrapping_mul(SPREAD);
    1 << (mixed >> 58)
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

/// `clause` as RL.LIMIT takes it.
pub(crate) fn to_text(clause: &Clause) -> String {
    let mut text = String::from(clause.algorithm.word());
    let _ = write!(text, " {}", clause.limit);
    if clause.algorithm.has_refill() {
        let _ = write!(text, " {}", clause.refill);
    }
    let _ = write!(text, " {}", period_text(clause.period_ms));
    text
}
