//! How requests are refused: by a limit, for want of an identity, and in outages.

use http::{Request, StatusCode};
use redis_rl::tower::{RateLimitLayer, Refusal, UnixPeer};
use redis_rl::{CannotIdentify, OnError, Subject};

use crate::support::plain::{Layered, header, layer, request, through};
use crate::support::{Server, limits, patient};

#[tokio::test]
async fn outages_are_answered_by_the_mode_of_the_layer() {
    let port = Server::start().port;
    let limiter = patient(&format!("redis://127.0.0.1:{port}")).build();
    let closed: Layered = RateLimitLayer::new(limiter.clone(), limits("1/hour"));
    let response = through(&closed, request("GET")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(response.headers(), "retry-after"), Some("1"));
    assert_eq!(
        response.body(),
        r#"{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Rate limiter unavailable"}"#
    );
    let open = closed.clone().on_error(OnError::Open);
    let response = through(&open, request("GET")).await;
    assert_eq!((response.status(), response.body().as_str()), (StatusCode::OK, "None"));
    assert!(response.headers().is_empty(), "no rate headers: {:?}", response.headers());
    assert_eq!(limiter.failed_open(), 1);
}

#[tokio::test]
async fn who_cannot_be_identified_is_400_in_every_mode_and_no_outage() {
    let server = Server::start();
    let nobody = || Request::new(String::new());
    let by_socket = || Request::builder().extension(UnixPeer).body(String::new()).unwrap();
    for mode in [OnError::Closed, OnError::Open] {
        let layer = layer(&server, "9/hour").on_error(mode);
        let failing = layer.clone().key(|_: &Request<String>| Err::<Subject, _>(CannotIdentify));
        let empty = layer.clone().key(|_: &Request<String>| Subject::user(""));
        let no_key = layer.clone().key(|_: &Request<String>| Subject::key(""));
        let no_text = layer.clone().key(|_: &Request<String>| "");
        for (layer, request) in [
            (&layer, nobody()),
            (&layer, by_socket()),
            (&failing, request("GET")),
            (&empty, request("GET")),
            (&no_key, request("GET")),
            (&no_text, request("GET")),
        ] {
            let response = through(layer, request).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            assert_eq!(header(response.headers(), "cache-control"), Some("no-store"));
            assert_eq!(header(response.headers(), "retry-after"), None);
            assert_eq!(
                response.body(),
                r#"{"type":"about:blank","title":"Bad Request","status":400,"detail":"The client cannot be identified"}"#
            );
        }
        for _ in 0..20 {
            through(&layer, nobody()).await;
        }
        assert_eq!(through(&layer, request("GET")).await.status(), StatusCode::OK, "no breaker");
    }
    assert_eq!(server.calls("rl.limit").await, 2);
}

#[tokio::test]
async fn a_missing_module_is_503_even_where_outages_are_served() {
    let server = Server::without_module();
    let open = layer(&server, "1/hour").on_error(OnError::Open);
    let response = through(&open, request("GET")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!response.body().contains("RL."), "{}", response.body());
}

#[tokio::test]
async fn refusals_may_be_answered_otherwise_and_keep_their_headers() {
    let server = Server::start();
    let layer = layer(&server, "0/hour").reject(|refusal, request| {
        let mut response = refusal.response();
        let why = match refusal {
            Refusal::Denied(outcome) => format!("{} is too much", outcome.cost),
            Refusal::Unidentified(nobody) => nobody.to_string(),
            _ => "later".to_owned(),
        };
        *response.body_mut() = format!("{} {why}", request.method);
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    });
    let response = through(&layer, request("GET")).await;
    assert_eq!(
        (response.status(), response.body().as_str()),
        (StatusCode::IM_A_TEAPOT, "GET 1 is too much")
    );
    assert_eq!(header(response.headers(), "ratelimit"), Some("\"0-per-3600s\";r=0"));
    assert_eq!(header(response.headers(), "retry-after"), None, "no wait helps");
}

#[tokio::test]
async fn what_really_remains_is_told_of_a_refusal() {
    let (server, _clock) = Server::clocked();
    let layer =
        layer(&server, "10/hour").cost(|request: &Request<String>| request.body().parse().unwrap());
    let ask = async |cost: &str| through(&layer, request("GET").map(|_| cost.to_owned())).await;
    assert_eq!(ask("6").await.status(), StatusCode::OK);
    let denied = ask("5").await;
    let state = header(denied.headers(), "ratelimit");
    assert_eq!(state, Some("\"10-per-3600s\";r=4;t=3600"));
}

#[tokio::test]
async fn grpc_calls_are_answered_in_their_own_way_by_grpc_services_only() {
    let server = Server::start();
    let call = |kind: &str| {
        let mut request = request("POST");
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        request
    };
    let full: Layered = layer(&server, "0/hour");
    let service = full.clone().grpc(true);
    for kind in ["application/grpc", "application/grpc+proto", "application/grpc;x=1"] {
        let denied = through(&service, call(kind)).await;
        assert_eq!(denied.status(), StatusCode::OK);
        assert_eq!(header(denied.headers(), "grpc-status"), Some("8"));
        assert_eq!(header(denied.headers(), "content-type"), Some("application/grpc"));
        assert_eq!(denied.body(), "");
        let plain = through(&full, call(kind)).await;
        assert_eq!(plain.status(), StatusCode::TOO_MANY_REQUESTS, "any client can say {kind}");
        assert_eq!(header(plain.headers(), "grpc-status"), None);
    }
    for kind in ["application/grpc-web", "application/grpcish", "application/json"] {
        let denied = through(&service, call(kind)).await;
        assert_eq!(denied.status(), StatusCode::TOO_MANY_REQUESTS, "{kind}");
    }
    let nobody = service.key(|_: &Request<String>| Subject::user(""));
    let refused = through(&nobody, call("application/grpc")).await;
    assert_eq!(header(refused.headers(), "grpc-status"), Some("3"));

    let broken = layer(&Server::without_module(), "1/hour").grpc(true);
    let failed = through(&broken, call("application/grpc")).await;
    assert_eq!(header(failed.headers(), "grpc-status"), Some("14"));
    assert_eq!(header(failed.headers(), "grpc-message"), Some("Rate limiter unavailable"));
}

#[tokio::test]
async fn a_sooner_retry_after_that_is_a_date_stays() {
    let server = Server::start();
    let date = "Fri, 01 Jan 2027 00:00:00 GMT";
    let layer = layer(&server, "0/hour; 1/day").reject(move |refusal, _| {
        let mut response = refusal.response();
        response.headers_mut().insert("retry-after", date.parse().unwrap());
        response
    });
    let denied = through(&layer, request("GET")).await;
    assert_eq!(header(denied.headers(), "retry-after"), Some(date));
}
