//! The headers that tell clients of their limits (draft-ietf-httpapi-ratelimit-headers-11).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{CACHE_CONTROL, Entry, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use super::members::{left, line, policy, seconds, separate, violation};
use super::policy_line::PolicyLine;
use crate::limiter::Legacy;
use crate::outcome::{Outcome, Source, Verdict};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Add what an outcome says to the headers that the application set.
pub(crate) fn apply(
    headers: &mut HeaderMap,
    outcome: &Outcome,
    policies: &PolicyLine,
    legacy: Option<Legacy>,
    now: impl Fn() -> SystemTime,
) {
    if !matches!(outcome.source, Source::Server | Source::DenyCache) {
        return;
    }
    add(headers, RATELIMIT_POLICY, policies.of(&outcome.decisions));
    for ban in outcome.banned() {
        add(headers, RATELIMIT_POLICY, line([ban], policy));
    }
    if outcome.allowed {
        add(headers, RATELIMIT, line(&outcome.decisions, left));
    } else {
        add(headers, RATELIMIT, line(outcome.violated(), violation));
        no_store(headers);
        if let Some(wait) = outcome.retry_after() {
            retry_after(headers, seconds(wait).max(1));
        }
    }
    if let (Some(legacy), Some(verdict)) = (legacy, outcome.tightest()) {
        older(headers, legacy, verdict, now);
    }
}

/// Tell to come back in `seconds`, unless the application tells to come back later, or at a date.
pub(crate) fn retry_after(headers: &mut HeaderMap, seconds: u64) {
    let earlier = |set: &HeaderValue| {
        set.to_str().ok().and_then(|set| set.parse::<u64>().ok()).is_some_and(|set| set < seconds)
    };
    if headers.get(RETRY_AFTER).is_none_or(earlier) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Let no cache keep the answer.
pub(crate) fn no_store(headers: &mut HeaderMap) {
    if !says_no_store(headers) {
        add(headers, CACHE_CONTROL, Some(HeaderValue::from_static("no-store")));
    }
}

fn says_no_store(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("no-store"))
}

fn older(headers: &mut HeaderMap, legacy: Legacy, verdict: &Verdict, now: impl Fn() -> SystemTime) {
    let [limit, remaining, reset] = match legacy {
        Legacy::Delta | Legacy::Epoch => {
            ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        }
        Legacy::Draft6 => ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
    };
    let after = if verdict.allowed { Some(verdict.reset_after) } else { verdict.retry_after };
    let since = match legacy {
        Legacy::Epoch => now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        Legacy::Delta | Legacy::Draft6 => Duration::ZERO,
    };
    headers.insert(limit, HeaderValue::from(verdict.limit));
    headers.insert(remaining, HeaderValue::from(verdict.remaining));
    if let Some(after) = after {
        headers.insert(reset, HeaderValue::from(seconds(since.saturating_add(after))));
    }
}

/// Set a header to the members that it had, in one line, then ours.
fn add(headers: &mut HeaderMap, name: HeaderName, ours: Option<HeaderValue>) {
    // Limits on trial alone have no members.
    let Some(ours) = ours.filter(|ours| !ours.is_empty()) else { return };
    match headers.entry(name) {
        Entry::Vacant(free) => {
            free.insert(ours);
        }
        Entry::Occupied(mut set) => {
            let mut line = String::new();
            for member in set.iter().chain([&ours]).filter_map(|set| set.to_str().ok()) {
                separate(&mut line);
                line.push_str(member);
            }
            if let Ok(line) = HeaderValue::try_from(line) {
                set.insert(line);
            }
        }
    }
}
