//! What is recorded beside the changes of limiters: what replicas are told of it.

use crate::bans::Ban;
use crate::bounds::{MAX_LEASE_LIMIT, MAX_NUMBER, is_period};
use crate::bytes::{Encoded, Reach, Sink, Source};
use crate::ids::ChargeId;
use crate::leases::LeaseClause;
use crate::limiter::Change;
use crate::receipts::NewReceipt;

/// Tags go on behind those of the algorithms, which leaves room for more of these.
const RECEIPT: u8 = 64;
const SETTLE: u8 = 65;
const LEASE: u8 = 66;
const RENEW: u8 = 67;
const RELEASE: u8 = 68;
const LEASES_MOVED: u8 = 69;
const SHADOW: u8 = 70;
const BAN: u8 = 71;

/// What is to be recorded of anything but real limiters.
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
    /// A call took places.
    Lease {
        /// Who holds them from now on.
        id: ChargeId,
        /// How many: 1 to [`MAX_LEASE_LIMIT`].
        places: u64,
        /// Of how many, and for how long.
        clause: LeaseClause,
    },
    /// A lease is held for longer.
    Renew {
        /// Who holds it.
        id: ChargeId,
        /// For how long from now, in ms.
        duration_ms: u64,
    },
    /// A lease is given back.
    Release {
        /// Who held it.
        id: ChargeId,
    },
    /// Leases from the future were moved to now.
    LeasesMoved,
    /// A limit on trial was charged, or its limiter moved to now.
    Shadow(Change),
    /// A refusal was taken down, or moved to now: all that is recorded of it from now on.
    Ban(Ban),
}

impl Note {
    /// Writes it: a tag, and its fields.
    pub fn put(&self, sink: &mut impl Sink) {
        match self {
            Self::Receipt(receipt) => {
                sink.put_slice(&[RECEIPT]);
                receipt.put(sink);
            }
            Self::Settle { id, cost } => {
                sink.put_slice(&[SETTLE]);
                id.put(sink);
                sink.put::<5>(*cost);
            }
            Self::Lease { id, places, clause } => {
                sink.put_slice(&[LEASE]);
                id.put(sink);
                sink.put::<3>(*places);
                clause.put(sink);
            }
            Self::Renew { id, duration_ms } => {
                sink.put_slice(&[RENEW]);
                id.put(sink);
                sink.put::<5>(*duration_ms);
            }
            Self::Release { id } => {
                sink.put_slice(&[RELEASE]);
                id.put(sink);
            }
            Self::LeasesMoved => sink.put_slice(&[LEASES_MOVED]),
            Self::Shadow(change) => {
                sink.put_slice(&[SHADOW]);
                change.put(sink);
            }
            Self::Ban(ban) => {
                sink.put_slice(&[BAN]);
                ban.put(sink);
            }
        }
    }

    /// Reads what [`Note::put`] wrote; nothing if no call could have made it.
    #[must_use]
    pub fn take(source: &mut Source<'_>) -> Option<Self> {
        match source.take_bytes::<1>()? {
            [RECEIPT] => NewReceipt::take(source).map(Self::Receipt),
            [SETTLE] => {
                let id = ChargeId::take(source)?;
                let cost = source.take::<5>().filter(|cost| *cost <= MAX_NUMBER)?;
                Some(Self::Settle { id, cost })
            }
            [LEASE] => {
                let id = ChargeId::take(source)?;
                let places = source.take::<3>();
                let places = places.filter(|places| (1..=MAX_LEASE_LIMIT).contains(places))?;
                Some(Self::Lease { id, places, clause: LeaseClause::take(source)? })
            }
            [RENEW] => {
                let id = ChargeId::take(source)?;
                let duration_ms = source.take::<5>().filter(|ms| is_period(*ms))?;
                Some(Self::Renew { id, duration_ms })
            }
            [RELEASE] => ChargeId::take(source).map(|id| Self::Release { id }),
            [LEASES_MOVED] => Some(Self::LeasesMoved),
            [SHADOW] => Change::take(source).map(Self::Shadow),
            [BAN] => Ban::take(source, Reach::Calls).map(Self::Ban),
            _ => None,
        }
    }
}

/// Anything that is to be recorded at a key that holds more than limiters, or is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// Of a real limiter.
    Change(Change),
    /// Of anything else.
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

    /// Reads what [`Item::put`] wrote; nothing if no call could have made it.
    #[must_use]
    pub fn take(source: &mut Source<'_>) -> Option<Self> {
        match source.0.first()? {
            RECEIPT..=BAN => Note::take(source).map(Self::Note),
            _ => Change::take_settled(source).map(Self::Change),
        }
    }
}
