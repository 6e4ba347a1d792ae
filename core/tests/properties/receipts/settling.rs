//! Charges with ids, made again and settled, against a key that replays its whole past.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rl_core::bounds::{MAX_ANSWER, MAX_KEEP_MS, MAX_NUMBER};
use rl_core::{Limiters, Settlement};

use super::key::{Pair, last_answers};
use crate::cases;
use crate::history::{History, Kind, histories};
use crate::reference::{Answer, Ms, Name, Outcome, ReplayedKey};
use crate::server::play;

const IDS: usize = 6;
const CALLS: usize = 40;

/// What comes with one call of a history.
#[derive(Clone, Debug)]
struct Extra {
    name: Option<(usize, Keep, usize)>,
    /// Which calls are settled after it, and as what.
    settles: Vec<(Index, Settled)>,
    reloads: bool,
}

#[derive(Clone, Copy, Debug)]
enum Keep {
    Ms(u64),
    /// So many quarters of that clause's period.
    Quarters(Index, u64),
}

#[derive(Clone, Copy, Debug)]
enum Settled {
    Exactly(u64),
    /// So many quarters of that call's limit.
    Quarters(u64),
}

fn extra() -> impl Strategy<Value = Extra> {
    let keep = prop_oneof![
        1 => (1..=30_u64).prop_map(Keep::Ms),
        1 => Just(Keep::Ms(MAX_KEEP_MS)),
        3 => (any::<Index>(), 1..=20_u64).prop_map(|(i, quarters)| Keep::Quarters(i, quarters)),
    ];
    let most = prop_oneof![3 => Just(1_000), 1 => 1..=4_usize];
    let settled = prop_oneof![
        3 => (0..=3_u64).prop_map(Settled::Exactly),
        3 => (0..=6_u64).prop_map(Settled::Quarters),
        1 => Just(Settled::Exactly(MAX_NUMBER)),
    ];
    let name = prop::option::weighted(0.7, (0..IDS, keep, most));
    let settles = prop::collection::vec((any::<Index>(), settled), 0..3);
    (name, settles, prop::bool::weighted(0.1)).prop_map(|(name, settles, reloads)| Extra {
        name,
        settles,
        reloads,
    })
}

fn histories_with_ids() -> impl Strategy<Value = (History, Vec<Extra>)> {
    let history = histories(Kind { steps_back: true, changes: true, calls: CALLS });
    (history, prop::collection::vec(extra(), CALLS))
}

/// Times beyond u64 are answered as its largest value, and what is left of a hold is remembered no
/// longer than any answer.
fn in_range(outcome: Outcome) -> Outcome {
    let most = |most: u64, answers: Vec<Answer>| -> Vec<Answer> {
        let answers = answers.into_iter().map(|answer| Answer {
            wait: answer.wait.map(|ms| ms.min(most.into())),
            reset: answer.reset.min(u64::MAX.into()),
            ..answer
        });
        answers.collect()
    };
    match outcome {
        Outcome::Repeat(answers) => Outcome::Repeat(most(MAX_ANSWER, answers)),
        Outcome::Decided(allowed, answers) => Outcome::Decided(allowed, most(u64::MAX, answers)),
        Outcome::AnotherCall => Outcome::AnotherCall,
    }
}

#[derive(Default)]
struct Seen {
    calls: Cell<u32>,
    repeats: Cell<u32>,
    others: Cell<u32>,
    less: Cell<u32>,
    more: Cell<u32>,
    same: Cell<u32>,
    unknown: Cell<u32>,
}

fn count(kind: &Cell<u32>) {
    kind.set(kind.get() + 1);
}

/// Plays a history to both, and compares all that can be seen.
fn compare(history: &History, extras: &[Extra], seen: &Seen) {
    let (mut pair, mut reference) = (Pair::default(), ReplayedKey::default());
    let mut extras = extras.iter();
    play(history, |call| {
        let extra = extras.next().unwrap();
        let now = Ms::from(call.now);
        let name = extra.name.map(|(id, keep, most)| {
            let keep_ms = match keep {
                Keep::Ms(ms) => ms,
                Keep::Quarters(i, quarters) => {
                    i.get(&history.clauses).period_ms.saturating_mul(quarters) / 4
                }
            };
            Name { id, keep_ms: keep_ms.clamp(1, MAX_KEEP_MS), most }
        });
        let outcome = pair.call(&call.clauses, call.cost, call.now, name);
        let expected = reference.call(&call.clauses, call.cost, now, name);
        let what = format!("{:?}, {} at {now} as {name:?}", call.clauses, call.cost);
        assert_eq!(in_range(outcome.clone()), in_range(expected), "{what}");
        count(&seen.calls);
        match &outcome {
            Outcome::Repeat(_) => count(&seen.repeats),
            Outcome::AnotherCall => count(&seen.others),
            Outcome::Decided(..) => reference.keep_only(pair.clauses(), now),
        }
        for (id, settled) in &extra.settles {
            let known = reference.known_ids(IDS, now);
            let id = if known.is_empty() { id.index(IDS) } else { *id.get(&known) };
            let cost = match settled {
                Settled::Exactly(cost) => *cost,
                Settled::Quarters(quarters) => call.clauses[0].limit / 4 * quarters,
            };
            settle(&mut pair, &mut reference, id, cost.min(MAX_NUMBER), call.now, seen);
        }
        if extra.reloads {
            pair.reload();
        }
        if let Some(limiters) = &pair.primary {
            assert!(Ms::from(limiters.unused_at_ms()) >= reference.forgotten_at(now));
        }
        last_answers(&outcome)
    });
}

fn settle(
    pair: &mut Pair,
    reference: &mut ReplayedKey,
    id: usize,
    cost: u64,
    now: u64,
    seen: &Seen,
) {
    let settlement = pair.settle(id, cost, now);
    let known = reference.settle(id, cost, now.into());
    assert_eq!(settlement != Settlement::Unknown, known, "{id} as {cost} at {now}");
    match settlement {
        Settlement::Unknown => count(&seen.unknown),
        Settlement::Same => count(&seen.same),
        Settlement::Less => count(&seen.less),
        Settlement::More { .. } => count(&seen.more),
    }
    assert_same_use(pair.primary.as_ref(), reference, &format!("{id} as {cost} at {now}"));
}

/// What is recorded of each limiter is what its past, replayed, comes to.
fn assert_same_use(stored: Option<&Limiters>, reference: &ReplayedKey, what: &str) {
    for limiter in stored.iter().flat_map(|limiters| limiters.as_slice()) {
        let replay = &reference.limiters[&limiter.id()];
        if let rl_core::Limiter::Token(bucket) | rl_core::Limiter::Leaky(bucket) = limiter {
            assert_eq!(bucket.level.get(), replay.level(), "{what}");
        }
    }
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn settled_costs_stand_as_if_from_the_first((history, extras) in histories_with_ids()) {
        compare(&history, &extras, &Seen::default());
    }
}

/// What the histories are worth: everything that can happen is common in them.
#[test]
fn the_histories_meet_every_kind_of_settle() {
    let seen = Seen::default();
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let (history, extras) = histories_with_ids().new_tree(&mut runner).unwrap().current();
        compare(&history, &extras, &seen);
    }
    for (kind, count) in [
        ("repeats", &seen.repeats),
        ("other calls", &seen.others),
        ("less", &seen.less),
        ("more", &seen.more),
        ("same", &seen.same),
        ("unknown", &seen.unknown),
    ] {
        let share = f64::from(count.get()) / f64::from(seen.calls.get());
        println!("{kind}: {share:.3} of {} calls", seen.calls.get());
        assert!(share > 0.02, "{kind}: {share:.3}");
    }
}
