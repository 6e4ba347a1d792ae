//! Policies of the server as limits.

use redis_rl::{Class, Error, OnError, Outcome};

use crate::support::plain::{Layered, header, layer, request, through};
use crate::support::{Server, eventually, limits, patient, user};

fn shown(outcome: &Outcome) -> Vec<(String, u64, Option<u64>)> {
    let one = |d: &redis_rl::Verdict| {
        (d.policy.to_string(), d.limit, d.window.map(|window| window.as_secs()))
    };
    outcome.decisions.iter().map(one).collect()
}

fn named(name: &str, limit: u64, window: u64) -> (String, u64, Option<u64>) {
    (name.to_owned(), limit, Some(window))
}

#[tokio::test]
async fn headers_say_what_a_policy_stands_for_from_the_first_request_on() {
    let (server, _clock) = Server::clocked();
    let () = server.say("RL.POLICY SET team:a TOKEN 20 10 1s FIXED 1000 1h").await;
    let layer: Layered = layer(&server, "policy team:a; 7/day");
    let response = through(&layer, request("GET")).await;
    assert_eq!(
        header(response.headers(), "ratelimit-policy"),
        Some(
            "\"team_a-second\";q=20;w=2, \"team_a-hour\";q=1000;w=3600, \"7-per-86400s\";q=7;w=86400"
        )
    );
    assert_eq!(
        header(response.headers(), "ratelimit"),
        Some(
            "\"team_a-second\";r=19;t=1, \"team_a-hour\";r=999;t=3600, \"7-per-86400s\";r=6;t=86400"
        )
    );
}

#[tokio::test]
async fn a_change_counts_at_once_and_is_shown_within_a_second() {
    let server = Server::start();
    let () = server.say("RL.POLICY SET api FIXED 5 1h").await;
    let limiter = patient(&server.url()).build();
    let ask = async || limiter.check(&user("x"), &limits("policy api"), 1).await.unwrap();
    assert_eq!(shown(&ask().await), [named("api", 5, 3600)]);
    let () = server.say("RL.POLICY SET api FIXED 7 1h FIXED 9 1d").await;
    let changed = ask().await;
    let told: Vec<_> = changed.decisions.iter().map(|d| (d.limit, d.remaining)).collect();
    assert_eq!(told, [(7, 5), (9, 8)], "with the next request");
    let expected = [named("api-hour", 7, 3600), named("api-day", 9, 86_400)];
    eventually(|| async {
        let look = limiter.check(&user("x"), &limits("policy api"), 0).await.unwrap();
        shown(&look) == expected
    })
    .await;

    // A change of a period alone shows in no reply.
    let () = server.say("RL.POLICY SET api FIXED 7 1h FIXED 9 1w").await;
    let expected = [named("api-hour", 7, 3600), named("api-week", 9, 604_800)];
    eventually(|| async {
        let look = limiter.check(&user("x"), &limits("policy api"), 0).await.unwrap();
        shown(&look) == expected
    })
    .await;
}

#[tokio::test]
async fn a_policy_is_asked_for_once_a_second_and_no_check_is_repeated() {
    let server = Server::start();
    let () = server.say("RL.POLICY SET api FIXED 500 1h").await;
    let limiter = patient(&server.url()).build();
    let began = std::time::Instant::now();
    for _ in 0..100 {
        limiter.check(&user("x"), &limits("policy api; 900/day"), 1).await.unwrap();
    }
    let most = 1 + began.elapsed().as_secs();
    let asked = server.calls("rl.policy|get").await;
    assert!((1..=most).contains(&asked), "{asked} times");
    assert_eq!(server.calls("rl.limit").await, 100);
}

#[tokio::test]
async fn an_unknown_policy_is_an_error_that_names_it_until_it_is_made() {
    let server = Server::start();
    let limiter = patient(&server.url()).on_error(OnError::Open).build();
    let ask = async || limiter.check(&user("x"), &limits("policy nope"), 1).await;
    for _ in 0..3 {
        let error = ask().await.unwrap_err();
        assert_eq!(error.class(), Class::Configuration);
        assert!(error.to_string().contains("there is no policy 'nope'"), "{error}");
    }
    let () = server.say("RL.POLICY SET nope FIXED 5 1h").await;
    assert_eq!(ask().await.unwrap().remaining(), Some(4));
}

#[tokio::test]
async fn a_user_who_may_not_see_policies_is_told_so() {
    let server = Server::start();
    let () = server.say("RL.POLICY SET api FIXED 5 1h").await;
    let () = server.say("ACL SETUSER weak on >secret ~* +@all -rl.policy").await;
    let url = format!("redis://weak:secret@127.0.0.1:{}", server.port);
    let limiter = patient(&url).on_error(OnError::Open).build();
    for _ in 0..10 {
        let told = limiter.check(&user("x"), &limits("policy api"), 1).await;
        let error = told.expect_err("it is refused, asked again or not");
        assert!(matches!(error, Error::Configuration(_)), "{error}");
        assert!(error.to_string().contains("RL.POLICY GET api"), "{error}");
    }
    let () = server.say("ACL SETUSER weak +rl.policy").await;
    eventually(|| async { limiter.check(&user("x"), &limits("policy api"), 1).await.is_ok() })
        .await;
}
