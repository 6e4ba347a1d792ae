//! The layer in front of a plain service: what is asked, what is answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, Request, Response, StatusCode};
use redis_rl::tower::{ClientIp, PeerAddr, RateLimitInfo, RateLimitLayer, Refusal};
use redis_rl::{CannotIdentify, Connection, Legacy, Limits, OnError, Subject};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Server, limits, patient};

type Layered = RateLimitLayer<Connection, String>;

fn layer(server: &Server, text: &str) -> Layered {
    RateLimitLayer::new(patient(&server.url()).build(), limits(text))
}

fn request(method: &str) -> Request<String> {
    let peer: SocketAddr = "192.0.2.1:1234".parse().unwrap();
    Request::builder().method(method).extension(PeerAddr(peer)).body(String::new()).unwrap()
}

/// Send one request through the layer to a service that answers what it was told of the limits.
async fn through(layer: &Layered, request: Request<String>) -> Response<String> {
    let inner = service_fn(async |request: Request<String>| {
        let info = request.extensions().get::<RateLimitInfo>();
        let told = info.map_or("exempt".to_owned(), |info| format!("{:?}", info.remaining()));
        Ok::<_, Infallible>(Response::new(told))
    });
    layer.layer(inner).oneshot(request).await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn answers_carry_the_limits_and_so_do_extensions() {
    let server = Server::start();
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
async fn methods_are_limited_as_chosen() {
    let server = Server::start();
    let all = layer(&server, "5/hour");
    assert_eq!(through(&all, request("OPTIONS")).await.body(), "exempt");
    assert_eq!(server.calls("rl.limit").await, 0);
    assert_eq!(through(&all, request("HEAD")).await.body(), "Some(4)");

    let gets = layer(&server, "5/minute").methods([Method::GET]);
    assert_eq!(through(&gets, request("POST")).await.body(), "exempt");
    assert_eq!(through(&gets, request("HEAD")).await.body(), "Some(4)");
    let options = layer(&server, "5/day").methods([Method::OPTIONS]);
    assert_eq!(through(&options, request("OPTIONS")).await.body(), "Some(4)");
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
    let server = Server::start();
    let login = Limits::named("login", "2/hour").unwrap();
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
    let mut keys: Vec<String> = server.say("KEYS *").await;
    keys.sort();
    assert_eq!(keys, ["rl:app:ip:192.0.2.1", "rl:app:ip:2001%3Adb8%3A%3A%2F64"]);
}

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

    let nobody = Request::new(String::new());
    assert_eq!(through(&closed, nobody).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let nobody = |_: &Request<String>| Err::<Subject, _>(CannotIdentify);
    assert_eq!(through(&open.key(nobody), request("GET")).await.status(), StatusCode::OK);
    assert_eq!(limiter.failed_open(), 2);
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
async fn grpc_calls_are_answered_in_their_own_way() {
    let server = Server::start();
    let call = || {
        let mut request = request("POST");
        request.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
        request
    };
    let denied = through(&layer(&server, "0/hour"), call()).await;
    assert_eq!(denied.status(), StatusCode::OK);
    assert_eq!(header(denied.headers(), "grpc-status"), Some("8"));
    assert_eq!(header(denied.headers(), "content-type"), Some("application/grpc"));
    assert_eq!(denied.body(), "");

    let broken = layer(&Server::without_module(), "1/hour");
    let failed = through(&broken, call()).await;
    assert_eq!(header(failed.headers(), "grpc-status"), Some("14"));
    assert_eq!(header(failed.headers(), "grpc-message"), Some("Rate limiter unavailable"));
}

#[tokio::test]
async fn layers_within_layers_add_up() {
    let server = Server::start();
    let limiter = patient(&server.url()).legacy(Legacy::Delta).build();
    let inner: Layered =
        RateLimitLayer::new(limiter.clone(), Limits::named("inner", "2/hour").unwrap());
    let outer: Layered = RateLimitLayer::new(limiter, Limits::named("outer", "9/minute").unwrap());
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
        let at_once = tokio::time::timeout(Duration::from_secs(10), through(&told, request("GET")));
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
