//! What they take, and what they leave.

use rl_core::bounds::MAX_LEASE_LIMIT;
use rl_core::{BanClause, Clause, Item, LeaseClause, Note, Now, Refused, Trial};

use super::{Asked, id, told};
use crate::elsewhere::Elsewhere;
use crate::key::Key;

const DAY: u64 = 86_400_000;
const BAN: BanClause = BanClause { refusals: 9, period_ms: DAY, ban_ms: DAY, max_ms: DAY };

#[test]
fn a_lease_takes_at_most_64_bytes() {
    let mut key = Key::default();
    key.lease(0, "the first of all", (MAX_LEASE_LIMIT, DAY), 1);
    let alone = key.stored.as_ref().unwrap().heap_bytes();
    for count in 1..3_000 {
        let name = format!("request-{count:08}");
        assert_eq!((name.len(), key.lease(count, &name, (MAX_LEASE_LIMIT, DAY), 1)[0]), (16, 1));
        let stored = key.stored.as_ref().unwrap();
        let each = (stored.heap_bytes() - alone) as f64 / count as f64;
        assert!(count < 100 || each <= 64.0, "{each} bytes each of {count}");
    }
    assert_eq!(key.lease(DAY as i64 + 2_999, "x", (9, 5), 1), [1, 8, 0, 5], "all have ended");
    let stored = key.stored.as_ref().unwrap();
    assert_eq!(stored.leases(), 1);
    assert!(stored.heap_bytes() < alone + 4_000, "{} bytes", stored.heap_bytes());
}

#[test]
fn places_are_as_many_as_are_asked_for_up_to_the_largest_limit() {
    let mut key = Key::default();
    let all = (MAX_LEASE_LIMIT, 1_000);
    assert_eq!(key.lease(0, "a", all, MAX_LEASE_LIMIT), [1, 0, 0, 1_000]);
    assert_eq!(key.lease(0, "b", all, 1), [0, 0, 1_000, 1_000]);
    assert_eq!(key.lease(0, "b", all, 1_000_000_000_000), [0, 0, -1, 1_000]);
}

#[test]
fn what_arrives_from_elsewhere_takes_no_more_places_than_there_are() {
    let mut key = Key::default();
    key.lease(0, "a", (MAX_LEASE_LIMIT, 1_000), 5);
    let stored = key.stored.unwrap();
    let clause = LeaseClause { limit: MAX_LEASE_LIMIT, duration_ms: 1 };
    for (name, places, now, fits) in [
        ("a", MAX_LEASE_LIMIT, 0, true),
        ("b", MAX_LEASE_LIMIT - 5, 0, true),
        ("b", MAX_LEASE_LIMIT - 4, 0, false),
        ("b", MAX_LEASE_LIMIT - 4, 1_000, true),
    ] {
        let item = Item::Note(Note::Lease { id: id(name), places, clause });
        let can = stored.can_record(&item, Now::from_unix_ms(now));
        assert_eq!(can, fits, "{places} for {name} at {now}");
    }
}

#[test]
fn times_that_move_back_take_the_expiry_with_them() {
    let one = [Clause::fixed(1, 1_000)];
    let asked = Asked { cost: 1, name: Some("a"), ..Asked::default() };
    let lease = Asked { lease: Some((9, 5_000, 1)), ..asked };
    let shadow = Asked { shadows: &one, ..asked };
    let ban = BanClause { refusals: 9, period_ms: 5_000, ban_ms: 1, max_ms: 1 };
    let refused = Asked { clauses: &[Clause::fixed(0, 1)], ban: Some(ban), name: None, ..asked };
    for (number, asked) in [lease, shadow, refused].into_iter().enumerate() {
        let mut key = Key::default();
        key.ask(1_000_000, asked).unwrap();
        assert!((1_001_000..=1_010_000).contains(&key.expires.unwrap()), "{number}");
        key.ask(1_000, asked).unwrap();
        assert!((2_000..=12_000).contains(&key.expires.unwrap()), "{number}: {:?}", key.expires);
    }
}

/// A key with 62 limiters in use.
fn crowded() -> Key {
    let mut key = Key::default();
    for period_ms in 1_000..1_062 {
        assert!(key.call(0, 1, &[Clause::fixed(5, period_ms)]).unwrap().allowed);
    }
    key
}

#[test]
fn lease_sets_shadows_and_bans_count_among_the_64() {
    let (old, new) = ([Clause::fixed(5, 1_000)], [Clause::log(5, 1_000)]);
    let asked = Asked { clauses: &old, cost: 1, name: Some("a"), ..Asked::default() };
    let mut key = crowded();
    key.lease(0, "x", (9, 500), 1);
    key.ask(0, Asked { shadows: &old, name: None, ..asked }).unwrap();
    let error = key.ask(0, Asked { clauses: &new, ..asked }).err();
    assert_eq!(error, Some(Refused::TooManyLimiters), "64 are in use");
    let outcome = key.ask(0, Asked { shadows: &[new[0], old[0]], name: None, ..asked }).unwrap();
    assert_eq!(outcome.trials(), [Trial::Skipped, Trial::Allowed], "one on trial never refuses");
    let refused = Asked { cost: 9, name: None, ban: Some(BAN), ..asked };
    let outcome = key.leaves(0, refused);
    assert_eq!(told(outcome.ban()), [1, 9, 0, 0], "a refusal goes uncounted");
    assert!(key.ask(0, Asked { lease: Some((9, 500, 1)), ..asked }).unwrap().outcome.allowed);
    assert!(key.ask(500, refused).unwrap().is_write(), "the leases have ended");

    let mut key = crowded();
    let lease = Some((9, 500, 1));
    key.ask(0, Asked { clauses: &new, name: None, ..asked }).unwrap();
    assert!(Asked { lease, ..asked }.decide(key.stored.as_ref(), 0).is_ok(), "63 and one");
    let both = Asked { lease, clauses: &[Clause::log(5, 7)], ..asked };
    assert_eq!(both.decide(key.stored.as_ref(), 0).err(), Some(Refused::TooManyLimiters));
    assert!(Asked { clauses: both.clauses, ..asked }.decide(key.stored.as_ref(), 0).is_ok());
}

#[test]
fn a_first_refusal_that_needs_memory_can_go_uncounted() {
    let one = [Clause::fixed(1, 1_000)];
    let asked = Asked { clauses: &one, cost: 1, ban: Some(BAN), ..Asked::default() };
    let mut key = Key::default();
    key.ask(0, asked).unwrap();
    let mut outcome = asked.decide(key.stored.as_ref(), 0).unwrap();
    assert!(outcome.grows_aside() && !outcome.grows());
    assert_eq!(told(outcome.ban()), [1, 9, 0, 1_000]);
    outcome.skip_growth();
    assert_eq!((told(outcome.ban()), outcome.is_write()), ([1, 9, 0, 0], false));
    key.ask(0, asked).unwrap();
    let mut outcome = asked.decide(key.stored.as_ref(), 0).unwrap();
    outcome.skip_growth();
    assert_eq!(
        (told(outcome.ban()), outcome.is_write()),
        ([1, 8, 0, DAY as i64], true),
        "it is there"
    );
}

#[test]
fn what_is_over_is_forgotten_by_the_next_write() {
    let one = [Clause::fixed(1, 1_000)];
    let ban = BanClause { refusals: 1, period_ms: 10, ban_ms: 10, max_ms: 10 };
    let asked = Asked { clauses: &one, cost: 1, ban: Some(ban), shadows: &one, ..Asked::default() };
    let mut key = Key::default();
    (0..3).for_each(|_| assert!(key.ask(0, asked).is_ok()));
    assert_eq!(key.rows(0).len(), 3);
    assert!(key.stored.as_ref().unwrap().allocations() > 4);
    key.call(1_000, 1, &one).unwrap();
    let stored = key.stored.as_ref().unwrap();
    assert_eq!((stored.heap_bytes(), stored.allocations(), stored.is_plain()), (0, 2, true));
}

#[test]
fn every_allocation_can_be_moved() {
    let clauses = [Clause::fixed(90, DAY), Clause::log(90, DAY)];
    let mut key = Key::default();
    for count in 0..99 {
        let name = if count % 2 == 0 { count.to_string() } else { format!("{count:032}") };
        let asked = Asked {
            clauses: &clauses,
            cost: 1,
            name: Some(&name),
            lease: Some((200, DAY, 1)),
            shadows: &clauses,
            ban: Some(BAN),
        };
        key.ask(count, asked).unwrap();
    }
    assert_eq!(key.rows(99).len(), 6);
    let (mut stored, mut elsewhere) = (key.stored.unwrap(), Elsewhere::default());
    let before = stored.clone();
    stored.relocate(&mut elsewhere);
    // All but the value itself, which is the server's to move.
    assert_eq!(elsewhere.0 + 1, stored.allocations());
    assert!(stored == before);
}
