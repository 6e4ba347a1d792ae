//! The example app's routes for policies, limits on trial and bans.

use std::time::{Duration, Instant};

use serde_json::json;

use super::example::walked;
use crate::support::{App, PATIENT, Server, eventually, get, send};

#[tokio::test]
async fn a_policy_is_the_server_s() {
    let (server, app) = walked();
    assert_eq!(get(app.port, "/plan").await.status, 503, "there is none");
    let () = server.say("RL.POLICY SET plan FIXED 2 1m").await;
    let answer = get(app.port, "/plan").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"ok": true})));
    assert_eq!(answer.header("ratelimit"), Some("\"plan\";r=1;t=60"));
}

#[tokio::test]
async fn a_limit_on_trial_refuses_nothing() {
    let (server, app) = walked();
    for left in [99, 98, 97] {
        let answer = get(app.port, "/trial").await;
        let state = format!("\"trial\";r={left};t=60");
        assert_eq!((answer.status, answer.header("ratelimit")), (200, Some(state.as_str())));
    }
    let top: Vec<(String, u64)> = server.say("RL.TOP SHADOW").await;
    assert_eq!(top, [("rl:trial:ip:127.0.0.1".to_owned(), 1)]);
}

#[tokio::test]
async fn who_hammers_on_is_shut_out() {
    let (_server, app) = walked();
    let mut told = Vec::new();
    for _ in 0..6 {
        let answer = get(app.port, "/guarded").await;
        told.push((answer.status, answer.header("ratelimit").unwrap().to_owned()));
    }
    let statuses: Vec<_> = told.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
    assert_eq!(told[4].1, "\"guarded\";r=0;t=60", "refused, and not banned yet");
    assert_eq!(told[5].1, "\"guarded\";r=0;t=60, \"guarded-ban\";r=0;t=60");
}

#[tokio::test]
async fn only_failed_logins_count() {
    let (server, app) = walked();
    let signin = async |password: &str| {
        send(app.port, "POST", &format!("/signin?password={password}"), &[]).await
    };
    for (password, status, left, settled) in [
        ("wrong", 401, 2, 0),
        ("right", 200, 2, 1),
        ("right", 200, 2, 2),
        ("x", 401, 1, 2),
        ("", 401, 0, 2),
    ] {
        let answer = signin(password).await;
        let state = format!("\"signin\";r={left};t=900");
        assert_eq!((answer.status, answer.header("ratelimit")), (status, Some(state.as_str())));
        // Nobody waits for the settling.
        eventually(|| async { server.calls("rl.settle").await == settled }).await;
    }
    assert_eq!(signin("right").await.status, 429);
}

#[tokio::test]
async fn a_model_is_charged_what_it_used() {
    let (_server, app) = walked();
    let generate =
        async |query: &str| send(app.port, "POST", &format!("/generate?{query}"), &[]).await;
    let less = generate("estimate=600&actual=100").await;
    assert_eq!(less.json(), json!({"charged": 100, "requests_left": 900}));
    assert_eq!(less.header("ratelimit"), Some("\"tokens\";r=900;t=60"));
    let more = generate("estimate=100&actual=300").await;
    assert_eq!(more.json(), json!({"charged": 300, "requests_left": 600}));
    for wrong in
        ["estimate=0&actual=1", "estimate=1&actual=0", "estimate=x&actual=1", "estimate=1", ""]
    {
        assert_eq!(generate(wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(generate("estimate=601&actual=1").await.status, 429);
    assert_eq!(generate("estimate=1&actual=1").await.json()["requests_left"], 599);
}

#[tokio::test]
async fn a_user_and_a_team_are_charged_together() {
    let (server, app) = walked();
    let bearer = [("Authorization", "Bearer user123_token")];
    for left in (0..10).rev() {
        let answer = send(app.port, "GET", "/team/r%65d", &bearer).await;
        assert_eq!(answer.json(), json!({"team": "red"}));
        let state = format!("\"user\";r={left};t=60, \"team\";r={};t=60", left + 5);
        assert_eq!(answer.header("ratelimit"), Some(state.as_str()));
    }
    let denied = send(app.port, "GET", "/team/red", &bearer).await;
    assert_eq!((denied.status, denied.header("ratelimit")), (429, Some("\"user\";r=0;t=60")));
    let other = get(app.port, "/team/red").await;
    assert_eq!(other.header("ratelimit"), Some("\"user\";r=9;t=60, \"team\";r=4;t=60"));
    assert_eq!(server.calls("rl.all").await, 12);
    let keys = crate::support::keys(&server).await;
    assert_eq!(keys, ["rl:team:team:red", "rl:user:ip:127.0.0.1", "rl:user:user:user123"]);
}

#[tokio::test]
async fn two_are_served_at_once() {
    let (server, app) = walked();
    let port = app.port;
    let policy = Some("\"busy\";q=2;qu=\"concurrent-requests\"");
    let work: Vec<_> = (0..2).map(|_| tokio::spawn(get(port, "/busy?ms=3600000"))).collect();
    eventually(|| async { server.calls("rl.lease").await == 2 }).await;
    let denied = get(port, "/busy").await;
    assert_eq!((denied.status, denied.header("ratelimit-policy")), (429, policy));
    assert_eq!(
        (denied.header("retry-after"), denied.header("ratelimit")),
        (Some("5"), Some("\"busy\";r=0;t=5"))
    );
    // Their clients go away.
    work.iter().for_each(tokio::task::JoinHandle::abort);
    eventually(|| async { get(port, "/busy?ms=1").await.json() == json!({"ok": true}) }).await;
    for _ in 0..4 {
        eventually(|| async { get(port, "/busy?fail=1").await.status == 500 }).await;
    }
}

#[tokio::test]
async fn who_is_early_waits_a_moment() {
    let server = Server::start();
    let app = App::start(&[("REDIS_URL", &server.url()), PATIENT]);
    let began = Instant::now();
    let mut served = 0;
    while served < 3 {
        let asked = Instant::now();
        let answer = get(app.port, "/patient").await;
        // The wait is 200 ms at most: it fits into the second, unless this machine was busy for
        // the rest of it.
        let busy = asked.elapsed() >= Duration::from_millis(800);
        if answer.status == 429 && busy {
            continue;
        }
        assert_eq!((answer.status, answer.json()), (200, json!({"ok": true})));
        served += 1;
    }
    assert!(began.elapsed() >= Duration::from_millis(350), "{:?}", began.elapsed());
}
