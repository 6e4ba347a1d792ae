//! RL.PEEK: what stands at a key.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn lists_by_algorithm_then_period_what_a_cost_of_1_would_be_told() {
    let clauses = [
        Clause::leaky(3, 1, 1_000),
        Clause::token(3, 1, 2_000),
        Clause::token(3, 1, 1_000),
        Clause::log(3, 1_000),
        Clause::sliding(3, 1_000),
        Clause::fixed(3, 1_000),
        Clause::fixed(3, 10),
    ];
    let mut key = Key::default();
    assert!(key.call(10_000, 3, &clauses).unwrap().allowed);
    assert_eq!(
        key.peek(10_000),
        [
            (Clause::fixed(3, 10), [0, 0, 10, 10]),
            (Clause::fixed(3, 1_000), [0, 0, 1_000, 1_000]),
            (Clause::sliding(3, 1_000), [0, 0, 1_334, 2_000]),
            (Clause::log(3, 1_000), [0, 0, 1_000, 1_000]),
            (Clause::token(3, 1, 1_000), [0, 0, 1_000, 3_000]),
            (Clause::token(3, 1, 2_000), [0, 0, 2_000, 6_000]),
            (Clause::leaky(3, 1, 1_000), [0, 0, 1_000, 3_000]),
        ]
    );
    assert_eq!(
        key.peek(11_500),
        [
            (Clause::sliding(3, 1_000), [1, 1, 0, 500]),
            (Clause::token(3, 1, 1_000), [1, 1, 0, 1_500]),
            (Clause::token(3, 1, 2_000), [0, 0, 500, 4_500]),
            (Clause::leaky(3, 1, 1_000), [1, 1, 1_500, 1_500]), // where 1 passes: its hold
        ],
        "only those in use"
    );
    assert_eq!(key.peek(15_999), [(Clause::token(3, 1, 2_000), [1, 2, 0, 1])], "to the last ms");
    assert_eq!(key.peek(16_000), [], "none is in use");
    assert_eq!(Key::default().peek(0), [], "no key");
}

#[test]
fn the_numbers_are_those_of_the_last_allowed_call_that_had_a_cost() {
    let mut key = Key::default();
    key.asks(Clause::token(9, 1, 1_000), &[(0, 2, [1, 7, 0, 2_000], "recorded")]);
    key.asks(Clause::token(7, 3, 1_000), &[(0, 0, [1, 5, 0, 667], "a look is not")]);
    key.asks(Clause::token(1, 4, 1_000), &[(0, 1, [0, 0, 500, 500], "nor is a denied call")]);
    assert_eq!(key.peek(0), [(Clause::token(9, 1, 1_000), [1, 7, 0, 2_000])]);
    key.asks(Clause::token(8, 2, 1_000), &[(0, 1, [1, 5, 0, 1_500], "this one is")]);
    assert_eq!(key.peek(0), [(Clause::token(8, 2, 1_000), [1, 5, 0, 1_500])]);
    for clause in [Clause::fixed(4, 9), Clause::sliding(4, 9), Clause::log(4, 9)] {
        let mut key = Key::default();
        assert!(key.call(0, 1, &[clause]).unwrap().allowed);
        assert_eq!(key.peek(0)[0].0.refill, 4, "a window's refill is its limit");
    }
}
