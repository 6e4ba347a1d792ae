//! What receipts take, and what they leave.

use rl_core::{Clause, Refused, Settlement};

use crate::elsewhere::Elsewhere;
use crate::key::Key;

const TOKEN: Clause = Clause::token(1_000_000, 1, 1_000);
const DAY: u64 = 86_400_000;

#[test]
fn a_receipt_takes_at_most_64_bytes() {
    for (clause, name) in [
        (Clause::fixed(1_000_000, 60_000), "fixed"),
        (Clause::sliding(1_000_000, 60_000), "sliding"),
        (TOKEN, "token"),
        (Clause::leaky(1_000_000, 1, 1_000), "leaky"),
    ] {
        let mut key = Key::default();
        key.call_as(0, "the first of all", (DAY, 1_000), 1, &[clause]).unwrap();
        let alone = key.stored.as_ref().unwrap().heap_bytes();
        for count in 1..1_000 {
            let id = format!("request-{count:08}");
            assert_eq!(id.len(), 16);
            // Each leaves a step of its own in the memory of the TOKEN's level.
            assert!(key.call_as(count, &id, (DAY, 1_000), 2, &[clause]).unwrap().1.allowed);
            let stored = key.stored.as_ref().unwrap();
            let each = (stored.heap_bytes() - alone) as f64 / count as f64;
            assert!(count < 100 || each <= 64.0, "{name}: {each} bytes each of {count}");
        }
        let full = key.stored.as_ref().unwrap().heap_bytes();
        for count in 1_000..3_000 {
            key.call_as(count, &format!("request-{count:08}"), (DAY, 1_000), 2, &[clause]).unwrap();
        }
        let stored = key.stored.as_ref().unwrap();
        assert_eq!(
            (stored.receipts(), stored.heap_bytes()),
            (1_000, full),
            "{name}: no more than that"
        );
    }
}

#[test]
fn what_is_forgotten_is_freed() {
    let mut key = Key::default();
    key.call_as(0, "a", (1_000, 5_000), 1, &[TOKEN]).unwrap();
    let alone = key.stored.as_ref().unwrap().heap_bytes();
    for count in 0..4_000 {
        let id = format!("a request with an id that is too long for a small one {count}");
        key.call_as(0, &id, (1_000, 5_000), 1, &[TOKEN]).unwrap();
    }
    let stored = key.stored.as_ref().unwrap();
    assert!(stored.allocations() > 12_000, "{} allocations", stored.allocations());
    key.call_as(1_000, "b", (1_000, 5_000), 1, &[TOKEN]).unwrap();
    let stored = key.stored.as_ref().unwrap();
    assert_eq!(stored.receipts(), 1);
    assert!(stored.heap_bytes() < alone + 4_000, "{} bytes", stored.heap_bytes());
    key.call(2_000, 1, &[TOKEN]).unwrap();
    let stored = key.stored.as_ref().unwrap();
    assert_eq!((stored.heap_bytes(), stored.allocations()), (0, 2), "one limiter as ever");
}

#[test]
fn a_limiter_that_a_receipt_names_counts_among_the_64() {
    let mut key = Key::default();
    for period_ms in 1_000..1_064 {
        key.call_as(0, &period_ms.to_string(), (10_000, 1_000), 1, &[Clause::fixed(5, period_ms)])
            .unwrap();
    }
    let new = [Clause::log(5, 7)];
    let keep = (10_000, 1_000);
    assert_eq!(key.call_as(9_999, "x", keep, 1, &new).err(), Some(Refused::TooManyLimiters));
    assert!(key.call_as(10_000, "x", keep, 1, &new).unwrap().1.allowed);
    assert_eq!(key.len(), 1, "all were forgotten, and so dropped");
}

#[test]
fn receipts_follow_their_limiters_when_others_come_and_go() {
    let (log, token) = (Clause::log(50, DAY), Clause::token(50, 1, DAY));
    let mut key = Key::default();
    key.call(0, 1, &[Clause::fixed(5, 10)]).unwrap();
    key.call_as(0, "a", (DAY, 10), 5, &[token]).unwrap();
    key.call_as(0, "b", (DAY, 10), 7, &[log, token]).unwrap();
    // The window is unused by now and makes room; the new ones stand before what was charged.
    key.call(20, 1, &[Clause::sliding(5, 10), Clause::fixed(9, 1_000)]).unwrap();
    assert_eq!(key.settle(20, "a", 0), Settlement::Less);
    assert_eq!(key.settle(20, "b", 1), Settlement::Less);
    let (_, told) = key.limit(20, 0, &[log, token, Clause::fixed(9, 1_000)]);
    assert_eq!(told.iter().map(|numbers| numbers[1]).collect::<Vec<_>>(), [49, 49, 8]);
}

#[test]
fn a_bucket_is_settled_as_more_any_number_of_times() {
    let mut key = Key::default();
    key.call_as(0, "a", (DAY, 10), 1, &[TOKEN]).unwrap();
    let more = |key: &mut Key, cost: u64| {
        // Another charge in between, so that each is one to be remembered by itself.
        key.call(0, 1, &[TOKEN]).unwrap();
        assert!(key.settle(0, "a", cost).is_change());
    };
    let out = |key: &mut Key| 1_000_000 - key.limit(0, 0, &[TOKEN]).1[0][1];
    (2..=60).for_each(|cost| more(&mut key, cost));
    assert_eq!(out(&mut key), 59 + 60);
    assert_eq!(key.settle(0, "a", 30), Settlement::Less);
    assert_eq!(out(&mut key), 59 + 30);
    let mut again = key.clone();
    assert_eq!(again.settle(0, "a", 0), Settlement::Less);
    assert_eq!(out(&mut again), 59, "all of it is back");

    let bytes = |key: &Key| key.stored.as_ref().unwrap().heap_bytes();
    (31..=100).for_each(|cost| more(&mut key, cost));
    let full = bytes(&key);
    (101..=1_000).for_each(|cost| more(&mut key, cost));
    assert_eq!(bytes(&key), full, "it remembers no more than so many");
    assert_eq!(out(&mut key), 59 + 970 + 1_000);
    assert_eq!(key.settle(0, "a", 0), Settlement::Less);
    let left = out(&mut key);
    assert!((59 + 970..59 + 970 + 1_000).contains(&left), "{left} are out: never too few");
}

#[test]
fn every_allocation_can_be_moved() {
    let mut key = Key::default();
    for count in 0..100 {
        let id = if count % 2 == 0 { count.to_string() } else { format!("{count:032}") };
        key.call_as(count, &id, (DAY, 1_000), 2, &[TOKEN]).unwrap();
    }
    let mut stored = key.stored.unwrap();
    let mut elsewhere = Elsewhere::default();
    stored.relocate(&mut elsewhere);
    // All but the value itself, which is the server's to move.
    assert_eq!(elsewhere.0 + 1, stored.allocations());
    assert_eq!(stored.receipts(), 100);
}
