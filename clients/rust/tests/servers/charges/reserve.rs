//! Reservations: charged as an estimate, settled as what it was.

use std::convert::Infallible;
use std::time::Duration;

use http::{Request, Response};
use redis_rl::tower::RateLimitLayer;
use redis_rl::{OnError, Reservation, Source};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::plain::{Layered, header, request};
use crate::support::{Server, eventually, limits, patient, user};

#[tokio::test]
async fn the_charge_becomes_what_it_was() {
    let (server, clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let (key, tokens) = (user("ann"), limits("fixed 1000/minute"));
    let left = async || limiter.peek(&key, &tokens).await.unwrap().remaining().unwrap();
    let reservation = limiter.reserve(&key, &tokens, 600).await.unwrap();
    assert_eq!((reservation.outcome().remaining(), left().await), (Some(400), 400));
    for (actual, remains) in [(250, 750), (250, 750), (900, 100), (0, 1000), (5_000, 0)] {
        assert!(reservation.settle(actual).await, "{actual}");
        assert_eq!((reservation.remaining(), left().await), (Some(remains), remains), "{actual}");
    }
    assert!(reservation.settle(600).await);
    let denied = limiter.reserve(&key, &tokens, 401).await.unwrap();
    assert!(!denied.outcome().allowed && !denied.settle(0).await);
    assert_eq!(left().await, 400);
    clock.advance(Duration::from_secs(61));
    assert!(!reservation.settle(0).await, "it is forgotten");
    drop(reservation);
    assert_eq!(left().await, 1_000);
}

#[tokio::test]
async fn dropped_it_stands_or_is_given_back() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let tokens = limits("token 1000/day burst 1000");
    let left = async |name| limiter.peek(&user(name), &tokens).await.unwrap().remaining().unwrap();
    drop(limiter.reserve(&user("stands"), &tokens, 600).await.unwrap());
    assert_eq!(left("stands").await, 400);
    let failing = async || -> Result<(), &str> {
        let held = limiter.reserve(&user("back"), &tokens, 600).await.unwrap().refund_on_drop();
        assert!(held.clone().outcome().allowed);
        Err("no model")
    };
    failing().await.unwrap_err();
    eventually(|| async { left("back").await == 1_000 }).await;
    let held = limiter.reserve(&user("back"), &tokens, 600).await.unwrap().refund_on_drop();
    held.settle(300).await;
    drop(held);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(left("back").await, 700, "it was settled");
}

#[tokio::test]
async fn a_handler_settles_and_headers_say_so() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let layer: Layered = RateLimitLayer::new(limiter, limits("1000/minute"))
        .cost(|request: &Request<String>| request.body().len() as u64)
        .reserve(true);
    let ask = async |estimate: usize, actual: u64| {
        let inner = service_fn(move |request: Request<String>| async move {
            let reservation = request.extensions().get::<Reservation>().expect("it is left");
            reservation.settle(actual).await;
            Ok::<_, Infallible>(Response::new(format!("{:?}", reservation.remaining())))
        });
        layer.layer(inner).oneshot(request("POST").map(|_| "x".repeat(estimate))).await.unwrap()
    };
    let less = ask(600, 250).await;
    assert_eq!(less.body(), "Some(750)");
    assert_eq!(header(less.headers(), "ratelimit"), Some("\"1000-per-60s\";r=750;t=60"));
    let more = ask(10, 700).await;
    assert_eq!(header(more.headers(), "ratelimit"), Some("\"1000-per-60s\";r=50;t=60"));
    assert_eq!(ask(51, 1).await.status(), 429);
    assert_eq!(server.calls("rl.settle").await, 2);
}

#[tokio::test]
async fn where_nothing_was_charged_nothing_is_settled() {
    let mut server = Server::start();
    let limiter = patient(&server.url()).on_error(OnError::Open).build();
    let (key, tokens) = (user("x"), limits("9/day"));
    let look = limiter.reserve(&key, &tokens, 0).await.unwrap();
    assert!(look.outcome().allowed && !look.settle(5).await);
    let off = patient(&server.url()).enabled(false).build();
    let exempt = off.reserve(&key, &tokens, 1).await.unwrap();
    assert!(exempt.outcome().source == Source::Exempt && !exempt.settle(5).await);
    assert_eq!(server.calls("rl.settle").await, 0);

    let reservation = limiter.reserve(&key, &tokens, 2).await.unwrap();
    server.kill();
    assert!(!reservation.settle(1).await, "an outage is no error here");
    assert_eq!(reservation.remaining(), Some(7), "the estimate stands");
    let open = limiter.reserve(&key, &tokens, 1).await.unwrap();
    assert!(open.outcome().source == Source::FailedOpen && !open.settle(5).await);
}
