//! Waiting a moment instead of being refused.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis_rl::{Limiter, Outcome, Source};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::plain::{Layered, header, layer, request, through};
use crate::support::{Server, eventually, limits, patient, user};

const SECOND: Duration = Duration::from_secs(1);

fn waits(server: &Server, most: Duration) -> Limiter {
    patient(&server.url()).build().max_wait(most).unwrap()
}

async fn ask(limiter: &Limiter, text: &str) -> (Outcome, Duration) {
    let began = Instant::now();
    let outcome = limiter.check(&user("x"), &limits(text), 1).await.unwrap();
    (outcome, began.elapsed())
}

#[tokio::test]
async fn a_refused_call_waits_as_long_as_that_fits() {
    let server = Server::start();
    let limiter = waits(&server, SECOND * 2);
    let slow = "token 2/second burst 1";
    let (first, took) = ask(&limiter, slow).await;
    assert!(first.allowed && took < SECOND / 4);
    let (second, took) = ask(&limiter, slow).await;
    assert!(second.allowed && took >= Duration::from_millis(400), "{took:?}");
    assert_eq!(server.calls("rl.limit").await, 3, "asked, slept, asked");
    for never in ["1/hour", "0/second"] {
        limiter.check(&user("x"), &limits(never), 1).await.unwrap();
        let (refused, took) = ask(&limiter, never).await;
        assert!(!refused.allowed && took < SECOND / 2, "{never} does not fit: {took:?}");
    }
    let look = limiter.check(&user("x"), &limits("1/hour"), 0).await.unwrap();
    assert_eq!(look.remaining(), Some(0));
    let short = waits(&server, Duration::from_millis(100));
    ask(&short, "token 1/second burst 1").await;
    let (refused, took) = ask(&short, "token 1/second burst 1").await;
    assert!(!refused.allowed && took < SECOND / 2, "{took:?}");
}

#[tokio::test]
async fn first_come_first_served_and_who_would_wait_too_long_is_told_at_once() {
    let server = Server::start();
    let limiter = waits(&server, SECOND);
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for n in 0..12 {
        let (limiter, served) = (limiter.clone(), Arc::clone(&served));
        tasks.spawn(async move {
            let (outcome, took) = ask(&limiter, "token 5/second burst 1").await;
            if outcome.allowed {
                served.lock().unwrap().push(n);
            }
            (outcome, took)
        });
        sleep(Duration::from_millis(5)).await;
    }
    let told = tasks.join_all().await;
    let order = served.lock().unwrap().clone();
    // One at once, then one each 200 ms.
    assert!((4..=6).contains(&order.len()), "{order:?}");
    assert_eq!(order, (0..order.len()).collect::<Vec<_>>());
    for (refused, took) in told.iter().filter(|(outcome, _)| !outcome.allowed) {
        let wait = refused.retry_after().unwrap();
        assert!(*took >= SECOND / 4 || wait >= SECOND / 2, "at once is by the place: {wait:?}");
        assert!(*took < SECOND * 3 / 2, "{took:?}");
    }
    let at_once = told.iter().filter(|(outcome, took)| !outcome.allowed && *took < SECOND / 4);
    assert!(at_once.count() >= 5);
}

#[tokio::test]
async fn newcomers_go_behind_those_who_wait_and_ask_nothing() {
    let server = Server::start();
    let limiter = waits(&server, SECOND * 5);
    let slow = "token 1/second burst 1";
    ask(&limiter, slow).await;
    let waiting = tokio::spawn({
        let limiter = limiter.clone();
        async move { ask(&limiter, slow).await.0 }
    });
    eventually(SECOND, || async { server.calls("rl.limit").await == 2 }).await;
    let short = limiter.clone().max_wait(SECOND).unwrap();
    let (refused, took) = ask(&short, slow).await;
    assert!(!refused.allowed && took < SECOND / 4);
    let wait = refused.retry_after().unwrap();
    assert!((SECOND..SECOND * 5 / 2).contains(&wait), "what is left and a second more: {wait:?}");
    assert_eq!(server.calls("rl.limit").await, 2, "it was told by the line");
    // Another key and other limits are other lines.
    assert!(ask(&short, "5/second").await.0.allowed);
    assert!(waiting.await.unwrap().allowed);
}

#[tokio::test]
async fn who_gives_up_leaves_the_line() {
    let server = Server::start();
    let limiter = waits(&server, SECOND * 3);
    let slow = "token 2/second burst 1";
    ask(&limiter, slow).await;
    let line: Vec<_> = (0..4)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move { ask(&limiter, slow).await })
        })
        .collect();
    eventually(SECOND, || async { server.calls("rl.limit").await >= 2 }).await;
    sleep(Duration::from_millis(50)).await;
    line.iter().for_each(tokio::task::JoinHandle::abort);
    let (next, took) = ask(&limiter, slow).await;
    assert!(next.allowed && took < SECOND, "nobody is ahead: {took:?}");
}

#[tokio::test]
async fn a_thousand_wait_and_no_more() {
    let server = Server::start();
    let limiter = waits(&server, SECOND * 30);
    let minute = "1000/30 seconds";
    limiter.check(&user("x"), &limits(minute), 1000).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..1_010 {
        let limiter = limiter.clone();
        tasks.spawn(async move { ask(&limiter, minute).await });
    }
    for _ in 0..10 {
        let (refused, took) = tasks.join_next().await.unwrap().unwrap();
        assert!(!refused.allowed && took < SECOND * 5, "{took:?}");
    }
    let more = tokio::time::timeout(Duration::from_millis(300), tasks.join_next()).await;
    assert!(more.is_err(), "the others wait");
}

#[tokio::test]
async fn layers_wait_and_their_charges_are_settled() {
    let server = Server::start();
    let patient_layer: Layered =
        layer(&server, "token 5/second burst 1").max_wait(SECOND).unwrap().count_if(|_| false);
    for _ in 0..3 {
        let response = through(&patient_layer, request("GET")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(response.headers(), "ratelimit"), Some("\"token-5-per-1s\";r=1;t=1"));
    }
    eventually(SECOND, || async { server.calls("rl.settle").await == 3 }).await;
    let began = Instant::now();
    let waiting: Layered = layer(&server, "token 5/second burst 1").max_wait(SECOND).unwrap();
    for _ in 0..3 {
        assert_eq!(through(&waiting, request("POST")).await.status(), 200);
    }
    assert!(began.elapsed() >= Duration::from_millis(380), "{:?}", began.elapsed());
}

#[tokio::test]
async fn each_outcome_is_told_once_and_mistakes_at_once() {
    let server = Server::start();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let limiter = patient(&server.url())
        .on_decision(move |outcome| tell.lock().unwrap().push((outcome.allowed, outcome.source)))
        .build();
    for wrong in [Duration::ZERO, Duration::from_millis(3_600_001)] {
        let error = limiter.clone().max_wait(wrong).unwrap_err().to_string();
        assert!(error.contains("max_wait(Duration::from_secs(2))"), "{error}");
    }
    let limiter = limiter.max_wait(SECOND).unwrap();
    for _ in 0..2 {
        ask(&limiter, "token 5/second burst 1").await;
    }
    assert_eq!(*told.lock().unwrap(), [(true, Source::Server); 2]);
}
