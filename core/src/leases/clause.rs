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

/// A lease that a call asks for, beside limits or alone.
///
/// ```
/// use rl_core::{ChargeId, Group, GroupOutcome, LeaseAsk, LeaseClause, Now};
///
/// let (id, now) = (ChargeId::new(b"job-1").unwrap(), Now::from_unix_ms(1_000));
/// let clause = LeaseClause { limit: 2, duration_ms: 30_000 };
/// let lease = Some(LeaseAsk { clause, id: &id, places: 1 });
///
/// let mut outcome = GroupOutcome::<1>::undecided();
/// outcome.decide(&Group { cost: 1, lease, ..Group::default() }, now).unwrap();
/// assert!(outcome.outcome.allowed);
/// assert_eq!(outcome.lease().unwrap().remaining, 1);
///
/// let mut stored = outcome.make(now).unwrap();
/// let released = stored.releases(&[id], now);
/// assert_eq!(released.len(), 1);
/// stored.record_all(&released, now);
/// assert!(stored.is_empty());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LeaseAsk<'a> {
    /// Of how many, and for how long.
    pub clause: LeaseClause,
    /// Who asks for it.
    pub id: &'a ChargeId,
    /// How many places it takes; with 0 the call only looks.
    pub places: u64,
}
