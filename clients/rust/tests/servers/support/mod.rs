//! Servers, clocks and faults for the tests.

mod app;
mod clock;
mod cluster;
mod http;
pub(crate) mod plain;
mod proxy;
mod server;

pub(crate) use app::{App, program};
pub(crate) use clock::Clock;
pub(crate) use cluster::{Cluster, cluster_node};
pub(crate) use http::{Answer, get, send};
pub(crate) use proxy::{Fault, Proxy};
pub(crate) use server::{Server, module};

use std::future::Future;
use std::time::{Duration, Instant};

use redis_rl::{Connection, Key, LimitSet, Limiter, LimiterBuilder, Subject};

/// A limiter on this server whose deadline a busy machine does not miss.
pub(crate) fn patient(url: &str) -> LimiterBuilder<Connection> {
    Limiter::builder(redis_rl::connect(url).unwrap()).timeout(Duration::from_secs(5))
}

pub(crate) fn limits(text: &str) -> LimitSet {
    text.parse().unwrap()
}

pub(crate) fn user(name: &str) -> Key {
    Key::new("test", Subject::user(name))
}

/// All keys of a server, in order.
pub(crate) async fn keys(server: &Server) -> Vec<String> {
    let mut keys: Vec<String> = server.say("KEYS *").await;
    keys.sort();
    keys
}

/// Ask until it holds, and fail when that takes too long.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    within: Duration,
    mut holds: impl FnMut() -> F,
) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < within, "it does not hold after {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
