//! tower-redis-cell, over this module's CL.THROTTLE.

use std::io;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{AppendHeaders, IntoResponse};
use bench_http::LIMIT;
use tower_redis_cell::redis_cell::Policy;
use tower_redis_cell::{
    Error, ProvideRule, ProvideRuleResult, RateLimitConfig, RateLimitLayer, Rule,
};

const POLICY: Policy = Policy::from_tokens_per_minute(LIMIT).max_burst(LIMIT);

#[derive(Clone)]
struct ByAddress;

impl ProvideRule<Request> for ByAddress {
    fn provide<'a>(&self, request: &'a Request) -> ProvideRuleResult<'a> {
        let ConnectInfo(peer) =
            request.extensions().get::<ConnectInfo<SocketAddr>>().ok_or("the peer is not known")?;
        Ok(Some(Rule::new(peer.ip().to_string(), POLICY)))
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let config = RateLimitConfig::new(ByAddress, |error: Error<'_>, _: &Request| match error {
        Error::RateLimit(refusal) => {
            let wait = AppendHeaders([(RETRY_AFTER, refusal.details.retry_after)]);
            (StatusCode::TOO_MANY_REQUESTS, wait).into_response()
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    });
    let layer = RateLimitLayer::new(config, bench_http::redis().await);
    bench_http::serve(bench_http::items().layer(layer)).await
}
