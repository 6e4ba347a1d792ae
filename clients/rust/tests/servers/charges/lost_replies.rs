//! Replies that are lost: what has an id is asked once more, and charged once.

use std::time::Duration;

use redis_rl::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis_rl::{Class, Error, Key, Limiter, Subject};
use tokio::task::JoinSet;

use crate::support::{
    Fault, PATIENCE, Proxy, Server, cluster_node, eventually, limits, patient, patient_and_hasty,
    patient_cluster, user,
};

#[tokio::test]
async fn a_check_is_sent_once_more_and_charged_once() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let plain = patient(&proxy.url()).build();
    let again = plain.clone().retry(true);
    let ten = limits("10/day");
    again.check(&user("x"), &ten, 1).await.unwrap();
    for expected in [8, 7] {
        proxy.set(Fault::Drop);
        let outcome = again.check(&user("x"), &ten, 1).await.unwrap();
        assert_eq!(outcome.remaining(), Some(expected));
    }
    assert_eq!(server.calls("rl.limit").await, 5, "two of three were sent twice");
    proxy.set(Fault::Drop);
    plain.check(&user("x"), &ten, 1).await.unwrap_err();
    assert_eq!(server.calls("rl.limit").await, 6, "without an id never");
}

#[tokio::test]
async fn many_on_one_connection_are_each_charged_once() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = patient(&proxy.url()).build().retry(true);
    let many = limits("1000/day");
    limiter.check(&user("x"), &many, 0).await.unwrap();
    for round in 1..=4 {
        proxy.set(Fault::Drop);
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let (limiter, many) = (limiter.clone(), many.clone());
            tasks.spawn(async move {
                let charged = limiter.reserve(&user("x"), &many, 1).await;
                charged.unwrap().outcome().allowed
            });
        }
        assert!(tasks.join_all().await.into_iter().all(|allowed| allowed));
        let left = limiter.check(&user("x"), &many, 0).await.unwrap().remaining();
        assert_eq!(left, Some(1_000 - round * 50));
    }
}

#[tokio::test]
async fn a_policy_that_is_learned_on_the_way_changes_nothing() {
    let server = Server::start();
    let () = server.say("RL.POLICY SET api FIXED 10 1h").await;
    let proxy = Proxy::before(server.port).await;
    let limiter = patient(&proxy.url()).build().retry(true);
    limiter.probe().await.unwrap();
    proxy.set(Fault::Drop);
    let outcome = limiter.check(&user("x"), &limits("policy api"), 1).await.unwrap();
    assert_eq!(outcome.remaining(), Some(9));
}

#[tokio::test]
async fn it_is_once_and_within_the_deadline_and_never_after_an_answer() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let (patient, hasty) = patient_and_hasty(&proxy.url(), Duration::from_millis(300)).await;
    let (patient, hasty) = (patient.retry(true), hasty.build().retry(true));
    let ten = limits("10/day");
    proxy.set(Fault::Hang);
    let error = hasty.check(&user("x"), &ten, 1).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_) | Error::Late(_)), "{error:?}");
    proxy.set(Fault::None);
    // Behind it on the same connection.
    patient.check(&user("x"), &ten, 0).await.unwrap();
    assert_eq!(server.calls("rl.limit").await, 2, "a deadline is no lost connection");

    proxy.set(Fault::DropAll);
    let error = patient.check(&user("x"), &ten, 1).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error:?}");
    proxy.set(Fault::None);
    let () = server.say("CONFIG SET ratelimit.receipts-max 0").await;
    eventually(|| async { patient.check(&user("x"), &ten, 0).await.is_ok() }).await;
    let before = server.calls("rl.limit").await;
    let told = patient.check(&user("x"), &ten, 1).await.unwrap_err();
    assert!(told.to_string().contains("receipts-max"), "{told}");
    assert_eq!(server.calls("rl.limit").await, before + 1);
}

#[tokio::test]
async fn a_settling_is_sent_once_more() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = patient(&proxy.url()).build();
    let held = limiter.reserve(&user("x"), &limits("10/day"), 5).await.unwrap();
    proxy.set(Fault::Drop);
    assert!(held.settle(2).await);
    let left = limiter.peek(&user("x"), &limits("10/day")).await.unwrap().remaining();
    assert_eq!((left, server.calls("rl.settle").await), (Some(8), 2));
}

#[tokio::test]
async fn over_a_connection_manager_too() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let client = redis_rl::redis::Client::open(proxy.url()).unwrap();
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let manager = ConnectionManager::new_with_config(client, config).await.unwrap();
    let limiter = Limiter::builder(manager).timeout(PATIENCE).build().retry(true);
    let ten = limits("10/day");
    limiter.check(&user("x"), &ten, 1).await.unwrap();
    proxy.set(Fault::Drop);
    let outcome = limiter.check(&user("x"), &ten, 1).await.unwrap();
    assert_eq!(outcome.remaining(), Some(8));
}

#[tokio::test]
async fn in_a_cluster_too() {
    let server = cluster_node();
    let proxy = Proxy::before(server.port).await;
    let () = server.say(&format!("CONFIG SET cluster-announce-port {}", proxy.port)).await;
    let () = server.say("CLUSTER ADDSLOTSRANGE 0 16383").await;
    let limiter = patient_cluster([proxy.url()]).retry(true);
    let key = Key::new("test", Subject::user(1));
    let nine = limits("9/day");
    let check = async |cost| limiter.check(&key, &nine, cost).await;
    eventually(|| async { check(0).await.is_ok() }).await;
    for expected in [8, 7, 6] {
        proxy.set(Fault::Drop);
        let before = server.calls("rl.limit").await;
        let outcome = check(1).await.unwrap();
        assert_eq!(outcome.remaining(), Some(expected));
        assert_eq!(server.calls("rl.limit").await, before + 2, "sent twice, charged once");
    }
    proxy.set(Fault::Drop);
    let held = limiter.reserve(&key, &nine, 4).await.unwrap();
    proxy.set(Fault::Drop);
    assert!(held.settle(1).await);
    assert_eq!(check(0).await.unwrap().remaining(), Some(5));
}
