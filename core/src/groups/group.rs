//! What a call asks of one key.

use crate::bans::BanClause;
use crate::clause::Clause;
use crate::ids::ChargeId;
use crate::leases::LeaseAsk;
use crate::limiters::Limiters;

/// The id that a call gives its charge, and how it is to be remembered.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// By what it is known.
    pub id: ChargeId,
    /// For how long, in ms: 1 to [`MAX_KEEP_MS`](crate::bounds::MAX_KEEP_MS).
    pub keep_ms: u64,
    /// How many receipts there may be at a key, at most
    /// [`MAX_RECEIPTS`](crate::bounds::MAX_RECEIPTS); with 0 a charge cannot have an id.
    pub receipts_max: usize,
}

/// What a call asks of one key.
///
/// Whoever asks for limits alone leaves out the rest: `..Group::default()`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Group<'a> {
    /// What the key holds; nothing if it does not exist.
    pub stored: Option<&'a Limiters>,
    /// The real limits, no two of the same limiter.
    pub clauses: &'a [Clause],
    /// The cost to each of them.
    pub cost: u64,
    /// The id of the charge, if it has one.
    pub charge: Option<&'a Charge>,
    /// A place among so many at once, if it asks for one.
    pub lease: Option<LeaseAsk<'a>>,
    /// Limits on trial, no two of the same limiter.
    pub shadows: &'a [Clause],
    /// When whoever does not wait is shut out, if ever.
    pub ban: Option<BanClause>,
}

impl Group<'_> {
    /// Whether it asks for more than limits.
    #[inline]
    pub(super) fn asks_more(&self) -> bool {
        self.lease.is_some() || self.ban.is_some() || !self.shadows.is_empty()
    }
}
