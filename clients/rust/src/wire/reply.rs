//! The reply of RL.LIMIT: `[allowed, [allowed, limit, remaining, wait_ms, reset_ms], ...]`.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use super::numbers::Parts;
use crate::error::Error;
use crate::limits::{Clause, Kind, LimitSet, Policy, PolicyClause, policy_names};
use crate::outcome::{Counts, Verdict};

/// At most so many verdicts get their memory at once: a reply that claims more must show them.
const MOST: usize = 16;

/// What is known of each policy among some limits, in order.
pub(crate) type Known = Vec<Option<Arc<[PolicyClause]>>>;

/// Whether all allow it, the verdict of each limit, and that of a ban.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) allowed: bool,
    pub(crate) decisions: Vec<Verdict>,
    pub(crate) ban: Option<Box<Verdict>>,
}

/// What the module decided.
pub(crate) fn read(reply: &Value, limits: &LimitSet, known: &Known) -> Result<Decided, Error> {
    parse(reply, limits, known).ok_or_else(|| unexpected("RL.LIMIT", reply))
}

/// What the module decided of several keys, for each by itself. `known` is of all policies in
/// order.
pub(crate) fn read_all(
    reply: &Value,
    sets: &[&LimitSet],
    known: &Known,
) -> Result<Vec<Decided>, Error> {
    parse_all(reply, sets, known).ok_or_else(|| unexpected("RL.ALL", reply))
}

pub(super) fn unexpected(command: &str, reply: &Value) -> Error {
    Error::Configuration(format!(
        "{command} gave an unexpected reply ({reply:?}); load a module of this version"
    ))
}

/// The same, before the limits have their names.
fn fives(reply: &Value) -> Option<(bool, Vec<Five>)> {
    if let Some(parts) = Parts::of(reply) {
        return joined(parts);
    }
    let Value::Array(parts) = reply else { return None };
    let (allowed, fives) = parts.split_first()?;
    let fives = fives.iter().map(five);
    Some((flag(number(allowed)?)?, fives.collect::<Option<_>>()?))
}

/// The five numbers of one limit.
pub(super) fn five(reply: &Value) -> Option<Five> {
    if let Some(mut parts) = Parts::of(reply) {
        let five = joined_five(&mut parts)?;
        return parts.is_empty().then_some(five);
    }
    let Value::Array(fields) = reply else { return None };
    let fields: &[Value; 5] = fields.as_slice().try_into().ok()?;
    let [allowed, limit, remaining, wait, reset] = fields.each_ref().map(number);
    Five::read([allowed?, limit?, remaining?, wait?, reset?])
}

fn joined_five(parts: &mut Parts<'_>) -> Option<Five> {
    if parts.array()? != 5 {
        return None;
    }
    let mut fields = [0; 5];
    for field in &mut fields {
        *field = parts.number()?;
    }
    Five::read(fields)
}

fn joined(mut parts: Parts<'_>) -> Option<(bool, Vec<Five>)> {
    let count = parts.array()?.checked_sub(1)?;
    let allowed = flag(parts.number()?)?;
    let mut fives = Vec::with_capacity(count.min(MOST));
    for _ in 0..count {
        fives.push(joined_five(&mut parts)?);
    }
    parts.is_empty().then_some((allowed, fives))
}

fn parse(reply: &Value, limits: &LimitSet, known: &Known) -> Option<Decided> {
    let (allowed, fives) = fives(reply)?;
    let mut rest = Rest::of(&fives, own(limits), known)?;
    let decided = rest.take(limits)?;
    (rest.fives.is_empty() && decided.allowed == allowed).then_some(decided)
}

fn parse_all(reply: &Value, sets: &[&LimitSet], known: &Known) -> Option<Vec<Decided>> {
    let (allowed, fives) = fives(reply)?;
    let mut rest = Rest::of(&fives, sets.iter().map(|limits| own(limits)).sum(), known)?;
    let all = sets.iter().map(|limits| rest.take(limits)).collect::<Option<Vec<_>>>()?;
    let agrees = allowed == all.iter().all(|one| one.allowed);
    (rest.fives.is_empty() && agrees).then_some(all)
}

/// How many verdicts limits have, policies aside.
fn own(limits: &LimitSet) -> usize {
    limits.clauses().filter(|c| matches!(c, Clause::Limit(_) | Clause::Ban(_))).count()
}

/// The verdicts that are not yet somebody's.
struct Rest<'a> {
    fives: &'a [Five],
    lengths: std::vec::IntoIter<usize>,
    known: std::slice::Iter<'a, Option<Arc<[PolicyClause]>>>,
}

impl<'a> Rest<'a> {
    fn of(fives: &'a [Five], own: usize, known: &'a Known) -> Option<Self> {
        let lengths = lengths(known, fives.len().checked_sub(own)?)?.into_iter();
        Some(Self { fives, lengths, known: known.iter() })
    }

    /// Those of one set.
    fn take(&mut self, limits: &LimitSet) -> Option<Decided> {
        let mut decisions = Vec::with_capacity(self.fives.len());
        let mut ban = None;
        for (name, clause) in limits.parts() {
            let length = match clause {
                Clause::Shadow(_) => continue,
                Clause::Policy(_) => self.lengths.next()?,
                Clause::Limit(_) | Clause::Ban(_) => 1,
            };
            let (own, others) = self.fives.split_at_checked(length)?;
            self.fives = others;
            match (clause, own) {
                (Clause::Policy(policy), _) => {
                    let clauses = self.known.next()?.as_deref();
                    of_policy(policy, name, clauses, own, &mut decisions, &mut ban);
                }
                (Clause::Limit(limit), [five]) => {
                    let known = Some((limit.window(), Counts::By(limit.algorithm())));
                    decisions.push(five.verdict(Arc::clone(name), known));
                }
                (Clause::Ban(by), [five]) => {
                    let known = Some((by.period().duration(), Counts::Refusals));
                    ban = Some(Box::new(five.verdict(Arc::clone(name), known)));
                }
                _ => return None,
            }
        }
        let allowed = decisions.iter().chain(ban.as_deref()).all(|verdict| verdict.allowed);
        Some(Decided { allowed, decisions, ban })
    }
}

fn of_policy(
    policy: &Policy,
    name: &Arc<str>,
    clauses: Option<&[PolicyClause]>,
    own: &[Five],
    decisions: &mut Vec<Verdict>,
    ban: &mut Option<Box<Verdict>>,
) {
    let Some(clauses) = clauses.filter(|clauses| fit(clauses, own)) else {
        let unknown =
            |(place, five): (usize, &Five)| five.verdict(unknown(name, place, own.len()), None);
        decisions.extend(own.iter().enumerate().map(unknown));
        return;
    };
    let named = policy_names(policy, clauses);
    for ((clause, name), five) in shown(clauses).zip(named).zip(own) {
        let counts = clause.limiter().map_or(Counts::Refusals, |(by, _)| Counts::By(by));
        let verdict = five.verdict(name, Some((clause.window, counts)));
        match clause.kind {
            Kind::Ban => *ban = Some(Box::new(verdict)),
            _ => decisions.push(verdict),
        }
    }
}

/// How many of `theirs` are each policy's. What does not fit is taken for the first whose clauses
/// are not known.
fn lengths(known: &Known, theirs: usize) -> Option<Vec<usize>> {
    let length = |clauses: &Option<Arc<[PolicyClause]>>| {
        clauses.as_ref().map_or(1, |clauses| shown(clauses).count())
    };
    let mut lengths: Vec<usize> = known.iter().map(length).collect();
    if lengths.iter().sum::<usize>() == theirs {
        return Some(lengths);
    }
    let changed = known.iter().position(Option::is_none).unwrap_or(0);
    let others: usize =
        lengths.iter().enumerate().filter(|(place, _)| *place != changed).map(|(_, n)| n).sum();
    match theirs.checked_sub(others) {
        Some(length @ 1..) => *lengths.get_mut(changed)? = length,
        _ => {
            let mut left = theirs;
            for length in lengths.iter_mut().rev() {
                *length = left.min(1);
                left = left.saturating_sub(*length);
            }
            let first = lengths.first_mut()?;
            *first = first.checked_add(left)?;
        }
    }
    Some(lengths)
}

/// The clauses of a policy that have verdicts.
fn shown(clauses: &[PolicyClause]) -> impl Iterator<Item = &PolicyClause> {
    clauses.iter().filter(|clause| clause.has_verdict())
}

fn fit(clauses: &[PolicyClause], fives: &[Five]) -> bool {
    shown(clauses).count() == fives.len()
        && shown(clauses).zip(fives).all(|(clause, five)| clause.limit == five.limit)
}

fn unknown(name: &Arc<str>, place: usize, of: usize) -> Arc<str> {
    if of == 1 {
        Arc::clone(name)
    } else {
        Arc::from(format!("{name}-{}", place.saturating_add(1)))
    }
}

/// The five numbers of one limit.
pub(super) struct Five {
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

    /// The verdict of a limit, of which its window and what it counts may be known.
    pub(super) fn verdict(&self, policy: Arc<str>, known: Option<(Duration, Counts)>) -> Verdict {
        let (window, counts) = known.unzip();
        Verdict {
            allowed: self.allowed,
            limit: self.limit,
            remaining: self.remaining,
            retry_after: if self.allowed { Some(Duration::ZERO) } else { self.wait },
            reset_after: self.reset_after,
            wait: self.wait.filter(|_| self.allowed).unwrap_or_default(),
            policy,
            window,
            counts: counts.unwrap_or(Counts::Unknown),
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
