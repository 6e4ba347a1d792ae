//! The example app as a process, walked through its table.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{App, PATIENT, Server, eventually, get, module, send};

/// An app on a server whose clock stands still, so that no window ends meanwhile.
pub(super) fn walked() -> (Server, App) {
    let (server, _) = Server::clocked();
    let app = App::start(&[("REDIS_URL", &server.url()), PATIENT]);
    (server, app)
}

#[tokio::test]
async fn routes_have_budgets_of_their_own_and_ids_share_one() {
    let (server, app) = walked();
    for left in (0..5).rev() {
        let answer = get(app.port, "/items").await;
        assert_eq!(answer.json(), json!([{"item": "Foo"}, {"item": "Bar"}]));
        assert_eq!(
            answer.header("ratelimit"),
            Some(format!("\"5-per-60s\";r={left};t=60").as_str())
        );
    }
    let denied = get(app.port, "/items").await;
    assert_eq!(denied.status, 429);
    for (name, value) in [
        ("retry-after", "60"),
        ("ratelimit", "\"5-per-60s\";r=0;t=60"),
        ("ratelimit-policy", "\"5-per-60s\";q=5;w=60"),
        ("cache-control", "no-store"),
        ("content-type", "application/problem+json"),
    ] {
        assert_eq!(denied.header(name), Some(value), "{name}");
    }
    let problem = denied.json();
    assert_eq!(problem["detail"], "Rate limit exceeded, retry in 60 s");
    assert_eq!((&problem["status"], &problem["retry_after"]), (&json!(429), &json!(60)));

    for id in 1..=5 {
        let answer = get(app.port, &format!("/items/{id}")).await;
        assert_eq!(answer.json(), json!({"item": id.to_string()}));
    }
    assert_eq!(get(app.port, "/items/6").await.status, 429);
    let mut keys: Vec<String> = server.say("KEYS *").await;
    keys.sort();
    assert_eq!(
        keys,
        ["rl:GET%20%2Fitems%2F%7Bid%7D:ip:127.0.0.1", "rl:GET%20%2Fitems:ip:127.0.0.1"]
    );
}

#[tokio::test]
async fn posts_users_tiers_and_names() {
    let (server, app) = walked();
    let created = send(app.port, "POST", "/create_item", &[]).await;
    assert_eq!((created.status, created.json()), (201, json!({"message": "Item created"})));
    assert_eq!(send(app.port, "POST", "/create_item", &[]).await.status, 429);

    let user = [("Authorization", "Bearer user123_token")];
    for (headers, left) in
        [(&user[..], 9), (&[], 9), (&user, 8), (&[("Authorization", "Bearer other")], 8)]
    {
        let answer = send(app.port, "GET", "/user_data", headers).await;
        assert_eq!(answer.json()["requests_left"], left, "{headers:?}");
        assert!(answer.json()["message"].is_string());
    }

    let paid = [("Authorization", "Bearer paid_token")];
    let quote = send(app.port, "GET", "/quotes/XYZ", &paid).await;
    assert_eq!(
        quote.header("ratelimit-policy"),
        Some("\"1000-per-60s\";q=1000;w=60, \"20-per-1s\";q=20;w=1")
    );
    assert_eq!(
        (&quote.json()["symbol"], &quote.json()["requests_left"]),
        (&json!("XYZ"), &json!(19))
    );
    let quote = get(app.port, "/quotes/ABC").await.json();
    assert_eq!(quote["requests_left"], 99);
    assert!(quote["price"].is_number());

    let login = send(app.port, "POST", "/login", &[]).await;
    assert_eq!(
        (login.json(), login.header("ratelimit")),
        (json!({"ok": true}), Some("\"login\";r=4;t=60"))
    );
    let report = get(app.port, "/report").await;
    assert_eq!(
        report.header("ratelimit"),
        Some("\"report-minute\";r=1;t=60, \"report-hour\";r=99;t=3600")
    );
    get(app.port, "/report").await;
    let denied = get(app.port, "/report").await;
    assert_eq!(
        (denied.status, denied.header("ratelimit")),
        (429, Some("\"report-minute\";r=0;t=60"))
    );
    assert_eq!(denied.json()["violated-policies"], json!(["report-minute"]));

    let keys: Vec<String> = server.say("KEYS *").await;
    for key in [
        "rl:login:ip:127.0.0.1",
        "rl:report:ip:127.0.0.1",
        "rl:GET%20%2Fuser_data:user:user123",
        "rl:GET%20%2Fquotes%2F%7Bsymbol%7D:user:paid",
        "rl:GET%20%2Fquotes%2F%7Bsymbol%7D:ip:127.0.0.1",
    ] {
        assert!(keys.iter().any(|found| found == key), "{key} in {keys:?}");
    }
}

#[tokio::test]
async fn costs_streams_waits_and_errors() {
    let (server, app) = walked();
    let export = get(app.port, "/export?pages=4").await;
    assert_eq!(
        (export.json(), export.header("ratelimit")),
        (json!({"pages": 4}), Some("\"10-per-60s\";r=6;t=60"))
    );
    for wrong in ["0", "-1", "x", "1.5", "99999999999999999999"] {
        assert_eq!(get(app.port, &format!("/export?pages={wrong}")).await.status, 400, "{wrong}");
    }
    assert_eq!(get(app.port, "/export").await.header("ratelimit"), Some("\"10-per-60s\";r=5;t=60"));
    for above in ["11", "5000000000000"] {
        let never = get(app.port, &format!("/export?pages={above}")).await;
        assert_eq!((never.status, never.header("retry-after")), (429, None), "{above}");
        assert!(never.json()["detail"].as_str().unwrap().contains("above the limit"));
    }

    let stream = get(app.port, "/stream").await;
    assert_eq!(
        (stream.body.as_str(), stream.header("ratelimit")),
        ("a\nb\nc\n", Some("\"token-10-per-1s\";r=19;t=1"))
    );
    assert_eq!(stream.header("transfer-encoding"), Some("chunked"));

    for expected_ms in [0, 200] {
        let began = Instant::now();
        let slow = get(app.port, "/slow").await;
        assert_eq!(slow.json()["waited_ms"], expected_ms);
        assert!(began.elapsed() >= Duration::from_millis(expected_ms));
    }
    let boom = get(app.port, "/boom").await;
    assert_eq!((boom.status, boom.header("ratelimit")), (500, Some("\"5-per-60s\";r=4;t=60")));

    let calls = server.calls("rl.limit").await;
    let health = get(app.port, "/health").await;
    assert_eq!((health.json(), health.header("ratelimit")), (json!({"ok": true}), None));
    send(app.port, "OPTIONS", "/items", &[]).await;
    assert_eq!(server.calls("rl.limit").await, calls, "neither asks");
    assert_eq!(
        send(app.port, "HEAD", "/items", &[]).await.header("ratelimit"),
        Some("\"5-per-60s\";r=4;t=60")
    );
    assert_eq!(get(app.port, "/items").await.header("ratelimit"), Some("\"5-per-60s\";r=3;t=60"));
}

#[tokio::test]
async fn proxies_are_named_or_not_believed() {
    let server = Server::start();
    let from = [("X-Forwarded-For", "203.0.113.9, 192.0.2.7")];
    for (trusted, key) in
        [("", "rl:login:ip:127.0.0.1"), ("10.0.0.0/8,127.0.0.0/8", "rl:login:ip:192.0.2.7")]
    {
        let app =
            App::start(&[("REDIS_URL", &server.url()), ("TRUSTED_PROXIES", trusted), PATIENT]);
        send(app.port, "POST", "/login", &from).await;
        let keys: Vec<String> = server.say("KEYS *").await;
        assert_eq!(keys, [key]);
        let () = server.say("FLUSHALL").await;
    }
    let (status, log) = App::refused(&[("REDIS_URL", &server.url()), ("TRUSTED_PROXIES", "*")]);
    assert!(!status.success() && log.contains("not '*'"), "{log}");
}

/// Until requests are limited again.
async fn served(app: &App) {
    eventually(|| async { get(app.port, "/quotes/A").await.header("ratelimit").is_some() }).await;
}

#[tokio::test]
async fn redis_gone_is_503_or_served_and_comes_back() {
    let mut server = Server::start();
    let url = server.url();
    // Long enough for no machine to be too busy to keep it.
    let timeout = Duration::from_secs(10);
    let timeout_ms = ("RL_TIMEOUT_MS", "10000");
    let (closed, open) = (
        App::start(&[("REDIS_URL", &url), timeout_ms]),
        App::start(&[("REDIS_URL", &url), timeout_ms, ("ON_ERROR", "open")]),
    );
    for app in [&closed, &open] {
        served(app).await;
    }
    server.kill();
    for _ in 0..8 {
        let began = Instant::now();
        let refused = get(closed.port, "/items").await;
        assert!(began.elapsed() < 3 * timeout, "{:?}", began.elapsed());
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
        assert_eq!(refused.json()["detail"], "Rate limiter unavailable");
        let served = get(open.port, "/user_data").await;
        assert_eq!((served.status, served.header("ratelimit")), (200, None));
        assert_eq!(served.json()["requests_left"], json!(null));
    }
    server.restart(&["--loadmodule", &module()]);
    for app in [&closed, &open] {
        served(app).await;
    }
}

#[tokio::test]
async fn a_missing_module_stops_the_start_and_is_503_in_every_mode() {
    let mut server = Server::without_module();
    let (status, log) = App::refused(&[("REDIS_URL", &server.url()), PATIENT]);
    assert!(!status.success());
    assert!(log.contains("redis-rl") && log.contains("--loadmodule"), "{log}");

    server.restart(&["--loadmodule", &module()]);
    let app = App::start(&[("REDIS_URL", &server.url()), ("ON_ERROR", "open")]);
    served(&app).await;
    server.restart(&[]);
    eventually(|| async { get(app.port, "/items").await.status == 503 }).await;
    for _ in 0..8 {
        assert_eq!(get(app.port, "/quotes/A").await.status, 503);
    }
    server.restart(&["--loadmodule", &module()]);
    served(&app).await;
}

#[tokio::test]
async fn it_starts_without_redis_and_ends_when_told() {
    let port = Server::start().port;
    let mut app = App::start(&[("REDIS_URL", &format!("redis://127.0.0.1:{port}"))]);
    assert!(app.log().contains("Starting without Redis"), "{}", app.log());
    assert_eq!(get(app.port, "/health").await.status, 200);
    assert_eq!(get(app.port, "/items").await.status, 503);
    assert!(app.terminate().success(), "SIGTERM is an orderly end");
    for wrong in [("ON_ERROR", "perhaps"), ("PORT", "http"), ("REDIS_URL", "nowhere")] {
        let (status, log) = App::refused(&[wrong]);
        assert!(!status.success(), "{wrong:?}: {log}");
    }
}
