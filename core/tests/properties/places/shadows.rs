//! Limits on trial count as real ones that see the same calls, and the reply knows nothing of them.

use proptest::prelude::*;
use rl_core::{Group, Limiters, Trial, decide};

use crate::cases;
use crate::history::{Kind, histories};
use crate::receipts::key::Pair;
use crate::server::{Server, answers, at, play};

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn they_count_as_real_ones_that_see_the_same_calls(
        history in histories(Kind { steps_back: true, changes: true, calls: 40 }),
        reloads in prop::collection::vec(prop::bool::weighted(0.1), 40),
        split in 0..3_usize,
    ) {
        // The first of a history's clauses are real, the others on trial.
        let mut reloads = reloads.into_iter();
        let (mut pair, mut without) = (Pair::default(), Server::default());
        let mut tried: Vec<Server> = history.clauses.iter().map(|_| Server::default()).collect();
        play(&history, |call| {
            let (real, shadows) = call.clauses.split_at(split.min(call.clauses.len()));
            let group = Group { clauses: real, cost: call.cost, shadows, ..Group::default() };
            let outcome = pair.group(&group, call.now).unwrap();
            let told = without.call(real, call.cost, call.now).unwrap();
            assert_eq!(outcome.outcome.allowed, told.allowed);
            assert_eq!(outcome.outcome.verdicts, told.verdicts, "the reply is the same");
            let judged = if told.allowed { shadows } else { &[] };
            assert_eq!(outcome.trials().len(), judged.len());
            for (clause, trial) in judged.iter().zip(outcome.trials()) {
                let place = history.clauses.iter().position(|one| one.id() == clause.id());
                let real = tried[place.unwrap()].call(&[*clause], call.cost, call.now).unwrap();
                let expected = match (call.cost, real.allowed) {
                    (0, _) => Trial::None,
                    (_, true) => Trial::Allowed,
                    (_, false) => Trial::Denied,
                };
                assert_eq!(*trial, expected, "{clause:?}");
            }
            let stored = pair.primary.as_ref().map_or(&[][..], Limiters::shadows);
            for (clause, real) in history.clauses.iter().zip(&mut tried) {
                let expected = real.stored.as_ref().map(|all| &all.as_slice()[0]);
                match stored.iter().find(|one| one.id() == clause.id()) {
                    Some(limiter) => assert_eq!(Some(limiter), expected),
                    None => {
                        let is_in_use = expected.is_some_and(|one| one.is_in_use(at(call.now)));
                        assert!(!is_in_use, "forgotten while in use");
                        *real = Server::default();
                    }
                }
            }
            if reloads.next().unwrap_or_default() {
                pair.reload();
            }
            let mut answers = answers(&told, real);
            if answers.is_empty() {
                // Times go by what the first on trial would have been told.
                let told = decide::<16>(None, shadows, call.cost, at(call.now)).unwrap();
                answers = crate::server::answers(&told, shadows);
            }
            answers
        });
    }
}
