//! What a call asks for.

use crate::ids::ChargeId;

/// So many places at a key, and how long one is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseClause {
    /// How many places there are: 0 to [`MAX_LEASE_LIMIT`](crate::bounds::MAX_LEASE_LIMIT).
    pub limit: u64,
    /// How long a lease lasts unless it is renewed or released, in ms.
    pub duration_ms: u64,
}

/// A lease that a call asks for.
#[derive(Clone, Copy, Debug)]
pub struct LeaseAsk<'a> {
    /// Of how many, and for how long.
    pub clause: LeaseClause,
    /// Who asks for it.
    pub id: &'a ChargeId,
    /// How many places it takes; with 0 the call only looks.
    pub places: u64,
}
