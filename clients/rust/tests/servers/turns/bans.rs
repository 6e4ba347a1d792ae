//! Limits on trial and bans, written out and in policies.

use std::time::Duration;

use redis_rl::{Ban, Clause, LimitSet, OnError, Period, Source, Unit};

use crate::support::plain::{Layered, header, layer, request, through};
use crate::support::{Server, limits, patient, user};

#[tokio::test]
async fn a_limit_on_trial_counts_and_shows_nowhere() {
    let (server, _clock) = Server::clocked();
    let trial: Layered = layer(&server, "100/minute; shadow token 1/second burst 2");
    for left in [99, 98, 97] {
        let response = through(&trial, request("GET")).await;
        assert_eq!(response.body(), &format!("Some({left})"));
        let policies = header(response.headers(), "ratelimit-policy");
        assert_eq!(policies, Some("\"100-per-60s\";q=100;w=60"));
        let state = format!("\"100-per-60s\";r={left};t=60");
        assert_eq!(header(response.headers(), "ratelimit"), Some(state.as_str()));
    }
    let top: Vec<(String, u64)> = server.say("RL.TOP SHADOW").await;
    assert_eq!(top, [("rl:app:ip:192.0.2.1".to_owned(), 1)]);
}

#[tokio::test]
async fn limits_on_trial_alone_allow_all_and_have_no_headers() {
    let server = Server::start();
    let alone: Layered = layer(&server, "shadow 1/minute");
    for _ in 0..3 {
        let response = through(&alone, request("GET")).await;
        assert_eq!(response.body(), "None");
        assert!(response.headers().is_empty(), "{:?}", response.headers());
    }
    let limiter = patient(&server.url()).build();
    let outcome = limiter.check(&user("x"), &limits("shadow 1/minute"), 5).await.unwrap();
    assert!(outcome.allowed && outcome.decisions.is_empty());
    assert_eq!(outcome.source, Source::Server);
}

#[tokio::test]
async fn who_hammers_on_is_banned_and_who_waits_is_not() {
    let (server, clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let guarded = limits("2/10 seconds; ban 1m after 2/minute up to 10m");
    let ask = async |name: &str| limiter.check(&user(name), &guarded, 1).await.unwrap();
    for name in ["eve", "ann"] {
        assert!(ask(name).await.allowed && ask(name).await.allowed);
        let told = ask(name).await;
        let ban = told.ban.as_ref().unwrap();
        assert!(!told.allowed && ban.allowed, "the first refusal only tells");
        assert_eq!((ban.limit, ban.remaining, told.remaining()), (2, 2, Some(0)));
        assert_eq!(told.retry_after(), Some(Duration::from_secs(10)));
    }
    ask("eve").await;
    let banned = ask("eve").await;
    assert_eq!(banned.decisions.len(), 1, "limits only: {banned:?}");
    assert_eq!(banned.retry_after(), Some(Duration::from_secs(60)), "the longest of all");
    clock.advance(Duration::from_secs(10));
    assert!(ask("ann").await.allowed);
    let banned = ask("eve").await;
    assert!(!banned.allowed && banned.decisions.iter().all(|verdict| verdict.allowed));
    assert_eq!(banned.remaining(), Some(2));
    let violated: Vec<_> = banned.violated().map(|verdict| &*verdict.policy).collect();
    assert_eq!(violated, ["2-per-10s-ban"]);
    let peeked = limiter.peek(&user("eve"), &guarded).await.unwrap();
    assert_eq!((peeked.allowed, peeked.retry_after()), (false, Some(Duration::from_secs(50))));
    assert!(limiter.reset(&user("eve")).await.unwrap());
    assert!(ask("eve").await.allowed, "a reset ends it");
}

#[tokio::test]
async fn headers_have_a_ban_only_while_it_refuses() {
    let (server, clock) = Server::clocked();
    let set = LimitSet::named("login", "1/10 seconds; ban 1m after 1/minute").unwrap();
    let layer: Layered = redis_rl::tower::RateLimitLayer::new(patient(&server.url()).build(), set);
    let ask = async || through(&layer, request("GET")).await;
    let limit = "\"login\";q=1;w=10";
    for (status, state) in [(200, "\"login\";r=0;t=10"), (429, "\"login\";r=0;t=10")] {
        let response = ask().await;
        assert_eq!(response.status(), status);
        assert_eq!(header(response.headers(), "ratelimit-policy"), Some(limit));
        assert_eq!(header(response.headers(), "ratelimit"), Some(state));
    }
    let with_ban = format!("{limit}, \"login-ban\";q=1;w=60");
    let response = ask().await;
    assert_eq!(header(response.headers(), "ratelimit-policy"), Some(with_ban.as_str()));
    let state = "\"login\";r=0;t=10, \"login-ban\";r=0;t=60";
    assert_eq!(header(response.headers(), "ratelimit"), Some(state));
    assert_eq!(header(response.headers(), "retry-after"), Some("60"));
    clock.advance(Duration::from_secs(30));
    let response = ask().await;
    assert_eq!(header(response.headers(), "ratelimit"), Some("\"login-ban\";r=0;t=30"));
    assert!(response.body().contains("\"violated-policies\":[\"login-ban\"]"), "{response:?}");
    clock.advance(Duration::from_secs(30));
    let response = ask().await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(response.headers(), "ratelimit-policy"), Some(limit));
}

#[tokio::test]
async fn policies_bring_their_own() {
    let (server, _clock) = Server::clocked();
    let policy = "RL.POLICY SET api SHADOW FIXED 1 1m FIXED 2 1h BAN 1 1m 5m 1h";
    let () = server.say(policy).await;
    let limiter = patient(&server.url()).build();
    let api = limits("policy api; 9/day");
    let ask = async || limiter.check(&user("x"), &api, 1).await.unwrap();
    let shown = |outcome: &redis_rl::Outcome| -> Vec<(String, u64)> {
        outcome.decisions.iter().map(|d| (d.policy.to_string(), d.remaining)).collect()
    };
    let first = ask().await;
    assert_eq!(shown(&first), [("api".to_owned(), 1), ("9-per-86400s".to_owned(), 8)]);
    assert!(first.ban.as_ref().is_some_and(|ban| ban.allowed && ban.remaining == 1));
    for _ in 0..2 {
        ask().await;
    }
    let banned = ask().await;
    assert_eq!(banned.retry_after(), Some(Duration::from_secs(3600)));
    let ban = banned.ban.unwrap();
    assert_eq!(
        (&*ban.policy, ban.allowed, ban.window),
        ("api-ban", false, Some(Duration::from_secs(60)))
    );
    assert_eq!(ban.retry_after, Some(Duration::from_secs(300)));
}

#[tokio::test]
async fn a_policy_with_places_is_an_error_that_says_what_to_use() {
    let server = Server::start();
    let () = server.say("RL.POLICY SET uploads LEASE 2 1m FIXED 9 1h").await;
    let limiter = patient(&server.url()).on_error(OnError::Open).build();
    for _ in 0..3 {
        let told = limiter.check(&user("x"), &limits("policy uploads"), 1).await;
        let error = told.expect_err("in every mode").to_string();
        assert!(error.contains("'uploads'") && error.contains("ConcurrencyLayer"), "{error}");
    }
}

#[test]
fn mistakes_are_told_where_they_are_written() {
    for (text, says) in [
        ("5/minute; ban 15m", "after"),
        ("5/minute; ban after 20/minute", "15m"),
        ("5/minute; ban minute after 20/minute", "15m"),
        ("5/minute; ban 15m after 0/minute", "1 to 1000000"),
        ("5/minute; ban 15m after 20/minute up to 14m", "15m"),
        ("5/minute; ban 15m after 20/minute until 1d", "up"),
        ("ban 15m after 20/minute", "must come with a limit"),
        ("shadow 5/minute; ban 15m after 20/minute", "must come with a limit"),
        ("5/minute; ban 1m after 2/minute; ban 2m after 3/hour", "one ban"),
        ("shadow policy api", "shadow must be followed by a limit"),
        ("shadow shadow 5/minute", "shadow must be followed by a limit"),
        ("shadow 5/minute; shadow 6/60 seconds", "must differ"),
        ("shadow", "n must be an integer"),
        ("block 15m after 20/minute", "ban TIME after"),
        ("5/minute; dry-run 2/minute", "shadow and such a limit"),
    ] {
        let error = text.parse::<LimitSet>().expect_err(text).to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    let both: LimitSet = "5/minute; shadow 6/minute".parse().unwrap();
    assert_eq!(both.clauses().len(), 2, "one beside its like");
    let time = |count| Period::new(count, Unit::Minute).unwrap();
    assert!(Ban::new(time(15), 1_000_001, time(1)).is_err());
    let ban = Ban::new(time(15), 20, time(1)).unwrap().up_to(Period::DAY).unwrap();
    assert_eq!(Clause::Ban(ban).words(), ["BAN", "20", "1m", "15m", "1d"]);
}
