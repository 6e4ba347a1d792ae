//! The part of a LEASE in what a call is told, and what to record of it.

use crate::holdings::Note;
use crate::leases::{LeaseAsk, judge};
use crate::limiters::Limiters;
use crate::now::Now;
use crate::verdict::Verdict;

/// What the leases of a key say to a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leased {
    /// Nothing if the call asks for no lease.
    pub(super) verdict: Option<Verdict>,
    pub(super) note: Option<Note>,
    /// Whether a lease is new, and so needs memory.
    pub(super) grows: bool,
    /// Whether a lease begins later than now.
    pub(super) stepped_back: bool,
}

impl Leased {
    pub(super) const NONE: Self =
        Self { verdict: None, note: None, grows: false, stepped_back: false };

    /// What a call is told that everything else admits.
    pub(super) fn weigh(ask: &LeaseAsk<'_>, stored: Option<&Limiters>, now: Now) -> Self {
        let mut leased = Self::without_taking(ask, stored, now);
        let leases = stored.and_then(Limiters::held);
        if !leased.admits() || ask.places == 0 {
            return leased;
        }
        let (id, places, clause) = (*ask.id, ask.places, ask.clause);
        leased.verdict = Some(judge(leases, &clause, Some(id.as_bytes()), places, true, now));
        leased.note = Some(Note::Lease { id, places, clause });
        leased.grows = leases.is_none_or(|leases| leases.find(id.as_bytes(), now).is_none());
        leased
    }

    /// What a call is told that something else denies.
    pub(super) fn without_taking(ask: &LeaseAsk<'_>, stored: Option<&Limiters>, now: Now) -> Self {
        let leases = stored.and_then(Limiters::held);
        let id = Some(ask.id.as_bytes());
        let verdict = judge(leases, &ask.clause, id, ask.places, false, now);
        let stepped_back = leases.is_some_and(|leases| leases.is_ahead(now));
        let note = stepped_back.then_some(Note::LeasesMoved);
        Self { verdict: Some(verdict), note, grows: false, stepped_back }
    }

    pub(super) fn admits(&self) -> bool {
        self.verdict.is_none_or(|verdict| verdict.allowed)
    }
}
