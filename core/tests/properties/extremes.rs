//! Numbers that no command lets through, and any clock: any answer, but no panic.

use proptest::prelude::*;
use rl_core::algorithms::log::Append;
use rl_core::packed::U40;
use rl_core::{Algorithm, Change, Clause, Limiter, Limiters, Now};

use crate::cases;
use crate::server::Server;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..=3_u64,
        any::<u64>(),
        (0..64_u32, -2..=2_i64).prop_map(|(bits, more)| (1_u64 << bits).wrapping_add_signed(more)),
        u64::MAX - 2..=u64::MAX,
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(i64::MIN),
        Just(i64::MAX),
        -3..=3_i64,
        any::<i64>(),
        number().prop_map(u64::cast_signed)
    ]
}

fn clause() -> impl Strategy<Value = Clause> {
    let algorithm = prop::sample::select(&Algorithm::ALL[..]);
    let periods = prop_oneof![2 => 0..=2_u64, 1 => number()];
    (algorithm, number(), number(), periods).prop_map(|(algorithm, limit, refill, period_ms)| {
        Clause { algorithm, limit, refill, period_ms }
    })
}

fn look_at_everything(limiters: &Limiters, changes: impl Iterator<Item = Change>, now: Now) {
    for change in changes {
        let _ = limiters.can_apply(&change, now);
    }
    let _ = rl_core::peek(limiters, now).count();
    let _ = (limiters.unused_at_ms(), limiters.heap_bytes(), limiters.allocations());
    let _ = limiters.as_slice().iter().map(|limiter| (limiter.clause(), limiter.is_in_use(now)));
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn nothing_panics(
        calls in prop::collection::vec(
            (prop::collection::vec(clause(), 0..=16), number(), time()), 1..30,
        ),
    ) {
        let mut server = Server::default();
        for (clauses, cost, time) in calls {
            let now = Now::from_unix_ms(time);
            let Ok(outcome) = server.decide(&clauses, cost, now.ms()) else { continue };
            if let Some(limiters) = &server.stored {
                look_at_everything(limiters, outcome.changes(), now);
            }
            server.record(outcome.changes(), now.ms());
            if let Some(limiters) = &server.stored {
                look_at_everything(limiters, outcome.changes(), now);
            }
        }
    }

    /// Appends that no outcome made, such as a replication stream may carry.
    #[test]
    fn a_log_survives_any_append(
        appends in prop::collection::vec((number(), number(), 0..=2_u64, time()), 1..100),
    ) {
        let mut limiters: Option<Limiters> = None;
        for (limit, cost, period_ms, time) in appends {
            let now = Now::from_unix_ms(time);
            let change = Change::Log(Append {
                period_ms: U40::new(period_ms),
                limit: U40::new(limit),
                cost: U40::new(cost >> 20),
            });
            match &mut limiters {
                Some(limiters) => limiters.apply(change, now),
                None => limiters = Limiters::from_changes(std::iter::once(change), now),
            }
            if let Some(limiters) = &limiters {
                look_at_everything(limiters, std::iter::empty(), now);
                for limiter in limiters.as_slice() {
                    let Limiter::Log(log) = limiter else { panic!("{limiter:?}") };
                    prop_assert!(!log.entries.is_empty());
                }
            }
        }
    }
}
