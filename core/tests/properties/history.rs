//! Random histories: which limiters, and which calls at which times.
//!
//! Calls and times are told relative to what was answered before ("one ms before the last wait is
//! over", "one more than what remains"), so that edges are met at every size.

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use rl_core::bounds::{MAX_LOG_LIMIT, MAX_NUMBER, MAX_PERIOD_MS, MAX_TIME_MS};
use rl_core::{Algorithm, Clause};

use crate::sizes::{bound, up_to};

/// The limiters of a key, and what is asked of them.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) start_ms: u64,
    /// No two of the same limiter.
    pub(crate) clauses: Vec<Clause>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) when: When,
    /// Which clauses, in which order, with which numbers.
    pub(crate) asks: Vec<(usize, Numbers)>,
    pub(crate) cost: Cost,
    pub(crate) peeks: bool,
}

/// When a call comes, after the one before it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    AtOnce,
    Later(u64),
    Earlier(u64),
    /// When the wait of one of its verdicts is over, and ms more.
    Waited(Index, i8),
    /// When one of its resets is over, and ms more.
    Reset(Index, i8),
    /// At the next multiple of this clause's period, and ms more.
    Edge(Index, i8),
}

/// With which numbers a clause is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers {
    AsFirst,
    Limit(u64),
    Refill(u64),
    Doubled,
    Halved,
    OneMore,
    OneLess,
}

/// What a call costs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cost {
    Exactly(u64),
    /// The limit of the first clause, and more.
    Limit(i8),
    /// What the first verdict before said remains, and more.
    Remaining(i8),
}

impl Numbers {
    pub(crate) fn of(self, first: Clause) -> Clause {
        let (limit, refill) = match self {
            Self::AsFirst => (first.limit, first.refill),
            Self::Limit(limit) => (limit, first.refill),
            Self::Refill(refill) => (first.limit, refill),
            Self::Doubled => (first.limit * 2, first.refill * 2),
            Self::Halved => (first.limit / 2, first.refill / 2),
            Self::OneMore => (first.limit + 1, first.refill + 1),
            Self::OneLess => (first.limit.saturating_sub(1), first.refill.saturating_sub(1)),
        };
        clause(first.algorithm, limit, refill, first.period_ms)
    }
}

/// A clause with the numbers brought into their ranges.
fn clause(algorithm: Algorithm, limit: u64, refill: u64, period_ms: u64) -> Clause {
    let limit = limit.min(MAX_NUMBER);
    match algorithm {
        Algorithm::Token | Algorithm::Leaky => {
            Clause::bucket(algorithm, limit, refill.clamp(1, MAX_NUMBER), period_ms)
        }
        Algorithm::Log => Clause::log(limit.min(MAX_LOG_LIMIT), period_ms),
        Algorithm::Fixed | Algorithm::Sliding => Clause::window(algorithm, limit, period_ms),
    }
}

impl When {
    pub(crate) fn after(self, now: u64, last: &[(u64, u64)], clauses: &[Clause]) -> u64 {
        let step = |ms: u64, more: i8| now.saturating_add(ms.saturating_add_signed(more.into()));
        let answer = |index: &Index| if last.is_empty() { (0, 0) } else { *index.get(last) };
        let later = match self {
            Self::AtOnce => now,
            Self::Later(ms) => now.saturating_add(ms),
            Self::Earlier(ms) => now.saturating_sub(ms),
            Self::Waited(index, more) => step(answer(&index).0, more),
            Self::Reset(index, more) => step(answer(&index).1, more),
            Self::Edge(index, more) => {
                let period_ms = index.get(clauses).period_ms;
                step(period_ms - now % period_ms, more)
            }
        };
        later.min(MAX_TIME_MS)
    }
}

impl Cost {
    pub(crate) fn of(self, limit: u64, remaining: u64) -> u64 {
        let cost = match self {
            Self::Exactly(cost) => cost,
            Self::Limit(more) => limit.saturating_add_signed(more.into()),
            Self::Remaining(more) => remaining.saturating_add_signed(more.into()),
        };
        cost.min(MAX_NUMBER)
    }
}

fn clauses(most: u64, longest_ms: u64) -> impl Strategy<Value = Vec<Clause>> {
    let any_clause = (prop::sample::select(&Algorithm::ALL[..]), up_to(most), up_to(most), {
        (1..=3_u64, up_to(longest_ms))
    });
    prop::collection::vec(any_clause, 1..=5).prop_map(|all| {
        let mut clauses: Vec<Clause> = Vec::new();
        // A few lengths are shared, so that algorithms meet on one period.
        let shared = all.iter().map(|(.., (_, ms))| (*ms).max(1)).collect::<Vec<_>>();
        for (algorithm, limit, refill, (pick, ms)) in all {
            let period_ms = if pick == 1 { shared[0] } else { ms.max(1) };
            let clause = clause(algorithm, limit, refill, period_ms);
            if !clauses.iter().any(|other| other.names_same_limiter(&clause)) {
                clauses.push(clause);
            }
        }
        clauses
    })
}

fn when(longest_ms: u64, steps_back: bool) -> impl Strategy<Value = When> {
    let further_ms = longest_ms.saturating_mul(3);
    let back = if steps_back { 2 } else { 0 };
    let shift = -1..=1_i8;
    prop_oneof![
        4 => Just(When::AtOnce),
        4 => up_to(further_ms).prop_map(When::Later),
        4 => (any::<Index>(), shift.clone()).prop_map(|(i, more)| When::Waited(i, more)),
        2 => (any::<Index>(), shift.clone()).prop_map(|(i, more)| When::Reset(i, more)),
        2 => (any::<Index>(), shift).prop_map(|(i, more)| When::Edge(i, more)),
        back => up_to(further_ms).prop_map(When::Earlier),
    ]
}

fn numbers(most: u64, change: bool) -> impl Strategy<Value = Numbers> {
    let often = if change { 1 } else { 0 };
    prop_oneof![
        6 => Just(Numbers::AsFirst),
        often => up_to(most).prop_map(Numbers::Limit),
        often => up_to(most).prop_map(Numbers::Refill),
        often => Just(Numbers::Doubled),
        often => Just(Numbers::Halved),
        often => Just(Numbers::OneMore),
        often => Just(Numbers::OneLess),
    ]
}

fn cost(most: u64) -> impl Strategy<Value = Cost> {
    prop_oneof![
        2 => Just(Cost::Exactly(0)),
        3 => Just(Cost::Exactly(1)),
        4 => up_to(most).prop_map(Cost::Exactly),
        2 => (-1..=1_i8).prop_map(Cost::Limit),
        4 => (-1..=1_i8).prop_map(Cost::Remaining),
    ]
}

/// What may happen in a history.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// The clock may step back.
    pub(crate) steps_back: bool,
    /// The numbers of a limiter may change.
    pub(crate) changes: bool,
    /// How many calls, at most.
    pub(crate) calls: usize,
}

/// Any history of that kind.
pub(crate) fn histories(kind: Kind) -> impl Strategy<Value = History> {
    let longest = prop_oneof![2 => 1..=20_u64, 1 => up_to(MAX_PERIOD_MS), 1 => Just(MAX_PERIOD_MS)];
    (bound(), longest.prop_map(|ms| ms.max(1)))
        .prop_flat_map(|(most, longest_ms)| {
            let start_ms = prop_oneof![
                up_to(longest_ms.saturating_mul(4)),
                up_to(1 << 47),
                Just(1_700_000_000_000),
                Just((1 << 40) - 5),
            ];
            (start_ms, clauses(most, longest_ms), Just((most, longest_ms)))
        })
        .prop_flat_map(move |(start_ms, clauses, (most, longest_ms))| {
            let step = step(clauses.len(), most, longest_ms, kind);
            (Just(start_ms), Just(clauses), prop::collection::vec(step, 1..=kind.calls))
        })
        .prop_map(|(start_ms, clauses, steps)| History { start_ms, clauses, steps })
}

fn step(clauses: usize, most: u64, longest_ms: u64, kind: Kind) -> impl Strategy<Value = Step> {
    let all: Vec<usize> = (0..clauses).collect();
    let named = subsequence(all, 1..=clauses).prop_shuffle();
    let numbers = prop::collection::vec(numbers(most, kind.changes), clauses);
    (when(longest_ms, kind.steps_back), named, numbers, cost(most), prop::bool::weighted(0.25))
        .prop_map(|(when, named, numbers, cost, peeks)| Step {
            when,
            asks: named.into_iter().zip(numbers).collect(),
            cost,
            peeks,
        })
}
