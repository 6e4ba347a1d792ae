//! LEAKY: the same bucket, read as a queue.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn an_admitted_request_holds_until_what_came_before_has_leaked() {
    Key::default().asks(
        Clause::leaky(5, 1, 1_000),
        &[
            (0, 1, [1, 4, 0, 1_000], "the queue is empty: go"),
            (0, 1, [1, 3, 1_000, 2_000], "the second goes a second later"),
            (0, 3, [1, 0, 2_000, 5_000], "three at once start when the two are gone"),
            (0, 1, [0, 0, 1_000, 5_000], "full: room for one after a second"),
            (999, 1, [0, 0, 1, 4_001], "one ms before"),
            (1_000, 1, [1, 0, 4_000, 5_000], "in, behind four"),
            (1_000, 6, [0, 0, -1, 5_000], "above the capacity: never"),
            (1_500, 2, [0, 0, 1_500, 4_500], "4.5 are queued"),
            (6_000, 1, [1, 4, 0, 1_000], "empty again: go"),
        ],
    );
}

#[test]
fn a_hold_is_rounded_up() {
    Key::default().asks(
        Clause::leaky(5, 3, 1_000),
        &[
            (0, 1, [1, 4, 0, 334], "leaks in 333.3 ms"),
            (0, 1, [1, 3, 334, 667], "666.7"),
            (0, 1, [1, 2, 667, 1_000], "three in one second"),
            (1, 1, [1, 1, 999, 1_333], "1,332.3 from now"),
        ],
    );
}

#[test]
fn a_cost_of_0_is_told_what_it_would_hold() {
    let mut key = Key::default();
    key.asks(
        Clause::leaky(0, 1, 1_000),
        &[(0, 1, [0, 0, -1, 0], "never"), (0, 0, [1, 0, 0, 0], "a look")],
    );
    key.asks(
        Clause::leaky(2, 1, 1_000),
        &[
            (0, 0, [1, 2, 0, 0], "nothing is queued"),
            (0, 2, [1, 0, 0, 2_000], "both"),
            (500, 0, [1, 0, 1_500, 1_500], "a look is never refused for a full queue"),
            (1_000, 0, [1, 1, 1_000, 1_000], "one is left"),
            (1_000, 1, [1, 0, 1_000, 2_000], "the looks took nothing"),
        ],
    );
}

#[test]
fn a_new_capacity_applies_to_what_is_queued() {
    let mut key = Key::default();
    key.asks(Clause::leaky(2, 1, 1_000), &[(0, 2, [1, 0, 0, 2_000], "full")]);
    key.asks(Clause::leaky(3, 1, 1_000), &[(0, 1, [1, 0, 2_000, 3_000], "raised: one more")]);
    key.asks(
        Clause::leaky(1, 1, 1_000),
        &[
            (0, 0, [0, 0, 2_000, 3_000], "lowered: a look waits too, it has no hold"),
            (0, 1, [0, 0, 3_000, 3_000], "one waits for all"),
            (2_000, 0, [1, 0, 1_000, 1_000], "one is left"),
        ],
    );
}

#[test]
fn a_new_leak_applies_since_the_last_use() {
    let mut key = Key::default();
    key.asks(Clause::leaky(10, 10, 1_000), &[(0, 10, [1, 0, 0, 1_000], "empty at 1,000")]);
    key.asks(
        Clause::leaky(10, 20, 1_000),
        &[(250, 0, [1, 5, 250, 250], "doubled: five have leaked, not two and a half")],
    );
    key.asks(
        Clause::leaky(10, 1, 1_000),
        &[
            (500, 2, [0, 0, 500, 500], "lowered: denied for no longer than by the recorded leak"),
            (500, 0, [1, 0, 9_500, 500], "a hold is by the call's own leak"),
            (1_000, 2, [1, 8, 0, 2_000], "unused by the recorded leak: new"),
        ],
    );
}
