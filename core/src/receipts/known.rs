//! What a receipt says where its call is made again.

use super::ledger::Ledger;
use super::receipt::Receipt;
use crate::algorithm::Algorithm;
use crate::clause::Clause;
use crate::limiter::Limiter;
use crate::now::Now;

/// A call that was made before, and is known.
pub(crate) struct KnownCall<'a> {
    receipt: &'a Receipt,
    limiters: &'a [Limiter],
}

impl Ledger {
    /// The call of that id, if it is known.
    #[inline]
    pub(crate) fn known_call(&self, id: &[u8], now: Now) -> Option<KnownCall<'_>> {
        let receipt = self.shelf.get(self.shelf.find(id, now)?)?;
        Some(KnownCall { receipt, limiters: &self.limiters })
    }
}

impl KnownCall<'_> {
    /// Whether it charged the limiters of `clauses`, in any order, and no other.
    pub(crate) fn is_of(&self, clauses: &[Clause]) -> bool {
        let is_named = |limiter: u8| {
            let limiter = self.limiters.get(usize::from(limiter));
            limiter.is_some_and(|one| clauses.iter().any(|clause| clause.id() == one.id()))
        };
        self.receipt.limiters().count() == clauses.len() && self.receipt.limiters().all(is_named)
    }

    /// What is left of the time that `clause` told to hold.
    pub(crate) fn hold_left_ms(&self, clause: &Clause, now: Now) -> u64 {
        if clause.algorithm != Algorithm::Leaky {
            return 0;
        }
        let id_of = |limiter: u8| self.limiters.get(usize::from(limiter)).map(Limiter::id);
        let mut parts = self.receipt.parts().iter();
        let part = parts.find(|part| id_of(part.limiter) == Some(clause.id()));
        let held_ms = now.ms().saturating_sub(self.receipt.time_ms());
        part.map_or(0, |part| part.trace.get()).saturating_sub(held_ms)
    }
}
