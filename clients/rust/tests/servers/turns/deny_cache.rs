//! Refusals that are kept in the process.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis_rl::tower::RateLimitLayer;
use redis_rl::{Check, Key, LimitSet, Limiter, Places, Source};

use crate::support::plain::{Layered, header, request, through};
use crate::support::{Server, eventually, limits, patient, user};

fn cached(server: &Server) -> Limiter {
    patient(&server.url()).deny_cache(100).build()
}

async fn source(limiter: &Limiter, text: &str, cost: u64) -> (bool, Source) {
    let outcome = limiter.check(&user("x"), &limits(text), cost).await.unwrap();
    (outcome.allowed, outcome.source)
}

const SECOND: Duration = Duration::from_secs(1);
const CACHED: (bool, Source) = (false, Source::DenyCache);
const ASKED: (bool, Source) = (false, Source::Server);

#[tokio::test]
async fn a_refusal_is_not_asked_for_again() {
    let server = Server::start();
    let told = Arc::new(Mutex::new(0));
    let tell = Arc::clone(&told);
    let limiter = patient(&server.url())
        .deny_cache(100)
        .on_decision(move |outcome| {
            *tell.lock().unwrap() += u32::from(outcome.source == Source::DenyCache);
        })
        .build();
    assert!(source(&limiter, "2/hour", 2).await.0, "what is allowed is never kept");
    assert_eq!(source(&limiter, "2/hour", 1).await, ASKED);
    let before = server.calls("rl.limit").await;
    for _ in 0..100 {
        assert_eq!(source(&limiter, "2/hour", 1).await, CACHED);
    }
    assert_eq!((server.calls("rl.limit").await, *told.lock().unwrap()), (before, 100));
    // Another cost, other clauses and another key are other calls; a look is always asked.
    assert_eq!(source(&limiter, "2/hour", 2).await, ASKED);
    assert_eq!(source(&limiter, "2/hour; 9/day", 1).await, ASKED);
    assert!(limiter.check(&user("y"), &limits("2/hour"), 1).await.unwrap().allowed);
    assert_eq!(source(&limiter, "2/hour", 0).await.1, Source::Server);
    assert_eq!(limiter.peek(&user("x"), &limits("2/hour")).await.unwrap().source, Source::Server);

    assert!(limiter.reset(&user("x")).await.unwrap());
    assert!(source(&limiter, "2/hour", 1).await.0, "a reset forgets it");
}

#[tokio::test]
async fn it_ends_when_the_refusal_does() {
    let (server, clock) = Server::clocked();
    let limiter = cached(&server);
    let slow = "token 1/3 seconds burst 1";
    assert!(source(&limiter, slow, 1).await.0);
    let began = Instant::now();
    assert_eq!(source(&limiter, slow, 1).await, ASKED);
    clock.advance(Duration::from_secs(3));
    // Redis would allow it by now.
    let again = source(&limiter, slow, 1).await;
    assert!(again == CACHED || began.elapsed() >= Duration::from_secs(3), "{again:?}");
    if again == CACHED {
        eventually(|| async { source(&limiter, slow, 1).await.0 }).await;
    }
}

#[tokio::test]
async fn layers_answer_the_same_from_it() {
    let (server, _clock) = Server::clocked();
    let layer: Layered =
        RateLimitLayer::new(cached(&server), LimitSet::named("login", "1/day").unwrap());
    through(&layer, request("GET")).await;
    let began = Instant::now();
    let refusals = [through(&layer, request("GET")).await, through(&layer, request("GET")).await];
    let [asked, cached] = refusals.each_ref().map(|refused| {
        let shown = ["ratelimit-policy", "cache-control"]
            .map(|name| header(refused.headers(), name).unwrap());
        (refused.status(), shown)
    });
    assert_eq!(asked, cached);
    let [asked, cached] = refusals.each_ref().map(|refused| -> u64 {
        header(refused.headers(), "retry-after").unwrap().parse().unwrap()
    });
    let passed = began.elapsed().as_secs();
    assert!(asked == 86_400 && (asked - passed - 1..=asked).contains(&cached), "{cached}");
    assert_eq!(server.calls("rl.limit").await, 2);
}

#[tokio::test]
async fn what_must_reach_the_server_does() {
    let server = Server::start();
    let () = server.say("RL.POLICY SET api FIXED 1 1h").await;
    let limiter = cached(&server);
    // Refused for good.
    for _ in 0..2 {
        assert_eq!(source(&limiter, "0/hour", 1).await, ASKED);
    }
    // To be settled.
    let two = limits("1/hour");
    let held = limiter.reserve(&user("s"), &two, 1).await.unwrap();
    for _ in 0..2 {
        let refused = limiter.reserve(&user("s"), &two, 1).await.unwrap();
        assert_eq!(refused.outcome().source, Source::Server);
    }
    let refused = async || limiter.check(&user("s"), &two, 1).await.unwrap();
    assert_eq!(
        (refused().await.source, refused().await.source),
        (Source::Server, Source::DenyCache)
    );
    held.settle(0).await;
    assert!(refused().await.allowed, "settling forgets it");
    // What a ban counts; a ban itself may be kept.
    let guarded = "1/hour; ban 1m after 2/hour";
    assert!(source(&limiter, guarded, 1).await.0);
    for _ in 0..3 {
        assert_eq!(source(&limiter, guarded, 1).await, ASKED);
    }
    assert_eq!(source(&limiter, guarded, 1).await, CACHED, "banned");
    // A policy may change: for a second at most.
    assert!(limiter.check(&user("p"), &limits("policy api"), 1).await.unwrap().allowed);
    let refused = async || limiter.check(&user("p"), &limits("policy api"), 1).await.unwrap();
    let began = Instant::now();
    assert_eq!(refused().await.source, Source::Server);
    let again = refused().await.source;
    assert!(again == Source::DenyCache || began.elapsed() >= SECOND, "{again:?}");
    let () = server.say("RL.POLICY SET api FIXED 5 1h").await;
    eventually(|| async { refused().await.allowed }).await;
}

#[tokio::test]
async fn several_subjects_are_refused_from_it_together() {
    let server = Server::start();
    let limiter = cached(&server);
    let (ann, red) = (user("ann"), Key::new("team", "red"));
    let (few, many) = (limits("1/hour"), limits("9/hour"));
    let ask = async |cost: u64| {
        let checks = [Check::new(&ann, &few), Check::new(&red, &many).cost(cost)];
        limiter.check_all(&checks).await.unwrap()
    };
    assert!(ask(1).await.allowed);
    assert_eq!(ask(1).await.source, Source::Server);
    let refused = ask(1).await;
    assert_eq!(refused.source, Source::DenyCache);
    assert!(!refused.each("test").unwrap().allowed && refused.each("team").unwrap().allowed);
    assert_eq!(server.calls("rl.all").await, 2);
    assert_eq!(ask(2).await.source, Source::Server, "another cost is another call");
    assert!(limiter.reset(&red).await.unwrap());
    assert_eq!(ask(1).await.source, Source::Server, "what is known of either is forgotten");
    assert!(limiter.reset(&ann).await.unwrap());
    assert!(ask(1).await.allowed);
}

#[tokio::test]
async fn places_are_refused_from_it_for_a_second_or_until_one_is_given_back() {
    let server = Server::start();
    let limiter = cached(&server);
    let one = Places::new(1, "30s").unwrap();
    let take = async || limiter.lease(&user("x"), &one).await.unwrap();
    let held = take().await;
    let began = Instant::now();
    assert_eq!(take().await.outcome().source, Source::Server);
    let again = take().await.outcome().source;
    assert!(again == Source::DenyCache || began.elapsed() >= SECOND, "{again:?}");
    held.release().await;
    assert!(take().await.outcome().allowed);
}
