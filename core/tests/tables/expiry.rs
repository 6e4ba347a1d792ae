//! When a key may go: not before its limiters are unused by their recorded numbers.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn a_key_lives_until_its_limiter_is_unused() {
    let (most, year) = (1_000_000_000_000_u64, 31_622_400_000);
    for (clause, now, cost, expires, why) in [
        (Clause::fixed(5, 1_000), 700, 1, 1_700, "the end of the window"),
        (Clause::sliding(5, 1_000), 700, 1, 2_000, "the end of the next window"),
        (Clause::sliding(5, 1_000), 1_000, 1, 3_000, "a window starts on a grid"),
        (Clause::log(5, 1_000), 700, 1, 1_700, "the entry leaves"),
        (Clause::token(5, 2, 1_000), 700, 3, 2_200, "the bucket is full"),
        (Clause::leaky(5, 3, 1_000), 700, 1, 1_034, "the queue is empty, rounded up"),
        (Clause::token(most, 1, year), 700, 3_162, 99_990_028_800_700, "just within the cap"),
        (Clause::token(most, 1, year), 700, 3_163, 100_000_000_000_700, "10^14 ms from now"),
        (Clause::leaky(most, 1, year), 700, most, 100_000_000_000_700, "at most"),
    ] {
        let mut key = Key::default();
        assert!(key.call(now, cost, &[clause]).unwrap().allowed);
        assert_eq!(key.expires(now), expires, "{clause:?}: {why}");
        assert!(!key.call(now, most + 1, &[clause]).unwrap().allowed);
        assert_eq!(key.expires(now), expires, "{clause:?}: a denied call changes nothing");
    }
}

#[test]
fn several_limiters_live_as_long_as_the_last() {
    let mut key = Key::default();
    key.asks(Clause::fixed(5, 60_000), &[(0, 1, [1, 4, 0, 60_000], "")]);
    key.asks(Clause::log(5, 1_000), &[(30_000, 1, [1, 4, 0, 1_000], "")]);
    assert_eq!(key.expires(30_000), 60_000);
    key.asks(Clause::log(5, 1_000), &[(59_500, 1, [1, 4, 0, 1_000], "")]);
    assert_eq!(key.expires(59_500), 60_500);
}

#[test]
fn it_is_by_the_recorded_numbers_and_moves_with_them() {
    let mut key = Key::default();
    key.asks(Clause::token(10, 1, 1_000), &[(0, 10, [1, 0, 0, 10_000], "")]);
    key.asks(Clause::token(10, 10, 1_000), &[(0, 0, [1, 0, 0, 1_000], "a look records nothing")]);
    assert_eq!(key.expires(0), 10_000);
    key.asks(Clause::token(20, 10, 1_000), &[(0, 1, [1, 9, 0, 1_100], "sooner")]);
    assert_eq!(key.expires(0), 1_100);
    key.asks(Clause::token(20, 1, 1_000), &[(0, 1, [1, 8, 0, 12_000], "later")]);
    assert_eq!(key.expires(0), 12_000);
}

#[test]
fn a_clock_that_steps_back_brings_it_back_too() {
    let (mut key, clause) = (Key::default(), Clause::fixed(5, 1_000));
    key.asks(clause, &[(50_000, 5, [1, 0, 0, 1_000], "")]);
    key.moves(clause, (40_000, 1, [0, 0, 1_000, 1_000], "the move is recorded"));
    assert_eq!(key.expires(40_000), 41_000);
}
