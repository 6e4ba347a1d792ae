//! Connecting has a time of its own, longer than a check's.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use redis_rl::Limiter;
use tokio::task::JoinSet;

use crate::support::{Fault, Proxy, Server, eventually, limits, user};

const TIMEOUT: Duration = Duration::from_millis(100);

/// A server whose every answer takes longer than a check may.
async fn far(server: &Server) -> (Proxy, Limiter) {
    let () = server.say("ACL SETUSER far on >secret ~* +@all").await;
    let proxy = Proxy::before(server.port).await;
    proxy.set(Fault::Delay(TIMEOUT * 2));
    let url = format!("redis://far:secret@127.0.0.1:{}/1", proxy.port);
    let connection = redis_rl::connect(url).unwrap();
    (proxy, Limiter::builder(connection).timeout(TIMEOUT).build())
}

#[tokio::test]
async fn a_connection_that_takes_longer_than_a_check_serves_the_next() {
    let server = Server::start();
    let (proxy, limiter) = far(&server).await;
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let limiter = limiter.clone();
        tasks.spawn(async move {
            let began = Instant::now();
            let told = limiter.check(&user("x"), &limits("999/hour"), 1).await;
            (told.is_ok(), began.elapsed())
        });
    }
    for (served, took) in tasks.join_all().await {
        assert!(!served && took < TIMEOUT * 6, "a check ends at its own deadline: {took:?}");
    }
    assert_eq!(proxy.connections(), 1, "one connects while the others wait");
    // Nobody asks meanwhile: the attempt goes on by itself.
    eventually(Duration::from_secs(10), || async {
        let clients: String = server.say("CLIENT LIST").await;
        clients.contains("user=far") && clients.contains("db=1")
    })
    .await;
    proxy.set(Fault::None);
    eventually(Duration::from_secs(10), || async {
        limiter.check(&user("x"), &limits("999/hour"), 1).await.is_ok()
    })
    .await;
    assert_eq!(proxy.connections(), 1, "it is that very connection");
}

#[tokio::test]
async fn a_probe_warms_the_connection_that_checks_use() {
    let server = Server::start();
    let (proxy, limiter) = far(&server).await;
    limiter.probe().await.unwrap();
    proxy.set(Fault::None);
    limiter.check(&user("x"), &limits("9/hour"), 1).await.unwrap();
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn an_attempt_has_the_time_that_it_was_given() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    proxy.set(Fault::Hang);
    for allowed in [Duration::from_millis(50), Duration::from_millis(400)] {
        let url = format!("redis://default:none@127.0.0.1:{}", proxy.port);
        let connection = redis_rl::connect(url).unwrap().connect_timeout(allowed);
        let limiter = Limiter::builder(connection).timeout(Duration::from_secs(5)).build();
        let began = Instant::now();
        let error = limiter.check(&user("x"), &limits("9/hour"), 1).await.unwrap_err();
        let took = began.elapsed();
        assert!((allowed..allowed + Duration::from_millis(400)).contains(&took), "{took:?}");
        assert!(error.to_string().contains(&proxy.port.to_string()), "{error}");
    }
}

#[test]
fn a_runtime_that_ends_while_it_connects_leaves_the_next_one_free_to() {
    let server = Server::start();
    let proxied = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = proxied();
    let (proxy, limiter) = first.block_on(far(&server));
    first.block_on(limiter.check(&user("x"), &limits("9/hour"), 1)).unwrap_err();
    drop((first, proxy));
    let second = proxied();
    second.block_on(async {
        let proxy = Proxy::before(server.port).await;
        let connection = redis_rl::connect(proxy.url()).unwrap();
        let limiter = Limiter::builder(connection).build();
        {
            let mut probe = pin!(limiter.probe());
            let once = poll_fn(|context| Poll::Ready(probe.as_mut().poll(context)));
            assert!(once.await.is_pending(), "the attempt has begun");
        }
        let third = std::thread::spawn(move || {
            let limiter = limiter.clone();
            proxied().block_on(async { limiter.probe().await })
        });
        tokio::task::spawn_blocking(|| third.join().unwrap()).await.unwrap().unwrap();
    });
}
