//! The leases of a key as bytes.
//!
//! Limit 3, duration 5, how many leases 3, and each, the one that ends first in front: its id with
//! its length, start 6, duration 5, places 3.

use std::collections::BTreeSet;

use super::clause::LeaseClause;
use super::lease::Lease;
use super::set::Leases;
use crate::bounds::{MAX_LEASE_LIMIT, MAX_TIME_MS, is_period};
use crate::bytes::{Sink, Source};
use crate::ids::{ChargeId, put_id};

impl LeaseClause {
    pub(crate) fn put(&self, sink: &mut impl Sink) {
        sink.put::<3>(self.limit);
        sink.put::<5>(self.duration_ms);
    }

    pub(crate) fn take(source: &mut Source<'_>) -> Option<Self> {
        let limit = source.take::<3>().filter(|limit| *limit <= MAX_LEASE_LIMIT)?;
        let duration_ms = source.take::<5>().filter(|ms| is_period(*ms))?;
        Some(Self { limit, duration_ms })
    }
}

impl Leases {
    /// Writes them.
    pub(crate) fn put(&self, sink: &mut impl Sink) {
        self.clause.put(sink);
        sink.put::<3>(self.leases.len() as u64);
        for lease in &self.leases {
            put_id(lease.id(), sink);
            sink.put::<6>(lease.start_ms());
            sink.put::<5>(lease.duration_ms());
            sink.put::<3>(lease.places());
        }
    }

    /// Reads what [`Leases::put`] wrote; nothing if no calls could have taken these leases.
    pub(crate) fn take_from(source: &mut Source<'_>) -> Option<Self> {
        let mut set = Self::new(LeaseClause::take(source)?);
        let count = source.take::<3>().filter(|count| (1..=MAX_LEASE_LIMIT).contains(count))?;
        let mut held = 0_u64;
        for _ in 0..count {
            let id = ChargeId::take(source)?;
            let start_ms = source.take::<6>().filter(|ms| *ms <= MAX_TIME_MS)?;
            let duration_ms = source.take::<5>().filter(|ms| is_period(*ms))?;
            let places = source.take::<3>().filter(|places| *places > 0)?;
            held = held.saturating_add(places);
            let lease = Lease::new(id.as_bytes(), start_ms, duration_ms, places);
            if held > MAX_LEASE_LIMIT || lease.end_ms() < set.unused_at_ms() {
                return None;
            }
            set.insert(lease);
        }
        let ids: BTreeSet<_> = set.leases.iter().map(Lease::id).collect();
        (ids.len() == set.len()).then_some(set)
    }
}
