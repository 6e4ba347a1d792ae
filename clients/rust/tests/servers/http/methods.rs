//! Which budget a method uses.

use http::Method;

use crate::support::plain::{layer, request, through};
use crate::support::{Server, keys};

#[tokio::test]
async fn options_has_a_budget_of_its_own_and_head_is_get() {
    let server = Server::start();
    let all = layer(&server, "2/hour");
    for expected in [200, 200, 429] {
        assert_eq!(through(&all, request("OPTIONS")).await.status(), expected);
    }
    assert_eq!(through(&all, request("POST")).await.body(), "Some(1)", "OPTIONS cost it nothing");
    assert_eq!(through(&all, request("HEAD")).await.body(), "Some(0)");
    assert_eq!(keys(&server).await, ["rl:OPTIONS%20app:ip:192.0.2.1", "rl:app:ip:192.0.2.1"]);
}

#[tokio::test]
async fn a_name_does_not_let_options_use_up_what_it_announces() {
    let server = Server::start();
    let login = redis_rl::LimitSet::named("login", "1/hour").unwrap();
    let limiter = crate::support::patient(&server.url()).build();
    let layer = redis_rl::tower::RateLimitLayer::new(limiter, login);
    for expected in [200, 429] {
        assert_eq!(through(&layer, request("OPTIONS")).await.status(), expected);
    }
    assert_eq!(through(&layer, request("POST")).await.status(), 200);
}

#[tokio::test]
async fn methods_are_limited_as_listed() {
    let server = Server::start();
    let gets = layer(&server, "5/minute").methods([Method::GET]).unwrap();
    for (method, told) in [
        ("POST", "exempt"),
        ("OPTIONS", "exempt"),
        ("BREW", "exempt"),
        ("get", "exempt"),
        ("HEAD", "Some(4)"),
        ("GET", "Some(3)"),
    ] {
        assert_eq!(through(&gets, request(method)).await.body(), told, "{method}");
    }
    let heads = layer(&server, "5/hour").methods(["head"]).unwrap();
    assert_eq!(through(&heads, request("GET")).await.body(), "Some(4)");
    let others = layer(&server, "5/day").methods(["*", "OPTIONS"]).unwrap();
    assert_eq!(through(&others, request("GET")).await.body(), "exempt");
    assert_eq!(through(&others, request("BREW")).await.body(), "Some(4)");
    assert_eq!(through(&others, request("OPTIONS")).await.body(), "Some(4)");
}

#[tokio::test]
async fn a_list_that_limits_nothing_is_an_error_where_it_is_written() {
    let server = Server::start();
    for wrong in [&[][..], &["POSTS"], &["GET, POST"], &[""], &["GET", "BREW"]] {
        let error = layer(&server, "5/minute").methods(wrong).unwrap_err().to_string();
        assert!(error.contains("methods([\""), "{error}");
    }
}
