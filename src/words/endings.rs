//! How a command ends: with `COST n`, or with nothing more.

use super::error::{Error, Quoted};
use super::numbers::Number;
use crate::server::Words;

/// The cost that `COST n` at the end of `words` says, or 1 if nothing is there.
#[inline(always)]
pub(crate) fn cost(words: &mut Words<'_>) -> Result<u64, Error> {
    match words.next() {
        None => Ok(1),
        Some(word) if is_cost(word) => cost_after_word(words),
        Some(word) => Err(Error::Unexpected {
            was: Quoted::new(word),
            expected: "only COST n may follow the period",
        }),
    }
}

/// The number that follows the word COST, at the end of `words`.
#[inline]
pub(crate) fn cost_after_word(words: &mut Words<'_>) -> Result<u64, Error> {
    let cost = Number::COST.read(words.next().ok_or(Error::CostWithoutNumber)?)?;
    end(words, "nothing may follow COST n")?;
    Ok(cost)
}

/// Whether the word begins `COST n`.
#[inline]
pub(crate) fn is_cost(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"COST")
}

/// An error if there are more words.
#[inline]
pub(crate) fn end(words: &mut Words<'_>, expected: &'static str) -> Result<(), Error> {
    match words.next() {
        None => Ok(()),
        Some(word) => Err(Error::Unexpected { was: Quoted::new(word), expected }),
    }
}
