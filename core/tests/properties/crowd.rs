//! Many limiters on one key: the bound of 64, and which may be dropped.

use proptest::prelude::*;
use rl_core::bounds::MAX_LIMITERS;
use rl_core::{Algorithm, Clause, Limiters};

use crate::cases;
use crate::reference::Key;
use crate::server::{Server, answers};

/// A call of up to 16 limiters whose periods are so short that many fall out of use.
fn calls() -> impl Strategy<Value = (i64, u64, Vec<Clause>)> {
    let ids = prop::collection::btree_set((0..Algorithm::ALL.len(), 1..=40_u64), 1..=16);
    let costs = prop_oneof![1 => Just(0), 8 => 1..=3_u64];
    (-3..=8_i64, costs, ids, 1..=40_u64).prop_map(|(step, cost, ids, limit)| {
        let clause = |(i, period_ms): (usize, u64)| Clause {
            refill: if i < 3 { limit } else { 1 },
            ..Clause::window(Algorithm::ALL[i], limit, period_ms)
        };
        (step, cost, ids.into_iter().map(clause).collect())
    })
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn at_most_64_are_in_use(calls in prop::collection::vec(calls(), 1..60)) {
        let (mut server, mut reference, mut now) = (Server::default(), Key::default(), 1_000_u64);
        for (step, cost, clauses) in calls {
            now = now.saturating_add_signed(step);
            let before = server.stored.clone();
            match (server.call(&clauses, cost, now), reference.call(&clauses, cost, now.into())) {
                (Ok(outcome), Some((allowed, expected))) => {
                    prop_assert_eq!(outcome.allowed, allowed);
                    prop_assert_eq!(answers(&outcome, &clauses), expected);
                }
                (Err(_), None) => prop_assert_eq!(&server.stored, &before),
                (ours, theirs) => panic!("{ours:?}, but the reference says {theirs:?}"),
            }
            let limiters = server.stored.as_ref().map_or(&[][..], Limiters::as_slice);
            prop_assert!(limiters.len() <= MAX_LIMITERS);
            prop_assert!(limiters.is_sorted_by_key(rl_core::Limiter::id));
            reference.keep_only(server.clauses(), now.into());
        }
        prop_assert_eq!(server.peek(now), reference.peek(now.into()));
    }
}
