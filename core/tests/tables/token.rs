//! TOKEN: a bucket that refills continuously.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn tokens_come_back_one_by_one() {
    Key::default().asks(
        Clause::token(10, 5, 1_000),
        &[
            (0, 10, [1, 0, 0, 2_000], "a burst of the capacity; one token comes each 200 ms"),
            (0, 1, [0, 0, 200, 2_000], "empty"),
            (199, 1, [0, 0, 1, 1_801], "one ms before"),
            (200, 1, [1, 0, 0, 2_000], "the token is there, and taken"),
            (300, 0, [1, 0, 0, 1_900], "half a token is none"),
            (400, 2, [0, 1, 200, 1_800], "one is there, two are asked"),
            (600, 2, [1, 0, 0, 2_000], "two are"),
            (2_599, 10, [0, 9, 1, 1], "not full for one more ms"),
            (2_600, 0, [1, 10, 0, 0], "full: as if never used"),
            (9_000, 10, [1, 0, 0, 2_000], "and never more than full"),
            (9_000, 11, [0, 0, -1, 2_000], "above the capacity: never"),
        ],
    );
}

#[test]
fn thirds_of_a_second_do_not_drift() {
    Key::default().asks(
        Clause::token(100, 3, 1_000),
        &[
            (0, 100, [1, 0, 0, 33_334], "empty: full again after 33,333.3 ms, rounded up"),
            (333, 1, [0, 0, 1, 33_001], "0.999 of a token"),
            (334, 1, [1, 0, 0, 33_333], "1.002: 0.002 stay in the bucket"),
            (666, 1, [0, 0, 1, 33_001], "0.998"),
            (667, 1, [1, 0, 0, 33_333], "1.001"),
            (999, 1, [0, 0, 1, 33_001], "0.997"),
            (1_000, 1, [1, 0, 0, 33_334], "three tokens in one second, to the ms"),
            (1_000, 3, [0, 0, 1_000, 33_334], "and three in the next"),
        ],
    );
}

#[test]
fn a_cost_of_0_looks_and_a_capacity_of_0_denies() {
    let mut key = Key::default();
    key.asks(
        Clause::token(0, 1, 1_000),
        &[(0, 1, [0, 0, -1, 0], "never"), (0, 0, [1, 0, 0, 0], "a look")],
    );
    key.asks(
        Clause::token(1, 1, 1_000),
        &[
            (0, 0, [1, 1, 0, 0], "nothing is out"),
            (0, 1, [1, 0, 0, 1_000], "empty"),
            (999, 0, [1, 0, 0, 1], "an empty bucket is no reason to refuse a look"),
            (1_000, 1, [1, 0, 0, 1_000], "the looks took nothing"),
        ],
    );
}

#[test]
fn a_new_capacity_applies_to_what_is_out() {
    let mut key = Key::default();
    key.asks(Clause::token(10, 1, 1_000), &[(0, 10, [1, 0, 0, 10_000], "empty")]);
    key.asks(
        Clause::token(20, 1, 1_000),
        &[
            (0, 11, [0, 10, 1_000, 10_000], "raised by ten: ten more are there now"),
            (0, 10, [1, 0, 0, 20_000], "all of them"),
        ],
    );
    key.asks(
        Clause::token(5, 1, 1_000),
        &[
            (0, 0, [0, 0, 15_000, 20_000], "lowered: a look passes when five are out"),
            (0, 1, [0, 0, 16_000, 20_000], "one passes when four are"),
            (0, 6, [0, 0, -1, 20_000], "above the new capacity: never"),
            (14_999, 0, [0, 0, 1, 5_001], "5.001 are out"),
            (15_000, 0, [1, 0, 0, 5_000], "five are"),
            (17_000, 2, [1, 0, 0, 5_000], "three were"),
        ],
    );
}

#[test]
fn a_new_refill_applies_since_the_last_use() {
    let mut key = Key::default();
    key.asks(Clause::token(10, 1, 1_000), &[(0, 10, [1, 0, 0, 10_000], "empty")]);
    key.asks(
        Clause::token(10, 2, 1_000),
        &[
            (2_000, 0, [1, 4, 0, 3_000], "doubled: four have come back, not two"),
            (2_000, 5, [0, 4, 500, 3_000], "the fifth comes in half a second"),
            (5_000, 0, [1, 10, 0, 0], "full after half the time"),
        ],
    );
    key.asks(
        Clause::token(10, 1, 1_000),
        &[(5_000, 0, [1, 5, 0, 5_000], "what was recorded is what it was: looks change nothing")],
    );
    key.asks(
        Clause::token(10, 5, 1_000),
        &[
            (1_000, 5, [1, 0, 0, 2_000], "recorded with the new refill"),
            (2_999, 10, [0, 9, 1, 1], "by which it is full at 3,000"),
            (3_000, 10, [1, 0, 0, 2_000], "it is"),
        ],
    );
}

#[test]
fn a_lowered_refill_waits_no_longer_than_the_recorded_one() {
    let mut key = Key::default();
    key.asks(Clause::token(10, 10, 1_000), &[(0, 10, [1, 0, 0, 1_000], "full again at 1,000")]);
    let mut allowed = key.clone();
    key.asks(
        Clause::token(10, 1, 1_000),
        &[
            (500, 1, [0, 0, 500, 500], "9.5 are out: a tenth of the refill, 500 ms for one"),
            (500, 2, [0, 0, 500, 500], "1,500 by the new refill, but it is new at 1,000"),
            (500, 0, [1, 0, 0, 500], "the same for the reset of a look"),
            (500, 11, [0, 0, -1, 500], "above the capacity: never, new or not"),
            (999, 2, [0, 0, 1, 1], "one ms before"),
            (1_000, 2, [1, 8, 0, 2_000], "unused by the recorded numbers: new"),
            (2_999, 10, [0, 9, 1, 1], "now the new refill is the recorded one"),
            (3_000, 10, [1, 0, 0, 10_000], "and holds"),
        ],
    );
    allowed.asks(
        Clause::token(10, 5, 1_000),
        &[(500, 2, [1, 0, 0, 1_900], "an allowed call records: 9.5 out at 5 a second")],
    );
}

#[test]
fn the_largest_and_the_smallest_numbers() {
    let (most, year) = (1_000_000_000_000, 31_622_400_000);
    Key::default().asks(
        Clause::token(most, most, year as u64),
        &[
            (0, most, [1, 0, 0, year], "10^12 tokens in 366 days: 31.6 each ms"),
            (1, 32, [0, 31, 1, year - 1], "31 after one ms"),
            (2, 63, [1, 0, 0, year], "63.2 after two; 0.2 stay"),
            (3, 32, [0, 31, 1, year - 1], "31.9 there"),
        ],
    );
    Key::default().asks(
        Clause::token(most, 1, year as u64),
        &[
            (0, most, [1, 0, 0, -1], "10^12 * 366 days is beyond u64: all ones"),
            (0, 1, [0, 0, year, -1], "one token in 366 days"),
            (year - 1, 1, [0, 0, 1, -1], "one ms before"),
            (year, 1, [1, 0, 0, -1], "and at it"),
        ],
    );
    Key::default().asks(
        Clause::token(1, most, 1),
        &[
            (0, 1, [1, 0, 0, 1], "10^12 tokens each ms, into room for one"),
            (0, 1, [0, 0, 1, 1], "the next comes with the next ms"),
            (1, 1, [1, 0, 0, 1], "it does"),
        ],
    );
}
