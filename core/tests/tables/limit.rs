//! RL.LIMIT: several limits on one key, all or nothing.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn all_pass_or_nothing_is_consumed() {
    let (second, minute) = (Clause::fixed(2, 1_000), Clause::fixed(3, 60_000));
    let both = [second, minute];
    let mut key = Key::default();
    for (now, cost, expected, why) in [
        (0, 1, (true, [[1, 1, 0, 1_000], [1, 2, 0, 60_000]]), "both count"),
        (0, 1, (true, [[1, 0, 0, 1_000], [1, 1, 0, 60_000]]), "again"),
        (
            500,
            1,
            (false, [[0, 0, 500, 500], [1, 1, 0, 59_500]]),
            "the minute alone would pass: no wait, and what stands",
        ),
        (500, 3, (false, [[0, 0, -1, 500], [0, 1, 59_500, 59_500]]), "never, and not now"),
        (500, 0, (true, [[1, 0, 0, 500], [1, 1, 0, 59_500]]), "a look"),
        (1_000, 1, (true, [[1, 1, 0, 1_000], [1, 0, 0, 59_000]]), "the refused took nothing"),
        (
            1_000,
            1,
            (false, [[1, 1, 0, 1_000], [0, 0, 59_000, 59_000]]),
            "now the second alone would pass",
        ),
        (59_999, 1, (false, [[1, 2, 0, 0], [0, 0, 1, 1]]), "one ms before; the second is unused"),
        (60_000, 1, (true, [[1, 1, 0, 1_000], [1, 2, 0, 60_000]]), "both anew"),
    ] {
        let before = key.stored.clone();
        let (allowed, answers) = key.limit(now, cost, &both);
        assert_eq!((allowed, answers), (expected.0, expected.1.to_vec()), "at {now}: {why}");
        assert!(allowed && cost > 0 || key.stored == before, "at {now}: {why}");
    }
}

#[test]
fn every_algorithm_says_what_stands_when_another_refuses() {
    let clauses = [
        Clause::fixed(0, 1_000),
        Clause::sliding(10, 1_000),
        Clause::log(10, 1_000),
        Clause::token(10, 10, 1_000),
        Clause::leaky(10, 10, 1_000),
    ];
    let mut key = Key::default();
    assert!(key.limit(2_000, 4, &clauses[1..]).0);
    let (allowed, answers) = key.limit(2_100, 1, &clauses);
    assert!(!allowed);
    assert_eq!(
        answers,
        [
            [0, 0, -1, 0],    // refuses for good
            [1, 6, 0, 1_900], // four in this window
            [1, 6, 0, 900],   // four in the log
            [1, 7, 0, 300],   // three are out
            [1, 7, 300, 300], // three are queued: the hold of one more
        ]
    );
}

#[test]
fn the_clauses_answer_in_the_order_asked() {
    let clauses = [Clause::token(3, 1, 1_000), Clause::fixed(5, 1_000), Clause::token(4, 1, 100)];
    let mut key = Key::default();
    let expected = vec![[1, 2, 0, 1_000], [1, 4, 0, 1_000], [1, 3, 0, 100]];
    assert_eq!(key.limit(0, 1, &clauses), (true, expected));
    let periods = key.peek(0).iter().map(|(c, _)| (c.algorithm, c.period_ms)).collect::<Vec<_>>();
    assert!(periods.is_sorted(), "but are recorded in the order of their ids: {periods:?}");
}

#[test]
fn limiters_of_one_key_do_not_disturb_one_another() {
    let mut key = Key::default();
    key.asks(Clause::fixed(2, 1_000), &[(0, 2, [1, 0, 0, 1_000], "full")]);
    key.asks(Clause::fixed(2, 2_000), &[(0, 1, [1, 1, 0, 2_000], "another period: another one")]);
    key.asks(Clause::sliding(2, 1_000), &[(0, 1, [1, 1, 0, 2_000], "another algorithm")]);
    key.asks(Clause::log(2, 1_000), &[(0, 1, [1, 1, 0, 1_000], "")]);
    key.asks(Clause::token(2, 1, 1_000), &[(0, 1, [1, 1, 0, 1_000], "")]);
    key.asks(Clause::leaky(2, 1, 1_000), &[(0, 1, [1, 1, 0, 1_000], "not the same as TOKEN")]);
    key.asks(Clause::fixed(2, 1_000), &[(500, 1, [0, 0, 500, 500], "the first is as it was")]);
    key.asks(Clause::token(2, 1, 1_000), &[(500, 1, [1, 0, 0, 1_500], "1.5 are out")]);
    key.asks(Clause::leaky(2, 1, 1_000), &[(500, 1, [1, 0, 500, 1_500], "behind 0.5")]);
    assert_eq!(key.len(), 6);
}

#[test]
fn a_limit_can_be_added_to_live_traffic() {
    let (old, added) = (Clause::fixed(5, 1_000), Clause::log(2, 1_000));
    let mut key = Key::default();
    key.asks(old, &[(0, 3, [1, 2, 0, 1_000], "before")]);
    let expected = vec![[1, 1, 0, 900], [1, 1, 0, 1_000]];
    assert_eq!(key.limit(100, 1, &[old, added]), (true, expected), "the new one starts unused");
    key.asks(old, &[(200, 1, [1, 0, 0, 800], "and may be left out again")]);
}
