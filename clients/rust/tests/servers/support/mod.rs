//! Servers, clocks and faults for the tests.

mod app;
mod clock;
mod cluster;
mod http;
pub(crate) mod plain;
mod proxy;
mod server;

pub(crate) use app::{App, PATIENT, program};
pub(crate) use clock::Clock;
pub(crate) use cluster::{Cluster, ClusterLimiter, cluster_node, patient_cluster};
pub(crate) use http::{Answer, get, send};
pub(crate) use proxy::{Fault, Proxy};
pub(crate) use server::{Server, module, unhurried};

use std::future::Future;
use std::time::{Duration, Instant};

use redis_rl::{Connection, Key, LimitSet, Limiter, LimiterBuilder, Subject};

/// Longer than a busy machine keeps anything from being done.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A limiter on this server whose deadline a busy machine does not miss.
pub(crate) fn patient(url: &str) -> LimiterBuilder<Connection> {
    let connection = redis_rl::connect(url).unwrap().connect_timeout(PATIENCE);
    Limiter::builder(connection).timeout(PATIENCE)
}

/// Two limiters over one connection, which is made: a patient one, and one with this deadline.
pub(crate) async fn patient_and_hasty(
    url: &str,
    timeout: Duration,
) -> (Limiter, LimiterBuilder<Connection>) {
    let connection = redis_rl::connect(url).unwrap().connect_timeout(PATIENCE);
    let patient = Limiter::builder(connection.clone()).timeout(PATIENCE).build();
    patient.probe().await.unwrap();
    (patient, Limiter::builder(connection).timeout(timeout))
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

/// Ask until it holds, and fail when it never does.
pub(crate) async fn eventually<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "it does not hold after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
