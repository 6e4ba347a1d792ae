//! Leases of many ids at once: one pass over all of them, however many are named.

use std::collections::VecDeque;

use super::lease::Lease;
use super::set::Leases;
use crate::ids::{ChargeId, Names};
use crate::now::Now;

/// Of fewer ids each is looked for by itself, which is cheap among digests.
const MANY: usize = 128;

impl Leases {
    /// Which of `ids` hold a lease, each once, in their order.
    pub(crate) fn holders<'a>(&self, ids: &'a [ChargeId], now: Now) -> Vec<&'a ChargeId> {
        let mut holds = vec![false; ids.len()];
        if ids.len() < MANY {
            let mut found = Vec::new();
            for (id, holds) in ids.iter().zip(&mut holds) {
                let place = self.find(id.as_bytes(), now).filter(|place| !found.contains(place));
                *holds = place.is_some();
                found.extend(place);
            }
        } else {
            let names = Names::new(ids);
            for place in self.marks.places_of(&names) {
                let lease = self.leases.get(place).filter(|lease| lease.end_ms() > now.ms());
                let name = lease.and_then(|lease| names.find(lease.id()));
                if let Some(holds) = name.and_then(|name| holds.get_mut(name)) {
                    *holds = true;
                }
            }
        }
        ids.iter().zip(holds).filter_map(|(id, holds)| holds.then_some(id)).collect()
    }

    /// Has those of `ids` that hold a lease hold it for `duration_ms` from now. How many leases
    /// have ended.
    pub(crate) fn renew(&mut self, ids: &[ChargeId], duration_ms: u64, now: Now) -> usize {
        let ended = self.begin_write(now);
        let mut renewed = self.take_out(ids, now);
        for lease in &mut renewed {
            lease.start_at(now.ms());
            lease.last_for(duration_ms);
        }
        self.put_in(renewed);
        ended
    }

    /// Gives back what `ids` hold. How many leases have ended.
    pub(crate) fn release(&mut self, ids: &[ChargeId], now: Now) -> usize {
        let ended = self.begin_write(now);
        if !self.take_out(ids, now).is_empty() {
            self.give_memory_back();
        }
        ended
    }

    /// Takes the leases of `ids` out, in the order of these.
    fn take_out(&mut self, ids: &[ChargeId], now: Now) -> Vec<Lease> {
        if ids.len() < MANY {
            let out = ids
                .iter()
                .map(|id| self.find(id.as_bytes(), now).and_then(|place| self.remove(place)));
            return out.flatten().collect();
        }
        let names = Names::new(ids);
        let mut out: Vec<_> = std::iter::repeat_with(|| None).take(ids.len()).collect();
        let mut left = VecDeque::with_capacity(self.leases.capacity());
        for lease in self.leases.drain(..) {
            match names.find(lease.id()).and_then(|name| out.get_mut(name)) {
                Some(out) => *out = Some(lease),
                None => left.push_back(lease),
            }
        }
        self.leases = left;
        let out: Vec<_> = out.into_iter().flatten().collect();
        let places = out.iter().map(Lease::places).fold(0, u64::saturating_add);
        self.held = self.held.saturating_sub(places);
        self.marks.refill(self.leases.iter().map(Lease::id));
        out
    }

    /// Puts in leases that all end at one time.
    fn put_in(&mut self, leases: Vec<Lease>) {
        if leases.len() < MANY {
            leases.into_iter().for_each(|lease| self.insert(lease));
            return;
        }
        let end_ms = leases.first().map_or(0, Lease::end_ms);
        let place = self.leases.partition_point(|other| other.end_ms() <= end_ms);
        let mut behind = self.leases.split_off(place);
        for lease in leases {
            self.held = self.held.saturating_add(lease.places());
            self.newest_ms = self.newest_ms.max(lease.start_ms());
            self.leases.push_back(lease);
        }
        self.leases.append(&mut behind);
        self.marks.refill(self.leases.iter().map(Lease::id));
    }
}
