//! The receipt that a call leaves.

use crate::algorithm::Algorithm;
use crate::bounds::{MAX_CLAUSES, MAX_KEEP_MS, MAX_RECEIPTS, is_number, is_period};
use crate::bytes::{Sink, Source};
use crate::clause::Clause;
use crate::ids::ChargeId;
use crate::packed::{U24, U32, U40};

/// A receipt that a call leaves.
#[derive(Clone, Copy, Debug)]
pub struct NewReceipt {
    /// The id of the call.
    pub id: ChargeId,
    /// How long it is known, in ms.
    pub keep_ms: u64,
    /// What it charged to each limiter.
    pub cost: u64,
    /// How many receipts there may be at the key, at least 1.
    pub receipts_max: usize,
    limiters: [(Algorithm, U40); MAX_CLAUSES],
    count: usize,
}

impl NewReceipt {
    /// That of a call which charged `cost` to each of `clauses`.
    #[must_use]
    pub fn new(
        id: ChargeId,
        keep_ms: u64,
        receipts_max: usize,
        clauses: &[Clause],
        cost: u64,
    ) -> Self {
        let mut receipt = Self {
            id,
            keep_ms,
            cost,
            receipts_max,
            limiters: [(Algorithm::Fixed, U40::new(0)); MAX_CLAUSES],
            count: clauses.len().min(MAX_CLAUSES),
        };
        for (limiter, clause) in receipt.limiters.iter_mut().zip(clauses) {
            *limiter = (clause.algorithm, U40::new(clause.period_ms));
        }
        receipt
    }

    /// The limiters that were charged, in the order of the clauses.
    pub fn limiters(&self) -> impl ExactSizeIterator<Item = (Algorithm, u64)> + '_ {
        let limiters = self.limiters.iter().take(self.count);
        limiters.map(|(algorithm, period_ms)| (*algorithm, period_ms.get()))
    }

    /// Writes it: its fields, and its limiters.
    pub(crate) fn put(&self, sink: &mut impl Sink) {
        self.id.put(sink);
        sink.put_slice(U32::new(self.keep_ms).as_bytes());
        sink.put_slice(U40::new(self.cost).as_bytes());
        let most = u32::try_from(self.receipts_max).unwrap_or(U24::MAX);
        sink.put_slice(U24::new(most).as_bytes());
        sink.put::<1>(self.count as u64);
        for (algorithm, period_ms) in self.limiters() {
            sink.put_slice(&[algorithm.tag()]);
            sink.put::<5>(period_ms);
        }
    }

    /// Reads what [`NewReceipt::put`] wrote; nothing if no call could have left it.
    pub(crate) fn take(source: &mut Source<'_>) -> Option<Self> {
        let id = ChargeId::take(source)?;
        let keep_ms = U32::from_bytes(source.take_bytes()?).get();
        let cost = U40::from_bytes(source.take_bytes()?).get();
        let most = U24::from_bytes(source.take_bytes()?).get();
        let in_range = (1..=MAX_KEEP_MS).contains(&keep_ms)
            && is_number(cost)
            && (1..=MAX_RECEIPTS).contains(&most.into());
        if !in_range {
            return None;
        }
        let receipts_max = usize::try_from(most).ok()?;
        let count = usize::try_from(source.take::<1>()?).ok()?;
        let mut receipt = NewReceipt::new(id, keep_ms, receipts_max, &[], cost);
        if !(1..=MAX_CLAUSES).contains(&count) {
            return None;
        }
        for place in 0..count {
            let [tag] = source.take_bytes()?;
            let algorithm = Algorithm::from_tag(tag)?;
            let period_ms = source.take::<5>().filter(|period_ms| is_period(*period_ms))?;
            if receipt.limiters().any(|limiter| limiter == (algorithm, period_ms)) {
                return None;
            }
            *receipt.limiters.get_mut(place)? = (algorithm, U40::new(period_ms));
            receipt.count = place.saturating_add(1);
        }
        Some(receipt)
    }
}

impl PartialEq for NewReceipt {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.keep_ms, self.cost, self.receipts_max)
            == (other.id, other.keep_ms, other.cost, other.receipts_max)
            && self.limiters().eq(other.limiters())
    }
}

impl Eq for NewReceipt {}
