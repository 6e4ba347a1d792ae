//! LOG: every admitted request, remembered for one period.

use rl_core::{Clause, Limiter};

use crate::key::Key;

#[test]
fn an_entry_counts_for_exactly_one_period() {
    Key::default().asks(
        Clause::log(3, 1_000),
        &[
            (0, 1, [1, 2, 0, 1_000], "one entry"),
            (400, 1, [1, 1, 0, 1_000], "reset: when the newest leaves"),
            (400, 1, [1, 0, 0, 1_000], "another in the same ms"),
            (500, 1, [0, 0, 500, 900], "the oldest leaves at 1,000"),
            (500, 2, [0, 0, 900, 900], "room for two comes at 1,400"),
            (500, 3, [0, 0, 900, 900], "room for three does, too: two leave at once"),
            (999, 1, [0, 0, 1, 401], "one ms before"),
            (1_000, 1, [1, 0, 0, 1_000], "the entry of 0 has left"),
            (1_399, 1, [0, 0, 1, 601], "one ms before the next two leave"),
            (1_400, 2, [1, 0, 0, 1_000], "both have"),
            (2_000, 0, [1, 1, 0, 400], "the entry of 1,000 has left"),
            (2_399, 3, [0, 1, 1, 1], "the whole limit: one ms too early"),
            (2_400, 0, [1, 3, 0, 0], "as if never used"),
            (2_400, 3, [1, 0, 0, 1_000], "the whole limit at once"),
        ],
    );
}

#[test]
fn costs_of_one_millisecond_are_one_entry() {
    let mut key = Key::default();
    key.asks(
        Clause::log(10, 1_000),
        &[(5, 2, [1, 8, 0, 1_000], "two"), (5, 3, [1, 5, 0, 1_000], "and three")],
    );
    let stored = key.stored.unwrap();
    let Some(Limiter::Log(log)) = stored.as_slice().first() else { panic!("{stored:?}") };
    assert_eq!(log.entries.iter().collect::<Vec<_>>(), [(5, 5)]);
}

#[test]
fn an_entry_leaves_as_a_whole() {
    Key::default().asks(
        Clause::log(10, 1_000),
        &[
            (0, 8, [1, 2, 0, 1_000], "a large entry"),
            (100, 2, [1, 0, 0, 1_000], "a small one"),
            (200, 1, [0, 0, 800, 900], "one waits for the large"),
            (200, 8, [0, 0, 800, 900], "so do eight"),
            (200, 9, [0, 0, 900, 900], "nine wait for both"),
            (1_000, 9, [0, 8, 100, 100], "the large has left"),
            (1_000, 8, [1, 0, 0, 1_000], "eight fit"),
        ],
    );
}

#[test]
fn a_cost_of_0_looks_and_a_limit_of_0_denies() {
    let mut key = Key::default();
    key.asks(
        Clause::log(0, 1_000),
        &[(0, 1, [0, 0, -1, 0], "never"), (0, 0, [1, 0, 0, 0], "a look")],
    );
    key.asks(
        Clause::log(1, 1_000),
        &[
            (0, 0, [1, 1, 0, 0], "nothing is used"),
            (0, 1, [1, 0, 0, 1_000], "full"),
            (999, 0, [1, 0, 0, 1], "a full log is no reason to refuse a look"),
            (999, 2, [0, 0, -1, 1], "above the limit: never"),
            (1_000, 1, [1, 0, 0, 1_000], "the looks took nothing"),
        ],
    );
}

#[test]
fn a_new_limit_applies_to_the_entries() {
    let mut key = Key::default();
    key.asks(
        Clause::log(4, 1_000),
        &[
            (0, 1, [1, 3, 0, 1_000], "four entries of one"),
            (100, 1, [1, 2, 0, 1_000], ""),
            (200, 1, [1, 1, 0, 1_000], ""),
            (300, 1, [1, 0, 0, 1_000], ""),
        ],
    );
    key.asks(
        Clause::log(2, 1_000),
        &[
            (500, 0, [0, 0, 600, 800], "halved: a look passes when two have left, at 1,100"),
            (500, 1, [0, 0, 700, 800], "one passes when three have, at 1,200"),
            (500, 2, [0, 0, 800, 800], "two pass when all have"),
            (500, 3, [0, 0, -1, 800], "above the new limit: never"),
            (1_100, 0, [1, 0, 0, 200], "two are left"),
            (1_200, 1, [1, 0, 0, 1_000], "one was"),
        ],
    );
    key.asks(
        Clause::log(5, 1_000),
        &[
            (1_250, 4, [0, 3, 50, 950], "raised: three more are there now"),
            (1_250, 3, [1, 0, 0, 1_000], "all of them"),
        ],
    );
}

#[test]
fn a_long_log_forgets_and_waits_entry_by_entry() {
    let (mut key, clause) = (Key::default(), Clause::log(1_000, 1_000));
    for now in 0..1_000 {
        key.asks(clause, &[(now, 1, [1, 999 - now, 0, 1_000], "one each ms")]);
    }
    for cost in 1..=1_000 {
        let wait = cost as i64;
        key.asks(clause, &[(999, cost, [0, 0, wait, 1_000], "each ms frees one")]);
    }
    for now in 1_000..3_000 {
        key.asks(
            clause,
            &[
                (now, 2, [0, 1, 1, 999], "one has left"),
                (now, 1, [1, 0, 0, 1_000], "and is replaced"),
            ],
        );
    }
}

#[test]
fn the_largest_numbers() {
    let year = 31_622_400_000;
    Key::default().asks(
        Clause::log(10_000_000, year as u64),
        &[
            (1_700_000_000_000, 9_999_999, [1, 1, 0, year], "all but one, for 366 days"),
            (1_700_000_000_001, 1, [1, 0, 0, year], "the last"),
            (1_731_622_399_999, 1, [0, 0, 1, 2], "one ms before the first leave"),
            (1_731_622_400_000, 9_999_999, [1, 0, 0, year], "and at it"),
            (1_731_622_400_000, 1, [0, 0, 1, year], "the last leaves a ms later"),
        ],
    );
}
