//! The layer in front of a plain service: what is asked, what is answered.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use redis_rl::tower::{ClientIp, RateLimitInfo, RateLimitLayer, UnixPeer};
use redis_rl::{Legacy, LimitSet, Subject};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::plain::{Layered, header, layer, request, through};
use crate::support::{PATIENCE, Server, keys, limits, patient};

#[tokio::test]
async fn answers_carry_the_limits_and_so_do_extensions() {
    let (server, _clock) = Server::clocked();
    let layer = layer(&server, "2/hour");
    for left in [1, 0] {
        let response = through(&layer, request("GET")).await;
        assert_eq!(response.body(), &format!("Some({left})"));
        let state = format!("\"2-per-3600s\";r={left};t=3600");
        assert_eq!(header(response.headers(), "ratelimit"), Some(state.as_str()));
        assert_eq!(
            header(response.headers(), "ratelimit-policy"),
            Some("\"2-per-3600s\";q=2;w=3600")
        );
        assert_eq!(header(response.headers(), "retry-after"), None);
        assert_eq!(response.extensions().get::<RateLimitInfo>().unwrap().remaining(), Some(left));
    }
    let denied = through(&layer, request("GET")).await;
    assert_eq!(denied.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(denied.headers(), "retry-after"), Some("3600"));
    assert_eq!(header(denied.headers(), "cache-control"), Some("no-store"));
    assert_eq!(header(denied.headers(), "content-type"), Some("application/problem+json"));
    let info = denied.extensions().get::<RateLimitInfo>().unwrap();
    assert!(info.outcomes().all(|outcome| !outcome.allowed));
    assert_eq!(server.calls("rl.limit").await, 3);
}

#[tokio::test]
async fn keys_costs_and_limits_are_functions_of_the_request() {
    let server = Server::start();
    let (few, many) = (limits("3/hour"), limits("100/hour; 20/minute"));
    let tiers = move |_: &Request<String>, subject: &Subject| {
        if *subject == Subject::user("paid") { many.clone() } else { few.clone() }
    };
    let who = |request: &Request<String>| match request.body().as_str() {
        "" => None,
        name => Some(Subject::user(name)),
    };
    let layer = RateLimitLayer::new(patient(&server.url()).build(), tiers)
        .key(who)
        .cost(|request: &Request<String>| request.body().len() as u64 / 2);
    let ask = async |name: &str| through(&layer, request("GET").map(|_| name.to_owned())).await;
    assert_eq!(ask("").await.body(), "exempt");
    assert_eq!(ask("free").await.body(), "Some(1)");
    assert_eq!(ask("paid").await.body(), "Some(18)");
    assert_eq!(ask("free").await.status(), StatusCode::TOO_MANY_REQUESTS);
    let keys: Vec<String> = server.say("KEYS *").await;
    assert_eq!(keys.len(), 2);
    assert!(keys.contains(&"rl:app:user:paid".to_owned()), "{keys:?}");
}

#[tokio::test]
async fn a_name_is_the_scope_wherever_it_is_used() {
    let (server, _clock) = Server::clocked();
    let login = LimitSet::named("login", "2/hour").unwrap();
    let limiter = patient(&server.url()).build();
    let (one, other): (Layered, Layered) =
        (RateLimitLayer::new(limiter.clone(), login.clone()), RateLimitLayer::new(limiter, login));
    through(&one, request("GET")).await;
    let response = through(&other, request("POST")).await;
    assert_eq!(header(response.headers(), "ratelimit"), Some("\"login\";r=0;t=3600"));
    let keys: Vec<String> = server.say("KEYS *").await;
    assert_eq!(keys, ["rl:login:ip:192.0.2.1"]);
}

#[tokio::test]
async fn proxies_are_believed_only_where_they_are_trusted() {
    let server = Server::start();
    let forwarded = |line: &str| {
        let mut request = request("GET");
        request.headers_mut().insert("x-forwarded-for", line.parse().unwrap());
        request
    };
    let direct = layer(&server, "9/hour");
    through(&direct, forwarded("198.51.100.1")).await;
    let proxied = layer(&server, "9/hour").key(ClientIp::behind(["192.0.2.0/24"]).unwrap());
    through(&proxied, forwarded("203.0.113.9, 2001:db8::1:2:3:4")).await;
    let socket = layer(&server, "9/hour").key(ClientIp::behind(["unix"]).unwrap());
    let mut by_socket = forwarded("198.51.100.1, 203.0.113.7");
    by_socket.extensions_mut().clear();
    by_socket.extensions_mut().insert(UnixPeer);
    through(&socket, by_socket).await;
    let expected =
        ["rl:app:ip:192.0.2.1", "rl:app:ip:2001%3Adb8%3A%3A%2F64", "rl:app:ip:203.0.113.7"];
    assert_eq!(keys(&server).await, expected);
}

#[tokio::test]
async fn layers_within_layers_add_up() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).legacy(Legacy::Delta).build();
    let inner: Layered =
        RateLimitLayer::new(limiter.clone(), LimitSet::named("inner", "2/hour").unwrap());
    let outer: Layered =
        RateLimitLayer::new(limiter, LimitSet::named("outer", "9/minute").unwrap());
    let service = service_fn(async |request: Request<String>| {
        let info = request.extensions().get::<RateLimitInfo>().unwrap();
        let left: Vec<_> = info.outcomes().map(|outcome| outcome.remaining().unwrap()).collect();
        Ok::<_, Infallible>(Response::new(format!("{left:?} {:?}", info.remaining())))
    });
    let stack = outer.layer(inner.layer(service));
    let response = stack.clone().oneshot(request("GET")).await.unwrap();
    assert_eq!(response.body(), "[8, 1] Some(1)");
    assert_eq!(response.extensions().get::<RateLimitInfo>().unwrap().outcomes().len(), 2);
    let policies = header(response.headers(), "ratelimit-policy").unwrap();
    assert_eq!(policies, "\"inner\";q=2;w=3600, \"outer\";q=9;w=60");
    stack.clone().oneshot(request("GET")).await.unwrap();
    let denied = stack.clone().oneshot(request("GET")).await.unwrap();
    assert_eq!(denied.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(denied.headers(), "retry-after"), Some("3600"));
    assert_eq!(
        header(denied.headers(), "ratelimit"),
        Some("\"inner\";r=0;t=3600, \"outer\";r=6;t=60")
    );
}

#[tokio::test]
async fn leaky_requests_are_held_where_that_is_asked_for() {
    let server = Server::start();
    let held = layer(&server, "leaky 10/second burst 3").wait(true);
    let began = Instant::now();
    for _ in 0..3 {
        through(&held, request("GET")).await;
    }
    // Two intervals of 100 ms, by the server's clock.
    assert!(began.elapsed() >= Duration::from_millis(190), "{:?}", began.elapsed());

    let told = layer(&server, "leaky 1/hour burst 2");
    for _ in 0..2 {
        let at_once = tokio::time::timeout(PATIENCE, through(&told, request("GET")));
        assert_eq!(at_once.await.expect("not held unless asked for").status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn errors_of_the_service_pass_as_they_are() {
    let server = Server::start();
    #[derive(Debug, PartialEq)]
    struct Own(u8);
    let inner = service_fn(async |_: Request<String>| Err::<Response<String>, _>(Own(7)));
    let mut service = layer(&server, "5/hour").layer(inner);
    let error = service.ready().await.unwrap().call(request("GET")).await.unwrap_err();
    assert_eq!(error, Own(7));
}

#[tokio::test]
async fn text_is_a_user_whatever_a_client_writes() {
    let server = Server::start();
    let victim = "rl:login:ip:192.0.2.9";
    let by_header = |request: &Request<String>| request.body().clone();
    let layer = layer(&server, "9/hour").key(by_header);
    through(&layer, request("GET").map(|_| victim.to_owned())).await;
    let maybe = layer.key(|request: &Request<String>| Some(request.body().clone()));
    through(&maybe, request("POST").map(|_| "ann".to_owned())).await;
    let expected = ["rl:app:user:ann", "rl:app:user:rl%3Alogin%3Aip%3A192.0.2.9"];
    assert_eq!(keys(&server).await, expected);
}

#[tokio::test]
async fn exempt_requests_are_not_asked_about() {
    let server = Server::start();
    let layer = layer(&server, "1/hour").exempt(|request| request.uri().path() == "/health");
    let health = || {
        let mut request = request("GET");
        *request.uri_mut() = "/health".parse().unwrap();
        request
    };
    for _ in 0..3 {
        let response = through(&layer, health()).await;
        assert_eq!(response.body(), "exempt");
        assert!(response.headers().is_empty(), "{:?}", response.headers());
    }
    assert_eq!(server.calls("rl.limit").await, 0);
    assert_eq!(through(&layer, request("GET")).await.body(), "Some(0)");
    assert_eq!(through(&layer, request("GET")).await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_limiter_that_is_switched_off_asks_nobody() {
    let port = Server::start().port;
    let limiter = patient(&format!("redis://127.0.0.1:{port}")).enabled(false).build();
    let off: Layered = RateLimitLayer::new(limiter, limits("0/hour"));
    let nobody = Request::new(String::new());
    for request in [request("GET"), nobody] {
        let response = through(&off, request).await;
        assert_eq!((response.status(), response.body().as_str()), (StatusCode::OK, "exempt"));
    }
}
