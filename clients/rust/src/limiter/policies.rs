//! What the limiter knows of the server's policies: asked for with a check, at most once a second
//! each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{RedisResult, Value};
use tokio::time::Instant;

use crate::error::{Class, Error};
use crate::limits::{Kind, LimitSet, Policy, PolicyClause};
use crate::wire::reply::Known;

const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Policies(Mutex<HashMap<Policy, Standing>>);

#[derive(Debug)]
struct Standing {
    asked: Instant,
    clauses: Option<Arc<[PolicyClause]>>,
    refused: Option<Error>,
}

impl Standing {
    fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.asked) >= PAUSE
    }
}

impl Policies {
    /// Why these limits are not to be asked for: less than a second ago, the server refused to show
    /// a policy.
    pub(crate) fn refusal(&self, limits: &LimitSet) -> Option<Error> {
        limits.policies().next()?;
        let (now, all) = (Instant::now(), self.lock());
        let fresh = limits.policies().filter_map(|policy| all.get(policy));
        fresh.filter(|standing| !standing.is_due(now)).find_map(|standing| standing.refused.clone())
    }

    /// The policies that the next check must ask for, which are hereby asked for.
    pub(crate) fn due(&self, limits: &LimitSet) -> Vec<Policy> {
        if limits.policies().next().is_none() {
            return Vec::new();
        }
        let (now, mut all) = (Instant::now(), self.lock());
        let mut due = Vec::new();
        for policy in limits.policies() {
            match all.get_mut(policy) {
                Some(standing) if !standing.is_due(now) => continue,
                Some(standing) => standing.asked = now,
                None => {
                    let standing = Standing { asked: now, clauses: None, refused: None };
                    all.insert(policy.clone(), standing);
                }
            }
            due.push(policy.clone());
        }
        due
    }

    /// Take the reply of RL.POLICY GET.
    ///
    /// # Errors
    /// When the server refuses to show it, or it holds what a check cannot ask for.
    pub(crate) fn learn(&self, policy: &Policy, reply: RedisResult<Value>) -> Result<(), Error> {
        let read = reply.map_err(|error| refused(policy, error.into()));
        let mut all = self.lock();
        let Some(standing) = all.get_mut(policy) else { return Ok(()) };
        standing.refused = None;
        match read {
            Ok(reply) => {
                standing.clauses = clauses(&reply);
                let kept = standing.clauses.iter().flat_map(|clauses| clauses.iter());
                if kept.into_iter().any(|clause| clause.kind == Kind::Lease) {
                    let error = leases(policy);
                    standing.refused = Some(error.clone());
                    return Err(error);
                }
            }
            // It passes, and says nothing of the policy.
            Err(error) if error.class() == Class::Transient => {}
            Err(error) => {
                standing.refused = Some(error.clone());
                return Err(error);
            }
        }
        Ok(())
    }

    /// What is known of the policies among these limits, in order.
    pub(crate) fn known(&self, limits: &LimitSet) -> Known {
        if limits.policies().next().is_none() {
            return Known::new();
        }
        let all = self.lock();
        limits.policies().map(|policy| all.get(policy)?.clauses.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Policy, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An array of clauses; anything else is a policy that is not known.
fn clauses(reply: &Value) -> Option<Arc<[PolicyClause]>> {
    let Value::Array(items) = reply else { return None };
    let text = |item: &Value| match item {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(|item| PolicyClause::read(&text(item)?)).collect()
}

fn leases(policy: &Policy) -> Error {
    Error::Configuration(format!(
        "policy '{}' must not hold a LEASE, which a check cannot give back: take places by \
         Limiter::lease or a ConcurrencyLayer",
        policy.name()
    ))
}

fn refused(policy: &Policy, error: Error) -> Error {
    match error {
        Error::Configuration(text) => {
            Error::Configuration(format!("RL.POLICY GET {}: {text}", policy.name()))
        }
        other => other,
    }
}
