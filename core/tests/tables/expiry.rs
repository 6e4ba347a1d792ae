//! When a key expires: not before its limiters are unused by their recorded numbers, and a little
//! later, so that the next call need not move it.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn a_key_is_given_two_seconds_or_a_quarter_more_than_it_needs() {
    let (most, year) = (1_000_000_000_000_u64, 31_622_400_000);
    for (clause, now, cost, expires, why) in [
        (Clause::fixed(5, 1_000), 700, 1, 2_700, "needs 1 s, is given 2"),
        (Clause::fixed(5, 1_600), 700, 1, 2_700, "needs 1.6 s, a quarter more is 2"),
        (Clause::fixed(5, 1_604), 700, 1, 2_705, "needs 1.604 s, a quarter more"),
        (Clause::fixed(5, 60_000), 700, 1, 75_700, "a quarter of a minute more"),
        (Clause::sliding(5, 10_000), 700, 1, 24_825, "until the end of the next window: 19.3 s"),
        (Clause::sliding(5, 10_000), 10_000, 1, 35_000, "a window starts on a grid: 20 s"),
        (Clause::log(5, 4_000), 700, 1, 5_700, "the entry leaves after 4 s"),
        (Clause::token(5, 2, 1_000), 700, 3, 2_700, "full after 1.5 s"),
        (Clause::token(500, 2, 1_000), 700, 9, 6_325, "full after 4.5 s"),
        (Clause::leaky(500, 3, 1_000), 700, 10, 4_867, "empty after 3.334 s, rounded up"),
        (Clause::token(most, 1, year), 700, 3_162, 100_000_000_000_700, "10^14 ms at most"),
        (Clause::token(most, 1, year), 700, 3_163, 100_000_000_000_700, "the same"),
        (Clause::leaky(most, 1, year), 700, most, 100_000_000_000_700, "whatever it needs"),
    ] {
        let mut key = Key::default();
        assert!(key.call(now, cost, &[clause]).unwrap().allowed);
        assert_eq!(key.expires, Some(expires), "{clause:?}: {why}");
        assert!(!key.call(now, most + 1, &[clause]).unwrap().allowed);
        assert_eq!(key.expires, Some(expires), "{clause:?}: a denied call changes nothing");
    }
}

#[test]
fn it_moves_only_when_it_has_become_too_early() {
    let (mut key, clause) = (Key::default(), Clause::token(100, 1, 1_000));
    for (now, cost, expires, why) in [
        (0, 10, 12_500, "needs 10 s"),
        (0, 2, 12_500, "12 s fit in"),
        (1_000, 0, 12_500, "a look changes nothing"),
        (1_000, 1, 16_000, "it needs 12 s from now on, and is given 15"),
        (4_000, 3, 16_000, "until 16 s, to the millisecond"),
        (4_000, 1, 20_250, "13 s from now on"),
    ] {
        assert!(key.call(now, cost, &[clause]).unwrap().allowed);
        assert_eq!(key.expires, Some(expires), "at {now}: {why}");
    }
}

#[test]
fn a_bucket_that_refills_at_once_keeps_its_key_between_calls() {
    let (mut key, clause) = (Key::default(), Clause::token(1_000, 1_000, 1_000));
    for now in (0..2_000).step_by(100) {
        assert!(key.call(now, 1, &[clause]).unwrap().allowed);
        assert_eq!(key.expires, Some(2_000));
    }
    assert!(key.call(2_000, 1, &[clause]).unwrap().allowed);
    assert_eq!(key.expires, Some(4_000));
}

#[test]
fn several_limiters_live_as_long_as_the_last() {
    let mut key = Key::default();
    key.asks(Clause::fixed(5, 60_000), &[(0, 1, [1, 4, 0, 60_000], "")]);
    key.asks(Clause::log(5, 1_000), &[(30_000, 1, [1, 4, 0, 1_000], "")]);
    assert_eq!(key.expires, Some(75_000));
    key.asks(Clause::log(5, 1_000), &[(74_500, 1, [1, 4, 0, 1_000], "")]);
    assert_eq!(key.expires, Some(76_500));
}

#[test]
fn it_is_by_the_recorded_numbers_and_never_comes_nearer() {
    let mut key = Key::default();
    key.asks(Clause::token(10, 1, 1_000), &[(0, 10, [1, 0, 0, 10_000], "")]);
    key.asks(Clause::token(10, 10, 1_000), &[(0, 0, [1, 0, 0, 1_000], "a look records nothing")]);
    assert_eq!(key.expires, Some(12_500));
    key.asks(Clause::token(20, 10, 1_000), &[(0, 1, [1, 9, 0, 1_100], "sooner")]);
    assert_eq!(key.expires, Some(12_500));
    key.asks(Clause::token(20, 1, 1_000), &[(0, 2, [1, 7, 0, 13_000], "later")]);
    assert_eq!(key.expires, Some(16_250));
}

#[test]
fn a_clock_that_steps_back_brings_it_back_too() {
    let (mut key, clause) = (Key::default(), Clause::fixed(5, 10_000));
    key.asks(clause, &[(500_000, 4, [1, 1, 0, 10_000], "")]);
    assert_eq!(key.expires, Some(512_500));
    key.moves(clause, (400_000, 2, [0, 1, 10_000, 10_000], "the move is recorded"));
    assert_eq!(key.expires, Some(412_500));
    key.moves(clause, (300_000, 1, [1, 0, 0, 10_000], "so is a charge"));
    assert_eq!(key.expires, Some(312_500));
}
