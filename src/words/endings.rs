//! How a command ends: with `[COST n] [ID id [KEEP period]]`, or with nothing more.

use rl_core::bounds::DEFAULT_KEEP_MS;
use rl_core::{Charge, ChargeId};

use super::error::{Error, Quoted};
use super::numbers::Number;
use super::periods::keep_ms;
use crate::server::Words;
use crate::settings::RECEIPTS_MAX;

/// What the end of a call says.
pub(crate) struct Ending {
    /// Its cost.
    pub(crate) cost: u64,
    /// The id of its charge, if it has one.
    pub(crate) charge: Option<Charge>,
}

impl Ending {
    /// That of a call that ends without one of the words.
    pub(crate) const NONE: Self = Self::of_cost(1);

    /// That of a call without an id.
    pub(crate) const fn of_cost(cost: u64) -> Self {
        Self { cost, charge: None }
    }

    /// What `words` say, all of which are the end of a call.
    #[inline(always)]
    pub(crate) fn read(words: &mut Words<'_>) -> Result<Self, Error> {
        match words.next() {
            None => Ok(Self::NONE),
            Some(word) => Self::after(word, words, "only COST n and ID id may follow the period"),
        }
    }

    /// What `word` and all of `words` say. Anything else than an ending is not `expected`.
    #[inline]
    pub(crate) fn after(
        word: &[u8],
        words: &mut Words<'_>,
        expected: &'static str,
    ) -> Result<Self, Error> {
        if !is_cost(word) {
            return charge(word, words, expected).map(|charge| Self { cost: 1, charge });
        }
        let cost = cost(words)?;
        match words.next() {
            None => Ok(Self::of_cost(cost)),
            Some(word) => charge(word, words, "only ID id may follow COST n")
                .map(|charge| Self { cost, charge }),
        }
    }
}

/// The id that `word` and all of `words` say. Anything else is not `expected`.
#[inline(never)]
pub(crate) fn charge(
    word: &[u8],
    words: &mut Words<'_>,
    expected: &'static str,
) -> Result<Option<Charge>, Error> {
    if !is_id(word) {
        return Err(Error::Unexpected { was: Quoted::new(word), expected });
    }
    let Some(word) = words.next() else { return Err(Error::IdWithoutText) };
    let id = id(word)?;
    let keep_ms = match words.next() {
        None => DEFAULT_KEEP_MS,
        Some(word) if word.eq_ignore_ascii_case(b"KEEP") => {
            let Some(period) = words.next() else { return Err(Error::KeepWithoutPeriod) };
            keep_ms(period)?
        }
        Some(word) => {
            let expected = "only KEEP period may follow ID id";
            return Err(Error::Unexpected { was: Quoted::new(word), expected });
        }
    };
    end(words, "nothing may follow KEEP period")?;
    let receipts_max = usize::try_from(RECEIPTS_MAX.get()).unwrap_or(0);
    Ok(Some(Charge { id, keep_ms, receipts_max }))
}

/// The id that `word` is.
pub(crate) fn id(word: &[u8]) -> Result<ChargeId, Error> {
    ChargeId::new(word).ok_or(Error::Id { len: word.len() })
}

/// The number that follows the word COST.
#[inline]
pub(crate) fn cost(words: &mut Words<'_>) -> Result<u64, Error> {
    match words.next() {
        Some(word) => Number::COST.read(word),
        None => Err(Error::CostWithoutNumber),
    }
}

/// Whether the word begins `COST n`.
#[inline]
pub(crate) fn is_cost(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"COST")
}

/// Whether the word begins `ID id`.
#[inline]
pub(crate) fn is_id(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"ID")
}

/// An error if there are more words.
#[inline]
pub(crate) fn end(words: &mut Words<'_>, expected: &'static str) -> Result<(), Error> {
    match words.next() {
        None => Ok(()),
        Some(word) => Err(Error::Unexpected { was: Quoted::new(word), expected }),
    }
}
