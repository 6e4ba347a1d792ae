//! What a call promises of itself: its wait, its remaining, and that a refusal leaves no trace.

use proptest::prelude::*;
use rl_core::bounds::MAX_TIME_MS;
use rl_core::{Clause, Limiter};

use crate::cases;
use crate::history::{History, Kind, histories};
use crate::reference::{Answer, Ms};
use crate::server::{Server, answers, at, play};

const ANY: Kind = Kind { steps_back: true, changes: true, calls: 80 };

/// Makes the calls of `history`, and has `check` look at each: before, call, answers, after.
fn after_each(
    history: &History,
    mut check: impl FnMut(&Server, &[Clause], u64, u64, &[Answer], bool, &Server),
) {
    let mut server = Server::default();
    play(history, |call| {
        let before = server.clone();
        let outcome = server.call(&call.clauses, call.cost, call.now).unwrap();
        let seen = answers(&outcome, &call.clauses);
        check(&before, &call.clauses, call.cost, call.now, &seen, outcome.allowed, &server);
        seen
    });
}

/// `ms` if the clock can come to be that much later.
fn within_the_clock(now: u64, ms: Ms) -> Option<u64> {
    u64::try_from(ms).ok().filter(|ms| now.saturating_add(*ms) <= MAX_TIME_MS)
}

fn allows(server: &Server, clauses: &[Clause], cost: u64, now: u64) -> bool {
    server.decide(clauses, cost, now).unwrap().allowed
}

/// Whether something recorded of one of the clauses lies after `now`.
fn finds_the_future(server: &Server, clauses: &[Clause], now: u64) -> bool {
    let recorded = server.stored.iter().flat_map(|limiters| limiters.as_slice());
    recorded.filter(|l| clauses.iter().any(|c| l.id() == (c.algorithm, c.period_ms))).any(
        |limiter| match limiter {
            Limiter::Fixed(fixed) => fixed.start_ms.get() > now,
            Limiter::Sliding(sliding) => sliding.window.get() * sliding.period_ms.get() > now,
            Limiter::Log(log) => log.entries.iter().any(|(time, _)| time > now),
            Limiter::Token(bucket) | Limiter::Leaky(bucket) => bucket.time_ms.get() > now,
        },
    )
}

proptest! {
    #![proptest_config(cases(400))]

    /// Denied one millisecond before, allowed at it, if nothing else comes.
    #[test]
    fn a_wait_is_exact(history in histories(ANY)) {
        after_each(&history, |_, clauses, cost, now, answers, allowed, after| {
            let reachable = |ms| within_the_clock(now, ms);
            for (clause, answer) in clauses.iter().zip(answers).filter(|(_, a)| !a.allowed) {
                let Some(wait) = answer.wait else { continue };
                assert!(wait > 0, "denied, and no wait");
                let Some(wait) = reachable(wait) else { continue };
                assert!(allows(after, &[*clause], cost, now + wait), "{clause:?}: not at {wait}");
                assert!(!allows(after, &[*clause], cost, now + wait - 1), "{clause:?}: before");
            }
            let waits = || answers.iter().filter(|answer| !answer.allowed).map(|a| a.wait);
            if let (false, Some(longest)) = (allowed, waits().collect::<Option<Vec<_>>>())
                && let Some(wait) = longest.into_iter().max().and_then(reachable)
            {
                assert!(allows(after, clauses, cost, now + wait), "the whole call");
                assert!(!allows(after, clauses, cost, now + wait - 1), "the whole call, before");
            }
        });
    }

    /// What is said to remain passes at once, and no more than that.
    #[test]
    fn what_remains_is_exact(history in histories(ANY)) {
        after_each(&history, |_, clauses, _, now, answers, _, after| {
            for (clause, answer) in clauses.iter().zip(answers) {
                let remaining = answer.remaining;
                assert!(remaining <= clause.limit);
                assert!(remaining == 0 || allows(after, &[*clause], remaining, now));
                assert!(!allows(after, &[*clause], remaining + 1, now));
            }
        });
    }

    /// A denied call and a call of cost 0 change nothing, but for the move of a recorded time.
    #[test]
    fn a_refusal_and_a_look_leave_no_trace(history in histories(ANY)) {
        after_each(&history, |before, clauses, cost, now, _, allowed, after| {
            let consumes = allowed && cost > 0;
            let moves = finds_the_future(before, clauses, now);
            assert!(consumes || moves || before.stored == after.stored);
            assert!(!moves || before.stored != after.stored, "a time to move, and no move");
            assert!(!finds_the_future(after, clauses, now), "a time is left in the future");
            let numbers = |server: &Server| server.clauses().collect::<Vec<_>>();
            assert!(consumes || numbers(before) == numbers(after), "numbers were recorded");
        });
    }

    /// `reset_ms` later a limiter is new: the whole limit passes, and nothing is listed.
    #[test]
    fn a_reset_is_exact(history in histories(Kind { changes: false, ..ANY })) {
        after_each(&history, |_, clauses, _, now, answers, _, after| {
            for (clause, answer) in clauses.iter().zip(answers) {
                let Some(reset) = within_the_clock(now, answer.reset) else { continue };
                let listed = |ms| after.peek(ms).iter().any(|(c, _)| c.names_same_limiter(clause));
                assert!(!listed(now + reset));
                assert!(allows(after, &[*clause], clause.limit, now + reset));
                assert!(reset == 0 || listed(now + reset - 1));
                let limiters = after.stored.iter().flat_map(|all| all.as_slice());
                let mut named = limiters.filter(|l| l.id() == (clause.algorithm, clause.period_ms));
                assert!(named.all(|l| !l.is_in_use(at(now + reset))));
            }
        });
    }
}
