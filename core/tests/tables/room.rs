//! A key holds at most 64 limiters that are in use.

use rl_core::bounds::MAX_LIMITERS;
use rl_core::{Clause, TooManyLimiters};

use crate::key::Key;

/// A key with 64 limiters of FIXED, the first of which is unused at 1,000, the next at 1,001, ..
fn crowded() -> Key {
    let mut key = Key::default();
    for period_ms in 1_000..1_064 {
        assert!(key.call(0, 1, &[Clause::fixed(5, period_ms)]).unwrap().allowed);
    }
    assert_eq!(key.len(), MAX_LIMITERS);
    key
}

#[test]
fn one_more_is_an_error_and_changes_nothing() {
    let mut key = crowded();
    let before = key.stored.clone();
    for clauses in [
        vec![Clause::fixed(5, 2_000)],
        vec![Clause::log(5, 1_000)],
        vec![Clause::fixed(5, 1_000), Clause::token(5, 5, 1_000)],
    ] {
        assert_eq!(key.call(999, 1, &clauses).err(), Some(TooManyLimiters));
        assert!(key.stored == before);
    }
}

#[test]
fn what_records_nothing_new_goes_on() {
    let mut key = crowded();
    key.asks(Clause::fixed(5, 1_063), &[(500, 1, [1, 3, 0, 563], "a limiter that is there")]);
    key.asks(Clause::fixed(5, 9_000), &[(500, 0, [1, 5, 0, 0], "a look at one that is not")]);
    key.asks(Clause::fixed(0, 9_000), &[(500, 1, [0, 0, -1, 0], "a denied call of one")]);
    let sixteen: Vec<_> = (1_000..1_016).map(|period_ms| Clause::fixed(5, period_ms)).collect();
    assert!(key.limit(500, 1, &sixteen).0);
    assert_eq!(key.len(), MAX_LIMITERS);
}

#[test]
fn an_unused_one_makes_room() {
    let mut key = crowded();
    let new = Clause::log(5, 7);
    key.asks(new, &[(1_000, 1, [1, 4, 0, 7], "the first is unused by now, and dropped for it")]);
    assert_eq!(key.len(), MAX_LIMITERS);
    let dropped = Clause::fixed(5, 1_000);
    assert_eq!(key.call(1_000, 1, &[dropped]).err(), Some(TooManyLimiters));
    key.asks(dropped, &[(1_000, 0, [1, 5, 0, 0], "as if it had never been")]);
    key.asks(dropped, &[(1_001, 1, [1, 4, 0, 1_000], "until another is unused")]);
}

#[test]
fn two_new_ones_need_room_for_two() {
    let both = [Clause::log(5, 7), Clause::log(5, 8)];
    let mut key = crowded();
    assert_eq!(key.call(1_000, 1, &both).err(), Some(TooManyLimiters));
    assert!(key.call(1_001, 1, &both).unwrap().allowed);
    let mut key = crowded();
    let reused_and_new = [Clause::fixed(5, 1_000), Clause::log(5, 8)];
    assert_eq!(
        key.call(1_000, 1, &reused_and_new).err(),
        Some(TooManyLimiters),
        "the first is unused, but the call puts it to use"
    );
    assert!(key.call(1_001, 1, &reused_and_new).unwrap().allowed);
    assert_eq!(key.len(), MAX_LIMITERS);
}

#[test]
fn a_new_one_pushes_out_all_that_are_unused() {
    let mut key = crowded();
    key.asks(Clause::fixed(5, 1_060), &[(5_000, 1, [1, 4, 0, 1_060], "")]);
    assert_eq!(key.len(), MAX_LIMITERS, "one that is there disturbs none");
    key.asks(Clause::leaky(5, 5, 1_000), &[(5_500, 1, [1, 4, 0, 200], "")]);
    assert_eq!(key.len(), 2);
}
