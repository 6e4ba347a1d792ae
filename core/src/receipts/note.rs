//! What a call or a settle changes of receipts: what replicas are told beside the changes of
//! limiters.

use super::id::ChargeId;
use crate::algorithm::Algorithm;
use crate::bounds::{MAX_CLAUSES, MAX_KEEP_MS, MAX_NUMBER, MAX_RECEIPTS, is_number, is_period};
use crate::bytes::{Sink, Source};
use crate::clause::Clause;
use crate::limiter::Change;
use crate::packed::{U24, U32, U40};

/// Tags go on behind those of the algorithms, which leaves room for more of these.
const RECEIPT: u8 = 64;
const SETTLE: u8 = 65;

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
}

impl PartialEq for NewReceipt {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.keep_ms, self.cost, self.receipts_max)
            == (other.id, other.keep_ms, other.cost, other.receipts_max)
            && self.limiters().eq(other.limiters())
    }
}

impl Eq for NewReceipt {}

/// What is to be recorded of receipts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A call left a receipt.
    Receipt(NewReceipt),
    /// A call turned out to have cost something else.
    Settle {
        /// The id of the call.
        id: ChargeId,
        /// What it cost.
        cost: u64,
    },
}

impl Note {
    /// Writes it: a tag, and its fields.
    pub fn put(&self, sink: &mut impl Sink) {
        match self {
            Self::Receipt(receipt) => {
                sink.put_slice(&[RECEIPT]);
                receipt.id.put(sink);
                sink.put_slice(U32::new(receipt.keep_ms).as_bytes());
                sink.put_slice(U40::new(receipt.cost).as_bytes());
                let most = u32::try_from(receipt.receipts_max).unwrap_or(U24::MAX);
                sink.put_slice(U24::new(most).as_bytes());
                sink.put::<1>(receipt.count as u64);
                for (algorithm, period_ms) in receipt.limiters() {
                    sink.put_slice(&[algorithm.tag()]);
                    sink.put::<5>(period_ms);
                }
            }
            Self::Settle { id, cost } => {
                sink.put_slice(&[SETTLE]);
                id.put(sink);
                sink.put::<5>(*cost);
            }
        }
    }

    /// Reads what [`Note::put`] wrote; nothing if no call or settle could have made it.
    #[must_use]
    pub fn take(source: &mut Source<'_>) -> Option<Self> {
        match source.take_bytes::<1>()? {
            [RECEIPT] => take_receipt(source).map(Self::Receipt),
            [SETTLE] => {
                let id = ChargeId::take(source)?;
                let cost = source.take::<5>().filter(|cost| *cost <= MAX_NUMBER)?;
                Some(Self::Settle { id, cost })
            }
            _ => None,
        }
    }
}

fn take_receipt(source: &mut Source<'_>) -> Option<NewReceipt> {
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

/// Anything that is to be recorded at a key that has receipts, or is to have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Of a limiter.
    Change(Change),
    /// Of a receipt.
    Note(Note),
}

impl Item {
    /// Writes it as the change or the note that it is: their tags differ.
    pub fn put(&self, sink: &mut impl Sink) {
        match self {
            Self::Change(change) => change.put(sink),
            Self::Note(note) => note.put(sink),
        }
    }

    /// Reads what [`Item::put`] wrote; nothing if no call or settle could have made it.
    #[must_use]
    pub fn take(source: &mut Source<'_>) -> Option<Self> {
        match source.0.first()? {
            &RECEIPT | &SETTLE => Note::take(source).map(Self::Note),
            _ => Change::take_settled(source).map(Self::Change),
        }
    }
}
