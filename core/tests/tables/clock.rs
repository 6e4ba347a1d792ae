//! A clock that steps back frees nobody, and locks nobody longer than the limiter would.

use rl_core::Clause;

use crate::key::Key;

/// A key at which all of `clause`, a limit of 2, was used at `now`.
fn full(clause: Clause, now: i64) -> Key {
    let mut key = Key::default();
    assert!(key.call(now, 2, &[clause]).unwrap().allowed);
    key
}

#[test]
fn fixed_opens_its_window_now() {
    let clause = Clause::fixed(2, 1_000);
    for (cost, answer) in [(1, [0, 0, 1_000, 1_000]), (0, [1, 0, 0, 1_000])] {
        let mut key = full(clause, 50_000);
        key.moves(clause, (40_000, cost, answer, "used stays used, for one period from now"));
        key.asks(
            clause,
            &[
                (40_999, 1, [0, 0, 1, 1], "the move was recorded: the end is 41,000"),
                (41_000, 1, [1, 1, 0, 1_000], "not 51,000"),
            ],
        );
    }
}

#[test]
fn fixed_within_its_window_has_nothing_to_move() {
    let (mut key, clause) = (Key::default(), Clause::fixed(3, 1_000));
    key.asks(clause, &[(500, 1, [1, 2, 0, 1_000], ""), (900, 1, [1, 1, 0, 600], "")]);
    key.asks(clause, &[(600, 0, [1, 1, 0, 900], "only a start in the future is moved")]);
    key.moves(clause, (400, 1, [1, 0, 0, 1_000], "an allowed call counts on top of what was used"));
}

#[test]
fn sliding_moves_both_windows() {
    let clause = Clause::sliding(2, 1_000);
    for (cost, answer) in [(1, [0, 0, 1_500, 2_000]), (0, [1, 0, 0, 2_000])] {
        let mut key = full(clause, 50_700);
        key.moves(clause, (40_000, cost, answer, "the window of 50,000 is now that of 40,000"));
        key.asks(
            clause,
            &[
                (41_499, 1, [0, 0, 1, 501], "recorded"),
                (41_500, 1, [1, 0, 0, 1_500], "half of the two, and this one"),
            ],
        );
    }
    let mut key = full(clause, 50_700);
    key.asks(clause, &[(51_500, 1, [1, 0, 0, 1_500], "two before, one in this window")]);
    key.moves(clause, (40_500, 0, [1, 0, 0, 1_500], "the window before is moved with it"));
    key.asks(
        clause,
        &[
            (40_600, 0, [1, 0, 0, 1_400], "recorded: 1.8 in use"),
            (41_500, 0, [1, 1, 0, 500], "and gone when it would be"),
        ],
    );
}

#[test]
fn sliding_within_its_window_has_nothing_to_move() {
    let clause = Clause::sliding(2, 1_000);
    full(clause, 50_700).asks(clause, &[(50_000, 0, [1, 0, 0, 2_000], "the window is the same")]);
}

#[test]
fn log_moves_every_later_entry() {
    let clause = Clause::log(4, 1_000);
    for (cost, answer) in [(2, [0, 1, 900, 1_000]), (0, [1, 1, 0, 1_000])] {
        let mut key = Key::default();
        key.asks(
            clause,
            &[
                (9_600, 1, [1, 3, 0, 1_000], "before the step"),
                (9_900, 1, [1, 2, 0, 1_000], "after it"),
                (10_000, 1, [1, 1, 0, 1_000], "after it, too"),
            ],
        );
        key.moves(clause, (9_700, cost, answer, "the two later ones count as of now"));
        key.asks(
            clause,
            &[
                (10_599, 2, [0, 1, 1, 101], "the first leaves when it would have"),
                (10_600, 2, [1, 0, 0, 1_000], "it has"),
                (10_700, 2, [1, 0, 0, 1_000], "the other two a period after the move"),
            ],
        );
    }
}

#[test]
fn log_forgets_nothing_by_a_move() {
    let (mut key, clause) = (Key::default(), Clause::log(3, 1_000));
    key.asks(clause, &[(5_000, 1, [1, 2, 0, 1_000], ""), (5_900, 1, [1, 1, 0, 1_000], "")]);
    key.asks(clause, &[(6_500, 0, [1, 2, 0, 400], "by this clock the first has left")]);
    key.moves(clause, (5_800, 0, [1, 1, 0, 1_000], "by this one it has not"));
    key.asks(clause, &[(6_300, 1, [1, 1, 0, 1_000], "it leaves for good with a recorded call")]);
    key.moves(clause, (5_900, 0, [1, 1, 0, 1_000], "so it does not come back"));
}

#[test]
fn token_keeps_its_level() {
    let clause = Clause::token(2, 1, 1_000);
    for (cost, answer) in [(1, [0, 0, 1_000, 2_000]), (0, [1, 0, 0, 2_000])] {
        let mut key = full(clause, 50_000);
        key.moves(clause, (40_000, cost, answer, "two out, and nothing has come back"));
        key.asks(
            clause,
            &[
                (40_999, 1, [0, 0, 1, 1_001], "it comes back from now on"),
                (41_000, 1, [1, 0, 0, 2_000], "not from 50,000"),
            ],
        );
    }
}

#[test]
fn leaky_keeps_its_level() {
    let clause = Clause::leaky(2, 1, 1_000);
    for (cost, answer) in [(1, [0, 0, 1_000, 2_000]), (0, [1, 0, 2_000, 2_000])] {
        let mut key = full(clause, 50_000);
        key.moves(clause, (40_000, cost, answer, "two queued, and nothing has leaked"));
        key.asks(clause, &[(41_000, 1, [1, 0, 1_000, 2_000], "it leaks from now on")]);
    }
}

#[test]
fn a_move_keeps_the_recorded_numbers() {
    let mut key = full(Clause::token(2, 4, 1_000), 50_000);
    let slower = Clause::token(1, 1, 1_000);
    key.moves(slower, (40_000, 1, [0, 0, 500, 500], "denied by other numbers"));
    assert_eq!(key.peek(40_000), [(Clause::token(2, 4, 1_000), [0, 0, 250, 500])]);
    key.asks(slower, &[(40_499, 1, [0, 0, 1, 1], ""), (40_500, 1, [1, 0, 0, 1_000], "new")]);
}

#[test]
fn a_look_without_a_call_only_reads_as_if() {
    for clause in [
        Clause::fixed(2, 1_000),
        Clause::log(2, 1_000),
        Clause::token(2, 2, 1_000),
        Clause::leaky(2, 2, 1_000),
    ] {
        let key = full(clause, 50_000);
        let seen = key.peek(40_000);
        assert_eq!(seen.len(), 1, "{clause:?}");
        assert_eq!((seen[0].0, seen[0].1[3]), (clause, 1_000), "a whole period from then");
        assert_eq!(key.peek(40_400), seen, "and again later, for nothing was recorded");
    }
}

#[test]
fn a_refused_call_of_several_moves_what_it_names() {
    let (fixed, log, other) =
        (Clause::fixed(9, 1_000), Clause::log(2, 1_000), Clause::fixed(9, 5_000));
    let mut key = Key::default();
    assert!(key.call(50_000, 2, &[fixed, log, other]).unwrap().allowed);
    let refused = key.call(40_000, 1, &[fixed, log]).unwrap();
    assert_eq!((refused.allowed, refused.changes().count()), (false, 2));
    let (limiters, moved) = (key.stored.as_ref().unwrap(), 41_000);
    let ends = limiters.as_slice().iter().map(rl_core::Limiter::unused_at_ms);
    assert_eq!(ends.collect::<Vec<_>>(), [moved, 55_000, moved], "the one not named stays");
}

#[test]
fn clocks_before_1970_read_as_1970() {
    let clause = Clause::fixed(2, 1_000);
    full(clause, 0).asks(
        clause,
        &[
            (i64::MIN, 1, [0, 0, 1_000, 1_000], "the earliest time there is"),
            (-1, 1, [0, 0, 1_000, 1_000], "the same"),
            (999, 1, [0, 0, 1, 1], "one ms before"),
            (1_000, 1, [1, 1, 0, 1_000], "at it"),
        ],
    );
}
