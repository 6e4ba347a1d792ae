//! One INCR per request: the least that a counter in Redis can cost.

use std::io;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use redis::AsyncTypedCommands;
use redis::aio::ConnectionManager;

#[tokio::main]
async fn main() -> io::Result<()> {
    let layer = from_fn_with_state(bench_http::redis().await, count);
    bench_http::serve(bench_http::items().layer(layer)).await
}

async fn count(
    State(mut redis): State<ConnectionManager>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let counted = redis.incr(format!("count:{}", peer.ip()), 1).await;
    counted.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(next.run(request).await)
}
