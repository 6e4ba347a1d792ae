//! What all the apps here have in common.

use std::env;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use redis::aio::ConnectionManager;
use serde::Serialize;
use tokio::net::TcpListener;

/// So high that nothing is refused.
pub const LIMIT: usize = 1_000_000_000;

/// The answer of the handler.
#[derive(Serialize)]
pub struct Item {
    item: &'static str,
}

/// The route: what is limited costs next to nothing.
pub fn items() -> MethodRouter {
    get(|| async { Json([Item { item: "Foo" }, Item { item: "Bar" }]) })
}

/// A connection to Redis, as redis-rs makes it.
pub async fn redis() -> ConnectionManager {
    let client = redis::Client::open(redis_url()).expect("REDIS_URL is an address");
    client.get_connection_manager().await.expect("Redis answers")
}

/// Where Redis is.
pub fn redis_url() -> String {
    env::var("REDIS_URL").expect("REDIS_URL is set")
}

/// Serve the route on the loopback interface until the process is ended.
pub async fn serve(items: MethodRouter) -> io::Result<()> {
    let port = env::var("PORT").expect("PORT is set").parse().expect("PORT is a number");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let app = Router::new().route("/items", items);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
}
