//! The receipts of a key as bytes, behind its limiters.
//!
//! When the key was last written 6; how many receipts 4, and each, the one that is forgotten first
//! in front: its id with its length, time 6, keep 4, how many parts 2, and each: the place of its
//! limiter 1, cost 5, and what tells where the charge went: of a TOKEN the lowest level since 10,
//! of the others 7 (see [`Part::trace`]).

use std::collections::BTreeSet;

use super::ledger::{Ledger, lows_of};
use super::receipt::{OF_THE_PAST, Part, Receipt};
use super::settle::MAX_CHARGES;
use crate::algorithm::Algorithm;
use crate::bounds::{
    MAX_CLAUSES, MAX_KEEP_MS, MAX_LIMITERS, MAX_NUMBER, MAX_RECEIPTS, MAX_TIME_MS,
};
use crate::bytes::{Reach, Sink, Source};
use crate::ids::{ChargeId, put_id};
use crate::limiter::Limiter;
use crate::packed::{U40, U56, U80};

impl Ledger {
    /// Writes the limiters.
    pub(crate) fn put_limiters(&self, sink: &mut impl Sink) {
        sink.put::<1>(self.limiters.len() as u64);
        self.limiters.iter().for_each(|limiter| limiter.put(sink));
    }

    /// Writes the receipts, of which there is one at least.
    pub(crate) fn put_receipts(&self, sink: &mut impl Sink) {
        sink.put::<6>(self.written_ms);
        sink.put::<4>(self.shelf.len() as u64);
        for receipt in self.shelf.iter() {
            put_id(receipt.id(), sink);
            sink.put::<6>(receipt.time_ms());
            sink.put::<4>(receipt.keep_ms());
            sink.put::<2>(receipt.parts().len() as u64);
            receipt.parts().iter().for_each(|part| self.put_part(part, sink));
        }
    }

    fn put_part(&self, part: &Part, sink: &mut impl Sink) {
        sink.put_slice(&[part.limiter]);
        sink.put_slice(part.cost.as_bytes());
        match self.limiters.get(usize::from(part.limiter)) {
            Some(Limiter::Token(bucket)) => {
                let period_ms = bucket.period_ms.get();
                let lows = self.lows.iter().find(|lows| lows.period_ms == period_ms);
                let low = lows.map_or(0, |lows| lows.low(part.trace.get()));
                sink.put_slice(U80::new(low).as_bytes());
            }
            _ => sink.put_slice(part.trace.as_bytes()),
        }
    }

    /// Reads what [`Ledger::put_limiters`] wrote: the limiters, without a receipt.
    pub(crate) fn take_limiters_from(source: &mut Source<'_>) -> Option<Self> {
        let count = usize::try_from(source.take::<1>()?).ok()?;
        let mut limiters: Vec<Limiter> = Vec::new();
        for _ in 0..count {
            let limiter = Limiter::take_within(source, Reach::Settles)?;
            let in_order = limiters.last().is_none_or(|last| last.id() < limiter.id());
            if !in_order || limiters.len() == MAX_LIMITERS {
                return None;
            }
            limiters.push(limiter);
        }
        Some(Self::new(limiters))
    }

    /// Reads what [`Ledger::put_receipts`] wrote, the limiters being there.
    pub(crate) fn take_receipts(&mut self, source: &mut Source<'_>) -> Option<()> {
        self.written_ms = source.take::<6>().filter(|ms| *ms <= MAX_TIME_MS)?;
        let count = source.take::<4>().filter(|count| (1..=MAX_RECEIPTS).contains(count))?;
        let mut charges = Vec::new();
        for _ in 0..count {
            let receipt = self.take_receipt(source, &mut charges)?;
            if receipt.forgotten_at_ms() < self.shelf.forgotten_at_ms() {
                return None;
            }
            self.shelf.insert(receipt, usize::MAX);
        }
        let ids: BTreeSet<_> = self.shelf.iter().map(Receipt::id).collect();
        if ids.len() != self.shelf.len() {
            return None;
        }
        self.restore_lows(charges);
        Some(())
    }

    fn take_receipt(&self, source: &mut Source<'_>, charges: &mut Vec<Low>) -> Option<Receipt> {
        let id = ChargeId::take(source)?;
        let time_ms = source.take::<6>()?;
        let keep_ms = source.take::<4>().filter(|ms| (1..=MAX_KEEP_MS).contains(ms))?;
        let count = usize::try_from(source.take::<2>()?).ok()?;
        let mut parts: Vec<Part> = Vec::new();
        for _ in 0..count {
            parts.push(self.take_part(source, time_ms, charges)?);
        }
        let receipt = Receipt::new(id.as_bytes(), time_ms, keep_ms, &parts);
        let limiters: BTreeSet<_> = receipt.limiters().collect();
        let is_sound = receipt.is_known(self.written_ms)
            && (1..=MAX_CLAUSES).contains(&limiters.len())
            && limiters.len() == receipt.limiters().count()
            && self.are_groups_sound(&parts);
        is_sound.then_some(receipt)
    }

    /// Whether only the TOKENs have several parts, and none of more cost than there is.
    fn are_groups_sound(&self, parts: &[Part]) -> bool {
        parts.chunk_by(|one, next| one.limiter == next.limiter).all(|group| {
            let sum = group.iter().map(|part| part.cost.get()).fold(0, u64::saturating_add);
            let limiter =
                group.first().and_then(|part| self.limiters.get(usize::from(part.limiter)));
            let most = if let Some(Limiter::Token(_)) = limiter { MAX_CHARGES } else { 1 };
            let added = group.iter().skip(1);
            sum <= MAX_NUMBER
                && group.len() <= most
                && added.into_iter().all(|part| part.cost.get() > 0)
        })
    }

    fn take_part(
        &self,
        source: &mut Source<'_>,
        time_ms: u64,
        charges: &mut Vec<Low>,
    ) -> Option<Part> {
        let [limiter] = source.take_bytes()?;
        let cost = source.take::<5>().filter(|cost| *cost <= MAX_NUMBER)?;
        let of = self.limiters.get(usize::from(limiter))?;
        let trace = if let Limiter::Token(bucket) = of {
            let low = U80::from_bytes(source.take_bytes()?).get();
            // Until they are in order, its number tells which of them it is.
            let number = charges.len() as u64;
            charges.push(Low { period_ms: of.period_ms(), low, number });
            if low > bucket.level.get() {
                return None;
            }
            number
        } else {
            let trace = U56::from_bytes(source.take_bytes()?).get();
            let latest = match of.algorithm() {
                Algorithm::Sliding => time_ms.checked_div(of.period_ms())?.saturating_add(1),
                Algorithm::Leaky => OF_THE_PAST,
                _ => time_ms,
            };
            if trace > latest && trace != OF_THE_PAST {
                return None;
            }
            trace
        };
        Some(Part { limiter, cost: U40::new(cost), trace: U56::new(trace) })
    }

    /// Numbers the charges to TOKENs in the order of their lows, in which they were made.
    fn restore_lows(&mut self, mut charges: Vec<Low>) {
        charges.sort_by_key(|charge| (charge.low, charge.number));
        let mut numbers = vec![0; charges.len()];
        for charge in &charges {
            self.charges = self.charges.saturating_add(1);
            if let Some(lows) = lows_of(&mut self.lows, charge.period_ms) {
                lows.charge(self.charges, charge.low);
            }
            let place = usize::try_from(charge.number).ok();
            if let Some(number) = place.and_then(|place| numbers.get_mut(place)) {
                *number = self.charges;
            }
        }
        let limiters = &self.limiters;
        for part in self.shelf.iter_mut().flat_map(Receipt::parts_mut) {
            if let Some(Limiter::Token(_)) = limiters.get(usize::from(part.limiter)) {
                let place = usize::try_from(part.trace.get()).ok();
                let number = place.and_then(|place| numbers.get(place)).copied();
                part.trace = U56::new(number.unwrap_or_default());
            }
        }
    }
}

/// The lowest level since one charge, as it is read.
struct Low {
    period_ms: u64,
    low: u128,
    number: u64,
}
