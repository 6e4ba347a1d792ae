//! Places that are held while work goes on, without HTTP.

use std::time::Duration;

use redis_rl::{Key, Lease, Limiter, OnError, Places, Source};

use crate::support::{
    Cluster, Fault, Proxy, Server, eventually, keys, patient, patient_and_hasty, user,
};

fn two(lease: &str) -> Places {
    Places::new(2, lease).unwrap().named("busy").unwrap()
}

async fn held(server: &Server, key: &str) -> u64 {
    let [_, limit, free, ..]: [u64; 5] =
        server.say(&format!("RL.LEASE {key} 100 1m look COST 0")).await;
    limit - free
}

async fn comes_to(server: &Server, expected: u64) {
    eventually(|| async { held(server, "rl:test:user:x").await == expected }).await;
}

async fn take(limiter: &Limiter, key: &Key, lease: &str) -> Lease {
    limiter.lease(key, &two(lease)).await.unwrap()
}

#[tokio::test]
async fn a_place_is_held_until_it_is_dropped() {
    let (server, _clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let key = user("x");
    let first = take(&limiter, &key, "30s").await;
    let second = take(&limiter, &key, "30s").await;
    let left = [&first, &second].map(|lease| lease.outcome().remaining());
    assert_eq!(left, [Some(1), Some(0)]);
    let denied = take(&limiter, &key, "30s").await;
    assert!(!denied.outcome().allowed);
    assert_eq!(denied.outcome().retry_after(), Some(Duration::from_secs(30)));
    drop(denied);
    first.release().await;
    assert_eq!(held(&server, "rl:test:user:x").await, 1, "released by now");
    drop(second);
    comes_to(&server, 0).await;
    assert_eq!(server.calls("rl.release").await, 2, "once each, and none for the denied");
    let none = limiter.lease(&key, &Places::new(0, "30s").unwrap()).await.unwrap();
    assert_eq!((none.outcome().allowed, none.outcome().retry_after()), (false, None));
}

#[tokio::test]
async fn a_place_is_renewed_and_taken_again_when_it_is_gone() {
    let (server, clock) = Server::clocked();
    let limiter = patient(&server.url()).build();
    let key = user("x");
    let lease = take(&limiter, &key, "3s").await;
    // Longer than the lease in all, and a renewal within it.
    for _ in 0..2 {
        clock.advance(Duration::from_secs(2));
        let renewed = server.calls("rl.renew").await;
        eventually(|| async { server.calls("rl.renew").await > renewed }).await;
    }
    assert_eq!(server.calls("rl.lease").await, 1, "it was never gone");
    assert_eq!(held(&server, &lease.outcome().key).await, 1);
    assert!(limiter.reset(&key).await.unwrap(), "its place is forgotten");
    comes_to(&server, 1).await;
    drop(lease);
    comes_to(&server, 0).await;
    let renewed = server.calls("rl.renew").await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(server.calls("rl.renew").await, renewed, "renewing has ended");
}

#[tokio::test]
async fn who_gives_up_while_asking_holds_nothing() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = patient(&proxy.url()).build();
    limiter.probe().await.unwrap();
    proxy.set(Fault::Hang);
    let key = user("x");
    let asking = tokio::time::timeout(Duration::from_millis(50), take(&limiter, &key, "1m"));
    assert!(asking.await.is_err());
    eventually(|| async { server.calls("rl.release").await == 1 }).await;
    assert_eq!(held(&server, "rl:test:user:x").await, 0);

    proxy.set(Fault::None);
    let (_patient, hasty) = patient_and_hasty(&proxy.url(), Duration::from_millis(100)).await;
    let hasty = hasty.build();
    proxy.set(Fault::Hang);
    assert!(hasty.lease(&key, &two("1m")).await.is_err(), "no answer");
    eventually(|| async { server.calls("rl.release").await == 2 }).await;
    assert_eq!(held(&server, "rl:test:user:x").await, 0);
}

#[tokio::test]
async fn a_lost_reply_takes_one_place() {
    let server = Server::start();
    let proxy = Proxy::before(server.port).await;
    let limiter = patient(&proxy.url()).build();
    limiter.probe().await.unwrap();
    proxy.set(Fault::Drop);
    let lease = take(&limiter, &user("x"), "1m").await;
    assert_eq!((lease.outcome().remaining(), server.calls("rl.lease").await), (Some(1), 2));
    proxy.set(Fault::Drop);
    lease.release().await;
    assert_eq!(held(&server, "rl:test:user:x").await, 0);
}

#[tokio::test]
async fn in_a_cluster_each_place_is_where_its_key_is() {
    let cluster = Cluster::start().await;
    let limiter = cluster.limiter().await;
    let mut leases = Vec::new();
    for n in 0..12 {
        let lease = limiter.lease(&user(&n.to_string()), &two("1s")).await.unwrap();
        assert!(lease.outcome().allowed);
        leases.push(lease);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for lease in leases {
        let (owner, _) = cluster.owner(&lease.outcome().key).await;
        // It is renewed, and taken again where that came late.
        let node = &cluster.nodes[owner];
        eventually(|| async { held(node, &lease.outcome().key).await == 1 }).await;
        lease.release().await;
    }
    for node in &cluster.nodes {
        eventually(|| async { keys(node).await.is_empty() }).await;
    }
}

#[tokio::test]
async fn an_outage_at_the_end_is_harmless() {
    let mut server = Server::start();
    let limiter = patient(&server.url()).build();
    let lease = take(&limiter, &user("x"), "1m").await;
    server.kill();
    drop(lease);
    assert!(limiter.lease(&user("x"), &two("1m")).await.is_err());
    let open = limiter.clone().on_error(OnError::Open);
    let served = open.lease(&user("x"), &two("1m")).await.unwrap();
    assert_eq!(served.outcome().source, Source::FailedOpen);
    let off = patient("redis://127.0.0.1:1").enabled(false).build();
    let exempt = off.lease(&user("x"), &two("1m")).await.unwrap();
    assert_eq!(exempt.outcome().source, Source::Exempt);
}

#[test]
fn mistakes_are_told_where_they_are_written() {
    for (limit, lease, says) in [
        (65_537, "30s", "0 to 65536"),
        (3, "30", "unit"),
        (3, "minute", "30s"),
        (3, "5/minute", "30s"),
        (3, "0s", "1 second"),
    ] {
        let error = Places::new(limit, lease).expect_err(lease).to_string();
        assert!(error.contains(says), "{lease}: {error}");
    }
    assert!(Places::new(3, "30s").unwrap().named("a b").is_err());
}
