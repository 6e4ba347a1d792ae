//! A change replayed elsewhere makes the same state.

use proptest::prelude::*;
use rl_core::{Algorithm, Limiter, Limiters};

use crate::cases;
use crate::history::{Kind, histories};
use crate::server::{Server, answers, at, play};

proptest! {
    #![proptest_config(cases(400))]

    /// One replica that is there from the start, one that is given the state halfway.
    #[test]
    fn replicas_follow_to_the_bit(
        history in histories(Kind { steps_back: true, changes: true, calls: 80 }),
        joins_after in 0..80_usize,
    ) {
        let (mut primary, mut replica, mut late) =
            (Server::default(), Server::default(), Server::default());
        let mut calls = 0;
        play(&history, |call| {
            let outcome = primary.call(&call.clauses, call.cost, call.now).unwrap();
            for replica in [&mut replica, &mut late] {
                for change in outcome.changes() {
                    let stored = replica.stored.as_ref();
                    let accepts = stored.is_none_or(|all| all.can_apply(&change, at(call.now)));
                    assert!(accepts, "{change:?} is refused");
                    replica.record(std::iter::once(change), call.now);
                }
            }
            if calls <= joins_after {
                let limiters = primary.stored.iter().flat_map(Limiters::as_slice);
                late.stored = Limiters::from_sorted(limiters.cloned().collect());
            }
            calls += 1;
            for replica in [&replica, &late] {
                assert_eq!(replica.stored, primary.stored);
                assert_eq!(replica.peek(call.now), primary.peek(call.now));
            }
            answers(&outcome, &call.clauses)
        });
    }

    /// What is recorded is in range, sorted, and one limiter for each algorithm and period.
    #[test]
    fn what_is_recorded_is_sound(
        history in histories(Kind { steps_back: true, changes: true, calls: 80 }),
    ) {
        let mut server = Server::default();
        play(&history, |call| {
            let outcome = server.call(&call.clauses, call.cost, call.now).unwrap();
            assert!(outcome.changes().count() <= call.clauses.len());
            assert!(outcome.changes().all(|change| change.is_valid()));
            let limiters = server.stored.iter().flat_map(Limiters::as_slice);
            let ids = limiters.map(Limiter::id).collect::<Vec<_>>();
            assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
            answers(&outcome, &call.clauses)
        });
    }

    /// An outcome says beforehand whether a limiter is added or a log gets longer.
    #[test]
    fn what_needs_memory_says_so(
        history in histories(Kind { steps_back: true, changes: true, calls: 80 }),
    ) {
        let mut server = Server::default();
        play(&history, |call| {
            let before = lengths(&server);
            let outcome = server.call(&call.clauses, call.cost, call.now).unwrap();
            let longer = lengths(&server).into_iter().any(|(id, length)| {
                before.iter().find(|(old, _)| *old == id).is_none_or(|(_, old)| length > *old)
            });
            assert_eq!(outcome.grows, longer, "{before:?}");
            answers(&outcome, &call.clauses)
        });
    }
}

/// How many entries each limiter has; 1 where it is no log.
fn lengths(server: &Server) -> Vec<((Algorithm, u64), usize)> {
    let limiters = server.stored.iter().flat_map(Limiters::as_slice);
    let length = |limiter: &Limiter| match limiter {
        Limiter::Log(log) => log.entries.len(),
        _ => 1,
    };
    limiters.map(|limiter| (limiter.id(), length(limiter))).collect()
}
