//! Several of them in one call, with limits, ids and several keys.

use rl_core::{
    BanClause, Charge, Clause, Group, GroupOutcome, LeaseAsk, LeaseClause, Now, Refused, decide_all,
};

use super::{Asked, id, told};
use crate::key::{Key, numbers};

const TWO: [Clause; 1] = [Clause::fixed(2, 60_000)];
const ASKED: Asked<'_> = Asked {
    clauses: &TWO,
    cost: 1,
    name: Some("a"),
    lease: Some((1, 1_000, 1)),
    shadows: &[],
    ban: None,
};

fn named(name: &str) -> Asked<'_> {
    Asked { name: Some(name), ..ASKED }
}

#[test]
fn refused_by_one_charged_by_none() {
    let mut key = Key::default();
    let outcome = key.ask(0, ASKED).unwrap();
    assert!(outcome.outcome.allowed && outcome.grows());
    assert_eq!(told(outcome.lease()), [1, 0, 0, 1_000]);
    assert_eq!(numbers(&outcome.outcome.verdicts[0]), [1, 1, 0, 60_000]);
    let outcome = key.leaves(100, named("b"));
    assert_eq!(told(outcome.lease()), [0, 0, 900, 900]);
    assert_eq!(numbers(&outcome.outcome.verdicts[0]), [1, 1, 0, 59_900], "not charged");
    key.ask(1_000, named("b")).unwrap();
    let outcome = key.leaves(2_000, named("c"));
    assert_eq!(told(outcome.lease()), [1, 1, 0, 0], "free, and not taken");
    assert_eq!(numbers(&outcome.outcome.verdicts[0]), [0, 0, 58_000, 58_000]);
    assert_eq!(key.release(2_000, &["c"]), 0);
}

#[test]
fn a_repeat_takes_its_place_anew_or_is_refused() {
    let mut key = Key::default();
    key.ask(0, ASKED).unwrap();
    let again = key.ask(500, ASKED).unwrap();
    assert!(
        again.repeat && again.outcome.allowed && !again.grows(),
        "its own place needs no memory"
    );
    assert_eq!(told(again.lease()), [1, 0, 0, 1_000], "held from now on");
    assert_eq!(numbers(&again.outcome.verdicts[0]), [1, 1, 0, 59_500], "charged once");
    assert_eq!(key.release(600, &["a"]), 1);
    assert_eq!(key.lease(600, "z", (1, 1_000), 1), [1, 0, 0, 1_000]);
    let refused = key.leaves(700, ASKED);
    assert!(refused.repeat && !refused.outcome.allowed, "the place is gone");
    assert_eq!(told(refused.lease()), [0, 0, 900, 900]);
    assert_eq!(numbers(&refused.outcome.verdicts[0])[0], 1, "the limit has let it pass before");
    let taken = key.ask(1_600, ASKED).unwrap();
    assert!(taken.repeat && taken.outcome.allowed && taken.grows());
    assert_eq!(key.rows(1_600)[0].1[3], 1, "and is not charged");
}

#[test]
fn a_call_without_a_limit_leaves_no_receipt() {
    let mut key = Key::default();
    let lease = Asked { clauses: &[], ..ASKED };
    key.ask(0, lease).unwrap();
    assert_eq!(key.stored.as_ref().unwrap().receipts(), 0);
    assert!(!key.ask(1, lease).unwrap().repeat);
    let look = key.leaves(2, Asked { cost: 0, lease: Some((1, 1_000, 0)), ..named("b") });
    assert!(look.outcome.allowed, "a look for no place");
    assert_eq!(told(look.lease()), [1, 0, 0, 999]);
    let charge = Charge { id: id("c"), keep_ms: 9, receipts_max: 0 };
    let clause = LeaseClause { limit: 9, duration_ms: 9 };
    let ask = LeaseAsk { clause, id: &charge.id, places: 1 };
    let group = Group { cost: 1, charge: Some(&charge), lease: Some(ask), ..Group::default() };
    let mut outcome = GroupOutcome::<1>::undecided();
    outcome.decide(&group, Now::from_unix_ms(0)).unwrap();
    assert!(outcome.outcome.allowed, "receipts are none of its business");
    let group = Group { clauses: &TWO, ..group };
    assert_eq!(outcome.decide(&group, Now::from_unix_ms(0)), Err(Refused::NoReceipts));
}

#[test]
fn a_repeat_passes_a_ban_and_writes_nothing() {
    let ban = BanClause { refusals: 1, period_ms: 9_000, ban_ms: 9_000, max_ms: 9_000 };
    let asked = |name| Asked { lease: None, ban: Some(ban), ..named(name) };
    let mut key = Key::default();
    key.ask(0, asked("a")).unwrap();
    key.ask(0, asked("b")).unwrap();
    key.ask(0, asked("c")).unwrap();
    assert!(key.ask(0, asked("c")).unwrap().ban_begins(), "1 of 1");
    let repeat = key.leaves(1_000, asked("a"));
    assert!(repeat.repeat && repeat.outcome.allowed);
    assert_eq!(told(repeat.ban()), [1, 0, 0, 59_000], "the limit had told to wait for a minute");
    assert!(!key.leaves(1_000, asked("d")).outcome.allowed);
}

#[test]
fn every_write_forgets_receipts_ahead_of_the_clock() {
    let ban = BanClause { refusals: 9, period_ms: 9_000, ban_ms: 9_000, max_ms: 9_000 };
    let without = Asked { name: None, lease: None, ..ASKED };
    let mut key = Key::default();
    key.ask(10_000, ASKED).unwrap();
    let receipts = |key: &Key| key.stored.as_ref().map_or(0, rl_core::Limiters::receipts);
    assert_eq!(receipts(&key), 1);
    let writes: [&dyn Fn(&mut Key); 4] = [
        &|key| assert_eq!(key.lease(9_000, "b", (9, 10), 1)[0], 1),
        &|key| assert_eq!(key.renew(9_000, 10, &["a"]), 1),
        &|key| assert_eq!(key.release(9_000, &["a"]), 1),
        &|key| assert_eq!(key.lease(9_000, "b", (1, 10), 1)[0], 0),
    ];
    for (number, write) in writes.iter().enumerate() {
        let mut key = key.clone();
        write(&mut key);
        assert_eq!(receipts(&key), 0, "{number}");
    }
    let refused = Asked { clauses: &[Clause::log(0, 9)], ban: Some(ban), ..without };
    key.ask(9_000, refused).unwrap();
    assert_eq!(receipts(&key), 0, "a refusal that is taken down");
}

#[test]
fn a_write_of_limits_on_trial_alone_forgets_nothing_else() {
    let ban = BanClause { refusals: 1, period_ms: 10, ban_ms: 10, max_ms: 10 };
    let limits = [Clause::log(0, 9)];
    let refused = Asked { name: None, lease: None, clauses: &limits, ban: Some(ban), ..ASKED };
    let shadows = [Clause::fixed(1, 60_000)];
    let tried = Asked { clauses: &[], shadows: &shadows, ban: None, ..refused };
    let mut key = Key::default();
    key.ask(9_000, tried).unwrap();
    key.ask(10_000, ASKED).unwrap();
    key.ask(10_000, refused).unwrap();
    let ban_at =
        |key: &Key, ms| told(key.clone().ask(ms, Asked { cost: 0, ..refused }).unwrap().ban());
    let known = ban_at(&key, 10_005);
    // The refusal is over when the limit on trial is charged, and is not once the clock is back.
    key.ask(20_000, tried).unwrap();
    assert_eq!(ban_at(&key, 10_005), known);
    // Nor does a bare move forget the receipt, which is ahead of the clock.
    let moved = key.ask(8_000, Asked { cost: 0, ..tried }).unwrap();
    assert!(moved.is_write());
    assert_eq!(key.stored.as_ref().map_or(0, rl_core::Limiters::receipts), 1);
}

#[test]
fn several_keys_take_places_together_and_count_their_own_refusals() {
    let ban = Some(BanClause { refusals: 1, period_ms: 9_000, ban_ms: 9_000, max_ms: 9_000 });
    let (who, clause) = (id("a"), LeaseClause { limit: 1, duration_ms: 1_000 });
    let lease = Some(LeaseAsk { clause, id: &who, places: 1 });
    let one = [Clause::fixed(1, 60_000)];
    let (mut first, mut second) = (Key::default(), Key::default());
    let decide = |first: &Key, second: &Key, now| {
        let groups = [
            Group {
                stored: first.stored.as_ref(),
                clauses: &one,
                cost: 1,
                ban,
                shadows: &TWO,
                ..Group::default()
            },
            Group {
                stored: second.stored.as_ref(),
                clauses: &TWO,
                cost: 1,
                lease,
                ban,
                ..Group::default()
            },
        ];
        let mut outcomes = [GroupOutcome::<16>::undecided(); 2];
        let allowed = decide_all(&groups, &mut outcomes, Now::from_unix_ms(now)).unwrap();
        (allowed, outcomes)
    };
    let (allowed, outcomes) = decide(&first, &second, 0);
    assert!(allowed && outcomes.iter().all(GroupOutcome::is_write));
    assert_eq!((outcomes[0].trials().len(), told(outcomes[1].lease())), (1, [1, 0, 0, 1_000]));
    first.take_down(0, &outcomes[0]);
    second.take_down(0, &outcomes[1]);

    let (allowed, outcomes) = decide(&first, &second, 2_000);
    assert!(!allowed && outcomes[0].trials().is_empty());
    assert_eq!([outcomes[0].admits, outcomes[1].admits], [false, true]);
    assert_eq!([outcomes[0].is_write(), outcomes[1].is_write()], [true, false], "who refused");
    assert_eq!(told(outcomes[1].lease()), [1, 1, 0, 0], "free, and not taken");
    assert_eq!(told(outcomes[0].ban()), [1, 1, 0, 58_000]);
    first.take_down(2_000, &outcomes[0]);
    let (_, outcomes) = decide(&first, &second, 2_001);
    assert!(outcomes[0].ban_begins());
    first.take_down(2_001, &outcomes[0]);

    // Now the second key refuses as well, while the first is banned: nothing is written.
    second.ask(2_002, Asked { name: None, lease: None, ..ASKED }).unwrap();
    let (allowed, outcomes) = decide(&first, &second, 2_003);
    assert!(!allowed && !outcomes.iter().any(GroupOutcome::is_write));
    let (_, outcomes) = decide(&Key::default(), &second, 2_003);
    assert!(!outcomes[0].is_write() && outcomes[1].is_write(), "without a ban it is counted");
}
