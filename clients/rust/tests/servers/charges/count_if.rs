//! Counting only some answers.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use futures_util::{FutureExt, StreamExt, stream};
use http::{Request, Response, response};
use redis_rl::tower::RateLimitLayer;
use redis_rl::{Connection, Key, LimitSet, Limiter, Subject};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::plain::{Layered, header, request};
use crate::support::{Fault, PATIENCE, Proxy, Server, eventually, limits, patient};

const DAY: u64 = 86_400;

fn failed(answer: &response::Parts) -> bool {
    answer.status.is_client_error() || answer.status.is_server_error()
}

fn signin(limiter: &Limiter) -> Layered {
    RateLimitLayer::new(limiter.clone(), LimitSet::named("signin", "3/day").unwrap())
        .count_if(failed)
}

/// A service that answers the status that a request asks for; at 0 it fails, at 1 it panics, at 2
/// it never ends.
async fn ask(layer: &Layered, status: u16) -> Result<Response<String>, &'static str> {
    let inner =
        service_fn(async |request: Request<String>| match request.body().parse().unwrap() {
            0 => Err("failed"),
            1 => panic!("the handler panics"),
            2 => std::future::pending().await,
            status => Ok(Response::builder().status::<u16>(status).body(String::new()).unwrap()),
        });
    layer.layer(inner).oneshot(request("POST").map(|_| status.to_string())).await
}

async fn left(limiter: &Limiter) -> u64 {
    let address = "192.0.2.1".parse().unwrap();
    let key = Key::new("signin", Subject::Ip(address));
    limiter.peek(&key, &limits("3/day")).await.unwrap().remaining().unwrap()
}

async fn comes_to(limiter: &Limiter, expected: u64) {
    eventually(|| async { left(limiter).await == expected }).await;
}

fn state(response: &Response<String>) -> &str {
    header(response.headers(), "ratelimit").unwrap()
}

#[tokio::test]
async fn only_what_the_predicate_says_counts() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let layer = signin(&limiter);
    for _ in 0..5 {
        let right = ask(&layer, 200).await.unwrap();
        assert_eq!(state(&right), "\"signin\";r=3;t=86400", "as if never charged");
        comes_to(&limiter, 3).await;
    }
    for left in [2, 1, 0] {
        let wrong = ask(&layer, 401).await.unwrap();
        assert_eq!(
            (wrong.status().as_u16(), state(&wrong)),
            (401, format!("\"signin\";r={left};t={DAY}").as_str())
        );
    }
    let refused = ask(&layer, 200).await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(server.calls("rl.settle").await, 5, "one for each that does not count");
    let () = server.say("FLUSHALL").await;
    let before = server.calls("rl.limit").await;
    for _ in 0..2 {
        ask(&layer, 200).await.unwrap();
    }
    assert_eq!(server.calls("rl.limit").await, before + 2, "one for each");
}

#[tokio::test]
async fn guesses_under_way_count_until_they_are_answered() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let layer = signin(&limiter);
    let under_way: Vec<_> = (0..3)
        .map(|_| {
            let layer = layer.clone();
            tokio::spawn(async move { ask(&layer, 2).await })
        })
        .collect();
    comes_to(&limiter, 0).await;
    assert_eq!(ask(&layer, 200).await.unwrap().status(), 429);
    under_way.iter().for_each(tokio::task::JoinHandle::abort);
    for gone in under_way {
        assert!(gone.await.unwrap_err().is_cancelled());
    }
    assert_eq!(left(&limiter).await, 0, "without an answer they stand");
    assert_eq!(server.calls("rl.settle").await, 0);
}

#[tokio::test]
async fn errors_and_panics_count_as_500() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let layer = signin(&limiter);
    assert_eq!(ask(&layer, 0).await.unwrap_err(), "failed");
    let panicked = AssertUnwindSafe(ask(&layer, 1)).catch_unwind().await;
    assert!(panicked.is_err());
    assert_eq!(left(&limiter).await, 1, "both count");
    // Where only what is served counts, neither does.
    let served = layer.count_if(|answer| answer.status.is_success());
    assert!(ask(&served, 0).await.is_err());
    comes_to(&limiter, 1).await;
    assert!(AssertUnwindSafe(ask(&served, 1)).catch_unwind().await.is_err());
    comes_to(&limiter, 1).await;
    ask(&served, 200).await.unwrap();
    assert_eq!((left(&limiter).await, server.calls("rl.settle").await), (0, 2));
}

#[tokio::test]
async fn a_predicate_that_panics_changes_nothing_for_the_client() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let layer = signin(&limiter).count_if(|_| -> bool { panic!("the predicate panics") });
    for expected in [2, 1] {
        assert_eq!(ask(&layer, 200).await.unwrap().status(), 200);
        assert_eq!(left(&limiter).await, expected);
    }
    assert!(AssertUnwindSafe(ask(&layer, 1)).catch_unwind().await.is_err());
    assert_eq!((left(&limiter).await, server.calls("rl.settle").await), (0, 0));
}

#[tokio::test]
async fn a_predicate_may_take_its_time() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    // As if it had to look something up.
    let later = |answer: &response::Parts| {
        let failed = failed(answer);
        async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            failed
        }
    };
    let layer = signin(&limiter).count_if(later);
    let right = ask(&layer, 200).await.unwrap();
    assert_eq!(state(&right), "\"signin\";r=3;t=86400", "as if never charged");
    comes_to(&limiter, 3).await;
    assert_eq!(ask(&layer, 401).await.unwrap().status(), 401);
    assert_eq!(ask(&layer, 0).await.unwrap_err(), "failed");
    assert_eq!(left(&limiter).await, 1, "an error counts as 500");
    // Where only what is served counts, a panic does not.
    let served = layer.clone().count_if(move |answer| {
        let later = later(answer);
        async move { !later.await }
    });
    assert!(AssertUnwindSafe(ask(&served, 1)).catch_unwind().await.is_err());
    eventually(|| async { server.calls("rl.settle").await == 2 }).await;
    assert_eq!(left(&limiter).await, 1);
    assert!(ask(&served, 0).await.is_err());
    eventually(|| async { server.calls("rl.settle").await == 3 }).await;

    async fn panic_later(_: http::StatusCode) -> bool {
        panic!("the predicate panics later")
    }
    let panics = layer.count_if(|answer| panic_later(answer.status));
    assert_eq!(ask(&panics, 200).await.unwrap().status(), 200);
    assert_eq!((left(&limiter).await, server.calls("rl.settle").await), (0, 3), "it stands");
}

#[tokio::test]
async fn nobody_waits_for_the_settling_and_a_failed_one_stands() {
    let server = Server::start();
    let proxy = Arc::new(Proxy::before(server.port).await);
    let near = patient(&server.url()).build();
    let far = patient(&proxy.url()).build();
    let layer = signin(&far);
    let asking = async |fault: Fault| {
        let proxy = Arc::clone(&proxy);
        let inner = service_fn(move |_: Request<String>| {
            proxy.set(fault);
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        });
        // While the answer to the settling hangs, too.
        let response = layer.layer(inner).oneshot(request("POST"));
        let response = tokio::time::timeout(PATIENCE / 2, response).await.expect("nobody waits");
        assert_eq!(response.unwrap().status(), 200);
    };
    far.probe().await.unwrap();
    asking(Fault::Hang).await;
    comes_to(&near, 3).await; // Redis was told, and its answer hangs.
    proxy.set(Fault::None);
    asking(Fault::Drop).await;
    comes_to(&near, 3).await;
    eventually(|| async { server.calls("rl.settle").await == 3 }).await;
    // Redis refuses to settle.
    let () = server.say("ACL SETUSER default -rl.settle").await;
    asking(Fault::None).await;
    eventually(|| async {
        let errors: String = server.say("INFO errorstats").await;
        errors.contains("errorstat_NOPERM:count=1")
    })
    .await;
    assert_eq!(left(&near).await, 2, "the charge stands");
}

#[tokio::test]
async fn streams_are_judged_by_their_head() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let layer: RateLimitLayer<Connection, Body> =
        RateLimitLayer::new(limiter.clone(), LimitSet::named("signin", "3/day").unwrap())
            .count_if(|answer| !answer.headers.contains_key("x-free"));
    let endless = || async {
        let chunks = stream::iter([Ok::<_, Infallible>("a")]).chain(stream::pending());
        ([("x-free", "1")], Body::from_stream(chunks))
    };
    let router = Router::new().route("/", get(endless).route_layer(layer));
    let peer: std::net::SocketAddr = "192.0.2.1:1".parse().unwrap();
    let request = Request::builder().extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(header(response.headers(), "ratelimit"), Some("\"signin\";r=3;t=86400"));
    comes_to(&limiter, 3).await;
    assert_eq!(server.calls("rl.settle").await, 1);
}

#[tokio::test]
async fn each_of_several_layers_has_its_own_charge() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let outer: Layered =
        RateLimitLayer::new(limiter.clone(), LimitSet::named("outer", "9/day").unwrap())
            .cost(|_| 4)
            .count_if(|answer| answer.status != 200);
    let inner = signin(&limiter);
    let service = service_fn(async |_: Request<String>| {
        Ok::<_, Infallible>(Response::builder().status(404).body(String::new()).unwrap())
    });
    let response = outer.layer(inner.layer(service)).oneshot(request("GET")).await.unwrap();
    assert_eq!(state(&response), "\"signin\";r=2;t=86400, \"outer\";r=5;t=86400");
    let service =
        service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let response = outer.layer(inner.layer(service)).oneshot(request("GET")).await.unwrap();
    assert_eq!(state(&response), "\"signin\";r=2;t=86400, \"outer\";r=5;t=86400");
    comes_to(&limiter, 2).await;
}
