//! The members of the two header fields, as text.

use std::time::Duration;

use http::HeaderValue;

use crate::outcome::{Counts, Verdict};

/// Bytes that most lines fit in.
const USUAL: usize = 64;

/// One line of members.
pub(super) fn line<'a>(
    verdicts: impl IntoIterator<Item = &'a Verdict>,
    write: impl Fn(&mut String, &Verdict),
) -> Option<HeaderValue> {
    let mut line = String::with_capacity(USUAL);
    for verdict in verdicts {
        separate(&mut line);
        write(&mut line, verdict);
    }
    // Members are of characters that a header may hold.
    HeaderValue::try_from(line).ok()
}

/// Whole seconds, rounded up: a client that waits them is not early. Structured fields have 15
/// digits.
pub(crate) fn seconds(time: Duration) -> u64 {
    const MOST: u64 = 999_999_999_999_999;
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)).min(MOST)
}

/// What a limit is, in RateLimit-Policy.
pub(super) fn policy(line: &mut String, verdict: &Verdict) {
    member(line, &verdict.policy, ";q=", verdict.limit);
    if let Some(window) = verdict.window {
        parameter(line, ";w=", seconds(window).max(1));
    }
    if verdict.counts == Counts::Places {
        line.push_str(";qu=\"concurrent-requests\"");
    }
}

/// What is left of a limit, in RateLimit.
pub(super) fn left(line: &mut String, verdict: &Verdict) {
    member(line, &verdict.policy, ";r=", verdict.remaining);
    // Places come back when they do.
    if verdict.counts != Counts::Places {
        parameter(line, ";t=", seconds(verdict.reset_after));
    }
}

/// What a limit that denies says, in RateLimit.
pub(super) fn violation(line: &mut String, verdict: &Verdict) {
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

/// Part a member from those before it.
pub(super) fn separate(line: &mut String) {
    if !line.is_empty() {
        line.push_str(", ");
    }
}
