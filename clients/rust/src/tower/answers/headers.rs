//! The headers that tell clients of their limits (draft-ietf-httpapi-ratelimit-headers-11).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{CACHE_CONTROL, Entry, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};

use crate::limiter::Legacy;
use crate::outcome::{Outcome, Source, Verdict};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Bytes that most lines fit in.
const USUAL: usize = 64;

/// Add what an outcome says to the headers that the application set.
pub(crate) fn apply(
    headers: &mut HeaderMap,
    outcome: &Outcome,
    legacy: Option<Legacy>,
    now: impl Fn() -> SystemTime,
) {
    if outcome.source != Source::Server {
        return;
    }
    append(headers, RATELIMIT_POLICY, &outcome.decisions, policy);
    if outcome.allowed {
        append(headers, RATELIMIT, &outcome.decisions, left);
    } else {
        append(headers, RATELIMIT, outcome.violated(), violation);
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
        append(headers, CACHE_CONTROL, ["no-store"], String::push_str);
    }
}

fn says_no_store(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("no-store"))
}

/// Whole seconds, rounded up: a client that waits them is not early. Structured fields have 15 digits.
pub(crate) fn seconds(time: Duration) -> u64 {
    const MOST: u64 = 999_999_999_999_999;
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).min(MOST)
}

fn policy(line: &mut String, verdict: &Verdict) {
    member(line, &verdict.policy, ";q=", verdict.limit);
    if let Some(window) = verdict.window {
        parameter(line, ";w=", seconds(window).max(1));
    }
}

fn left(line: &mut String, verdict: &Verdict) {
    member(line, &verdict.policy, ";r=", verdict.remaining);
    parameter(line, ";t=", seconds(verdict.reset_after));
}

fn violation(line: &mut String, verdict: &Verdict) {
    member(line, &verdict.policy, ";r=", verdict.remaining);
    if let Some(wait) = verdict.retry_after {
        parameter(line, ";t=", seconds(wait).max(1));
    }
}

fn member(line: &mut String, policy: &str, name: &str, number: u64) {
    line.push('"');
    line.push_str(policy);
    line.push('"');
    parameter(line, name, number);
}

fn parameter(line: &mut String, name: &str, number: u64) {
    line.push_str(name);
    line.push_str(itoa::Buffer::new().format(number));
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

/// One line with the members that were there, then ours.
fn append<T>(
    headers: &mut HeaderMap,
    name: HeaderName,
    ours: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    let mut line = String::with_capacity(USUAL);
    let entry = headers.entry(name);
    if let Entry::Occupied(set) = &entry {
        for member in set.iter().filter_map(|set| set.to_str().ok()) {
            separate(&mut line);
            line.push_str(member);
        }
    }
    for member in ours {
        separate(&mut line);
        write(&mut line, member);
    }
    // Members are of characters that a header may hold.
    let Ok(line) = HeaderValue::try_from(line) else { return };
    match entry {
        Entry::Occupied(mut set) => drop(set.insert(line)),
        Entry::Vacant(free) => {
            free.insert(line);
        }
    }
}

fn separate(line: &mut String) {
    if !line.is_empty() {
        line.push_str(", ");
    }
}
