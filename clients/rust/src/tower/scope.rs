//! What unnamed limits are counted under: the method and the route, never the path that a client wrote.

use http::{Method, Request};

/// `GET /items/{id}` with axum's route, else `app`.
pub(super) fn of<B>(request: &Request<B>) -> String {
    route(request)
        .map_or_else(|| "app".to_owned(), |route| [method(request.method()), " ", route].concat())
}

/// The method that a request counts as: HEAD is GET, and all that HTTP does not define are one, or a client
/// could invent budgets for a route that takes any.
pub(super) fn method(method: &Method) -> &str {
    match *method {
        Method::HEAD | Method::GET => "GET",
        Method::POST
        | Method::PUT
        | Method::DELETE
        | Method::PATCH
        | Method::OPTIONS
        | Method::CONNECT
        | Method::TRACE => method.as_str(),
        _ => "*",
    }
}

#[cfg(feature = "axum")]
fn route<B>(request: &Request<B>) -> Option<&str> {
    request.extensions().get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
const fn route<B>(_: &Request<B>) -> Option<&'static str> {
    None
}
