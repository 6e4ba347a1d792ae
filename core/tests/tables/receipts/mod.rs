//! Charges with an id: a call that is made again, and what it turns out to have cost.

mod all;
mod room;

use rl_core::{
    Charge, ChargeId, Clause, Group, GroupOutcome, Limiters, Note, Now, Outcome, Refused,
    Settlement,
};

use crate::key::{Key, numbers};

const MINUTE: u64 = 60_000;

fn id(id: &str) -> ChargeId {
    ChargeId::new(id.as_bytes()).unwrap()
}

impl Key {
    /// Makes a call with an id that is known for `keep_ms`, where there may be `most` receipts:
    /// whether it was a repeat, and the outcome.
    pub(crate) fn call_as(
        &mut self,
        now: i64,
        name: &str,
        (keep_ms, most): (u64, usize),
        cost: u64,
        clauses: &[Clause],
    ) -> Result<(bool, Outcome<16>), Refused> {
        let now = Now::from_unix_ms(now);
        let charge = Charge { id: id(name), keep_ms, receipts_max: most };
        let mut outcome = GroupOutcome::<16>::undecided();
        let stored = self.stored.as_ref();
        outcome.decide(
            &Group { stored, clauses, cost, charge: Some(&charge), ..Group::default() },
            now,
        )?;
        match &mut self.stored {
            Some(limiters) if outcome.is_write() => {
                outcome.record(limiters, now);
                let moved = outcome.outcome.new_expiry_ms(limiters, self.expires, now);
                self.expires = moved.or(self.expires);
            }
            Some(_) => {}
            None => {
                self.stored = outcome.make(now);
                if let Some(limiters) = &self.stored {
                    self.expires = outcome.outcome.new_expiry_ms(limiters, None, now);
                }
            }
        }
        Ok((outcome.repeat, outcome.outcome))
    }

    /// A charge of `cost` to one clause, known for a minute, that is allowed and no repeat.
    fn charges(&mut self, now: i64, name: &str, cost: u64, clause: Clause) {
        let (repeat, outcome) = self.call_as(now, name, (MINUTE, 1_000), cost, &[clause]).unwrap();
        assert!(outcome.allowed && !repeat, "{name} at {now}");
    }

    /// Settles a call as RL.SETTLE does.
    pub(crate) fn settle(&mut self, now: i64, name: &str, cost: u64) -> Settlement {
        let (id, now) = (id(name), Now::from_unix_ms(now));
        let Some(limiters) = &mut self.stored else { return Settlement::Unknown };
        let settlement = limiters.settlement(&id, cost, now);
        if settlement.is_change() {
            limiters.note(&Note::Settle { id, cost }, now);
            self.expires = limiters.new_expiry_ms(self.expires, now).or(self.expires);
        }
        settlement
    }

    /// How much is left of the limit of `clause`.
    fn remains(&self, now: i64, clause: Clause) -> i64 {
        let outcome = self.clone().call(now, 0, &[clause]).unwrap();
        numbers(&outcome.verdicts[0])[1]
    }
}

const MORE: Settlement = Settlement::More { grows: false };

#[test]
fn a_token_becomes_what_it_would_be_had_the_call_cost_that_from_the_first() {
    let ten = Clause::token(10, 1, 1_000);
    let mut key = Key::default();
    key.charges(0, "a", 10, ten);
    key.charges(6_000, "b", 5, ten);
    assert_eq!(key.remains(7_000, ten), 2, "the level is 8");
    assert_eq!(key.settle(7_000, "a", 2), Settlement::Less);
    assert_eq!(key.remains(7_000, ten), 6, "4: the two had leaked by 2 s, and one of five since");
    assert_eq!(key.settle(7_000, "a", 2), Settlement::Same, "settling twice is settling once");
    assert_eq!(key.settle(7_000, "a", 0), Settlement::Less, "but what is left has leaked");
    assert_eq!(key.remains(7_000, ten), 6);
    assert_eq!(key.settle(7_000, "b", 1), Settlement::Less);
    assert_eq!(key.remains(7_000, ten), 10, "one token of 6 s has come back by 7 s");
    assert_eq!(key.settle(7_000, "b", 5), MORE);
    assert_eq!(key.remains(7_000, ten), 6, "the rest is charged now");
    assert_eq!(key.settle(8_000, "b", 1), Settlement::Less, "what was added is given back first");
    assert_eq!(key.remains(8_000, ten), 10);
    assert_eq!(key.settle(8_000, "c", 1), Settlement::Unknown);
}

#[test]
fn a_token_may_come_to_stand_above_its_capacity_but_not_above_the_cap() {
    let (ten, most) = (Clause::token(10, 1, 1_000), 1_000_000_000_000);
    let mut key = Key::default();
    key.charges(0, "a", 3, ten);
    assert_eq!(key.settle(0, "a", 15), MORE);
    key.asks(
        ten,
        &[
            (0, 0, [0, 0, 5_000, 15_000], "above it: not even a look passes"),
            (5_999, 1, [0, 0, 1, 9_001], "five over and one less than the capacity"),
        ],
    );
    let wide = Clause::token(most, 1, 1_000);
    key.charges(0, "b", 2, wide);
    assert_eq!(key.settle(1_000, "a", most), MORE);
    assert_eq!(
        key.remains(1_000, wide),
        0,
        "16 were out: what was added is what fits on top of them"
    );
    assert_eq!(key.settle(1_000, "a", most), Settlement::Same, "no more fits");
    assert_eq!(key.settle(1_000, "b", 0), Settlement::Less);
    assert_eq!(key.remains(1_000, wide), 2);
    assert_eq!(key.settle(1_000, "a", 15), Settlement::Less, "remembered as what fitted");
    assert_eq!(key.remains(1_000, wide), most as i64 - 14);
}

#[test]
fn a_fixed_window_that_still_stands_is_settled() {
    let five = Clause::fixed(5, 1_000);
    let mut key = Key::default();
    key.charges(100, "a", 5, five);
    assert_eq!(key.settle(200, "a", 0), Settlement::Less);
    key.asks(five, &[(200, 0, [1, 5, 0, 0], "all is back")]);
    key.charges(900, "b", 2, five);
    key.asks(five, &[(900, 0, [1, 3, 0, 200], "a window keeps its start until it ends")]);
    assert_eq!(key.settle(1_099, "a", 9), MORE, "settled as 0, and then as more");
    key.asks(five, &[(1_099, 0, [0, 0, 1, 1], "11 of 5")]);
    assert_eq!(key.settle(1_100, "a", 0), Settlement::Same, "the window is over");
    key.charges(1_100, "c", 1, five);
    assert_eq!(key.settle(1_100, "b", 0), Settlement::Same, "another one stands");
    key.asks(five, &[(1_100, 0, [1, 4, 0, 1_000], "")]);
}

#[test]
fn a_sliding_window_is_settled_where_it_was_charged() {
    let ten = Clause::sliding(10, 1_000);
    let mut key = Key::default();
    key.charges(500, "a", 8, ten);
    key.charges(1_500, "b", 4, ten);
    key.asks(ten, &[(1_500, 0, [1, 2, 0, 1_500], "8 * 1/2 and 4")]);
    assert_eq!(key.settle(1_500, "a", 2), Settlement::Less);
    key.asks(ten, &[(1_500, 0, [1, 5, 0, 1_500], "2 * 1/2 and 4")]);
    assert_eq!(key.settle(1_500, "b", 0), Settlement::Less);
    key.asks(ten, &[(1_500, 0, [1, 9, 0, 500], "only the window before is in use")]);
    assert_eq!(key.settle(2_000, "a", 9), Settlement::Same, "two windows ago");
    assert_eq!(key.settle(2_000, "b", 6), MORE, "in the window before, with no call in this one");
    key.asks(ten, &[(2_500, 0, [1, 7, 0, 500], "6 * 1/2")]);
}

#[test]
fn a_log_is_settled_at_the_entry_of_that_millisecond() {
    let ten = Clause::log(10, 1_000);
    let mut key = Key::default();
    key.charges(100, "a", 4, ten);
    key.charges(100, "b", 2, ten);
    key.charges(300, "c", 3, ten);
    assert_eq!(key.settle(400, "a", 1), Settlement::Less);
    key.asks(ten, &[(400, 0, [1, 4, 0, 900], "1 and 2, and 3")]);
    assert_eq!(key.settle(400, "c", 0), Settlement::Less);
    key.asks(ten, &[(400, 0, [1, 7, 0, 700], "the newest is now that of 100")]);
    assert_eq!(key.settle(400, "c", 5), Settlement::More { grows: true }, "there again");
    key.asks(
        ten,
        &[(400, 4, [0, 2, 700, 900], "8"), (1_100, 0, [1, 5, 0, 200], "the one of 100 has left")],
    );
    assert_eq!(key.settle(1_100, "b", 0), Settlement::Same, "it no longer counts");
    assert_eq!(key.settle(1_100, "c", 20_000_000), MORE, "up to 10^7 in all");
    key.asks(ten, &[(1_299, 0, [0, 0, 1, 1], "")]);
    assert_eq!(key.settle(1_299, "c", 1), Settlement::Less, "remembered as what fitted");
    key.asks(ten, &[(1_299, 0, [1, 9, 0, 1], "")]);
}

#[test]
fn a_place_in_a_queue_is_not_given_back() {
    let five = Clause::leaky(5, 1, 1_000);
    let mut key = Key::default();
    key.charges(0, "a", 3, five);
    let before = key.stored.clone();
    assert_eq!(key.settle(0, "a", 0), Settlement::Same);
    assert_eq!(key.settle(0, "a", 9), Settlement::Same);
    assert_eq!(key.settle(0, "b", 9), Settlement::Unknown);
    assert!(key.stored == before);
}

#[test]
fn the_same_id_again_is_the_same_call() {
    let (fixed, leaky) = (Clause::fixed(10, 10_000), Clause::leaky(10, 1, 1_000));
    let mut key = Key::default();
    assert!(key.limit(0, 4, &[fixed, leaky]).0);
    let keep = (5_000, 10);
    let (repeat, first) = key.call_as(0, "a", keep, 3, &[fixed, leaky]).unwrap();
    assert!(first.allowed && !repeat);
    assert_eq!(numbers(&first.verdicts[1]), [1, 3, 4_000, 7_000], "hold for 4 s");
    let before = key.stored.clone();
    for (now, cost, hold, reset) in
        [(0, 3, 4_000, 7_000), (1_000, 9, 3_000, 6_000), (4_999, 1, 0, 2_001)]
    {
        let (repeat, outcome) = key.call_as(now, "a", keep, cost, &[leaky, fixed]).unwrap();
        assert!(repeat && outcome.allowed, "at {now}, in another order and for another cost");
        assert_eq!(numbers(&outcome.verdicts[1]), [1, 3, 0, 10_000 - now]);
        let left = 3 + now / 1_000;
        assert_eq!(numbers(&outcome.verdicts[0]), [1, left, hold, reset], "at {now}");
        assert!(key.stored == before, "nothing is written");
    }
    let (repeat, outcome) =
        key.call_as(0, "a", keep, 1, &[Clause::fixed(5, 10_000), leaky]).unwrap();
    assert!(repeat && outcome.allowed, "although 7 are used of what is now 5");
    assert_eq!(numbers(&outcome.verdicts[0]), [1, 0, 0, 10_000]);
    for clauses in
        [&[fixed][..], &[fixed, Clause::leaky(10, 1, 999)], &[fixed, leaky, Clause::log(1, 1)]]
    {
        let error = key.call_as(0, "a", keep, 1, clauses).err();
        assert_eq!(error, Some(Refused::AnotherCall));
        assert!(key.call_as(0, "a", keep, 0, clauses).is_ok(), "cost 0 does not look at the id");
    }
    let (repeat, _) = key.call_as(5_000, "a", keep, 1, &[fixed]).unwrap();
    assert!(!repeat, "forgotten, and so another call");
}

#[test]
fn a_denied_call_and_one_of_cost_0_leave_no_receipt() {
    let mut key = Key::default();
    let one = [Clause::fixed(1, 1_000)];
    for cost in [0, 2] {
        key.call_as(0, "a", (MINUTE, 10), cost, &one).unwrap();
        assert!(key.stored.is_none());
    }
    key.charges(0, "b", 1, one[0]);
    let (repeat, outcome) = key.call_as(0, "a", (MINUTE, 10), 1, &one).unwrap();
    assert!(!outcome.allowed && !repeat);
    assert_eq!(key.settle(0, "a", 0), Settlement::Unknown);
    assert_eq!(key.stored.unwrap().receipts(), 1);
}

#[test]
fn a_clock_that_steps_back_makes_a_receipt_unknown_and_a_write_forgets_it() {
    let clause = Clause::fixed(100, MINUTE);
    let mut key = Key::default();
    key.charges(10_000, "a", 1, clause);
    key.charges(20_000, "b", 1, clause);
    assert_eq!(key.settle(19_999, "b", 0), Settlement::Unknown, "ahead of the clock");
    assert_eq!(key.settle(20_000, "b", 1), Settlement::Same, "known again: nothing was written");
    key.charges(15_000, "c", 1, clause);
    assert_eq!(key.settle(20_000, "b", 0), Settlement::Unknown, "forgotten");
    assert_eq!(key.settle(20_000, "a", 1), Settlement::Same);
    // A bare move is a write.
    key.moves(clause, (9_999, 0, [1, 97, 0, MINUTE as i64], "the window is moved"));
    assert_eq!(key.settle(20_000, "a", 0), Settlement::Unknown);
    assert_eq!(key.stored.as_ref().map(Limiters::receipts), Some(0));
    assert!(key.stored.unwrap().is_plain());
}

#[test]
fn one_more_pushes_out_the_one_that_would_be_forgotten_first() {
    let clause = Clause::fixed(100, MINUTE);
    let (mut key, known) = (Key::default(), |key: &mut Key, now| {
        let known = ["a", "b", "c", "d", "e", "f"].into_iter();
        known.filter(|name| key.settle(now, name, 1) != Settlement::Unknown).collect::<String>()
    });
    for (now, name, keep_ms, most, expected, why) in [
        (0, "a", 9_000, 3, "a", ""),
        (1_000, "b", 5_000, 3, "ab", ""),
        (2_000, "c", 4_000, 3, "abc", "forgotten when b is"),
        (2_000, "d", 100, 3, "acd", "b is the older of the two, and never is it the new one"),
        (2_000, "e", 7_000, 3, "ace", "d would be forgotten first"),
        (2_001, "f", 60_000, 2, "ef", "the number was lowered: a, as old, goes before e"),
    ] {
        let (_, outcome) = key.call_as(now, name, (keep_ms, most), 1, &[clause]).unwrap();
        assert!(outcome.allowed);
        assert_eq!(known(&mut key, now), expected, "{name} at {now}: {why}");
    }
    let error = key.call_as(2_001, "g", (1_000, 0), 1, &[clause]).err();
    assert_eq!(error, Some(Refused::NoReceipts));
    assert!(key.call_as(2_001, "g", (1_000, 0), 0, &[clause]).is_ok(), "cost 0 has no id");
    assert_eq!(key.settle(2_001, "e", 0), Settlement::Less, "what is known can be settled");
    let dropped = |key: &mut Key| {
        let charge = Charge { id: id("h"), keep_ms: 1, receipts_max: 1 };
        let mut outcome = GroupOutcome::<1>::undecided();
        let group = Group {
            stored: key.stored.as_ref(),
            clauses: &[clause],
            cost: 1,
            charge: Some(&charge),
            ..Group::default()
        };
        outcome.decide(&group, Now::from_unix_ms(2_001)).unwrap();
        outcome.record(key.stored.as_mut().unwrap(), Now::from_unix_ms(2_001)).receipts
    };
    assert_eq!(dropped(&mut key), 2);
}

#[test]
fn a_limiter_that_a_receipt_names_stays() {
    let short = Clause::fixed(5, 100);
    let mut key = Key::default();
    key.charges(0, "a", 1, short);
    key.asks(Clause::token(5, 1, 1_000), &[(1_000, 1, [1, 4, 0, 1_000], "")]);
    assert_eq!(key.len(), 2, "it is unused, but there");
    assert_eq!(key.peek(1_000).len(), 1, "and RL.PEEK does not show it");
    assert_eq!(key.expires, Some(75_000), "the key is there as long as the receipt is known");
    key.asks(Clause::leaky(5, 1, 1_000), &[(59_999, 1, [1, 4, 0, 1_000], "")]);
    assert_eq!(key.len(), 2, "the bucket was dropped for the queue");
    key.asks(Clause::log(5, 1_000), &[(60_000, 1, [1, 4, 0, 1_000], "")]);
    assert_eq!(key.len(), 2, "forgotten: so the window may go");
    assert!(key.stored.unwrap().is_plain(), "and with it all that was unusual");
}

#[test]
fn use_that_no_call_could_leave_is_an_unusual_key_until_it_is_gone() {
    let clause = Clause::fixed(5, 100_000);
    let mut key = Key::default();
    key.charges(0, "a", 5, clause);
    key.settle(0, "a", 0);
    key.call(60_000, 1, &[Clause::token(5, 1, 1_000)]).unwrap();
    assert!(!key.stored.as_ref().unwrap().is_plain(), "a window of which nothing is used");
    key.call(60_000, 1, &[clause]).unwrap();
    assert!(key.stored.as_ref().unwrap().is_plain());
}

#[test]
fn what_a_settle_cannot_touch_it_does_not_move() {
    let fixed = Clause::fixed(5, 1_000);
    let mut key = Key::default();
    key.charges(0, "a", 1, fixed);
    key.charges(5_000, "b", 1, fixed);
    let before = key.stored.clone();
    assert_eq!(key.settle(4_000, "a", 0), Settlement::Same, "its window is of the past");
    assert!(key.stored == before, "and the one that is ahead stays so");
    // The window moves to just where the first one was: that is still another.
    key.moves(fixed, (0, 1, [1, 3, 0, 1_000], "moved and charged"));
    assert_eq!(key.settle(0, "a", 0), Settlement::Same);
}

#[test]
fn an_entry_that_was_forgotten_is_not_the_one_that_is_made_in_its_millisecond() {
    let log = Clause::log(10, 1_000);
    let mut key = Key::default();
    key.charges(0, "a", 4, log);
    key.asks(log, &[(1_000, 1, [1, 9, 0, 1_000], "the entry of 0 is forgotten")]);
    // The clock steps back to 0, where all that is left is moved to.
    key.moves(log, (0, 2, [1, 7, 0, 1_000], "another entry of 0"));
    assert_eq!(key.settle(0, "a", 0), Settlement::Same);
    key.asks(log, &[(0, 0, [1, 7, 0, 1_000], "of which nothing is given back")]);
}
