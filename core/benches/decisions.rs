//! What an outcome costs, without a server around it: `cargo bench -p rl-core`.
#![allow(missing_docs, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rl_core::{
    BanClause, Charge, ChargeId, Clause, Group, GroupOutcome, LeaseAsk, LeaseClause, Limiters,
    Note, Now, Outcome, decide,
};

const NOW_MS: i64 = 1_700_000_000_000;
const MINUTE_MS: u64 = 60_000;

/// A key at which all of `clauses` were used `times` times, once each millisecond.
fn used(clauses: &[Clause], times: i64) -> Limiters {
    let mut stored: Option<Limiters> = None;
    for ms in 0..times {
        let now = Now::from_unix_ms(NOW_MS + ms);
        let outcome = decide::<16>(stored.as_ref(), clauses, 1, now).unwrap();
        match &mut stored {
            Some(limiters) => outcome.record(limiters, now),
            None => stored = Limiters::from_changes(outcome.changes(), now),
        }
    }
    stored.unwrap()
}

/// Measures the outcome alone, without recording it.
fn measure<const N: usize>(
    c: &mut Criterion,
    name: &str,
    stored: Option<&Limiters>,
    clauses: &[Clause],
    allowed: bool,
) {
    let decide_at = |ms| -> Outcome<N> {
        decide(black_box(stored), black_box(clauses), black_box(1), Now::from_unix_ms(ms)).unwrap()
    };
    let now = black_box(NOW_MS + 1_000);
    assert_eq!(decide_at(now).allowed, allowed, "{name}");
    c.bench_function(name, |bencher| bencher.iter(|| decide_at(black_box(now))));
}

/// One limiter at the key: a call that passes, one that does not, and the first one ever.
fn one_limiter(c: &mut Criterion) {
    for (name, clause) in [
        ("fixed", Clause::fixed(100, MINUTE_MS)),
        ("sliding", Clause::sliding(100, MINUTE_MS)),
        ("log", Clause::log(100, MINUTE_MS)),
        ("token", Clause::token(100, 10, MINUTE_MS)),
        ("leaky", Clause::leaky(100, 10, MINUTE_MS)),
    ] {
        let (half, full) = (used(&[clause], 50), used(&[clause], 100));
        measure::<1>(c, &format!("{name}/first"), None, &[clause], true);
        measure::<1>(c, &format!("{name}/allowed"), Some(&half), &[clause], true);
        measure::<1>(c, &format!("{name}/denied"), Some(&full), &[clause], false);
    }
}

/// RL.LIMIT with several clauses.
fn several(c: &mut Criterion) {
    let clause = |i: u64| match i % 3 {
        0 => Clause::fixed(100, MINUTE_MS + i),
        1 => Clause::sliding(100, MINUTE_MS + i),
        _ => Clause::token(100, 10, MINUTE_MS + i),
    };
    for count in [3, 16] {
        let clauses: Vec<Clause> = (0..count).map(clause).collect();
        let (half, full) = (used(&clauses, 50), used(&clauses, 100));
        measure::<16>(c, &format!("limit/{count}/allowed"), Some(&half), &clauses, true);
        measure::<16>(c, &format!("limit/{count}/denied"), Some(&full), &clauses, false);
    }
}

/// LOG by its number of entries: an outcome is a search among them, a recorded call one more.
fn long_logs(c: &mut Criterion) {
    for entries in [100, 10_000, 100_000] {
        let long_ms = 1_000_000;
        let (roomy, tight) = (Clause::log(1_000_000, long_ms), Clause::log(entries, long_ms));
        let times = entries.cast_signed();
        let stored = used(&[roomy], times);
        measure::<1>(c, &format!("log/{entries}/allowed"), Some(&stored), &[roomy], true);
        measure::<1>(c, &format!("log/{entries}/denied"), Some(&stored), &[tight], false);

        // Each call replaces the oldest entry, so the log keeps its length.
        let clause = Clause::log(entries, entries);
        let (mut steady, mut now_ms) = (used(&[clause], times), NOW_MS + times);
        c.bench_function(&format!("log/{entries}/recorded"), |bencher| {
            bencher.iter(|| {
                let now = Now::from_unix_ms(now_ms);
                let outcome = decide::<1>(Some(&steady), &[clause], 1, now).unwrap();
                assert!(outcome.allowed);
                outcome.changes().for_each(|change| steady.apply(change, now));
                now_ms += 1;
            });
        });
    }
}

/// A recorded call, as the server makes it: decide, then put the change in place.
fn recorded(c: &mut Criterion) {
    for (name, clause) in [
        ("fixed", Clause::fixed(1_000_000_000_000, MINUTE_MS)),
        ("sliding", Clause::sliding(1_000_000_000_000, MINUTE_MS)),
        ("token", Clause::token(1_000_000_000_000, 10, MINUTE_MS)),
        ("leaky", Clause::leaky(1_000_000_000_000, 10, MINUTE_MS)),
    ] {
        let mut stored = used(&[clause], 1);
        let now = Now::from_unix_ms(NOW_MS + 1_000);
        c.bench_function(&format!("{name}/recorded"), |bencher| {
            bencher.iter(|| {
                let outcome = decide::<1>(Some(&stored), black_box(&[clause]), 1, now).unwrap();
                outcome.changes().for_each(|change| stored.apply(change, now));
                outcome.verdicts
            });
        });
    }
}

/// A call as the server makes it, with an id if it has one.
fn call(stored: &mut Limiters, clause: Clause, charge: Option<&Charge>, now: Now) -> bool {
    let mut outcome = GroupOutcome::<1>::undecided();
    let clauses = black_box([clause]);
    let group =
        Group { stored: Some(stored), clauses: &clauses, cost: 1, charge, ..Group::default() };
    outcome.decide(&group, now).unwrap();
    if outcome.is_write() {
        outcome.record(stored, now);
    }
    outcome.repeat
}

fn charge(number: u64, most: u64) -> Charge {
    let id = ChargeId::new(format!("request-{number:08}").as_bytes()).unwrap();
    Charge { id, keep_ms: 86_400_000, receipts_max: usize::try_from(most).unwrap() }
}

/// Calls with an id by how many receipts there are, each new one pushing an older one out.
fn receipts(c: &mut Criterion) {
    for (name, clause) in [
        ("fixed", Clause::fixed(1_000_000_000_000, 60 * MINUTE_MS)),
        ("token", Clause::token(1_000_000_000_000, 10, MINUTE_MS)),
    ] {
        for count in [10, 1_000, 100_000] {
            let (mut stored, mut now_ms, mut number) = (used(&[clause], 1), NOW_MS, 0);
            let mut next = |stored: &mut Limiters, is_named: bool| {
                (now_ms, number) = (now_ms + 1, number + 1);
                let charge = charge(number, count);
                call(stored, clause, Some(&charge).filter(|_| is_named), Now::from_unix_ms(now_ms))
            };
            (0..count).for_each(|_| assert!(!next(&mut stored, true)));
            assert_eq!(stored.receipts() as u64, count);
            let kept = stored.clone();
            c.bench_function(&format!("{name}/receipts/{count}/without"), |bencher| {
                bencher.iter(|| next(&mut stored, false));
            });
            c.bench_function(&format!("{name}/receipts/{count}/new"), |bencher| {
                bencher.iter(|| next(&mut stored, true));
            });
            let (mut stored, now) = (kept, Now::from_unix_ms(NOW_MS + count.cast_signed()));
            let known = charge(count / 2, count);
            c.bench_function(&format!("{name}/receipts/{count}/repeat"), |bencher| {
                bencher.iter(|| assert!(call(&mut stored, clause, Some(&known), now)));
            });
            let mut cost = 1;
            c.bench_function(&format!("{name}/receipts/{count}/settle"), |bencher| {
                bencher.iter(|| {
                    cost ^= 1;
                    let settlement = stored.settlement(&known.id, cost, now);
                    assert!(settlement.is_change());
                    stored.note(&Note::Settle { id: known.id, cost }, now);
                });
            });
        }
    }
}

/// A call on a key with `held` leases that takes the place of one which ends just then, as the
/// server makes it; and what is denied, beside it.
fn leases(c: &mut Criterion) {
    let holder = |number: i64| ChargeId::new(format!("request-{number:08}").as_bytes()).unwrap();
    for held in [100_i64, 10_000] {
        let (mut stored, mut now_ms): (Option<Limiters>, _) = (None, NOW_MS);
        let clause = LeaseClause { limit: held.cast_unsigned(), duration_ms: held.cast_unsigned() };
        let mut next = |stored: &mut Option<Limiters>, whose: i64, step_ms: i64| {
            let (now, id) = (Now::from_unix_ms(now_ms), holder(now_ms + whose));
            now_ms += step_ms;
            let lease = Some(LeaseAsk { clause, id: &id, places: 1 });
            let group = Group { stored: stored.as_ref(), cost: 1, lease, ..Group::default() };
            let mut outcome = GroupOutcome::<1>::undecided();
            outcome.decide(black_box(&group), now).unwrap();
            match stored {
                Some(limiters) if outcome.is_write() => {
                    outcome.record(limiters, now);
                }
                Some(_) => {}
                None => *stored = outcome.make(now),
            }
            outcome.outcome.allowed
        };
        (0..held).for_each(|_| assert!(next(&mut stored, 0, 1)));
        c.bench_function(&format!("lease/{held}/allowed"), |bencher| {
            bencher.iter(|| assert!(next(&mut stored, 0, 1)));
        });
        next(&mut stored, 0, 0);
        c.bench_function(&format!("lease/{held}/denied"), |bencher| {
            bencher.iter(|| assert!(!next(&mut stored, 1, 0)));
        });
        let stored = stored.unwrap();
        let (known, now) = (holder(now_ms - held / 2), Now::from_unix_ms(now_ms));
        assert_eq!(stored.leases() as u64, held.cast_unsigned());
        assert_eq!(stored.renewals(&[known], 1_000, now).len(), 1);
        c.bench_function(&format!("lease/{held}/renewal"), |bencher| {
            bencher.iter(|| stored.renewals(black_box(&[known]), 1_000, now));
        });
    }
}

/// A call that a ban refuses, and the same without one.
fn bans(c: &mut Criterion) {
    let (clauses, now) = ([Clause::fixed(1, MINUTE_MS)], Now::from_unix_ms(NOW_MS));
    let ban = BanClause { refusals: 1, period_ms: MINUTE_MS, ban_ms: MINUTE_MS, max_ms: MINUTE_MS };
    let ask = |stored: &Limiters, ban: Option<BanClause>| {
        let stored = Some(stored);
        let group = Group { stored, clauses: &clauses, cost: 1, ban, ..Group::default() };
        let mut outcome = GroupOutcome::<1>::undecided();
        outcome.decide(black_box(&group), now).unwrap();
        outcome
    };
    let mut stored = used(&clauses, 1);
    for _ in 0..2 {
        ask(&stored.clone(), Some(ban)).record(&mut stored, now);
    }
    assert!(!ask(&stored, Some(ban)).is_write());
    for (name, ban) in [("ban/refused", Some(ban)), ("ban/without", None)] {
        c.bench_function(name, |bencher| bencher.iter(|| ask(&stored, ban).is_write()));
    }
}

fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
}

criterion_group! {
    name = decisions;
    config = quick();
    targets = one_limiter, recorded, several, long_logs, receipts, leases, bans
}
criterion_main!(decisions);
