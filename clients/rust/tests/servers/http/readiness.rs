//! The contract of tower: what is called was ready, whatever the layer stands on.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use redis_rl::tower::RateLimitLayer;
use redis_rl::{Connection, LimitSet, Subject};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{PATIENCE, Server, limits, patient};

fn layer(server: &Server, limits: LimitSet) -> RateLimitLayer<Connection, String> {
    let everybody = |_: &Request<String>| Subject::user("everybody");
    RateLimitLayer::new(patient(&server.url()).build(), limits).key(everybody)
}

/// Panics when it is called without having been ready; its clones are not.
#[derive(Default)]
struct Strict {
    is_ready: bool,
    called: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { is_ready: false, called: Arc::clone(&self.called) }
    }
}

impl Service<Request<String>> for Strict {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<String>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without having been ready");
        self.called.fetch_add(1, Ordering::Relaxed);
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn the_service_that_was_ready_is_called_and_refusals_call_none() {
    let server = Server::start();
    let strict = Strict::default();
    let called = Arc::clone(&strict.called);
    let mut service = layer(&server, limits("3/hour")).layer(strict);
    for expected in [200, 200, 200, 429, 429] {
        let response = service.ready().await.unwrap().call(Request::default()).await.unwrap();
        assert_eq!(response.status(), expected);
    }
    assert_eq!(called.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn over_a_limit_of_concurrency_places_are_given_back() {
    let server = Server::start();
    let mut service = ServiceBuilder::new()
        .layer(layer(&server, limits("2/hour")))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(Strict::default());
    for expected in [200, 200, 429, 429, 429] {
        let ready = tokio::time::timeout(PATIENCE, service.ready());
        let response =
            ready.await.expect("a place is free").unwrap().call(Request::default()).await;
        assert_eq!(response.unwrap().status(), expected);
    }
}

#[tokio::test]
async fn within_and_over_a_buffer_many_at_once_are_counted_right() {
    let server = Server::start();
    let slow = service_fn(async |_: Request<String>| {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok::<_, tower::BoxError>(Response::new(String::new()))
    });
    let service = ServiceBuilder::new()
        .buffer(16)
        .layer(layer(&server, limits("20/hour")))
        .buffer(16)
        .concurrency_limit(4)
        .service(slow);
    let calls = (0..50).map(|_| tokio::spawn(service.clone().oneshot(Request::default())));
    let mut allowed = 0;
    for call in calls.collect::<Vec<_>>() {
        allowed += usize::from(call.await.unwrap().unwrap().status() == StatusCode::OK);
    }
    assert_eq!(allowed, 20);
    assert_eq!(server.calls("rl.limit").await, 50);
}

#[tokio::test]
async fn a_request_that_is_dropped_gives_its_place_back() {
    let server = Server::start();
    server.freeze();
    let mut service = layer(&server, limits("9/hour"))
        .layer(ConcurrencyLimitLayer::new(1).layer(Strict::default()));
    let asking = service.ready().await.unwrap().call(Request::default());
    assert!(tokio::time::timeout(Duration::from_millis(20), asking).await.is_err());
    server.thaw();
    let response = tokio::time::timeout(PATIENCE, service.ready());
    let response =
        response.await.expect("the place is free").unwrap().call(Request::default()).await;
    assert_eq!(response.unwrap().status(), 200);
}
