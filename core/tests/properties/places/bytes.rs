//! What is written of such keys, and what arrives from elsewhere: refused, or sound.

use proptest::prelude::*;
use proptest::sample::Index;
use rl_core::bytes::Source;
use rl_core::{BanClause, Charge, Clause, Group, Item, LeaseAsk, LeaseClause, Limiters, rows};

use crate::broken::assert_refused_or_sound;
use crate::cases;
use crate::receipts::key::{Pair, bytes_of, charge_id};
use crate::server::at;

const NOW: u64 = 1_700_000_000_000;
const BAN: BanClause = BanClause { refusals: 3, period_ms: 60_000, ban_ms: 1_000, max_ms: 90_000 };

/// One call: which of limits, receipt, lease, shadows and ban it asks for, the cost, and how much
/// later than the last it comes.
type Step = (u8, u64, u64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..64_u8, 1..4_u64, 0..400_u64), 1..12)
}

fn key(steps: &[Step]) -> Pair {
    let all = [Clause::fixed(4, 60_000), Clause::log(4, 60_000), Clause::token(4, 1, 60_000)];
    let mut pair = Pair::default();
    let mut now = NOW;
    for (number, (which, cost, later)) in steps.iter().enumerate() {
        now += later;
        let asks = |bit: u8| which >> bit & 1 > 0;
        let holder = charge_id(number % 4);
        let charge = Charge { id: holder, keep_ms: 90_000, receipts_max: 3 };
        let clause = LeaseClause { limit: 5, duration_ms: 700 * (1 + cost) };
        let clauses = &all[usize::from(!asks(0))..];
        let group = Group {
            clauses: if asks(1) { clauses } else { &[] },
            cost: *cost,
            charge: Some(&charge).filter(|_| asks(2)),
            lease: Some(LeaseAsk { clause, id: &holder, places: *cost }).filter(|_| asks(3)),
            shadows: if asks(4) { clauses } else { &[] },
            ban: Some(BAN).filter(|_| asks(5)),
            ..Group::default()
        };
        // An id may be that of another call.
        let _ = pair.group(&group, now);
    }
    pair
}

/// Whatever is accepted can be used, written again, and is the same on a replica.
fn assert_sound(stored: &Limiters, now: u64) {
    let mut pair = Pair::default();
    pair.primary = Some(stored.clone());
    pair.reload();
    for now in [now, now + 1_500, now - 10, 0, (1 << 48) - 1] {
        let mut pair = pair.clone();
        let limiters = pair.primary.as_ref().unwrap();
        assert!(limiters.allocations() > 1 && limiters.heap_bytes() < 1 << 20);
        assert_eq!(rows(limiters, at(now)).count() > 0, limiters.unused_at_ms() > now);
        let (clauses, holder) = ([Clause::log(9, 60_000), Clause::fixed(1, 60_000)], charge_id(1));
        let clause = LeaseClause { limit: 9, duration_ms: 50 };
        let lease = Some(LeaseAsk { clause, id: &holder, places: 2 });
        let group = Group {
            clauses: &clauses,
            cost: 1,
            lease,
            shadows: &clauses,
            ban: Some(BAN),
            charge: None,
            stored: None,
        };
        for _ in 0..3 {
            pair.group(&group, now).unwrap();
        }
        let ids: Vec<_> = (0..4).map(charge_id).collect();
        let items = pair.primary.as_ref().map(|all| all.renewals(&ids, 9, at(now)));
        pair.record_all(&items.unwrap_or_default(), now);
        let items = pair.primary.as_ref().map(|all| all.releases(&ids, at(now)));
        pair.record_all(&items.unwrap_or_default(), now);
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_flipped_bit_is_refused_or_sound(steps in steps()) {
        let stored = key(&steps).primary;
        prop_assume!(stored.as_ref().is_some_and(|stored| !stored.is_plain()));
        let stored = stored.unwrap();
        let bytes = bytes_of(&stored)[1..].to_vec();
        prop_assert!(Limiters::take_mixed(&mut Source(&bytes)) == Some(stored));
        assert_refused_or_sound(bytes, |read| assert_sound(read, NOW + 2_000));
    }
}

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn items_of_elsewhere_leave_a_key_sound(
        here in prop::option::of(steps()),
        there in steps(),
        flips in prop::collection::vec(any::<Index>(), 0..3),
        back in 0..3_000_u64,
    ) {
        let mut bytes = Vec::new();
        key(&there).sent.iter().for_each(|item| item.put(&mut bytes));
        for flip in flips.into_iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        let now = NOW + 2_000 - back;
        let mut stored = here.and_then(|steps| key(&steps).primary);
        let mut source = Source(&bytes);
        while let Some(item) = Item::take(&mut source) {
            let item = std::slice::from_ref(&item);
            match &mut stored {
                Some(limiters) if limiters.can_record(&item[0], at(now)) => {
                    limiters.record_all(item, at(now));
                    prop_assert!(!limiters.is_empty(), "nothing here releases a lease");
                }
                Some(_) => {}
                None => stored = Limiters::from_items(item, at(now)),
            }
            if let Some(limiters) = &stored {
                assert_sound(limiters, now);
            }
        }
    }

    #[test]
    fn an_item_that_is_cut_off_is_refused(steps in steps()) {
        for item in key(&steps).sent {
            let mut bytes = Vec::new();
            item.put(&mut bytes);
            for len in 0..bytes.len() {
                prop_assert_eq!(Item::take(&mut Source(&bytes[..len])), None);
            }
        }
    }
}
