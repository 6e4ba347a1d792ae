//! What is written of a key with receipts, and what arrives from elsewhere: refused, or sound.

use proptest::prelude::*;
use rl_core::bytes::Source;
use rl_core::{Clause, Item, Limiters, Note, Settlement};

use super::key::{Pair, bytes_of, charge_id};
use crate::broken::assert_refused_or_sound;
use crate::cases;
use crate::reference::Name;
use crate::server::at;

const NOW: u64 = 1_700_000_000_000;

/// A key with receipts of all algorithms, of which some are settled.
fn key(calls: &[(u8, u64, u64)]) -> Pair {
    let all = [
        Clause::fixed(99, 60_000),
        Clause::sliding(99, 60_000),
        Clause::log(99, 60_000),
        Clause::token(99, 9, 60_000),
        Clause::leaky(99, 9, 60_000),
    ];
    let mut pair = Pair::default();
    for (number, (which, cost, settled)) in calls.iter().enumerate() {
        let now = NOW + 20 * number as u64;
        let clauses: Vec<_> = (0..5).filter(|at| which >> at & 1 > 0).map(|at| all[at]).collect();
        let name = Name { id: number, keep_ms: 90_000 + cost, most: 10 };
        pair.call(&clauses, *cost, now, Some(name));
        pair.settle(number / 2, *settled, now);
    }
    pair
}

fn calls() -> impl Strategy<Value = Vec<(u8, u64, u64)>> {
    prop::collection::vec((1..32_u8, 1..9_u64, 0..12_u64), 1..5)
}

/// Whatever is accepted can be written again, and used.
fn assert_sound(stored: &Limiters, now: u64) {
    if !stored.is_plain() {
        let bytes = bytes_of(stored);
        let read = Limiters::take_mixed(&mut Source(&bytes[1..])).unwrap();
        assert_eq!(&bytes_of(&read), &bytes);
    }
    let mut pair = Pair::default();
    pair.primary = Some(stored.clone());
    pair.reload();
    for now in [now, now + 30_000, now - 10, 0, (1 << 48) - 1] {
        let mut pair = pair.clone();
        for id in 0..5 {
            pair.settle(id, 3, now);
            pair.settle(id, 1_000_000_000_000, now);
        }
        pair.call(&[Clause::token(99, 9, 60_000), Clause::log(9, 1)], 1, now, None);
        let limiters = pair.primary.as_ref().unwrap();
        let _ = (limiters.unused_at_ms(), limiters.heap_bytes(), limiters.allocations());
        assert!(rl_core::peek(limiters, at(now)).count() <= limiters.as_slice().len());
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_flipped_bit_is_refused_or_sound(calls in calls()) {
        let stored = key(&calls).primary.unwrap();
        prop_assume!(!stored.is_plain());
        let bytes = bytes_of(&stored)[1..].to_vec();
        assert_refused_or_sound(bytes, |read| assert_sound(read, NOW + 100));
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn items_of_elsewhere_leave_a_key_sound(
        here in prop::option::of(calls()),
        there in calls(),
        settles in prop::collection::vec((0..6_usize, 0..1_000_000_000_000_u64), 0..4),
        flips in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        back in 0..200_u64,
    ) {
        // What another key was told, changed here and there, arrives at this one.
        let mut items: Vec<Item> = Vec::new();
        for (id, cost) in settles {
            items.push(Item::Note(Note::Settle { id: charge_id(id), cost }));
        }
        let mut told = key_items(&there);
        told.extend(items);
        let mut bytes = Vec::new();
        told.iter().for_each(|item| item.put(&mut bytes));
        for flip in flips {
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let (mut source, mut arrived) = (Source(&bytes), Vec::new());
        while let Some(item) = Item::take(&mut source) {
            arrived.push(item);
        }
        let now = NOW + 100 - back;
        let mut stored = here.and_then(|calls| key(&calls).primary);
        for item in &arrived {
            match &mut stored {
                Some(limiters) if limiters.can_record(item, at(now)) => {
                    limiters.record_all(std::slice::from_ref(item), at(now));
                }
                Some(_) => {}
                None => stored = Limiters::from_items(std::slice::from_ref(item), at(now)),
            }
            if let Some(limiters) = &stored {
                assert_sound(limiters, now);
            }
        }
    }

    #[test]
    fn an_item_that_is_cut_off_is_refused(calls in calls()) {
        for item in key_items(&calls) {
            let mut bytes = Vec::new();
            item.put(&mut bytes);
            for len in 0..bytes.len() {
                prop_assert_eq!(Item::take(&mut Source(&bytes[..len])), None);
            }
        }
    }
}

/// What a call of these clauses sends to replicas.
fn key_items(calls: &[(u8, u64, u64)]) -> Vec<Item> {
    let mut pair = key(calls);
    let now = NOW + 100;
    let clauses = [Clause::token(99, 9, 60_000), Clause::fixed(99, 60_000)];
    let before = pair.sent.len();
    pair.call(&clauses, 1, now, Some(Name { id: 5, keep_ms: 500, most: 7 }));
    pair.settle(5, 9, now);
    pair.sent.split_off(before)
}

#[test]
fn a_settle_of_an_id_that_is_not_known_does_not_fit() {
    let stored = key(&[(1, 1, 1)]).primary.unwrap();
    let settle = |id| Item::Note(Note::Settle { id: charge_id(id), cost: 1 });
    assert!(stored.can_record(&settle(0), at(NOW)));
    assert!(!stored.can_record(&settle(1), at(NOW)));
    assert!(!stored.can_record(&settle(0), at(NOW - 1)));
    assert_eq!(stored.settlement(&charge_id(0), 1, at(NOW)), Settlement::Same);
}
