//! The reply of RL.LIMIT: `[allowed, [allowed, limit, remaining, wait_ms, reset_ms], ...]`.

use std::sync::Arc;
use std::time::Duration;

use redis::Value;

use crate::error::Error;
use crate::limit::Limit;
use crate::limits::Limits;
use crate::outcome::Decision;

/// The verdict and the decision of each limit.
pub(crate) fn read(reply: &Value, limits: &Limits) -> Result<(bool, Vec<Decision>), Error> {
    parse(reply, limits).ok_or_else(|| {
        Error::Configuration(format!(
            "RL.LIMIT gave an unexpected reply ({reply:?}); load a module of this version"
        ))
    })
}

fn parse(reply: &Value, limits: &Limits) -> Option<(bool, Vec<Decision>)> {
    let Value::Array(parts) = reply else { return None };
    let (verdict, verdicts) = parts.split_first()?;
    let allowed = flag(verdict)?;
    if verdicts.len() != limits.shared().len() {
        return None;
    }
    let decisions: Vec<Decision> = limits
        .shared()
        .zip(verdicts)
        .map(|((policy, limit), verdict)| decision(verdict, policy, limit))
        .collect::<Option<_>>()?;
    (allowed == decisions.iter().all(|decision| decision.allowed)).then_some((allowed, decisions))
}

fn decision(verdict: &Value, policy: &Arc<str>, limit: &Limit) -> Option<Decision> {
    let Value::Array(fields) = verdict else { return None };
    let [allowed, most, remaining, wait_ms, reset_ms] = fields.as_slice() else { return None };
    let allowed = flag(allowed)?;
    let wait = match number(wait_ms)? {
        -1 if !allowed => None,
        ms => Some(Duration::from_millis(u64::try_from(ms).ok()?)),
    };
    Some(Decision {
        allowed,
        limit: whole(most)?,
        remaining: whole(remaining)?,
        retry_after: if allowed { Some(Duration::ZERO) } else { wait },
        reset_after: Duration::from_millis(whole(reset_ms)?),
        wait: wait.filter(|_| allowed).unwrap_or_default(),
        policy: Arc::clone(policy),
        window: limit.window(),
    })
}

const fn number(value: &Value) -> Option<i64> {
    if let Value::Int(number) = value { Some(*number) } else { None }
}

fn whole(value: &Value) -> Option<u64> {
    u64::try_from(number(value)?).ok()
}

const fn flag(value: &Value) -> Option<bool> {
    match number(value) {
        Some(0) => Some(false),
        Some(1) => Some(true),
        _ => None,
    }
}
