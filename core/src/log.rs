//! LOG: every admitted request is remembered for one period.
//!
//! State: entries of a time and a cost; one counts while now < time + P. A call passes if the
//! sum of those that count, and its own cost, is at most L: never more in any period.

use crate::bounds::{MAX_LOG_LIMIT, MAX_TIME_MS, is_period};
use crate::clause::Clause;
use crate::entries::Entries;
use crate::limiter::{Change, Limiter};
use crate::now::Now;
use crate::standing::Standing;

/// The recorded entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How long an entry counts, in ms.
    pub period_ms: u64,
    /// The limit of the last call that was charged.
    pub limit: u64,
    /// What was admitted; never empty.
    pub entries: Entries,
}

/// What a call adds to a log: the change is small however long the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Append {
    /// How long an entry counts, in ms: which log is meant.
    pub period_ms: u64,
    /// The limit to record; ignored if the cost is 0.
    pub limit: u64,
    /// The cost admitted now; with 0, only entries from the future are moved to now.
    pub cost: u64,
}

impl Log {
    /// When the limiter is as if never used, in ms since 1970.
    #[inline]
    #[must_use]
    pub fn unused_at_ms(&self) -> u64 {
        self.entries.newest_ms().saturating_add(self.period_ms)
    }

    /// The log of these times and costs, oldest first, if a call could have recorded it.
    #[must_use]
    pub fn from_costs(
        period_ms: u64,
        limit: u64,
        costs: impl Iterator<Item = (u64, u64)>,
    ) -> Option<Self> {
        let mut entries = Entries::default();
        let (mut oldest_ms, mut sum) = (None, 0_u64);
        for (time_ms, cost) in costs {
            sum = sum.checked_add(cost)?;
            let oldest_ms = *oldest_ms.get_or_insert(time_ms);
            let in_order = entries.is_empty() || time_ms > entries.newest_ms();
            let in_period = time_ms.checked_sub(oldest_ms)? < period_ms;
            if cost == 0 || sum > limit || !in_order || !in_period || time_ms > MAX_TIME_MS {
                return None;
            }
            entries.push(time_ms, cost);
        }
        let valid = is_period(period_ms) && limit <= MAX_LOG_LIMIT && !entries.is_empty();
        valid.then_some(Self { period_ms, limit, entries })
    }

    /// Time and cost of each entry, oldest first.
    pub fn costs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.entries.iter().scan(0_u64, |before, (time_ms, total)| {
            let cost = total.saturating_sub(std::mem::replace(before, total));
            Some((time_ms, cost))
        })
    }

    /// Whether an entry is later than `now`: the clock stepped back.
    #[inline]
    pub(crate) fn is_ahead(&self, now: Now) -> bool {
        self.entries.newest_ms() > now.ms()
    }

    /// How many of the oldest entries no longer count.
    #[inline]
    fn over(&self, now: Now) -> usize {
        let counts_after = now.ms().checked_sub(self.period_ms);
        counts_after.map_or(0, |time_ms| self.entries.count_until(time_ms))
    }

    /// Moves what is in the future to now. A cost is added, and what no longer counts forgotten.
    pub(crate) fn append(&mut self, append: &Append, now: Now) {
        self.entries.move_back_to(now.ms());
        if append.cost > 0 {
            self.entries.drop_first(self.over(now));
            self.limit = append.limit;
            self.entries.push(now.ms(), append.cost);
        }
    }

    /// Whether the log is longer after an append of some cost now.
    pub(crate) fn grows(&self, now: Now) -> bool {
        self.entries.newest_ms() < now.ms() && self.over(now) == 0
    }

    /// Whether `append` keeps the sum within the limit that it records.
    pub(crate) fn has_room_for(&self, append: &Append, now: Now) -> bool {
        let used = self.entries.sum().saturating_sub(self.entries.sum_of_first(self.over(now)));
        append.cost == 0 || used.saturating_add(append.cost) <= append.limit
    }
}

impl Append {
    /// Whether every number is one that a call could have recorded.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        is_period(self.period_ms) && self.limit <= MAX_LOG_LIMIT && self.cost <= self.limit
    }

    /// A log that has seen nothing but this; none if nothing was admitted.
    pub(crate) fn into_log(self, now: Now) -> Option<Log> {
        (self.cost > 0).then(|| {
            let mut entries = Entries::default();
            entries.push(now.ms(), self.cost);
            Log { period_ms: self.period_ms, limit: self.limit, entries }
        })
    }
}

/// A log at one moment.
pub(crate) struct LogStanding<'a> {
    clause: &'a Clause,
    now_ms: u64,
    stored: Option<&'a Log>,
    /// Cost of the entries that no longer count.
    over: u64,
    used: u64,
    /// When the last entry leaves.
    end_ms: u64,
}

impl<'a> LogStanding<'a> {
    #[inline]
    pub(crate) fn new(stored: Option<&'a Log>, clause: &'a Clause, now: Now) -> Self {
        let mut standing = Self { clause, now_ms: now.ms(), stored, over: 0, used: 0, end_ms: 0 };
        if let Some(log) = stored {
            standing.over = log.entries.sum_of_first(log.over(now));
            standing.used = log.entries.sum().saturating_sub(standing.over);
            standing.end_ms = standing.leaves_at_ms(log.entries.newest_ms());
        }
        standing
    }

    /// When an entry of `time_ms` leaves; one from the future counts as of now.
    #[inline]
    fn leaves_at_ms(&self, time_ms: u64) -> u64 {
        time_ms.min(self.now_ms).saturating_add(self.clause.period_ms)
    }
}

impl Standing for LogStanding<'_> {
    #[inline]
    fn admits(&self, cost: u64) -> bool {
        self.used.saturating_add(cost) <= self.clause.limit
    }

    fn wait_ms(&self, cost: u64) -> u64 {
        let must_leave = self.used.saturating_add(cost).saturating_sub(self.clause.limit);
        let leaves_at_ms = self.stored.map_or(self.now_ms, |log| {
            self.leaves_at_ms(log.entries.time_of_total(self.over.saturating_add(must_leave)))
        });
        leaves_at_ms.saturating_sub(self.now_ms)
    }

    #[inline]
    fn charge(&mut self, cost: u64) {
        self.used = self.used.saturating_add(cost);
        self.end_ms = self.leaves_at_ms(self.now_ms);
    }

    #[inline]
    fn remaining(&self) -> u64 {
        self.clause.limit.saturating_sub(self.used)
    }

    #[inline]
    fn reset_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.now_ms)
    }

    #[inline]
    fn record(&self, cost: u64) -> Change {
        Limiter::Log(Append { period_ms: self.clause.period_ms, limit: self.clause.limit, cost })
    }
}
