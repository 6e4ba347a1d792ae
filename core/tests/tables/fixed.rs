//! FIXED: a window that its first request opens.

use rl_core::Clause;

use crate::key::Key;

#[test]
fn the_first_request_opens_a_window_of_one_period() {
    Key::default().asks(
        Clause::fixed(3, 10_000),
        &[
            (1_000, 1, [1, 2, 0, 10_000], "opens the window, at no round time"),
            (1_001, 1, [1, 1, 0, 9_999], "counts down to the end of that window"),
            (6_000, 1, [1, 0, 0, 5_000], "the last that fits"),
            (6_000, 1, [0, 0, 5_000, 5_000], "full: wait for the end"),
            (10_999, 1, [0, 0, 1, 1], "one ms before the end"),
            (11_000, 1, [1, 2, 0, 10_000], "at the end a new window opens"),
            (60_000, 1, [1, 2, 0, 10_000], "a window opens when it is used, not on a grid"),
        ],
    );
}

#[test]
fn a_cost_is_admitted_whole_or_not_at_all() {
    Key::default().asks(
        Clause::fixed(10, 1_000),
        &[
            (0, 4, [1, 6, 0, 1_000], "six are left"),
            (100, 7, [0, 6, 900, 900], "seven do not fit, and take nothing"),
            (100, 6, [1, 0, 0, 900], "six do"),
            (200, 11, [0, 0, -1, 800], "above the limit: never"),
            (200, 10, [0, 0, 800, 800], "the limit itself: in a new window"),
            (1_000, 11, [0, 10, -1, 0], "above the limit: not in a new window either"),
            (1_000, 10, [1, 0, 0, 1_000], "the whole limit at once"),
        ],
    );
}

#[test]
fn a_cost_of_0_looks_and_opens_no_window() {
    Key::default().asks(
        Clause::fixed(2, 1_000),
        &[
            (0, 0, [1, 2, 0, 0], "nothing is used"),
            (500, 1, [1, 1, 0, 1_000], "the look at 0 opened no window"),
            (600, 0, [1, 1, 0, 900], "a look sees what is used"),
            (700, 1, [1, 0, 0, 800], "the look at 600 took nothing"),
            (800, 0, [1, 0, 0, 700], "a full window is no reason to refuse a look"),
            (1_500, 0, [1, 2, 0, 0], "over: as if never used"),
        ],
    );
}

#[test]
fn a_limit_of_0_denies_every_cost() {
    Key::default().asks(
        Clause::fixed(0, 1_000),
        &[
            (0, 1, [0, 0, -1, 0], "never: 1 is above 0"),
            (0, 0, [1, 0, 0, 0], "looking is allowed"),
            (9_999, 1_000_000_000_000, [0, 0, -1, 0], "never, however much"),
        ],
    );
}

#[test]
fn a_new_limit_applies_to_the_open_window() {
    let mut key = Key::default();
    key.asks(Clause::fixed(5, 1_000), &[(0, 5, [1, 0, 0, 1_000], "full")]);
    key.asks(
        Clause::fixed(8, 1_000),
        &[
            (100, 1, [1, 2, 0, 900], "raised by three: three more are there now"),
            (200, 2, [1, 0, 0, 800], "and no more than three"),
            (200, 1, [0, 0, 800, 800], "the window still ends when it did"),
        ],
    );
    key.asks(
        Clause::fixed(4, 1_000),
        &[
            (300, 1, [0, 0, 700, 700], "lowered below what is used: remaining stops at 0"),
            (300, 0, [0, 0, 700, 700], "exceeded, so even a look is refused"),
            (300, 5, [0, 0, -1, 700], "above the new limit: never"),
            (1_000, 4, [1, 0, 0, 1_000], "a new window has the new limit"),
        ],
    );
    key.asks(Clause::fixed(0, 1_000), &[(1_500, 0, [0, 0, 500, 500], "0 is below what is used")]);
}

#[test]
fn the_largest_and_the_smallest_numbers() {
    let (most, year) = (1_000_000_000_000, 31_622_400_000);
    Key::default().asks(
        Clause::fixed(most, year as u64),
        &[
            (1_700_000_000_000, most - 1, [1, 1, 0, year], "10^12 less one, for 366 days"),
            (1_700_000_000_000, 2, [0, 1, year, year], "one is left"),
            (1_700_000_000_000, 1, [1, 0, 0, year], "full"),
            (1_731_622_399_999, 1, [0, 0, 1, 1], "one ms before the end"),
            (1_731_622_400_000, most, [1, 0, 0, year], "all of it again"),
        ],
    );
    Key::default().asks(
        Clause::fixed(1, 1),
        &[
            (7, 1, [1, 0, 0, 1], "one in a millisecond"),
            (7, 1, [0, 0, 1, 1], "not two"),
            (8, 1, [1, 0, 0, 1], "the next millisecond"),
        ],
    );
}
