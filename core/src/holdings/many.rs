//! Renewals and releases of many ids: put in place at once, as one command made them.

use super::held::Holdings;
use super::note::{Item, Note};
use super::record::Dropped;
use crate::ids::ChargeId;
use crate::limiters::Limiters;
use crate::now::Now;

/// What one command does to the leases of many ids.
struct Many {
    ids: Vec<ChargeId>,
    /// For how long they are held from now; nothing if they are given back.
    duration_ms: Option<u64>,
}

impl Many {
    /// Nothing if `items` are anything else.
    fn of(items: &[Item]) -> Option<Self> {
        let (_, duration_ms) = items.first().and_then(renewed_or_released)?;
        let named = items.iter().map(|item| {
            renewed_or_released(item).filter(|(_, ms)| *ms == duration_ms).map(|(id, _)| id)
        });
        Some(Self { ids: named.collect::<Option<_>>()?, duration_ms })
    }
}

fn renewed_or_released(item: &Item) -> Option<(ChargeId, Option<u64>)> {
    match item {
        Item::Note(Note::Renew { id, duration_ms }) => Some((*id, Some(*duration_ms))),
        Item::Note(Note::Release { id }) => Some((*id, None)),
        _ => None,
    }
}

impl Holdings {
    fn change_many(&mut self, many: &Many, now: Now) -> Dropped {
        self.begin_write(now);
        let leases = self.with_leases(|leases| match many.duration_ms {
            Some(duration_ms) => leases.renew(&many.ids, duration_ms, now),
            None => leases.release(&many.ids, now),
        });
        Dropped { leases, ..Dropped::default() }
    }
}

impl Limiters {
    /// Whether all of `items` that arrived from elsewhere can be put in place here, as
    /// [`Limiters::can_record`] says of each.
    #[must_use]
    pub fn can_record_all(&self, items: &[Item], now: Now) -> bool {
        match Many::of(items) {
            Some(many) => {
                let holders = self.held().map(|leases| leases.holders(&many.ids, now).len());
                holders == Some(many.ids.len())
            }
            None => items.iter().all(|item| self.can_record(item, now)),
        }
    }

    /// Puts in place, in their order, all the items of one call that arrived from elsewhere, or
    /// those of a settle, a renewal or a release.
    pub fn record_all(&mut self, items: &[Item], now: Now) -> Dropped {
        let mut dropped = Dropped::default();
        // They may leave what only holdings can be, though no note is among them.
        if let Some(holdings) = self.holdings() {
            match Many::of(items) {
                Some(many) => dropped = holdings.change_many(&many, now),
                None => items.iter().for_each(|item| dropped.add(holdings.record(item, now))),
            }
        }
        self.end_write(now);
        dropped
    }
}
