//! LOG: every admitted request is remembered for one period.
//!
//! State: entries of a time and a cost; one counts while now < time + P. A call passes if the
//! sum of those that count, and its own cost, is at most L: never more in any period.

use super::Standing;
use super::entries::Entries;
use super::state::{Record, State, record};
use crate::algorithm::Algorithm;
use crate::bounds::{MAX_LOG_LIMIT, MAX_TIME_MS, is_period};
use crate::bytes::{Encoded, Reach, Sink, Source};
use crate::clause::Clause;
use crate::now::Now;
use crate::packed::U40;
use crate::relocate::Relocate;

/// The recorded entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// How long an entry counts, in ms.
    pub period_ms: u64,
    /// The limit of the last call that was charged.
    pub limit: u64,
    /// What was admitted; empty only where all of it was given back.
    pub entries: Entries,
}

record! {
    /// What a call adds to a log: the change is small however long the log is.
    pub struct Append {
        /// How long an entry counts, in ms: which log is meant.
        pub period_ms: U40,
        /// The limit to record; ignored if the cost is 0.
        pub limit: U40,
        /// The cost admitted now; with 0, only entries from the future are moved to now.
        pub cost: U40,
    }
}

impl Log {
    /// The log of these times and costs, oldest first, if a call could have recorded it.
    #[must_use]
    pub fn from_costs(
        period_ms: u64,
        limit: u64,
        costs: impl Iterator<Item = (u64, u64)>,
    ) -> Option<Self> {
        let log = Self::from_costs_up_to(limit, period_ms, limit, costs)?;
        (!log.entries.is_empty()).then_some(log)
    }

    /// The same where the costs may be up to `most` in all, or none.
    fn from_costs_up_to(
        most: u64,
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
            if cost == 0 || sum > most || !in_order || !in_period || time_ms > MAX_TIME_MS {
                return None;
            }
            entries.push(time_ms, cost);
        }
        let valid = is_period(period_ms) && limit <= MAX_LOG_LIMIT;
        valid.then_some(Self { period_ms, limit, entries })
    }

    /// Time and cost of each entry, oldest first.
    pub fn costs(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.entries.iter().scan(0_u64, |before, (time_ms, total)| {
            let cost = total.saturating_sub(std::mem::replace(before, total));
            Some((time_ms, cost))
        })
    }

    /// How many of the oldest entries no longer count.
    #[inline]
    fn over(&self, now: Now) -> usize {
        let counts_after = now.ms().checked_sub(self.period_ms);
        counts_after.map_or(0, |time_ms| self.entries.count_until(time_ms))
    }

    /// Whether something was admitted at `time_ms` that is not forgotten.
    pub(crate) fn has_entry(&self, time_ms: u64) -> bool {
        self.entries.cost_at(time_ms) > 0
    }

    /// What a charge of `cost` at `time_ms` becomes if it is to be one of `asked`: as much of that
    /// as fits, or `cost` still if its entry no longer counts.
    pub(crate) fn settled(&self, time_ms: u64, cost: u64, asked: u64, now: Now) -> u64 {
        let counts = time_ms <= now.ms() && now.ms() < time_ms.saturating_add(self.period_ms);
        if !counts || cost > 0 && !self.has_entry(time_ms) {
            return cost;
        }
        let over = self.entries.sum_of_first(self.over(now));
        let others = self.entries.sum().saturating_sub(over).saturating_sub(cost);
        asked.min(MAX_LOG_LIMIT.saturating_sub(others))
    }

    /// Whether a charge at `time_ms` needs memory that is not there yet to be one of `settled`.
    pub(crate) fn settle_grows(&self, time_ms: u64, settled: u64, now: Now) -> bool {
        settled > 0 && !self.has_entry(time_ms) && self.over(now) == 0
    }

    /// Has a charge at `time_ms` be one of `settled` instead of `cost`.
    pub(crate) fn settle(&mut self, time_ms: u64, cost: u64, settled: u64, now: Now) {
        self.entries.move_back_to(now.ms());
        let over = self.over(now);
        self.entries.drop_first(over);
        let there = self.entries.cost_at(time_ms);
        self.entries.set_cost_at(time_ms, there.saturating_sub(cost).saturating_add(settled));
    }
}

/// Period 5 bytes, limit 5, newest 6, count 4, then per entry, oldest first: by how much it is
/// older than the newest 5, cost 3.
impl Encoded for Box<Log> {
    fn put(&self, sink: &mut impl Sink) {
        let newest_ms = self.entries.newest_ms();
        sink.put::<5>(self.period_ms);
        sink.put::<5>(self.limit);
        sink.put::<6>(newest_ms);
        sink.put::<4>(self.entries.len() as u64);
        for (time_ms, cost) in self.costs() {
            sink.put::<5>(newest_ms.saturating_sub(time_ms));
            sink.put::<3>(cost);
        }
    }

    fn take(source: &mut Source<'_>, reach: Reach) -> Option<Self> {
        let period_ms = source.take::<5>()?;
        let limit = source.take::<5>()?;
        let newest_ms = source.take::<6>()?;
        let count = source.take::<4>()?;
        let mut complete = true;
        let costs = (0..count).map_while(|_| {
            let entry = take_entry(source, newest_ms);
            complete &= entry.is_some();
            entry
        });
        let log = match reach {
            Reach::Calls => Log::from_costs(period_ms, limit, costs)?,
            Reach::Settles => Log::from_costs_up_to(MAX_LOG_LIMIT, period_ms, limit, costs)?,
        };
        (complete && log.entries.newest_ms() == newest_ms).then(|| Self::new(log))
    }
}

fn take_entry(source: &mut Source<'_>, newest_ms: u64) -> Option<(u64, u64)> {
    let age_ms = source.take::<5>()?;
    let cost = source.take::<3>()?;
    Some((newest_ms.checked_sub(age_ms)?, cost))
}

impl Record for Box<Log> {
    #[inline]
    fn period_ms(&self) -> u64 {
        self.period_ms
    }

    fn is_valid(&self) -> bool {
        Log::from_costs(self.period_ms, self.limit, self.costs()).is_some()
    }
}

impl Record for Append {
    #[inline]
    fn period_ms(&self) -> u64 {
        self.period_ms.get()
    }

    fn is_valid(&self) -> bool {
        is_period(self.period_ms.get())
            && self.limit.get() <= MAX_LOG_LIMIT
            && self.cost.get() <= self.limit.get()
    }
}

impl State for Box<Log> {
    type Change = Append;

    fn clause(&self, algorithm: Algorithm) -> Clause {
        Clause::window(algorithm, self.limit, self.period_ms)
    }

    #[inline]
    fn unused_at_ms(&self) -> u64 {
        if self.entries.is_empty() {
            return 0;
        }
        self.entries.newest_ms().saturating_add(self.period_ms)
    }

    #[inline]
    fn is_ahead(&self, now: Now) -> bool {
        self.entries.newest_ms() > now.ms()
    }

    fn move_to(&self, _now: Now) -> Append {
        Append {
            period_ms: U40::new(self.period_ms),
            limit: U40::new(self.limit),
            cost: U40::new(0),
        }
    }

    fn is_plain(&self) -> bool {
        !self.entries.is_empty() && self.entries.sum() <= self.limit
    }

    fn grows(&self, now: Now) -> bool {
        self.entries.newest_ms() < now.ms() && self.over(now) == 0
    }

    /// Whether the sum stays within the limit that is recorded with it.
    fn accepts(&self, append: &Append, now: Now) -> bool {
        let used = self.entries.sum().saturating_sub(self.entries.sum_of_first(self.over(now)));
        let cost = append.cost.get();
        cost == 0 || used.saturating_add(cost) <= append.limit.get()
    }

    /// Moves what is in the future to now. A cost is added, and what no longer counts forgotten.
    fn apply(&mut self, append: Append, now: Now) {
        self.entries.move_back_to(now.ms());
        if append.cost.get() > 0 {
            let over = self.over(now);
            self.entries.drop_first(over);
            self.limit = append.limit.get();
            self.entries.push(now.ms(), append.cost.get());
        }
    }

    fn from_change(append: Append, now: Now) -> Option<Self> {
        let (period_ms, limit, cost) =
            (append.period_ms.get(), append.limit.get(), append.cost.get());
        (cost > 0).then(|| {
            let mut entries = Entries::default();
            entries.push(now.ms(), cost);
            Self::new(Log { period_ms, limit, entries })
        })
    }

    fn is_small(&self) -> bool {
        self.entries.is_small()
    }

    fn shrink(&mut self) {
        self.entries.shrink();
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Log>().saturating_add(self.entries.heap_bytes())
    }

    fn allocations(&self) -> usize {
        self.entries.segment_count().saturating_add(2)
    }

    fn relocate(&mut self, relocate: &mut impl Relocate) {
        relocate.boxed(self);
        self.entries.relocate(relocate);
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
    pub(crate) fn new(
        stored: Option<&'a <Self as Standing>::State>,
        clause: &'a Clause,
        now: Now,
    ) -> Self {
        let stored = stored.map(|log| &**log);
        let mut standing = Self { clause, now_ms: now.ms(), stored, over: 0, used: 0, end_ms: 0 };
        if let Some(log) = stored {
            standing.over = log.entries.sum_of_first(log.over(now));
            standing.used = log.entries.sum().saturating_sub(standing.over);
            if standing.used > 0 {
                standing.end_ms = standing.leaves_at_ms(log.entries.newest_ms());
            }
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
    type State = Box<Log>;

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
    fn record(&self, cost: u64) -> Append {
        Append {
            period_ms: U40::new(self.clause.period_ms),
            limit: U40::new(self.clause.limit),
            cost: U40::new(cost),
        }
    }
}
