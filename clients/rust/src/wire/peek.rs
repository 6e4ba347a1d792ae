//! The reply of RL.PEEK: how long a request of cost 1 would have to wait, limiter by limiter.

use std::time::Duration;

use redis::{Cmd, Value};

use super::reply::{self, Known};
use crate::limits::{Algorithm, Clause, LimitSet, PolicyClause};
use crate::outcome::Verdict;

/// Ask for all limiters at a key.
pub(crate) fn command(key: &str) -> Cmd {
    let mut command = redis::cmd("RL.PEEK");
    command.arg(key);
    command
}

/// Let the limits that have nothing left deny, as they would deny a request of cost 1.
pub(crate) fn deny(decisions: &mut [Verdict], standing: &Value, limits: &LimitSet, known: &Known) {
    let mut counters = counters(limits, known);
    if counters.len() != decisions.len() {
        counters.clear();
    }
    for (place, verdict) in decisions.iter_mut().enumerate() {
        if verdict.remaining > 0 {
            continue;
        }
        let counter = counters.get(place).copied();
        let wait = counter.and_then(|counter| wait(standing, counter));
        verdict.allowed = false;
        verdict.wait = Duration::ZERO;
        verdict.retry_after = match verdict.limit {
            0 => None,
            // Other numbers were recorded there, or other clauses: then no later than all of it is
            // back.
            _ => Some(wait.unwrap_or(verdict.reset_after)),
        };
    }
}

type Counter = (Algorithm, Duration);

/// What each verdict counts in, where that is known.
fn counters(limits: &LimitSet, known: &Known) -> Vec<Counter> {
    let mut known = known.iter();
    let mut counters = Vec::new();
    for clause in limits.clauses() {
        match clause {
            Clause::Limit(limit) => counters.push((limit.algorithm(), limit.period().duration())),
            Clause::Policy(_) => {
                let clauses = known.next().into_iter().flatten().flat_map(|clauses| clauses.iter());
                counters.extend(clauses.filter_map(PolicyClause::limiter));
            }
            Clause::Shadow(_) | Clause::Ban(_) => {}
        }
    }
    counters
}

fn wait(standing: &Value, (algorithm, period): Counter) -> Option<Duration> {
    let Value::Array(rows) = standing else { return None };
    rows.iter().find_map(|row| {
        let Value::Array(fields) = row else { return None };
        let [word, _, _, period_ms, remaining, wait_ms, _] = fields.as_slice() else { return None };
        let is_word = match word {
            Value::BulkString(word) => word == algorithm.word().as_bytes(),
            Value::SimpleString(word) => word == algorithm.word(),
            _ => false,
        };
        let is_it = is_word && Duration::from_millis(reply::whole(period_ms)?) == period;
        let denies = reply::whole(remaining)? == 0;
        (is_it && denies).then(|| reply::whole(wait_ms).map(Duration::from_millis))?
    })
}
