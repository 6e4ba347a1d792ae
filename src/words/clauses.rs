//! The clauses of a call or a policy, in the order in which they are read.

use arrayvec::ArrayVec;
use rl_core::bounds::MAX_CLAUSES;
use rl_core::{Algorithm, BanClause, Clause, LeaseClause};

use super::clause::{AnyClause, Extra};
use super::error::{Error, Quoted};
use super::extras;
use super::limits::{Maxima, numbers};

/// Up to [`MAX_CLAUSES`] clauses, no two at a key that nothing tells apart; without an allocation.
pub(crate) struct Clauses {
    limits: ArrayVec<Clause, MAX_CLAUSES>,
    extras: ArrayVec<Placed, MAX_CLAUSES>,
    /// How many limits, and how many others, are of other keys than that which is read.
    others: (usize, usize),
    /// A bit for each limiter of this key that is named, which others may share.
    named: u64,
    maxima: Maxima,
}

/// A clause that is no limit, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placed {
    /// How many limits of its key come before it.
    before: usize,
    pub(crate) extra: Extra,
    /// The policy that brought it, if one did: which of those that the call names.
    pub(crate) policy: Option<usize>,
}

/// The clauses of one key.
#[derive(Clone, Copy)]
pub(crate) struct OfKey<'a> {
    pub(crate) limits: &'a [Clause],
    pub(crate) extras: &'a [Placed],
}

impl Clauses {
    /// None yet; none that is read may have a limit above `maxima`.
    #[inline]
    pub(crate) fn new(maxima: Maxima) -> Self {
        Self {
            limits: ArrayVec::new_const(),
            extras: ArrayVec::new_const(),
            others: (0, 0),
            named: 0,
            maxima,
        }
    }

    /// The limits in order.
    #[inline]
    pub(crate) fn limits(&self) -> &[Clause] {
        &self.limits
    }

    /// Whether all of them are limits.
    #[inline]
    pub(crate) fn are_limits(&self) -> bool {
        self.extras.is_empty()
    }

    /// Those of the key that is read.
    #[inline]
    pub(crate) fn of_this_key(&self) -> OfKey<'_> {
        let (limits, extras) = self.others;
        OfKey {
            limits: self.limits.get(limits..).unwrap_or_default(),
            extras: self.extras.get(extras..).unwrap_or_default(),
        }
    }

    /// So many limits and others, behind so many.
    pub(crate) fn part(&self, before: (usize, usize), count: (usize, usize)) -> OfKey<'_> {
        let limits = self.limits.get(before.0..).and_then(|rest| rest.get(..count.0));
        let extras = self.extras.get(before.1..).and_then(|rest| rest.get(..count.1));
        OfKey { limits: limits.unwrap_or_default(), extras: extras.unwrap_or_default() }
    }

    /// What is read from here on is of another key. How many limits and others come before it.
    pub(crate) fn begin_key(&mut self) -> (usize, usize) {
        self.others = (self.limits.len(), self.extras.len());
        self.named = 0;
        self.others
    }

    /// Adds `limit`.
    #[inline]
    pub(crate) fn push(&mut self, limit: Clause) -> Result<(), Error> {
        let bit = bit_of(&limit);
        if self.named & bit != 0 {
            self.find_same(&limit)?;
        }
        self.named |= bit;
        if self.next() > MAX_CLAUSES {
            return Err(Error::TooManyClauses);
        }
        self.limits.try_push(limit).map_err(|_| Error::TooManyClauses)
    }

    /// Adds a clause that a policy brings: which of those that the call names.
    pub(crate) fn push_of_policy(&mut self, clause: AnyClause, policy: usize) -> Result<(), Error> {
        match clause {
            AnyClause::Limit(limit) => self.push(limit),
            AnyClause::Extra(extra) => self.push_extra(extra, Some(policy)),
        }
    }

    fn push_extra(&mut self, extra: Extra, policy: Option<usize>) -> Result<(), Error> {
        let of_key = self.of_this_key();
        if let Some(earlier) = of_key.extras.iter().find(|placed| is_same(&placed.extra, &extra)) {
            return Err(self.second(&extra, earlier));
        }
        if self.next() > MAX_CLAUSES {
            return Err(Error::TooManyClauses);
        }
        let placed = Placed { before: of_key.limits.len(), extra, policy };
        self.extras.try_push(placed).map_err(|_| Error::TooManyClauses)
    }

    #[cold]
    fn second(&self, extra: &Extra, earlier: &Placed) -> Error {
        let clause = self.next();
        match extra {
            Extra::Shadow(_) => {
                Error::SameLimiter { clause, earlier: self.number_of_extra(earlier) }
            }
            Extra::Lease(_) => Error::SecondOfKey { clause, word: "LEASE" },
            Extra::Ban(_) => Error::SecondOfKey { clause, word: "BAN" },
        }
    }

    /// The number of a clause of this key that is no limit, counted from 1 over all of them.
    fn number_of_extra(&self, placed: &Placed) -> usize {
        let of_key = self.of_this_key();
        let extras = of_key.extras.iter().take_while(|other| !std::ptr::eq(*other, placed));
        let (limits, others) = self.others;
        [limits, others, placed.before, extras.count(), 1].into_iter().sum()
    }

    #[cold]
    fn find_same(&self, limit: &Clause) -> Result<(), Error> {
        let of_key = self.of_this_key();
        match of_key.limits.iter().position(|other| other.names_same_limiter(limit)) {
            Some(place) => {
                let extras = of_key.extras.iter().filter(|extra| extra.before <= place).count();
                let (limits, others) = self.others;
                let earlier = [limits, others, place, extras, 1].into_iter().sum();
                Err(Error::SameLimiter { clause: self.next(), earlier })
            }
            None => Ok(()),
        }
    }

    /// Adds the clause that begins with `word`, what belongs to it being next in `words`.
    pub(crate) fn read<'a>(
        &mut self,
        word: &[u8],
        words: &mut (impl Iterator<Item = &'a [u8]> + Clone),
    ) -> Result<(), Error> {
        match Algorithm::from_word(word) {
            Some(algorithm) => self.read_numbers(algorithm, words),
            None if self.read_extra(word, words)? => Ok(()),
            None => Err(self.no_clause(word, false, "")),
        }
    }

    /// Why `word`, where a clause of a call or of a policy may begin, or anything that `else_or`
    /// says, is wrong.
    #[cold]
    pub(crate) fn no_clause(&self, word: &[u8], in_call: bool, else_or: &'static str) -> Error {
        Error::NoSuchClause { clause: self.next(), was: Quoted::new(word), in_call, else_or }
    }

    /// Adds the limit of `algorithm` whose numbers are next in `words`.
    #[inline]
    pub(crate) fn read_numbers<'a>(
        &mut self,
        algorithm: Algorithm,
        words: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        let clause = self.next();
        let numbers = numbers(algorithm, words, self.maxima.log)
            .ok_or_else(|| Error::Incomplete { clause, usage: algorithm.usage() })?;
        self.push(numbers.map_err(|error| Error::InClause { clause, error: Box::new(error) })?)
    }

    /// Adds the clause that is no limit and begins with `word`; false if none begins so.
    pub(crate) fn read_extra<'a>(
        &mut self,
        word: &[u8],
        words: &mut (impl Iterator<Item = &'a [u8]> + Clone),
    ) -> Result<bool, Error> {
        match extras::read(word, words, self.next(), self.maxima) {
            Some(extra) => self.push_extra(extra?, None).map(|()| true),
            None => Ok(false),
        }
    }

    /// The number that the next clause has, counted from 1.
    #[inline]
    pub(crate) fn next(&self) -> usize {
        self.limits.len().saturating_add(self.extras.len()).saturating_add(1)
    }

    /// All of them, in the order in which they were read; of one key only.
    pub(crate) fn all(&self) -> Vec<AnyClause> {
        self.of_this_key().in_order().collect()
    }
}

impl<'a> OfKey<'a> {
    /// Whether there is none.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.limits.is_empty() && self.extras.is_empty()
    }

    /// In the order in which they were read.
    pub(crate) fn in_order(self) -> impl Iterator<Item = AnyClause> + 'a {
        let Self { limits, extras } = self;
        let behind = |place: usize| {
            let of_place = extras.iter().filter(move |placed| placed.before == place);
            of_place.map(|placed| AnyClause::Extra(placed.extra))
        };
        (0..=limits.len()).flat_map(move |place| {
            behind(place).chain(limits.get(place).map(|limit| AnyClause::Limit(*limit)))
        })
    }

    /// The place that is asked for.
    pub(crate) fn lease(self) -> Option<LeaseClause> {
        self.extras.iter().find_map(|placed| match placed.extra {
            Extra::Lease(lease) => Some(lease),
            _ => None,
        })
    }

    /// When who does not wait is shut out.
    pub(crate) fn ban(self) -> Option<BanClause> {
        self.extras.iter().find_map(|placed| match placed.extra {
            Extra::Ban(ban) => Some(ban),
            _ => None,
        })
    }

    /// The limits on trial, each with the policy that brought it.
    pub(crate) fn shadows(self) -> impl Iterator<Item = (Clause, Option<usize>)> + 'a {
        self.extras.iter().filter_map(|placed| match placed.extra {
            Extra::Shadow(limit) => Some((limit, placed.policy)),
            _ => None,
        })
    }

    /// How many of them an answer tells of.
    pub(crate) fn told(self) -> usize {
        let silent = self.shadows().count();
        self.limits.len().saturating_add(self.extras.len()).saturating_sub(silent)
    }
}

/// Whether nothing tells the two apart.
fn is_same(one: &Extra, other: &Extra) -> bool {
    match (one, other) {
        (Extra::Shadow(one), Extra::Shadow(other)) => one.names_same_limiter(other),
        (Extra::Lease(_), Extra::Lease(_)) | (Extra::Ban(_), Extra::Ban(_)) => true,
        _ => false,
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
