//! All that a key holds that is no plain one, as bytes.
//!
//! How many limiters 1, the limiters; which sections follow 1, a bit for each; and these in the
//! order of their bits: receipts, shadows, leases, the ban. A section that holds nothing is left
//! out. Each is described where it is written.

use super::held::Holdings;
use crate::bans::Ban;
use crate::bytes::{Encoded, Reach, Sink, Source};
use crate::leases::Leases;
use crate::limiters::Limiters;
use crate::receipts::Ledger;
use crate::shadows::Shadows;

const RECEIPTS: u8 = 1;
const SHADOWS: u8 = 2;
const LEASES: u8 = 4;
const BAN: u8 = 8;
const ALL: u8 = RECEIPTS | SHADOWS | LEASES | BAN;

impl Limiters {
    /// Writes all that the key holds. A [plain](Limiters::is_plain) key is written by its limiters
    /// alone instead, and an [empty](Limiters::is_empty) one not at all.
    pub fn put_mixed(&self, sink: &mut impl Sink) {
        if let Self::Mixed(holdings) = self {
            holdings.put(sink);
        }
    }

    /// Reads what [`Limiters::put_mixed`] wrote, to the end of `source`; nothing if no calls could
    /// have recorded it, or if the key is a plain one.
    #[must_use]
    pub fn take_mixed(source: &mut Source<'_>) -> Option<Self> {
        let holdings = Holdings::take(source)?;
        let is_sound = source.is_empty() && !holdings.is_plain() && !holdings.is_empty();
        is_sound.then(|| Self::Mixed(Box::new(holdings)))
    }

    /// Whether both hold the same beside the same limiters.
    fn holds_the_same(&self, other: &Self) -> bool {
        let bytes_of = |holdings: &Holdings| {
            let mut bytes = Vec::new();
            holdings.put(&mut bytes);
            bytes
        };
        match (self, other) {
            (Self::Mixed(one), Self::Mixed(other)) => bytes_of(one) == bytes_of(other),
            (Self::Mixed(holdings), _) | (_, Self::Mixed(holdings)) => holdings.is_plain(),
            _ => true,
        }
    }
}

impl PartialEq for Limiters {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice() && self.holds_the_same(other)
    }
}

impl Eq for Limiters {}

impl Holdings {
    fn put(&self, sink: &mut impl Sink) {
        let with = |section, is_there: bool| if is_there { section } else { 0 };
        self.ledger.put_limiters(sink);
        let sections = with(RECEIPTS, self.ledger.receipts() > 0)
            | with(SHADOWS, !self.shadows.as_slice().is_empty())
            | with(LEASES, self.leases.is_some())
            | with(BAN, self.ban.is_some());
        sink.put_slice(&[sections]);
        if sections & RECEIPTS != 0 {
            self.ledger.put_receipts(sink);
        }
        if sections & SHADOWS != 0 {
            self.shadows.put(sink);
        }
        self.leases().iter().for_each(|leases| leases.put(sink));
        self.ban().iter().for_each(|ban| ban.put(sink));
    }

    fn take(source: &mut Source<'_>) -> Option<Self> {
        let mut holdings = Self::of_ledger(Ledger::take_limiters_from(source)?);
        let [sections] = source.take_bytes()?;
        if sections & !ALL != 0 {
            return None;
        }
        if sections & RECEIPTS != 0 {
            holdings.ledger.take_receipts(source)?;
        }
        if sections & SHADOWS != 0 {
            holdings.shadows = Shadows::take(source)?;
        }
        if sections & LEASES != 0 {
            holdings.leases = Some(Box::new(Leases::take_from(source)?));
        }
        if sections & BAN != 0 {
            holdings.ban = Some(Box::new(Ban::take(source, Reach::Calls)?));
        }
        Some(holdings)
    }
}
