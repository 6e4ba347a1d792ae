//! SHADOW: limits on trial.

use rl_core::{Clause, Refused, Trial};

use super::{Asked, count};
use crate::key::Key;

const REAL: [Clause; 1] = [Clause::fixed(5, 1_000)];
const TRIED: [Clause; 2] = [Clause::fixed(2, 1_000), Clause::token(3, 1, 1_000)];
const ASKED: Asked<'_> =
    Asked { clauses: &REAL, cost: 1, name: None, lease: None, shadows: &TRIED, ban: None };

#[test]
fn each_is_judged_by_itself_where_all_real_limits_admit() {
    use Trial::{Allowed, Denied};
    let (mut key, mut real) = (Key::default(), Key::default());
    for (now, cost, trials) in [
        (0, 1, &[Allowed, Allowed][..]),
        (0, 1, &[Allowed, Allowed]),
        (0, 1, &[Denied, Allowed]),
        (0, 1, &[Denied, Denied]),
        (0, 0, &[Trial::None, Trial::None]),
        (0, 2, &[]),
        (0, 1, &[Denied, Denied]),
        (1_000, 1, &[Allowed, Allowed]),
    ] {
        let outcome = key.ask(now, Asked { cost, ..ASKED }).unwrap();
        assert_eq!(outcome.trials(), trials, "at {now}, cost {cost}");
        let without = real.call(now, cost, &REAL).unwrap();
        let told = (outcome.outcome.allowed, outcome.outcome.verdicts[0]);
        assert_eq!(told, (without.allowed, without.verdicts[0]), "the reply knows nothing of it");
    }
    assert_eq!(
        key.rows(1_000),
        [
            ("fixed", [5, 5, 1_000, 4, 0, 1_000]),
            ("shadow-fixed", [2, 2, 1_000, 1, 0, 1_000]),
            ("shadow-token", [3, 1, 1_000, 0, 1_000, 3_000]),
        ]
    );
}

#[test]
fn a_call_of_nothing_else_is_allowed() {
    let mut key = Key::default();
    let alone = Asked { clauses: &[], ..ASKED };
    let outcome = key.ask(0, Asked { cost: 3, ..alone }).unwrap();
    assert!(outcome.outcome.allowed && outcome.is_write() && !outcome.grows());
    assert_eq!(outcome.trials(), [Trial::Denied, Trial::Allowed]);
    let outcome = key.leaves(0, Asked { cost: 3, ..alone });
    assert_eq!((outcome.outcome.allowed, count(&outcome, Trial::Denied)), (true, 2));
    assert!(key.stored.as_ref().unwrap().as_slice().is_empty());
    assert!(Asked { cost: 9, ..alone }.decide(None, 0).unwrap().outcome.allowed);
}

#[test]
fn a_clock_that_steps_back_moves_it_when_it_is_asked() {
    let mut key = Key::default();
    key.ask(9_000, ASKED).unwrap();
    let mut denied = key.clone();
    denied.ask(500, Asked { cost: 5, ..ASKED }).unwrap();
    assert_eq!(denied.rows(500)[1].1[5], 1_000, "as if");
    assert!(denied.stored.as_ref().unwrap().shadows()[0].unused_at_ms() == 10_000, "not asked");
    key.ask(500, Asked { cost: 0, ..ASKED }).unwrap();
    assert_eq!(key.stored.as_ref().unwrap().shadows()[0].unused_at_ms(), 1_500, "a look asks");
    let outcome = key.ask(100, Asked { cost: 4, ..ASKED }).unwrap();
    assert_eq!(count(&outcome, Trial::Denied), 2);
    assert_eq!(key.stored.as_ref().unwrap().shadows()[0].unused_at_ms(), 1_100, "and a refusal");
}

#[test]
fn where_memory_is_full_one_that_would_grow_is_left_out() {
    let mut key = Key::default();
    key.call(0, 1, &REAL).unwrap();
    let mut outcome = ASKED.decide(key.stored.as_ref(), 0).unwrap();
    assert!(!outcome.grows() && outcome.grows_aside());
    outcome.skip_growth();
    assert_eq!(outcome.trials(), [Trial::Skipped, Trial::Skipped]);
    key.take_down(0, &outcome);
    assert_eq!(key.len(), 1);
    assert!(key.stored.as_ref().unwrap().is_plain());
    let first = Asked { shadows: &TRIED[..1], ..ASKED };
    key.ask(0, first).unwrap();
    let mut outcome = ASKED.decide(key.stored.as_ref(), 0).unwrap();
    outcome.skip_growth();
    assert_eq!(outcome.trials(), [Trial::Allowed, Trial::Skipped], "one is there");
    key.take_down(0, &outcome);
    assert_eq!(key.rows(0)[1], ("shadow-fixed", [2, 2, 1_000, 0, 1_000, 1_000]));
}

#[test]
fn it_is_no_part_of_what_a_receipt_remembers() {
    let named = Asked { name: Some("a"), ..ASKED };
    let mut key = Key::default();
    assert_eq!(key.ask(0, named).unwrap().trials().len(), 2);
    let repeat = key.leaves(1, named);
    assert!(repeat.repeat && repeat.trials().is_empty(), "a repeat is not another call");
    assert!(key.leaves(1, Asked { shadows: &[], ..named }).repeat);
    assert!(key.leaves(1, Asked { shadows: &[Clause::log(1, 1)], ..named }).repeat);
    assert!(key.settle(1, "a", 0).is_change());
    assert_eq!(key.rows(1)[0].1[3], 1, "what is on trial is not settled");
    let other = Asked { clauses: &TRIED, ..named };
    assert_eq!(key.ask(1, other).err(), Some(Refused::AnotherCall));
}
