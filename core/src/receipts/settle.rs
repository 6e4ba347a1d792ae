//! What a call turns out to have cost.

use super::ledger::{Ledger, lows_of};
use super::lows::Lows;
use super::receipt::{Part, Receipt};
use crate::algorithms::State;
use crate::algorithms::bucket::Bucket;
use crate::limiter::Limiter;
use crate::math::product;
use crate::now::Now;
use crate::packed::{U40, U56};

/// How many charges a receipt remembers of one TOKEN: the first, and what settling as more has
/// added each time. One more is remembered as part of the last, so as to give back less rather
/// than more.
pub(super) const MAX_CHARGES: usize = 64;

/// What settling a charge does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing: the id is not known.
    Unknown,
    /// Nothing: it cost that much already, or is of the past.
    Same,
    /// Something is given back.
    Less,
    /// Something more is charged.
    More {
        /// Whether that needs memory that is not there yet: a longer log.
        grows: bool,
    },
}

impl Settlement {
    /// Whether there is something to record.
    #[must_use]
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Less | Self::More { .. })
    }
}

/// What a charge of `cost`, the first part of which is `part`, becomes if it is to be one of
/// `asked`: as much of that as fits, or `cost` still if it is of the past.
fn settled(limiter: &Limiter, part: &Part, cost: u64, asked: u64, now: Now) -> u64 {
    let trace = part.trace.get();
    match limiter {
        Limiter::Fixed(fixed) => fixed.settled(trace, cost, asked, now),
        Limiter::Sliding(sliding) => sliding.settled(trace, cost, asked, now),
        Limiter::Log(log) => log.settled(trace, cost, asked, now),
        Limiter::Token(bucket) => bucket.settled(cost, asked, now),
        // Places in the queue have been promised to those behind.
        Limiter::Leaky(_) => cost,
    }
}

/// Some parts of a receipt: what one limiter was charged.
struct Group {
    limiter: usize,
    start: usize,
    end: usize,
    cost: u64,
    settled: u64,
}

impl Ledger {
    /// The parts of `receipt` that begin at `start`, and what they become if the call is to have
    /// cost `asked`.
    fn group(&self, receipt: &Receipt, start: usize, asked: u64, now: Now) -> Option<Group> {
        let (limiter, end) = receipt.group(start)?;
        let limiter = usize::from(limiter);
        let parts = receipt.parts().get(start..end)?;
        let cost = parts.iter().map(|part| part.cost.get()).fold(0, u64::saturating_add);
        let first = parts.first()?;
        let settled =
            self.limiters.get(limiter).map_or(cost, |one| settled(one, first, cost, asked, now));
        Some(Group { limiter, start, end, cost, settled })
    }

    /// What settling the call `id` as one of `asked` would do.
    pub(crate) fn settlement(&self, id: &[u8], asked: u64, now: Now) -> Settlement {
        let place = self.shelf.find(id, now);
        let Some(receipt) = place.and_then(|place| self.shelf.get(place)) else {
            return Settlement::Unknown;
        };
        let (mut less, mut more, mut grows, mut start) = (false, false, false, 0);
        while let Some(group) = self.group(receipt, start, asked, now) {
            less |= group.settled < group.cost;
            more |= group.settled > group.cost;
            if let Some(Limiter::Log(log)) = self.limiters.get(group.limiter)
                && let Some(part) = receipt.parts().get(start)
                && group.settled > group.cost
            {
                grows |= log.settle_grows(part.trace.get(), group.settled, now);
            }
            start = group.end;
        }
        match (less, more) {
            (_, true) => Settlement::More { grows },
            (true, _) => Settlement::Less,
            _ => Settlement::Same,
        }
    }

    /// Has the call `id` be one of `asked`.
    pub(crate) fn settle(&mut self, id: &[u8], asked: u64, now: Now) {
        self.begin_write(now);
        let Some(place) = self.shelf.find(id, now) else { return };
        let mut start = 0;
        while let Some(receipt) = self.shelf.get(place)
            && let Some(group) = self.group(receipt, start, asked, now)
        {
            if group.settled != group.cost {
                self.settle_group(place, &group, now);
            }
            let Some((_, end)) = self.shelf.get(place).and_then(|receipt| receipt.group(start))
            else {
                return;
            };
            start = end;
        }
    }

    /// Has `group` of the receipt at `place` be what it becomes.
    fn settle_group(&mut self, place: usize, group: &Group, now: Now) {
        if self.is_ahead(group.limiter, now) {
            self.follow_to_now(group.limiter, now);
        }
        let (Some(limiter), Some(receipt)) =
            (self.limiters.get_mut(group.limiter), self.shelf.get_mut(place))
        else {
            return;
        };
        let Some(part) = receipt.parts_mut().get_mut(group.start) else { return };
        let (trace, cost, settled) = (part.trace.get(), group.cost, group.settled);
        match limiter {
            Limiter::Fixed(fixed) => fixed.settle(cost, settled),
            Limiter::Sliding(sliding) => {
                if State::is_ahead(sliding, now) {
                    *sliding = sliding.move_to(now);
                }
                sliding.settle(trace, cost, settled, now);
            }
            Limiter::Log(log) => log.settle(trace, cost, settled, now),
            Limiter::Leaky(_) => {}
            Limiter::Token(bucket) => {
                let Some(lows) = lows_of(&mut self.lows, bucket.period_ms.get()) else { return };
                if settled < cost {
                    return give_back(bucket, lows, receipt, group, now);
                }
                self.charges = self.charges.saturating_add(1);
                return charge_more(bucket, lows, receipt, group, self.charges, now);
            }
        }
        part.cost = U40::new(settled);
    }
}

/// Has the level be what it would be, had the charges of `group` been so much less: first what was
/// added last.
fn give_back(bucket: &mut Bucket, lows: &mut Lows, receipt: &mut Receipt, group: &Group, now: Now) {
    let mut level = bucket.level_now(now);
    lows.fall_to(level);
    let mut left = group.cost.saturating_sub(group.settled);
    for place in (group.start..group.end).rev() {
        let Some(part) = receipt.parts_mut().get_mut(place) else { continue };
        let taken = part.cost.get().min(left);
        if taken == 0 {
            continue;
        }
        let number = part.trace.get();
        left = left.saturating_sub(taken);
        part.cost = U40::new(part.cost.get().saturating_sub(taken));
        let parts = product(taken, bucket.period_ms.get()).min(lows.low(number));
        lows.lower(number, parts);
        level = level.saturating_sub(parts);
        if part.cost.get() == 0 && place > group.start {
            lows.leave(number);
            receipt.remove_part(place);
        }
    }
    bucket.set_level(level, now);
}

/// Charges what `group` is to have cost more, now, as the charge of that number.
fn charge_more(
    bucket: &mut Bucket,
    lows: &mut Lows,
    receipt: &mut Receipt,
    group: &Group,
    number: u64,
    now: Now,
) {
    let more = group.settled.saturating_sub(group.cost);
    let level_now = bucket.level_now(now);
    let level = level_now.saturating_add(product(more, bucket.period_ms.get()));
    lows.fall_to(level_now);
    bucket.set_level(level, now);
    let last = group.end.saturating_sub(1);
    let Some(part) = receipt.parts_mut().get_mut(last) else { return };
    // Nothing that was charged since the last part is still out, so the two are as good as one.
    let joins = part.cost.get() == 0 || lows.low(part.trace.get()) == level_now;
    if joins {
        lows.leave(part.trace.get());
        part.cost = U40::new(part.cost.get().saturating_add(more));
        part.trace = U56::new(number);
        lows.charge(number, level);
    } else if group.end.saturating_sub(group.start) < MAX_CHARGES {
        let added = Part { cost: U40::new(more), trace: U56::new(number), ..*part };
        receipt.insert_part(group.end, added);
        lows.charge(number, level);
    } else {
        part.cost = U40::new(part.cost.get().saturating_add(more));
    }
}
