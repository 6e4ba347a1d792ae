//! A request that is not served, and its answer.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{headers, problem};
use crate::error::{Class, Error};
use crate::keys::CannotIdentify;
use crate::outcome::Outcome;

/// Why a request is not served.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal<'a> {
    /// A limit denies it: 429.
    Denied(&'a Outcome),
    /// There is nobody to limit: 400.
    Unidentified(CannotIdentify),
    /// Nobody decided: 503. Clients are not told why; logs are.
    Unavailable(&'a Error),
}

impl<'a> Refusal<'a> {
    pub(crate) fn of(error: &'a Error) -> Self {
        match error.class() {
            Class::Unidentified => Self::Unidentified(CannotIdentify),
            _ => Self::Unavailable(error),
        }
    }
}

impl Refusal<'_> {
    /// The answer as problem+json, without rate headers: those are set on whatever is answered.
    #[must_use]
    pub fn response(&self) -> Response<String> {
        let (status, body) = match self {
            Self::Denied(outcome) => (StatusCode::TOO_MANY_REQUESTS, problem::denied(outcome)),
            Self::Unidentified(_) => (StatusCode::BAD_REQUEST, problem::UNIDENTIFIED.to_owned()),
            Self::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, problem::UNAVAILABLE.to_owned())
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, problem::CONTENT_TYPE);
        response
    }

    /// The headers that an answer has for it beside rate headers, however it is answered.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        match self {
            Self::Denied(_) => {}
            Self::Unidentified(_) => headers::no_store(headers),
            Self::Unavailable(_) => headers::retry_after(headers, 1),
        }
    }

    /// The answer that gRPC has for it: RESOURCE_EXHAUSTED, INVALID_ARGUMENT or UNAVAILABLE, in
    /// headers alone.
    pub(crate) fn grpc(&self) -> Response<String> {
        let (status, message) = match self {
            Self::Denied(outcome) => (8, problem::detail(outcome)),
            Self::Unidentified(_) => (3, problem::UNIDENTIFIED_DETAIL.to_owned()),
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
    pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
        let rest = kind.strip_prefix(b"application/grpc");
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    }
}
