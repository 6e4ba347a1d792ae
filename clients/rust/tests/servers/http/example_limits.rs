//! The example app's routes for policies, limits on trial and bans.

use serde_json::json;

use super::example::walked;
use crate::support::get;

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
