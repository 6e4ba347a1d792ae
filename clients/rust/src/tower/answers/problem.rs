//! Bodies of refusals: problem+json (RFC 9457).

use std::fmt::Write;

use http::HeaderValue;

use super::members::seconds;
use crate::outcome::Outcome;

pub(super) const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");
pub(super) const UNIDENTIFIED_DETAIL: &str = "The client cannot be identified";
pub(super) const UNIDENTIFIED: &str = r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The client cannot be identified"}"#;
pub(super) const UNAVAILABLE_DETAIL: &str = "Rate limiter unavailable";
pub(super) const UNAVAILABLE: &str = r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Rate limiter unavailable"}"#;

/// What a person reads.
pub(super) fn detail(outcome: &Outcome) -> String {
    match outcome.retry_after() {
        Some(wait) => format!("Rate limit exceeded, retry in {} s", seconds(wait).max(1)),
        None => "Rate limit exceeded, the cost of this request is above the limit".to_owned(),
    }
}

/// The body of a denial. No part of it needs escaping: names of policies are of few characters.
pub(super) fn denied(outcome: &Outcome) -> String {
    let names: Vec<String> = outcome.violated().map(|d| format!("\"{}\"", d.policy)).collect();
    let mut body = format!(
        r#"{{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":429,"detail":"{}","violated-policies":[{}]"#,
        detail(outcome),
        names.join(",")
    );
    if let Some(wait) = outcome.retry_after() {
        // Writing to a String does not fail.
        let _ = write!(body, r#","retry_after":{}"#, seconds(wait).max(1));
    }
    body.push('}');
    body
}
