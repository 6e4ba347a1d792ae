//! A limiter without HTTP: verdicts, keys, times.

use std::time::Duration;

use redis_rl::redis::{Client, cmd};
use redis_rl::{Class, Error, Key, LimitSet, Limiter, OnError, Source, Subject};

use crate::support::{PATIENCE, Server, limits, patient, unhurried, user};

#[tokio::test]
async fn a_check_is_one_command_and_tells_all() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let report = LimitSet::named("report", "2/minute; 100/hour").unwrap();
    let key = Key::new("report", Subject::user(42));

    let outcome = limiter.check(&key, &report, 1).await.unwrap();
    assert!(outcome.allowed);
    assert_eq!((outcome.remaining(), outcome.retry_after()), (Some(1), Some(Duration::ZERO)));
    assert_eq!(
        (outcome.key.as_str(), outcome.cost, outcome.source),
        ("rl:report:user:42", 1, Source::Server)
    );
    let names: Vec<_> =
        outcome.decisions.iter().map(|d| (&*d.policy, d.limit, d.remaining)).collect();
    assert_eq!(names, [("report-minute", 2, 1), ("report-hour", 100, 99)]);
    assert_eq!(server.calls("rl.limit").await, 1);

    assert!(limiter.check(&key, &report, 1).await.unwrap().allowed);
    let denied = limiter.check(&key, &report, 1).await.unwrap();
    assert!(!denied.allowed);
    let hour = &denied.decisions[1];
    assert!(hour.allowed && hour.remaining == 98, "a denial uses nothing: {hour:?}");
    assert_eq!(denied.tightest().unwrap().policy.as_ref(), "report-minute");
}

#[tokio::test]
async fn every_algorithm_is_sent_as_it_was_written() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    let all = limits(
        "5/minute; sliding 6/minute; log 7/minute; token 10/second burst 20; leaky 5/second burst 9",
    );
    let outcome = limiter.check(&user("all"), &all, 1).await.unwrap();
    let asked: Vec<_> = outcome.decisions.iter().map(|d| d.limit).collect();
    assert_eq!(asked, [5, 6, 7, 20, 9]);

    let peek: Vec<(String, u64, u64, u64)> = {
        let rows: Vec<Vec<redis_rl::redis::Value>> =
            server.command(cmd("RL.PEEK").arg("rl:test:user:all").clone()).await;
        rows.into_iter()
            .map(|row| {
                redis_rl::redis::from_redis_value(redis_rl::redis::Value::Array(row[..4].to_vec()))
                    .unwrap()
            })
            .collect()
    };
    let expected = [
        ("fixed", 5, 5, 60_000),
        ("sliding", 6, 6, 60_000),
        ("log", 7, 7, 60_000),
        ("token", 20, 10, 1_000),
        ("leaky", 9, 5, 1_000),
    ];
    assert_eq!(
        peek,
        expected.map(|(word, limit, refill, ms)| (word.to_owned(), limit, refill, ms))
    );
}

#[tokio::test]
async fn who_waits_retry_after_is_admitted_and_not_a_millisecond_earlier() {
    let (server, clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    for (text, used) in [
        ("3/minute", 3),
        ("sliding 7/minute", 7),
        ("log 3/minute", 3),
        ("token 7/3 seconds burst 2", 2),
    ] {
        let (key, limits) = (user(text), limits(text));
        clock.advance(Duration::from_millis(1_234));
        assert!(limiter.check(&key, &limits, used).await.unwrap().allowed);
        clock.advance(Duration::from_millis(17));
        let denied = limiter.check(&key, &limits, 1).await.unwrap();
        let wait = denied.retry_after().unwrap();
        assert!(!denied.allowed && !wait.is_zero());
        clock.advance(wait - Duration::from_millis(1));
        assert!(!limiter.check(&key, &limits, 1).await.unwrap().allowed, "{text}: early");
        clock.advance(Duration::from_millis(1));
        assert!(limiter.check(&key, &limits, 1).await.unwrap().allowed, "{text}: after {wait:?}");
    }
}

#[tokio::test]
async fn a_leaky_limit_says_how_long_to_hold() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let limits = limits("leaky 5/second burst 3");
    for expected_ms in [0, 200, 400] {
        let outcome = limiter.check(&user("queue"), &limits, 1).await.unwrap();
        assert!(outcome.allowed);
        assert_eq!(outcome.wait(), Duration::from_millis(expected_ms));
    }
    let denied = limiter.check(&user("queue"), &limits, 1).await.unwrap();
    assert_eq!((denied.allowed, denied.wait()), (false, Duration::ZERO));
}

#[tokio::test]
async fn costs_are_charged_as_they_are() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let limits = limits("10/minute");
    let left = async |cost| limiter.check(&user("cost"), &limits, cost).await.unwrap().remaining();
    assert_eq!(left(4).await, Some(6));
    assert_eq!(left(0).await, Some(6), "a cost of 0 only looks");
    assert_eq!(left(6).await, Some(0));
    for cost in [11, 1_000_000_000_001, u64::MAX] {
        let never = limiter.check(&user("cost"), &limits, cost).await.unwrap();
        assert_eq!((never.allowed, never.retry_after()), (false, None), "cost {cost}");
    }
}

#[tokio::test]
async fn a_raised_limit_forgets_nothing() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    limiter.check(&user("raise"), &limits("5/minute"), 5).await.unwrap();
    let raised = limiter.check(&user("raise"), &limits("8/minute"), 1).await.unwrap();
    assert_eq!((raised.allowed, raised.remaining()), (true, Some(2)));
}

#[tokio::test]
async fn reset_forgets() {
    let server = Server::start();
    let limiter = patient(&server.url()).prefix("app:1").build();
    limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap();
    let keys: Vec<String> = server.say("KEYS *").await;
    assert_eq!(keys, ["app%3A1:test:user:x"]);
    assert!(limiter.reset(&user("x")).await.unwrap());
    assert!(!limiter.reset(&user("x")).await.unwrap());
    assert!(limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap().allowed);
}

#[tokio::test]
async fn any_connection_of_redis_rs_will_do() {
    let server = Server::start();
    let limits = limits("2/hour");
    for protocol in ["resp2", "resp3"] {
        let client = Client::open(format!("{}?protocol={protocol}", server.url())).unwrap();
        let connection =
            client.get_multiplexed_async_connection_with_config(&unhurried()).await.unwrap();
        let limiter = Limiter::builder(connection).timeout(PATIENCE).build();
        limiter.probe().await.unwrap();
        let outcome = limiter.check(&user(protocol), &limits, 1).await.unwrap();
        assert_eq!(outcome.remaining(), Some(1), "{protocol}");
    }
}

#[tokio::test]
async fn an_empty_subject_is_nobody_in_every_mode() {
    let server = Server::start();
    let limiter = patient(&server.url()).build();
    for limiter in [limiter.clone(), limiter.clone().on_error(OnError::Open)] {
        for subject in [Subject::user(""), Subject::key(""), "".into()] {
            let key = Key::new("test", subject);
            for _ in 0..6 {
                let error = limiter.check(&key, &limits("1/hour"), 1).await.unwrap_err();
                assert!(matches!(error, Error::CannotIdentify(_)), "{error:?}");
                assert_eq!(error.class(), Class::Unidentified);
            }
            limiter.peek(&key, &limits("1/hour")).await.unwrap_err();
            limiter.reset(&key).await.unwrap_err();
        }
    }
    assert_eq!(limiter.failed_open(), 0);
    assert_eq!(server.calls("rl.limit").await, 0);
    assert!(limiter.check(&user("x"), &limits("1/hour"), 1).await.unwrap().allowed, "no breaker");
}
