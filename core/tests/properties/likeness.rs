//! The same answers as the slow reference, over whole histories.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::cases;
use crate::history::{History, Kind, histories};
use crate::reference::{self, Answer, Ms};
use crate::server::{Server, answers, play};

/// Times beyond u64 are answered as its largest value.
fn in_u64(mut answer: Answer) -> Answer {
    let top = Ms::from(u64::MAX);
    answer.wait = answer.wait.map(|ms| ms.min(top));
    answer.reset = answer.reset.min(top);
    answer
}

/// Plays `history` to both, and compares all that can be seen.
fn compare(history: &History) {
    let (mut server, mut reference) = (Server::default(), reference::Key::default());
    play(history, |call| {
        let (now, cost, clauses) = (call.now, call.cost, &call.clauses[..]);
        let outcome = server.call(clauses, cost, now).unwrap();
        let (allowed, expected) = reference.call(clauses, cost, now.into()).unwrap();
        let expected: Vec<_> = expected.into_iter().map(in_u64).collect();
        let seen = answers(&outcome, clauses);
        assert_eq!((outcome.allowed, &seen), (allowed, &expected), "{clauses:?}, {cost} at {now}");
        reference.keep_only(server.clauses(), now.into());
        if call.step.peeks {
            let listed = reference.peek(now.into()).into_iter();
            let listed: Vec<_> = listed.map(|(clause, answer)| (clause, in_u64(answer))).collect();
            assert_eq!(server.peek(now), listed, "RL.PEEK at {now}");
            if let Some(limiters) = &server.stored {
                let unused_at = reference.unused_at(now.into());
                if unused_at > now.into() {
                    let latest = Ms::from(u64::MAX);
                    assert_eq!(Ms::from(limiters.unused_at_ms()), unused_at.min(latest));
                }
            }
        }
        seen
    });
}

const ANY: Kind = Kind { steps_back: true, changes: true, calls: 60 };

proptest! {
    #![proptest_config(cases(250))]

    #[test]
    fn same_answers_as_the_reference(history in histories(ANY)) {
        compare(&history);
    }

    #[test]
    fn same_answers_under_a_steady_clock(history in histories(Kind { steps_back: false, ..ANY })) {
        compare(&history);
    }

    #[test]
    fn same_answers_to_the_same_numbers(history in histories(Kind { changes: false, ..ANY })) {
        compare(&history);
    }
}

/// What the histories are worth: each kind of answer is common in them.
#[test]
fn the_histories_meet_every_kind_of_answer() {
    let (calls, denied, waits, holds, free, moves) = Default::default();
    let count = |kind: &Cell<u32>, seen: bool| kind.set(kind.get() + u32::from(seen));
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let history = histories(ANY).new_tree(&mut runner).unwrap().current();
        let mut server = Server::default();
        play(&history, |call| {
            let outcome = server.call(&call.clauses, call.cost, call.now).unwrap();
            let seen = answers(&outcome, &call.clauses);
            count(&calls, true);
            count(&denied, !outcome.allowed);
            count(&waits, seen.iter().any(|a| !a.allowed && a.wait.is_some()));
            count(&holds, seen.iter().any(|a| a.allowed && a.wait != Some(0)));
            count(&free, outcome.allowed && call.cost == 0);
            count(&moves, outcome.changes().count() > 0 && !(outcome.allowed && call.cost > 0));
            seen
        });
    }
    for (kind, count) in
        [("denied", denied), ("waits", waits), ("holds", holds), ("free", free), ("moves", moves)]
    {
        let share = f64::from(count.get()) / f64::from(calls.get());
        println!("{kind}: {share:.3} of {} calls", calls.get());
        assert!(share > 0.02, "{kind}: {share:.3}");
    }
}
