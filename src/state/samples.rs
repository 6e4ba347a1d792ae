//! Arbitrary limiters and changes for the tests, and what must hold of any that are accepted.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use rl_core::algorithms::bucket::Bucket;
use rl_core::algorithms::fixed::Fixed;
use rl_core::algorithms::log::{Append, Log};
use rl_core::algorithms::sliding::Sliding;
use rl_core::bounds::{MAX_LOG_LIMIT, MAX_NUMBER, MAX_PERIOD_MS, MAX_TIME_MS};
use rl_core::packed::{U40, U48, U80};
use rl_core::{Algorithm, Change, Limiter, Limiters, Now, Verdict, Wait, decide, peek};

/// A number from `low` to `high`, of any size, and often one of the two.
fn number(low: u64, high: u64) -> impl Strategy<Value = u64> {
    let small = low.saturating_add(100).min(high);
    prop_oneof![2 => low..=high, 4 => low..=small, 1 => Just(low), 1 => Just(high)]
}

pub(super) fn time_ms() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 1_700_000_000_000..1_700_000_100_000_u64, 1 => number(0, MAX_TIME_MS)]
}

pub(super) fn now() -> impl Strategy<Value = Now> {
    time_ms().prop_map(|ms| Now::from_unix_ms(i64::try_from(ms).unwrap()))
}

fn period_ms() -> impl Strategy<Value = u64> {
    // Few small ones, so that two samples often mean the same limiter.
    prop_oneof![3 => prop::sample::select(vec![1_u64, 7, 60_000]), 1 => number(1, MAX_PERIOD_MS)]
}

fn limit() -> impl Strategy<Value = u64> {
    number(1, MAX_NUMBER)
}

fn fixed() -> impl Strategy<Value = Fixed> {
    let used = limit().prop_flat_map(|limit| (Just(limit), number(1, limit)));
    (period_ms(), used, time_ms()).prop_map(|(period_ms, (limit, used), start_ms)| Fixed {
        period_ms: U40::new(period_ms),
        limit: U40::new(limit),
        start_ms: U48::new(start_ms),
        used: U40::new(used),
    })
}

fn sliding() -> impl Strategy<Value = Sliding> {
    let used = limit().prop_flat_map(|limit| (Just(limit), number(1, limit)));
    let fields = (period_ms(), used, number(0, MAX_NUMBER), time_ms());
    fields.prop_map(|(period_ms, (limit, current), previous, time_ms)| Sliding {
        period_ms: U40::new(period_ms),
        limit: U40::new(limit),
        window: U48::new(time_ms / period_ms),
        current: U40::new(current),
        previous: U40::new(previous),
    })
}

fn bucket() -> impl Strategy<Value = Bucket> {
    let filled = (period_ms(), limit()).prop_flat_map(|(period_ms, capacity)| {
        let full = u128::from(period_ms) * u128::from(capacity);
        (Just(period_ms), Just(capacity), prop_oneof![1..=full, Just(1), Just(full)])
    });
    (filled, limit(), time_ms()).prop_map(|((period_ms, capacity, level), refill, time_ms)| {
        Bucket {
            period_ms: U40::new(period_ms),
            capacity: U40::new(capacity),
            refill: U40::new(refill),
            level: U80::new(level),
            time_ms: U48::new(time_ms),
        }
    })
}

fn log(entries: usize) -> impl Strategy<Value = Box<Log>> {
    let gaps = vec((1..50_u64, 1..20_u64), 1..=entries);
    (gaps, number(0, MAX_PERIOD_MS), number(0, MAX_LOG_LIMIT), time_ms()).prop_map(
        |(gaps, period_more, limit_more, start_ms)| {
            let sum: u64 = gaps.iter().map(|(_, cost)| cost).sum();
            let spread: u64 = gaps.iter().map(|(gap, _)| gap).sum();
            let period_ms = (spread + 1 + period_more).min(MAX_PERIOD_MS);
            let mut time_ms = start_ms.min(MAX_TIME_MS - spread);
            let costs = gaps.into_iter().map(|(gap, cost)| {
                time_ms += gap;
                (time_ms, cost)
            });
            let limit = (sum + limit_more).min(MAX_LOG_LIMIT);
            Box::new(Log::from_costs(period_ms, limit, costs).expect("the sample is in range"))
        },
    )
}

fn limiter(entries: usize) -> impl Strategy<Value = Limiter> {
    of_any_algorithm(move |algorithm| match algorithm {
        Algorithm::Fixed => fixed().prop_map(Limiter::Fixed).boxed(),
        Algorithm::Sliding => sliding().prop_map(Limiter::Sliding).boxed(),
        Algorithm::Log => log(entries).prop_map(Limiter::Log).boxed(),
        Algorithm::Token => bucket().prop_map(Limiter::Token).boxed(),
        Algorithm::Leaky => bucket().prop_map(Limiter::Leaky).boxed(),
    })
}

/// What a key may hold: a few limiters, no two the same, with logs of more than one segment.
pub(super) fn limiters() -> impl Strategy<Value = Limiters> {
    limiters_of(5, 200)
}

/// The same, but small: to be tried with each of its bits flipped.
pub(super) fn small_limiters() -> impl Strategy<Value = Limiters> {
    limiters_of(2, 4)
}

fn limiters_of(most: usize, entries: usize) -> impl Strategy<Value = Limiters> {
    vec(limiter(entries), 1..=most).prop_map(|all| {
        let sorted: BTreeMap<_, _> = all.into_iter().map(|one| (one.id(), one)).collect();
        Limiters::from_sorted(sorted.into_values().collect()).expect("there is one at least")
    })
}

/// What a call may record of one limiter; a log is moved where the cost is 0.
pub(super) fn change() -> impl Strategy<Value = Change> {
    of_any_algorithm(|algorithm| match algorithm {
        Algorithm::Fixed => fixed().prop_map(Change::Fixed).boxed(),
        Algorithm::Sliding => sliding().prop_map(Change::Sliding).boxed(),
        Algorithm::Log => append().prop_map(Change::Log).boxed(),
        Algorithm::Token => bucket().prop_map(Change::Token).boxed(),
        Algorithm::Leaky => bucket().prop_map(Change::Leaky).boxed(),
    })
}

fn append() -> impl Strategy<Value = Append> {
    (period_ms(), number(0, MAX_LOG_LIMIT)).prop_flat_map(|(period_ms, limit)| {
        number(0, limit).prop_map(move |cost| Append {
            period_ms: U40::new(period_ms),
            limit: U40::new(limit),
            cost: U40::new(cost),
        })
    })
}

/// One of what `sample` gives for each algorithm that there is.
fn of_any_algorithm<T: std::fmt::Debug>(
    sample: impl Fn(Algorithm) -> BoxedStrategy<T>,
) -> impl Strategy<Value = T> {
    prop::strategy::Union::new(Algorithm::ALL.map(sample))
}

/// Fails unless all that is recorded is what calls could have recorded, and answers can be made
/// of it at any time.
pub(super) fn assert_sound(limiters: &Limiters) {
    let all = limiters.as_slice();
    assert!((1..=64).contains(&all.len()), "{} limiters", all.len());
    assert!(all.is_sorted_by(|one, next| one.id() < next.id()), "not in order, or two the same");
    all.iter().for_each(assert_in_range);
    for ms in [0, 1_700_000_000_000, 1 << 48, i64::MAX] {
        let now = Now::from_unix_ms(ms);
        peek(limiters, now).for_each(|peeked| assert_answerable(&peeked.verdict));
        for clause in all.iter().map(Limiter::clause) {
            let outcome = decide::<1>(Some(limiters), &[clause], 1, now).unwrap();
            assert_answerable(&outcome.verdicts[0]);
        }
        assert!(limiters.unused_at_ms() > 0);
    }
}

fn assert_in_range(limiter: &Limiter) {
    assert!((1..=MAX_PERIOD_MS).contains(&limiter.period_ms()));
    match limiter {
        Limiter::Fixed(fixed) => {
            let limit = fixed.limit.get();
            assert!(limit <= MAX_NUMBER && (1..=limit).contains(&fixed.used.get()));
        }
        Limiter::Sliding(sliding) => {
            let limit = sliding.limit.get();
            assert!(limit <= MAX_NUMBER && (1..=limit).contains(&sliding.current.get()));
            assert!(sliding.previous.get() <= MAX_NUMBER);
            let start_ms = sliding.window.get().checked_mul(sliding.period_ms.get());
            assert!(start_ms.is_some_and(|ms| ms <= MAX_TIME_MS));
        }
        Limiter::Token(bucket) | Limiter::Leaky(bucket) => {
            let (capacity, refill) = (bucket.capacity.get(), bucket.refill.get());
            assert!((1..=MAX_NUMBER).contains(&capacity) && (1..=MAX_NUMBER).contains(&refill));
            let full = u128::from(capacity) * u128::from(bucket.period_ms.get());
            assert!((1..=full).contains(&bucket.level.get()));
        }
        Limiter::Log(log) => {
            let costs: Vec<_> = log.costs().collect();
            let (oldest_ms, newest_ms) = (costs[0].0, costs[costs.len() - 1].0);
            assert!(newest_ms <= MAX_TIME_MS && newest_ms - oldest_ms < log.period_ms);
            assert!(costs.is_sorted_by(|one, next| one.0 < next.0));
            assert!(costs.iter().all(|(_, cost)| *cost > 0));
            let sum: u64 = costs.iter().map(|(_, cost)| cost).sum();
            assert!(sum <= log.limit && log.limit <= MAX_LOG_LIMIT);
        }
    }
}

fn assert_answerable(verdict: &Verdict) {
    assert!(verdict.remaining <= verdict.limit && verdict.limit <= MAX_NUMBER);
    if let Wait::Ms(0) = verdict.wait {
        assert!(verdict.allowed, "denied, but not to wait");
    }
}
