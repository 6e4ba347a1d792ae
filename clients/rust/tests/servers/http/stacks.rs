//! Several limits on one request: none charges a limiter that another has charged.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::routing::{any, get, post};
use redis_rl::tower::{ClientIp, RateLimitLayer};
use redis_rl::{Connection, LimitSet, Subject};
use tower::ServiceExt;

use crate::support::{Server, keys, limits, patient};

type Layer = RateLimitLayer<Connection, Body>;

fn layer(server: &Server, text: &str) -> Layer {
    RateLimitLayer::new(patient(&server.url()).build(), limits(text))
}

fn named(server: &Server, name: &str, text: &str) -> Layer {
    RateLimitLayer::new(patient(&server.url()).build(), LimitSet::named(name, text).unwrap())
}

async fn ask(router: &Router, method: &str, path: &str) -> (u16, String) {
    let peer: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    let request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let state = response.headers().get("ratelimit").map(|line| line.to_str().unwrap().to_owned());
    (response.status().as_u16(), state.unwrap_or_default())
}

async fn statuses(router: &Router, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(ask(router, "GET", "/a").await.0);
    }
    statuses
}

#[tokio::test]
async fn router_and_route_count_apart() {
    let server = Server::start();
    let route = get("a").route_layer(layer(&server, "5/minute"));
    let router = Router::new().route("/a", route).layer(layer(&server, "100/minute"));
    assert_eq!(statuses(&router, 7).await, [200, 200, 200, 200, 200, 429, 429]);
    let expected = ["rl:GET%20%2Fa%232:ip:192.0.2.1", "rl:GET%20%2Fa:ip:192.0.2.1"];
    assert_eq!(keys(&server).await, expected);
}

#[tokio::test]
async fn three_layers_of_which_none_knows_a_route_count_apart() {
    let server = Server::start();
    let router = Router::new()
        .fallback(any("x"))
        .layer(layer(&server, "3/minute"))
        .layer(layer(&server, "100/minute"))
        .layer(layer(&server, "50/minute; 9/hour"));
    let (status, state) = ask(&router, "GET", "/a").await;
    assert_eq!(status, 200);
    let left: Vec<_> = state.split(", ").map(|one| one.split(';').nth(1).unwrap()).collect();
    assert_eq!(left, ["r=2", "r=99", "r=49", "r=8"]);
    let expected = ["rl:app%232:ip:192.0.2.1", "rl:app%233:ip:192.0.2.1", "rl:app:ip:192.0.2.1"];
    assert_eq!(keys(&server).await, expected);
}

#[tokio::test]
async fn an_exemption_moves_no_other_limit() {
    let server = Server::start();
    let outer = layer(&server, "100/minute").exempt(|request| request.headers().contains_key("x"));
    let gets = layer(&server, "50/minute").methods(["POST"]).unwrap();
    let router = Router::new()
        .route("/a", get("a"))
        .layer(layer(&server, "2/minute"))
        .layer(gets)
        .layer(outer);
    let exempt = async || {
        let peer: SocketAddr = "192.0.2.1:1234".parse().unwrap();
        let request = Request::builder().uri("/a").header("x", "1").extension(ConnectInfo(peer));
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    assert_eq!(exempt().await, 200);
    assert_eq!(ask(&router, "GET", "/a").await.0, 200);
    assert_eq!(exempt().await, 429, "the third of one budget");
    let expected = ["rl:GET%20%2Fa%233:ip:192.0.2.1", "rl:GET%20%2Fa:ip:192.0.2.1"];
    assert_eq!(keys(&server).await, expected);
}

#[tokio::test]
async fn a_layer_and_its_clones_charge_once_in_all() {
    let server = Server::start();
    let one = layer(&server, "5/minute");
    let inner = Router::new().route("/a", get("a").route_layer(one.clone())).layer(one.clone());
    let router = Router::new().merge(inner).layer(one);
    let (_, state) = ask(&router, "GET", "/a").await;
    assert_eq!(state, "\"5-per-60s\";r=4;t=60", "told once, too");
    assert_eq!(server.calls("rl.limit").await, 1);
}

#[tokio::test]
async fn other_subjects_other_periods_and_names_are_as_they_were() {
    let server = Server::start();
    let user = layer(&server, "9/minute").key(|_: &Request| Subject::user("ann"));
    let router = Router::new()
        .route("/a", get("a"))
        .layer(layer(&server, "5/minute"))
        .layer(layer(&server, "5/hour"))
        .layer(user)
        .layer(named(&server, "x", "5/minute"))
        .layer(named(&server, "x", "5/hour"));
    assert_eq!(ask(&router, "GET", "/a").await.0, 200);
    let expected = ["rl:GET%20%2Fa:ip:192.0.2.1", "rl:GET%20%2Fa:user:ann", "rl:x:ip:192.0.2.1"];
    assert_eq!(keys(&server).await, expected);
}

#[tokio::test]
async fn two_limits_of_one_name_are_an_error_that_names_them_and_charge_once() {
    let server = Server::start();
    let login = |text| named(&server, "login", text).on_error(redis_rl::OnError::Open);
    let router = Router::new()
        .route("/a", post("a").route_layer(login("5/minute")))
        .layer(login("100/minute"));
    for _ in 0..3 {
        assert_eq!(ask(&router, "POST", "/a").await.0, 503, "in every mode");
    }
    assert_eq!(server.calls("rl.limit").await, 3, "the inner was not asked");
    assert_eq!(keys(&server).await, ["rl:login:ip:192.0.2.1"]);
}

#[tokio::test]
async fn policies_are_known_by_their_name_and_by_their_clauses() {
    let server = Server::start();
    let () = server.say("RL.POLICY SET api FIXED 5 1m").await;
    let router = Router::new()
        .route("/a", get("a"))
        .layer(layer(&server, "policy api"))
        .layer(layer(&server, "policy api"));
    assert_eq!(ask(&router, "GET", "/a").await.0, 200);
    let expected = ["rl:GET%20%2Fa%232:ip:192.0.2.1", "rl:GET%20%2Fa:ip:192.0.2.1"];
    assert_eq!(keys(&server).await, expected);

    // From the second request on, the first limiter knows that the policy counts a minute as it
    // does.
    let () = server.say("FLUSHDB").await;
    let limiter = patient(&server.url()).build();
    let with = |text| Layer::new(limiter.clone(), limits(text)).key(ClientIp::default());
    let router =
        Router::new().route("/a", get("a")).layer(with("9/minute")).layer(with("policy api"));
    ask(&router, "GET", "/a").await;
    let () = server.say("FLUSHDB").await;
    ask(&router, "GET", "/a").await;
    assert_eq!(keys(&server).await, expected);
}
