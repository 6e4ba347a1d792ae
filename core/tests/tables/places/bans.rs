//! BAN: who does not wait.

use rl_core::{BanClause, Clause};

use super::{Asked, told};
use crate::key::{Key, numbers};

const ONE: [Clause; 1] = [Clause::fixed(1, 10_000)];
const BAN: BanClause = BanClause { refusals: 2, period_ms: 5_000, ban_ms: 20_000, max_ms: 60_000 };
const ASKED: Asked<'_> =
    Asked { clauses: &ONE, cost: 1, name: None, lease: None, shadows: &[], ban: Some(BAN) };

impl Key {
    /// Makes the call: whether it is allowed, what the BAN says, and whether anything is written.
    fn banned(&mut self, now: i64, asked: Asked<'_>) -> (bool, [i64; 4], bool) {
        let outcome = self.ask(now, asked).unwrap();
        let begins = outcome.ban_begins();
        let verdict = told(outcome.ban());
        assert_eq!(outcome.ban().unwrap().limit, asked.ban.unwrap().refusals);
        assert!(!begins || verdict[0] == 0 && outcome.is_write());
        (outcome.outcome.allowed, verdict, outcome.is_write())
    }

    /// Makes the call again and again from `now` on, until a ban begins: how long that is.
    fn hammers(&mut self, now: i64) -> i64 {
        for ms in 0..10 {
            let outcome = self.ask(now + ms, ASKED).unwrap();
            if outcome.ban_begins() {
                return told(outcome.ban())[2];
            }
        }
        0
    }
}

#[test]
fn the_first_refusal_tells_and_those_that_do_not_wait_count() {
    let mut key = Key::default();
    for (now, allowed, ban, writes, why) in [
        (0, true, [1, 2, 0, 0], true, "the window opens"),
        (1_000, false, [1, 2, 0, 9_000], true, "told to wait until 10,000"),
        (2_000, false, [1, 1, 0, 8_000], true, "did not wait: 1 of 2"),
        (3_000, false, [0, 0, 20_000, 80_000], true, "2 of 2: the ban begins"),
        (4_000, false, [0, 0, 19_000, 79_000], false, "nothing is written while it lasts"),
        (12_000, false, [0, 0, 11_000, 71_000], false, "although the limit would admit it"),
        (22_999, false, [0, 0, 1, 60_001], false, "one ms before"),
        (23_000, true, [1, 2, 0, 60_000], true, "the ban is over, and remembered"),
        (23_100, false, [1, 2, 0, 59_900], true, "it told until 23,000, so this one only tells"),
        (23_200, false, [1, 1, 0, 59_800], true, "1"),
        (23_300, false, [0, 0, 40_000, 100_000], true, "2: twice as long"),
        (63_300, true, [1, 2, 0, 60_000], true, ""),
        (63_300, false, [1, 2, 0, 60_000], true, "tells"),
        (63_300, false, [1, 1, 0, 60_000], true, "in the same millisecond, too"),
        (63_300, false, [0, 0, 60_000, 120_000], true, "80 s would be more than max"),
    ] {
        assert_eq!(key.banned(now, ASKED), (allowed, ban, writes), "at {now}: {why}");
    }
}

#[test]
fn a_banned_call_tells_what_each_limit_says() {
    let mut key = Key::default();
    key.ask(0, ASKED).unwrap();
    assert_eq!(key.hammers(1), 20_000);
    let outcome = key.leaves(5_000, ASKED);
    assert_eq!(numbers(&outcome.outcome.verdicts[0]), [0, 0, 5_000, 5_000]);
    let outcome = key.leaves(15_000, ASKED);
    assert_eq!(numbers(&outcome.outcome.verdicts[0]), [1, 1, 0, 0], "it alone would admit it");
    assert!(!outcome.outcome.allowed && !outcome.admits);
    let look = key.leaves(15_000, Asked { cost: 0, ..ASKED });
    assert!(!look.outcome.allowed, "a look is refused, too");
    let without = key.ask(15_000, Asked { ban: None, ..ASKED }).unwrap();
    assert!(without.outcome.allowed, "a call that does not name it is not");
}

#[test]
fn the_next_ban_is_longer_for_max_after_the_end_of_the_last() {
    for (after, expected) in [(59_996, 40_000), (59_997, 20_000)] {
        let mut key = Key::default();
        key.ask(0, ASKED).unwrap();
        assert_eq!(key.hammers(1), 20_000, "from 3 to 20,003");
        key.ask(20_003 + after, ASKED).unwrap();
        // One call tells, two count: the ban begins 3 ms later.
        assert_eq!(key.hammers(20_003 + after + 1), expected);
    }
}

#[test]
fn who_waits_as_told_and_who_looks_is_not_counted() {
    let mut key = Key::default();
    key.ask(0, ASKED).unwrap();
    for now in [1, 10_000, 20_000, 30_000] {
        let (allowed, verdict, _) = key.banned(now, ASKED);
        assert_eq!((allowed, verdict[1]), (now > 1, 2), "at {now}");
    }
    let mut key = Key::default();
    key.ask(0, ASKED).unwrap();
    let lowered = [Clause::fixed(0, 10_000)];
    for now in 1..20 {
        let look = key.leaves(now, Asked { clauses: &lowered, cost: 0, ..ASKED });
        assert!(!look.outcome.allowed, "refused, and not counted");
    }
    assert_eq!(key.banned(20, ASKED).1, [1, 2, 0, 9_980], "so this is the first");
}

#[test]
fn a_refusal_that_says_never_tells_the_period_of_the_ban() {
    let mut key = Key::default();
    let too_much = Asked { cost: 2, ..ASKED };
    assert_eq!(key.banned(0, too_much), (false, [1, 2, 0, 5_000], true), "at a key that was not");
    assert_eq!(key.rows(0), [("ban", [2, 2, 5_000, 2, 0, 5_000])]);
    assert_eq!(key.banned(4_999, too_much).1, [1, 1, 0, 5_000], "1");
    assert_eq!(key.banned(9_999, too_much).1, [1, 2, 0, 5_000], "as told: tells again");
    assert_eq!(key.banned(10_000, too_much).1, [1, 1, 0, 5_000], "a new window");
    assert_eq!(key.banned(14_999, too_much).1, [0, 0, 20_000, 80_000], "its last millisecond");
}

#[test]
fn refusals_of_a_window_that_is_over_count_no_more() {
    let clauses = [Clause::fixed(1, 1_000_000)];
    let asked = Asked { clauses: &clauses, ..ASKED };
    let mut key = Key::default();
    key.ask(0, asked).unwrap();
    for (now, remaining) in [(1, 2), (2, 1), (5_002, 1), (10_002, 1), (15_001, 0)] {
        assert_eq!(key.banned(now, asked).1[1], remaining, "at {now}");
    }
}

#[test]
fn a_window_and_a_ban_go_by_the_numbers_with_which_they_began() {
    let clauses = [Clause::fixed(1, 1_000_000)];
    let with = |refusals, period_ms, ban_ms, max_ms| {
        let ban = BanClause { refusals, period_ms, ban_ms, max_ms };
        Asked { clauses: &clauses, ban: Some(ban), ..ASKED }
    };
    let mut key = Key::default();
    key.ask(0, with(3, 100, 10, 20)).unwrap();
    assert_eq!(key.banned(1, with(9, 100, 10, 20)).1[1], 9, "tells");
    assert_eq!(key.banned(2, with(3, 100, 10, 20)).1[1], 2, "opens a window for 3 in 100 ms");
    assert_eq!(key.banned(3, with(1, 50, 10, 20)).1[1], 1, "neither 1 nor 50 ms");
    assert_eq!(key.rows(3)[1].1[..3], [3, 3, 100]);
    let (_, verdict, _) = key.banned(101, with(9, 50, 1_000, 2_000));
    assert_eq!(verdict, [0, 0, 1_000, 999_899], "the third: a ban as this call has it");
    assert_eq!(key.banned(102, with(9, 50, 1, 1)).1[2], 999, "whatever others say");
}

#[test]
fn the_time_told_is_the_longest_wait_of_the_limits_that_refuse() {
    let clauses = [Clause::fixed(1, 100), Clause::fixed(1, 300), Clause::leaky(50, 1, 1_000)];
    let asked = Asked { clauses: &clauses, ..ASKED };
    let mut key = Key::default();
    key.ask(0, asked).unwrap();
    assert_eq!(key.banned(1, asked).1, [1, 2, 0, 299], "the hold of the queue aside");
    assert_eq!(key.banned(150, asked).1[1], 1, "the first would have admitted it");
    let ask = |lease, cost, clauses| {
        let (name, lease) = (Some("x"), Some((1, lease, 1)));
        Asked { name, lease, cost, clauses, ..ASKED }
    };
    let mut key = Key::default();
    key.lease(0, "y", (1, 50_000), 1);
    let outcome = key.leaves(0, ask(9, 1, &ONE));
    assert_eq!(
        (told(outcome.ban()), told(outcome.lease())),
        ([1, 2, 0, 0], [0, 0, 50_000, 50_000])
    );
    assert!(
        outcome.outcome.verdicts[0].allowed,
        "refused by the lease alone, which does not count"
    );
    key.ask(0, Asked { ban: None, ..ASKED }).unwrap();
    let (_, verdict, _) = key.banned(0, ask(9, 1, &ONE));
    assert_eq!(verdict, [1, 2, 0, 10_000], "by both: told as by the limit");
}

#[test]
fn a_clock_that_steps_back_moves_what_is_recorded() {
    let clauses = [Clause::fixed(1, 1_000_000)];
    let asked = Asked { clauses: &clauses, ..ASKED };
    let mut key = Key::default();
    key.ask(100_000, asked).unwrap();
    key.ask(100_000, asked).unwrap();
    key.ask(100_000, asked).unwrap();
    assert_eq!(key.rows(50_000)[1].1[3..], [1, 0, 1_000_000], "as if: told, and 1 of 2");
    let mut look = key.clone();
    assert!(look.ask(50_000, Asked { cost: 0, ..asked }).unwrap().is_write(), "a look records it");
    assert_eq!(look.rows(50_000)[1].1[3..], [1, 0, 1_000_000]);
    assert_eq!(look.banned(55_000, asked).1, [1, 1, 0, 995_000], "the window went on from 50,000");
    assert_eq!(key.banned(50_000, asked).1[2], 20_000, "it frees nobody");
    let (allowed, verdict, writes) = key.banned(10_000, asked);
    assert_eq!((allowed, verdict[2], writes), (false, 20_000, true), "and the ban begins here now");
    assert_eq!(key.banned(29_999, asked).1[2], 1);
    assert_eq!(key.banned(30_000, asked).1[0], 1);
}
