//! What a limiter is for: no more passes than its limit says, under a clock that only goes on.

use proptest::prelude::*;
use rl_core::Algorithm;

use crate::cases;
use crate::history::{Kind, histories};
use crate::server::{Server, answers, play};

const STEADY: Kind = Kind { steps_back: false, changes: false, calls: 120 };

/// Every `(time, cost)` that was admitted, added up over each stretch of time from one to another:
/// `holds(sum, stretch)`.
fn over_every_stretch(admitted: &[(u64, u64)], holds: impl Fn(u128, u64) -> bool) {
    for (first, (from, _)) in admitted.iter().enumerate() {
        let mut sum = 0;
        for (to, cost) in &admitted[first..] {
            sum += u128::from(*cost);
            assert!(holds(sum, to - from), "{sum} admitted from {from} to {to}");
        }
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn no_stretch_of_time_sees_more_than_its_share(history in histories(STEADY)) {
        let mut server = Server::default();
        let mut admitted = vec![Vec::new(); history.clauses.len()];
        play(&history, |call| {
            let outcome = server.call(&call.clauses, call.cost, call.now).unwrap();
            if outcome.allowed && call.cost > 0 {
                for (index, _) in &call.step.asks {
                    admitted[*index].push((call.now, call.cost));
                }
            }
            answers(&outcome, &call.clauses)
        });
        for (clause, admitted) in history.clauses.iter().zip(&admitted) {
            let (period, limit) = (clause.period_ms, u128::from(clause.limit));
            let refill = u128::from(clause.refill);
            match clause.algorithm {
                // Never more than the limit in any period.
                Algorithm::Log => over_every_stretch(admitted, |sum, ms| ms >= period || sum <= limit),
                // Never more than the capacity and what came back meanwhile.
                Algorithm::Token | Algorithm::Leaky => over_every_stretch(admitted, |sum, ms| {
                    (sum - sum.min(limit)) * u128::from(period) <= refill * u128::from(ms)
                }),
                // Two windows at most can lie in one period.
                Algorithm::Fixed => {
                    over_every_stretch(admitted, |sum, ms| ms >= period || sum <= 2 * limit);
                }
                // Never more than the limit in a window.
                Algorithm::Sliding => {
                    for window in admitted.chunk_by(|a, b| a.0 / period == b.0 / period) {
                        assert!(window.iter().map(|(_, cost)| u128::from(*cost)).sum::<u128>() <= limit);
                    }
                }
            }
        }
    }

    /// Nor does a changing limit let more pass than the largest of them.
    #[test]
    fn a_log_of_changing_limits_keeps_to_the_largest(
        history in histories(Kind { changes: true, ..STEADY }),
    ) {
        let mut server = Server::default();
        let mut admitted = vec![Vec::new(); history.clauses.len()];
        let mut largest = vec![0; history.clauses.len()];
        play(&history, |call| {
            let outcome = server.call(&call.clauses, call.cost, call.now).unwrap();
            for ((index, _), clause) in call.step.asks.iter().zip(&call.clauses) {
                if outcome.allowed && call.cost > 0 {
                    admitted[*index].push((call.now, call.cost));
                    largest[*index] = clause.limit.max(largest[*index]);
                }
            }
            answers(&outcome, &call.clauses)
        });
        let logs = history.clauses.iter().zip(admitted.iter().zip(&largest));
        for (clause, (admitted, largest)) in logs.filter(|(c, _)| c.algorithm == Algorithm::Log) {
            over_every_stretch(admitted, |sum, ms| {
                ms >= clause.period_ms || sum <= u128::from(*largest)
            });
        }
    }
}
