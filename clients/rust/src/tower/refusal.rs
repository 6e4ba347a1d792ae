//! A request that is not served, and its answer.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::problem;
use crate::error::Error;
use crate::outcome::Outcome;

/// Why a request is not served.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal<'a> {
    /// A limit denies it: 429.
    Denied(&'a Outcome),
    /// There is no verdict: 503. Clients are not told why; logs are.
    Unavailable(&'a Error),
}

impl Refusal<'_> {
    /// The answer as problem+json, without rate headers: those are set on whatever is answered.
    #[must_use]
    pub fn response(&self) -> Response<String> {
        let (status, body) = match self {
            Self::Denied(outcome) => (StatusCode::TOO_MANY_REQUESTS, problem::denied(outcome)),
            Self::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, problem::UNAVAILABLE.to_owned())
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, problem::CONTENT_TYPE);
        response
    }

    /// The answer that gRPC has for it: RESOURCE_EXHAUSTED or UNAVAILABLE, in headers alone.
    pub(super) fn grpc(&self) -> Response<String> {
        let (status, message) = match self {
            Self::Denied(outcome) => (8, problem::detail(outcome)),
            Self::Unavailable(_) => (14, problem::UNAVAILABLE_DETAIL.to_owned()),
        };
        let mut response = Response::new(String::new());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(status));
        // Both messages are text that a header may hold; gRPC would percent-encode other text.
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert("grpc-message", message);
        }
        response
    }

    /// Whether the request that carried these headers is a gRPC call.
    pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
        kind.starts_with(b"application/grpc") && !kind.starts_with(b"application/grpc-web")
    }
}
