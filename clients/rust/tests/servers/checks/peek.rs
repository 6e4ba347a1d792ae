//! Looking without charging, and telling of each verdict.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis_rl::{Key, OnError, Source, Subject};

use crate::support::{Server, limits, patient, user};

#[tokio::test]
async fn a_peek_is_what_a_request_of_cost_1_would_be_told() {
    let (server, clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    for (text, used) in [
        ("3/minute", 3),
        ("sliding 7/minute", 7),
        ("log 3/minute", 3),
        ("token 7/3 seconds burst 2", 2),
        ("leaky 7/3 seconds burst 2", 2),
        ("9/hour; 3/minute", 3),
    ] {
        let (key, limits) = (user(text), limits(text));
        let fresh = limiter.peek(&key, &limits).await.unwrap();
        assert!(fresh.allowed && fresh.remaining() == Some(used), "{text}: {fresh:?}");
        clock.advance(Duration::from_millis(1_234));
        assert!(limiter.check(&key, &limits, used).await.unwrap().allowed);
        clock.advance(Duration::from_millis(17));
        let peeked = limiter.peek(&key, &limits).await.unwrap();
        let denied = limiter.check(&key, &limits, 1).await.unwrap();
        assert!(!peeked.allowed && !denied.allowed, "{text}");
        assert_eq!(peeked.decisions, denied.decisions, "{text}");
        assert_eq!((peeked.cost, peeked.wait()), (0, Duration::ZERO));
        clock.advance(peeked.retry_after().unwrap());
        let after = limiter.peek(&key, &limits).await.unwrap();
        assert!(after.allowed, "{text}: {after:?}");
    }
}

#[tokio::test]
async fn a_peek_where_no_wait_helps_says_so() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    for text in ["0/minute", "9/hour; 0/minute", "token 5/minute burst 0"] {
        let peeked = limiter.peek(&user(text), &limits(text)).await.unwrap();
        assert_eq!((peeked.allowed, peeked.retry_after()), (false, None), "{text}");
    }
    // What was recorded are other numbers: it is no later than when all of it is back.
    limiter.check(&user("less"), &limits("5/minute"), 3).await.unwrap();
    let less = limiter.peek(&user("less"), &limits("2/minute")).await.unwrap();
    assert_eq!((less.allowed, less.retry_after()), (false, Some(Duration::from_secs(60))));
}

#[tokio::test]
async fn a_peek_of_a_policy_knows_its_wait() {
    let (server, clock) = Server::clocked();
    let () = server.say("RL.POLICY SET api FIXED 9 1h SLIDING 2 1m").await;
    let limiter = patient(&server.url()).build();
    let api = limits("policy api");
    limiter.check(&user("x"), &api, 2).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let peeked = limiter.peek(&user("x"), &api).await.unwrap();
    let denied = limiter.check(&user("x"), &api, 1).await.unwrap();
    assert!(!peeked.allowed);
    assert_eq!(peeked.decisions, denied.decisions);
}

#[tokio::test]
async fn every_decision_is_told_and_no_look() {
    let server = Server::start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let limiter = patient(&server.url())
        .on_error(OnError::Open)
        .on_decision(move |outcome| {
            tell.lock().unwrap().push((outcome.key.clone(), outcome.allowed, outcome.source));
        })
        .build();
    let key = Key::new("mail", Subject::user(7));
    for _ in 0..2 {
        limiter.check(&key, &limits("1/hour"), 1).await.unwrap();
    }
    limiter.peek(&key, &limits("1/hour")).await.unwrap();
    drop(server);
    limiter.check(&key, &limits("1/hour"), 1).await.unwrap();
    let name = || "rl:mail:user:7".to_owned();
    assert_eq!(
        *told.lock().unwrap(),
        [
            (name(), true, Source::Server),
            (name(), false, Source::Server),
            (name(), true, Source::FailedOpen)
        ]
    );
}

#[tokio::test]
async fn text_for_a_subject_is_a_user() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let outcome = limiter.check(&Key::new("mail", "a:b"), &limits("1/hour"), 1).await.unwrap();
    assert_eq!(outcome.key, "rl:mail:user:a%3Ab");
    assert!(limiter.reset(&Key::new("mail", String::from("a:b"))).await.unwrap());
}

#[tokio::test]
async fn what_is_switched_off_allows_all_and_asks_nobody() {
    let port = Server::start().port;
    let limiter = patient(&format!("redis://127.0.0.1:{port}")).enabled(false).build();
    let checked = limiter.check(&user("x"), &limits("0/hour"), 1).await.unwrap();
    let peeked = limiter.peek(&user("x"), &limits("0/hour")).await.unwrap();
    for outcome in [checked, peeked] {
        assert!(outcome.allowed && outcome.decisions.is_empty());
        assert_eq!(outcome.source, Source::Exempt);
    }
}
