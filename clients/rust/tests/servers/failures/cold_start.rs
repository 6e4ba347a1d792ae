//! Connecting has a time of its own, longer than a check's.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use redis_rl::{Connection, Error, Limiter};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::support::{Fault, PATIENCE, Proxy, Server, eventually, limits, user};

const TIMEOUT: Duration = Duration::from_millis(100);

/// A connection with all that is said at its beginning, behind a network that fails.
async fn far(server: &Server, fault: Fault) -> (Proxy, Connection) {
    let () = server.say("ACL SETUSER far on >secret ~* +@all").await;
    let proxy = Proxy::before(server.port).await;
    proxy.set(fault);
    let url = format!("redis://far:secret@127.0.0.1:{}/1", proxy.port);
    (proxy, redis_rl::connect(url).unwrap().connect_timeout(PATIENCE))
}

fn hasty(connection: &Connection) -> Limiter {
    Limiter::builder(connection.clone()).timeout(TIMEOUT).build()
}

fn patient(connection: &Connection) -> Limiter {
    Limiter::builder(connection.clone()).timeout(PATIENCE).build()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[tokio::test]
async fn a_connection_that_takes_longer_than_a_check_serves_the_next() {
    let server = Server::start();
    let (proxy, connection) = far(&server, Fault::Hang).await;
    let limiter = hasty(&connection);
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let limiter = limiter.clone();
        tasks.spawn(async move { limiter.check(&user("x"), &limits("999/hour"), 1).await });
    }
    for told in tasks.join_all().await {
        // It does not wait for the connection, which is not made before the fault is over.
        let error = told.expect_err("a check ends at its own deadline");
        assert!(!matches!(error, Error::Unavailable(_)), "{error:?}");
    }
    assert_eq!(proxy.connections(), 1, "one connects while the others wait");
    // Nobody asks meanwhile: the attempt goes on by itself.
    proxy.set(Fault::None);
    eventually(|| async {
        let clients: String = server.say("CLIENT LIST").await;
        clients.contains("user=far") && clients.contains("db=1")
    })
    .await;
    patient(&connection).check(&user("x"), &limits("999/hour"), 1).await.unwrap();
    assert_eq!(proxy.connections(), 1, "it is that very connection");
}

#[tokio::test]
async fn a_probe_warms_the_connection_that_checks_use_and_has_more_time() {
    let server = Server::start();
    let (proxy, connection) = far(&server, Fault::Delay(TIMEOUT * 2)).await;
    let limiter = hasty(&connection);
    eventually(|| async { limiter.probe().await.is_ok() }).await;
    proxy.set(Fault::None);
    patient(&connection).check(&user("x"), &limits("9/hour"), 1).await.unwrap();
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn an_attempt_has_the_time_that_it_was_given() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    proxy.set(Fault::Hang);
    let attempt = async |allowed: Duration| {
        let url = format!("redis://default:none@127.0.0.1:{}", proxy.port);
        let connection = redis_rl::connect(url).unwrap().connect_timeout(allowed);
        let began = Instant::now();
        let told = patient(&connection).check(&user("x"), &limits("9/hour"), 1).await;
        let error = told.unwrap_err();
        assert!(error.to_string().contains(&proxy.port.to_string()), "{error}");
        began.elapsed()
    };
    // Unless told otherwise it would be a second.
    let longer = Duration::from_secs(2);
    assert!(attempt(longer).await >= longer);
    let shorter = Duration::from_millis(50);
    eventually(|| async { (shorter..Duration::from_secs(1)).contains(&attempt(shorter).await) })
        .await;
}

#[test]
fn a_runtime_that_ends_while_it_connects_leaves_the_next_one_free_to() {
    let server = Server::start();
    let connection = redis_rl::connect(server.url()).unwrap().connect_timeout(PATIENCE);
    server.freeze();
    runtime()
        .block_on(hasty(&connection).check(&user("x"), &limits("9/hour"), 1))
        .expect_err("nobody answers");
    server.thaw();
    runtime().block_on(patient(&connection).probe()).unwrap();
}

#[test]
fn one_runtime_waits_for_what_another_connects() {
    let server = Server::start();
    runtime().block_on(async {
        let proxy = Proxy::before(server.port).await;
        let connection = redis_rl::connect(proxy.url()).unwrap().connect_timeout(PATIENCE);
        let limiter = patient(&connection);
        {
            let mut probe = pin!(limiter.probe());
            let once = poll_fn(|context| Poll::Ready(probe.as_mut().poll(context)));
            assert!(once.await.is_pending(), "the attempt has begun");
        }
        let other = std::thread::spawn(move || runtime().block_on(limiter.probe()));
        tokio::task::spawn_blocking(|| other.join().unwrap()).await.unwrap().unwrap();
        assert_eq!(proxy.connections(), 1);
    });
}
