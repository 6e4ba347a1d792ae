//! Where a layer stands in an axum router, and what it then counts.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::routing::{any, get};
use http_body_util::BodyExt;
use redis_rl::Connection;
use redis_rl::tower::RateLimitLayer;
use tower::ServiceExt;

use crate::support::{Server, limits, patient};

fn layer(server: &Server, text: &str) -> RateLimitLayer<Connection, Body> {
    RateLimitLayer::new(patient(&server.url()).build(), limits(text))
}

async fn ask(router: &Router, method: &str, path: &str) -> (StatusCode, String) {
    let peer: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    let request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn scopes(server: &Server) -> Vec<String> {
    let keys: Vec<String> = server.say("KEYS *").await;
    let mut scopes: Vec<_> =
        keys.iter().map(|key| key.split(':').nth(1).unwrap().to_owned()).collect();
    scopes.sort();
    scopes
}

#[tokio::test]
async fn a_router_is_limited_by_routes_and_what_matches_none_by_the_app() {
    let server = Server::start();
    let inner = Router::new().route("/deep/{id}", get("deep"));
    let router = Router::new()
        .route("/items/{id}", get("item").post("made"))
        .nest("/api", inner)
        .layer(layer(&server, "5/hour"));
    for (method, path) in [
        ("GET", "/items/1"),
        ("HEAD", "/items/2"),
        ("GET", "/items/3?x=1"),
        ("GET", "/items/%31"),
        ("POST", "/items/1"),
        ("GET", "/api/deep/1"),
        ("GET", "/nowhere/1"),
        ("GET", "/nowhere/2"),
    ] {
        ask(&router, method, path).await;
    }
    let expected = [
        "GET%20%2Fapi%2Fdeep%2F%7Bid%7D",
        "GET%20%2Fitems%2F%7Bid%7D",
        "POST%20%2Fitems%2F%7Bid%7D",
        "app",
    ];
    assert_eq!(scopes(&server).await, expected);
    assert_eq!(ask(&router, "GET", "/items/9").await.0, 200, "the fifth");
    assert_eq!(ask(&router, "GET", "/items/9").await.0, 429);
    assert_eq!(ask(&router, "POST", "/items/9").await.0, 200);
}

#[tokio::test]
async fn a_route_layer_leaves_alone_what_matches_none() {
    let server = Server::start();
    let router = Router::new().route("/a", get("a")).route_layer(layer(&server, "1/hour"));
    assert_eq!(ask(&router, "GET", "/nowhere").await.0, 404);
    assert_eq!(server.calls("rl.limit").await, 0);
    assert_eq!(ask(&router, "GET", "/a").await, (StatusCode::OK, "a".to_owned()));
    let (status, body) = ask(&router, "GET", "/a").await;
    assert_eq!(status, 429);
    assert!(body.contains("1-per-3600s"), "{body}");
}

#[tokio::test]
async fn a_client_cannot_invent_methods_for_more() {
    let server = Server::start();
    let router = Router::new().route("/any", any("any").layer(layer(&server, "2/hour")));
    for (method, expected) in [("BREW", 200), ("Get", 200), ("X1", 429), ("GET", 200)] {
        assert_eq!(ask(&router, method, "/any").await.0, expected, "{method}");
    }
    assert_eq!(scopes(&server).await, ["%2A%20%2Fany", "GET%20%2Fany"]);
}
