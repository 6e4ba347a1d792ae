//! The part of a LEASE in what a call is told, and what to record of it.

use crate::holdings::Note;
use crate::ids::ChargeId;
use crate::leases::{LeaseAsk, LeaseClause, Leases, judge};
use crate::limiters::Limiters;
use crate::now::Now;
use crate::verdict::Verdict;

/// What the leases of a key say to a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leased {
    /// Nothing if the call asks for no lease.
    pub(super) verdict: Option<Verdict>,
    taken: Option<Taken>,
    /// Whether a lease begins later than now.
    pub(super) stepped_back: bool,
}

/// Places that the call takes.
#[derive(Clone, Copy, Debug)]
struct Taken {
    id: ChargeId,
    places: u64,
    clause: LeaseClause,
    /// Whether nobody of that id has any yet.
    is_new: bool,
}

impl Leased {
    pub(super) const NONE: Self = Self { verdict: None, taken: None, stepped_back: false };

    /// What a call is told that everything else admits.
    pub(super) fn weigh(ask: &LeaseAsk<'_>, stored: Option<&Limiters>, now: Now) -> Self {
        Self::of(ask, stored.and_then(Limiters::held), true, now)
    }

    /// What a call is told that something else denies.
    pub(super) fn without_taking(ask: &LeaseAsk<'_>, stored: Option<&Limiters>, now: Now) -> Self {
        Self::of(ask, stored.and_then(Limiters::held), false, now)
    }

    fn of(ask: &LeaseAsk<'_>, leases: Option<&Leases>, takes: bool, now: Now) -> Self {
        let LeaseAsk { clause, id, places } = *ask;
        let own = leases.and_then(|leases| leases.find(id.as_bytes(), now));
        let verdict = judge(leases, &clause, own, places, takes, now);
        let takes = takes && verdict.allowed && places > 0;
        Self {
            verdict: Some(verdict),
            taken: takes.then(|| Taken { id: *id, places, clause, is_new: own.is_none() }),
            stepped_back: leases.is_some_and(|leases| leases.is_ahead(now)),
        }
    }

    pub(super) fn admits(&self) -> bool {
        self.verdict.is_none_or(|verdict| verdict.allowed)
    }

    /// Whether the call takes places.
    pub(super) fn takes(&self) -> bool {
        self.taken.is_some()
    }

    /// Whether a lease is new, and so needs memory.
    pub(super) fn grows(&self) -> bool {
        self.taken.is_some_and(|taken| taken.is_new)
    }

    pub(super) fn is_write(&self) -> bool {
        self.taken.is_some() || self.stepped_back
    }

    /// What to record.
    pub(super) fn note(&self) -> Option<Note> {
        match self.taken {
            Some(Taken { id, places, clause, .. }) => Some(Note::Lease { id, places, clause }),
            None => self.stepped_back.then_some(Note::LeasesMoved),
        }
    }
}
