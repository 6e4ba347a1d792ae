//! SLIDING: two counters on windows aligned to the period, the older one weighted.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn the_window_before_counts_by_what_is_left_of_this_one() {
    Key::default().asks(
        Clause::sliding(10, 1_000),
        &[
            (1_500, 6, [1, 4, 0, 1_500], "counts until the end of the next window, 3,000"),
            (1_999, 4, [1, 0, 0, 1_001], "full"),
            (1_999, 1, [0, 0, 101, 1_001], "at 2,100 the ten weigh nine"),
            (2_000, 1, [0, 0, 100, 1_000], "the window moved on: the ten weigh ten still"),
            (2_099, 1, [0, 0, 1, 901], "they weigh 9.01: rounded down, nothing is left"),
            (2_100, 1, [1, 0, 0, 1_900], "9 and this one"),
            (2_100, 9, [0, 0, 900, 1_900], "nine fit when the ten are gone: a window's end"),
            (2_999, 9, [0, 8, 1, 1_001], "1.01 are in use"),
            (3_000, 9, [1, 0, 0, 2_000], "1 is"),
            (4_999, 10, [0, 9, 1, 1], "0.009 is too much for the whole limit"),
            (5_000, 0, [1, 10, 0, 0], "two windows on: as if never used"),
            (5_000, 10, [1, 0, 0, 2_000], "the whole limit at once"),
        ],
    );
}

#[test]
fn a_wait_is_rounded_up_to_the_millisecond_that_passes() {
    Key::default().asks(
        Clause::sliding(3, 1_000),
        &[
            (0, 3, [1, 0, 0, 2_000], "full"),
            (0, 1, [0, 0, 1_334, 2_000], "two thirds of a window: 666.6 ms must be left"),
            (1_333, 1, [0, 0, 1, 667], "667 left: 2.001 in use"),
            (1_334, 1, [1, 0, 0, 1_666], "666 left: 1.998 in use"),
            (1_334, 2, [0, 0, 666, 1_666], "two fit at the end of this window"),
            (2_000, 2, [1, 0, 0, 2_000], "where one is in use"),
        ],
    );
}

#[test]
fn a_wait_may_lie_two_windows_ahead() {
    Key::default().asks(
        Clause::sliding(10, 1_000),
        &[
            (100, 1, [1, 9, 0, 1_900], "one in use"),
            (100, 10, [0, 9, 1_900, 1_900], "all ten: only when that one weighs nothing"),
            (100, 11, [0, 9, -1, 1_900], "above the limit: never"),
            (1_999, 10, [0, 9, 1, 1], "it weighs 0.001"),
            (2_000, 10, [1, 0, 0, 2_000], "it is gone"),
        ],
    );
}

#[test]
fn a_cost_of_0_looks_and_a_limit_of_0_denies() {
    let mut key = Key::default();
    key.asks(
        Clause::sliding(0, 1_000),
        &[(0, 1, [0, 0, -1, 0], "never"), (0, 0, [1, 0, 0, 0], "a look")],
    );
    key.asks(
        Clause::sliding(2, 1_000),
        &[
            (0, 0, [1, 2, 0, 0], "nothing is used"),
            (0, 2, [1, 0, 0, 2_000], "full"),
            (1_250, 0, [1, 0, 0, 750], "1.5 in use: 0.5 left, rounded down"),
            (1_500, 0, [1, 1, 0, 500], "1 in use"),
            (1_500, 1, [1, 0, 0, 1_500], "the looks took nothing"),
        ],
    );
}

#[test]
fn a_new_limit_applies_to_both_windows() {
    let mut key = Key::default();
    key.asks(Clause::sliding(10, 1_000), &[(0, 10, [1, 0, 0, 2_000], "full")]);
    key.asks(
        Clause::sliding(5, 1_000),
        &[
            (0, 0, [0, 0, 1_500, 2_000], "halved: a look passes when the ten weigh five"),
            (0, 1, [0, 0, 1_600, 2_000], "one passes when they weigh four"),
            (0, 6, [0, 0, -1, 2_000], "above the new limit: never"),
            (1_499, 0, [0, 0, 1, 501], "5.01"),
            (1_500, 0, [1, 0, 0, 500], "5"),
            (1_500, 1, [0, 0, 100, 500], "one does not fit yet"),
        ],
    );
    key.asks(
        Clause::sliding(20, 1_000),
        &[
            (1_500, 16, [0, 15, 100, 500], "raised: fifteen are there now"),
            (1_500, 15, [1, 0, 0, 1_500], "all of them"),
        ],
    );
}

#[test]
fn the_largest_and_the_smallest_numbers() {
    let (most, year) = (1_000_000_000_000, 31_622_400_000);
    Key::default().asks(
        Clause::sliding(most, year as u64),
        &[
            (0, most, [1, 0, 0, 2 * year], "10^12 in 366 days"),
            (0, 1, [0, 0, year + 1, 2 * year], "each ms of the next frees 31"),
            (year, 1, [0, 0, 1, year], "none is free at its start"),
            (year + 1, 31, [1, 0, 0, 2 * year - 1], "10^12 / year = 31.6, rounded down"),
        ],
    );
    Key::default().asks(
        Clause::sliding(1, 1),
        &[
            (7, 1, [1, 0, 0, 2], "a window of 1 ms"),
            (7, 1, [0, 0, 2, 2], "the next ms still counts it in full"),
            (8, 1, [0, 0, 1, 1], "so it does"),
            (9, 1, [1, 0, 0, 2], "gone"),
        ],
    );
}
