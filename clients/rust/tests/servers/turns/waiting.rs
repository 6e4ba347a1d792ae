//! Waiting a moment instead of being refused.
//!
//! Redis' clock stands still in most of these: who waits is served when the test lets him be.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redis_rl::{Check, Limiter, Outcome, Source};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::plain::{Layered, header, layer, request, through};
use crate::support::{PATIENCE, Server, eventually, limits, patient, user};

const SECOND: Duration = Duration::from_secs(1);
/// Redis admits one each ten seconds.
const SLOW: &str = "token 1/10 seconds burst 1";

fn waits(server: &Server, most: Duration) -> Limiter {
    patient(&server.url()).build().max_wait(most).unwrap()
}

async fn ask(limiter: &Limiter, text: &str) -> Outcome {
    limiter.check(&user("x"), &limits(text), 1).await.unwrap()
}

/// Until so many wait.
async fn waiting(limiter: &Limiter, many: usize) {
    let shown = format!("waiting: {many} }}");
    eventually(|| async { format!("{limiter:?}").contains(&shown) }).await;
}

#[tokio::test]
async fn a_refused_call_waits_as_long_as_it_is_told() {
    let (server, clock) = Server::clocked();
    let limiter = waits(&server, PATIENCE);
    let half = "token 2/second burst 1";
    assert!(ask(&limiter, half).await.allowed);
    let began = Instant::now();
    let second = tokio::spawn({
        let limiter = limiter.clone();
        async move { ask(&limiter, half).await }
    });
    waiting(&limiter, 1).await;
    clock.advance(SECOND / 2);
    assert!(second.await.unwrap().allowed);
    assert!(began.elapsed() >= SECOND / 2, "{:?}", began.elapsed());
    assert_eq!(server.calls("rl.limit").await, 3, "asked, slept, asked");
}

#[tokio::test]
async fn several_subjects_wait_together() {
    let (server, clock) = Server::clocked();
    let limiter = waits(&server, PATIENCE);
    let (half, many) = (limits("token 2/second burst 1"), limits("9/day"));
    let both = {
        let limiter = limiter.clone();
        async move || {
            let (ann, red) = (user("ann"), user("red"));
            let checks = [Check::new(&ann, &half), Check::new(&red, &many)];
            limiter.check_all(&checks).await.unwrap()
        }
    };
    assert!(both().await.allowed);
    let second = tokio::spawn(async move { both().await });
    waiting(&limiter, 1).await;
    clock.advance(SECOND / 2);
    assert_eq!(second.await.unwrap().remaining(), Some(0));
    assert_eq!(server.calls("rl.all").await, 3);
    let red = limiter.peek(&user("red"), &limits("9/day")).await.unwrap();
    assert_eq!(red.remaining(), Some(7), "charged twice in all");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once() {
    let (server, _clock) = Server::clocked();
    for (never, most) in
        [("1/hour", PATIENCE), ("0/second", PATIENCE), ("token 1/second burst 1", SECOND / 10)]
    {
        let limiter = waits(&server, most);
        limiter.check(&user("x"), &limits(never), 1).await.unwrap();
        let before = server.calls("rl.limit").await;
        assert!(!ask(&limiter, never).await.allowed);
        assert_eq!(server.calls("rl.limit").await, before + 1, "{never}: it asks no second time");
    }
    let look = waits(&server, PATIENCE).check(&user("x"), &limits("1/hour"), 0).await.unwrap();
    assert_eq!(look.remaining(), Some(0));
}

#[tokio::test]
async fn first_come_first_served() {
    let (server, clock) = Server::clocked();
    let limiter = waits(&server, PATIENCE);
    let quick = "token 20/second burst 1";
    ask(&limiter, quick).await;
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for n in 0..6 {
        let (own, served) = (limiter.clone(), Arc::clone(&served));
        tasks.spawn(async move {
            assert!(ask(&own, quick).await.allowed);
            served.lock().unwrap().push(n);
        });
        waiting(&limiter, n + 1).await;
    }
    // There is one for all of them from now on.
    let running = tokio::spawn(async move {
        loop {
            clock.advance(SECOND);
            sleep(SECOND / 50).await;
        }
    });
    tasks.join_all().await;
    running.abort();
    assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn newcomers_go_behind_those_who_wait_and_ask_nothing() {
    let (server, _clock) = Server::clocked();
    let limiter = waits(&server, PATIENCE);
    ask(&limiter, SLOW).await;
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for n in 1..=2 {
        let own = limiter.clone();
        tasks.spawn(async move { ask(&own, SLOW).await });
        waiting(&limiter, n).await;
    }
    // What is left of the first wait, and ten seconds for each of those ahead.
    let short = limiter.clone().max_wait(SECOND * 19).unwrap();
    let wait = ask(&short, SLOW).await.retry_after().unwrap();
    assert!(wait >= SECOND * 20 && wait <= SECOND * 31, "told by the place: {wait:?}");
    // Who is first asks again each ten seconds.
    let most = 2 + began.elapsed().as_secs() / 10;
    assert!(server.calls("rl.limit").await <= most, "the others ask nothing");
    // Another key and other limits are other lines.
    assert!(ask(&short, "5/second").await.allowed);
    let other = short.check(&user("y"), &limits(SLOW), 1).await.unwrap();
    assert!(other.allowed);
}

#[tokio::test]
async fn who_gives_up_leaves_the_line() {
    let (server, clock) = Server::clocked();
    let limiter = waits(&server, PATIENCE * 10);
    ask(&limiter, SLOW).await;
    let line: Vec<_> = (0..4)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move { ask(&limiter, SLOW).await })
        })
        .collect();
    waiting(&limiter, 4).await;
    line.iter().for_each(tokio::task::JoinHandle::abort);
    waiting(&limiter, 0).await;
    clock.advance(SECOND * 10);
    let next = tokio::time::timeout(PATIENCE, ask(&limiter, SLOW)).await;
    assert!(next.expect("nobody is ahead").allowed);
}

#[tokio::test]
async fn a_thousand_wait_and_no_more() {
    let (server, _clock) = Server::clocked();
    let limiter = waits(&server, PATIENCE * 10);
    // So many that those who wait do not mean another window.
    let many = "100000/9 minutes";
    limiter.check(&user("x"), &limits(many), 100_000).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..1_010 {
        let limiter = limiter.clone();
        tasks.spawn(async move { ask(&limiter, many).await });
    }
    for _ in 0..10 {
        assert!(!tasks.join_next().await.unwrap().unwrap().allowed, "at once");
    }
    waiting(&limiter, 1_000).await;
    assert!(tasks.try_join_next().is_none(), "the others wait");
}

#[tokio::test]
async fn layers_wait_and_their_charges_are_settled() {
    let server = Server::start();
    let patient_layer: Layered =
        layer(&server, "token 5/second burst 1").max_wait(PATIENCE).unwrap().count_if(|_| false);
    for _ in 0..3 {
        let response = through(&patient_layer, request("GET")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(response.headers(), "ratelimit"), Some("\"token-5-per-1s\";r=1;t=1"));
    }
    eventually(|| async { server.calls("rl.settle").await == 3 }).await;
    let began = Instant::now();
    let waiting: Layered = layer(&server, "token 5/second burst 1").max_wait(PATIENCE).unwrap();
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
    let limiter = limiter.max_wait(PATIENCE).unwrap();
    for _ in 0..2 {
        ask(&limiter, "token 5/second burst 1").await;
    }
    assert_eq!(*told.lock().unwrap(), [(true, Source::Server); 2]);
}
