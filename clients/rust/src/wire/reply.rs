//! The reply of RL.LIMIT: `[allowed, [allowed, limit, remaining, wait_ms, reset_ms], ...]`.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use super::numbers::Parts;
use crate::error::Error;
use crate::limits::{Clause, LimitSet, PolicyClause, policy_names};
use crate::outcome::Verdict;

/// At most so many verdicts get their memory at once: a reply that claims more must show them.
const MOST: usize = 16;

/// What is known of each policy among some limits, in order.
pub(crate) type Known = Vec<Option<Arc<[PolicyClause]>>>;

/// Whether all limits allow it, and the verdict of each.
pub(crate) fn read(
    reply: &Value,
    limits: &LimitSet,
    known: &Known,
) -> Result<(bool, Vec<Verdict>), Error> {
    parse(reply, limits, known).ok_or_else(|| {
        Error::Configuration(format!(
            "RL.LIMIT gave an unexpected reply ({reply:?}); load a module of this version"
        ))
    })
}

/// The same, before the limits have their names.
fn fives(reply: &Value) -> Option<(bool, Vec<Five>)> {
    if let Some(parts) = Parts::of(reply) {
        return joined(parts);
    }
    let Value::Array(parts) = reply else { return None };
    let (allowed, fives) = parts.split_first()?;
    let fives = fives.iter().map(|value| {
        let Value::Array(fields) = value else { return None };
        let fields: &[Value; 5] = fields.as_slice().try_into().ok()?;
        let [allowed, limit, remaining, wait, reset] = fields.each_ref().map(number);
        Five::read([allowed?, limit?, remaining?, wait?, reset?])
    });
    Some((flag(number(allowed)?)?, fives.collect::<Option<_>>()?))
}

fn joined(mut parts: Parts<'_>) -> Option<(bool, Vec<Five>)> {
    let count = parts.array()?.checked_sub(1)?;
    let allowed = flag(parts.number()?)?;
    let mut fives = Vec::with_capacity(count.min(MOST));
    for _ in 0..count {
        if parts.array()? != 5 {
            return None;
        }
        let mut fields = [0; 5];
        for field in &mut fields {
            *field = parts.number()?;
        }
        fives.push(Five::read(fields)?);
    }
    parts.is_empty().then_some((allowed, fives))
}

fn parse(reply: &Value, limits: &LimitSet, known: &Known) -> Option<(bool, Vec<Verdict>)> {
    let (allowed, fives) = fives(reply)?;
    let mut rest = fives.as_slice();
    let mut lengths = lengths(limits, known, rest.len())?.into_iter();
    let mut known = known.iter();
    let mut decisions = Vec::with_capacity(rest.len());
    for (name, clause) in limits.parts() {
        match clause {
            Clause::Limit(limit) => {
                let (first, others) = rest.split_first()?;
                decisions.push(first.verdict(Arc::clone(name), Some(limit.window())));
                rest = others;
            }
            Clause::Policy(policy) => {
                let (own, others) = rest.split_at_checked(lengths.next()?)?;
                match known.next()?.as_deref().filter(|clauses| fit(clauses, own)) {
                    Some(clauses) => {
                        let named = policy_names(policy, clauses).into_iter().zip(clauses);
                        let told = named.zip(own);
                        decisions
                            .extend(told.map(|((name, c), v)| v.verdict(name, Some(c.window))));
                    }
                    None => {
                        decisions.extend(own.iter().enumerate().map(|(place, five)| {
                            five.verdict(unknown(name, place, own.len()), None)
                        }))
                    }
                }
                rest = others;
            }
        }
    }
    (allowed == decisions.iter().all(|verdict| verdict.allowed)).then_some((allowed, decisions))
}

/// How many of the verdicts are each policy's. What does not fit is taken for the first whose
/// clauses are not known.
fn lengths(limits: &LimitSet, known: &Known, fives: usize) -> Option<Vec<usize>> {
    let own = limits.parts().len().checked_sub(known.len())?;
    let theirs = fives.checked_sub(own)?;
    let mut lengths: Vec<usize> =
        known.iter().map(|clauses| clauses.as_ref().map_or(1, |clauses| clauses.len())).collect();
    if lengths.iter().sum::<usize>() == theirs {
        return Some(lengths);
    }
    let changed = known.iter().position(Option::is_none).unwrap_or(0);
    let others: usize =
        lengths.iter().enumerate().filter(|(place, _)| *place != changed).map(|(_, n)| n).sum();
    match theirs.checked_sub(others) {
        Some(length @ 1..) => *lengths.get_mut(changed)? = length,
        _ => {
            let surplus = theirs.checked_sub(lengths.len())?;
            lengths.fill(1);
            let first = lengths.first_mut()?;
            *first = first.checked_add(surplus)?;
        }
    }
    Some(lengths)
}

fn fit(clauses: &[PolicyClause], fives: &[Five]) -> bool {
    clauses.len() == fives.len()
        && clauses.iter().zip(fives).all(|(clause, five)| clause.limit == five.limit)
}

fn unknown(name: &Arc<str>, place: usize, of: usize) -> Arc<str> {
    if of == 1 {
        Arc::clone(name)
    } else {
        Arc::from(format!("{name}-{}", place.saturating_add(1)))
    }
}

/// The five numbers of one limit.
struct Five {
    allowed: bool,
    limit: u64,
    remaining: u64,
    wait: Option<Duration>,
    reset_after: Duration,
}

impl Five {
    fn read([allowed, limit, remaining, wait_ms, reset_ms]: [i64; 5]) -> Option<Self> {
        let allowed = flag(allowed)?;
        let wait = match wait_ms {
            -1 if !allowed => None,
            ms => Some(Duration::from_millis(u64::try_from(ms).ok()?)),
        };
        Some(Self {
            allowed,
            limit: u64::try_from(limit).ok()?,
            remaining: u64::try_from(remaining).ok()?,
            wait,
            reset_after: Duration::from_millis(u64::try_from(reset_ms).ok()?),
        })
    }

    fn verdict(&self, policy: Arc<str>, window: Option<Duration>) -> Verdict {
        Verdict {
            allowed: self.allowed,
            limit: self.limit,
            remaining: self.remaining,
            retry_after: if self.allowed { Some(Duration::ZERO) } else { self.wait },
            reset_after: self.reset_after,
            wait: self.wait.filter(|_| self.allowed).unwrap_or_default(),
            policy,
            window,
        }
    }
}

pub(super) const fn number(value: &Value) -> Option<i64> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}

pub(super) fn whole(value: &Value) -> Option<u64> {
    u64::try_from(number(value)?).ok()
}

const fn flag(number: i64) -> Option<bool> {
    match number {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}
